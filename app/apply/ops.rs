//! Operations on whole structures. They take seconds on a large scan, so they work beside the window, on the mask as it is, and are
//! written down there too; drawing waits until the step is on disk and on screen.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mask::draw::Guard;
use mask::ops::{self, Between, Islands};
use mask::{Aside, Delta, LabelGrid, MaskError, Touch, Watch, pieces};
use volume::Label;

use crate::apply::{edit, mask as layers, steps};
use crate::core::Core;
use crate::render::plane::{Convention, Plane, PlaneLayout};
use crate::state::{Case, Overwrite, Pending, step_words};

/// New structures a split may make; further pieces keep the label.
const SPLIT_INTO: usize = 20;

/// What came of an operation: the change, and words about it.
pub(super) type Worked = Result<(Delta, String), MaskError>;

/// Works out a change beside the window and makes it as one step. The caller has made sure that drawing may begin.
pub(super) fn beside(core: &mut Core, name: String, work: impl FnOnce(&LabelGrid, Watch<'_>) -> Worked + Send + 'static) {
    beside_then(core, name, work, |_, _| {});
}

/// The same; `before` sees the change just before it is made.
fn beside_then(
    core: &mut Core,
    name: String,
    work: impl FnOnce(&LabelGrid, Watch<'_>) -> Worked + Send + 'static,
    before: impl FnOnce(&mut Core, &Delta) + Send + 'static,
) {
    let Some(case) = core.state.case.as_deref_mut() else { return };
    let (path, stop) = (case.folder.path().to_owned(), Arc::new(AtomicBool::new(false)));
    let Some(layer) = case.layer().map(|layer| layer.folder.number()) else { return };
    let Some(aside) = steps::history_of(case).map(|history| history.aside()) else { return };
    let words = step_words(&name);
    (case.edit.working, case.edit.stop) = (Some(format!("{words}…")), Some(stop.clone()));
    let at = Place { path, layer, stop };
    core.tasks.spawn("mask operation", move || {
        let going_on = |_: f32| !at.stop.load(Ordering::Relaxed);
        let worked = work(aside.grid(), Watch::new(&going_on));
        Box::new(move |core: &mut Core| {
            let Some(case) = at.case(core) else { return };
            // Also when it had just been worked out: nothing is written down yet.
            let stopped = at.stop.load(Ordering::Relaxed);
            // Nobody can have drawn meanwhile; a layer that was changed for another one has nothing to do with this step.
            let elsewhere = case.layer().is_none_or(|layer| layer.folder.number() != at.layer);
            match worked {
                _ if stopped => at.say(core, format!("{words} was stopped; nothing was changed.")),
                _ if elsewhere => at.say(core, format!("{words} was dropped: another layer is shown.")),
                Ok((delta, _)) if delta.is_empty() => at.say(core, format!("{words}: nothing to change.")),
                Ok((delta, detail)) => {
                    before(core, &delta);
                    keep(core, at, aside, Pending { name, detail, delta, more: false });
                }
                Err(error) => {
                    at.done(core);
                    steps::refuse(core, &error);
                }
            }
        })
    });
}

/// Writes a change down beside the window, as a large one takes a while, and takes it in once it is on disk.
fn keep(core: &Core, at: Place, aside: Aside, change: Pending) {
    core.tasks.spawn("keeping a step", move || {
        let made = aside.edit(&change.name, &change.detail, &change.delta);
        Box::new(move |core: &mut Core| {
            if at.case(core).is_none() {
                // What was written before the case was put away is there when it is opened again.
                return;
            }
            at.done(core);
            match made {
                Ok(made) => steps::adopt(core, at.layer, made),
                Err(error) => steps::not_made(core, change, &error),
            }
        })
    });
}

/// What an operation belongs to.
struct Place {
    path: PathBuf,
    layer: u32,
    stop: Arc<AtomicBool>,
}

impl Place {
    /// The case, unless it was put away; one that was opened again meanwhile is at another operation, or at none.
    fn case<'a>(&self, core: &'a mut Core) -> Option<&'a mut Case> {
        let is_its = |case: &&mut Case| {
            case.folder.path() == self.path && case.edit.stop.as_ref().is_some_and(|present| Arc::ptr_eq(present, &self.stop))
        };
        core.state.case.as_deref_mut().filter(is_its)
    }

    /// Drawing may go on.
    fn done(&self, core: &mut Core) {
        if let Some(case) = self.case(core) {
            (case.edit.working, case.edit.stop) = (None, None);
        }
    }

    fn say(&self, core: &mut Core, text: String) {
        self.done(core);
        core.state.toast(text);
    }
}

/// An operation on the structure in focus.
fn operate(core: &mut Core, what: &str, work: impl FnOnce(&LabelGrid, u16, &Guard, Watch<'_>) -> Worked + Send + 'static) {
    if !edit::may_edit(core) {
        return;
    }
    let Some(case) = core.state.case.as_deref() else { return };
    let Some(selected) = case.view.selected else { return };
    let locked: Vec<u16> = case.locked().into_iter().filter(|value| *value != selected).collect();
    let guard = match case.edit.overwrite {
        Overwrite::Nothing => Guard::from_fn(|value| value == 0 || value == selected),
        Overwrite::Unlocked => Guard::unlocked(&locked),
        Overwrite::All => Guard::all(),
    };
    let name = edit::named(case, what);
    beside(core, name, move |grid, watch| work(grid, selected, &guard, watch));
}

/// "2 mm" or "0.5 mL": no more digits than there are.
fn amount(number: f32, unit: &str) -> String {
    let text = format!("{number:.1}");
    format!("{} {unit}", text.strip_suffix(".0").unwrap_or(&text))
}

/// Fills in slices between those drawn.
pub(super) fn interpolate(core: &mut Core, plane: Plane) {
    let Some(case) = &core.state.case else { return };
    let axis = PlaneLayout::new(&case.file.geometry, plane, Convention::Radiological).through.axis_zyx;
    let name = plane.name().to_lowercase();
    operate(core, "Interpolate", move |grid, value, guard, watch| {
        let delta = ops::interpolate(grid, axis, &[value], Between::Drawn, guard, watch)?;
        let filled = delta.bounds(grid.size_zyx()).map(|bounds| bounds.range(axis));
        let detail = filled.map_or_else(String::new, |slices| format!("{name} {}–{}", slices.start + 1, slices.end));
        Ok((delta, detail))
    });
}

fn islands(core: &mut Core, what: &str, detail: String, islands: Islands) {
    operate(core, what, move |grid, value, _, watch| {
        let delta = ops::islands(grid, value, Touch::Corners, &islands, watch)?;
        Ok((delta, detail))
    });
}

/// Keeps the largest piece.
pub(super) fn keep_largest(core: &mut Core) {
    operate(core, "Keep largest", move |grid, value, _, watch| {
        let removed = pieces(grid, value, Touch::Corners).pieces.len().saturating_sub(1);
        let delta = ops::islands(grid, value, Touch::Corners, &Islands::KeepLargest, watch)?;
        Ok((delta, format!("removed {removed}")))
    });
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
    let ml = case.edit.island_ml;
    islands(core, "Remove small", format!("below {}", amount(ml, "mL")), Islands::RemoveSmaller { mm3: f64::from(ml) * 1000.0 });
}

/// Makes every piece a structure of its own, named after the one it came from.
pub(super) fn split_pieces(core: &mut Core) {
    if !edit::may_edit(core) {
        return;
    }
    let Some(case) = core.state.case.as_deref() else { return };
    let (Some(grid), Some(selected), Some(table)) = (edit::grid(case), case.view.selected, case.table()) else { return };
    let free: Vec<u16> = (1..=grid.max_value()).filter(|value| table.get(*value).is_none()).take(SPLIT_INTO).collect();
    let (name, count) = (case.name_of(selected).unwrap_or_default().to_owned(), table.iter().count());
    let values = free.clone();
    let work = move |grid: &LabelGrid, watch: Watch<'_>| {
        let delta = ops::islands(grid, selected, Touch::Corners, &Islands::Split { new_values: free }, watch)?;
        let detail = format!("{} pieces", delta.gains().keys().filter(|value| **value != selected).count() + 1);
        Ok((delta, detail))
    };
    beside_then(core, edit::named(case, "Split"), work, move |core, delta| {
        let gains = delta.gains();
        layers::change_table(core, |table| {
            for (i, value) in values.into_iter().filter(|value| gains.contains_key(value)).enumerate() {
                table.insert(Label { value, name: format!("{name} {}", i + 2), color: layers::palette_rgb(count + i) });
            }
        });
    });
}

/// Grows by a distance; shrinks where negative.
pub(super) fn grow(core: &mut Core, by_mm: f32) {
    let (mm, detail) = (f64::from(by_mm.abs()), amount(by_mm.abs(), "mm"));
    if by_mm > 0.0 {
        operate(core, "Grow", move |grid, value, guard, watch| Ok((ops::grow(grid, value, mm, guard, watch)?, detail)));
    } else if by_mm < 0.0 {
        operate(core, "Shrink", move |grid, value, _, watch| Ok((ops::shrink(grid, value, mm, 0, watch)?, detail)));
    }
}

/// Smooths the structure in focus together with its neighbours, so that no gap opens between them.
pub(super) fn smooth(core: &mut Core, by_mm: f32) {
    let (mm, detail) = (f64::from(by_mm), amount(by_mm, "mm"));
    operate(core, "Smooth", move |grid, value, guard, watch| Ok((ops::smooth(grid, &[value], mm, guard, watch)?, detail)));
}

/// Turns one structure into another.
pub(super) fn relabel(core: &mut Core, from: u16, to: u16) {
    if from == to || !edit::may_edit(core) {
        return;
    }
    let Some(case) = core.state.case.as_deref() else { return };
    let name = format!("Relabel, {}", case.name_of(from).unwrap_or("background"));
    let detail = format!("into {}", case.words_of(to).unwrap_or_else(|| "background".to_owned()));
    beside(core, name, move |grid, watch| Ok((ops::relabel(grid, &[from], to, &Guard::all(), watch)?, detail)));
}
