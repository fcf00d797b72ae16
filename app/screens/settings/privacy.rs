//! Settings: what leaves this computer, which is nothing.

use eframe::egui::Ui;

use super::{between, group, lines, row, set};
use crate::look::State as Sign;
use crate::look::widgets::{state_row, toggle};
use crate::screens::Draw;

pub(super) fn ui(ui: &mut Ui, draw: &mut Draw<'_>) {
    group(ui, |ui| {
        lines(ui, |ui| {
            state_row(ui, Sign::Ok, "Nothing leaves this computer", "");
            state_row(ui, Sign::Ok, "No telemetry, no accounts, no search for updates", "");
            state_row(ui, Sign::Ok, "Reports hold no names, numbers or dates of patients", "");
        });
        between(ui);
        let remember = draw.state.settings.remember_recent;
        row(ui, "Remember recent studies", "Off empties the list on Home. Cases stay on disk.", |ui| {
            if toggle(ui, remember, "Remember recent studies").clicked() {
                set(draw, |settings| settings.remember_recent = !remember);
            }
        });
    });
}
