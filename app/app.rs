//! The window: commands in, pixels out.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use eframe::{CreationContext, egui};
use jobs::WorkerCommand;

use crate::command::Command;
use crate::core::{Core, Effect, Places};
use crate::frames::FrameLog;
use crate::look::tokens::layout;
use crate::render::device::setup;
use crate::screens;
use crate::state::{Banner, Severity};

/// The program's window.
pub struct VoxelryApp {
    /// State, worker and tasks.
    pub core: Core,
    screens: screens::Screens,
    frames: FrameLog,
    /// Of the window that is open; news wakes it.
    egui: Arc<Mutex<egui::Context>>,
}

impl VoxelryApp {
    /// Builds the window's contents; `paths` come from the command line.
    pub fn new(context: &CreationContext<'_>, places: Places, worker: WorkerCommand, paths: Vec<PathBuf>) -> Self {
        let egui = Arc::new(Mutex::new(context.egui_ctx.clone()));
        let woken = Arc::clone(&egui);
        let wake = move || woken.lock().unwrap_or_else(PoisonError::into_inner).request_repaint();
        let mut core = Core::new(places, worker, Arc::new(wake));
        if !paths.is_empty() {
            core.apply(Command::OpenPaths(paths));
        }
        Self { core, screens: screens::Screens::new(context), frames: FrameLog::default(), egui }
    }

    /// The same program in another window: what is on a graphics device is made anew, all else goes on.
    pub fn reopened(mut self, context: &CreationContext<'_>) -> Self {
        *self.egui.lock().unwrap_or_else(PoisonError::into_inner) = context.egui_ctx.clone();
        let lost = self.screens.device().reason();
        self.screens = screens::Screens::new(context);
        let banner = Banner::new(Severity::Warning, "The graphics driver restarted.", "Nothing was lost; the window was opened again.");
        self.core.state.banner(banner.report(lost.unwrap_or_default()));
        self
    }
}

impl eframe::App for VoxelryApp {
    fn logic(&mut self, ctx: &egui::Context, _frame: &mut eframe::Frame) {
        self.core.logic();
        let dropped: Vec<PathBuf> = ctx.input(|input| input.raw.dropped_files.iter().map(|file| file.path().to_owned()).collect());
        if !dropped.is_empty() {
            self.core.apply(Command::OpenPaths(dropped));
        }
        for command in crate::screens::keys::commands(ctx, &self.core.state) {
            self.core.apply(command);
        }
    }

    fn on_exit(&mut self) {
        self.core.close();
        tracing::info!("{}", self.frames);
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut eframe::Frame) {
        if self.screens.device().is_lost() {
            // [`run`] opens another one.
            return ui.ctx().send_viewport_cmd(egui::ViewportCommand::Close);
        }
        self.frames.frame(Instant::now(), frame.info().cpu_usage);
        let mut commands = Vec::new();
        self.screens.ui(ui, frame, &self.core.state, &mut commands);
        for command in commands {
            self.core.apply(command);
        }
        for effect in self.core.take_effects() {
            match effect {
                Effect::CopyReport(text) => ui.ctx().copy_text(format!("{text}Drawn: {}\n", self.frames)),
                Effect::Picture(path) => self.screens.save_picture(ui.ctx(), path),
            }
        }
    }
}

/// The program in one window; a window whose device is lost leaves it to the next one.
struct Opened {
    app: Option<VoxelryApp>,
    left: Rc<RefCell<Option<VoxelryApp>>>,
}

impl eframe::App for Opened {
    fn logic(&mut self, ctx: &egui::Context, frame: &mut eframe::Frame) {
        if let Some(app) = &mut self.app {
            app.logic(ctx, frame);
        }
    }

    fn on_exit(&mut self) {
        match self.app.take() {
            Some(app) if app.screens.device().is_lost() => drop(self.left.replace(Some(app))),
            Some(mut app) => app.on_exit(),
            None => {}
        }
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut eframe::Frame) {
        if let Some(app) = &mut self.app {
            app.ui(ui, frame);
        }
    }
}

/// Opens the window and stays until it is closed.
pub fn run(paths: Vec<PathBuf>) -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).with_writer(std::io::stderr).init();
    let places = Places::of_user().ok_or_else(|| anyhow::anyhow!("this user has no home folder to keep cases in"))?;
    let worker = WorkerCommand::own()?;
    let mut first = Some((places, worker, paths));
    let left = Rc::new(RefCell::new(None));
    loop {
        let (start, slot) = (first.take(), Rc::clone(&left));
        let create = move |context: &CreationContext<'_>| {
            let before: Option<VoxelryApp> = slot.take();
            let app = match (before, start) {
                (Some(app), _) => Some(app.reopened(context)),
                (None, Some((places, worker, paths))) => Some(VoxelryApp::new(context, places, worker, paths)),
                (None, None) => None,
            };
            Ok(Box::new(Opened { app, left: slot }) as Box<dyn eframe::App>)
        };
        eframe::run_native("voxelry", options(), Box::new(create))?;
        if left.borrow().is_none() {
            return Ok(());
        }
    }
}

fn options() -> eframe::NativeOptions {
    eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_title("Voxelry")
            .with_app_id("voxelry")
            .with_inner_size(layout::WINDOW)
            .with_min_inner_size(layout::SMALLEST),
        wgpu_options: setup(),
        ..Default::default()
    }
}
