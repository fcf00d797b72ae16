//! What fills the window. Screens read the state and push commands; they change nothing.

pub(crate) mod keys;
pub(crate) mod words;

use std::path::PathBuf;

use eframe::egui;

use crate::command::Command;
use crate::state::State;

/// What screens keep between frames: textures, open popups.
pub(crate) struct Screens {}

impl Screens {
    pub(crate) fn new(_context: &eframe::CreationContext<'_>) -> Self {
        Self {}
    }

    /// Draws everything.
    pub(crate) fn ui(&mut self, _ui: &mut egui::Ui, _frame: &mut eframe::Frame, _state: &State, _commands: &mut Vec<Command>) {}

    /// Saves a picture of the panes at the next frame.
    pub(crate) fn save_picture(&mut self, _ctx: &egui::Context, _path: PathBuf) {}
}
