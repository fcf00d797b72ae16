//! The whole window without a screen: its own worker process, its own data folder, egui's renderer on a device opened as the
//! window opens it.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use eframe::egui_wgpu::{RendererOptions, WgpuConfiguration};
use egui::accesskit::Role;
use egui::{Key, Modifiers, Vec2};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use egui_kittest::wgpu::{WgpuTestRenderer, create_render_state};
use egui_kittest::{Harness, Node};
use image::RgbaImage;
use jobs::WorkerCommand;
use voxelry_app::render::device::setup;
use voxelry_app::state::State;
use voxelry_app::{Command, Core, Places, VoxelryApp};

/// A window under test.
pub(super) struct Window {
    pub(super) harness: Harness<'static, VoxelryApp>,
    /// Its cases and settings, which go with it.
    _data: tempfile::TempDir,
}

impl Window {
    /// A window of a size in points, as if started with `paths` on its command line.
    pub(super) fn open(size: [f32; 2], pixels_per_point: f32, paths: Vec<PathBuf>) -> Self {
        let data = tempfile::tempdir().unwrap();
        let places = Places { data: data.path().join("data"), config: data.path().join("config") };
        Self { harness: harness(size, pixels_per_point, places, paths), _data: data }
    }

    /// The program goes on in a window on another device.
    pub(super) fn on_another_device(self) -> Self {
        let Self { harness, _data } = self;
        let (size, scale) = (harness.ctx.content_rect().size(), harness.ctx.pixels_per_point());
        let app = harness.into_state();
        let mut harness = builder(size, scale).build_eframe(|context| app.reopened(context));
        harness.step();
        Self { harness, _data }
    }

    pub(super) fn core(&mut self) -> &mut Core {
        &mut self.harness.state_mut().core
    }

    pub(super) fn state(&self) -> &State {
        &self.harness.state().core.state
    }

    /// Does a command as a widget would ask for it.
    pub(super) fn apply(&mut self, command: Command) {
        self.core().apply(command);
        self.harness.step();
    }

    /// Frames until something holds.
    ///
    /// # Panics
    /// After a minute and a half; with what is on screen.
    pub(super) fn until(&mut self, what: &str, holds: impl Fn(&State) -> bool) {
        let patience = Instant::now() + Duration::from_secs(90);
        while !holds(self.state()) {
            let (state, banners) = (self.state(), &self.state().banners);
            assert!(
                Instant::now() < patience,
                "waited for {what}; on screen: {:?}, banners: {banners:?}, log: {:?}",
                state.screen,
                state.log
            );
            thread::sleep(Duration::from_millis(20));
            self.harness.step();
        }
        self.harness.step();
    }

    /// Clicks what has this name.
    pub(super) fn click(&mut self, name: &str) {
        self.find(name).click();
        self.harness.step();
        self.harness.step();
    }

    /// What has this name and is more than a word beside a control.
    pub(super) fn find<'a>(&'a self, name: &'a str) -> Node<'a> {
        self.harness
            .query_all_by_label(name)
            .find(|node| node.accesskit_node().role() != Role::Label)
            .unwrap_or_else(|| self.harness.get_by_label(name))
    }

    /// Presses and releases a key.
    pub(super) fn press(&mut self, key: Key) {
        self.press_with(Modifiers::NONE, key);
    }

    /// Presses and releases a key with others held.
    pub(super) fn press_with(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.harness.step();
        self.harness.step();
    }

    /// What the window shows once all pictures of the scan are on the device.
    pub(super) fn picture(&mut self) -> RgbaImage {
        let mut last = self.render();
        // Clocks ask for frames for ever; three alike are enough.
        let mut alike = 0;
        for _ in 0..100 {
            self.harness.step();
            let now = self.render();
            alike = if now == last { alike + 1 } else { 0 };
            last = now;
            if alike >= 3 || (alike > 0 && !self.harness.ctx.has_requested_repaint()) {
                break;
            }
        }
        last
    }

    /// Software drivers compile a shader when it is first drawn with, which may take longer than the harness waits.
    pub(super) fn render(&mut self) -> RgbaImage {
        let mut tries = (0..30).map(|_| self.harness.render());
        let image = tries.find(|image| !image.as_ref().is_err_and(|error| error.starts_with("PollError")));
        image.expect("the frame is drawn in time").expect("the frame is drawn")
    }
}

fn harness(size: [f32; 2], pixels_per_point: f32, places: Places, paths: Vec<PathBuf>) -> Harness<'static, VoxelryApp> {
    let mut worker = WorkerCommand::program(env!("CARGO_BIN_EXE_voxelry-app"));
    // Tuning and measured times of a test are nobody else's.
    worker.environment.push(("XDG_CACHE_HOME".into(), places.data.join("cache").into()));
    // Without graphics drivers: checking every device against the CPU engine would be most of what each of these windows does.
    worker.environment.push(("VK_DRIVER_FILES".into(), "/dev/null".into()));
    builder(Vec2::from(size), pixels_per_point).build_eframe(|context| VoxelryApp::new(context, places, worker, paths))
}

/// A window on a device of its own.
fn builder(size: Vec2, pixels_per_point: f32) -> egui_kittest::HarnessBuilder<VoxelryApp> {
    let WgpuConfiguration { wgpu_setup, .. } = setup();
    let renderer = WgpuTestRenderer::from_render_state(create_render_state(wgpu_setup, RendererOptions::PREDICTABLE));
    Harness::builder().with_size(size).with_pixels_per_point(pixels_per_point).with_max_steps(64).renderer(renderer)
}
