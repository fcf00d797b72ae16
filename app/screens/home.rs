//! Home: open a study.

use std::time::SystemTime;

use eframe::egui::{Align, Frame, Layout, Ui, vec2};
use jobs::case::CaseState;
use jobs::{AdapterSummary, DoctorReport};

use crate::apply::sentence;
use crate::command::Command;
use crate::look::tokens::{State as Sign, Type, control, gap, icon, layout, line};
use crate::look::widgets::notices::{result_card, result_card_about};
use crate::look::widgets::{Button, Ink, ListRow, Words, drop_zone, page, table, tag};
use crate::look::{Theme, icons, paint};
use crate::screens::segment::quality_name;
use crate::screens::{Draw, shell, words};
use crate::state::{EngineStatus, FinishedRun, Outcome, Progress, Recent, SettingsPage};

/// Size of a case's picture in the list.
const PICTURE: [f32; 2] = [control::LIST_ROW, control::LARGE + gap::XS];

pub(super) fn ui(ui: &mut Ui, draw: &mut Draw<'_>) {
    page(ui, "home", layout::HOME, gap::XXL, |ui, width| contents(ui, draw, width));
}

fn contents(ui: &mut Ui, draw: &mut Draw<'_>, width: f32) {
    ui.add_space(gap::S);
    ui.add(Words::title("Open a study").size(Type::Display));
    ui.add_space(gap::XS);
    ui.add(Words::new("DICOM folder, NIfTI, NRRD or a queue. Nothing leaves this computer.").ink(Ink::Label));
    ui.add_space(gap::XL);
    ways_in(ui, draw, width);
    ui.add_space(gap::L);
    device(ui, draw);
    ui.add_space(gap::XL);
    recent_head(ui, draw);
    ui.add_space(gap::L);
    if draw.state.recents.cases.is_empty() {
        ui.add_space(gap::XXL);
        ui.add(Words::new("Studies you open appear here.").ink(Ink::Caption).centred());
    } else {
        recents(ui, draw);
    }
}

/// The heading of the list, and the sample study on the same line.
fn recent_head(ui: &mut Ui, draw: &mut Draw<'_>) {
    let size = vec2(ui.available_width(), control::HEIGHT);
    ui.allocate_ui_with_layout(size, Layout::right_to_left(Align::Center), |ui| {
        if ui.add(Button::quiet("Try the sample study").icon(icons::FINE_TUNE)).clicked() {
            draw.ask(Command::OpenSample);
        }
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| ui.add(Words::new("Recent").size(Type::Section).strong()));
    });
}

/// Drop zone and Open, equally large.
fn ways_in(ui: &mut Ui, draw: &mut Draw<'_>, width: f32) {
    let size = vec2((width - gap::L) * line::HALF, control::DROP_ZONE);
    let hot = ui.ctx().input(|input| !input.raw.hovered_files.is_empty());
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = gap::L;
        if drop_zone(ui, icons::DOWNLOAD, "Drop a folder or file here", "or paste a path with", "Ctrl V", hot, size).clicked() {
            draw.ask(Command::OpenFolder);
        }
        ui.allocate_ui(size, |ui| open_card(ui, draw, size));
    });
}

fn open_card(ui: &mut Ui, draw: &mut Draw<'_>, size: eframe::egui::Vec2) {
    let p = Theme::of(ui);
    let frame = Frame::new()
        .fill(p.bg1)
        .stroke(eframe::egui::Stroke::new(line::THIN, p.line2))
        .corner_radius(crate::look::theme::corners(crate::look::tokens::radius::CARD));
    frame.show(ui, |ui| {
        ui.set_min_size(size - vec2(line::FOCUS, line::FOCUS));
        ui.vertical_centered(|ui| {
            let content = icon::CARD + gap::M + 2.0 * control::LARGE + gap::S;
            ui.add_space((size.y - content) * line::HALF);
            let (rect, _) = ui.allocate_exact_size(vec2(icon::CARD, icon::CARD), eframe::egui::Sense::hover());
            paint::icon(ui.painter(), rect.center(), icons::FOLDER_OPEN, icon::CARD, p.text2);
            ui.add_space(gap::M);
            let folder = Button::primary("Open folder…").large().key("Ctrl O").width(control::WIDE_BUTTON);
            if ui.add(folder).clicked() {
                draw.ask(Command::OpenFolder);
            }
            ui.add_space(gap::S);
            if ui.add(Button::plain("Open file…").large().width(control::WIDE_BUTTON)).clicked() {
                draw.ask(Command::OpenFile);
            }
        });
    });
}

/// What this machine runs on.
fn device(ui: &mut Ui, draw: &mut Draw<'_>) {
    let state = draw.state;
    let (sign, mark, word) = match (&state.engine, &state.device) {
        (EngineStatus::Stopped, _) => (Sign::Err, Some(icons::ERROR), "Stopped"),
        (_, None) => (Sign::Neutral, None, "Looking"),
        (EngineStatus::Busy, _) => (Sign::Accent, None, "Busy"),
        _ => (Sign::Ok, Some(icons::CHECK), "Ready"),
    };
    let on_cpu = state.device.as_ref().filter(|device| adapter_of(device).is_none());
    let by_choice = state.settings.device == "cpu";
    match on_cpu {
        Some(device) if !by_choice => {
            let about = format!("{} Masks agree with those from a GPU.", why_no_gpu(device));
            result_card_about(ui, Sign::Warn, (icons::CHIP, Sign::Warn), &about, |ui| no_gpu(ui, draw, device));
        }
        _ => result_card(ui, Sign::Neutral, (icons::CHIP, sign), |ui| {
            let width = ui.available_width();
            ui.set_min_width(width);
            ui.add(Words::new(&shell::device_name(state)).strong());
            let about = match &state.device {
                None => "Looking at this machine's devices…".to_owned(),
                Some(device) => adapter_of(device).map_or_else(
                    || format!("{} · masks agree with those from a GPU", host(device)),
                    |adapter| about_adapter(device, adapter),
                ),
            };
            ui.add(Words::new(&about).ink(Ink::Label));
            tag(ui, sign, mark, word);
            last_run(ui, &state.finished);
        }),
    }
}

/// How long the last whole run took, as a measure of what this device can do. Nothing before there was one.
fn last_run(ui: &mut Ui, finished: &[FinishedRun]) {
    let Some(run) = finished.iter().rev().find(|run| run.outcome == Outcome::Done) else { return };
    let text = format!("{} with {} took {}", run.title, quality_name(run.quality), words::duration(run.seconds));
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| ui.add(Words::small(&text)));
}

/// "8 threads, 15.6 GB memory".
fn host(device: &DoctorReport) -> String {
    let memory = device.main_memory_mib.map(|mib| format!(", {} memory", words::memory(mib))).unwrap_or_default();
    format!("{} threads{memory}", device.threads)
}

/// "Vulkan · integrated, shares 15.6 GB with the processor". What a card has of its own, no driver says the same way everywhere.
fn about_adapter(device: &DoctorReport, adapter: &AdapterSummary) -> String {
    let shared = device.main_memory_mib.filter(|_| adapter.kind == "integrated");
    let shared = shared.map(|mib| format!(", shares {} with the processor", words::memory(mib))).unwrap_or_default();
    format!("{} · {}{shared}", words::backend(&adapter.backend), adapter.kind)
}

/// The adapter runs are made on; none with the CPU engine.
fn adapter_of(device: &DoctorReport) -> Option<&AdapterSummary> {
    device.adapters.iter().find(|adapter| device.chosen.contains(&adapter.name))
}

fn no_gpu(ui: &mut Ui, draw: &mut Draw<'_>, device: &DoctorReport) {
    ui.set_min_width(ui.available_width());
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        if ui.add(Button::plain("Why?")).clicked() {
            draw.ask(Command::ShowSettings(SettingsPage::Device));
        }
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            ui.add(Words::new("No usable GPU found").strong());
            let about = format!("Using the CPU engine: {}", host(device));
            ui.add(Words::new(&about).ink(Ink::Label));
            tag(ui, Sign::Warn, None, "Slower");
            last_run(ui, &draw.state.finished);
        });
    });
}

/// What is known about why no adapter is used, as one sentence.
fn why_no_gpu(device: &DoctorReport) -> String {
    match device.adapters.as_slice() {
        [] => "No graphics driver offers Vulkan, Metal or DirectX 12.".to_owned(),
        [first, ..] => match first.fault.as_ref().or(first.warning.as_ref()) {
            Some(fault) => format!("{}: {}", first.name, sentence(fault)),
            None => format!("The only driver is software ({}), which is slower than the CPU engine.", short_name(&first.name)),
        },
    }
}

/// A name without what stands in brackets after it.
fn short_name(name: &str) -> &str {
    name.split('(').next().unwrap_or_default().trim()
}

fn recents(ui: &mut Ui, draw: &mut Draw<'_>) {
    let count = draw.state.recents.cases.len();
    let now = SystemTime::now();
    table(ui, |ui| {
        for (i, recent) in draw.state.recents.cases.iter().enumerate() {
            let case = recent.queue.as_ref().map_or(Some(recent.case.as_path()), Progress::current_case);
            let picture = case.and_then(|case| draw.pictures.of(ui.ctx(), &case.join("thumb.png")));
            let (about, sign, word) = match &recent.queue {
                Some(queue) => (progress_words(queue), Sign::Accent, format!("{} of {}", queue.decided(), queue.cases)),
                None => {
                    let about = [recent.subtitle.as_str(), recent.summary.as_str()].into_iter().filter(|text| !text.is_empty());
                    let (sign, word) = state_words(recent);
                    (about.collect::<Vec<_>>().join(" · "), sign, word.to_owned())
                }
            };
            let when = words::ago(&recent.at, now);
            let mut row = ListRow::new(&recent.title).about(&about).tag(sign, &word).value(&when).picture(picture.as_ref(), PICTURE);
            if i == 0 {
                row = row.first();
            }
            if i + 1 == count {
                row = row.last();
            }
            if ui.add(row).clicked() {
                let again = if recent.queue.is_some() { Command::ReopenQueue } else { Command::OpenCase };
                draw.commands.push(again(recent.case.clone()));
            }
        }
    });
}

/// "50 cases · 31 accepted, 2 flagged".
fn progress_words(queue: &Progress) -> String {
    let counts = [(queue.accepted, "accepted"), (queue.rejected, "rejected"), (queue.flagged, "flagged")];
    let counts: Vec<String> = counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    let cases = words::counted(queue.cases, "case", "cases");
    if counts.is_empty() { format!("{cases} · none decided yet") } else { format!("{cases} · {}", counts.join(", ")) }
}

fn state_words(recent: &Recent) -> (Sign, &'static str) {
    match recent.state {
        CaseState::Opened => (Sign::Neutral, "Opened"),
        CaseState::InReview => (Sign::Warn, "In review"),
        CaseState::Accepted => (Sign::Ok, "Accepted"),
        CaseState::Rejected => (Sign::Err, "Rejected"),
        CaseState::Flagged => (Sign::Warn, "Flagged"),
    }
}
