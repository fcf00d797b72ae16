//! Steps of the history: a change is in the journal before it is on screen. Undo, redo, jumps, and what a full disk does.

use std::time::SystemTime;

use jobs::utc_timestamp;
use mask::{Delta, History, Made, MaskError};
use volume::Region;

use crate::apply::edit::{MARK, with};
use crate::apply::news::sentence;
use crate::command::Command;
use crate::core::Core;
use crate::state::{Banner, Case, LayerVoxels, Pending, Severity};

const DISK_FULL: &str = "The disk is full, so the last stroke is not saved yet.";

/// The history of the layer shown.
pub(super) fn history(core: &mut Core) -> Option<&mut History> {
    history_of(core.state.case.as_deref_mut()?)
}

/// The history of the layer shown.
pub(super) fn history_of(case: &mut Case) -> Option<&mut History> {
    match &mut case.layer_mut()?.voxels {
        LayerVoxels::Edited(history) => Some(history),
        _ => None,
    }
}

/// One edit as one step, settled.
pub(super) fn step(core: &mut Core, name: &str, detail: &str, delta: Result<Delta, MaskError>) {
    match delta {
        Ok(delta) => {
            make(core, Pending { name: name.to_owned(), detail: detail.to_owned(), delta, more: false });
            settle(core);
        }
        Err(error) => refuse(core, &error),
    }
}

/// Writes a change down and makes it; whether it did. What a full disk refuses is kept for [`resume`].
pub(super) fn make(core: &mut Core, change: Pending) -> bool {
    let Some(history) = history(core) else { return false };
    match write(history, &change) {
        Ok(None) => false,
        Ok(Some(region)) => {
            changed(core, region);
            true
        }
        Err(error) => {
            not_made(core, change, &error);
            false
        }
    }
}

/// Says why a change was not made. What a full disk refuses is kept for [`resume`].
pub(super) fn not_made(core: &mut Core, change: Pending, error: &MaskError) {
    if error.is_disk_full() {
        with(core, |edit| edit.pending = Some(change));
    }
    refuse(core, error);
}

/// Takes in a step of a layer that was written down beside the window.
pub(super) fn adopt(core: &mut Core, layer: u32, made: Option<Made>) {
    let Some(made) = made else { return };
    let shown = core.state.case.as_ref().and_then(|case| case.layer()).is_some_and(|shown| shown.folder.number() == layer);
    let layer = core.state.case.as_deref_mut().and_then(|case| case.layer_numbered(layer));
    let Some(layer) = layer else { return };
    let LayerVoxels::Edited(history) = &mut layer.voxels else { return };
    match history.adopt(made) {
        Ok(Some(region)) if shown => {
            changed(core, region);
            settle(core);
        }
        Ok(Some(region)) => layer.touch(region),
        Ok(None) => {}
        Err(error) => refuse(core, &error),
    }
}

fn write(history: &mut History, change: &Pending) -> Result<Option<Region>, MaskError> {
    if change.more { history.more(&change.delta) } else { history.edit(&change.name, &change.detail, &change.delta) }
}

/// Shows what changed.
fn changed(core: &mut Core, region: Region) {
    let Some(case) = &mut core.state.case else { return };
    case.edit.saved_at = Some(utc_timestamp(SystemTime::now()));
    if let Some(layer) = case.layer_mut() {
        let mark = layer.folder.path().join(MARK);
        if !mark.exists() {
            // Only the words after a crash depend on the mark.
            std::fs::write(mark, []).ok();
        }
        layer.touch(region);
    }
    super::review::edited(core);
}

/// Waits until the last step is on the disk itself.
pub(super) fn settle(core: &mut Core) {
    let Some(history) = history(core) else { return };
    if let Err(error) = history.sync() {
        refuse(core, &error);
    }
}

/// Says why an edit did not happen. What was drawn before is on disk.
pub(super) fn refuse(core: &mut Core, error: &MaskError) {
    if matches!(error, MaskError::Cancelled) {
        return;
    }
    with(core, |edit| edit.stroke = None);
    if error.is_disk_full() {
        with(core, |edit| edit.paused = Some(error.to_string()));
        say_paused(core);
    } else {
        core.state.banner(Banner::new(Severity::Error, "The mask was not changed.", sentence(&error.to_string())));
    }
}

/// Says that drawing waits for room on the disk.
pub(super) fn say_paused(core: &mut Core) {
    let steps = history(core).map_or(0, |history| history.done());
    let detail = format!("The {steps} steps before it are on disk. Drawing is paused; make room on the disk, then go on.");
    core.state.banner(Banner::new(Severity::Error, DISK_FULL, detail).remedy("Try again", Command::ResumeEditing));
}

/// Tries to write again after the disk was full.
pub(super) fn resume(core: &mut Core) {
    core.state.banners.retain(|banner| banner.cause != DISK_FULL);
    let mut pending = None;
    with(core, |edit| {
        edit.paused = None;
        pending = edit.pending.take();
    });
    if let Some(pending) = pending {
        make(core, pending);
    }
    settle(core);
}

/// What a full disk refused is tried once more before the case is put away.
pub(super) fn last_try(case: &mut Case) {
    if let Some(pending) = case.edit.pending.take()
        && let Some(history) = history_of(case)
        && let Err(error) = write(history, &pending)
    {
        tracing::error!("the last stroke could not be saved: {error}");
    }
}

/// Takes back a step.
pub(super) fn undo(core: &mut Core) {
    travel(core, History::undo);
}

/// Does it again.
pub(super) fn redo(core: &mut Core) {
    travel(core, History::redo);
}

/// Goes to a step of the history.
pub(super) fn jump_to(core: &mut Core, steps: usize) {
    travel(core, |history| history.jump(steps));
}

fn travel(core: &mut Core, travel: impl FnOnce(&mut History) -> Result<Option<Region>, MaskError>) {
    let Some(case) = &mut core.state.case else { return };
    case.edit.stroke = None;
    if case.edit.paused.is_some() {
        return say_paused(core);
    }
    if let Some(working) = &case.edit.working {
        // The change under way was worked out from the mask as it is now.
        let text = format!("{working} Wait for it or stop it first.");
        return core.state.toast(text);
    }
    let Some(history) = history(core) else { return };
    match travel(history) {
        Ok(None) => {}
        Ok(Some(region)) => {
            changed(core, region);
            settle(core);
        }
        Err(error) => refuse(core, &error),
    }
}
