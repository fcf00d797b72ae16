//! The keyboard page: every key, in groups, with a filter.

use eframe::egui::{Align, Layout, Rect, ScrollArea, Ui, UiBuilder, vec2};

use crate::command::Command;
use crate::look::tokens::{Panels, Type, breakpoint, control, gap, layout};
use crate::look::widgets::{Field, Ink, Words, dialog, keys, link};
use crate::look::{Theme, icons, paint};
use crate::screens::Draw;
use crate::screens::keys::{Group, Row, TABLE};
use crate::state::{Dialog, SettingsPage};

/// The dialog over any screen.
pub(super) fn show(ui: &mut Ui, draw: &mut Draw<'_>) {
    let id = ui.scope_id().with("keyboard filter");
    let opened = ui.data(|data| data.get_temp::<String>(id));
    let (opens, mut text) = (opened.is_none(), opened.unwrap_or_default());
    let mut changed = false;
    let find = |ui: &mut Ui| {
        let field = Field::new("Find an action or a key", &mut text).hint("Find an action or a key").icon(icons::SEARCH);
        let response = ui.add(field.width(control::WIDE_BUTTON));
        changed = response.changed() || opens;
        if opens {
            response.request_focus();
        }
    };
    let shown = dialog(ui, "Keyboard", layout::DIALOG, find, |ui| {
        let text = ui.data(|data| data.get_temp::<String>(id)).unwrap_or_default();
        let foot = vec2(ui.available_width(), control::TARGET);
        let height = ui.available_height() - gap::S - foot.y;
        // The scroll bar lies in the margin of the dialog: it would cover the last key, and cut it.
        let room = Rect::from_min_size(ui.cursor().min, vec2(foot.x + gap::L, height));
        let mut child = ui.new_child(UiBuilder::new().max_rect(room));
        let shown = ScrollArea::vertical().auto_shrink([false, true]).max_height(height).show(&mut child, |ui| {
            ui.set_max_width(foot.x);
            groups(ui, &text);
        });
        ui.allocate_space(vec2(foot.x, shown.content_size.y.min(height)));
        ui.add_space(gap::S);
        let mut to_settings = false;
        ui.allocate_ui_with_layout(foot, Layout::left_to_right(Align::Center), |ui| {
            ui.add(Words::small("On macOS, Ctrl is Cmd. Every action is also in the command list.").ink(Ink::Caption));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| to_settings = link(ui, "Keys in Settings").clicked());
        });
        to_settings
    });
    if changed {
        ui.data_mut(|data| data.insert_temp(id, text));
    }
    if shown.inner {
        draw.ask(Command::ShowDialog(Dialog::None));
        draw.ask(Command::ShowSettings(SettingsPage::Keyboard));
    }
    if shown.closed {
        ui.data_mut(|data| data.remove::<String>(id));
        draw.ask(Command::ShowDialog(Dialog::None));
    }
}

/// The groups that hold what is looked for, in columns.
pub(super) fn groups(ui: &mut Ui, wanted: &str) {
    let rows = |group: Group| TABLE.iter().filter(move |row| row.group == group && is_wanted(row, wanted)).collect::<Vec<_>>();
    let groups: Vec<(Group, Vec<&Row>)> =
        Group::ALL.into_iter().map(|group| (group, rows(group))).filter(|(_, rows)| !rows.is_empty()).collect();
    if groups.is_empty() {
        ui.add(Words::note("No action and no key is called so."));
        return;
    }
    let columns = match breakpoint(ui.available_width()) {
        _ if ui.available_width() < layout::SETTINGS => 1,
        Panels::Narrow if ui.available_width() < layout::HOME => 2,
        _ => 3,
    };
    for (at, line) in groups.chunks(columns).enumerate() {
        if at > 0 {
            ui.add_space(gap::XL);
        }
        let width = (ui.available_width() - (columns - 1) as f32 * gap::XXL) / columns as f32;
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = gap::XXL;
            for (group, rows) in line {
                ui.allocate_ui_with_layout(vec2(width, 0.0), Layout::top_down(Align::Min), |ui| {
                    ui.set_width(width);
                    ui.spacing_mut().item_spacing.y = 0.0;
                    ui.add(Words::new(group.name()).strong());
                    ui.add_space(gap::XS);
                    for row in rows {
                        show_row(ui, row);
                    }
                });
            }
        });
    }
}

fn show_row(ui: &mut Ui, row: &Row) {
    let size = vec2(ui.available_width(), control::ROW);
    let shown = ui.allocate_ui_with_layout(size, Layout::right_to_left(Align::Center), |ui| {
        ui.set_min_size(size);
        keys(ui, &row.caps());
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            ui.add(Words::new(row.words).size(Type::Body).ink(Ink::Label));
        });
    });
    paint::rule_below(ui.painter(), shown.response.rect, Theme::of(ui).line1);
}

fn is_wanted(row: &Row, wanted: &str) -> bool {
    let wanted = wanted.trim().to_lowercase();
    let keys = row.caps().iter().map(|cap| cap.trim()).collect::<Vec<_>>().join(" ");
    let words = row.actions.iter().map(|action| action.words).chain([row.words, &keys]).collect::<Vec<_>>().join("\n");
    words.to_lowercase().contains(&wanted)
}
