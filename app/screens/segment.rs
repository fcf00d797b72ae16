//! Mode Segment: which model, how carefully, what it takes; and the run while it goes on.

use std::time::Duration;

use eframe::egui::{Frame, Panel, ScrollArea, Ui};
use jobs::{Estimate, EstimateReport, Fit, ModelCard, Quality, Stage, structure_words};

use crate::command::Command;
use crate::look::tokens::{Panels, State as Sign, Type, control, gap};
use crate::look::widgets::notices::note;
use crate::look::widgets::progress::legend;
use crate::look::widgets::{
    Button, Ink, RadioCard, Words, checkbox, compact_card, fact, head_row, link, memory_bar, progress_bar, rule, section_head, select,
    setting_row, state_row, tag, tile_map,
};
use crate::look::{Theme, icons, theme};
use crate::screens::{Draw, words};
use crate::state::{Case, EngineStatus, Run, Screen, State};

/// Models shown before "All" is pressed.
const FIRST_MODELS: usize = 4;
/// Tiles after which the time left is worth something.
const TIMED_TILES: u64 = 3;
/// How often the clock of a run moves.
const CLOCK: Duration = Duration::from_millis(500);
/// Steps of a run, in their order.
const STEPS: [Stage; 6] =
    [Stage::LoadingModel, Stage::PreparingDevice, Stage::ReadingInput, Stage::Preprocessing, Stage::Predicting, Stage::Writing];

/// The right panel of the mode.
pub(super) fn panel(ui: &mut Ui, draw: &mut Draw<'_>) {
    let Some(case) = &draw.state.case else { return };
    match running(draw.state, case) {
        Some(run) if draw.state.engine == EngineStatus::Stopped => stopped(ui, draw, run),
        Some(run) => progress(ui, draw, run),
        None => setup(ui, draw, case),
    }
}

/// What Enter does.
pub(super) fn primary(state: &State) -> Option<Command> {
    let case = state.case.as_ref()?;
    if running(state, case).is_some() {
        return (state.engine == EngineStatus::Stopped).then_some(Command::RestartEngine);
    }
    refusal(state).is_none().then_some(Command::StartRun)
}

/// The run in progress, if it is of this case.
fn running<'a>(state: &'a State, case: &Case) -> Option<&'a Run> {
    state.run.as_ref().filter(|run| run.case == case.folder.path())
}

fn chosen(state: &State) -> Option<&ModelCard> {
    let path = state.setup.model.as_ref()?;
    state.models.iter().find(|card| card.path == *path)
}

fn estimated(state: &State) -> Option<&EstimateReport> {
    state.setup.estimates.get(state.setup.model.as_ref()?)
}

fn of_quality(report: &EstimateReport, quality: Quality) -> Option<&Estimate> {
    report.qualities.iter().find(|estimate| estimate.quality == quality)
}

/// Why a run cannot start now.
fn refusal(state: &State) -> Option<String> {
    if state.run.is_some() {
        return Some("A run of another case is in progress.".to_owned());
    }
    if state.engine == EngineStatus::Stopped {
        return Some("The engine is stopped.".to_owned());
    }
    let Some(card) = chosen(state) else { return Some("Choose a model first.".to_owned()) };
    if let Fit::Refused { reason } = &card.fit {
        return Some(reason.clone());
    }
    let estimate = estimated(state).and_then(|report| of_quality(report, state.setup.quality));
    estimate.and_then(|estimate| estimate.refused.clone())
}

/// A section of the panel.
fn section(ui: &mut Ui, contents: impl FnOnce(&mut Ui)) {
    Frame::new().inner_margin(theme::margin(gap::M, gap::M)).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = 0.0;
        contents(ui);
    });
    rule(ui);
}

/// What stands below the sections that scroll.
fn foot(ui: &mut Ui, contents: impl FnOnce(&mut Ui)) {
    let frame = Frame::new().fill(Theme::of(ui).bg1).inner_margin(theme::margin(gap::M, gap::M));
    Panel::bottom("segment foot").resizable(false).frame(frame).show(ui, contents);
}

fn scrolled(ui: &mut Ui, contents: impl FnOnce(&mut Ui)) {
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        contents(ui);
    });
}

fn setup(ui: &mut Ui, draw: &mut Draw<'_>, case: &Case) {
    start(ui, draw);
    scrolled(ui, |ui| {
        section(ui, |ui| models(ui, draw));
        if chosen(draw.state).is_some() {
            section(ui, |ui| qualities(ui, draw));
            section(ui, |ui| memory(ui, draw.state));
        }
        section(ui, |ui| choices(ui, draw));
        if case.layers.is_empty() {
            section(ui, |ui| {
                ui.add(Words::note("No mask yet. The run makes one; or draw one in Edit."));
            });
        }
    });
}

/// The primary button, and what keeps it from being pressed.
fn start(ui: &mut Ui, draw: &mut Draw<'_>) {
    foot(ui, |ui| {
        let width = ui.available_width();
        let refusal = refusal(draw.state);
        let stopped = draw.state.engine == EngineStatus::Stopped;
        let (text, sign) = if stopped { ("Restart the engine", icons::RESTART) } else { ("Segment", icons::PLAY) };
        let enabled = stopped || refusal.is_none();
        if ui.add(Button::primary(text).large().icon(sign).key("Enter").width(width).enabled(enabled)).clicked() {
            draw.ask(if stopped { Command::RestartEngine } else { Command::StartRun });
        }
        ui.add_space(gap::S);
        match &refusal {
            None => drop(ui.add(Words::small("The result is a new layer. Existing layers stay.").ink(Ink::Caption).centred())),
            Some(reason) => drop(ui.add(Words::small(&sentence(reason)).wrap())),
        }
        if draw.state.run.is_some() && link(ui, "Show jobs").clicked() {
            draw.ask(Command::Show(Screen::Jobs));
        }
    });
}

fn models(ui: &mut Ui, draw: &mut Draw<'_>) {
    let state = draw.state;
    let all_id = ui.scope_id().with("all models");
    let all = ui.data(|data| data.get_temp::<bool>(all_id)).unwrap_or(false);
    head_row(ui, |ui| {
        ui.add(Words::new("Model").strong());
        ui.with_layout(eframe::egui::Layout::right_to_left(eframe::egui::Align::Center), |ui| {
            if state.models.len() > FIRST_MODELS {
                let text = if all { "Fewer".to_owned() } else { format!("All {}", state.models.len()) };
                if link(ui, &text).clicked() {
                    ui.data_mut(|data| data.insert_temp(all_id, !all));
                }
            }
        });
    });
    ui.add_space(gap::S);
    if state.models.is_empty() {
        ui.add(Words::note("No models found yet. Add a model file, or a folder as nnU-Net writes it."));
        ui.add_space(gap::S);
    }
    for (at, card) in state.models.iter().enumerate() {
        let is_chosen = state.setup.model.as_ref() == Some(&card.path);
        if at < FIRST_MODELS || all || is_chosen {
            model(ui, draw, card, is_chosen);
            ui.add_space(gap::S);
        }
    }
    ui.horizontal(|ui| {
        if ui.add(Button::quiet("Add model…").icon(icons::ADD)).clicked() {
            draw.ask(Command::PickModel { folder: false });
        }
        if ui.add(Button::quiet("Add folder…").icon(icons::FOLDER_OPEN)).clicked() {
            draw.ask(Command::PickModel { folder: true });
        }
    });
}

fn model(ui: &mut Ui, draw: &mut Draw<'_>, card: &ModelCard, is_chosen: bool) {
    let modality = if card.modality.is_empty() { "modality not stated" } else { &card.modality };
    let size = words::bytes(card.bytes);
    let structures = counted(card.labels.len(), "structure", "structures");
    // Half a licence may be another one; in narrower panels the size goes first.
    let size = (ui.available_width() > Panels::Medium.right()).then_some(size.as_str());
    let about = [Some(modality), Some(&structures), size, card.licence.as_deref()];
    let about = about.into_iter().flatten().collect::<Vec<_>>().join(" · ");
    let fits = format!("Fits this {}", if card.modality.is_empty() { "scan" } else { &card.modality });
    let mut shown = RadioCard::new(is_chosen, &card.name, &about);
    shown = match &card.fit {
        Fit::Fits => shown.tag(Sign::Ok, &fits),
        Fit::Unknown => shown,
        Fit::Doubtful { reason } => shown.warning(reason),
        Fit::Refused { reason } => shown.refused(reason),
    };
    if ui.add(shown).clicked() {
        draw.ask(Command::ChooseModel(card.path.clone()));
    }
}

fn qualities(ui: &mut Ui, draw: &mut Draw<'_>) {
    let state = draw.state;
    let report = estimated(state);
    let source = report.map(|report| if report.measured { "measured on this device" } else { "calculated, not measured yet" });
    section_head(ui, "Quality", source);
    ui.add_space(gap::S);
    let width = (ui.available_width() - 2.0 * gap::XS) / 3.0;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = gap::XS;
        for (quality, name) in [(Quality::Fast, "Fast"), (Quality::Balanced, "Balanced"), (Quality::Best, "Best")] {
            let time = match report.and_then(|report| of_quality(report, quality)) {
                Some(estimate) if estimate.refused.is_some() => "does not fit".to_owned(),
                Some(estimate) => words::time_left(estimate.seconds),
                None if state.setup.estimating.is_some() => "measuring…".to_owned(),
                None => "time not known".to_owned(),
            };
            if compact_card(ui, state.setup.quality == quality, name, &time, width).clicked() {
                draw.ask(Command::ChooseQuality(quality));
            }
        }
    });
    ui.add_space(gap::S);
    let quality = state.setup.quality;
    let estimate = report.and_then(|report| of_quality(report, quality));
    if let Some(card) = chosen(state) {
        ui.add(Words::note(&meaning(card, quality, estimate)));
    }
    if let Some(text) = estimate.and_then(|estimate| estimate.note.as_ref()) {
        ui.add(Words::note(text));
    }
    if let Some(reason) = estimate.and_then(|estimate| estimate.refused.as_ref()) {
        ui.add_space(gap::S);
        note(ui, Sign::Warn, None, &format!("{} Nothing was started.", sentence(reason)));
        let other = report.and_then(|report| report.qualities.iter().rev().find(|other| other.refused.is_none()));
        if let Some(other) = other {
            ui.add_space(gap::S);
            if ui.add(Button::plain(&format!("Use {}", quality_name(other.quality)))).clicked() {
                draw.ask(Command::ChooseQuality(other.quality));
            }
        }
    }
}

/// What a quality means, in one sentence.
fn meaning(card: &ModelCard, quality: Quality, estimate: Option<&Estimate>) -> String {
    let [z, y, x] = card.spacing_zyx_mm;
    let same = (z - y).abs() < 1e-6 && (y - x).abs() < 1e-6;
    let spacing = if same { format!("{x:.2} mm") } else { format!("{x:.2} × {y:.2} × {z:.2} mm") };
    let [pz, py, px] = card.patch_zyx;
    let patch = if pz == py && py == px { format!("{px}³") } else { format!("{px} × {py} × {pz}") };
    let tiles = estimate.map_or_else(|| format!("tiles of {patch}"), |estimate| format!("{} tiles of {patch}", estimate.tiles));
    let folds = match (quality, card.folds) {
        (_, 0 | 1) => String::new(),
        (Quality::Fast, _) => ", one of the networks".to_owned(),
        (_, folds) => format!(", mean of {folds} networks"),
    };
    let steps = match quality {
        Quality::Fast => "little overlap",
        Quality::Balanced => "half overlap",
        Quality::Best => "half overlap, mirrored",
    };
    let precision = estimate.map(|estimate| format!(", {}", estimate.precision)).unwrap_or_default();
    format!("{}: {spacing}, {tiles}, {steps}{folds}{precision}.", quality_name(quality))
}

pub(super) fn quality_name(quality: Quality) -> &'static str {
    match quality {
        Quality::Fast => "Fast",
        Quality::Balanced => "Balanced",
        Quality::Best => "Best",
    }
}

fn memory(ui: &mut Ui, state: &State) {
    let report = estimated(state);
    let is_cpu = report.is_some_and(|report| report.cpu);
    let title = if is_cpu { "Main memory" } else { "GPU memory" };
    let Some((report, estimate)) = report.and_then(|report| Some((report, of_quality(report, state.setup.quality)?))) else {
        section_head(ui, title, Some(if state.setup.estimating.is_some() { "measuring…" } else { "not known" }));
        return;
    };
    let needed = estimate.needed_mib;
    let right = match report.available_mib {
        Some(free) if needed > free => format!("needs {}, {} free", words::part_of(needed, free), words::memory(free)),
        Some(free) => format!("{} free", words::memory_of(needed, free)),
        None => format!("needs {}", words::memory(needed)),
    };
    section_head(ui, title, Some(&right));
    if let (Some(total), Some(free)) = (report.total_mib.filter(|total| *total > 0), report.available_mib) {
        let in_use = total.saturating_sub(free);
        let share = |mib: u64| mib as f32 / total as f32;
        ui.add_space(gap::S);
        memory_bar(ui, title, share(in_use), share(needed));
        ui.add_space(gap::XS);
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = gap::M;
            // One unit for all three, said once: the line has to fit the narrowest panel.
            legend(ui, Sign::Neutral, &format!("In use {}", words::part_of(in_use, total)));
            let sign = if needed <= free { Sign::Accent } else { Sign::Warn };
            legend(ui, sign, &format!("This run {}", words::part_of(needed, total)));
            ui.add(Words::small(&format!("of {}", words::memory(total))));
        });
    }
    if !is_cpu {
        ui.add_space(gap::XS);
        let main = report.main_available_mib.map_or_else(
            || format!("Main memory: {}", words::memory(report.main_needed_mib)),
            |free| format!("Main memory: {} free", words::memory_of(report.main_needed_mib, free)),
        );
        ui.add(Words::small(&main).ink(Ink::Caption));
    }
}

fn choices(ui: &mut Ui, draw: &mut Draw<'_>) {
    structures(ui, draw);
    let state = draw.state;
    let mirrors = state.setup.mirroring.unwrap_or(state.setup.quality == Quality::Best);
    if setting_row(ui, mirrors, "Mirror averaging", Some("up to 8 × slower"), None).clicked() {
        draw.ask(Command::SetMirroring(!mirrors));
    }
    let devices = devices(state);
    let at = devices.iter().position(|(key, _)| *key == state.setup.device).unwrap_or(0);
    let names: Vec<&str> = devices.iter().map(|(_, name)| name.as_str()).collect();
    if let Some(index) = select(ui, "Run on", at, &names) {
        draw.ask(Command::SetRunDevice(devices[index].0.clone()));
    }
}

/// Devices to choose from: what `--device` takes, and words.
pub(super) fn devices(state: &State) -> Vec<(String, String)> {
    let mut devices = vec![("auto".to_owned(), "Best device".to_owned())];
    let adapters = state.device.iter().flat_map(|device| &device.adapters);
    devices.extend(adapters.map(|adapter| (format!("gpu:{}", adapter.index), adapter.name.clone())));
    devices.push(("cpu".to_owned(), "CPU engine".to_owned()));
    devices
}

/// All structures of the model, or some of them.
fn structures(ui: &mut Ui, draw: &mut Draw<'_>) {
    let Some(card) = chosen(draw.state) else { return };
    let every: Vec<u16> = card.labels.iter().map(|(value, _)| *value).collect();
    let all = format!("all {}", every.len());
    let kept = draw.state.setup.structures.as_ref();
    let some = kept.map_or_else(|| "choose…".to_owned(), |kept| format!("{} of {}", kept.len(), every.len()));
    match select(ui, "Structures", usize::from(kept.is_some()), &[&all, &some]) {
        Some(0) => draw.ask(Command::KeepStructures(None)),
        Some(_) if kept.is_none() => draw.ask(Command::KeepStructures(Some(every.clone()))),
        _ => {}
    }
    let Some(kept) = kept else { return };
    for (value, name) in &card.labels {
        let on = kept.contains(value);
        // A run without any structure makes no mask.
        if checkbox(ui, on, &structure_words(name), None, None).clicked() && (!on || kept.len() > 1) {
            let kept = every.iter().copied().filter(|other| if other == value { !on } else { kept.contains(other) }).collect();
            draw.ask(Command::KeepStructures(Some(kept)));
        }
    }
}

fn progress(ui: &mut Ui, draw: &mut Draw<'_>, run: &Run) {
    ui.ctx().request_repaint_after(CLOCK);
    foot(ui, |ui| drop(ui.add(Words::small("You can keep reading, scrolling and measuring.").ink(Ink::Caption))));
    scrolled(ui, |ui| {
        section(ui, |ui| {
            head(ui, run, "Segmenting");
            let width = ui.available_width();
            let text = if run.cancelled { "Cancelling…" } else { "Cancel" };
            if ui.add(Button::plain(text).large().icon(icons::CLOSE).key("Esc").width(width).enabled(!run.cancelled)).clicked() {
                draw.ask(Command::CancelRun);
            }
            ui.add_space(gap::S);
            ui.add(Words::note("Cancel keeps the finished part as a layer."));
        });
        if let Some(tiles) = run.tiles {
            section(ui, |ui| {
                section_head(ui, "Tiles", Some(&format!("{} of {}", tiles.done, tiles.total)));
                ui.add_space(gap::S);
                tile_map(ui, tiles.done as usize, tiles.total as usize);
            });
        }
        for notice in &run.notes {
            note(ui, Sign::Accent, None, &notice.text);
            rule(ui);
        }
        section(ui, |ui| measured(ui, run));
        section(ui, |ui| steps(ui, run));
    });
}

/// Name, percent and time left.
fn head(ui: &mut Ui, run: &Run, title: &str) {
    head_row(ui, |ui| {
        ui.add(Words::new(title).size(Type::Section).strong());
        ui.with_layout(eframe::egui::Layout::right_to_left(eframe::egui::Align::Center), |ui| {
            tag(ui, Sign::Accent, None, quality_name(run.quality));
        });
    });
    let device = run.device.as_ref().map(|(name, _, _)| short(name));
    let about = device.map_or_else(|| run.model_name.clone(), |device| format!("{} on {device}", run.model_name));
    ui.add(Words::new(&about).ink(Ink::Label));
    ui.add_space(gap::M);
    let left = run.tiles.filter(|tiles| tiles.done >= TIMED_TILES).and_then(|tiles| tiles.eta_seconds);
    let left = left.map_or_else(String::new, |left| format!("{} left", words::time_left(left)));
    let elapsed = run.started.elapsed().as_secs();
    let elapsed = format!("{}:{:02} elapsed", elapsed / 60, elapsed % 60);
    ui.horizontal(|ui| {
        ui.add(Words::new(&format!("{:.0} %", run.share() * 100.0)).size(Type::Display).strong());
        ui.with_layout(eframe::egui::Layout::top_down(eframe::egui::Align::Max), |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            ui.add(Words::new(if left.is_empty() { "measuring…" } else { &left }).strong());
            ui.add(Words::small(&elapsed));
        });
    });
    ui.add_space(gap::XS);
    let width = ui.available_width();
    progress_bar(ui, "Progress of the run", run.share(), Sign::Accent, width);
    ui.add_space(gap::M);
}

fn measured(ui: &mut Ui, run: &Run) {
    if let Some(tiles) = run.tiles.filter(|tiles| tiles.done > 0 && run.stage == Stage::Predicting) {
        let seconds = run.stage_started.elapsed().as_secs_f64() / tiles.done as f64;
        fact(ui, "Speed", &format!("{seconds:.1} s per tile"));
    }
    match &run.device {
        Some((_, needed, free)) => {
            fact(ui, "Memory of the run", &words::memory(*needed));
            if let Some(free) = free {
                fact(ui, "Free at the start", &words::memory(*free));
            }
        }
        None => drop(ui.add(Words::small("Looking at the device…").ink(Ink::Caption))),
    }
}

fn steps(ui: &mut Ui, run: &Run) {
    section_head(ui, "Steps", None);
    ui.add_space(gap::XS);
    for stage in STEPS {
        let name = stage.to_string();
        if stage == run.stage {
            let value = match run.tiles {
                Some(tiles) if stage == Stage::Predicting => format!("{} / {}", tiles.done, tiles.total),
                _ => String::new(),
            };
            state_row(ui, Sign::Accent, &name, &value);
        } else if let Some((_, seconds)) = run.finished.iter().rev().find(|(finished, _)| *finished == stage) {
            state_row(ui, Sign::Ok, &name, &format!("{seconds:.1} s"));
        } else {
            state_row(ui, Sign::Neutral, &name, "");
        }
    }
}

/// The engine went while it ran.
fn stopped(ui: &mut Ui, draw: &mut Draw<'_>, run: &Run) {
    foot(ui, |ui| {
        let width = ui.available_width();
        if ui.add(Button::primary("Restart and continue").large().icon(icons::RESTART).key("Enter").width(width)).clicked() {
            draw.ask(Command::RestartEngine);
        }
    });
    section(ui, |ui| {
        ui.add(Words::new("Stopped").size(Type::Section).strong());
        ui.add(Words::new(&run.model_name).ink(Ink::Label));
        ui.add_space(gap::M);
        ui.add(Words::new(&format!("{:.0} %", run.share() * 100.0)).size(Type::Display).strong());
        ui.add_space(gap::XS);
        let width = ui.available_width();
        progress_bar(ui, "Progress of the run", run.share(), Sign::Err, width);
        ui.add_space(gap::M);
        ui.add(Words::note("What was finished is a layer, and all edits are saved."));
        ui.add_space(control::KEY_GAP);
    });
}

/// "NVIDIA X (Vulkan, driver ...)" without its brackets.
pub(super) fn short(device: &str) -> String {
    device.split(['(', ',']).next().unwrap_or_default().trim().to_owned()
}

fn counted(number: usize, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

/// With a capital first and a full stop last.
fn sentence(text: &str) -> String {
    crate::apply::sentence(text)
}
