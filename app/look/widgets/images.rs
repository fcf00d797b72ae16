//! What lies over images: plates under text and letters, scale bar, slice thumb, doubt legend; and the drop zone.

use egui::{Align2, Mesh, Painter, Pos2, Rect, Response, Role, Sense, Shape, Stroke, Ui, pos2, vec2};

use crate::look::icons::Icon;
use crate::look::paint::{self, Run};
use crate::look::theme::{Theme, corners};
use crate::look::tokens::colour::{self, IMAGE_TEXT1, IMAGE_TEXT2, PLATE};
use crate::look::tokens::{DOUBT, Type, control, gap, icon, line, radius};

/// Words on an image.
#[derive(Clone, Copy, Debug)]
pub enum Plate<'a> {
    /// An orientation letter at the middle of an edge.
    Letter(&'a str),
    /// The name of a pane and its slice.
    Name(&'a str, &'a str),
    /// Fainter numbers, such as the window.
    Numbers(&'a str),
}

/// Paints words on a black plate; `at` is the corner or edge of the plate that `align` names. Gives its rectangle.
pub fn plate(ui: &Ui, at: Pos2, align: Align2, plate: Plate<'_>) -> Rect {
    let mut run = Run::default();
    match plate {
        Plate::Letter(letter) => run.text(ui, letter, Type::Small.strong(), IMAGE_TEXT1, f32::INFINITY),
        Plate::Name(name, slice) => {
            run.text(ui, name, Type::Small.strong(), IMAGE_TEXT1, f32::INFINITY);
            if !slice.is_empty() {
                run.gap(gap::XS);
                run.text(ui, slice, Type::Small.regular(), IMAGE_TEXT2, f32::INFINITY);
            }
        }
        Plate::Numbers(numbers) => run.text(ui, numbers, Type::Small.regular(), IMAGE_TEXT2, f32::INFINITY),
    }
    let rect = align.anchor_size(at, vec2(run.width() + 2.0 * control::PLATE_PAD, control::PLATE));
    let rect = paint::snapped(ui.painter(), rect);
    ui.painter().rect_filled(rect, corners(radius::TAG), PLATE);
    run.paint_centred(ui.painter(), rect);
    rect
}

/// Paints a scale bar from `left_bottom` on, this long in points.
pub fn scale_bar(ui: &Ui, left_bottom: Pos2, length: f32, text: &str) -> Rect {
    let painter = ui.painter();
    let words = paint::line_of(ui, text, Type::Small.regular(), IMAGE_TEXT1, f32::INFINITY);
    let size = vec2(length + control::ICON_GAP + words.size().x + 2.0 * control::PLATE_PAD, control::PLATE);
    let rect = paint::snapped(painter, Rect::from_min_size(left_bottom - vec2(0.0, size.y), size));
    painter.rect_filled(rect, corners(radius::TAG), PLATE);
    let stroke = Stroke::new(line::THIN, IMAGE_TEXT1);
    let (from, to) = (rect.left() + control::PLATE_PAD, rect.left() + control::PLATE_PAD + length);
    let low = rect.bottom() - control::KEY_PAD;
    let ticks = [pos2(from, low - control::SCALE_TICK), pos2(from, low), pos2(to, low), pos2(to, low - control::SCALE_TICK)];
    painter.add(Shape::line(ticks.to_vec(), stroke));
    paint::place(painter, Rect::from_min_max(pos2(to + control::ICON_GAP, rect.top()), rect.max), Align2::LEFT_CENTER, &words);
    rect
}

/// Paints the thumb that shows how far through the volume a pane's slice is; `share` counts from the top.
pub fn slice_thumb(painter: &Painter, pane: Rect, share: f32) {
    let [width, height] = control::SLICE_THUMB;
    let x = pane.right() - control::PLATE_INSET;
    let track = egui::Rangef::new(pane.top() + gap::XXL, pane.bottom() - gap::XXL);
    paint::upright(painter, x, track.center(), track.span(), IMAGE_TEXT2.gamma_multiply(colour::DISABLED));
    let y = track.min + share.clamp(0.0, 1.0) * track.span();
    let thumb = Rect::from_center_size(pos2(x, y), vec2(width, height));
    painter.rect_filled(paint::snapped(painter, thumb), corners(radius::TAG), IMAGE_TEXT2);
}

/// Paints the legend of the doubt ramp with its lower right corner at `at`.
pub fn doubt_legend(ui: &Ui, at: Pos2) {
    let painter = ui.painter();
    let size = vec2(control::DOUBT_LEGEND, control::PLATE + control::MEMORY + gap::XS);
    let rect = paint::snapped(painter, Rect::from_min_size(at - size, size));
    painter.rect_filled(rect, corners(radius::TAG), PLATE);
    let inner = rect.shrink2(vec2(control::PLATE_PAD, 0.0));
    let upper = Rect::from_min_size(inner.min, vec2(inner.width(), control::PLATE));
    for (text, ink, align) in [("Doubt", IMAGE_TEXT1, Align2::LEFT_CENTER), ("low – high", IMAGE_TEXT2, Align2::RIGHT_CENTER)] {
        let galley = paint::line_of(ui, text, Type::Caption.regular(), ink, inner.width());
        paint::place(painter, upper, align, &galley);
    }
    let bar = Rect::from_min_size(upper.left_bottom(), vec2(inner.width(), control::PROGRESS));
    let mut mesh = Mesh::default();
    let last = (DOUBT.len() - 1) as f32;
    for (at, ink) in DOUBT.iter().enumerate() {
        let x = bar.left() + at as f32 / last * bar.width();
        mesh.colored_vertex(pos2(x, bar.top()), *ink);
        mesh.colored_vertex(pos2(x, bar.bottom()), *ink);
        if at > 0 {
            let corner = 2 * at as u32;
            mesh.add_triangle(corner - 2, corner - 1, corner);
            mesh.add_triangle(corner - 1, corner, corner + 1);
        }
    }
    painter.add(Shape::mesh(mesh));
}

/// The dashed zone where files may be dropped. Clicked: the pointer's way to the same is the button beside it.
pub fn drop_zone(ui: &mut Ui, sign: Icon, title: &str, about: &str, key: &str, hot: bool, size: egui::Vec2) -> Response {
    let p = Theme::of(ui);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let painter = ui.painter();
    let inner = paint::snapped(painter, rect);
    painter.rect_filled(inner, corners(radius::CARD), if hot { p.accentdim } else { p.bg1 });
    let path = super::swatch::outline(inner.shrink(line::DROP / 2.0), radius::CARD);
    let stroke = Stroke::new(line::DROP, if hot { p.accent } else { p.line2 });
    painter.extend(Shape::dashed_line(&path, stroke, line::DROP_DASH, line::DROP_DASH));
    let height = icon::CARD + gap::M + Type::Section.line() + gap::S + control::KEY;
    let mut y = rect.center().y - height / 2.0;
    paint::icon(painter, pos2(rect.center().x, y + icon::CARD / 2.0), sign, icon::CARD, p.text2);
    y += icon::CARD + gap::M;
    let galley = paint::line_of(ui, title, Type::Section.strong(), p.text1, rect.width());
    let row = Rect::from_min_size(pos2(rect.left(), y), vec2(rect.width(), Type::Section.line()));
    paint::place(painter, row, Align2::CENTER_CENTER, &galley);
    y += Type::Section.line() + gap::S;
    let mut run = Run::default();
    run.text(ui, about, Type::Body.regular(), p.text3, rect.width());
    if !key.is_empty() {
        run.gap(control::ICON_GAP);
        run.key(ui, key, Type::Caption.regular(), p.text2, p.line2);
    }
    run.paint_centred(painter, Rect::from_min_size(pos2(rect.left(), y), vec2(rect.width(), control::KEY)));
    crate::look::focus::ring(ui, &response, radius::CARD);
    paint::name(&response, Role::Button, title);
    response
}
