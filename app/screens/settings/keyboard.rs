//! Settings: all keys.

use eframe::egui::Ui;

use crate::look::tokens::gap;
use crate::look::widgets::Words;
use crate::screens::keyboard;

pub(super) fn ui(ui: &mut Ui) {
    keyboard::groups(ui, "");
    ui.add_space(gap::M);
    ui.add(Words::note("On macOS, Ctrl is Cmd. Every action is also in the command list, Ctrl K."));
}
