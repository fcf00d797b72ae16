//! The left panel: filter, structures, layers, and how masks are drawn.

use eframe::egui::{Frame, Key, Layout, Panel, Popup, ScrollArea, Ui, vec2};
use jobs::case::{LayerKind, LayerState, StructureReview};
use jobs::structure_words;

use crate::command::Command;
use crate::look::tokens::{control, gap};
use crate::look::widgets::{
    Field, IconButton, Ink, RowAction, Segment, Slider, StructureRow, Words, empty, head_row, menu_item, radio_row, rule, segmented,
    swatch_rail_row,
};
use crate::look::{Theme, icons, theme};
use crate::panes::{Look, looks};
use crate::screens::{Draw, words};
use crate::state::{Case, Layer, LayerVoxels, OverlayStyle};

/// The whole panel.
pub(super) fn panel(ui: &mut Ui, draw: &mut Draw<'_>) {
    let Some(case) = &draw.state.case else { return };
    let rows = rows(case, draw);
    ui.spacing_mut().item_spacing.y = 0.0;
    let p = Theme::of(ui);
    let frame = Frame::new().fill(p.bg1);
    Panel::bottom("layers").resizable(false).show_separator_line(false).frame(frame).show(ui, |ui| {
        rule(ui);
        Frame::new().inner_margin(theme::margin(gap::M, gap::M)).show(ui, |ui| layers(ui, draw, case));
    });
    Frame::new().inner_margin(theme::head_margin()).show(ui, |ui| {
        head(ui, draw, case, rows.len());
        ui.add_space(gap::S);
        filter(ui, draw, case);
    });
    rule(ui);
    if rows.is_empty() {
        let text = match case.layer() {
            None => "Structures appear here after the first run, or when you draw one in Edit.",
            Some(layer) if layer.file.state == LayerState::Running => "Structures appear here as they are found.",
            Some(_) if case.view.filter.is_empty() => "This mask is empty.",
            Some(_) => "No structure of this name.",
        };
        empty(ui, text);
        return;
    }
    ui.add_space(gap::XS);
    ScrollArea::vertical().auto_shrink(false).show_rows(ui, control::ROW, rows.len(), |ui, range| {
        for row in rows.get(range).unwrap_or_default() {
            show_row(ui, draw, case, row);
        }
    });
}

/// Only swatches, in narrow windows; worst first in Review. Whether the whole list was asked for.
pub(super) fn rail(ui: &mut Ui, draw: &mut Draw<'_>, worst_first: bool) -> bool {
    let Some(case) = &draw.state.case else { return false };
    ui.spacing_mut().item_spacing.y = 0.0;
    let mut asked = false;
    ui.vertical_centered(|ui| {
        ui.add_space(gap::S);
        asked = ui.add(IconButton::new(icons::SEARCH, "Structures")).clicked();
        ui.add_space(gap::S);
    });
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        let mut rows = rows(case, draw);
        if let Some(review) = case.layer().and_then(|layer| layer.review.as_ref()).filter(|_| worst_first) {
            rows.sort_by_key(|row| review.structures.iter().position(|known| known.value == row.look.value));
        }
        for row in rows {
            let shown = case.structure(row.look.value).visible;
            let selected = case.view.selected == Some(row.look.value);
            let response = swatch_rail_row(ui, &row.name, row.look.color, row.look.pattern, selected, shown);
            if response.clicked() {
                draw.ask(Command::GoTo(row.look.value));
            }
        }
    });
    asked
}

/// A row of the list.
struct Row {
    look: Look,
    name: String,
    value: String,
}

/// Structures that the mask holds and the filter lets through. A mask being drawn lists all its names; one being made, those found
/// so far.
fn rows(case: &Case, draw: &mut Draw<'_>) -> Vec<Row> {
    let Some(layer) = case.layer() else { return Vec::new() };
    let wanted = case.view.filter.to_lowercase();
    let measured = |value: u16| layer.review.as_ref()?.structures.iter().find(|structure| structure.value == value);
    let so_far = (layer.file.state == LayerState::Running).then(|| draw.panes.found(case));
    let only_present = layer.review.is_some() && layer.file.kind != LayerKind::Corrections;
    looks(case, &draw.state.settings)
        .into_iter()
        .filter_map(|look| {
            let stored = &layer.file.table.get(look.value)?.name;
            let name = structure_words(stored);
            let known = measured(look.value);
            let present = match &so_far {
                Some(found) => found.contains(&look.value),
                None => !only_present || known.is_some_and(|structure| structure.voxels > 0),
            };
            let value = if case.structure(look.value).visible { known.map(volume).unwrap_or_default() } else { "hidden".to_owned() };
            let meant = [name.to_lowercase(), stored.to_lowercase()].iter().any(|name| name.contains(&wanted));
            (present && meant).then_some(Row { look, name, value })
        })
        .collect()
}

/// Millilitres; at least so many where the image cuts the structure.
pub(super) fn volume(structure: &StructureReview) -> String {
    if structure.voxels == 0 {
        return String::new();
    }
    let ml = structure.volume_ml;
    let text = if ml >= 10.0 { words::thousands(ml.round() as u64) } else { format!("{ml:.1}") };
    if structure.cut_by_edge { format!("≥ {text}") } else { text }
}

fn head(ui: &mut Ui, draw: &mut Draw<'_>, case: &Case, count: usize) {
    head_row(ui, |ui| {
        ui.add(Words::new("Structures").strong());
        ui.with_layout(Layout::right_to_left(eframe::egui::Align::Center), |ui| {
            let more = ui.add(IconButton::small(icons::MORE, "More about structures"));
            Popup::menu(&more).accessible_name("More about structures").show(|ui| {
                ui.set_min_width(control::MENU);
                let only = case.view.only_selected;
                for (text, key, command) in [
                    ("Show all", None, Command::SetAllVisible(true)),
                    ("Hide all", None, Command::SetAllVisible(false)),
                    ("Only the selected one", Some("O"), Command::OnlySelected(!only)),
                ] {
                    if menu_item(ui, None, text, key, true).clicked() {
                        draw.ask(command);
                    }
                }
            });
            let measured = case.layer().is_some_and(|layer| layer.review.is_some());
            let running = case.layer().is_some_and(|layer| layer.file.state == LayerState::Running);
            let caption = match (count, measured) {
                (0, _) => "none".to_owned(),
                (_, true) => format!("{count} · mL"),
                (_, false) if running => format!("{count} so far"),
                (_, false) => count.to_string(),
            };
            ui.add(Words::small(&caption).ink(Ink::Caption));
        });
    });
}

fn filter(ui: &mut Ui, draw: &mut Draw<'_>, case: &Case) {
    let mut text = case.view.filter.clone();
    let typing = ui.ctx().text_edit_focused();
    let field = ui.add(Field::new("Filter structures", &mut text).hint("Filter").icon(icons::SEARCH).key("/"));
    if field.changed() {
        draw.ask(Command::FilterStructures(text));
    }
    if !typing && ui.input(|input| input.key_pressed(Key::Slash)) {
        field.request_focus();
    }
}

fn show_row(ui: &mut Ui, draw: &mut Draw<'_>, case: &Case, row: &Row) {
    let value = row.look.value;
    let set = case.structure(value);
    let shown = StructureRow::new(&row.name, row.look.color, row.look.pattern)
        .value(&row.value)
        .selected(case.view.selected == Some(value))
        .shown(set.visible);
    // Open locks would be noise where nothing can be drawn over.
    let shown = if set.locked { shown.locked(true) } else { shown };
    let (response, action) = shown.show(ui);
    match action {
        Some(RowAction::Select | RowAction::GoTo) => draw.ask(Command::GoTo(value)),
        Some(RowAction::ShowOrHide) => draw.ask(Command::SetVisible(value, !set.visible)),
        Some(RowAction::LockOrUnlock) => draw.ask(Command::SetLocked(value, !set.locked)),
        None => {}
    }
    if response.hovered() && case.view.hovered != Some(value) {
        draw.ask(Command::Hover(Some(value)));
    }
}

fn layers(ui: &mut Ui, draw: &mut Draw<'_>, case: &Case) {
    ui.horizontal(|ui| {
        ui.add(Words::new("Layers").strong());
        ui.with_layout(Layout::right_to_left(eframe::egui::Align::Center), |ui| {
            if ui.add(IconButton::small(icons::ADD, "New layer")).clicked() {
                draw.ask(Command::NewLayer);
            }
        });
    });
    ui.add_space(gap::XS);
    if case.layers.is_empty() {
        ui.add(Words::new("No layers yet").ink(Ink::Caption));
        return;
    }
    for (index, layer) in case.layers.iter().enumerate() {
        let on = case.shown == Some(index);
        if radio_row(ui, on, &layer.file.name, Some(&layer_state(layer))).clicked() {
            draw.ask(Command::ShowLayer(layer.folder.number()));
        }
    }
    ui.add_space(gap::XS);
    let mut opacity = f64::from(case.view.opacity * 100.0).round();
    if ui.add(Slider::new("Opacity", &mut opacity, 0.0..=100.0).unit(" %")).changed() {
        draw.ask(Command::SetOpacity(opacity as f32 / 100.0));
    }
    ui.add_space(gap::XS);
    let choices = [(OverlayStyle::Fill, "Fill"), (OverlayStyle::Outline, "Outline"), (OverlayStyle::Both, "Both")];
    let choices = choices.map(|(value, text)| Segment::new(value, text));
    let width = vec2(ui.available_width(), control::SEGMENT).x;
    if let Some(overlay) = segmented(ui, "Masks are drawn as", case.view.overlay, &choices, Some(width)) {
        draw.ask(Command::SetOverlay(overlay));
    }
}

/// How far a layer is, or when it was made.
fn layer_state(layer: &Layer) -> String {
    let untouched = matches!(&layer.voxels, LayerVoxels::Edited(history) if history.done() == 0);
    match layer.file.state {
        LayerState::Running | LayerState::Partial => format!("{:.0} %", layer.file.done * 100.0),
        LayerState::Complete if untouched && layer.file.based_on.is_none() => "empty".to_owned(),
        // RFC 3339, UTC.
        LayerState::Complete => layer.file.created_at.get(11..16).unwrap_or_default().to_owned(),
    }
}
