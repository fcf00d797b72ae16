//! Looking: crosshair, slices, windows, zoom, measuring.

use crate::core::Core;
use crate::render::plane::{self, Convention, Plane, PlaneLayout};
use crate::state::{Case, Measurement, Preset, View, Window};

/// Changes the view of the case on screen, if there is one.
pub(super) fn with(core: &mut Core, change: impl FnOnce(&mut View)) {
    if let Some(case) = &mut core.state.case {
        change(&mut case.view);
    }
}

fn case(core: &mut Core) -> Option<&mut Case> {
    core.state.case.as_deref_mut()
}

/// Moves the crosshair; indices beyond the grid stop at its edge.
pub(super) fn set_cursor(core: &mut Core, index_zyx: [usize; 3]) {
    if let Some(case) = case(core) {
        let size = case.file.geometry.size_zyx;
        case.view.cursor_zyx = std::array::from_fn(|axis| index_zyx[axis].min(size[axis] - 1));
    }
}

/// Moves a plane by slices, down the stack where positive: towards the feet, the back, or the patient's right.
pub(super) fn step(core: &mut Core, plane: Plane, by: i32) {
    if let Some(case) = case(core) {
        let layout = PlaneLayout::new(&case.file.geometry, plane, Convention::Radiological);
        let index = &mut case.view.cursor_zyx[layout.through.axis_zyx];
        let last = layout.slice_count() - 1;
        let by = if layout.top_is_last() { -by } else { by };
        *index = index.saturating_add_signed(by as isize).min(last);
    }
}

/// Sets grey values by numbers.
pub(super) fn set_window(core: &mut Core, window: Window) {
    with(core, |view| {
        view.window = Window { width: window.width.max(1e-3), ..window };
        view.preset = None;
    });
}

/// Sets grey values by name.
pub(super) fn set_preset(core: &mut Core, preset: Preset) {
    if let Some(case) = case(core) {
        let [width, level] = case.file.auto_window;
        case.view.window = preset.window(Window { width, level });
        case.view.preset = Some(preset);
    }
}

/// Fits everything into its pane.
pub(super) fn fit(core: &mut Core) {
    if let Some(case) = case(core) {
        case.view.panes = [plane::View::default(); 3];
        let (low, high) = crate::state::extent_lps_mm(&case.file.geometry);
        case.view.camera.fit(low, high);
    }
}

/// One voxel of the finer axis of each plane is one pixel of the screen.
pub(super) fn actual_size(core: &mut Core) {
    let Some(case) = case(core) else { return };
    for plane in Plane::ALL {
        let ([width, height], scale) = case.view.rooms[plane as usize];
        if width > 0.0 && height > 0.0 {
            let layout = PlaneLayout::new(&case.file.geometry, plane, Convention::Radiological);
            let view = &mut case.view.panes[plane as usize];
            *view = view.one_to_one(&layout, egui::vec2(width, height), scale);
        }
    }
}

/// Follows the pointer.
pub(super) fn point(core: &mut Core, at_zyx: Option<[f64; 3]>) {
    if let Some(case) = case(core) {
        case.view.pointer_zyx = at_zyx;
        let value = at_zyx.and_then(|at| case.voxel_of(at)).map_or(0, |voxel| case.label_at(voxel));
        case.view.hovered = Some(value).filter(|value| *value != 0 && case.is_visible(*value));
    }
}

/// Begins a distance.
pub(super) fn measure_from(core: &mut Core, plane: Plane, at_zyx: [f64; 3]) {
    with(core, |view| view.measurements.push(Measurement { plane, from_zyx: at_zyx, to_zyx: at_zyx }));
}

/// Moves the end of the last distance.
pub(super) fn measure_to(core: &mut Core, at_zyx: [f64; 3]) {
    with(core, |view| {
        if let Some(last) = view.measurements.last_mut() {
            last.to_zyx = at_zyx;
        }
    });
}
