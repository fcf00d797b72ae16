//! What scrolling costs: slices of a synthetic 512 x 512 x 400 scan with 45 structures, drawn offscreen in 1200 x 900 pixels.
//!
//! `cargo run --release -p voxelry-app --example scroll` prints seconds of upload and milliseconds per frame on the first adapter.

use std::sync::Arc;
use std::time::{Duration, Instant};

use eframe::egui_wgpu::{RenderState, RendererOptions, ScreenDescriptor, WgpuConfiguration};
use eframe::wgpu;
use egui::{Pos2, Rect, Vec2};
use volume::Geometry;
use voxelry_app::render::device::{attach, setup};
use voxelry_app::render::pane::{Slab, SlicePainter, Window};
use voxelry_app::render::plane::{Convention, Placed, Plane, PlaneLayout, View};
use voxelry_app::render::styles::{LabelStyle, Pattern};
use voxelry_app::render::volume_textures::{Layer, Voxels};

const SIZE_ZYX: [usize; 3] = [400, 512, 512];
const PIXELS: [u32; 2] = [1200, 900];
const STRUCTURES: usize = 45;
const FRAMES: usize = 20;

/// Structures are balls in a 5 x 3 x 3 lattice; the image has texture everywhere.
fn scan() -> (Vec<i16>, Vec<u8>) {
    let [nz, ny, nx] = SIZE_ZYX;
    let (mut image, mut labels) = (Vec::with_capacity(nz * ny * nx), Vec::with_capacity(nz * ny * nx));
    let part = |at: usize, count: usize, cells: usize| {
        let along = at * cells;
        (along / count, (along % count) as f32 / count as f32 - 0.5)
    };
    for z in 0..nz {
        let (cz, fz) = part(z, nz, 5);
        for y in 0..ny {
            let (cy, fy) = part(y, ny, 3);
            for x in 0..nx {
                let (cx, fx) = part(x, nx, 3);
                let inside = fx * fx + fy * fy + fz * fz < 0.16;
                labels.push(if inside { (1 + cx + 3 * (cy + 3 * cz)) as u8 } else { 0 });
                image.push(((x ^ y ^ z) % 97) as i16 + if inside { 60 } else { -40 });
            }
        }
    }
    (image, labels)
}

struct Offscreen {
    state: RenderState,
    target: wgpu::Texture,
    context: egui::Context,
}

impl Offscreen {
    /// Draws a frame; returns the time until it was handed over and the time until it was finished.
    fn frame(&self, pane: &SlicePainter) -> Result<[Duration; 2], wgpu::PollError> {
        let start = Instant::now();
        let screen = ScreenDescriptor { size_in_pixels: PIXELS, pixels_per_point: 1.0 };
        let input = egui::RawInput { screen_rect: Some(pane.placed.rect), ..egui::RawInput::default() };
        let mut output = self.context.run_ui(input, |ui| pane.clone().paint(&ui.ctx().layer_painter(egui::LayerId::background())));
        // Nothing but the pane is drawn: no font is needed on the device.
        output.textures_delta.clear();
        let shapes = self.context.tessellate(output.shapes, 1.0);
        let RenderState { device, queue, .. } = &self.state;
        let mut renderer = self.state.renderer.write();
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let more = renderer.update_buffers(device, queue, &mut encoder, &shapes, &screen);
        let view = self.target.create_view(&wgpu::TextureViewDescriptor::default());
        let attachment =
            wgpu::RenderPassColorAttachment { view: &view, resolve_target: None, ops: wgpu::Operations::default(), depth_slice: None };
        let descriptor = wgpu::RenderPassDescriptor { color_attachments: &[Some(attachment)], ..wgpu::RenderPassDescriptor::default() };
        let mut pass = encoder.begin_render_pass(&descriptor).forget_lifetime();
        renderer.render(&mut pass, &shapes, &screen);
        drop(pass);
        queue.submit(more.into_iter().chain([encoder.finish()]));
        let handed_over = start.elapsed();
        device.poll(wgpu::PollType::wait_indefinitely())?;
        Ok([handed_over, start.elapsed()])
    }
}

fn main() -> anyhow::Result<()> {
    let (image, labels) = scan();
    let WgpuConfiguration { wgpu_setup, .. } = setup();
    let state = egui_kittest::wgpu::create_render_state(wgpu_setup, RendererOptions::default());
    attach(&state);
    println!("{} ({:?})", state.adapter.get_info().name, state.adapter.get_info().backend);
    let target = state.device.create_texture(&wgpu::TextureDescriptor {
        label: None,
        size: wgpu::Extent3d { width: PIXELS[0], height: PIXELS[1], depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: state.target_format,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT,
        view_formats: &[],
    });
    let screen = Offscreen { state, target, context: egui::Context::default() };

    let image = Layer::new(SIZE_ZYX, Voxels::ImageI16(Arc::new(image)), 200)?;
    let labels = Layer::new(SIZE_ZYX, Voxels::LabelsU8(Arc::new(labels)), 200)?;
    let geometry = Geometry::axis_aligned(SIZE_ZYX, [1.0, 0.8, 0.8]);
    let rect = Rect::from_min_size(Pos2::ZERO, Vec2::new(PIXELS[0] as f32, PIXELS[1] as f32));
    let styles = (0..=STRUCTURES).map(|value| LabelStyle {
        color: [(value * 83 % 256) as u8, (value * 151 % 256) as u8, (value * 197 % 256) as u8],
        fill: if value == 0 { 0.0 } else { 0.3 },
        line: if value == 0 { 0.0 } else { 1.5 },
        line_opacity: 1.0,
        pattern: [Pattern::Solid, Pattern::Dash, Pattern::Dot, Pattern::DashDot][value % 4],
    });
    let mut pane = SlicePainter {
        pane: 0,
        placed: Placed::new(PlaneLayout::new(&geometry, Plane::Axial, Convention::Radiological), View::default(), rect, 0.0),
        slice: 200,
        image: image.clone(),
        labels: Some(labels.clone()),
        styles: styles.collect(),
        doubt: None,
        window: Window { level: 40.0, width: 350.0 },
        inverted: false,
        slab: Slab::Off,
        smooth_image: true,
        smooth_labels: true,
    };

    let start = Instant::now();
    let (mut frames, mut longest, mut first) = (0, Duration::ZERO, None);
    while !image.is_settled() || !labels.is_settled() {
        let [handed_over, finished] = screen.frame(&pane)?;
        first.get_or_insert(finished);
        if frames > 0 {
            longest = longest.max(handed_over);
        }
        frames += 1;
    }
    let bytes = (image.device_bytes() + labels.device_bytes()) as f64 / 1e6;
    println!("upload: {bytes:.0} MB in {:.2} s, {frames} frames", start.elapsed().as_secs_f64());
    println!(
        "first picture after {:.0} ms (with pipelines), then at most {:.1} ms of CPU per frame",
        ms(first.unwrap_or_default()),
        ms(longest)
    );

    let cases = [(Plane::Axial, Slab::Off), (Plane::Coronal, Slab::Off), (Plane::Sagittal, Slab::Off), (Plane::Axial, Slab::Largest(10))];
    for (plane, slab) in cases {
        pane.placed.layout = PlaneLayout::new(&geometry, plane, Convention::Radiological);
        pane.slab = slab;
        let mut sums = [Duration::ZERO; 2];
        for frame in 0..FRAMES {
            pane.slice = 100 + 7 * frame;
            let times = screen.frame(&pane)?;
            sums = [sums[0] + times[0], sums[1] + times[1]];
        }
        let [cpu, all] = sums.map(|sum| ms(sum) / FRAMES as f64);
        println!("{:9} {slab:?}: {cpu:.2} ms until handed over, {all:.1} ms in all", plane.name());
    }
    Ok(())
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
