//! Settings: what exports hold.

use eframe::egui::Ui;

use super::{between, group, row, set};
use crate::look::icons;
use crate::look::tokens::gap;
use crate::look::widgets::{Button, toggle};
use crate::screens::Draw;

pub(super) fn ui(ui: &mut Ui, draw: &mut Draw<'_>) {
    group(ui, |ui| {
        let without = draw.state.settings.export_without_patient;
        row(ui, "Leave the patient out", "Identifier and date of study are not written into files.", |ui| {
            if toggle(ui, without, "Leave the patient out").clicked() {
                set(draw, |settings| settings.export_without_patient = !without);
            }
        });
        between(ui);
        let folder = draw.state.settings.export_folder.as_ref();
        let shown = folder.map_or_else(|| "Chosen at the first export.".to_owned(), |folder| folder.display().to_string());
        row(ui, "Folder last exported to", &shown, |ui| {
            if folder.is_some() && ui.add(Button::quiet("Forget").icon(icons::CLOSE)).clicked() {
                set(draw, |settings| settings.export_folder = None);
            }
            ui.add_space(gap::XS);
        });
    });
}
