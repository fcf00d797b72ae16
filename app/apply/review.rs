//! Deciding about structures, worst first. What was decided is on disk a moment later; measures come from the worker.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use jobs::case::{CaseState, Decision, LayerState, ReviewFile, StructureReview, replace_file, write_json};
use jobs::{CompareJob, CompareReport, Failure, Job, ReviewJob, utc_timestamp};
use serde::Serialize;
use volume::LabelVoxels;

use crate::apply::news::failed;
use crate::apply::{mask as layers, open, queue};
use crate::core::Core;
use crate::link::Purpose;
use crate::state::{CHECK_BELOW, Case, Layer, LayerVoxels, Mode, ReviewState, TOLERANCE_MM};

/// Pause after the last stroke before its structures are measured again.
const SETTLED: Duration = Duration::from_secs(1);

pub(super) fn with(core: &mut Core, change: impl FnOnce(&mut ReviewState)) {
    if let Some(case) = &mut core.state.case {
        change(&mut case.review);
    }
}

/// Values of the layer shown in the order the list shows them: worst first once measured, else as the table has them.
pub(crate) fn order(case: &Case) -> Vec<u16> {
    let Some(layer) = case.layer() else { return Vec::new() };
    match &layer.review {
        Some(review) => review.structures.iter().filter(|structure| structure.voxels > 0).map(|structure| structure.value).collect(),
        None => layer.file.table.iter().map(|label| label.value).collect(),
    }
}

/// Whether the measures of a layer do not know of its last edits, or are not there.
fn is_stale(layer: &Layer) -> bool {
    let known = layer.review.as_ref().map(|review| review.edits);
    match &layer.voxels {
        LayerVoxels::Edited(history) => known.is_none_or(|known| known < history.records()),
        LayerVoxels::Mapped(_) => known.is_none(),
        LayerVoxels::Absent => false,
    }
}

/// A layer is shown: it is measured if nobody did.
pub(super) fn after_load(core: &mut Core) {
    let Some(case) = &mut core.state.case else { return };
    (case.review.compared, case.review.compare_with) = (None, None);
    let path = case.folder.path().to_owned();
    let wanted = case.layer().filter(|layer| layer.file.state != LayerState::Running && is_stale(layer));
    if let Some(number) = wanted.map(|layer| layer.folder.number()) {
        ask(core, &path, number);
    }
}

/// The review screen opens at the worst structure nobody decided on.
pub(super) fn enter(core: &mut Core) {
    let Some(case) = &mut core.state.case else { return };
    case.view.doubt = case.layer().is_some_and(|layer| layer.doubt.is_some());
    case.review.focus_wanted = true;
    if case.layer().is_some_and(|layer| layer.review.is_some()) {
        focus(core);
    }
    after_load(core);
}

/// Puts the first open structure in focus, once.
fn focus(core: &mut Core) {
    with(core, |review| review.focus_wanted = false);
    let Some(case) = &core.state.case else { return };
    let first = open_after(case, None).or_else(|| order(case).first().copied());
    if let Some(value) = first {
        layers::go_to(core, value);
    }
}

/// Asks the worker to measure a layer, with its edits.
pub(super) fn ask(core: &mut Core, path: &Path, number: u32) {
    let purpose = Purpose::Review { case: path.to_owned(), layer: number };
    let job = Job::Review(ReviewJob { case: path.to_owned(), layer: number });
    core.link.cancel_all(|asked| *asked == purpose);
    if on_screen(core, path).is_some() {
        with(core, |review| review.measuring = true);
        with_current(core, number, move |core| {
            core.link.ask(purpose, job);
        });
    } else {
        core.link.ask(purpose, job);
    }
}

fn on_screen<'a>(core: &'a mut Core, path: &Path) -> Option<&'a mut Case> {
    core.state.case.as_deref_mut().filter(|case| case.folder.path() == path)
}

/// Writes the mask of a layer of the case on screen with its edits, where that is not done yet, and then goes on.
pub(super) fn with_current(core: &mut Core, number: u32, then: impl FnOnce(&mut Core) + Send + 'static) {
    let Some(case) = core.state.case.as_deref_mut() else { return };
    let path = case.folder.path().to_owned();
    let known = case.review.current.get(&number).copied();
    let Some(layer) = case.layer_numbered(number) else { return };
    let LayerVoxels::Edited(history) = &layer.voxels else { return then(core) };
    let records = history.records();
    if records == 0 || known == Some(records) {
        return then(core);
    }
    let (aside, target) = (history.aside(), layer.folder.current_path());
    core.tasks.spawn("write the mask", move || {
        let written = write_voxels(&target, aside.grid().voxels());
        // A stroke that follows need not copy the mask.
        drop(aside);
        Box::new(move |core: &mut Core| {
            let Some(case) = on_screen(core, &path) else { return };
            match written {
                Ok(()) => {
                    case.review.current.insert(number, records);
                    then(core);
                }
                Err(error) => {
                    (case.review.measuring, case.review.comparing) = (false, false);
                    core.state.export.writing = false;
                    layers::could_not(core, "The mask could not be handed to the engine.", &error);
                }
            }
        })
    });
}

/// Replaces a mask file as a whole.
fn write_voxels(target: &Path, voxels: &LabelVoxels) -> std::io::Result<()> {
    const BLOCK: usize = 1 << 16;
    let standard = || std::io::Error::other("the mask is not in storage order");
    replace_file(target, |file| match voxels {
        LabelVoxels::U8(values) => file.write_all(values.as_slice().ok_or_else(standard)?),
        LabelVoxels::U16(values) => values.as_slice().ok_or_else(standard)?.chunks(BLOCK).try_for_each(|block| {
            let bytes: Vec<u8> = block.iter().flat_map(|value| value.to_le_bytes()).collect();
            file.write_all(&bytes)
        }),
    })
}

/// Measures the layer shown.
pub(super) fn measure(core: &mut Core) {
    let Some(case) = &core.state.case else { return };
    let path = case.folder.path().to_owned();
    if let Some(number) = case.layer().map(|layer| layer.folder.number()) {
        ask(core, &path, number);
    }
}

/// A layer was measured. Decisions here are newer than those in the file, and rows stay where they are.
pub(super) fn measured(core: &mut Core, path: &Path, number: u32, done: bool, failure: Option<Failure>) {
    let still = core.link.is_asked(|purpose| matches!(purpose, Purpose::Review { case, .. } if case == path));
    if let Some(case) = on_screen(core, path) {
        case.review.measuring = still;
    }
    if !done {
        return failed(core, "The structures were not measured.", failure);
    }
    if let Some(case) = on_screen(core, path) {
        let records = case.review.current.get(&number).copied().unwrap_or(0);
        let Some(layer) = case.layer_numbered(number) else { return };
        match layer.folder.read_review() {
            Ok(Some(found)) => {
                let mut merged = merge(layer.review.take(), found);
                merged.edits = records;
                layer.review = Some(merged);
                keep_review(core, number);
            }
            Ok(None) => {}
            Err(error) => return layers::could_not(core, "The measures cannot be read.", &error),
        }
        let wanted = core.state.case.as_ref().is_some_and(|case| case.review.focus_wanted);
        if wanted && core.state.mode() == Some(Mode::Review) {
            focus(core);
        }
        summarise(core);
    }
    queue::reviewed(core, path);
}

/// New measures in the old order with the old decisions; what is new comes behind.
fn merge(old: Option<ReviewFile>, new: ReviewFile) -> ReviewFile {
    let Some(old) = old else { return new };
    let place: HashMap<u16, (usize, &StructureReview)> =
        old.structures.iter().enumerate().map(|(at, structure)| (structure.value, (at, structure))).collect();
    let mut structures: Vec<StructureReview> = new
        .structures
        .into_iter()
        .map(|measured| match place.get(&measured.value) {
            Some((_, known)) => {
                StructureReview { decision: known.decision, decided_at: known.decided_at.clone(), note: known.note.clone(), ..measured }
            }
            None => measured,
        })
        .collect();
    structures.sort_by_key(|structure| place.get(&structure.value).map_or(usize::MAX, |(at, _)| *at));
    ReviewFile { structures, edits: new.edits, reviewer: old.reviewer }
}

/// Decides about the structure in focus. Flagging again takes the flag away.
pub(super) fn decide(core: &mut Core, decision: Decision, next: bool) {
    let reviewer = core.state.settings.reviewer.clone();
    let Some(case) = &mut core.state.case else { return };
    let selected = case.view.selected;
    let Some(layer) = case.layer_mut() else { return };
    let number = layer.folder.number();
    let Some(review) = &mut layer.review else { return core.state.toast("The structures are being measured.") };
    let known = review.structures.iter_mut().find(|structure| Some(structure.value) == selected && structure.voxels > 0);
    let Some(structure) = known else { return core.state.toast("Choose a structure to decide about.") };
    let again = !next && structure.decision == decision && decision == Decision::Flagged;
    structure.decision = if again { Decision::Open } else { decision };
    structure.decided_at = (structure.decision != Decision::Open).then(|| utc_timestamp(SystemTime::now()));
    review.reviewer = reviewer;
    case.file.state = CaseState::InReview;
    keep_review(core, number);
    keep_case(core);
    if next && !next_open(core) {
        core.state.toast("Every structure is decided. Shift Enter accepts the case.");
    }
}

/// The next structure nobody decided on, in the order of the list, from the start again at its end.
fn open_after(case: &Case, after: Option<u16>) -> Option<u16> {
    let review = case.layer()?.review.as_ref()?;
    let there: Vec<&StructureReview> = review.structures.iter().filter(|structure| structure.voxels > 0).collect();
    let from = after.and_then(|after| there.iter().position(|structure| structure.value == after)).map_or(0, |at| at + 1);
    let is_open = |structure: &&&StructureReview| structure.decision == Decision::Open;
    there.iter().cycle().skip(from).take(there.len()).find(is_open).map(|structure| structure.value)
}

/// Goes to the next structure that is not decided; whether there is one.
pub(super) fn next_open(core: &mut Core) -> bool {
    let Some(case) = &core.state.case else { return false };
    let next = open_after(case, case.view.selected);
    if let Some(value) = next {
        layers::go_to(core, value);
    }
    next.is_some()
}

/// Accepts the case, and what nobody decided on with it; flags and rejections stay.
pub(super) fn accept_case(core: &mut Core) {
    let now = utc_timestamp(SystemTime::now());
    let reviewer = core.state.settings.reviewer.clone();
    let Some(layer) = core.state.case.as_mut().and_then(|case| case.layer_mut()) else { return };
    let number = layer.folder.number();
    if let Some(review) = &mut layer.review {
        review.reviewer = reviewer;
        for structure in review.structures.iter_mut().filter(|known| known.voxels > 0 && known.decision == Decision::Open) {
            structure.decision = Decision::Accepted;
            structure.decided_at = Some(now.clone());
        }
    }
    keep_review(core, number);
    decide_case(core, CaseState::Accepted, "accepted");
}

/// Rejects the case; decisions about its structures stay.
pub(super) fn reject_case(core: &mut Core) {
    decide_case(core, CaseState::Rejected, "rejected");
}

fn decide_case(core: &mut Core, state: CaseState, word: &str) {
    let Some(case) = &mut core.state.case else { return };
    case.file.state = state;
    let text = format!("{} {word}.", case.file.title);
    keep_case(core);
    core.state.toast(text);
    queue::next_open(core);
}

/// Notes something about the structure in focus.
pub(super) fn set_note(core: &mut Core, note: String) {
    let Some(case) = &mut core.state.case else { return };
    let selected = case.view.selected;
    let Some(layer) = case.layer_mut() else { return };
    let number = layer.folder.number();
    let known = layer.review.iter_mut().flat_map(|review| &mut review.structures).find(|structure| Some(structure.value) == selected);
    if let Some(structure) = known {
        structure.note = note;
        keep_review(core, number);
    }
}

/// Notes something about the case.
pub(super) fn set_case_note(core: &mut Core, note: String) {
    if let Some(case) = &mut core.state.case {
        case.file.note = note;
        keep_case(core);
    }
}

/// Corrects the structure in focus where the crosshair is.
pub(super) fn fix_in_edit(core: &mut Core) {
    open::set_mode(core, Mode::Edit);
}

/// Compares the layer shown with another one, or no longer.
pub(super) fn compare_with(core: &mut Core, reference: Option<u32>) {
    let Some(case) = &mut core.state.case else { return };
    let Some(number) = case.layer().map(|layer| layer.folder.number()) else { return };
    let reference = reference.filter(|reference| *reference != number && case.layer_numbered(*reference).is_some());
    (case.review.compare_with, case.review.compared, case.review.comparing) = (reference, None, reference.is_some());
    core.link.cancel_all(|purpose| *purpose == Purpose::Compare);
    let Some(reference) = reference else { return };
    let path = case.folder.path().to_owned();
    with_current(core, number, move |core| {
        with_current(core, reference, move |core| {
            let job = CompareJob { case: path, layer: number, reference, tolerance_mm: TOLERANCE_MM };
            core.link.ask(Purpose::Compare, Job::Compare(job));
        });
    });
}

/// Layers were compared.
pub(super) fn compared(core: &mut Core, report: CompareReport) {
    with(core, |review| {
        if review.compare_with.is_some() {
            (review.comparing, review.compared) = (false, Some(report));
        }
    });
}

/// Layers were not compared.
pub(super) fn not_compared(core: &mut Core, failure: Option<Failure>) {
    let still = core.link.is_asked(|purpose| *purpose == Purpose::Compare);
    with(core, |review| {
        review.comparing = still;
        if !still {
            review.compare_with = None;
        }
    });
    failed(core, "The layers were not compared.", failure);
}

/// The mask was changed: its measures are taken again when drawing pauses.
pub(super) fn edited(core: &mut Core) {
    let Some(case) = &mut core.state.case else { return };
    (case.review.compared, case.review.compare_with) = (None, None);
    let waits = case.review.edited_at.replace(Instant::now()).is_some();
    if !waits {
        wait(core, SETTLED);
    }
}

fn wait(core: &mut Core, time: Duration) {
    let Some(path) = core.state.case.as_ref().map(|case| case.folder.path().to_owned()) else { return };
    core.tasks.spawn("pause in drawing", move || {
        thread::sleep(time);
        Box::new(move |core: &mut Core| paused(core, &path))
    });
}

fn paused(core: &mut Core, path: &Path) {
    let Some(case) = on_screen(core, path) else { return };
    let Some(at) = case.review.edited_at else { return };
    let left = SETTLED.saturating_sub(at.elapsed());
    if !left.is_zero() || case.edit.stroke.is_some() || case.edit.working.is_some() {
        return wait(core, left.max(SETTLED / 4));
    }
    case.review.edited_at = None;
    let is_edited = |layer: &&Layer| matches!(layer.voxels, LayerVoxels::Edited(_)) && is_stale(layer);
    let numbers: Vec<u32> = case.layers.iter().filter(is_edited).map(|layer| layer.folder.number()).collect();
    numbers.into_iter().for_each(|number| ask(core, path, number));
}

/// Keeps what was decided about a layer.
fn keep_review(core: &mut Core, number: u32) {
    let Some(layer) = core.state.case.as_mut().and_then(|case| case.layer_numbered(number)) else { return };
    let path = layer.folder.path().join("review.json");
    if let Some(review) = layer.review.clone() {
        keep(core, path, review);
    }
}

/// Keeps what was decided about the case, in its folder and in the lists that show it.
fn keep_case(core: &mut Core) {
    let Some(case) = &core.state.case else { return };
    let (path, file) = (case.folder.path().join("case.json"), case.file.clone());
    keep(core, path, file);
    summarise(core);
}

/// Writes a small file beside the window. Threads may finish in any order; the newest content stays.
fn keep<T: Serialize + Send + 'static>(core: &mut Core, path: PathBuf, content: T) {
    let Some(case) = &mut core.state.case else { return };
    case.review.writes += 1;
    let (number, written) = (case.review.writes, case.review.written.clone());
    core.tasks.spawn("keep decisions", move || {
        let mut newest = written.lock().unwrap_or_else(PoisonError::into_inner);
        let is_newer = newest.get(&path).is_none_or(|newest| *newest < number);
        let kept = if is_newer { write_json(&path, &content) } else { Ok(()) };
        if is_newer && kept.is_ok() {
            newest.insert(path, number);
        }
        drop(newest);
        Box::new(move |core: &mut Core| {
            if let Err(error) = kept {
                layers::could_not(core, "The decision is not on disk yet.", &error);
            }
        })
    });
}

/// Writes what may still wait, before the case is put away.
pub(super) fn flush(case: &mut Case) {
    if case.review.writes == 0 {
        return;
    }
    let mut newest = case.review.written.lock().unwrap_or_else(PoisonError::into_inner);
    let mut put = |path: PathBuf, write: &dyn Fn() -> std::io::Result<()>| {
        if let Err(error) = write() {
            tracing::error!("decisions could not be written: {error}");
        }
        // No write that still waits may replace this one.
        newest.insert(path, u64::MAX);
    };
    put(case.folder.path().join("case.json"), &|| case.folder.write(&case.file));
    for layer in &case.layers {
        if let Some(review) = &layer.review {
            put(layer.folder.path().join("review.json"), &|| layer.folder.write_review(review));
        }
    }
}

/// Brings the lists of recent cases and of the queue up to date with the case on screen.
fn summarise(core: &mut Core) {
    let Some(case) = &core.state.case else { return };
    let (path, state) = (case.folder.path().to_owned(), case.file.state);
    let count = order(case).len();
    let check = |known: &&StructureReview| known.voxels > 0 && known.score < CHECK_BELOW && known.decision == Decision::Open;
    let review = case.layer().and_then(|layer| layer.review.as_ref());
    let doubtful = review.map_or(0, |review| review.structures.iter().filter(check).count());
    let mut summary = format!("{count} structures");
    if doubtful > 0 {
        summary.push_str(&format!(", {doubtful} to check"));
    }
    let has_mask = case.shown.is_some();
    if let Some(recent) = core.state.recents.cases.iter_mut().find(|recent| recent.case == path) {
        let before = recent.clone();
        recent.state = state;
        if has_mask {
            recent.summary = summary;
        }
        if *recent != before {
            core.save_recents();
        }
    }
    queue::reviewed(core, &path);
}
