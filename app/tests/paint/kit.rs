//! A screen without a window: egui's own renderer on a device opened as the window opens it.

use std::sync::Arc;

use eframe::egui_wgpu::{RenderState, RendererOptions, WgpuConfiguration};
use egui::{Pos2, Rect, Vec2};
use egui_kittest::Harness;
use egui_kittest::wgpu::{WgpuTestRenderer, create_render_state};
use glam::{DMat3, DVec3};
use volume::{Geometry, Orientation};
use voxelry_app::render::device::{attach, setup};
use voxelry_app::render::pane::{Slab, SlicePainter, Window};
use voxelry_app::render::plane::{Convention, Placed, Plane, PlaneLayout, View};
use voxelry_app::render::resources::{RenderResources, TextureLimits};
use voxelry_app::render::styles::{LabelStyle, Pattern};
use voxelry_app::render::volume_textures::{Layer, Voxels};

/// What came out, in physical pixels.
pub(super) struct Picture {
    width: usize,
    pixels: Vec<u8>,
}

impl Picture {
    pub(super) fn at(&self, x: usize, y: usize) -> [u8; 3] {
        let i = (y * self.width + x) * 4;
        [self.pixels[i], self.pixels[i + 1], self.pixels[i + 2]]
    }

    pub(super) fn pixels(&self) -> &[u8] {
        &self.pixels
    }
}

/// A device opened as `render::device::setup` says.
pub(super) fn render_state(limits: Option<TextureLimits>) -> RenderState {
    let WgpuConfiguration { wgpu_setup, .. } = setup();
    let state = create_render_state(wgpu_setup, RendererOptions::PREDICTABLE);
    let watch = attach(&state);
    assert!(!watch.is_lost());
    if let Some(limits) = limits {
        let resources = RenderResources::with_limits(&state.device, state.target_format, limits);
        state.renderer.write().callback_resources.insert(resources);
    }
    state
}

/// Frames of a screen on which `draw` paints over everything.
pub(super) struct Screen<'a> {
    harness: Harness<'a>,
    width: usize,
}

impl<'a> Screen<'a> {
    pub(super) fn new(size: Vec2, pixels_per_point: f32, limits: Option<TextureLimits>, mut draw: impl FnMut(&egui::Painter) + 'a) -> Self {
        let harness = Harness::builder()
            .with_size(size)
            .with_pixels_per_point(pixels_per_point)
            .renderer(WgpuTestRenderer::from_render_state(render_state(limits)))
            .build_ui(move |ui| draw(&ui.ctx().layer_painter(egui::LayerId::background())));
        Self { harness, width: (size.x * pixels_per_point).round() as usize }
    }

    /// Frames until no pane asks for another one: on a busy machine even small uploads may not fit into one frame's time.
    pub(super) fn settled(&mut self) -> Picture {
        let mut frames = (0..100).map(|_| (self.frame(), self.harness.ctx.has_requested_repaint()));
        frames.find(|(_, unsettled)| !unsettled).expect("uploads come to an end").0
    }

    pub(super) fn frame(&mut self) -> Picture {
        self.harness.step();
        // Software drivers compile a shader when it is first drawn with, which may take longer than the harness waits.
        let mut tries = (0..30).map(|_| self.harness.render());
        let image = tries.find(|image| !image.as_ref().is_err_and(|e| e.starts_with("PollError"))).expect("the frame is drawn in time");
        let image = image.expect("the frame is drawn");
        Picture { width: self.width, pixels: image.into_raw() }
    }
}

/// A frame of which everything is on the device.
pub(super) fn drawn(size: Vec2, pixels_per_point: f32, draw: impl FnMut(&egui::Painter)) -> Picture {
    Screen::new(size, pixels_per_point, None, draw).settled()
}

/// A grid of one of the 48 orientations that fills a box around a place.
pub(super) fn grid(code: &str, extent_lps_mm: DVec3, middle_lps_mm: DVec3) -> Geometry {
    let orientation: Orientation = code.parse().expect("one of the 48");
    let spacing_zyx_mm = [3.0, 1.0, 1.5];
    let mut size_zyx = [0; 3];
    let columns = [0, 1, 2].map(|axis| {
        let code = orientation.axes_xyz()[axis];
        size_zyx[2 - axis] = (extent_lps_mm[code.lps_axis] / spacing_zyx_mm[2 - axis]).round() as usize;
        let mut unit = DVec3::ZERO;
        unit[code.lps_axis] = if code.flipped { -1.0 } else { 1.0 };
        unit
    });
    let direction = DMat3::from_cols(columns[0], columns[1], columns[2]);
    let mut geometry = Geometry { size_zyx, spacing_zyx_mm, origin_lps_mm: DVec3::ZERO, direction };
    geometry.origin_lps_mm = middle_lps_mm - geometry.pos_lps_mm(size_zyx.map(|n| (n - 1) as f64 / 2.0));
    geometry
}

/// Values of a function of the array index z, y, x.
pub(super) fn filled<T>(size_zyx: [usize; 3], mut value: impl FnMut([usize; 3]) -> T) -> Vec<T> {
    let [nz, ny, nx] = size_zyx;
    let mut values = Vec::with_capacity(nz * ny * nx);
    for z in 0..nz {
        for y in 0..ny {
            for x in 0..nx {
                values.push(value([z, y, x]));
            }
        }
    }
    values
}

pub(super) fn image(size_zyx: [usize; 3], values: Vec<i16>) -> Arc<Layer> {
    Layer::new(size_zyx, Voxels::ImageI16(Arc::new(values)), size_zyx[0] / 2).expect("as many values as voxels")
}

pub(super) fn labels(size_zyx: [usize; 3], values: Vec<u8>) -> Arc<Layer> {
    Layer::new(size_zyx, Voxels::LabelsU8(Arc::new(values)), size_zyx[0] / 2).expect("as many values as voxels")
}

/// A style of no line and a fill of the opacity.
pub(super) fn fill(color: [u8; 3], opacity: f32) -> LabelStyle {
    LabelStyle { color, fill: opacity, line: 0.0, line_opacity: 1.0, pattern: Pattern::Solid }
}

/// A style of a line only.
pub(super) fn line(color: [u8; 3], width: f32, pattern: Pattern) -> LabelStyle {
    LabelStyle { color, fill: 0.0, line: width, line_opacity: 1.0, pattern }
}

pub(super) fn rect(x: f32, y: f32, width: f32, height: f32) -> Rect {
    Rect::from_min_size(Pos2::new(x, y), Vec2::new(width, height))
}

/// A painter of the plainest kind; tests change what they are about.
pub(super) fn painter(
    geometry: &Geometry,
    plane: Plane,
    convention: Convention,
    rect: Rect,
    slice: usize,
    image: &Arc<Layer>,
) -> SlicePainter {
    SlicePainter {
        pane: plane as u64,
        placed: Placed::new(PlaneLayout::new(geometry, plane, convention), View::default(), rect, 0.0),
        slice,
        image: image.clone(),
        labels: None,
        styles: Arc::from([]),
        doubt: None,
        window: Window { level: 0.0, width: 255.0 },
        inverted: false,
        slab: Slab::Off,
        smooth_image: false,
        smooth_labels: false,
    }
}

/// Whether two colours are the same but for rounding.
pub(super) fn close(a: [u8; 3], b: [f32; 3], tolerance: f32) -> bool {
    (0..3).all(|c| (f32::from(a[c]) - b[c]).abs() <= tolerance)
}
