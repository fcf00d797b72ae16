//! The window: commands in, pixels out.

use std::path::PathBuf;
use std::sync::Arc;

use eframe::egui;
use jobs::WorkerCommand;

use crate::command::Command;
use crate::core::{Core, Effect, Places};
use crate::look::tokens::layout;
use crate::screens;

/// The program's window.
pub struct VoxelryApp {
    /// State, worker and tasks.
    pub core: Core,
    screens: screens::Screens,
}

impl VoxelryApp {
    /// Builds the window's contents; `paths` come from the command line.
    pub fn new(context: &eframe::CreationContext<'_>, places: Places, worker: WorkerCommand, paths: Vec<PathBuf>) -> Self {
        let egui = context.egui_ctx.clone();
        let mut core = Core::new(places, worker, Arc::new(move || egui.request_repaint()));
        if !paths.is_empty() {
            core.apply(Command::OpenPaths(paths));
        }
        Self { core, screens: screens::Screens::new(context) }
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
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut eframe::Frame) {
        let mut commands = Vec::new();
        self.screens.ui(ui, frame, &self.core.state, &mut commands);
        for command in commands {
            self.core.apply(command);
        }
        for effect in self.core.take_effects() {
            match effect {
                Effect::Copy(text) => ui.ctx().copy_text(text),
                Effect::Picture(path) => self.screens.save_picture(ui.ctx(), path),
            }
        }
    }
}

/// Opens the window and stays until it is closed.
pub fn run(paths: Vec<PathBuf>) -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).with_writer(std::io::stderr).init();
    let places = Places::of_user().ok_or_else(|| anyhow::anyhow!("this user has no home folder to keep cases in"))?;
    let worker = WorkerCommand::own()?;
    let options = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_title("Voxelry")
            .with_app_id("voxelry")
            .with_inner_size(layout::WINDOW)
            .with_min_inner_size(layout::SMALLEST),
        ..Default::default()
    };
    eframe::run_native("voxelry", options, Box::new(move |context| Ok(Box::new(VoxelryApp::new(context, places, worker, paths)))))?;
    Ok(())
}
