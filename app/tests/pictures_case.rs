//! The case screen as pictures that are compared: overlay, doubt, brush, surfaces and a run's settings, at one and two pixels per point.
//!
//! Software drivers round the edge of an outline this way or that, so a few pixels may differ clearly; a letter on an image is more.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use egui::{Event, Rect, Vec2};
use egui_kittest::kittest::Queryable as _;
use egui_kittest::{SnapshotOptions, SnapshotResults, try_image_snapshot_options};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use jobs::Fit;
use tempfile::TempDir;
use voxelry_app::Command;
use voxelry_app::look::Base;
use voxelry_app::render::plane::Plane;
use voxelry_app::state::{EngineStatus, Layout, Mode, Pane, State, Tool};

use super::madeup::{opened, pane};
use super::pictures::{adapter, doctor};
use super::screens::{card, estimates};
use super::window::Window;

/// Name of the scale, size in points, pixels per point, and pixels that may differ by more than rounding: less than a letter has.
const SIZES: [(&str, [f32; 2], f32, usize); 2] = [("1x", [1440.0, 900.0], 1.0, 12), ("2x", [1100.0, 700.0], 2.0, 40)];

/// Squared difference of a pixel that is rounding: eleven of 255 grey levels.
const ROUNDING: f32 = 60.0;

/// What the worker would say about this machine.
pub(super) fn fix(state: &mut State) {
    state.device = Some(doctor(vec![adapter()], DEVICE));
    state.models = vec![
        card("Abdomen 24", "CT", Fit::Fits),
        card("MR abdomen 12", "MR", Fit::Doubtful { reason: "Trained on MR; this is CT".to_owned() }),
    ];
    state.setup.model = Some("Abdomen 24".into());
    state.setup.estimates.insert("Abdomen 24".into(), estimates());
}

fn is_fixed(state: &State) -> bool {
    state.device.as_ref().is_some_and(|device| device.chosen == DEVICE) && state.models.len() == 2
}

/// The device on screen.
const DEVICE: &str = "AMD Radeon 780M (Vulkan)";

/// The case with all its surfaces.
fn ready(size: [f32; 2], pixels_per_point: f32) -> (Window, TempDir) {
    let (mut window, root) = opened(size, pixels_per_point);
    window.until("the engine", |state| state.engine == EngineStatus::Ready);
    window.apply(Command::GoTo(3));
    let patience = Instant::now() + Duration::from_secs(60);
    while window.harness.query_by_label("3D surface, 9 structures").is_none() {
        assert!(Instant::now() < patience, "waited for the surfaces");
        thread::sleep(Duration::from_millis(20));
        window.harness.step();
    }
    (window, root)
}

/// Compares a part of the screen that `show` brings about in both scales.
fn compare(name: &str, part: impl Fn(&Window) -> Rect, show: impl Fn(&mut Window)) {
    compare_in(&SIZES, name, part, show);
}

fn compare_in(sizes: &[(&str, [f32; 2], f32, usize)], name: &str, part: impl Fn(&Window) -> Rect, show: impl Fn(&mut Window)) {
    let mut results = SnapshotResults::new();
    for (label, size, scale, failing) in sizes.iter().copied() {
        let (mut window, _root) = ready(size, scale);
        show(&mut window);
        // The worker answers when it likes, but each question once.
        let picture = loop {
            fix(&mut window.core().state);
            let picture = window.picture();
            if is_fixed(window.state()) {
                break picture;
            }
        };
        let [x, y, right, bottom] = {
            let part = part(&window);
            [part.left(), part.top(), part.right(), part.bottom()].map(|points| (points * scale).round() as u32)
        };
        let picture = image::imageops::crop_imm(&picture, x, y, right - x, bottom - y).to_image();
        let options = SnapshotOptions::new().threshold(ROUNDING).max_failed_pixels(failing);
        let name = format!("window/{name}-{label}");
        results.add(try_image_snapshot_options(&picture, &name, &options));
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            shrink(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(format!("{name}.png")));
        }
    }
}

/// Packs a picture that was written anew as tightly as it goes: they are kept in the repository.
pub(super) fn shrink(path: &Path) {
    let picture = image::open(path).unwrap().to_rgb8();
    let file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    picture.write_with_encoder(PngEncoder::new_with_quality(file, CompressionType::Best, FilterType::Adaptive)).unwrap();
}

/// All of it.
fn whole(window: &Window) -> Rect {
    window.harness.ctx.content_rect()
}

#[test]
fn viewer() {
    compare("viewer", whole, |window| window.apply(Command::SetVisible(5, false)));
}

#[test]
fn review() {
    compare("review", whole, |window| {
        window.apply(Command::SetMode(Mode::Review));
        window.apply(Command::GoTo(3));
        window.apply(Command::ShowDoubt(true));
    });
}

#[test]
fn edit() {
    compare("edit", whole, |window| {
        window.apply(Command::SetMode(Mode::Edit));
        window.apply(Command::SetLayout(Layout::OneAndTwo(Plane::Axial)));
        window.apply(Command::TakeTool(Tool::Brush));
        window.harness.step();
        let at = pane(window, "Axial").center() + Vec2::new(-60.0, 90.0);
        window.harness.event(Event::PointerMoved(at.round()));
    });
}

/// The narrowest layout in the light theme: rail worst first, the decision in its drawer, images black.
#[test]
fn narrow_and_light() {
    compare_in(&[("narrow", [960.0, 600.0], 1.0, 12)], "review-light", whole, |window| {
        let mut settings = window.state().settings.clone();
        settings.theme.base = Base::Light;
        window.apply(Command::SetSettings(Box::new(settings)));
        window.apply(Command::SetMode(Mode::Review));
        window.apply(Command::GoTo(3));
        window.apply(Command::ShowDoubt(true));
    });
}

#[test]
fn surfaces() {
    let part = |window: &Window| pane(window, "3D surface");
    compare("surfaces", part, |window| window.apply(Command::SetLayout(Layout::One(Pane::Surface))));
}

#[test]
fn segment() {
    // The panel; the panes are as in the viewer.
    let part = |window: &Window| whole(window).with_min_x(pane(window, "Coronal").right());
    compare("segment", part, |window| window.apply(Command::SetMode(Mode::Segment)));
}
