//! The right panel of View: the structure in focus, grey values, the image, and who made the mask.

use eframe::egui::{Frame, Id, Layout, ScrollArea, Ui};
use jobs::case::StructureReview;

use crate::command::Command;
use crate::look::tokens::{Panels, State as Sign, Type, control, gap};
use crate::look::widgets::{Button, Slider, Words, fact, fold_head, head_row, rule, section_head, swatch, tag};
use crate::look::{icons, theme};
use crate::panes::look_of;
use crate::screens::{Draw, words};
use crate::state::{Case, Mode, Preset, Window};

/// Certainty below which a structure is called doubtful.
const DOUBTFUL: f32 = 0.7;

/// Draws the panel.
pub(super) fn panel(ui: &mut Ui, draw: &mut Draw<'_>, panels: Panels) {
    let Some(case) = &draw.state.case else { return };
    ui.spacing_mut().item_spacing.y = 0.0;
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        if let Some(value) = case.view.selected {
            part(ui, |ui| structure(ui, draw, case, value));
            rule(ui);
        }
        part(ui, |ui| window(ui, draw, case));
        rule(ui);
        section(ui, "Image", panels, |ui| image(ui, case));
        if case.layer().is_some() {
            rule(ui);
            section(ui, "Made by", panels, |ui| made_by(ui, case));
        }
    });
}

fn part(ui: &mut Ui, contents: impl FnOnce(&mut Ui)) {
    Frame::new().inner_margin(theme::margin(gap::M, gap::M)).show(ui, contents);
}

/// A section that folds in narrower windows.
fn section(ui: &mut Ui, title: &str, panels: Panels, contents: impl FnOnce(&mut Ui)) {
    part(ui, |ui| {
        if panels == Panels::Wide {
            section_head(ui, title, None);
            ui.add_space(gap::XS);
            return contents(ui);
        }
        let id = Id::unique(("section", title));
        let mut open = ui.data(|data| data.get_temp::<bool>(id)).unwrap_or_default();
        if fold_head(ui, title, open).clicked() {
            open = !open;
            ui.data_mut(|data| data.insert_temp(id, open));
        }
        if open {
            contents(ui);
        }
    });
}

fn structure(ui: &mut Ui, draw: &mut Draw<'_>, case: &Case, value: u16) {
    let Some(name) = case.words_of(value) else { return };
    let layer = case.layer();
    let known = layer.and_then(|layer| layer.review.as_ref()?.structures.iter().find(|structure| structure.value == value));
    head_row(ui, |ui| {
        if let Some(look) = look_of(case, &draw.state.settings, value) {
            swatch(ui, look.color, look.pattern, case.structure(value).visible);
        }
        let certainty = known.and_then(|structure| structure.certainty);
        ui.with_layout(Layout::right_to_left(eframe::egui::Align::Center), |ui| {
            if let Some(certainty) = certainty.filter(|certainty| *certainty < DOUBTFUL) {
                tag(ui, Sign::Warn, Some(icons::WARNING), &format!("Certainty {certainty:.2}"));
            }
            ui.with_layout(Layout::left_to_right(eframe::egui::Align::Center), |ui| {
                ui.add(Words::new(&name).size(Type::Section).strong());
            });
        });
    });
    ui.add_space(gap::S);
    match known {
        Some(structure) if structure.voxels > 0 => measures(ui, case, structure),
        Some(_) => drop(ui.add(Words::note("Not in this mask."))),
        None if case.review.measuring => drop(ui.add(Words::note("Measuring…"))),
        None => drop(ui.add(Words::note("Not measured yet."))),
    }
    ui.add_space(gap::S);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = gap::S;
        let width = (ui.available_width() - gap::S) / 2.0;
        if ui.add(Button::plain("Go to").icon(icons::GO_TO).width(width)).clicked() {
            draw.ask(Command::GoTo(value));
        }
        if ui.add(Button::plain("Edit").icon(icons::BRUSH).width(width)).clicked() {
            draw.commands.extend([Command::Select(Some(value)), Command::SetMode(Mode::Edit)]);
        }
    });
}

fn measures(ui: &mut Ui, case: &Case, structure: &StructureReview) {
    let unit = if case.file.modality == "CT" { " HU" } else { "" };
    let least = if structure.cut_by_edge { "≥ " } else { "" };
    let ml = structure.volume_ml;
    let ml = if ml >= 1000.0 { words::thousands(ml.round() as u64) } else { format!("{ml:.1}") };
    fact(ui, "Volume", &format!("{least}{ml} mL"));
    fact(ui, "Mean ± SD", &format!("{} ± {:.0}{unit}", words::signed(structure.mean, 0), structure.sd));
    fact(ui, "Largest diameter", &format!("{least}{:.1} mm", structure.largest_diameter_mm));
    fact(ui, "Pieces", &structure.pieces.to_string());
    fact(ui, "Cut by image edge", if structure.cut_by_edge { structure.cut_edge.as_deref().unwrap_or("yes") } else { "no" });
}

fn window(ui: &mut Ui, draw: &mut Draw<'_>, case: &Case) {
    section_head(ui, "Window", Some("Alt + 1 – 6"));
    ui.add_space(gap::S);
    ui.spacing_mut().item_spacing = eframe::egui::vec2(control::CHIP_GAP, control::CHIP_GAP);
    let width = (ui.available_width() - 2.0 * control::CHIP_GAP) / 3.0;
    for row in Preset::ALL.chunks(3) {
        ui.horizontal(|ui| {
            for preset in row {
                let on = case.view.preset == Some(*preset);
                if ui.add(Button::chip(preset.name()).width(width).on(on)).clicked() {
                    draw.ask(Command::SetPreset(*preset));
                }
            }
        });
    }
    let now = case.view.window;
    let [low, high] = case.file.value_range.map(f64::from);
    let range = (high - low).max(1.0);
    let decimals = if range < 10.0 { 2 } else { 0 };
    let (mut width, mut level) = (f64::from(now.width), f64::from(now.level));
    ui.spacing_mut().item_spacing.y = 0.0;
    // Windows that reach beyond the image's values are as good as any.
    let (widest, levels) = (range.max(width), low.min(level)..=high.max(level));
    let changed = ui.add(Slider::new("Width", &mut width, least(decimals)..=widest).decimals(decimals)).changed()
        | ui.add(Slider::new("Level", &mut level, levels).decimals(decimals)).changed();
    if changed {
        draw.ask(Command::SetWindow(Window { width: width as f32, level: level as f32 }));
    }
}

fn least(decimals: usize) -> f64 {
    10_f64.powi(-(decimals as i32))
}

fn image(ui: &mut Ui, case: &Case) {
    let geometry = &case.file.geometry;
    let ([nz, ny, nx], [sz, sy, sx]) = (geometry.size_zyx, geometry.spacing_zyx_mm);
    fact(ui, "Modality", if case.file.modality.is_empty() { "not stated" } else { &case.file.modality });
    fact(ui, "Matrix", &format!("{nx} × {ny} × {nz}"));
    fact(ui, "Spacing", &format!("{sx:.2} × {sy:.2} × {sz:.2} mm"));
    fact(ui, "Orientation", &volume::orientation_of(geometry).to_string());
    if let Some(name) = case.file.source.paths.first().and_then(|path| path.file_name()) {
        fact(ui, "File", &name.to_string_lossy());
    }
}

fn made_by(ui: &mut Ui, case: &Case) {
    let Some(layer) = case.layer() else { return };
    let file = &layer.file;
    match &file.provenance {
        Some(provenance) => {
            fact(ui, "Model", &provenance.model.name);
            fact(ui, "Setting", &[file.setting.as_str(), &provenance.parameters.precision].join(", "));
            fact(ui, "Time", &words::duration(provenance.seconds));
            fact(ui, "Device", &provenance.device);
            fact(ui, "Weights", &shortened(&provenance.model.sha256));
        }
        None => {
            let who = match file.kind {
                jobs::case::LayerKind::Model => "A model",
                jobs::case::LayerKind::Corrections => "Drawn by hand",
                jobs::case::LayerKind::Imported => "Read from a file",
            };
            fact(ui, "Origin", who);
            if !file.device.is_empty() {
                fact(ui, "Device", &file.device);
            }
        }
    }
    if let Some(name) = file.based_on.and_then(|number| case.layers.iter().find(|layer| layer.folder.number() == number)) {
        fact(ui, "Based on", &name.file.name);
    }
    if let Some(day) = file.created_at.get(..10) {
        fact(ui, "Made on", day);
    }
}

/// "sha 9f3c…e21a".
fn shortened(sha256: &str) -> String {
    match (sha256.get(..4), sha256.get(sha256.len().saturating_sub(4)..)) {
        (Some(first), Some(last)) if sha256.len() > 8 => format!("sha {first}…{last}"),
        _ => sha256.to_owned(),
    }
}
