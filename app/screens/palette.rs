//! The command list, Ctrl K: every action that has a meaning now, found by its words.

use eframe::egui::{Align, Key, Layout, Modifiers, ScrollArea, Sense, Ui, vec2};

use crate::command::Command;
use crate::look::tokens::{Type, control, gap, layout};
use crate::look::widgets::{Field, Ink, Words, dialog, keys};
use crate::look::{Theme, icons, paint};
use crate::screens::Draw;
use crate::screens::keys::{Action, MORE, actions};
use crate::state::{Dialog, State};

/// Rows seen at once.
const ROWS: f32 = 12.0;

/// Actions that have a meaning now and are called so, with what they do.
fn found(state: &State, wanted: &str) -> Vec<(&'static Action, Command)> {
    let wanted = wanted.trim().to_lowercase();
    let words: Vec<&str> = wanted.split_whitespace().collect();
    actions()
        .chain(MORE)
        .filter(|action| {
            let text = action.words.to_lowercase();
            words.iter().all(|word| text.contains(word))
        })
        .filter_map(|action| action.now(state).map(|command| (action, command)))
        .filter(|(_, command)| !matches!(command, Command::ShowDialog(Dialog::Palette(_)) | Command::Back | Command::DismissBanner(_)))
        .collect()
}

/// The dialog; `text` is what was typed.
pub(super) fn show(ui: &mut Ui, draw: &mut Draw<'_>, text: &str) {
    let id = ui.scope_id().with("command list");
    let found = found(draw.state, text);
    let mut at = ui.data(|data| data.get_temp::<usize>(id)).unwrap_or(0).min(found.len().saturating_sub(1));
    let (up, down, enter) = ui.input_mut(|input| {
        let up = input.count_and_consume_key(Modifiers::NONE, Key::ArrowUp);
        let down = input.count_and_consume_key(Modifiers::NONE, Key::ArrowDown);
        (up, down, input.consume_key(Modifiers::NONE, Key::Enter))
    });
    at = (at + down).saturating_sub(up).min(found.len().saturating_sub(1));
    let mut typed = text.to_owned();
    let mut chosen = if enter { found.get(at).map(|(_, command)| command.clone()) } else { None };
    let moved = up + down > 0;
    let shown = dialog(
        ui,
        "Commands",
        layout::SETTINGS,
        |_| {},
        |ui| {
            let field = ui.add(Field::new("Find a command", &mut typed).hint("Find a command").icon(icons::SEARCH).large());
            // The field has the keyboard as long as the list shows.
            field.request_focus();
            let changed = field.changed();
            ui.add_space(gap::S);
            let height = ROWS * control::MENU_ROW;
            ScrollArea::vertical().max_height(height).min_scrolled_height(height).auto_shrink(false).show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                for (index, (action, command)) in found.iter().enumerate() {
                    if show_row(ui, action, index == at, moved) {
                        chosen = Some(command.clone());
                    }
                }
                if found.is_empty() {
                    ui.add(Words::note("No action is called so. Actions that have no meaning here are left out."));
                }
            });
            changed
        },
    );
    if shown.inner {
        at = 0;
        draw.ask(Command::ShowDialog(Dialog::Palette(typed)));
    }
    ui.data_mut(|data| data.insert_temp(id, at));
    if chosen.is_some() || shown.closed {
        ui.data_mut(|data| data.remove::<usize>(id));
        draw.ask(Command::ShowDialog(Dialog::None));
        draw.commands.extend(chosen);
    }
}

/// A row; whether it was clicked.
fn show_row(ui: &mut Ui, action: &Action, on: bool, follow: bool) -> bool {
    let p = Theme::of(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), control::MENU_ROW), Sense::CLICK);
    if on || response.hovered() {
        ui.painter().rect_filled(rect, 0, p.ground(on, response.hovered(), p.bg2));
    }
    if on {
        paint::selected_bar(ui.painter(), rect, &p);
        if follow {
            response.scroll_to_me(None);
        }
    }
    let inner = rect.shrink2(vec2(gap::M, 0.0));
    let mut row = ui.new_child(eframe::egui::UiBuilder::new().max_rect(inner).layout(Layout::right_to_left(Align::Center)));
    if let Some(chord) = action.chords.first() {
        keys(&mut row, &chord.caps());
    }
    row.with_layout(Layout::left_to_right(Align::Center), |ui| {
        ui.add(Words::new(action.words).size(Type::Body).ink(if on { Ink::Body } else { Ink::Label }));
    });
    paint::name_on(&response, eframe::egui::Role::ListBoxOption, on, action.words);
    response.clicked()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_a_meaning_here_is_offered() {
        let state = State::default();
        let words = |wanted: &str| found(&state, wanted).iter().map(|(action, _)| action.words).collect::<Vec<_>>();
        assert_eq!(words("sample"), ["Try the sample study"]);
        assert_eq!(words("STUDY sample"), ["Try the sample study"]);
        assert!(words("").contains(&"Open folder…"));
        assert!(words("brush").is_empty(), "there is no case to draw in");
        assert!(words("command list").is_empty(), "it shows already");
    }
}
