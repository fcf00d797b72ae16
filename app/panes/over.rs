//! What lies over an image: crosshair, name, window, letters, scale bar, slice thumb, legend, distances, the tile at work.

use egui::{Align2, Rect, Shape, Stroke, StrokeKind, Ui, pos2};

use super::{Scene, slice};
use crate::look::tokens::colour::{self, CROSSHAIR, IMAGE_TEXT1};
use crate::look::tokens::{DARK, control, gap, layout, line};
use crate::look::widgets::images::{doubt_legend, slice_thumb};
use crate::look::widgets::{Plate, plate, scale_bar};
use crate::look::{Theme, paint};
use crate::render::plane::Placed;
use crate::screens::words;
use crate::state::{SlabKind, State, Window};

/// Marks the pane that keys act on.
pub(super) fn active(ui: &Ui, rect: Rect) {
    let stroke = Stroke::new(line::THIN, Theme::of(ui).accent);
    ui.painter().rect_stroke(paint::snapped(ui.painter(), rect), 0, stroke, StrokeKind::Inside);
}

/// Everything over a slice.
pub(super) fn slice(ui: &Ui, scene: &Scene<'_>, placed: &Placed, slice: usize, legend: bool) {
    let case = scene.case;
    if !slice::works(scene.tool()) {
        crosshair(ui, placed, case.view.cursor_zyx);
    }
    tile(ui, scene.state, placed, slice);
    distances(ui, scene, placed, slice);
    let rect = placed.rect;
    let count = placed.layout.slice_count();
    let share = slice as f32 / (count - 1).max(1) as f32;
    slice_thumb(ui.painter(), rect, if placed.layout.top_is_last() { 1.0 - share } else { share });
    let letters = placed.layout.letters;
    edges(ui, rect, [letters.left, letters.right, letters.top, letters.bottom].map(|letter| letter.to_string()));
    let inset = control::PLATE_INSET;
    let at = format!("{} / {count}", slice + 1);
    let name = plate(ui, rect.min + egui::vec2(inset, inset), Align2::LEFT_TOP, Plate::Name(placed.layout.plane.name(), &at));
    let numbers = grey(case.view.window) + &slab(scene);
    let corner = pos2(rect.right() - inset - control::PLATE_PAD, rect.top() + inset);
    if corner.x - name.right() > layout::NUMBERS {
        plate(ui, corner, Align2::RIGHT_TOP, Plate::Numbers(&numbers));
    }
    let bar = placed.scale_bar((rect.width() * layout::SCALE_BAR_SHARE).max(control::TARGET));
    scale_bar(ui, rect.left_bottom() + egui::vec2(inset, -inset), bar.points, &bar.text);
    if legend {
        doubt_legend(ui, rect.right_bottom() - egui::vec2(inset + control::TARGET / 2.0, inset));
    }
}

/// "W 350 L 50".
pub(crate) fn grey(window: Window) -> String {
    let digits = if window.width < 10.0 { 2 } else { 0 };
    format!("W {} L {}", words::signed(f64::from(window.width), digits), words::signed(f64::from(window.level), digits))
}

fn slab(scene: &Scene<'_>) -> String {
    let slab = scene.case.view.slab;
    if slab.thickness_mm <= 0.0 {
        return String::new();
    }
    let kind = match slab.kind {
        SlabKind::Mean => "mean",
        SlabKind::Maximum => "MIP",
        SlabKind::Minimum => "MinIP",
    };
    format!(" · {} mm {kind}", slab.thickness_mm)
}

/// Letters at the middle of the edges: left, right, top, bottom.
pub(super) fn edges(ui: &Ui, rect: Rect, letters: [String; 4]) {
    let inset = control::PLATE_INSET;
    let [left, right, top, bottom] = &letters;
    plate(ui, rect.left_center() + egui::vec2(inset, 0.0), Align2::LEFT_CENTER, Plate::Letter(left));
    plate(ui, rect.right_center() - egui::vec2(inset + control::TARGET / 2.0, 0.0), Align2::RIGHT_CENTER, Plate::Letter(right));
    plate(ui, rect.center_top() + egui::vec2(0.0, inset), Align2::CENTER_TOP, Plate::Letter(top));
    plate(ui, rect.center_bottom() - egui::vec2(0.0, inset), Align2::CENTER_BOTTOM, Plate::Letter(bottom));
}

/// Two lines with a gap around the point.
fn crosshair(ui: &Ui, placed: &Placed, cursor_zyx: [usize; 3]) {
    let at = placed.pos_of(cursor_zyx.map(|index| index as f64));
    let rect = placed.rect;
    let scale = ui.pixels_per_point();
    let sharp = |value: f32| ((value * scale).floor() + line::HALF) / scale;
    let at = pos2(sharp(at.x), sharp(at.y));
    let stroke = Stroke::new(line::CROSSHAIR, CROSSHAIR);
    let reach = line::CROSSHAIR_GAP / 2.0;
    for (from, to) in [(rect.left(), at.x - reach), (at.x + reach, rect.right())] {
        if to > from {
            ui.painter().hline(from..=to, at.y, stroke);
        }
    }
    for (from, to) in [(rect.top(), at.y - reach), (at.y + reach, rect.bottom())] {
        if to > from {
            ui.painter().vline(at.x, from..=to, stroke);
        }
    }
}

/// Frames the tile a run is at.
fn tile(ui: &Ui, state: &State, placed: &Placed, slice: usize) {
    let (Some(run), Some(case)) = (&state.run, &state.case) else { return };
    let region = run.current.filter(|_| run.case == case.folder.path() && !run.cancelled);
    if let Some(rect) = region.and_then(|region| placed.region_rect(&region, slice)) {
        ui.painter().rect_filled(rect, 0, colour::faded(DARK.accent, colour::TILE_VEIL));
        ui.painter().rect_stroke(paint::snapped(ui.painter(), rect), 0, Stroke::new(line::DROP, DARK.accent), StrokeKind::Inside);
    }
}

/// Distances drawn on this slice.
fn distances(ui: &Ui, scene: &Scene<'_>, placed: &Placed, slice: usize) {
    let geometry = &scene.case.file.geometry;
    for distance in scene.case.view.measurements.iter().filter(|distance| distance.plane == placed.layout.plane) {
        if placed.layout.slice_of(distance.from_zyx) != slice {
            continue;
        }
        let ends = [distance.from_zyx, distance.to_zyx].map(|end| placed.pos_of(end));
        let mm = geometry.pos_lps_mm(distance.from_zyx).distance(geometry.pos_lps_mm(distance.to_zyx));
        ui.painter().add(Shape::line_segment(ends, Stroke::new(line::FOCUS + line::DROP, colour::PLATE)));
        ui.painter().add(Shape::line_segment(ends, Stroke::new(line::DROP, IMAGE_TEXT1)));
        for end in ends {
            ui.painter().circle_stroke(end, gap::XS, Stroke::new(line::DROP, IMAGE_TEXT1));
        }
        let place = ends[1] + egui::vec2(gap::S, gap::S);
        plate(ui, place, Align2::LEFT_TOP, Plate::Letter(&format!("{mm:.1} mm")));
    }
}

/// Words in the middle of a pane that has nothing to show yet.
pub(super) fn nothing(ui: &Ui, rect: Rect, text: &str) {
    let galley = paint::line_of(ui, text, crate::look::Type::Body.regular(), DARK.text3, rect.width() - 2.0 * gap::M);
    paint::place(ui.painter(), rect, Align2::CENTER_CENTER, &galley);
}
