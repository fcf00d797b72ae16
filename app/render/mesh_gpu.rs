//! The 3D pane on the device: vertex buffers of meshes and a picture per pane, drawn with a depth buffer of its own.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use bytemuck::{Pod, Zeroable};
use egui::Vec2;
use wgpu::util::DeviceExt as _;
use wgpu::{
    BindGroup, BindGroupLayout, BindingType, Buffer, BufferUsages, CommandEncoder, Device, Queue, RenderPass, RenderPipeline, ShaderStages,
    TextureFormat, TextureView,
};

use super::mesh::{Mesh, MeshPainter, MeshStyle, Shading};
use super::pane::{fullscreen_pipeline, unit_color};
use super::resources::caught;

pub(crate) const MESH_WGSL: &str = include_str!("shaders/mesh.wgsl");
pub(crate) const PICTURE_WGSL: &str = include_str!("shaders/picture.wgsl");

const PICTURE: TextureFormat = TextureFormat::Rgba8Unorm;
const DEPTH: TextureFormat = TextureFormat::Depth32Float;
/// Four samples a pixel are guaranteed everywhere.
const SAMPLES: u32 = 4;

/// `View` of the shader.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
pub(crate) struct ViewUniform {
    pub(crate) clip_from_lps: [[f32; 4]; 4],
    pub(crate) right: [f32; 4],
    pub(crate) up: [f32; 4],
    pub(crate) ahead: [f32; 4],
}

/// `Structure` of the shader.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
pub(crate) struct StructureUniform {
    pub(crate) color: [f32; 4],
    pub(crate) shade: [f32; 4],
}

impl StructureUniform {
    fn new(style: &MeshStyle, shading: &Shading) -> Self {
        let mut color = unit_color(style.color);
        if style.dimmed {
            let [brightness, saturation] = shading.dimmed;
            // Rec. 709 luma: a grey of the same brightness.
            let grey = 0.2126 * color[0] + 0.7152 * color[1] + 0.0722 * color[2];
            color = color.map(|c| (grey + (c - grey) * saturation) * brightness);
        }
        let gloss = if style.dimmed { 0.0 } else { shading.gloss };
        Self { color: [color[0], color[1], color[2], 1.0], shade: [shading.ambient, shading.diffuse, gloss, shading.edge] }
    }
}

struct MeshBuffers {
    mesh: Weak<Mesh>,
    positions: Buffer,
    normals: Buffer,
    corners: Buffer,
    count: u32,
}

/// What a picture was drawn from; an equal one need not be drawn again.
#[derive(Debug, Clone, PartialEq)]
struct Drawn {
    size: [u32; 2],
    view: ViewUniform,
    structures: Vec<(u64, StructureUniform)>,
}

struct Picture {
    drawn: Option<Drawn>,
    size: [u32; 2],
    color: TextureView,
    depth: TextureView,
    resolved: TextureView,
    place: Buffer,
    shown: BindGroup,
}

struct Pipelines {
    mesh_layout: BindGroupLayout,
    mesh: RenderPipeline,
    picture_layout: BindGroupLayout,
    picture: RenderPipeline,
}

/// Everything 3D panes keep on the device.
pub(crate) struct MeshResources {
    pipelines: Option<Pipelines>,
    meshes: HashMap<u64, MeshBuffers>,
    panes: HashMap<u64, Picture>,
    /// Uniforms of one draw each lie this far apart.
    stride: usize,
}

impl MeshResources {
    pub(crate) fn new(device: &Device) -> Self {
        let align = device.limits().min_uniform_buffer_offset_alignment as usize;
        let stride = size_of::<StructureUniform>().next_multiple_of(align);
        Self { pipelines: None, meshes: HashMap::new(), panes: HashMap::new(), stride }
    }

    pub(crate) fn forget_dropped(&mut self) {
        self.meshes.retain(|_, buffers| buffers.mesh.strong_count() > 0);
    }

    /// Draws the pane's picture if it changed.
    pub(crate) fn prepare(
        &mut self,
        device: &Device,
        queue: &Queue,
        encoder: &mut CommandEncoder,
        target: TextureFormat,
        painter: &MeshPainter,
        pixels_per_point: f32,
    ) {
        let pipelines = self.pipelines.get_or_insert_with(|| Pipelines::new(device, target));
        let pixels = painter.rect.size() * pixels_per_point;
        let most = device.limits().max_texture_dimension_2d;
        let size = [pixels.x, pixels.y].map(|n| (n.ceil() as u32).clamp(1, most));
        if self.panes.get(&painter.pane).is_none_or(|picture| picture.size != size) {
            match caught(device, || Picture::new(device, &pipelines.picture_layout, size)) {
                Ok(picture) => self.panes.insert(painter.pane, picture),
                Err(()) => self.panes.remove(&painter.pane),
            };
        }
        let Some(picture) = self.panes.get_mut(&painter.pane) else { return };
        let place = painter.rect.min * pixels_per_point;
        queue.write_buffer(&picture.place, 0, bytemuck::bytes_of(&[place.x, place.y, 0.0, 0.0]));
        let [right, up, ahead] = painter.view.camera.axes().map(|axis| axis.as_vec3().extend(0.0).to_array());
        let exact = Vec2::new(size[0] as f32, size[1] as f32) / pixels_per_point;
        let view = ViewUniform { clip_from_lps: painter.view.camera.clip_from_lps(exact).to_cols_array_2d(), right, up, ahead };
        let visible: Vec<_> = painter.view.structures.iter().filter(|(_, style)| style.visible).collect();
        let structures = visible.iter().map(|(mesh, style)| (mesh.id(), StructureUniform::new(style, &painter.view.shading))).collect();
        let drawn = Drawn { size, view, structures };
        if picture.drawn.as_ref() == Some(&drawn) {
            return;
        }
        for (mesh, _) in &visible {
            if !self.meshes.contains_key(&mesh.id())
                && let Ok(buffers) = caught(device, || MeshBuffers::new(device, mesh))
            {
                self.meshes.insert(mesh.id(), buffers);
            }
        }
        let mut uniforms = vec![0_u8; self.stride * drawn.structures.len().max(1)];
        for (chunk, (_, structure)) in uniforms.chunks_exact_mut(self.stride).zip(&drawn.structures) {
            chunk[..size_of::<StructureUniform>()].copy_from_slice(bytemuck::bytes_of(structure));
        }
        let init = |contents: &[u8]| {
            let descriptor = wgpu::util::BufferInitDescriptor { label: Some("mesh"), contents, usage: BufferUsages::UNIFORM };
            device.create_buffer_init(&descriptor)
        };
        let (view, uniforms) = (init(bytemuck::bytes_of(&drawn.view)), init(&uniforms));
        let one = wgpu::BufferBinding { buffer: &uniforms, offset: 0, size: wgpu::BufferSize::new(size_of::<StructureUniform>() as u64) };
        let bound = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("mesh"),
            layout: &pipelines.mesh_layout,
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: view.as_entire_binding() },
                wgpu::BindGroupEntry { binding: 1, resource: wgpu::BindingResource::Buffer(one) },
            ],
        });
        let mut pass = picture.pass(encoder);
        pass.set_pipeline(&pipelines.mesh);
        for (k, (id, _)) in drawn.structures.iter().enumerate() {
            let Some(buffers) = self.meshes.get(id) else { continue };
            pass.set_bind_group(0, &bound, &[(k * self.stride) as u32]);
            pass.set_vertex_buffer(0, buffers.positions.slice(..));
            pass.set_vertex_buffer(1, buffers.normals.slice(..));
            pass.set_index_buffer(buffers.corners.slice(..), wgpu::IndexFormat::Uint32);
            pass.draw_indexed(0..buffers.count, 0, 0..1);
        }
        drop(pass);
        picture.drawn = Some(drawn);
    }

    pub(crate) fn paint(&self, pane: u64, pass: &mut RenderPass<'static>) {
        let (Some(pipelines), Some(picture)) = (&self.pipelines, self.panes.get(&pane)) else { return };
        pass.set_pipeline(&pipelines.picture);
        pass.set_bind_group(0, &picture.shown, &[]);
        pass.draw(0..3, 0..1);
    }
}

impl MeshBuffers {
    fn new(device: &Device, mesh: &Arc<Mesh>) -> Self {
        let buffer = |contents: &[u8], usage| {
            let descriptor = wgpu::util::BufferInitDescriptor { label: Some("surface"), contents, usage };
            device.create_buffer_init(&descriptor)
        };
        Self {
            mesh: Arc::downgrade(mesh),
            positions: buffer(bytemuck::cast_slice(mesh.positions()), BufferUsages::VERTEX),
            normals: buffer(bytemuck::cast_slice(mesh.normals()), BufferUsages::VERTEX),
            corners: buffer(bytemuck::cast_slice(mesh.triangles()), BufferUsages::INDEX),
            count: (mesh.triangles().len() * 3) as u32,
        }
    }
}

impl Picture {
    fn new(device: &Device, layout: &BindGroupLayout, size: [u32; 2]) -> Self {
        let texture = |format, sample_count, usage| {
            let texture = device.create_texture(&wgpu::TextureDescriptor {
                label: Some("3D pane"),
                size: wgpu::Extent3d { width: size[0], height: size[1], depth_or_array_layers: 1 },
                mip_level_count: 1,
                sample_count,
                dimension: wgpu::TextureDimension::D2,
                format,
                usage,
                view_formats: &[],
            });
            texture.create_view(&wgpu::TextureViewDescriptor::default())
        };
        let drawn_to = wgpu::TextureUsages::RENDER_ATTACHMENT;
        let resolved = texture(PICTURE, 1, drawn_to | wgpu::TextureUsages::TEXTURE_BINDING);
        let usage = BufferUsages::UNIFORM | BufferUsages::COPY_DST;
        let place = device.create_buffer(&wgpu::BufferDescriptor { label: Some("place"), size: 16, usage, mapped_at_creation: false });
        let shown = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("picture"),
            layout,
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: wgpu::BindingResource::TextureView(&resolved) },
                wgpu::BindGroupEntry { binding: 1, resource: place.as_entire_binding() },
            ],
        });
        let (color, depth) = (texture(PICTURE, SAMPLES, drawn_to), texture(DEPTH, SAMPLES, drawn_to));
        Self { drawn: None, size, color, depth, resolved, place, shown }
    }

    fn pass<'a>(&self, encoder: &'a mut CommandEncoder) -> RenderPass<'a> {
        let clear = wgpu::Operations { load: wgpu::LoadOp::Clear(wgpu::Color::BLACK), store: wgpu::StoreOp::Discard };
        let depth = wgpu::Operations { load: wgpu::LoadOp::Clear(1.0), store: wgpu::StoreOp::Discard };
        encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("surfaces"),
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: &self.color,
                resolve_target: Some(&self.resolved),
                ops: clear,
                depth_slice: None,
            })],
            depth_stencil_attachment: Some(wgpu::RenderPassDepthStencilAttachment {
                view: &self.depth,
                depth_ops: Some(depth),
                stencil_ops: None,
            }),
            ..wgpu::RenderPassDescriptor::default()
        })
    }
}

impl Pipelines {
    fn new(device: &Device, target: TextureFormat) -> Self {
        let uniform = |binding, visibility, has_dynamic_offset| wgpu::BindGroupLayoutEntry {
            binding,
            visibility,
            ty: BindingType::Buffer { ty: wgpu::BufferBindingType::Uniform, has_dynamic_offset, min_binding_size: None },
            count: None,
        };
        let picture = wgpu::BindGroupLayoutEntry {
            binding: 0,
            visibility: ShaderStages::FRAGMENT,
            ty: BindingType::Texture {
                sample_type: wgpu::TextureSampleType::Float { filterable: false },
                view_dimension: wgpu::TextureViewDimension::D2,
                multisampled: false,
            },
            count: None,
        };
        let layout = |label, entries: &[wgpu::BindGroupLayoutEntry]| {
            device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(label), entries })
        };
        let both = ShaderStages::VERTEX_FRAGMENT;
        let mesh_layout = layout("mesh", &[uniform(0, both, false), uniform(1, ShaderStages::FRAGMENT, true)]);
        let picture_layout = layout("picture", &[picture, uniform(1, ShaderStages::FRAGMENT, false)]);
        let module = |label, text: &'static str| {
            device.create_shader_module(wgpu::ShaderModuleDescriptor { label: Some(label), source: wgpu::ShaderSource::Wgsl(text.into()) })
        };
        let mesh = mesh_pipeline(device, &module("mesh", MESH_WGSL), &mesh_layout);
        let picture = fullscreen_pipeline(device, "picture", &module("picture", PICTURE_WGSL), &picture_layout, target, &[]);
        Self { mesh_layout, mesh, picture_layout, picture }
    }
}

fn mesh_pipeline(device: &Device, module: &wgpu::ShaderModule, layout: &BindGroupLayout) -> RenderPipeline {
    let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some("mesh"),
        bind_group_layouts: &[Some(layout)],
        ..wgpu::PipelineLayoutDescriptor::default()
    });
    let attribute = |shader_location| wgpu::VertexAttribute { format: wgpu::VertexFormat::Float32x3, offset: 0, shader_location };
    let (position, normal) = ([attribute(0)], [attribute(1)]);
    let buffer = |attributes| wgpu::VertexBufferLayout { array_stride: 12, step_mode: wgpu::VertexStepMode::Vertex, attributes };
    let compilation_options = wgpu::PipelineCompilationOptions::default;
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some("mesh"),
        layout: Some(&pipeline_layout),
        vertex: wgpu::VertexState {
            module,
            entry_point: Some("vertex"),
            compilation_options: compilation_options(),
            buffers: &[Some(buffer(&position)), Some(buffer(&normal))],
        },
        primitive: wgpu::PrimitiveState::default(),
        depth_stencil: Some(wgpu::DepthStencilState {
            format: DEPTH,
            depth_write_enabled: Some(true),
            depth_compare: Some(wgpu::CompareFunction::Less),
            stencil: wgpu::StencilState::default(),
            bias: wgpu::DepthBiasState::default(),
        }),
        multisample: wgpu::MultisampleState { count: SAMPLES, ..wgpu::MultisampleState::default() },
        fragment: Some(wgpu::FragmentState {
            module,
            entry_point: Some("fragment"),
            compilation_options: compilation_options(),
            targets: &[Some(PICTURE.into())],
        }),
        multiview_mask: None,
        cache: None,
    })
}
