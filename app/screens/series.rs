//! Choosing a series.

use eframe::egui::{Frame, Panel, ScrollArea, Ui, vec2};
use jobs::ListedStudy;

use crate::command::Command;
use crate::look::tokens::{Panels, State as Sign, control, gap, layout};
use crate::look::widgets::{Button, Field, Ink, ListRow, Words, empty, fact, link, rule, section_head, state_row, table};
use crate::look::{Theme, icons, theme};
use crate::screens::Draw;

/// Size of a series' picture in the list.
const PICTURE: [f32; 2] = [control::LIST_VALUE + gap::M, control::LIST_ROW + gap::S];

pub(super) fn ui(ui: &mut Ui, draw: &mut Draw<'_>) {
    let Some(listing) = &draw.state.listing else { return };
    let Some(report) = &listing.report else {
        empty(ui, "Reading the folder…");
        return;
    };
    let selected = report.studies.get(listing.selected);
    let p = Theme::of(ui);
    let right = Panel::right("series details").exact_size(Panels::Wide.right() + layout::BANNER * 2.0).resizable(false);
    right.frame(Frame::new().fill(p.bg1)).show(ui, |ui| {
        if let Some(study) = selected {
            details(ui, draw, study);
        }
    });
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        Frame::new().inner_margin(theme::margin(gap::XL, gap::XL)).show(ui, |ui| {
            let usable = report.studies.iter().filter(|study| study.refused.is_none()).count();
            ui.horizontal(|ui| {
                ui.add(Words::title(&format!("{usable} series can be opened")));
                ui.with_layout(eframe::egui::Layout::right_to_left(eframe::egui::Align::Center), |ui| {
                    let mut text = listing.filter.clone();
                    let field =
                        Field::new("Filter series", &mut text).hint("Filter series").icon(icons::SEARCH).width(control::WIDE_BUTTON);
                    if ui.add(field).changed() {
                        draw.ask(Command::FilterSeries(text));
                    }
                });
            });
            ui.add_space(gap::M);
            list(ui, draw, &report.studies, listing.selected, &listing.filter);
            ui.add_space(gap::M);
            skipped(ui, draw, &report.skipped, listing.skipped_shown);
        });
    });
}

fn list(ui: &mut Ui, draw: &mut Draw<'_>, studies: &[ListedStudy], selected: usize, filter: &str) {
    let wanted = filter.to_lowercase();
    let shown: Vec<(usize, &ListedStudy)> =
        studies.iter().enumerate().filter(|(_, study)| study.title.to_lowercase().contains(&wanted)).collect();
    let best = studies.iter().position(|study| study.refused.is_none());
    table(ui, |ui| {
        for (at, (index, study)) in shown.iter().enumerate() {
            let picture = study.picture.as_ref().and_then(|path| draw.pictures.of(ui.ctx(), path));
            let about = [study.modality.as_str(), study.detail.as_str()].into_iter().filter(|text| !text.is_empty());
            let about = about.collect::<Vec<_>>().join(" · ");
            let value = value(study);
            let mut row = ListRow::new(&study.title).about(&about).value(&value).selected(*index == selected);
            if let Some(picture) = &picture {
                row = row.picture(picture.id(), PICTURE);
            }
            if Some(*index) == best && studies.len() > 1 {
                row = row.tag(Sign::Accent, "Best match");
            }
            if let Some(reason) = &study.refused {
                row = row.refused(true).note(Sign::Neutral, icons::REFUSED, reason);
            } else if let Some(warning) = study.warnings.first() {
                row = row.note(Sign::Warn, icons::WARNING, &warning.text);
            }
            if at + 1 == shown.len() {
                row = row.last();
            }
            let response = ui.add(row);
            if response.double_clicked() {
                draw.commands.extend([Command::SelectSeries(*index), Command::OpenSelected]);
            } else if response.clicked() {
                draw.ask(Command::SelectSeries(*index));
            }
        }
    });
}

/// Slices and spacing.
fn value(study: &ListedStudy) -> String {
    match &study.placement {
        Some(placement) => {
            let [z, y, x] = placement.spacing_zyx_mm;
            format!("{} slices · {x:.2} × {y:.2} × {z:.2} mm", study.slices)
        }
        None => format!("{} images · not a volume", study.slices),
    }
}

fn skipped(ui: &mut Ui, draw: &mut Draw<'_>, skipped: &[String], shown: bool) {
    if skipped.is_empty() {
        return;
    }
    ui.horizontal(|ui| {
        ui.add(Words::small(&format!("{} files were skipped.", skipped.len())));
        if link(ui, if shown { "Hide list" } else { "Show list" }).clicked() {
            draw.ask(Command::ShowSkipped(!shown));
        }
    });
    if shown {
        for text in skipped {
            ui.add(Words::small(text).ink(Ink::Caption));
        }
    }
}

fn details(ui: &mut Ui, draw: &mut Draw<'_>, study: &ListedStudy) {
    let p = Theme::of(ui);
    let bottom = Panel::bottom("open series").resizable(false).frame(Frame::new().fill(p.bg1).inner_margin(theme::margin(gap::M, gap::M)));
    bottom.show(ui, |ui| {
        let width = ui.available_width();
        if ui.add(Button::primary("Open").large().key("Enter").width(width).enabled(study.refused.is_none())).clicked() {
            draw.ask(Command::OpenSelected);
        }
    });
    if let Some(picture) = study.coronal.as_ref().and_then(|path| draw.pictures.of(ui.ctx(), path)) {
        let width = ui.available_width();
        let [across, down] = picture.size().map(|edge| edge as f32);
        // A tall patient must not push the facts off the window.
        let height = (width * down / across).min(ui.available_height() / 2.0);
        let size = vec2(height * across / down, height);
        ui.vertical_centered(|ui| {
            let response = ui.add(eframe::egui::Image::from_texture((picture.id(), size)).alt_text("Coronal slice"));
            crate::look::widgets::plate(
                ui,
                response.rect.left_top() + vec2(gap::S, gap::S),
                eframe::egui::Align2::LEFT_TOP,
                crate::look::widgets::Plate::Name("Coronal", ""),
            );
        });
    }
    ScrollArea::vertical().show(ui, |ui| {
        Frame::new().inner_margin(theme::margin(gap::M, gap::M)).show(ui, |ui| facts(ui, study));
    });
}

fn facts(ui: &mut Ui, study: &ListedStudy) {
    section_head(ui, &study.title, None);
    fact(ui, "Modality", if study.modality.is_empty() { "not stated" } else { &study.modality });
    if let Some(placement) = &study.placement {
        let ([nz, ny, nx], [sz, sy, sx]) = (placement.size_zyx, placement.spacing_zyx_mm);
        fact(ui, "Volume", &format!("{nx} × {ny} × {nz}"));
        fact(ui, "Spacing", &format!("{sx:.2} × {sy:.2} × {sz:.2} mm"));
        fact(ui, "Covers", &format!("{:.0} × {:.0} × {:.0} mm", nx as f64 * sx, ny as f64 * sy, nz as f64 * sz));
        fact(ui, "Orientation", &placement.orientation);
        fact(ui, "Memory when open", &crate::screens::words::bytes((nz * ny * nx * 2) as u64));
    }
    rule(ui);
    section_head(ui, "Geometry", None);
    if let Some(reason) = &study.refused {
        state_row(ui, Sign::Err, reason, "");
    }
    for warning in &study.warnings {
        state_row(ui, Sign::Warn, &warning.text, "");
    }
    if study.refused.is_none() && study.warnings.is_empty() {
        state_row(ui, Sign::Ok, "Slices evenly spaced", "");
        state_row(ui, Sign::Ok, "Orientation from the files, not guessed", "");
    }
}
