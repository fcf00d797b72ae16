//! Jobs: the run in progress, and those that ended since the program started.

use std::time::Duration;

use eframe::egui::{Align, Frame, Layout, ScrollArea, Ui, vec2};

use crate::command::Command;
use crate::look::tokens::{State as Sign, Type, control, gap, icon, layout, line};
use crate::look::widgets::{Button, IconButton, Ink, Words, card, empty, progress_bar, rule, section_head, table, tag};
use crate::look::{icons, paint, theme};
use crate::screens::segment::quality_name;
use crate::screens::{Draw, shell, words};
use crate::state::{EngineStatus, FinishedRun, Outcome, Run, State};

/// How often the clock of a run moves.
const CLOCK: Duration = Duration::from_millis(500);
/// Share of a row that its words take.
const WORDS_SHARE: f32 = 0.42;

pub(super) fn ui(ui: &mut Ui, draw: &mut Draw<'_>) {
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        let width = layout::DIALOG.min(ui.available_width() - 2.0 * gap::XL);
        let side = ((ui.available_width() - width) * line::HALF).max(gap::XL);
        Frame::new().inner_margin(theme::margin(side, gap::XL)).show(ui, |ui| {
            ui.set_width(width);
            computer(ui, draw.state);
            ui.add_space(gap::L);
            if draw.state.run.is_none() && draw.state.finished.is_empty() {
                ui.add_space(gap::XXL);
                empty(ui, "Runs appear here while they go on and after they ended.");
                return;
            }
            let state = draw.state;
            table(ui, |ui| {
                if let Some(run) = &state.run {
                    running(ui, draw, run);
                }
                for run in state.finished.iter().rev() {
                    finished(ui, draw, run);
                }
            });
        });
    });
}

/// This computer: its device, and what it does.
fn computer(ui: &mut Ui, state: &State) {
    card(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = gap::S;
            ui.add(Words::new("This computer").strong());
            ui.add(Words::new(&shell::device_name(state)).ink(Ink::Label));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let (sign, word) = match state.engine {
                    EngineStatus::Stopped => (Sign::Err, "Stopped"),
                    EngineStatus::Starting => (Sign::Neutral, "Starting"),
                    EngineStatus::Busy => (Sign::Accent, "Busy"),
                    EngineStatus::Ready => (Sign::Ok, "Ready"),
                };
                tag(ui, sign, None, word);
            });
        });
    });
    ui.add_space(gap::L);
    section_head(ui, "Runs", None);
}

/// A row: icon, words, state, progress, time, buttons.
fn row(ui: &mut Ui, words: (&str, &str), state: (Sign, &str), share: f32, time: &str, buttons: impl FnOnce(&mut Ui)) {
    let size = vec2(ui.available_width(), control::LIST_ROW);
    let (rect, _) = ui.allocate_exact_size(size, eframe::egui::Sense::hover());
    let inner = rect.shrink2(vec2(gap::M, 0.0));
    let builder = eframe::egui::UiBuilder::new().max_rect(inner).layout(Layout::left_to_right(Align::Center));
    let mut ui_row = ui.new_child(builder);
    let row = &mut ui_row;
    row.spacing_mut().item_spacing.x = gap::M;
    let (sign, _) = row.allocate_exact_size(vec2(icon::BAR, icon::BAR), eframe::egui::Sense::hover());
    let ink = crate::look::Theme::of(row).text2;
    paint::icon(row.painter(), sign.center(), icons::SEGMENT, icon::BAR, ink);
    let (title, about) = words;
    row.allocate_ui_with_layout(vec2(inner.width() * WORDS_SHARE, control::LIST_ROW), Layout::top_down(Align::Min), |ui| {
        ui.set_width(inner.width() * WORDS_SHARE);
        ui.spacing_mut().item_spacing.y = 0.0;
        ui.add_space((control::LIST_ROW - Type::Body.line() - Type::Small.line()) * line::HALF);
        ui.add(Words::new(title).strong());
        ui.add(Words::small(about));
    });
    row.allocate_ui_with_layout(vec2(control::MENU, control::TAG), Layout::left_to_right(Align::Center), |ui| {
        ui.set_width(control::MENU);
        tag(ui, state.0, None, state.1);
    });
    progress_bar(row, title, share, if state.0 == Sign::Accent { Sign::Accent } else { Sign::Neutral }, control::MENU);
    row.with_layout(Layout::right_to_left(Align::Center), |ui| {
        buttons(ui);
        ui.add(Words::new(time).ink(Ink::Label));
    });
    rule(ui);
}

fn running(ui: &mut Ui, draw: &mut Draw<'_>, run: &Run) {
    ui.ctx().request_repaint_after(CLOCK);
    let left = run.tiles.and_then(|tiles| tiles.eta_seconds).map(|left| format!("{} left", words::time_left(left)));
    let (state, time) = match (&draw.state.engine, run.cancelled) {
        (EngineStatus::Stopped, _) => ((Sign::Err, "Stopped"), "the finished part is kept".to_owned()),
        (_, true) => ((Sign::Neutral, "Cancelling"), String::new()),
        _ => ((Sign::Accent, "Running"), left.unwrap_or_else(|| "measuring…".to_owned())),
    };
    let tiles = run.tiles.map_or_else(|| run.stage.to_string(), |tiles| format!("{} of {} tiles", tiles.done, tiles.total));
    let about = format!("{} · {tiles}", quality_name(run.quality));
    let stopped = draw.state.engine == EngineStatus::Stopped;
    row(ui, (&run.model_name, &about), state, run.share(), &time, |ui| {
        if stopped {
            if ui.add(Button::plain("Restart and continue")).clicked() {
                draw.ask(Command::RestartEngine);
            }
        } else if ui.add(IconButton::small(icons::CLOSE, "Cancel the run").enabled(!run.cancelled)).clicked() {
            draw.ask(Command::CancelRun);
        }
    });
}

fn finished(ui: &mut Ui, draw: &mut Draw<'_>, run: &FinishedRun) {
    let took = format!("took {}", words::duration(run.seconds));
    let cancelled = format!("Cancelled at {:.0} %", run.share * 100.0);
    let (sign, word, about) = match &run.outcome {
        Outcome::Done => (Sign::Ok, "Done", quality_name(run.quality).to_owned()),
        Outcome::Cancelled => (Sign::Neutral, cancelled.as_str(), "The finished part is a layer".to_owned()),
        Outcome::Failed(reason) => (Sign::Err, "Failed", reason.clone()),
    };
    let title = format!("{}, {}", run.title, run.model_name);
    row(ui, (&title, &about), (sign, word), run.share, &took, |ui| {
        if ui.add(IconButton::small(icons::RIGHT, &format!("Open {}", run.title))).clicked() {
            draw.ask(Command::OpenCase(run.case.clone()));
        }
    });
}
