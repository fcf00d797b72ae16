//! The pointer as a tool: the brush as large as it draws with its target, size and value; the lasso in progress.

use egui::{Align2, CursorIcon, Rect, Response, Shape, Stroke, StrokeKind, Ui, pos2, vec2};

use super::{Scene, input};
use crate::look::tokens::colour::{IMAGE_TEXT1, PLATE};
use crate::look::tokens::{DARK, control, gap, line};
use crate::look::widgets::{Plate, plate};
use crate::render::plane::Placed;
use crate::screens::words;
use crate::state::{Mode, StrokeShape, Tool};

/// Draws the tool at the pointer.
pub(super) fn show(ui: &Ui, scene: &mut Scene<'_>, response: &Response, placed: &Placed, slice: usize) {
    let plane = placed.layout.plane;
    let pointer = ui.input(|input| input.pointer.latest_pos()).filter(|_| response.hovered() || input::holds(scene, plane));
    if scene.mode == Mode::Edit && scene.case.edit.lasso_plane == plane {
        lasso(ui, scene, placed, slice, pointer.filter(|_| scene.tool() == Tool::Lasso));
    }
    let Some(pos) = pointer else { return };
    if input::thumb_way(placed.rect).contains(pos) && !input::holds(scene, plane) {
        return ui.ctx().set_cursor_icon(CursorIcon::ResizeVertical);
    }
    match scene.tool() {
        Tool::View => {}
        Tool::Brush | Tool::Sphere | Tool::Erase | Tool::Threshold => brush(ui, scene, placed, slice, pos),
        Tool::Lasso | Tool::Fill | Tool::Measure => ui.ctx().set_cursor_icon(CursorIcon::Crosshair),
    }
}

/// Outline of what would be drawn, a cross in its middle, and words beside it.
fn brush(ui: &Ui, scene: &Scene<'_>, placed: &Placed, slice: usize, pos: egui::Pos2) {
    let edit = &scene.case.edit;
    ui.ctx().set_cursor_icon(CursorIcon::None);
    let reach = edit.size_mm * placed.points_per_mm() as f32 / 2.0;
    let square = edit.shape == StrokeShape::Square && edit.tool != Tool::Sphere;
    for (width, ink) in [(line::FOCUS + line::THIN, PLATE), (line::DROP, IMAGE_TEXT1)] {
        let stroke = Stroke::new(width, ink);
        if square {
            ui.painter().rect_stroke(Rect::from_center_size(pos, vec2(reach, reach) * 2.0), 0, stroke, StrokeKind::Middle);
        } else {
            ui.painter().circle_stroke(pos, reach, stroke);
        }
        let arm = gap::XS;
        for ends in [[pos - vec2(arm, 0.0), pos + vec2(arm, 0.0)], [pos - vec2(0.0, arm), pos + vec2(0.0, arm)]] {
            ui.painter().add(Shape::line_segment(ends, Stroke::new(width.min(line::DROP), ink)));
        }
    }
    let erases = (edit.tool == Tool::Erase) != edit.inverted;
    let target = scene.case.view.selected.and_then(|value| scene.case.words_of(value)).unwrap_or_else(|| "no structure".to_owned());
    let name = format!("{} {target}", if erases { "−" } else { "+" });
    let mut about = format!("{:.0} mm", edit.size_mm);
    if let Some(voxel) = placed.voxel_at(pos, slice) {
        let unit = if scene.case.file.modality == "CT" { " HU" } else { "" };
        about += &format!(" · {}{unit}", words::signed(f64::from(scene.case.image.value(voxel)), 0));
    }
    let place = pos + vec2(reach + gap::M, gap::S);
    let (place, align) = if place.x + control::MENU > placed.rect.right() {
        (pos2(pos.x - reach - gap::M, place.y), Align2::RIGHT_TOP)
    } else {
        (place, Align2::LEFT_TOP)
    };
    plate(ui, place, align, Plate::Name(&name, &about));
}

/// The line drawn so far, on to the pointer.
fn lasso(ui: &Ui, scene: &Scene<'_>, placed: &Placed, slice: usize, pointer: Option<egui::Pos2>) {
    let corners = &scene.case.edit.lasso;
    if corners.first().is_none_or(|corner| placed.layout.slice_of(*corner) != slice) {
        return;
    }
    let mut path: Vec<_> = corners.iter().map(|corner| placed.pos_of(*corner)).collect();
    if let (Some(first), Some(last)) = (path.first(), path.last()) {
        ui.painter().extend(Shape::dashed_line(&[*last, *first], Stroke::new(line::THIN, IMAGE_TEXT1), line::DROP_DASH, line::DROP_DASH));
    }
    path.extend(pointer);
    ui.painter().add(Shape::line(path.clone(), Stroke::new(line::FOCUS + line::THIN, PLATE)));
    ui.painter().add(Shape::line(path, Stroke::new(line::DROP, DARK.accent)));
}
