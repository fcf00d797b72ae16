//! One slice pane: what the shader needs, then what lies over the image.

use std::sync::Arc;

use egui::accesskit::{Action, ActionData};
use egui::{EventFilter, Id, Rect, Response, Role, Sense, Ui};

use super::looks::rgb;
use super::{Scene, cursor, input, over};
use crate::command::Command;
use crate::look::paint;
use crate::look::tokens::{DOUBT, gap, layout};
use crate::render::pane::{self, DoubtLook, SlicePainter};
use crate::render::plane::{Placed, Plane, PlaneLayout};
use crate::screens::words;
use crate::state::{Mode, Pane, Slab, SlabKind, Tool};

/// Draws a slice and answers the pointer.
pub(super) fn show(ui: &mut Ui, scene: &mut Scene<'_>, plane: Plane, rect: Rect, first: bool) {
    let case = scene.case;
    let plan = PlaneLayout::new(&case.file.geometry, plane, scene.convention());
    let slice = case.view.cursor_zyx[plan.through.axis_zyx];
    let placed = Placed::new(plan, *case.view.pane(plane), rect, gap::M);
    let room = (<[f32; 2]>::from(placed.fit_size()), ui.ctx().pixels_per_point());
    if case.view.rooms[plane as usize] != room {
        scene.ask(Command::SetRoom(plane, room.0, room.1));
    }
    let response = ui.interact(rect, Id::unique(("slice pane", plane)), Sense::click_and_drag());
    if response.has_focus() {
        let arrows = EventFilter { vertical_arrows: true, horizontal_arrows: true, ..EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, arrows));
    }
    input::slice(ui, scene, &response, &placed, slice);
    let ui = &mut ui.new_child(egui::UiBuilder::new().id_salt(("over", plane)).max_rect(rect));
    ui.set_clip_rect(rect.intersect(ui.clip_rect()));
    if let Some(painter) = painter(scene, &placed, slice) {
        painter.paint(ui.painter());
    }
    let has_doubt = case.view.doubt && case.layer().is_some_and(|layer| layer.doubt.is_some());
    over::slice(ui, scene, &placed, slice, first && has_doubt);
    cursor::show(ui, scene, &response, &placed, slice);
    describe(ui, scene, &response, &plan, slice);
}

/// What the shader draws.
fn painter(scene: &mut Scene<'_>, placed: &Placed, slice: usize) -> Option<SlicePainter> {
    let (case, view) = (scene.case, &scene.case.view);
    let image = scene.panes.textures.image(case)?;
    let masked = view.mask_shown && !view.peeking;
    let labels = if masked { scene.panes.textures.labels(case) } else { None };
    let doubt = if masked && view.doubt { scene.panes.textures.doubt(case) } else { None };
    let focus = view.selected.filter(|_| scene.mode == Mode::Review).map(|value| (value, layout::DOUBT_REACH_MM));
    let look = DoubtLook { ramp: DOUBT.map(rgb), strength: 1.0, focus };
    Some(SlicePainter {
        pane: placed.layout.plane as u64,
        placed: *placed,
        slice,
        image,
        labels,
        styles: Arc::clone(&scene.panes.styles),
        doubt: doubt.map(|doubt| (doubt, look)),
        window: view.window,
        // Uptake is read as black on white.
        inverted: case.file.modality == "PT",
        slab: slab(view.slab, placed.layout.through.spacing_mm),
        smooth_image: scene.state.settings.smooth_pixels,
        // Who edits has to see voxels as they are.
        smooth_labels: scene.mode != Mode::Edit,
    })
}

/// A slab in slices.
fn slab(slab: Slab, spacing_mm: f64) -> pane::Slab {
    let slices = (f64::from(slab.thickness_mm) / spacing_mm).round() as u32;
    match (slab.kind, slices) {
        (_, 0 | 1) => pane::Slab::Off,
        (SlabKind::Mean, slices) => pane::Slab::Mean(slices),
        (SlabKind::Maximum, slices) => pane::Slab::Largest(slices),
        (SlabKind::Minimum, slices) => pane::Slab::Smallest(slices),
    }
}

/// A pane is an image in the accessibility tree; its slice is a value that can be set.
fn describe(ui: &Ui, scene: &mut Scene<'_>, response: &Response, plan: &PlaneLayout, slice: usize) {
    let case = scene.case;
    let count = plan.slice_count();
    let cursor = case.view.cursor_zyx;
    let unit = if case.file.modality == "CT" { " HU" } else { "" };
    let value = words::signed(f64::from(case.image.value(cursor)), 0);
    let name = case.words_of(case.label_at(cursor)).unwrap_or_else(|| "no structure".to_owned());
    let text = format!("{}, slice {} of {count}, {name}, {value}{unit}", plan.plane.name(), slice + 1);
    paint::name(response, Role::Image, &text);
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_numeric_value((slice + 1) as f64);
        node.set_min_numeric_value(1.0);
        node.set_max_numeric_value(count as f64);
        node.set_numeric_value_step(1.0);
        for action in [Action::SetValue, Action::Increment, Action::Decrement] {
            node.add_action(action);
        }
    });
    let mut wanted = slice as f64;
    ui.input(|input| {
        let asked = |action| input.num_accesskit_action_requests(response.id, action) as f64;
        wanted += asked(Action::Increment) - asked(Action::Decrement);
        for request in input.accesskit_action_requests(response.id, Action::SetValue) {
            if let Some(ActionData::NumericValue(number)) = request.data {
                wanted = number.round() - 1.0;
            }
        }
    });
    if wanted != slice as f64 {
        scene.ask(Command::SetCursor(case.view.cursor_at(plan, wanted.max(0.0) as usize)));
    }
    if response.has_focus() && case.view.active != Pane::Slice(plan.plane) {
        scene.ask(Command::Activate(Pane::Slice(plan.plane)));
    }
}

/// Whether the left button changes something else than the place looked at.
pub(super) fn works(tool: Tool) -> bool {
    tool != Tool::View
}
