//! Jobs: the run in progress, and those that ended since the program started.

use std::time::Duration;

use eframe::egui::{Align, Layout, Rangef, Rect, Ui, UiBuilder, pos2, vec2};

use crate::command::Command;
use crate::look::tokens::{State as Sign, Type, control, gap, icon, layout, line};
use crate::look::widgets::list::{Column, table_head};
use crate::look::widgets::{Button, IconButton, Ink, Words, card, page, progress_bar, table, tag};
use crate::look::{icons, paint};
use crate::screens::segment::quality_name;
use crate::screens::{Draw, shell, words};
use crate::state::{EngineStatus, FinishedRun, Outcome, Run, State};

/// How often the clock of a run moves.
const CLOCK: Duration = Duration::from_millis(500);

pub(super) fn ui(ui: &mut Ui, draw: &mut Draw<'_>) {
    page(ui, "jobs", f32::INFINITY, gap::XL, |ui, _| {
        let state = draw.state;
        computer(ui, state);
        ui.add_space(gap::L + gap::XS);
        if state.run.is_none() && state.finished.is_empty() {
            ui.add_space(gap::XXL);
            ui.add(Words::new("Runs appear here while they go on and after they ended.").ink(Ink::Caption).centred());
            return;
        }
        table(ui, |ui| {
            head(ui);
            let count = state.finished.len();
            if let Some(run) = &state.run {
                running(ui, draw, run, count == 0);
            }
            for (at, run) in state.finished.iter().rev().enumerate() {
                finished(ui, draw, run, at + 1 == count);
            }
        });
    });
}

/// This computer: its device, what it does, and its memory while a run says how much it takes.
fn computer(ui: &mut Ui, state: &State) {
    let most = layout::HOST.min(ui.available_width());
    ui.allocate_ui_with_layout(vec2(most, 0.0), Layout::top_down(Align::Min), |ui| {
        card(ui, |ui| {
            ui.set_width(ui.available_width());
            let head = vec2(ui.available_width(), control::TAG);
            ui.allocate_ui_with_layout(head, Layout::right_to_left(Align::Center), |ui| {
                let (sign, word) = match state.engine {
                    EngineStatus::Stopped => (Sign::Err, "Stopped"),
                    EngineStatus::Starting => (Sign::Neutral, "Starting"),
                    EngineStatus::Busy => (Sign::Accent, "Busy"),
                    EngineStatus::Ready => (Sign::Ok, "Ready"),
                };
                tag(ui, sign, None, word);
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    let (rect, _) = ui.allocate_exact_size(vec2(icon::BAR, icon::BAR), eframe::egui::Sense::hover());
                    paint::icon(ui.painter(), rect.center(), icons::CHIP, icon::BAR, crate::look::Theme::of(ui).text2);
                    ui.add(Words::new("This computer").strong());
                });
            });
            ui.add_space(gap::XS);
            ui.add(Words::small(&shell::device_name(state)));
            let Some((_, needed, free)) = state.run.as_ref().and_then(|run| run.device.as_ref()) else { return };
            ui.add_space(gap::XS);
            let text = match free {
                Some(free) => format!("This run takes {} free", words::memory_of(*needed, *free)),
                None => format!("This run takes {}", words::memory(*needed)),
            };
            ui.add(Words::small(&text).ink(Ink::Caption));
        });
    });
}

/// Where the parts of a row lie.
struct Columns {
    words: Rangef,
    state: Rangef,
    progress: Rangef,
    time: Rangef,
}

fn columns(width: f32) -> Columns {
    let words = gap::M + icon::BAR + gap::M;
    let time = Rangef::new(width - gap::M - gap::L - control::TARGET - control::MENU, width - gap::M - gap::L - control::TARGET);
    let progress = Rangef::new(time.min - gap::L - control::MENU, time.min - gap::L);
    let state = Rangef::new(progress.min - gap::L - control::STATE, progress.min - gap::L);
    Columns { words: Rangef::new(words, state.min - gap::L), state, progress, time }
}

fn head(ui: &mut Ui) {
    let at = columns(ui.available_width());
    let column = |text, x, right| Column { text, x, right };
    let job = Rangef::new(gap::M, at.words.max);
    let shown = [
        column("Job", job, false),
        column("State", at.state, false),
        column("Progress", at.progress, false),
        column("Time", at.time, true),
    ];
    table_head(ui, &shown);
}

/// A row: icon, words, state, progress, time, buttons.
fn row(ui: &mut Ui, words: (&str, &str), state: (Sign, &str), share: f32, (time, last): (&str, bool), buttons: impl FnOnce(&mut Ui)) {
    let size = vec2(ui.available_width(), control::LIST_ROW);
    let (rect, _) = ui.allocate_exact_size(size, eframe::egui::Sense::hover());
    let at = columns(rect.width());
    let p = crate::look::Theme::of(ui);
    let middle = rect.center().y;
    paint::icon(ui.painter(), pos2(rect.left() + gap::M + icon::BAR * line::HALF, middle), icons::SEGMENT, icon::BAR, p.text2);
    let cell = |x: Rangef| Rect::from_min_max(pos2(rect.left() + x.min, rect.top()), pos2(rect.left() + x.max, rect.bottom()));
    let child = |ui: &mut Ui, x: Rangef, layout| ui.new_child(UiBuilder::new().max_rect(cell(x)).layout(layout));
    let (title, about) = words;
    let mut lines = child(ui, at.words, Layout::top_down(Align::Min));
    lines.spacing_mut().item_spacing.y = 0.0;
    lines.add_space((control::LIST_ROW - Type::Body.line() - Type::Small.line()) * line::HALF);
    lines.add(Words::new(title).strong());
    lines.add(Words::small(about).ink(Ink::Caption));
    tag(&mut child(ui, at.state, Layout::left_to_right(Align::Center)), state.0, None, state.1);
    let ink = if state.0 == Sign::Accent { Sign::Accent } else { Sign::Neutral };
    progress_bar(&mut child(ui, at.progress, Layout::left_to_right(Align::Center)), title, share, ink, at.progress.span());
    child(ui, at.time, Layout::right_to_left(Align::Center)).add(Words::new(time).ink(Ink::Label));
    let free = if time.is_empty() { at.time.min } else { at.time.max };
    let end = Rangef::new(free, rect.width() - gap::M);
    buttons(&mut child(ui, end, Layout::right_to_left(Align::Center)));
    if !last {
        paint::rule_below(ui.painter(), rect, p.line1);
    }
}

fn running(ui: &mut Ui, draw: &mut Draw<'_>, run: &Run, last: bool) {
    ui.ctx().request_repaint_after(CLOCK);
    let left = run.tiles.and_then(|tiles| tiles.eta_seconds).map(|left| format!("{} left", words::time_left(left)));
    let (state, time) = match (&draw.state.engine, run.cancelled) {
        (EngineStatus::Stopped, _) => ((Sign::Err, "Stopped"), String::new()),
        (_, true) => ((Sign::Neutral, "Cancelling"), String::new()),
        _ => ((Sign::Accent, "Running"), left.unwrap_or_else(|| "measuring…".to_owned())),
    };
    let tiles = run.tiles.map_or_else(|| run.stage.to_string(), |tiles| format!("{} of {} tiles", tiles.done, tiles.total));
    let stopped = draw.state.engine == EngineStatus::Stopped;
    let kept = if stopped { ", kept" } else { "" };
    let about = format!("{} · {tiles}{kept}", quality_name(run.quality));
    let known = draw.state.title_of(&run.case);
    let title = known.map_or_else(|| run.model_name.clone(), |title| format!("{title}, {}", run.model_name));
    row(ui, (&title, &about), state, run.share(), (&time, last), |ui| {
        if stopped {
            if ui.add(Button::plain("Restart and continue")).clicked() {
                draw.ask(Command::RestartEngine);
            }
        } else if ui.add(IconButton::small(icons::CLOSE, "Cancel the run").enabled(!run.cancelled)).clicked() {
            draw.ask(Command::CancelRun);
        }
    });
}

fn finished(ui: &mut Ui, draw: &mut Draw<'_>, run: &FinishedRun, last: bool) {
    let took = format!("took {}", words::duration(run.seconds));
    let cancelled = format!("Cancelled at {:.0} %", run.share * 100.0);
    let (sign, word, about) = match &run.outcome {
        Outcome::Done => (Sign::Ok, "Done", quality_name(run.quality).to_owned()),
        Outcome::Cancelled => (Sign::Neutral, cancelled.as_str(), "The finished part is a layer".to_owned()),
        Outcome::Failed(reason) => (Sign::Err, "Failed", reason.clone()),
    };
    let title = format!("{}, {}", run.title, run.model_name);
    row(ui, (&title, &about), (sign, word), run.share, (&took, last), |ui| {
        if ui.add(IconButton::small(icons::RIGHT, &format!("Open {}", run.title))).clicked() {
            draw.ask(Command::OpenCase(run.case.clone()));
        }
    });
}
