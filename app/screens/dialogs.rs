//! What lies over the screen: keyboard, command list, the name of a new structure, and a question before what cannot be undone.

use eframe::egui::{Key, Sense, Ui, vec2};
use jobs::structure_words;

use crate::command::Command;
use crate::look::tokens::{control, gap, layout};
use crate::look::widgets::{Button, Field, Words, dialog, trailing};
use crate::screens::{Draw, keyboard, palette};
use crate::state::Dialog;

/// Shows the dialog there is, if any. The log is a panel and shows elsewhere.
pub(super) fn show(ui: &mut Ui, draw: &mut Draw<'_>) {
    let state = draw.state;
    match &state.dialog {
        Dialog::None | Dialog::Log => {}
        Dialog::Keyboard => keyboard::show(ui, draw),
        Dialog::Palette(text) => palette::show(ui, draw, text),
        Dialog::NewStructure(name) => new_structure(ui, draw, name),
        Dialog::Confirm { question, action, command } => confirm(ui, draw, question, action, command),
    }
}

fn close(draw: &mut Draw<'_>) {
    draw.ask(Command::ShowDialog(Dialog::None));
}

fn new_structure(ui: &mut Ui, draw: &mut Draw<'_>, name: &str) {
    let mut typed = name.to_owned();
    let shown = dialog(
        ui,
        "New structure",
        layout::STEPS * 2.0,
        |_| {},
        |ui| {
            let field = ui.add(Field::new("Name of the structure", &mut typed).hint("Name").large());
            let entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
            let changed = field.changed();
            if !field.has_focus() && !entered {
                field.request_focus();
            }
            ui.add_space(gap::S);
            let known = draw.state.case.as_ref().and_then(|case| case.table()).is_some_and(|table| {
                table.iter().any(|label| structure_words(&label.name).eq_ignore_ascii_case(&structure_words(typed.trim())))
            });
            let about = if known { "A structure of this name is there; it is put in focus." } else { "It gets the next free colour." };
            ui.add(Words::note(about));
            ui.add_space(gap::M);
            let usable = !typed.trim().is_empty();
            let pressed = buttons(ui, "Add", usable);
            (changed, (entered || pressed == Some(true)) && usable, pressed == Some(false))
        },
    );
    let (changed, add, cancel) = shown.inner;
    if add {
        close(draw);
        draw.ask(Command::NewStructure(typed));
    } else if shown.closed || cancel {
        close(draw);
    } else if changed {
        draw.ask(Command::ShowDialog(Dialog::NewStructure(typed)));
    }
}

fn confirm(ui: &mut Ui, draw: &mut Draw<'_>, question: &str, action: &str, command: &Command) {
    let shown = dialog(
        ui,
        action,
        layout::STEPS * 2.0,
        |_| {},
        |ui| {
            ui.add(Words::new(question).wrap());
            ui.add_space(gap::L);
            let entered = ui.memory(|memory| memory.focused().is_none()) && ui.input(|input| input.key_pressed(Key::Enter));
            buttons(ui, action, true).or(entered.then_some(true))
        },
    );
    match shown.inner {
        Some(true) => {
            close(draw);
            draw.ask(command.clone());
        }
        Some(false) => close(draw),
        None if shown.closed => close(draw),
        None => {}
    }
}

/// Primary at the right and Cancel beside it; which one was pressed.
fn buttons(ui: &mut Ui, action: &str, enabled: bool) -> Option<bool> {
    let mut pressed = None;
    let (room, _) = ui.allocate_exact_size(vec2(ui.available_width(), control::LARGE), Sense::hover());
    trailing(ui, action, room, |ui| {
        ui.spacing_mut().item_spacing.x = gap::S;
        if ui.add(Button::plain("Cancel").large().key("Esc")).clicked() {
            pressed = Some(false);
        }
        if ui.add(Button::primary(action).large().key("Enter").enabled(enabled)).clicked() {
            pressed = Some(true);
        }
    });
    pressed
}
