//! What the pointer does in a slice pane. Every change goes out as a command; only the grip itself is kept here.

use egui::{Event, Key, MouseWheelUnit, PointerButton, Pos2, Rect, Response, Ui};

use super::{Scene, slice};
use crate::command::Command;
use crate::look::tokens::{control, gap, layout};
use crate::render::plane::{Placed, Plane};
use crate::state::{Layout, Mode, Pane, Tool, Window};

/// A button held in a pane.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub(super) pane: Pane,
    pub(super) grip: Grip,
    /// Where it was pressed.
    pub(super) from: Pos2,
}

/// What the button held does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Grip {
    /// Moves the image.
    Pan,
    /// Zooms about the place where it was pressed.
    Zoom,
    /// Sets grey values.
    Window,
    /// Goes through the slices.
    Thumb,
    /// Moves the crosshair.
    Cursor,
    /// Draws.
    Stroke,
    /// Draws a line freehand; the last corner.
    Lasso(Pos2),
    /// Measures.
    Measure,
    /// Turns the surfaces.
    Turn,
    /// Nothing more until it is let go.
    Done,
}

/// Answers the pointer over a slice.
pub(super) fn slice(ui: &Ui, scene: &mut Scene<'_>, response: &Response, placed: &Placed, slice: usize) {
    let plane = placed.layout.plane;
    let pane = Pane::Slice(plane);
    begin(ui, scene, response, placed, slice);
    if scene.panes.held.is_some_and(|held| held.pane == pane) {
        drag(ui, scene, placed, slice);
    }
    if response.double_clicked() && !scene.tool().paints() {
        twice(scene, pane);
    }
    let over = response.hovered() || scene.panes.held.is_some_and(|held| held.pane == pane);
    let Some(pos) = ui.input(|input| input.pointer.latest_pos()).filter(|_| over) else { return };
    scene.pointed = true;
    let at = placed.index_at(pos, slice);
    let at = scene.case.voxel_of(at).map(|_| at);
    if at != scene.case.view.pointer_zyx {
        scene.ask(Command::Point(at));
    }
    if response.hovered() {
        wheel(ui, scene, placed, pos);
        let (shift, any_down) = ui.input(|input| (input.modifiers.shift_only(), input.pointer.any_down()));
        let moved = ui.input(|input| input.pointer.delta() != egui::Vec2::ZERO);
        if shift && moved && !any_down && !scene.tool().paints() {
            go_to(scene, placed, pos, slice);
        }
    }
}

/// One pane and back, or the lasso is closed.
fn twice(scene: &mut Scene<'_>, pane: Pane) {
    if scene.tool() == Tool::Lasso {
        return scene.ask(Command::LassoApply);
    }
    if slice::works(scene.tool()) {
        return;
    }
    let back = if scene.mode == Mode::Edit
        && let Pane::Slice(plane) = pane
    {
        Layout::OneAndTwo(plane)
    } else {
        Layout::FourUp
    };
    scene.ask(Command::SetLayout(if scene.case.view.layout == Layout::One(pane) { back } else { Layout::One(pane) }));
}

/// Takes hold where a button is pressed.
fn begin(ui: &Ui, scene: &mut Scene<'_>, response: &Response, placed: &Placed, slice: usize) {
    let plane = placed.layout.plane;
    let pressed = [PointerButton::Primary, PointerButton::Secondary, PointerButton::Middle]
        .into_iter()
        .find(|button| ui.input(|input| input.pointer.button_pressed(*button)));
    let (Some(button), true, None) = (pressed, response.contains_pointer(), scene.panes.held) else { return };
    let Some(from) = ui.input(|input| input.pointer.press_origin().or(input.pointer.latest_pos())) else { return };
    let (space, w, modifiers) = ui.input(|input| (input.key_down(Key::Space), input.key_down(Key::W), input.modifiers));
    response.request_focus();
    if scene.case.view.active != Pane::Slice(plane) {
        scene.ask(Command::Activate(Pane::Slice(plane)));
    }
    let grip = match button {
        PointerButton::Secondary => Grip::Zoom,
        PointerButton::Middle => Grip::Pan,
        _ if space => Grip::Pan,
        _ if thumb_way(placed.rect).contains(from) => Grip::Thumb,
        _ if w => Grip::Window,
        _ if modifiers.alt => pick(scene, placed, from, slice),
        _ => tool(scene, placed, from, slice, modifiers.shift),
    };
    scene.panes.held = Some(Held { pane: Pane::Slice(plane), grip, from });
}

/// The strip the slice thumb moves in.
pub(super) fn thumb_way(pane: Rect) -> Rect {
    let wide = Rect::from_min_max(egui::pos2(pane.right() - control::TARGET / 2.0, pane.top()), pane.max);
    wide.shrink2(egui::vec2(0.0, gap::XL))
}

/// Puts the structure under the pointer in focus.
fn pick(scene: &mut Scene<'_>, placed: &Placed, pos: Pos2, slice: usize) -> Grip {
    let value = placed.voxel_at(pos, slice).map_or(0, |voxel| scene.case.label_at(voxel));
    scene.ask(Command::Select(Some(value).filter(|value| *value != 0)));
    Grip::Done
}

/// The left button with the tool in hand.
fn tool(scene: &mut Scene<'_>, placed: &Placed, pos: Pos2, slice: usize, shift: bool) -> Grip {
    let (plane, at) = (placed.layout.plane, placed.index_at(pos, slice));
    match scene.tool() {
        Tool::View => {
            go_to(scene, placed, pos, slice);
            Grip::Cursor
        }
        Tool::Measure => {
            scene.ask(Command::MeasureFrom(plane, at));
            Grip::Measure
        }
        Tool::Lasso => {
            scene.ask(Command::LassoPoint(plane, at));
            Grip::Lasso(pos)
        }
        Tool::Fill => {
            scene.ask(Command::FillAt { plane, at_zyx: at, in_3d: shift });
            Grip::Done
        }
        Tool::Brush | Tool::Sphere | Tool::Erase | Tool::Threshold => {
            scene.ask(Command::StrokeBegin(plane, at));
            Grip::Stroke
        }
    }
}

/// Moves the crosshair to a place of the slice.
fn go_to(scene: &mut Scene<'_>, placed: &Placed, pos: Pos2, slice: usize) {
    if let Some(voxel) = placed.voxel_at(pos, slice).filter(|voxel| *voxel != scene.case.view.cursor_zyx) {
        scene.ask(Command::SetCursor(voxel));
    }
}

/// Follows the pointer while the button is held.
fn drag(ui: &Ui, scene: &mut Scene<'_>, placed: &Placed, slice: usize) {
    let Some(held) = scene.panes.held else { return };
    let plane = placed.layout.plane;
    let (pos, delta, down) = ui.input(|input| (input.pointer.latest_pos(), input.pointer.delta(), input.pointer.any_down()));
    let pos = pos.unwrap_or(held.from);
    let moved = delta != egui::Vec2::ZERO;
    match held.grip {
        Grip::Pan if moved => scene.ask(Command::SetPlaneView(plane, placed.panned(delta))),
        Grip::Zoom if moved => {
            let factor = f64::from(-delta.y / layout::ZOOM_DRAG).exp2();
            scene.ask(Command::SetPlaneView(plane, placed.zoomed(held.from, factor)));
        }
        Grip::Window if moved => {
            let window = scene.case.view.window;
            // A drag over the pane changes the window by its own width, so that narrow windows can be set finely.
            let per_point = window.width.max(1.0) / placed.rect.width().max(1.0);
            let width = (window.width + delta.x * per_point).max(per_point);
            scene.ask(Command::SetWindow(Window { width, level: window.level - delta.y * per_point }));
        }
        Grip::Thumb => {
            let way = thumb_way(placed.rect).shrink2(egui::vec2(0.0, gap::S));
            let share = ((pos.y - way.top()) / way.height().max(1.0)).clamp(0.0, 1.0);
            let share = if placed.layout.top_is_last() { 1.0 - share } else { share };
            let wanted = (share * (placed.layout.slice_count() - 1) as f32).round() as usize;
            if wanted != slice {
                scene.ask(Command::SetCursor(scene.case.view.cursor_at(&placed.layout, wanted)));
            }
        }
        Grip::Cursor if moved => go_to(scene, placed, pos, slice),
        Grip::Measure if moved => scene.ask(Command::MeasureTo(placed.index_at(pos, slice))),
        Grip::Stroke => path(ui).into_iter().for_each(|pos| scene.ask(Command::StrokeTo(placed.index_at(pos, slice)))),
        Grip::Lasso(last) => lasso(ui, scene, placed, slice, last),
        _ => {}
    }
    if !down {
        if held.grip == Grip::Stroke {
            scene.ask(Command::StrokeEnd);
        }
        scene.panes.held = None;
    }
}

/// Corners of a lasso drawn freehand lie some points apart.
fn lasso(ui: &Ui, scene: &mut Scene<'_>, placed: &Placed, slice: usize, mut last: Pos2) {
    for pos in path(ui) {
        if pos.distance(last) >= gap::XS {
            last = pos;
            scene.ask(Command::LassoPoint(placed.layout.plane, placed.index_at(pos, slice)));
        }
    }
    if let Some(held) = &mut scene.panes.held {
        held.grip = Grip::Lasso(last);
    }
}

/// Every place the pointer came by since the last frame: fast strokes stay round.
fn path(ui: &Ui) -> Vec<Pos2> {
    ui.input(|input| input.events.iter().filter_map(|event| if let Event::PointerMoved(pos) = event { Some(*pos) } else { None }).collect())
}

/// The wheel goes through slices; with Ctrl it zooms, with Shift it goes ten at a time, or sets the brush.
fn wheel(ui: &Ui, scene: &mut Scene<'_>, placed: &Placed, pos: Pos2) {
    let plane = placed.layout.plane;
    let zoom = f64::from(ui.input(egui::InputState::zoom_delta));
    if zoom != 1.0 {
        scene.ask(Command::SetPlaneView(plane, placed.zoomed(pos, zoom)));
    }
    let turned = turns(ui);
    if turned == 0.0 {
        return;
    }
    let shift = ui.input(|input| input.modifiers.shift);
    if shift && scene.tool().paints() {
        let size = scene.case.edit.size_mm * layout::SIZE_STEP.powf(turned);
        return scene.ask(Command::SetBrushSize(size));
    }
    scene.panes.wheel += turned * if shift { 10.0 } else { 1.0 };
    let steps = scene.panes.wheel.trunc();
    scene.panes.wheel -= steps;
    if steps != 0.0 {
        // As the arrow keys: away from the user is up the stack.
        scene.ask(Command::StepSlice(plane, -steps as i32));
    }
}

/// Notches of the wheel away from the user this frame; a touch pad gives parts of them. Ctrl is zoom's.
pub(super) fn turns(ui: &Ui) -> f32 {
    ui.input(|input| {
        let turn = |event: &Event| match event {
            Event::MouseWheel { unit, delta, modifiers, .. } if !modifiers.command && !modifiers.ctrl => {
                // Some systems turn the wheel sideways while Shift is held.
                let along = if delta.y == 0.0 { delta.x } else { delta.y };
                match unit {
                    MouseWheelUnit::Point => along / layout::WHEEL_POINTS,
                    MouseWheelUnit::Line => along,
                    MouseWheelUnit::Page => along * 10.0,
                }
            }
            _ => 0.0,
        };
        input.events.iter().map(turn).sum()
    })
}

/// Whether a plane's pane holds the pointer.
pub(super) fn holds(scene: &Scene<'_>, plane: Plane) -> bool {
    scene.panes.held.is_some_and(|held| held.pane == Pane::Slice(plane))
}
