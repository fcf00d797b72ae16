//! Models, estimates and the run.

use std::path::{Path, PathBuf};
use std::time::Instant;

use jobs::case::{LayerFile, LayerKind, LayerState};
use jobs::{
    EstimateJob, EstimateReport, Event, Failure, FailureKind, Fit, Job, ModelsJob, ModelsReport, Quality, Report, SegmentCaseJob, Stage,
};

use crate::apply::news::{failed, sentence};
use crate::apply::{dialog, open, review};
use crate::command::Command;
use crate::core::Core;
use crate::link::Purpose;
use crate::state::{Banner, EngineStatus, FinishedRun, Mode, Outcome, Run, Segmenting, Severity};

/// Asks which models there are, and how they fit the case on screen.
pub(super) fn ask_for_models(core: &mut Core) {
    let case = core.state.case.as_ref().map(|case| case.folder.path().to_owned());
    let places = core.model_places();
    core.link.ask(Purpose::Models, Job::Models(ModelsJob { places, case }));
}

/// Models came; the best one is chosen unless a person chose.
pub(super) fn models(core: &mut Core, report: ModelsReport) {
    let setup = &mut core.state.setup;
    core.state.models = report.models;
    let models = &core.state.models;
    let usable = |path: &PathBuf| models.iter().any(|card| card.path == *path && !matches!(card.fit, Fit::Refused { .. }));
    if !setup.model.as_ref().is_some_and(usable) {
        setup.model = models.iter().find(|card| !matches!(card.fit, Fit::Refused { .. })).map(|card| card.path.clone());
    }
    ask_for_estimate(core);
}

/// Asks what the chosen model takes on the case on screen, once.
pub(super) fn ask_for_estimate(core: &mut Core) {
    let (Some(case), Some(model)) = (&core.state.case, &core.state.setup.model) else { return };
    if core.state.setup.estimates.contains_key(model) || core.state.setup.estimating.as_ref() == Some(model) || core.state.run.is_some() {
        return;
    }
    let (case, model) = (case.folder.path().to_owned(), model.clone());
    core.state.setup.estimating = Some(model.clone());
    let device = core.state.setup.device.clone();
    let job = EstimateJob { case, model: model.clone(), device, device_memory_mib: core.state.settings.device_memory_mib };
    core.link.cancel_all(|purpose| matches!(purpose, Purpose::Estimate(_)));
    core.link.ask(Purpose::Estimate(model), Job::Estimate(job));
}

/// An estimate came.
pub(super) fn estimated(core: &mut Core, model: PathBuf, report: EstimateReport) {
    core.state.setup.estimating = None;
    core.state.setup.estimates.insert(model, report);
}

/// An estimate failed: the run itself will say why, if it fails, too.
pub(super) fn not_estimated(core: &mut Core, model: &Path, failure: Option<Failure>) {
    if core.state.setup.estimating.as_deref() == Some(model) {
        core.state.setup.estimating = None;
    }
    if let Some(failure) = failure.filter(|failure| failure.kind != FailureKind::Cancelled) {
        core.state.note(format!("no estimate: {}", failure.sentence));
    }
}

/// Chooses a model.
pub(super) fn choose_model(core: &mut Core, model: PathBuf) {
    core.state.setup.model = Some(model);
    core.state.setup.structures = None;
    core.state.setup.anyway = false;
    ask_for_estimate(core);
}

/// Adds a place models are looked for in, and chooses what is found there.
pub(super) fn add_model(core: &mut Core, model: PathBuf) {
    let mut settings = core.state.settings.clone();
    if !settings.model_places.contains(&model) {
        settings.model_places.push(model.clone());
    }
    core.state.setup.model = Some(model);
    super::settings::set(core, settings);
}

/// Asks the system for a model file, or for a folder of models.
pub(super) fn pick_model(core: &mut Core, folder: bool) {
    let dialog = rfd::AsyncFileDialog::new().set_title(if folder { "Add a folder of models" } else { "Add a model" });
    let add = |core: &mut Core, path| core.apply(Command::AddModel(path));
    if folder { dialog::ask(core, dialog.pick_folder(), add) } else { dialog::ask(core, dialog.pick_file(), add) }
}

/// Chooses the device of the next run.
pub(super) fn set_device(core: &mut Core, device: String) {
    core.state.setup.device = device;
    core.state.setup.estimates.clear();
    ask_for_estimate(core);
}

/// Starts the run, unless the model was trained on something else and nobody confirmed it.
pub(super) fn start(core: &mut Core) {
    let Some(card) = core.state.setup.model.as_ref().and_then(|path| core.state.models.iter().find(|card| card.path == *path)) else {
        return;
    };
    match &card.fit {
        Fit::Refused { reason } => {
            let banner = Banner::new(Severity::Error, format!("{} cannot run here.", card.name), sentence(reason));
            core.state.banner(banner);
        }
        Fit::Doubtful { reason } if !core.state.setup.anyway => {
            let banner = Banner::new(Severity::Warning, sentence(reason), "The mask may be wrong everywhere.");
            core.state.banner(banner.remedy("Run anyway", Command::RunAnyway));
        }
        _ => begin(core),
    }
}

/// Goes on with the newest layer that was left unfinished; the worker makes a new one where the settings are others by now.
pub(super) fn go_on(core: &mut Core) {
    let layers = core.state.case.iter().flat_map(|case| case.layers.iter().rev());
    let mut unfinished = layers.filter(|layer| layer.file.state == LayerState::Partial);
    core.state.setup.resume = unfinished.next().map(|layer| layer.folder.number());
    start(core);
}

/// Starts the run although the model was trained on something else.
pub(super) fn start_anyway(core: &mut Core) {
    core.state.setup.anyway = true;
    start(core);
}

fn begin(core: &mut Core) {
    let setup = &core.state.setup;
    let (Some(case), Some(model)) = (&core.state.case, setup.model.clone()) else { return };
    if core.state.run.is_some() {
        return;
    }
    let case = case.folder.path().to_owned();
    let model_name = core.state.models.iter().find(|card| card.path == model).map(|card| card.name.clone()).unwrap_or_default();
    let job = SegmentCaseJob {
        case: case.clone(),
        model: model.clone(),
        quality: setup.quality,
        mirroring: setup.mirroring,
        structures: setup.structures.clone(),
        device: setup.device.clone(),
        device_memory_mib: core.state.settings.device_memory_mib,
        resume: setup.resume,
    };
    let quality = setup.quality;
    core.link.cancel_all(|purpose| matches!(purpose, Purpose::Estimate(_)));
    let job = core.link.ask(Purpose::Segment, Job::SegmentCase(job));
    let now = Instant::now();
    core.state.run = Some(Run {
        job,
        case,
        layer: None,
        model,
        model_name,
        quality,
        started: now,
        stage: Stage::LoadingModel,
        finished: Vec::new(),
        stage_started: now,
        tiles: None,
        current: None,
        device: None,
        notes: Vec::new(),
        cancelled: false,
    });
    core.state.engine = EngineStatus::Busy;
}

/// Something about the run.
pub(super) fn event(core: &mut Core, event: Event) {
    let Some(run) = &mut core.state.run else { return };
    match event {
        Event::Stage { stage } => {
            run.finished.push((run.stage, run.stage_started.elapsed().as_secs_f64()));
            (run.stage, run.stage_started) = (stage, Instant::now());
        }
        Event::Progress { stage: Stage::Predicting, done, total, eta_seconds } => {
            run.tiles = Some(Segmenting { done, total, eta_seconds });
        }
        Event::Tile { region, .. } => run.current = Some(region),
        Event::Device { needed_mib, available_mib, name } => run.device = Some((name, needed_mib, available_mib)),
        Event::Warning(notice) => {
            let text = format!("{} {}", notice.code, notice.text);
            run.notes.push(notice);
            core.state.note(text);
        }
        Event::Layer { layer, .. } => {
            run.layer = Some(layer);
            adopt(core, layer);
        }
        Event::Labels { region } => {
            let Some(number) = run.layer else { return };
            let (share, path) = (run.share(), run.case.clone());
            if let Some(case) = core.state.case.as_mut().filter(|case| case.folder.path() == path)
                && let Some(layer) = case.layer_numbered(number)
            {
                layer.file.done = share;
                layer.touch(region);
            }
        }
        _ => {}
    }
}

/// Shows a layer the worker has just made, if its case is on screen.
fn adopt(core: &mut Core, number: u32) {
    let Some(path) = core.state.run.as_ref().map(|run| run.case.clone()) else { return };
    let Some(case) = core.state.case.as_mut().filter(|case| case.folder.path() == path) else { return };
    match open::load_layer(case.folder.layer(number), &case.file.geometry) {
        Ok(layer) => {
            case.layers.retain(|known| known.folder.number() != number);
            case.layers.push(layer);
            case.shown = Some(case.layers.len() - 1);
        }
        Err(error) => core.state.note(format!("the new layer cannot be shown yet: {error}")),
    }
}

/// Stops the run.
pub(super) fn cancel(core: &mut Core) {
    if let Some(run) = &mut core.state.run {
        run.cancelled = true;
        core.link.cancel(run.job);
    }
}

/// The run ended: done, stopped or failed. What it finished is a layer.
pub(super) fn ended(core: &mut Core, report: Option<Report>, failure: Option<Failure>) {
    let Some(run) = core.state.run.take() else { return };
    core.state.engine = EngineStatus::Ready;
    let seconds = run.started.elapsed().as_secs_f64();
    if let Some(number) = run.layer {
        core.state.run = Some(run.clone());
        adopt(core, number);
        core.state.run = None;
    }
    remember(core, &run, seconds, failure.as_ref());
    match failure {
        None if matches!(report, Some(Report::Layer(_))) => {
            core.state.toast(format!("{} finished in {}.", run.model_name, crate::screens::words::duration(seconds)));
            let on_screen = core.state.case.as_ref().is_some_and(|case| case.folder.path() == run.case);
            if let Some(layer) = run.layer {
                review::ask(core, &run.case, layer);
            }
            if on_screen && core.state.mode() == Some(Mode::Segment) {
                open::set_mode(core, Mode::Review);
            }
        }
        None => {}
        Some(failure) if failure.kind == FailureKind::Cancelled => {
            let percent = (run.share() * 100.0).round();
            let kept = if run.layer.is_some() { "The finished part is a layer." } else { "Nothing was finished yet." };
            let banner = Banner::new(Severity::Info, format!("Cancelled at {percent} %."), kept);
            core.state.banner(banner.remedy("Continue", Command::ContinueRun));
        }
        Some(failure) => failed(core, "The run failed.", Some(failure)),
    }
}

/// Lists the run among those that ended.
fn remember(core: &mut Core, run: &Run, seconds: f64, failure: Option<&Failure>) {
    let outcome = match failure {
        None => Outcome::Done,
        Some(failure) if failure.kind == FailureKind::Cancelled => Outcome::Cancelled,
        Some(failure) => Outcome::Failed(sentence(&failure.sentence)),
    };
    let share = if outcome == Outcome::Done { 1.0 } else { run.share() };
    let title = core.state.title_of(&run.case).unwrap_or("A case").to_owned();
    let (case, model_name, quality) = (run.case.clone(), run.model_name.clone(), run.quality);
    core.state.finished.push(FinishedRun { case, title, model_name, quality, share, seconds, outcome });
}

/// The worker is gone.
pub(super) fn died(core: &mut Core, lost: &[Purpose], report: &str) {
    core.state.engine = EngineStatus::Stopped;
    core.state.opening = None;
    core.state.listing = core.state.listing.take().filter(|listing| listing.report.is_some());
    core.state.setup.estimating = None;
    core.state.export.writing = false;
    if let Some(case) = &mut core.state.case {
        (case.review.measuring, case.review.comparing) = (false, false);
    }
    let what = if core.state.run.is_some() {
        "while segmenting"
    } else if lost.iter().any(|purpose| matches!(purpose, Purpose::Open | Purpose::List(_))) {
        "while reading"
    } else if lost.contains(&Purpose::Export) {
        "while writing"
    } else {
        "unexpectedly"
    };
    let saved = match core.state.run.as_ref().and_then(|run| run.tiles) {
        Some(tiles) => format!("{} of {} tiles and all your edits are saved.", tiles.done, tiles.total),
        None => "All your edits are saved.".to_owned(),
    };
    if let Some(run) = &core.state.run {
        mark_partial(core, &run.case.clone(), run.layer, run.share());
    }
    let words = if core.state.run.is_some() { "Restart and continue" } else { "Restart" };
    let banner = Banner::new(Severity::Error, format!("The engine stopped {what}."), saved);
    core.state.banner(banner.remedy(words, Command::RestartEngine).report(report));
}

/// Writes down that a layer is not whole; its worker no longer can.
fn mark_partial(core: &mut Core, case: &Path, layer: Option<u32>, share: f32) {
    let Some(number) = layer else { return };
    let folder = jobs::case::CaseFolder::at(case).layer(number);
    let written =
        folder.read().and_then(|file| folder.write(&LayerFile { state: LayerState::Partial, done: share, kind: LayerKind::Model, ..file }));
    if let Err(error) = written {
        core.state.note(format!("the layer of the stopped run could not be marked: {error}"));
    }
    if let Some(layer) = core.state.case.as_mut().and_then(|shown| shown.layer_numbered(number)) {
        (layer.file.state, layer.file.done) = (LayerState::Partial, share);
    }
}

/// Starts the worker again, and the run it was at.
pub(super) fn restart(core: &mut Core) {
    let lost_run = core.state.run.take();
    core.state.banners.retain(|banner| banner.severity != Severity::Error);
    core.state.engine = EngineStatus::Starting;
    core.link.start();
    core.ask_about_device();
    ask_for_models(core);
    if let Some(run) = lost_run {
        core.state.setup.model = Some(run.model);
        core.state.setup.quality = run.quality;
        core.state.setup.resume = run.layer;
        let on_screen = core.state.case.as_ref().is_some_and(|case| case.folder.path() == run.case);
        if on_screen {
            begin(core);
        }
    }
}

/// Runs the model of the layer shown again, carefully.
pub(super) fn again_best(core: &mut Core) {
    core.state.setup.quality = Quality::Best;
    open::set_mode(core, Mode::Segment);
}
