//! What is around every screen: top bar, banners, status bar.

use eframe::egui::{CentralPanel, Frame, Panel, Ui};

use crate::command::Command;
use crate::look::Theme;
use crate::look::icons;
use crate::look::tokens::{Panels, State as Sign, breakpoint};
use crate::look::widgets::bars::{TopAction, TopTitle, bar_rule};
use crate::look::widgets::{Banner, BannerAction, Button, IconButton, ModeTab, Notice, mode_tabs, status_bar, top_bar};
use crate::screens::{Draw, log, words};
use crate::state::{Dialog, EngineStatus, Mode, Screen, SettingsPage, Severity, State};

/// Draws the bars, and the screen between them.
pub(super) fn around(ui: &mut Ui, draw: &mut Draw<'_>, screen: impl FnOnce(&mut Ui, &mut Draw<'_>)) {
    top(ui, draw);
    banners(ui, draw);
    let (middle, sign, saved) = status(draw.state);
    status_bar(ui, &middle, sign, &saved);
    if draw.state.dialog == Dialog::Log {
        log::show(ui, draw);
    }
    let ground = Theme::of(ui).bg0;
    CentralPanel::default().frame(Frame::new().fill(ground)).show(ui, |ui| screen(ui, draw));
}

fn top(ui: &mut Ui, draw: &mut Draw<'_>) {
    let state = draw.state;
    let (title, about) = title(state);
    let in_case = matches!(state.screen, Screen::Case(_));
    let top_title = TopTitle { title: &title, about: &about, stacked: in_case };
    let panels = breakpoint(ui.ctx().content_rect().width());
    let (mut asked, mut chosen) = (Vec::new(), None);
    let action = top_bar(
        ui,
        top_title,
        state.screen != Screen::Home,
        |ui| {
            if let Screen::Case(mode) = state.screen {
                chosen = mode_tabs(ui, mode, &TABS, panels);
            }
        },
        |ui| {
            if in_case {
                device_chip(ui, state, panels, &mut asked);
                jobs_button(ui, state, &mut asked);
            } else if state.screen == Screen::Home {
                if ui.add(Button::quiet("Jobs").icon(icons::JOBS)).clicked() {
                    asked.push(Command::Show(Screen::Jobs));
                }
                bar_rule(ui);
            }
        },
    );
    draw.commands.append(&mut asked);
    if let Some(mode) = chosen {
        draw.ask(Command::SetMode(mode));
    }
    match action {
        Some(TopAction::Home) => draw.ask(Command::Show(Screen::Home)),
        Some(TopAction::Search) => draw.ask(Command::ShowDialog(Dialog::Palette(String::new()))),
        Some(TopAction::Help) => draw.ask(Command::ShowDialog(Dialog::Keyboard)),
        Some(TopAction::Settings) => draw.ask(Command::ShowSettings(SettingsPage::default())),
        None => {}
    }
}

const TABS: [ModeTab<'static, Mode>; 5] = [
    ModeTab { mode: Mode::View, icon: icons::GRID, text: "View" },
    ModeTab { mode: Mode::Segment, icon: icons::SEGMENT, text: "Segment" },
    ModeTab { mode: Mode::Review, icon: icons::REVIEW, text: "Review" },
    ModeTab { mode: Mode::Edit, icon: icons::BRUSH, text: "Edit" },
    ModeTab { mode: Mode::Export, icon: icons::EXPORT, text: "Export" },
];

/// Title and second line of the top bar.
fn title(state: &State) -> (String, String) {
    match state.screen {
        Screen::Home => ("Voxelry".to_owned(), String::new()),
        Screen::Series => {
            let listing = state.listing.as_ref();
            let folder = listing.and_then(|listing| listing.input.file_name()).map(|name| name.to_string_lossy().into_owned());
            let counted = listing
                .and_then(|listing| listing.report.as_ref())
                .map(|report| format!("{} series, {} in one folder", report.studies.len(), words::counted(report.files, "file", "files")));
            ("Choose a series".to_owned(), [folder, counted].into_iter().flatten().collect::<Vec<_>>().join(" · "))
        }
        Screen::Case(_) => state.case.as_ref().map_or_else(Default::default, |case| (case.file.title.clone(), case.file.subtitle.clone())),
        Screen::Settings(_) => ("Settings".to_owned(), String::new()),
        Screen::Jobs => {
            let ended = words::counted(state.finished.len(), "ended", "ended");
            let about = match (&state.run, state.finished.is_empty()) {
                (Some(_), true) => "1 running".to_owned(),
                (Some(_), false) => format!("1 running, {ended}"),
                (None, true) => String::new(),
                (None, false) => ended,
            };
            ("Jobs".to_owned(), about)
        }
    }
}

/// The device as a chip: its name and what it does.
fn device_chip(ui: &mut Ui, state: &State, panels: Panels, asked: &mut Vec<Command>) {
    let name = device_name(state);
    let (text, short) = match (&state.engine, &state.run) {
        (EngineStatus::Stopped, _) => ("Engine stopped".to_owned(), "Stopped".to_owned()),
        (_, Some(run)) => (format!("{name} · {:.0} %", run.share() * 100.0), format!("{:.0} %", run.share() * 100.0)),
        (EngineStatus::Starting, _) => ("Engine starting".to_owned(), "Starting".to_owned()),
        _ => (format!("{name} · ready"), "Ready".to_owned()),
    };
    let (icon, sign) = match (&state.engine, &state.run) {
        (EngineStatus::Stopped, _) => (icons::ERROR, Sign::Err),
        (_, Some(_)) => (icons::CHIP, Sign::Accent),
        _ => (icons::CHIP, Sign::Neutral),
    };
    // The modes in the middle leave less room in narrower windows.
    let shown = if panels == Panels::Wide { &text } else { &short };
    if ui.add(Button::chip(shown).icon(icon).sign(sign)).on_hover_text(&text).clicked() {
        asked.push(Command::ShowSettings(SettingsPage::Device));
    }
}

fn jobs_button(ui: &mut Ui, state: &State, asked: &mut Vec<Command>) {
    let count = if state.run.is_some() { "1" } else { "" };
    if ui.add(IconButton::new(icons::JOBS, "Jobs").count(count)).clicked() {
        asked.push(Command::Show(Screen::Jobs));
    }
}

/// The device as people would name it.
pub(super) fn device_name(state: &State) -> String {
    let Some(device) = &state.device else { return "Engine".to_owned() };
    // "NVIDIA X (Vulkan, driver ...)" is too long for a chip.
    device.chosen.split(['(', ',']).next().unwrap_or_default().trim().to_owned()
}

fn banners(ui: &mut Ui, draw: &mut Draw<'_>) {
    for banner in &draw.state.banners {
        let notice = match banner.severity {
            Severity::Info => Notice::Info,
            Severity::Warning => Notice::Warning,
            Severity::Error => Notice::Error,
        };
        let mut shown = Banner::new(notice, &banner.cause, &banner.detail).dismissable();
        if let Some((text, _)) = &banner.remedy {
            // Enter presses it where a fault shows; what is only doubtful has to be meant.
            shown = if banner.severity == Severity::Warning { shown.plain(text, None) } else { shown.primary(text, None) };
        }
        if banner.report.is_some() {
            shown = shown.link("Copy report");
        }
        let frame = Frame::new();
        let panel = Panel::top(("banner", &banner.cause)).frame(frame).resizable(false).show_separator_line(false);
        let (_, action) = panel.show(ui, |ui| shown.show(ui)).inner;
        match action {
            Some(BannerAction::Button) => {
                draw.commands.push(Command::DismissBanner(banner.cause.clone()));
                draw.commands.extend(banner.remedy.as_ref().map(|(_, command)| command.clone()));
            }
            Some(BannerAction::Link) => {
                draw.commands.extend(banner.report.clone().map(Command::CopyReport));
            }
            Some(BannerAction::Dismiss) => draw.commands.push(Command::DismissBanner(banner.cause.clone())),
            None => {}
        }
    }
}

/// Middle and right of the status bar.
fn status(state: &State) -> (String, Sign, String) {
    let middle = if let Some(path) = &state.opening {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        format!("Reading {name}…")
    } else {
        pointer(state).unwrap_or_default()
    };
    match (&state.screen, &state.case) {
        (Screen::Case(_), Some(case)) => match (&case.edit.paused, &case.edit.saved_at) {
            (Some(_), _) => (middle, Sign::Err, "The last stroke is not saved".to_owned()),
            (None, Some(at)) => (middle, Sign::Ok, format!("All edits saved {} UTC", clock(at))),
            (None, None) if state.engine == EngineStatus::Stopped => (middle, Sign::Err, "Engine stopped".to_owned()),
            (None, None) if state.run.is_some() => (middle, Sign::Neutral, "Engine busy".to_owned()),
            (None, None) => (middle, Sign::Neutral, "Engine ready".to_owned()),
        },
        (Screen::Series, _) => {
            let took = state.listing.as_ref().filter(|listing| listing.report.is_some()).map(|listing| listing.took.as_secs_f64());
            (middle, Sign::Neutral, took.map_or_else(String::new, |took| format!("Reading finished in {took:.1} s")))
        }
        (Screen::Settings(_), _) => (middle, Sign::Neutral, "Changes apply at once".to_owned()),
        _ => (middle, Sign::Neutral, concat!("Version ", env!("CARGO_PKG_VERSION")).to_owned()),
    }
}

/// `14:32:07` of an RFC 3339 time.
fn clock(at: &str) -> &str {
    at.get(11..19).unwrap_or(at)
}

/// Place, value and structure under the pointer.
fn pointer(state: &State) -> Option<String> {
    let case = state.case.as_ref().filter(|_| matches!(state.screen, Screen::Case(_)))?;
    let at = case.view.pointer_zyx?;
    let voxel = case.voxel_of(at)?;
    let pos = case.file.geometry.pos_lps_mm(at);
    let axis = |value: f64, positive: char, negative: char| format!("{} {:.1}", if value < 0.0 { negative } else { positive }, value.abs());
    let place = [axis(pos.x, 'L', 'R'), axis(pos.y, 'P', 'A'), axis(pos.z, 'S', 'I')].join("  ");
    let unit = if case.file.modality == "CT" { " HU" } else { "" };
    let value = f64::from(case.image.value(voxel));
    let digits = if value == value.trunc() { 0 } else { 2 };
    let mut text = format!("{place} mm  ·  {}{unit}", words::signed(value, digits));
    if let Some(name) = case.words_of(case.label_at(voxel)) {
        text.push_str("  ·  ");
        text.push_str(&name);
    }
    Some(text)
}
