//! Settings: how images are shown.

use eframe::egui::Ui;

use super::{between, group, row, set};
use crate::look::tokens::control;
use crate::look::widgets::{Segment, segmented, toggle};
use crate::screens::Draw;

pub(super) fn ui(ui: &mut Ui, draw: &mut Draw<'_>) {
    let settings = &draw.state.settings;
    let (radiological, smooth) = (settings.radiological, settings.smooth_pixels);
    group(ui, |ui| {
        row(ui, "Left and right", "Names always mean the patient's side.", |ui| {
            let choices = [Segment::new(true, "Radiological"), Segment::new(false, "Neurological")];
            if let Some(radiological) = segmented(ui, "Left and right", radiological, &choices, Some(control::SETTING)) {
                set(draw, |settings| settings.radiological = radiological);
            }
        });
        between(ui);
        row(ui, "Smooth pixels", "When zoomed in. Off shows each voxel as a square.", |ui| {
            if toggle(ui, smooth, "Smooth pixels").clicked() {
                set(draw, |settings| settings.smooth_pixels = !smooth);
            }
        });
    });
}
