//! Opening: what was pointed at, which series, and the case on screen.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use jobs::case::{CaseFolder, LayerFolder, LayerKind};
use jobs::{Failure, Job, ListJob, ListReport, OpenJob, OpenReport, utc_timestamp};
use volume::Geometry;

use crate::apply::news::{failed, sentence};
use crate::apply::{dialog, queue, runs};
use crate::command::Command;
use crate::core::Core;
use crate::link::Purpose;
use crate::state::{
    Banner, Case, EditState, Layer, LayerVoxels, Listing, Mode, Preset, Recent, ReviewState, Screen, Severity, View, Window,
};

/// Values this low are those of CT.
const AIR: f32 = -500.0;
/// The series of the sample study below the assets.
const SAMPLE: &str = "sample/ct";

/// What a dialog asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pick {
    Folder,
    File,
}

/// Asks the system for a path.
pub(super) fn pick(core: &mut Core, what: Pick) {
    let dialog = rfd::AsyncFileDialog::new().set_title("Open a study");
    let open = |core: &mut Core, path| core.apply(Command::OpenPaths(vec![path]));
    match what {
        Pick::Folder => dialog::ask(core, dialog.pick_folder(), open),
        Pick::File => dialog::ask(core, dialog.pick_file(), open),
    }
}

/// Looks at what was pointed at. Several files are the channels of one case.
pub(super) fn look_at(core: &mut Core, paths: Vec<PathBuf>) {
    match paths.as_slice() {
        [] => {}
        [path] if path.join("case.json").is_file() => reopen(core, path.clone()),
        [path] => {
            let pictures = core.places.data.join("pictures");
            if let Err(error) = fs::create_dir_all(&pictures) {
                return nothing_opened(core, &format!("The data folder cannot be written: {error}."));
            }
            core.link.cancel_all(|purpose| matches!(purpose, Purpose::List(_)));
            core.state.opening = Some(path.clone());
            core.state.listing = Some(Listing { input: path.clone(), started: Some(Instant::now()), ..Listing::default() });
            core.link.ask(Purpose::List(path.clone()), Job::List(ListJob { input: path.clone(), pictures }));
        }
        _ => open(core, paths, None, None),
    }
}

/// Reads the folder of a queue again. What was decided in it lies in its cases.
pub(super) fn reopen_queue(core: &mut Core, folder: PathBuf) {
    look_at(core, vec![folder.clone()]);
    if let Some(listing) = core.state.listing.as_mut().filter(|listing| listing.input == folder) {
        listing.as_queue = true;
    }
}

/// A listing came: one study is opened at once, several are offered.
pub(super) fn listed(core: &mut Core, input: &Path, report: ListReport, failure: Option<Failure>) {
    if core.state.listing.as_ref().is_none_or(|listing| listing.input != input) {
        return;
    }
    core.state.opening = None;
    let usable = report.studies.iter().filter(|study| study.refused.is_none()).count();
    if usable == 0 && report.studies.is_empty() {
        return not_listed(core, input, failure);
    }
    let mut is_queue = report.queue && usable > 1;
    if let Some(listing) = &mut core.state.listing {
        is_queue |= listing.as_queue && usable > 0;
        listing.took = listing.started.map(|started| started.elapsed()).unwrap_or_default();
        listing.selected = report.studies.iter().position(|study| study.refused.is_none()).unwrap_or(0);
        listing.report = Some(report);
    }
    if is_queue {
        queue::open_listed(core);
    } else if usable == 1 && core.state.listing.as_ref().is_some_and(only_one) {
        open_selected(core);
    } else {
        core.state.screen = Screen::Series;
    }
}

/// A single study without a doubt needs no choice.
fn only_one(listing: &Listing) -> bool {
    listing.report.as_ref().is_some_and(|report| report.studies.len() == 1 && report.studies[0].refused.is_none())
}

/// Nothing in there can be opened.
pub(super) fn not_listed(core: &mut Core, input: &Path, failure: Option<Failure>) {
    if core.state.listing.as_ref().is_none_or(|listing| listing.input != input) {
        return;
    }
    core.state.opening = None;
    core.state.listing = None;
    let detail = failure.map_or_else(|| "Nothing was changed.".to_owned(), |failure| sentence(&failure.sentence));
    let cause = if input.is_dir() { "No images in this folder." } else { "This file cannot be opened." };
    core.state.banner(Banner::new(Severity::Error, cause, detail).remedy("Open another…", Command::OpenFolder));
}

/// Selects a series.
pub(super) fn select(core: &mut Core, index: usize) {
    if let Some(listing) = &mut core.state.listing
        && listing.report.as_ref().is_some_and(|report| report.studies.get(index).is_some_and(|study| study.refused.is_none()))
    {
        listing.selected = index;
    }
}

/// Filters the series.
pub(super) fn filter(core: &mut Core, text: String) {
    if let Some(listing) = &mut core.state.listing {
        listing.filter = text;
        // Enter opens what is selected, so that must be in sight.
        let hidden = |report: &ListReport| report.studies.get(listing.selected).is_none_or(|study| !listing.shows(study));
        if listing.report.as_ref().is_some_and(hidden)
            && let Some(first) = listing.beside(0)
        {
            listing.selected = first;
        }
    }
}

/// Lists skipped files.
pub(super) fn show_skipped(core: &mut Core, shown: bool) {
    if let Some(listing) = &mut core.state.listing {
        listing.skipped_shown = shown;
    }
}

/// Opens the series selected.
pub(super) fn open_selected(core: &mut Core) {
    let Some(listing) = &core.state.listing else { return };
    let Some(study) = listing.report.as_ref().and_then(|report| report.studies.get(listing.selected)) else { return };
    if study.refused.is_none() {
        let (path, series) = (study.path.clone(), study.series.clone());
        open(core, vec![path], series, None);
    }
}

/// Asks the worker to read a study.
fn open(core: &mut Core, inputs: Vec<PathBuf>, series: Option<String>, volume: Option<usize>) {
    core.state.opening = inputs.first().cloned();
    let cases = core.cases();
    core.link.cancel_all(|purpose| *purpose == Purpose::Open);
    core.link.ask(Purpose::Open, Job::Open(OpenJob { inputs, series, volume, cases }));
}

/// A study was read into its folder.
pub(super) fn opened(core: &mut Core, report: &OpenReport) {
    core.state.opening = None;
    show_case(core, &report.case);
}

/// A study could not be read.
pub(super) fn not_opened(core: &mut Core, failure: Option<Failure>) {
    core.state.opening = None;
    failed(core, "The study was not opened.", failure);
}

fn nothing_opened(core: &mut Core, detail: &str) {
    core.state.opening = None;
    core.state.banner(Banner::new(Severity::Error, "The study was not opened.", detail).remedy("Open another…", Command::OpenFolder));
}

/// Shows a case opened before.
pub(super) fn reopen(core: &mut Core, case: PathBuf) {
    show_case(core, &case);
}

/// Takes a case off the list.
pub(super) fn forget(core: &mut Core, case: &Path) {
    core.state.recents.cases.retain(|recent| recent.case != case);
    core.save_recents();
}

/// Opens the study that comes with the program.
pub(super) fn sample(core: &mut Core) {
    match jobs::find_assets(SAMPLE) {
        Some(assets) => look_at(core, vec![assets.join(SAMPLE)]),
        None => nothing_opened(core, "The sample study is not beside the program; install it again or open a study of your own."),
    }
}

/// Puts a case folder on screen. What is on screen stays if it cannot be read.
pub(super) fn show_case(core: &mut Core, path: &Path) {
    close(core);
    let case = match load(path) {
        Ok(case) => case,
        Err(error) => {
            core.state.screen = Screen::Home;
            return nothing_opened(core, &sentence(&error.to_string()));
        }
    };
    let has_mask = !case.layers.is_empty();
    let recovered = case.layers.iter().filter_map(|layer| layer.recovered).max();
    core.state.listing = None;
    core.state.dialog = Default::default();
    core.state.setup.estimates.clear();
    core.state.setup.structures = None;
    core.state.setup.anyway = false;
    remember(core, &case);
    core.state.case = Some(Box::new(case));
    core.state.screen = Screen::Case(if has_mask { Mode::View } else { Mode::Segment });
    if let Some(steps) = recovered {
        let cause = "Voxelry closed unexpectedly.";
        let detail = match steps {
            1 => "The one edit step was on disk and is back.".to_owned(),
            _ => format!("All {steps} edit steps were on disk and are back."),
        };
        core.state.banner(Banner::new(Severity::Info, cause, detail).remedy("Continue editing", Command::SetMode(Mode::Edit)));
    }
    runs::ask_for_models(core);
    super::review::after_load(core);
}

/// Puts the case on screen away, in order. Its journals are free for the next one that opens it.
pub(crate) fn close(core: &mut Core) {
    if let Some(mut case) = core.state.case.take() {
        super::edit::close(&mut case);
    }
}

/// Reads a case folder.
fn load(path: &Path) -> std::io::Result<Case> {
    let folder = CaseFolder::at(path);
    let file = folder.read()?;
    let image = Arc::new(folder.map_image(&file)?);
    let mut layers = Vec::new();
    for layer in folder.layers()? {
        // A layer that a crash left without its description holds nothing to show.
        if let Ok(layer) = load_layer(layer, &file.geometry) {
            layers.push(layer);
        }
    }
    let [width, level] = file.auto_window;
    let auto = Window { width, level };
    // Files without a modality whose values reach down to air are shown as CT is; nothing but the window depends on it.
    let looks_like_ct = file.modality == "CT" || (file.modality.is_empty() && file.value_range[0] <= AIR);
    let preset = if looks_like_ct { Preset::SoftTissue } else { Preset::Auto };
    let mut view = View::new(&file.geometry, preset.window(auto), Some(preset));
    let shown = layers.len().checked_sub(1);
    view.selected = None;
    Ok(Case {
        folder,
        file,
        image,
        layers,
        shown,
        view,
        structures: HashMap::new(),
        review: ReviewState::default(),
        edit: EditState::default(),
    })
}

/// Reads a layer; one with a journal is open for editing, with every step that was kept.
pub(super) fn load_layer(folder: LayerFolder, geometry: &Geometry) -> std::io::Result<Layer> {
    let file = folder.read()?;
    let (voxels, recovered) = if file.kind == LayerKind::Corrections {
        let (history, recovered) = super::edit::open_history(&folder, &file, geometry)?;
        (LayerVoxels::Edited(Box::new(history)), recovered)
    } else {
        (LayerVoxels::Mapped(folder.map_labels(&file, geometry.size_zyx)?), None)
    };
    let (doubt, review) = (folder.map_doubt(geometry.size_zyx)?, folder.read_review().unwrap_or_default());
    Ok(Layer { folder, file, voxels, doubt, review, recovered, revision: 0, dirty: Vec::new() })
}

/// Puts the case at the top of the list of recent ones.
fn remember(core: &mut Core, case: &Case) {
    // The cases of a queue would push everything else off the list; it stands there as one.
    if core.state.queue.as_ref().is_some_and(|queue| queue.shows(case.folder.path())) {
        return queue::remember(core);
    }
    let names = case.layer().map_or(0, |layer| layer.file.table.iter().count());
    let summary = if case.layers.is_empty() { "no mask yet".to_owned() } else { format!("{names} structures") };
    core.state.recents.remember(Recent {
        case: case.folder.path().to_owned(),
        title: case.file.title.clone(),
        subtitle: case.file.subtitle.clone(),
        summary,
        state: case.file.state,
        at: utc_timestamp(SystemTime::now()),
        queue: None,
    });
    core.save_recents();
}

/// Changes what is done with the case.
pub(super) fn set_mode(core: &mut Core, mode: Mode) {
    if core.state.case.is_none() {
        return;
    }
    core.state.screen = Screen::Case(mode);
    if mode != Mode::Edit {
        super::edit::leave(core);
    }
    match mode {
        Mode::Segment => runs::ask_for_estimate(core),
        Mode::Review => super::review::enter(core),
        Mode::Edit => super::edit::enter(core),
        Mode::View | Mode::Export => {}
    }
}
