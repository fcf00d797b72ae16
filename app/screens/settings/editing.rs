//! Settings: tools and decisions.

use eframe::egui::Ui;

use super::{between, group, row, set, wide};
use crate::look::tokens::control;
use crate::look::widgets::{Field, Slider};
use crate::screens::Draw;

/// Brush diameters offered, mm.
const BRUSH_MM: [f64; 2] = [1.0, 60.0];

pub(super) fn ui(ui: &mut Ui, draw: &mut Draw<'_>) {
    group(ui, |ui| {
        row(ui, "Brush first offered", "Diameter. [ and ] change it while drawing.", |ui| {
            let mut size = f64::from(draw.state.settings.brush_mm);
            wide(ui, |ui| {
                let [least, most] = BRUSH_MM;
                let slider = Slider::new("Brush first offered", &mut size, least..=most).hide_name().unit(" mm");
                if ui.add(slider).changed() {
                    set(draw, |settings| settings.brush_mm = size as f32);
                }
            });
        });
        between(ui);
        row(ui, "Reviewer", "Written beside your decisions. May stay empty.", |ui| {
            let mut name = draw.state.settings.reviewer.clone();
            if ui.add(Field::new("Reviewer", &mut name).hint("Initials or name").width(control::SETTING)).changed() {
                set(draw, |settings| settings.reviewer = name);
            }
        });
    });
}
