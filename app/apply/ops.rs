//! Operations on whole structures. They take seconds on a large scan, so they work beside the window on a copy of the mask and
//! come back as one step; drawing waits for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mask::draw::Guard;
use mask::ops::{self, Between, Islands};
use mask::{Delta, LabelGrid, MaskError, Touch, Watch, pieces};
use volume::Label;

use crate::apply::{edit, mask as layers};
use crate::core::Core;
use crate::render::plane::{Convention, Plane, PlaneLayout};
use crate::state::Overwrite;

/// New structures a split may make; further pieces keep the label.
const SPLIT_INTO: usize = 20;

/// Names the step, works out the change beside the window, applies it.
fn operate(
    core: &mut Core,
    what: &str,
    detail: String,
    work: impl FnOnce(&LabelGrid, u16, &Guard, Watch<'_>) -> Result<Delta, MaskError> + Send + 'static,
) {
    if !edit::may_edit(core) {
        return;
    }
    let Some(case) = core.state.case.as_deref_mut() else { return };
    let (Some(grid), Some(selected)) = (edit::grid(case).cloned(), case.view.selected) else { return };
    let locked: Vec<u16> = case.locked().into_iter().filter(|value| *value != selected).collect();
    let guard = match case.edit.overwrite {
        Overwrite::Nothing => Guard::from_fn(|value| value == 0 || value == selected),
        Overwrite::Unlocked => Guard::unlocked(&locked),
        Overwrite::All => Guard::all(),
    };
    let name = edit::named(case, what);
    let (path, layer) = (case.folder.path().to_owned(), case.layer().map(|layer| layer.folder.number()));
    let stop = Arc::new(AtomicBool::new(false));
    (case.edit.working, case.edit.stop) = (Some(format!("{name}…")), Some(stop.clone()));
    core.tasks.spawn("mask operation", move || {
        let going_on = |_: f32| !stop.load(Ordering::Relaxed);
        let delta = work(&grid, selected, &guard, Watch::new(&going_on));
        drop(grid);
        Box::new(move |core: &mut Core| {
            let Some(case) = core.state.case.as_deref_mut().filter(|case| case.folder.path() == path) else { return };
            (case.edit.working, case.edit.stop) = (None, None);
            // Nobody can have drawn meanwhile; a layer that was changed for another one has nothing to do with this step.
            if case.layer().map(|layer| layer.folder.number()) != layer {
                return core.state.toast(format!("{name} was dropped: another layer is shown."));
            }
            if matches!(&delta, Ok(delta) if delta.is_empty()) {
                return core.state.toast(format!("{name}: nothing to change."));
            }
            edit::step(core, &name, &detail, delta);
        })
    });
}

/// Fills in slices between those drawn.
pub(super) fn interpolate(core: &mut Core, plane: Plane) {
    let Some(case) = &core.state.case else { return };
    let axis = PlaneLayout::new(&case.file.geometry, plane, Convention::Radiological).through.axis_zyx;
    let detail = format!("between {} slices", plane.name().to_lowercase());
    operate(core, "Interpolate", detail, move |grid, value, guard, watch| {
        ops::interpolate(grid, axis, &[value], Between::Drawn, guard, watch)
    });
}

fn islands(core: &mut Core, what: &str, detail: String, islands: Islands) {
    operate(core, what, detail, move |grid, value, _, watch| ops::islands(grid, value, Touch::Corners, &islands, watch));
}

/// Keeps the largest piece.
pub(super) fn keep_largest(core: &mut Core) {
    islands(core, "Keep largest", String::new(), Islands::KeepLargest);
}

/// Keeps the piece under the crosshair.
pub(super) fn keep_piece(core: &mut Core) {
    let Some(case) = &core.state.case else { return };
    let index_zyx = case.view.cursor_zyx;
    if Some(case.label_at(index_zyx)) != case.view.selected {
        return core.state.toast("Put the crosshair on the piece to keep.");
    }
    islands(core, "Keep piece", String::new(), Islands::KeepAt { index_zyx });
}

/// Removes small pieces.
pub(super) fn remove_small(core: &mut Core) {
    let Some(case) = &core.state.case else { return };
    let ml = f64::from(case.edit.island_ml);
    islands(core, "Remove small", format!("below {ml} mL"), Islands::RemoveSmaller { mm3: ml * 1000.0 });
}

/// Makes every piece a structure of its own, named after the one it came from.
pub(super) fn split_pieces(core: &mut Core) {
    if !edit::may_edit(core) {
        return;
    }
    let Some(case) = core.state.case.as_deref() else { return };
    let (Some(grid), Some(selected), Some(table)) = (edit::grid(case), case.view.selected, case.table()) else { return };
    let wanted = pieces(grid, selected, Touch::Corners).pieces.len().saturating_sub(1).min(SPLIT_INTO);
    let free: Vec<u16> = (1..=grid.max_value()).filter(|value| table.get(*value).is_none()).take(wanted).collect();
    if wanted == 0 || free.is_empty() {
        return core.state.toast("There is only one piece.");
    }
    let (name, count) = (case.name_of(selected).unwrap_or_default().to_owned(), table.iter().count());
    layers::change_table(core, |table| {
        for (i, value) in free.iter().enumerate() {
            table.insert(Label { value: *value, name: format!("{name} {}", i + 2), color: layers::palette_rgb(count + i) });
        }
    });
    islands(core, "Split", format!("{} pieces", free.len() + 1), Islands::Split { new_values: free });
}

/// Grows by a distance; shrinks where negative.
pub(super) fn grow(core: &mut Core, by_mm: f32) {
    let mm = f64::from(by_mm.abs());
    let detail = format!("{mm} mm");
    if by_mm > 0.0 {
        operate(core, "Grow", detail, move |grid, value, guard, watch| ops::grow(grid, value, mm, guard, watch));
    } else if by_mm < 0.0 {
        operate(core, "Shrink", detail, move |grid, value, _, watch| ops::shrink(grid, value, mm, 0, watch));
    }
}

/// Smooths the structure in focus together with its neighbours, so that no gap opens between them.
pub(super) fn smooth(core: &mut Core, by_mm: f32) {
    let mm = f64::from(by_mm);
    operate(core, "Smooth", format!("{mm} mm"), move |grid, value, guard, watch| ops::smooth(grid, &[value], mm, guard, watch));
}

/// Turns one structure into another.
pub(super) fn relabel(core: &mut Core, from: u16, to: u16) {
    let Some(case) = &core.state.case else { return };
    let target = case.name_of(to).unwrap_or("background").to_owned();
    operate(core, "Relabel", format!("into {target}"), move |grid, _, _, watch| ops::relabel(grid, &[from], to, &Guard::all(), watch));
}
