//! Many cases, one after another. The next two are read while one is looked at, so that going on is at once.

use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use jobs::case::{CaseFile, CaseFolder, CaseState, LayerState, ReviewFile};
use jobs::{Failure, FailureKind, ImportLayerJob, Job, ListedStudy, OpenJob, Report, ReviewJob, utc_timestamp};

use crate::apply::news::{failed, sentence};
use crate::apply::{dialog, mask as layers, open, summary};
use crate::command::Command;
use crate::core::Core;
use crate::link::Purpose;
use crate::state::{Mode, Queue, QueueCase, Recent};

/// Cases read ahead.
const AHEAD: usize = 2;

/// Most channels of a case.
const CHANNELS: usize = 64;

/// The folder that was listed becomes a queue.
pub(super) fn open_listed(core: &mut Core) {
    let Some(listing) = &core.state.listing else { return };
    let Some(report) = &listing.report else { return };
    let mut cases: Vec<QueueCase> = report.studies.iter().map(case_of).collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    let Some(first) = cases.iter().position(|case| case.refused.is_none()) else { return };
    core.link.cancel_all(|purpose| matches!(purpose, Purpose::Prefetch(_)));
    let folder = std::path::absolute(&listing.input).unwrap_or_else(|_| listing.input.clone());
    let before = core.state.recents.queue(&folder).cloned().unwrap_or_default();
    for case in &mut cases {
        case.case = before.read.get(&case.name).filter(|path| path.is_dir()).cloned();
    }
    let known: Vec<(usize, PathBuf)> = cases.iter().enumerate().filter_map(|(index, case)| Some((index, case.case.clone()?))).collect();
    let current = cases.iter().position(|case| case.refused.is_none() && case.name == before.current).unwrap_or(first);
    core.state.queue = Some(Queue { folder: folder.clone(), cases, current, since: None });
    if known.is_empty() {
        return go_to(core, current);
    }
    core.state.opening = Some(folder.clone());
    core.tasks.spawn("progress of a queue", move || {
        let found: Vec<_> = known.into_iter().map(|(index, path)| (index, on_disk(&path))).collect();
        Box::new(move |core: &mut Core| go_on(core, &folder, found))
    });
}

/// Goes on with a queue as far as its cases were on disk: where it was left, or at the first case that is not decided.
fn go_on(core: &mut Core, folder: &Path, found: Vec<(usize, OnDisk)>) {
    let Some(queue) = core.state.queue.as_mut().filter(|queue| queue.folder == folder) else { return };
    for (index, (file, review)) in found {
        let Some(case) = queue.cases.get_mut(index) else { continue };
        case.state = file.map_or(case.state, |file| file.state);
        case.worst = review.as_ref().and_then(worst);
    }
    let is_open = |index: &usize| queue.cases[*index].is_open();
    let after = (queue.current..queue.cases.len()).chain(0..queue.current).find(is_open);
    let next = after.unwrap_or(queue.current);
    go_to(core, next);
}

/// Puts the queue at the top of the list of recent ones, with how far it is.
pub(super) fn remember(core: &mut Core) {
    let Some(queue) = &core.state.queue else { return };
    let name = queue.folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let recent = Recent {
        case: queue.folder.clone(),
        title: format!("Queue: {name}"),
        subtitle: String::new(),
        summary: String::new(),
        state: CaseState::Opened,
        at: utc_timestamp(SystemTime::now()),
        queue: Some(queue.progress()),
    };
    core.state.recents.remember(recent);
    core.save_recents();
}

fn case_of(study: &ListedStudy) -> QueueCase {
    QueueCase {
        name: study.title.clone(),
        inputs: channels(&study.path),
        mask: mask_beside(&study.path, &study.title),
        case: None,
        state: CaseState::Opened,
        worst: None,
        refused: study.refused.clone(),
        seconds: 0.0,
    }
}

/// The files of a case by its first: `a_0000.nii.gz` has `a_0001.nii.gz` beside it, and so on.
fn channels(first: &Path) -> Vec<PathBuf> {
    let name = first.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let Some((stem, ending)) = name.split_once("_0000.") else { return vec![first.to_owned()] };
    let file = |channel: usize| first.with_file_name(format!("{stem}_{channel:04}.{ending}"));
    let there = (1..CHANNELS).map(file).take_while(|path| path.is_file());
    std::iter::once(first.to_owned()).chain(there).collect()
}

/// In nnU-Net's folders the mask of a case in `imagesTr` lies in `labelsTr`.
fn mask_beside(image: &Path, name: &str) -> Option<PathBuf> {
    let folder = image.parent()?;
    let part = folder.file_name()?.to_str()?.strip_prefix("images")?;
    let masks = folder.with_file_name(format!("labels{part}"));
    ["nii.gz", "nii"].iter().map(|ending| masks.join(format!("{name}.{ending}"))).find(|path| path.is_file())
}

/// Goes to the next or previous case that can be opened.
pub(super) fn step(core: &mut Core, by: i32) {
    let Some(queue) = &core.state.queue else { return };
    let usable = |index: &usize| queue.cases[*index].refused.is_none();
    let next = if by < 0 { (0..queue.current).rev().find(usable) } else { (queue.current + 1..queue.cases.len()).find(usable) };
    match next {
        Some(index) => go_to(core, index),
        None => core.state.toast(if by < 0 { "This is the first case." } else { "This is the last case." }),
    }
}

/// Goes on to a case that is not decided, if the case on screen is of the queue.
pub(super) fn next_open(core: &mut Core) {
    let (Some(queue), Some(case)) = (&core.state.queue, &core.state.case) else { return };
    if !queue.shows(case.folder.path()) {
        return;
    }
    let is_open = |index: &usize| queue.cases[*index].is_open();
    let next = (queue.current + 1..queue.cases.len()).chain(0..queue.current).find(is_open);
    match next {
        Some(index) => go_to(core, index),
        None => {
            let text = format!("All {} cases of the queue are decided.", queue.decided());
            core.state.toast(text);
        }
    }
}

/// Shows a case of the queue, at once if it was read before.
pub(super) fn go_to(core: &mut Core, index: usize) {
    count_time(core);
    let Some(queue) = &mut core.state.queue else { return };
    let Some(case) = queue.cases.get(index) else { return };
    if let Some(reason) = &case.refused {
        let text = sentence(reason);
        return core.state.toast(text);
    }
    queue.current = index;
    match case.case.clone().filter(|path| CaseFolder::at(path).read().is_ok()) {
        Some(path) => show(core, &path),
        None => {
            core.state.opening = case.inputs.first().cloned();
            read(core, index);
        }
    }
}

/// Adds the time the case on screen was open.
fn count_time(core: &mut Core) {
    let Some(queue) = &mut core.state.queue else { return };
    if let Some(since) = queue.since.take()
        && let Some(case) = queue.cases.get_mut(queue.current)
    {
        case.seconds += since.elapsed().as_secs_f64();
    }
}

/// Asks the worker to read a case, unless it does already.
fn read(core: &mut Core, index: usize) {
    if core.link.is_asked(|purpose| *purpose == Purpose::Prefetch(index)) {
        return;
    }
    let cases = core.cases();
    let Some(case) = core.state.queue.as_ref().and_then(|queue| queue.cases.get(index)) else { return };
    let job = OpenJob { inputs: case.inputs.clone(), series: None, volume: None, cases };
    core.link.ask(Purpose::Prefetch(index), Job::Open(job));
}

fn show(core: &mut Core, path: &Path) {
    core.state.opening = None;
    open::show_case(core, path);
    let Some(case) = core.state.case.as_ref().filter(|case| case.folder.path() == path) else { return };
    let has_mask = !case.layers.is_empty();
    let Some(queue) = &mut core.state.queue else { return };
    queue.since = Some(Instant::now());
    let mask = queue.cases.get(queue.current).and_then(|case| case.mask.clone());
    if has_mask {
        open::set_mode(core, Mode::Review);
    } else if let Some(mask) = mask {
        let case = path.to_owned();
        core.link.ask(Purpose::ImportLayer(case.clone()), Job::ImportLayer(ImportLayerJob { case, mask, table: None }));
        open::set_mode(core, Mode::Review);
    }
    reviewed(core, path);
    read_ahead(core);
}

fn read_ahead(core: &mut Core) {
    let Some(queue) = &core.state.queue else { return };
    let next = queue.cases.iter().enumerate().skip(queue.current + 1).filter(|(_, case)| case.refused.is_none());
    let wanted: Vec<usize> = next.take(AHEAD).filter(|(_, case)| case.case.is_none()).map(|(index, _)| index).collect();
    wanted.into_iter().for_each(|index| read(core, index));
}

/// A case of the queue was read, or could not be.
pub(super) fn prefetched(core: &mut Core, index: usize, report: Option<Report>, failure: Option<Failure>) {
    let Some(queue) = &mut core.state.queue else { return };
    let (is_current, waits) = (queue.current == index, core.state.opening.is_some());
    let Some(case) = queue.cases.get_mut(index) else { return };
    match report {
        Some(Report::Open(report)) => {
            let Ok(file) = CaseFolder::at(&report.case).read() else { return };
            // A case of an older queue may still come in.
            let input = case.inputs.first().and_then(|path| std::path::absolute(path).ok());
            if file.source.paths.first() != input.as_ref() {
                return;
            }
            case.case = Some(report.case.clone());
            if is_current && waits {
                return show(core, &report.case);
            }
            reviewed(core, &report.case);
            measure_ahead(core, &report.case);
        }
        _ => {
            let Some(failure) = failure.filter(|failure| failure.kind != FailureKind::Cancelled) else { return };
            case.refused = Some(failure.sentence.clone());
            let name = case.name.clone();
            if is_current && waits {
                core.state.opening = None;
                failed(core, &format!("{name} was not opened."), Some(failure));
            }
        }
    }
}

/// Measures the last layer of a case that waits, so that its list is there when it is shown.
fn measure_ahead(core: &mut Core, path: &Path) {
    let Ok(folders) = CaseFolder::at(path).layers() else { return };
    let Some(layer) = folders.last() else { return };
    let is_whole = layer.read().is_ok_and(|file| file.state != LayerState::Running);
    if is_whole && matches!(layer.read_review(), Ok(None)) {
        let (case, layer) = (path.to_owned(), layer.number());
        core.link.ask(Purpose::Review { case: case.clone(), layer }, Job::Review(ReviewJob { case, layer }));
    }
}

/// A case was measured or decided: its place in the queue says so.
pub(super) fn reviewed(core: &mut Core, path: &Path) {
    let Some(queue) = &mut core.state.queue else { return };
    let Some(entry) = queue.cases.iter_mut().find(|case| case.case.as_deref() == Some(path)) else { return };
    let on_screen = core.state.case.as_ref().filter(|case| case.folder.path() == path);
    match on_screen {
        Some(case) => {
            let before = entry.state;
            entry.state = case.file.state;
            entry.worst = case.layer().and_then(|layer| layer.review.as_ref()).and_then(worst);
            if before != entry.state {
                remember(core);
            }
        }
        None => {
            let (file, review) = on_disk(path);
            entry.state = file.map_or(entry.state, |file| file.state);
            entry.worst = review.as_ref().and_then(worst);
        }
    }
}

/// What is known of a case that is not on screen: its description, and the review of its last layer.
type OnDisk = (Option<CaseFile>, Option<ReviewFile>);

fn on_disk(path: &Path) -> OnDisk {
    let folder = CaseFolder::at(path);
    let last = folder.layers().ok().and_then(|layers| layers.last().cloned());
    (folder.read().ok(), last.and_then(|layer| layer.read_review().ok().flatten()))
}

fn worst(review: &ReviewFile) -> Option<f32> {
    review.structures.iter().filter(|structure| structure.voxels > 0).map(|structure| structure.score).min_by(f32::total_cmp)
}

/// Asks where the summary goes.
pub(super) fn choose_summary(core: &mut Core) {
    let dialog = rfd::AsyncFileDialog::new().set_title("Save summary").set_file_name("review_summary.csv").add_filter("CSV", &["csv"]);
    dialog::ask(core, dialog.save_file(), |core, path| core.apply(Command::SaveSummary(path)));
}

/// Writes one line per case.
pub(super) fn save_summary(core: &mut Core, path: PathBuf) {
    count_time(core);
    let Some(queue) = &mut core.state.queue else { return };
    queue.since = Some(Instant::now());
    let cases = queue.cases.clone();
    core.tasks.spawn("summary", move || {
        let written = summary::write(&path, &cases);
        Box::new(move |core: &mut Core| match written {
            Ok(()) => core.state.toast(format!("Summary of {} cases written to {}.", cases.len(), path.display())),
            Err(error) => layers::could_not(core, "The summary was not written.", &error),
        })
    });
}
