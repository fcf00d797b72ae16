//! Settings: where cases and models lie, and how much they take.

use std::path::PathBuf;

use eframe::egui::Ui;

use super::{between, group, heading, lines, row, set};
use crate::command::Command;
use crate::look::icons;
use crate::look::tokens::gap;
use crate::look::widgets::{Button, IconButton, Ink, Words};
use crate::screens::{Draw, words};
use crate::state::Dialog;

pub(super) fn ui(ui: &mut Ui, draw: &mut Draw<'_>) {
    let state = draw.state;
    group(ui, |ui| {
        let storage = state.storage.as_ref();
        let folder = storage.map_or_else(|| "…".to_owned(), |storage| storage.folder.display().to_string());
        row(ui, "Cases", &folder, |ui| {
            if ui.add(Button::plain("Choose folder…").icon(icons::FOLDER_OPEN)).clicked() {
                draw.ask(Command::PickCasesFolder);
            }
            if state.settings.cases.is_some() {
                ui.add_space(gap::S);
                if ui.add(Button::quiet("Use the usual one")).clicked() {
                    set(draw, |settings| settings.cases = None);
                }
            }
        });
        between(ui);
        row(ui, "Size used", "Images, masks and edits of all cases.", |ui| {
            let text = match storage.map(|storage| (storage.cases, storage.bytes)) {
                Some((cases, Some(bytes))) => format!("{} in {}", words::bytes(bytes), words::counted(cases, "case", "cases")),
                _ => "measuring…".to_owned(),
            };
            ui.add(Words::new(&text));
        });
        between(ui);
        row(ui, "Recent studies", "The list on Home. Cases stay on disk.", |ui| {
            let any = !state.recents.cases.is_empty();
            if ui.add(Button::plain("Forget the list").enabled(any)).clicked() {
                draw.ask(Command::ShowDialog(Dialog::Confirm {
                    question: "The list of recent studies is emptied. Cases stay on disk.".to_owned(),
                    action: "Forget the list".to_owned(),
                    command: Box::new(Command::ForgetRecents),
                }));
            }
        });
    });
    heading(ui, "Models");
    group(ui, |ui| models(ui, draw));
}

/// Places models are looked for in.
fn models(ui: &mut Ui, draw: &mut Draw<'_>) {
    let places = draw.state.settings.model_places.clone();
    for place in &places {
        let name = place.file_name().map_or_else(|| place.display().to_string(), |name| name.to_string_lossy().into_owned());
        row(ui, &name, &place.display().to_string(), |ui| {
            if ui.add(IconButton::small(icons::CLOSE, &format!("No longer look in {name}"))).clicked() {
                let kept: Vec<PathBuf> = places.iter().filter(|other| *other != place).cloned().collect();
                set(draw, |settings| settings.model_places = kept);
            }
        });
        between(ui);
    }
    lines(ui, |ui| {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = gap::S;
            if ui.add(Button::plain("Add model…").icon(icons::ADD)).clicked() {
                draw.ask(Command::PickModel { folder: false });
            }
            if ui.add(Button::plain("Add folder…").icon(icons::FOLDER_OPEN)).clicked() {
                draw.ask(Command::PickModel { folder: true });
            }
            ui.add(Words::small("Models are also looked for in the data folder.").ink(Ink::Caption));
        });
    });
}
