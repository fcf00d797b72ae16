//! Keys, in one table: what each does and where.

use eframe::egui;

use crate::command::Command;
use crate::state::State;

/// Commands of the keys pressed this frame.
pub(crate) fn commands(_ctx: &egui::Context, _state: &State) -> Vec<Command> {
    Vec::new()
}
