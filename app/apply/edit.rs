//! Correcting: tools, strokes, fills and the history. Every change is in the journal before it is on screen.

use std::sync::atomic::Ordering;

use jobs::case::{LayerFile, LayerFolder, LayerKind, MappedVoxels};
use jobs::structure_words;
use mask::draw::{self, Fill, Guard, Ink, Shape, Tip, Window};
use mask::{Delta, History, LabelGrid, MaskError, Watch};
use ndarray::Array3;
use volume::{Geometry, Label, LabelTable, LabelVoxels, Region};

use crate::apply::{mask as layers, ops, steps};
use crate::core::Core;
use crate::render::plane::{Convention, Plane, PlaneLayout};
use crate::state::{Case, EditState, Layer, LayerVoxels, Layout, Overwrite, Pane, Pending, Stroke, StrokeShape, Tool};

/// Brush diameters a person may choose, mm.
const SIZE_MM: [f32; 2] = [0.5, 200.0];

/// Edge of the cube the image range is taken from around the crosshair, voxels.
const PICKED: usize = 5;

/// Name of the layer corrections go to.
const CORRECTIONS: &str = "My corrections";

/// Changes the tools of the case on screen, if there is one.
pub(super) fn with(core: &mut Core, change: impl FnOnce(&mut EditState)) {
    if let Some(case) = &mut core.state.case {
        change(&mut case.edit);
    }
}

/// Lies in a layer's folder while it is edited; one that is there when the layer is opened tells of a crash.
pub(super) const MARK: &str = "editing";

/// Opens a layer for editing, with every step that was kept; and says how many there are if the last session did not end in order.
pub(super) fn open_history(folder: &LayerFolder, file: &LayerFile, geometry: &Geometry) -> std::io::Result<(History, Option<usize>)> {
    let mapped = folder.map_labels(file, geometry.size_zyx)?;
    let grid = grid_of(&mapped, geometry).map_err(std::io::Error::other)?;
    let (history, _) = History::open(grid, &folder.journal_path()).map_err(std::io::Error::other)?;
    let recovered = (folder.path().join(MARK).exists() && history.done() > 0).then(|| history.done());
    Ok((history, recovered))
}

/// Ends editing in order: everything on the disk itself, no mark left.
pub(super) fn close(case: &mut Case) {
    super::review::flush(case);
    steps::last_try(case);
    stop(&mut case.edit);
    for layer in &mut case.layers {
        if let LayerVoxels::Edited(history) = &mut layer.voxels
            && history.sync().is_ok()
        {
            // A mark that cannot be removed tells of a crash that was none; nothing is lost by that.
            std::fs::remove_file(layer.folder.path().join(MARK)).ok();
        }
    }
}

/// The voxels of a mapped mask, in memory.
pub(crate) fn grid_of(mapped: &MappedVoxels, geometry: &Geometry) -> Result<LabelGrid, MaskError> {
    let size = geometry.size_zyx;
    let fits = "the file holds as many voxels as the grid";
    let voxels = match (mapped.as_u8(), mapped.as_u16()) {
        (Some(values), _) => LabelVoxels::U8(Array3::from_shape_vec(size, values.to_vec()).expect(fits)),
        (_, Some(values)) => LabelVoxels::U16(Array3::from_shape_vec(size, values.to_vec()).expect(fits)),
        _ => return Err(MaskError::Nothing("the mask is neither of one nor of two bytes per voxel")),
    };
    LabelGrid::new(geometry.clone(), voxels)
}

/// The edit screen opens with a tool in hand.
pub(super) fn enter(core: &mut Core) {
    let size_mm = core.state.settings.brush_mm;
    with(core, |edit| {
        if edit.tool == Tool::View {
            (edit.tool, edit.size_mm) = (Tool::Brush, size_mm);
        }
    });
    let Some(case) = &mut core.state.case else { return };
    if case.view.selected.is_none() {
        case.view.selected = case.table().and_then(|table| table.iter().next()).map(|label| label.value);
    }
    if case.view.layout == Layout::FourUp {
        let plane = if let Pane::Slice(plane) = case.view.active { plane } else { Plane::Axial };
        case.view.layout = Layout::OneAndTwo(plane);
    }
}

/// The edit screen is left: four panes again.
pub(super) fn leave(core: &mut Core) {
    if let Some(case) = &mut core.state.case {
        stop_stroke(&mut case.edit);
        if matches!(case.view.layout, Layout::OneAndTwo(_)) {
            case.view.layout = Layout::FourUp;
        }
    }
}

fn stop_stroke(edit: &mut EditState) {
    edit.stroke = None;
    edit.lasso.clear();
    edit.inverted = false;
}

/// Stops the operation at work; the mask stays as it is.
pub(super) fn stop(edit: &mut EditState) {
    if let Some(stop) = &edit.stop {
        stop.store(true, Ordering::Relaxed);
    }
}

/// Takes a tool.
pub(super) fn take(core: &mut Core, tool: Tool) {
    with(core, |edit| {
        edit.lasso.clear();
        if edit.tool != tool {
            edit.last_tool = edit.tool;
            edit.tool = tool;
        }
    });
}

/// Exchanges the last two tools.
pub(super) fn swap(core: &mut Core) {
    with(core, |edit| std::mem::swap(&mut edit.tool, &mut edit.last_tool));
}

/// Sets the size of brush and sphere.
pub(super) fn set_size(core: &mut Core, size_mm: f32) {
    with(core, |edit| edit.size_mm = size_mm.clamp(SIZE_MM[0], SIZE_MM[1]));
}

/// Takes the range of the image around the crosshair: mean and two standard deviations.
pub(super) fn pick_range(core: &mut Core) {
    let Some(case) = &mut core.state.case else { return };
    let (size, cursor) = (case.file.geometry.size_zyx, case.view.cursor_zyx);
    let start: [usize; 3] = std::array::from_fn(|axis| cursor[axis].saturating_sub(PICKED / 2));
    let end: [usize; 3] = std::array::from_fn(|axis| (cursor[axis] + PICKED / 2 + 1).min(size[axis]));
    let mut values = Vec::new();
    for z in start[0]..end[0] {
        for y in start[1]..end[1] {
            values.extend((start[2]..end[2]).map(|x| case.image.value([z, y, x])));
        }
    }
    let mean = values.iter().sum::<f32>() / values.len() as f32;
    let sd = (values.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / values.len() as f32).sqrt();
    case.edit.range = [(mean - 2.0 * sd).floor(), (mean + 2.0 * sd).ceil()];
}

/// Button pressed: the first dab is a new step.
pub(super) fn stroke_begin(core: &mut Core, plane: Plane, at_zyx: [f64; 3]) {
    if !may_edit(core) {
        return;
    }
    let Some(case) = &mut core.state.case else { return };
    let erases = (case.edit.tool == Tool::Erase) != case.edit.inverted;
    case.edit.stroke = Some(Stroke { plane, last_zyx: at_zyx, erases, begun: false });
    draw_to(core, at_zyx);
}

/// Pointer moved.
pub(super) fn stroke_to(core: &mut Core, at_zyx: [f64; 3]) {
    draw_to(core, at_zyx);
}

/// Button released.
pub(super) fn stroke_end(core: &mut Core) {
    let Some(case) = &mut core.state.case else { return };
    if case.edit.stroke.take().is_some() {
        steps::settle(core);
    }
}

/// Draws from the last position to another.
fn draw_to(core: &mut Core, at_zyx: [f64; 3]) {
    let Some(case) = core.state.case.as_deref_mut() else { return };
    let Some(stroke) = case.edit.stroke.clone() else { return };
    let delta = match stroke_delta(case, &stroke, at_zyx) {
        Ok(delta) => delta,
        Err(error) => return steps::refuse(core, &error),
    };
    if let Some(stroke) = &mut case.edit.stroke {
        stroke.last_zyx = at_zyx;
    }
    if delta.is_empty() {
        return;
    }
    let (name, detail) = (step_name(case, stroke.erases), place_of(case, stroke.plane, at_zyx));
    // A stroke that began beside everything it may change has no step to go on with yet.
    let made = steps::make(core, Pending { name, detail, delta, more: stroke.begun });
    with(core, |edit| {
        if let Some(stroke) = &mut edit.stroke {
            stroke.begun |= made;
        }
    });
}

/// What a piece of a stroke changes.
fn stroke_delta(case: &Case, stroke: &Stroke, at_zyx: [f64; 3]) -> Result<Delta, MaskError> {
    let edit = &case.edit;
    let layout = PlaneLayout::new(&case.file.geometry, stroke.plane, Convention::Radiological);
    let plane = draw::Plane { axis: layout.through.axis_zyx, index: layout.slice_of(at_zyx) };
    let is_ball = edit.tool == Tool::Sphere;
    let shape = if edit.shape == StrokeShape::Square && !is_ball { Shape::Square } else { Shape::Round };
    let tip = Tip { shape, radius_mm: f64::from(edit.size_mm) / 2.0, plane: (!is_ball).then_some(plane) };
    let Some(grid) = grid(case) else { return Ok(Delta::default()) };
    let windowed = edit.tool == Tool::Threshold || edit.only_within;
    let (guard, image) = (guard(case, stroke.erases), windowed.then(|| reader(case)));
    draw::segment(grid, &tip, stroke.last_zyx, at_zyx, &ink(case, stroke.erases, &guard, image.as_ref()))
}

/// What drawing may replace now.
fn guard(case: &Case, erases: bool) -> Guard {
    let selected = case.view.selected.unwrap_or(0);
    let locked: Vec<u16> = case.locked().into_iter().filter(|value| *value != selected).collect();
    match (erases, case.edit.overwrite) {
        (true, _) => Guard::only(selected),
        (false, Overwrite::Nothing) => Guard::background(),
        (false, Overwrite::Unlocked) => Guard::unlocked(&locked),
        (false, Overwrite::All) => Guard::all(),
    }
}

fn ink_value(case: &Case, erases: bool) -> u16 {
    if erases { 0 } else { case.view.selected.unwrap_or(0) }
}

fn range(case: &Case) -> [f32; 2] {
    let [low, high] = case.edit.range;
    [low.min(high), low.max(high)]
}

/// Value, guard and window of what is drawn.
fn ink<'a, F: Fn(usize) -> f32 + Sync>(case: &Case, erases: bool, guard: &'a Guard, image: Option<&'a F>) -> Ink<'a> {
    let [low, high] = range(case);
    let window = image.map(|image| Window { image, low, high });
    Ink { value: ink_value(case, erases), guard, window }
}

/// Gives the image's value at a linear index.
fn reader(case: &Case) -> impl Fn(usize) -> f32 + Send + Sync + use<> {
    let image = case.image.clone();
    let [_, ny, nx] = image.size_zyx();
    move |index| image.value([index / (ny * nx), index / nx % ny, index % nx])
}

/// Adds a corner to the lasso.
pub(super) fn lasso_point(core: &mut Core, plane: Plane, at_zyx: [f64; 3]) {
    if may_edit(core) {
        with(core, |edit| {
            if edit.lasso_plane != plane {
                edit.lasso.clear();
                edit.lasso_plane = plane;
            }
            edit.lasso.push(at_zyx);
        });
    }
}

/// Draws the area inside the lasso.
pub(super) fn lasso_apply(core: &mut Core) {
    if !may_edit(core) {
        return;
    }
    let Some(case) = core.state.case.as_deref_mut() else { return };
    let corners = std::mem::take(&mut case.edit.lasso);
    if corners.len() < 3 {
        return;
    }
    let plane = case.edit.lasso_plane;
    let layout = PlaneLayout::new(&case.file.geometry, plane, Convention::Radiological);
    let slice = draw::Plane { axis: layout.through.axis_zyx, index: layout.slice_of(corners[0]) };
    let erases = case.edit.inverted;
    let (guard, image) = (guard(case, erases), case.edit.only_within.then(|| reader(case)));
    let Some(grid) = grid(case) else { return };
    let delta = draw::polygon(grid, slice, &corners, &ink(case, erases, &guard, image.as_ref()));
    let (name, detail) = (step_name(case, erases), place_of(case, plane, corners[0]));
    steps::step(core, &name, &detail, delta);
}

/// Fills what is connected: on a slice at once, in 3D beside the window, as background of a large scan takes a while.
pub(super) fn fill_at(core: &mut Core, plane: Plane, at_zyx: [f64; 3], in_3d: bool) {
    if !may_edit(core) {
        return;
    }
    let Some(case) = core.state.case.as_deref() else { return };
    let Some(seed) = case.voxel_of(at_zyx) else { return };
    let erases = case.edit.inverted;
    let (name, image) = (step_name(case, erases), case.edit.only_within.then(|| reader(case)));
    if in_3d {
        let (value, guard, [low, high]) = (ink_value(case, erases), guard(case, erases), range(case));
        let region = Region::whole(case.file.geometry.size_zyx);
        return ops::beside(core, name, move |grid, watch| {
            let window = image.as_ref().map(|image| Window { image, low, high });
            let delta = draw::fill(grid, Fill::Space(region), seed, &Ink { value, guard: &guard, window }, watch)?;
            Ok((delta, "in 3D".to_owned()))
        });
    }
    let layout = PlaneLayout::new(&case.file.geometry, plane, Convention::Radiological);
    let slice = draw::Plane { axis: layout.through.axis_zyx, index: layout.slice_of(at_zyx) };
    let guard = guard(case, erases);
    let Some(grid) = grid(case) else { return };
    let delta = draw::fill(grid, Fill::Plane(slice), seed, &ink(case, erases, &guard, image.as_ref()), Watch::none());
    let detail = place_of(case, plane, at_zyx);
    steps::step(core, &name, &detail, delta);
}

/// Adds a structure to the layer and puts it in focus.
pub(super) fn new_structure(core: &mut Core, name: String) {
    let name = name.trim().to_owned();
    if name.is_empty() || !ensure_layer(core, true) {
        return;
    }
    let Some(case) = core.state.case.as_deref_mut() else { return };
    let Some(table) = case.table() else { return };
    let known =
        table.iter().find(|label| structure_words(&label.name).eq_ignore_ascii_case(&structure_words(&name))).map(|label| label.value);
    if known.is_some() {
        case.view.selected = known;
        return;
    }
    let Some(value) = (1..=u16::MAX).find(|value| table.get(*value).is_none()) else { return };
    let color = layers::palette_rgb(table.iter().count());
    if value > 255
        && let Some(history) = steps::history_of(case)
    {
        history.widen();
    }
    layers::change_table(core, |table| table.insert(Label { value, name, color }));
    with_selected(core, value);
}

fn with_selected(core: &mut Core, value: u16) {
    if let Some(case) = &mut core.state.case {
        case.view.selected = Some(value);
    }
}

/// Whether drawing may begin: a structure is in focus, the layer may be edited, nothing else works on it.
pub(super) fn may_edit(core: &mut Core) -> bool {
    let Some(case) = &core.state.case else { return false };
    if case.edit.paused.is_some() {
        steps::say_paused(core);
        return false;
    }
    if case.edit.working.is_some() {
        return false;
    }
    if case.view.selected.is_none() {
        core.state.toast("Choose a structure to draw into, or make a new one.");
        return false;
    }
    ensure_layer(core, false)
}

/// Makes sure the layer shown may be edited: corrections of a model's result go to a layer of their own.
fn ensure_layer(core: &mut Core, may_be_empty: bool) -> bool {
    let Some(case) = &mut core.state.case else { return false };
    let (name, table, from) = match case.layer() {
        Some(layer) if layer.file.kind == LayerKind::Corrections => return true,
        Some(layer) if layer.file.state == jobs::case::LayerState::Running => {
            core.state.toast("This layer is still being filled. Draw when the run has ended.");
            return false;
        }
        Some(layer) => {
            let number = layer.folder.number();
            let is_its = |known: &Layer| known.file.kind == LayerKind::Corrections && known.file.based_on == Some(number);
            if let Some(known) = case.layers.iter().rposition(is_its) {
                let text = format!("Drawing goes on in “{}”.", case.layers[known].file.name);
                case.shown = Some(known);
                case.view.selected = case.view.selected.filter(|value| case.name_of(*value).is_some());
                core.state.toast(text);
                return may_be_empty || core.state.case.as_ref().is_some_and(|case| case.view.selected.is_some());
            }
            (CORRECTIONS, layer.file.table.clone(), case.shown)
        }
        None if may_be_empty => (CORRECTIONS, LabelTable::default(), None),
        None => return false,
    };
    match layers::add_corrections(case, name, table, from) {
        Ok(number) => {
            case.shown = case.layers.iter().position(|layer| layer.folder.number() == number);
            true
        }
        Err(error) => {
            layers::could_not(core, "The layer for corrections was not made.", &error);
            false
        }
    }
}

/// The voxels of the layer shown, if it may be edited.
pub(super) fn grid(case: &Case) -> Option<&LabelGrid> {
    match &case.layer()?.voxels {
        LayerVoxels::Edited(history) => Some(history.grid()),
        _ => None,
    }
}

/// "Brush, Liver".
fn step_name(case: &Case, erases: bool) -> String {
    let tool = if erases { Tool::Erase } else { case.edit.tool };
    named(case, tool.name())
}

/// "Smooth, Liver".
pub(super) fn named(case: &Case, what: &str) -> String {
    let structure = case.view.selected.and_then(|value| case.name_of(value)).unwrap_or("background");
    format!("{what}, {structure}")
}

/// "axial 11".
fn place_of(case: &Case, plane: Plane, at_zyx: [f64; 3]) -> String {
    let layout = PlaneLayout::new(&case.file.geometry, plane, Convention::Radiological);
    format!("{} {}", plane.name().to_lowercase(), layout.slice_of(at_zyx) + 1)
}
