//! One image pane as an egui paint callback: keeps its layers on the device and draws `slice.wgsl`.

use std::collections::HashMap;
use std::sync::Arc;

use bytemuck::{Pod, Zeroable};
use eframe::egui_wgpu::{Callback, CallbackResources, CallbackTrait, ScreenDescriptor};
use egui::PaintCallbackInfo;
use wgpu::{
    BindGroup, BindGroupDescriptor, BindGroupEntry, BindGroupLayout, BindGroupLayoutEntry, BindingResource, BindingType, Buffer,
    BufferUsages, CommandBuffer, CommandEncoder, Device, Queue, RenderPass, RenderPipeline, ShaderStages, TextureFormat, TextureSampleType,
    TextureView,
};

use super::plane::Placed;
use super::resources::RenderResources;
use super::styles::{LabelStyle, number_of};
use super::volume_textures::{Layer, LayerTexture};

const SHADER: &str = include_str!("shaders/slice.wgsl");

/// The shader for images that are read as integers or as floating point numbers.
pub(crate) fn slice_wgsl(float: bool) -> String {
    format!("alias Image = texture_3d<{}>;\n{SHADER}", if float { "f32" } else { "i32" })
}

/// Grey values: black at `level - width / 2`, white at `level + width / 2`, linear between (DICOM's LINEAR_EXACT).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// The middle.
    pub level: f32,
    /// From black to white.
    pub width: f32,
}

/// How many slices a pane joins, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Slab {
    /// One slice.
    #[default]
    Off,
    /// The mean of n slices.
    Mean(u32),
    /// The largest value of n slices (MIP).
    Largest(u32),
    /// The smallest value of n slices (MinIP).
    Smallest(u32),
}

impl Slab {
    fn numbers(self) -> (i32, i32) {
        let (slices, how) = match self {
            Self::Off => (1, 0),
            Self::Mean(n) => (n, 0),
            Self::Largest(n) => (n, 1),
            Self::Smallest(n) => (n, 2),
        };
        (slices.max(1).min(i32::MAX as u32) as i32, how)
    }
}

/// How doubt is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DoubtLook {
    /// Colours for doubt 0, 1/4, 1/2, 3/4 and 1, sRGB.
    pub ramp: [[u8; 3]; 5],
    /// Opacity where doubt is 1.
    pub strength: f32,
    /// Show only the doubt about this structure: within it and as far around it as given in millimetres.
    pub focus: Option<(u16, f32)>,
}

/// Draws one plane of a scan into a rectangle. Made anew each frame.
#[derive(Debug, Clone)]
pub struct SlicePainter {
    /// Which pane of the window: its buffers are kept under this number.
    pub pane: u64,
    /// Where the plane lies on screen.
    pub placed: Placed,
    /// Which slice.
    pub slice: usize,
    /// The scan.
    pub image: Arc<Layer>,
    /// The mask, if one is shown; of the scan's size.
    pub labels: Option<Arc<Layer>>,
    /// How each label is drawn, from value 0 on; the last one also stands for all higher values.
    pub styles: Arc<[LabelStyle]>,
    /// Doubt and its look, if shown.
    pub doubt: Option<(Arc<Layer>, DoubtLook)>,
    /// Grey values.
    pub window: Window,
    /// Black is white: PET, and images stored so.
    pub inverted: bool,
    /// Joined slices.
    pub slab: Slab,
    /// Interpolate the image in the plane; otherwise voxels are squares.
    pub smooth_image: bool,
    /// Round the stairs of large voxels in fills and outlines; off where voxels are edited.
    pub smooth_labels: bool,
}

impl SlicePainter {
    /// Adds the pane to what egui paints, and asks for another frame while layers are still being uploaded.
    pub fn paint(self, painter: &egui::Painter) {
        let doubt = self.doubt.as_ref().map(|(layer, _)| layer);
        if [Some(&self.image), self.labels.as_ref(), doubt].into_iter().flatten().any(|layer| !layer.is_settled()) {
            painter.ctx().request_repaint();
        }
        painter.add(Callback::new_paint_callback(self.placed.rect, self));
    }

    fn uniform(&self, image: &LayerTexture, labels: bool, doubt: bool, styles: usize, pixels_per_point: f32) -> PaneUniform {
        let [corner, right, down] = self.placed.voxel_affine_xyz(self.slice, pixels_per_point);
        let layout = self.placed.layout;
        let unit = |axis_zyx: usize| {
            let mut axis = [0; 3];
            axis[2 - axis_zyx] = 1;
            axis
        };
        let (slices, how) = self.slab.numbers();
        let look = self.doubt.as_ref().map(|(_, look)| *look);
        let (focus, reach_mm) = look.and_then(|look| look.focus).unwrap_or((0, 0.0));
        let reach = reach_mm * self.placed.points_per_mm() as f32 * pixels_per_point;
        let flags = u32::from(self.smooth_image) | u32::from(labels) << 1 | u32::from(self.smooth_labels) << 2 | u32::from(doubt) << 3;
        let place = self.placed.rect.min * pixels_per_point;
        let xyz = |zyx: [usize; 3]| [zyx[2] as u32, zyx[1] as u32, zyx[0] as u32];
        let bricks = image.bricks;
        let window = self.window;
        let ramp = look.map_or([[0; 3]; 5], |look| look.ramp);
        PaneUniform {
            corner: with(corner, 1.0 / pixels_per_point),
            right: with(right, look.map_or(0.0, |look| look.strength)),
            down: with(down, reach),
            place: [place.x, place.y, f32::from(u8::from(self.inverted)), 0.0],
            value: [
                image.scale_offset[0],
                image.scale_offset[1],
                window.level - window.width / 2.0,
                1.0 / window.width.max(f32::MIN_POSITIVE),
            ],
            axis_right: with(unit(layout.right.axis_zyx), image.loaded.start as i32),
            axis_down: with(unit(layout.down.axis_zyx), image.loaded.end as i32),
            through: with(unit(layout.through.axis_zyx), slices),
            size: with(xyz(self.image.size_zyx()).map(|n| n as i32), how),
            brick: with(xyz(bricks.brick_zyx), 0),
            bricks: with(xyz(bricks.count_zyx), flags),
            slots: with(xyz(bricks.slots_zyx), styles as u32),
            focus: [u32::from(focus), 0, 0, 0],
            ramp: ramp.map(|color| with(unit_color(color), 1.0)),
        }
    }
}

fn with<T: Copy>([x, y, z]: [T; 3], w: T) -> [T; 4] {
    [x, y, z, w]
}

pub(crate) fn unit_color(color: [u8; 3]) -> [f32; 3] {
    color.map(|c| f32::from(c) / 255.0)
}

/// `Pane` of the shader.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
pub(crate) struct PaneUniform {
    pub(crate) corner: [f32; 4],
    pub(crate) right: [f32; 4],
    pub(crate) down: [f32; 4],
    pub(crate) place: [f32; 4],
    pub(crate) value: [f32; 4],
    pub(crate) axis_right: [i32; 4],
    pub(crate) axis_down: [i32; 4],
    pub(crate) through: [i32; 4],
    pub(crate) size: [i32; 4],
    pub(crate) brick: [u32; 4],
    pub(crate) bricks: [u32; 4],
    pub(crate) slots: [u32; 4],
    pub(crate) focus: [u32; 4],
    pub(crate) ramp: [[f32; 4]; 5],
}

/// `Style` of the shader.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
pub(crate) struct StyleRow {
    pub(crate) color: [f32; 4],
    pub(crate) line: [f32; 4],
}

impl StyleRow {
    fn new(style: &LabelStyle, pixels_per_point: f32) -> Self {
        let line = [style.line * pixels_per_point, style.line_opacity, number_of(style.pattern), 0.0];
        Self { color: with(unit_color(style.color), style.fill), line }
    }
}

/// Pipelines of slices, and what each pane keeps.
pub(crate) struct SliceResources {
    /// For integer images and for floating point ones, whole and in bricks.
    pipelines: [Option<Pipeline>; 4],
    /// Stand-ins where no mask or no doubt is shown.
    no_labels: TextureView,
    no_doubt: TextureView,
    panes: HashMap<u64, PaneBuffers>,
}

struct Pipeline {
    layout: BindGroupLayout,
    pipeline: RenderPipeline,
}

struct PaneBuffers {
    uniform: Buffer,
    styles: Buffer,
    written: Vec<StyleRow>,
    bound: BindGroup,
    /// The textures it binds.
    views: [TextureView; 3],
    /// Which pipeline draws it.
    kind: usize,
}

impl SliceResources {
    pub(crate) fn new(device: &Device) -> Self {
        let empty = |format| {
            let texture = device.create_texture(&wgpu::TextureDescriptor {
                label: Some("no voxels"),
                size: wgpu::Extent3d { width: 1, height: 1, depth_or_array_layers: 1 },
                mip_level_count: 1,
                sample_count: 1,
                dimension: wgpu::TextureDimension::D3,
                format,
                usage: wgpu::TextureUsages::TEXTURE_BINDING,
                view_formats: &[],
            });
            texture.create_view(&wgpu::TextureViewDescriptor::default())
        };
        let (no_labels, no_doubt) = (empty(TextureFormat::R8Uint), empty(TextureFormat::R8Unorm));
        Self { pipelines: [None, None, None, None], no_labels, no_doubt, panes: HashMap::new() }
    }
}

/// The pipeline for one kind of image: bit 0 floating point, bit 1 in bricks.
fn pipeline(device: &Device, target: TextureFormat, kind: usize) -> Pipeline {
    let (float, rearranged) = (kind & 1 == 1, kind & 2 == 2);
    let texture = |binding, sample_type| BindGroupLayoutEntry {
        binding,
        visibility: ShaderStages::FRAGMENT,
        ty: BindingType::Texture { sample_type, view_dimension: wgpu::TextureViewDimension::D3, multisampled: false },
        count: None,
    };
    let buffer = |binding, ty| BindGroupLayoutEntry {
        binding,
        visibility: ShaderStages::FRAGMENT,
        ty: BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
        count: None,
    };
    let floating = TextureSampleType::Float { filterable: false };
    let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some("slice"),
        entries: &[
            buffer(0, wgpu::BufferBindingType::Uniform),
            texture(1, if float { floating } else { TextureSampleType::Sint }),
            texture(2, TextureSampleType::Uint),
            texture(3, floating),
            buffer(4, wgpu::BufferBindingType::Storage { read_only: true }),
        ],
    });
    let source = wgpu::ShaderSource::Wgsl(slice_wgsl(float).into());
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor { label: Some("slice"), source });
    let pipeline = fullscreen_pipeline(device, "slice", &module, &layout, target, &[("rearranged", f64::from(u8::from(rearranged)))]);
    Pipeline { layout, pipeline }
}

/// A pipeline that covers its viewport with one triangle, into egui's own pass.
pub(crate) fn fullscreen_pipeline(
    device: &Device,
    label: &str,
    module: &wgpu::ShaderModule,
    layout: &BindGroupLayout,
    target: TextureFormat,
    constants: &[(&str, f64)],
) -> RenderPipeline {
    let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some(label),
        bind_group_layouts: &[Some(layout)],
        ..wgpu::PipelineLayoutDescriptor::default()
    });
    let mut constants = constants.to_vec();
    constants.push(("linear_target", f64::from(u8::from(target.is_srgb()))));
    let options = wgpu::PipelineCompilationOptions { constants: &constants, ..wgpu::PipelineCompilationOptions::default() };
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some(label),
        layout: Some(&pipeline_layout),
        vertex: wgpu::VertexState {
            module,
            entry_point: Some("vertex"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            buffers: &[],
        },
        primitive: wgpu::PrimitiveState::default(),
        depth_stencil: None,
        multisample: wgpu::MultisampleState::default(),
        fragment: Some(wgpu::FragmentState {
            module,
            entry_point: Some("fragment"),
            compilation_options: options,
            targets: &[Some(target.into())],
        }),
        multiview_mask: None,
        cache: None,
    })
}

impl CallbackTrait for SlicePainter {
    fn prepare(
        &self,
        device: &Device,
        queue: &Queue,
        screen: &ScreenDescriptor,
        _encoder: &mut CommandEncoder,
        resources: &mut CallbackResources,
    ) -> Vec<CommandBuffer> {
        let resources = RenderResources::of(device, resources);
        // The image first: a picture without its mask is better than none.
        let has_image = resources.bring(device, queue, &self.image);
        let same_size = |layer: &&Arc<Layer>| layer.size_zyx() == self.image.size_zyx();
        let labels = self.labels.as_ref().filter(same_size).filter(|layer| resources.bring(device, queue, layer));
        let doubt = self.doubt.as_ref().map(|(layer, _)| layer).filter(same_size);
        let doubt = doubt.filter(|layer| labels.is_some() && resources.bring(device, queue, layer));
        let image = if has_image { resources.layer(&self.image) } else { None };
        let Some(image) = image else {
            resources.slices.panes.remove(&self.pane);
            return vec![];
        };
        let kind = usize::from(image.is_float()) | usize::from(image.bricks.is_rearranged()) << 1;
        let uniform = self.uniform(image, labels.is_some(), doubt.is_some(), self.styles.len().max(1), screen.pixels_per_point);
        let view = |layer: Option<&Arc<Layer>>, none: &TextureView| {
            layer.and_then(|layer| resources.layer(layer)).map_or_else(|| none.clone(), |texture| texture.view.clone())
        };
        let views = [image.view.clone(), view(labels, &resources.slices.no_labels), view(doubt, &resources.slices.no_doubt)];
        let target = resources.target();
        let mut styles: Vec<StyleRow> = self.styles.iter().map(|style| StyleRow::new(style, screen.pixels_per_point)).collect();
        if styles.is_empty() {
            styles.push(StyleRow::new(&LabelStyle::HIDDEN, 1.0));
        }
        let SliceResources { pipelines, panes, .. } = &mut resources.slices;
        let pipeline = pipelines[kind].get_or_insert_with(|| pipeline(device, target, kind));
        let kept = panes.remove(&self.pane);
        let kept = kept.filter(|pane| pane.views == views && pane.kind == kind && pane.written.len() == styles.len());
        let mut pane = kept.unwrap_or_else(|| PaneBuffers::new(device, &pipeline.layout, views, kind, styles.len()));
        if pane.written != styles {
            queue.write_buffer(&pane.styles, 0, bytemuck::cast_slice(&styles));
            pane.written = styles;
        }
        queue.write_buffer(&pane.uniform, 0, bytemuck::bytes_of(&uniform));
        panes.insert(self.pane, pane);
        vec![]
    }

    fn finish_prepare(
        &self,
        device: &Device,
        _queue: &Queue,
        _encoder: &mut CommandEncoder,
        resources: &mut CallbackResources,
    ) -> Vec<CommandBuffer> {
        RenderResources::of(device, resources).end_frame();
        vec![]
    }

    fn paint(&self, _info: PaintCallbackInfo, pass: &mut RenderPass<'static>, resources: &CallbackResources) {
        let Some(slices) = resources.get::<RenderResources>().map(|resources| &resources.slices) else { return };
        let Some(pane) = slices.panes.get(&self.pane) else { return };
        let Some(pipeline) = &slices.pipelines[pane.kind] else { return };
        pass.set_pipeline(&pipeline.pipeline);
        pass.set_bind_group(0, &pane.bound, &[]);
        pass.draw(0..3, 0..1);
    }
}

impl PaneBuffers {
    fn new(device: &Device, layout: &BindGroupLayout, views: [TextureView; 3], kind: usize, styles: usize) -> Self {
        let buffer = |label, size: usize, usage| {
            let descriptor = wgpu::BufferDescriptor {
                label: Some(label),
                size: size as u64,
                usage: usage | BufferUsages::COPY_DST,
                mapped_at_creation: false,
            };
            device.create_buffer(&descriptor)
        };
        let uniform = buffer("pane", size_of::<PaneUniform>(), BufferUsages::UNIFORM);
        let styles = buffer("styles", styles * size_of::<StyleRow>(), BufferUsages::STORAGE);
        let bound = device.create_bind_group(&BindGroupDescriptor {
            label: Some("slice"),
            layout,
            entries: &[
                BindGroupEntry { binding: 0, resource: uniform.as_entire_binding() },
                BindGroupEntry { binding: 1, resource: BindingResource::TextureView(&views[0]) },
                BindGroupEntry { binding: 2, resource: BindingResource::TextureView(&views[1]) },
                BindGroupEntry { binding: 3, resource: BindingResource::TextureView(&views[2]) },
                BindGroupEntry { binding: 4, resource: styles.as_entire_binding() },
            ],
        });
        Self { uniform, styles, written: vec![], bound, views, kind }
    }
}
