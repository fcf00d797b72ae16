//! Correcting: tools, strokes, history.

use jobs::case::{LayerFile, LayerFolder};
use mask::History;

use crate::core::Core;
use crate::render::plane::Plane;
use crate::state::{EditState, Tool};

pub(super) fn with(core: &mut Core, change: impl FnOnce(&mut EditState)) {
    if let Some(case) = &mut core.state.case {
        change(&mut case.edit);
    }
}

pub(super) fn open_history(_folder: &LayerFolder, _file: &LayerFile, _size: [usize; 3], _spacing: [f64; 3]) -> std::io::Result<History> {
    Err(std::io::Error::other("not built yet"))
}
pub(super) fn enter(_core: &mut Core) {}
pub(super) fn take(core: &mut Core, tool: Tool) {
    with(core, |edit| {
        if edit.tool != tool {
            edit.last_tool = edit.tool;
            edit.tool = tool;
        }
    });
}
pub(super) fn swap(core: &mut Core) {
    with(core, |edit| std::mem::swap(&mut edit.tool, &mut edit.last_tool));
}
pub(super) fn set_size(core: &mut Core, size_mm: f32) {
    with(core, |edit| edit.size_mm = size_mm.clamp(0.5, 200.0));
}
pub(super) fn pick_range(_core: &mut Core) {}
pub(super) fn stroke_begin(_core: &mut Core, _plane: Plane, _at_zyx: [f64; 3]) {}
pub(super) fn stroke_to(_core: &mut Core, _at_zyx: [f64; 3]) {}
pub(super) fn stroke_end(_core: &mut Core) {}
pub(super) fn lasso_point(_core: &mut Core, _plane: Plane, _at_zyx: [f64; 3]) {}
pub(super) fn lasso_apply(_core: &mut Core) {}
pub(super) fn fill_at(_core: &mut Core, _plane: Plane, _at_zyx: [f64; 3], _in_3d: bool) {}
pub(super) fn new_structure(_core: &mut Core, _name: String) {}
pub(super) fn undo(_core: &mut Core) {}
pub(super) fn redo(_core: &mut Core) {}
pub(super) fn jump_to(_core: &mut Core, _steps: usize) {}
pub(super) fn resume(_core: &mut Core) {}
