//! How widgets paint text, icons and key caps: one line, never wrapped, on whole pixels.

use std::sync::Arc;

use egui::text::{LayoutJob, TextFormat, TextWrapping};
use egui::{
    Align2, Color32, CornerRadius, FontId, Galley, Painter, Pos2, Rect, Response, Role, Stroke, StrokeKind, TextureId, Ui, Vec2,
    WidgetInfo, pos2, vec2,
};

use super::icons::{self, Icon};
use super::theme::corners;
use super::tokens::{Palette, Type, control, icon as size, line, radius};

/// One line of text, ending in "…" where it does not fit.
pub(crate) fn line_of(ui: &Ui, text: &str, font: FontId, colour: Color32, max_width: f32) -> Arc<Galley> {
    let mut job = LayoutJob::single_section(text.to_owned(), TextFormat::simple(font, colour));
    job.break_on_newline = false;
    job.wrap = TextWrapping { max_width: max_width.max(0.0), max_rows: 1, break_anywhere: true, overflow_character: Some('…') };
    ui.painter().layout_job(job)
}

/// Text over as many lines as it takes, for notes and dialogs.
pub(crate) fn lines_of(ui: &Ui, text: &str, font: Type, colour: Color32, max_width: f32) -> Arc<Galley> {
    let format = TextFormat { line_height: Some(font.line()), ..TextFormat::simple(font.regular(), colour) };
    let mut job = LayoutJob::single_section(text.to_owned(), format);
    job.wrap.max_width = max_width;
    ui.painter().layout_job(job)
}

/// Paints a laid out line inside a rectangle.
pub(crate) fn place(painter: &Painter, rect: Rect, align: Align2, galley: &Arc<Galley>) {
    let at = align.align_size_within_rect(galley.size(), rect).min;
    painter.galley(at, Arc::clone(galley), Color32::PLACEHOLDER);
}

/// Paints an icon with its middle at `centre`.
pub(crate) fn icon(painter: &Painter, centre: Pos2, icon: Icon, size: f32, colour: Color32) {
    let galley = painter.layout_no_wrap(icon.codepoint.to_owned(), FontId::new(size, icon.font_family()), colour);
    place(painter, Rect::from_center_size(centre, vec2(size, size)), Align2::CENTER_CENTER, &galley);
}

/// Part of a line.
enum Part {
    Text(Arc<Galley>),
    Icon(Icon, f32, Color32),
    Key { text: Arc<Galley>, border: Color32 },
    Gap(f32),
}

/// Icon, text and key caps beside each other, centred on one height.
#[derive(Default)]
pub(crate) struct Run(Vec<Part>);

impl Run {
    pub(crate) fn gap(&mut self, width: f32) {
        self.0.push(Part::Gap(width));
    }

    pub(crate) fn icon(&mut self, icon: Icon, size: f32, colour: Color32) {
        self.0.push(Part::Icon(icon, size, colour));
    }

    pub(crate) fn galley(&mut self, galley: Arc<Galley>) {
        self.0.push(Part::Text(galley));
    }

    pub(crate) fn text(&mut self, ui: &Ui, text: &str, font: FontId, colour: Color32, max_width: f32) {
        self.galley(line_of(ui, text, font, colour, max_width));
    }

    pub(crate) fn key(&mut self, ui: &Ui, name: &str, font: FontId, text: Color32, border: Color32) {
        self.0.push(Part::Key { text: line_of(ui, name, font, text, f32::INFINITY), border });
    }

    pub(crate) fn append(&mut self, after: Self) {
        self.0.extend(after.0);
    }

    pub(crate) fn is_elided(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Text(galley) if galley.elided))
    }

    pub(crate) fn width(&self) -> f32 {
        self.0.iter().map(part_width).sum()
    }

    /// Paints from `left` on, around the height `middle`.
    pub(crate) fn paint(&self, painter: &Painter, left: f32, middle: f32) {
        let mut x = left;
        for part in &self.0 {
            let width = part_width(part);
            let rect = Rect::from_center_size(pos2(x + width / 2.0, middle), vec2(width, control::KEY));
            match part {
                Part::Gap(_) => {}
                Part::Text(galley) => place(painter, rect, Align2::CENTER_CENTER, galley),
                Part::Icon(sign, size, colour) => icon(painter, rect.center(), *sign, *size, *colour),
                Part::Key { text, border } => {
                    let rect = snapped(painter, rect);
                    painter.rect_stroke(rect, corners(radius::TAG), Stroke::new(line::THIN, *border), StrokeKind::Inside);
                    place(painter, rect, Align2::CENTER_CENTER, text);
                }
            }
            x += width;
        }
    }

    /// Paints around the middle of a rectangle.
    pub(crate) fn paint_centred(&self, painter: &Painter, rect: Rect) {
        self.paint(painter, rect.center().x - self.width() / 2.0, rect.center().y);
    }

    /// Paints so that it ends at `right`.
    pub(crate) fn paint_right(&self, painter: &Painter, right: f32, middle: f32) {
        self.paint(painter, right - self.width(), middle);
    }
}

fn part_width(part: &Part) -> f32 {
    match part {
        Part::Text(galley) => galley.size().x,
        Part::Icon(_, size, _) | Part::Gap(size) => *size,
        Part::Key { text, .. } => key_width(text.size().x),
    }
}

/// Width of a key cap around a text of this width: never narrower than high.
pub(crate) fn key_width(text: f32) -> f32 {
    (text.ceil() + 2.0 * control::KEY_PAD).max(control::KEY)
}

/// The rectangle on whole pixels, so that hairlines stay sharp.
pub(crate) fn snapped(painter: &Painter, rect: Rect) -> Rect {
    let scale = painter.pixels_per_point();
    let round = |value: f32| (value * scale).round() / scale;
    Rect::from_min_max(pos2(round(rect.min.x), round(rect.min.y)), pos2(round(rect.max.x), round(rect.max.y)))
}

/// Fills and frames a control.
pub(crate) fn frame(painter: &Painter, rect: Rect, corner: f32, fill: Color32, border: Color32) {
    let stroke = Stroke::new(line::THIN, border);
    painter.rect(snapped(painter, rect), corners(corner), fill, stroke, StrokeKind::Inside);
}

/// The bar at the left of a selected row.
pub(crate) fn selected_bar(painter: &Painter, row: Rect, p: &Palette) {
    painter.rect_filled(Rect::from_min_size(row.min, vec2(line::SELECTED, row.height())), corners(0.0), p.accent);
}

/// The bar at the left of a selected row with round corners.
pub(crate) fn selected_bar_round(painter: &Painter, row: Rect, corners: CornerRadius, p: &Palette) {
    let slot = Rect::from_min_size(row.min, vec2(line::SELECTED, row.height()));
    painter.with_clip_rect(slot.intersect(painter.clip_rect())).rect_filled(row, corners, p.accent);
}

/// A small picture inside a rectangle, whole and undistorted, on the black that images have; a mark where there is none.
pub(crate) fn thumbnail(ui: &Ui, rect: Rect, picture: Option<(TextureId, Vec2)>, p: &Palette) {
    let rect = snapped(ui.painter(), rect);
    let Some((texture, whole)) = picture.filter(|(_, whole)| whole.min_elem() > 0.0) else {
        ui.painter().rect_filled(rect, corners(radius::TAG), p.bg3);
        return icon(ui.painter(), rect.center(), icons::LAYERS, size::BAR, p.text3);
    };
    ui.painter().rect_filled(rect, corners(radius::TAG), p.canvas);
    let fit = (rect.size() / whole).min_elem();
    let inner = snapped(ui.painter(), Rect::from_center_size(rect.center(), whole * fit));
    egui::Image::from_texture((texture, inner.size())).corner_radius(corners(radius::TAG)).paint_at(ui, inner);
}

/// A separator across a rectangle, at its lower edge.
pub(crate) fn rule_below(painter: &Painter, rect: Rect, colour: Color32) {
    let rect = snapped(painter, Rect::from_min_max(pos2(rect.min.x, rect.max.y - line::THIN), rect.max));
    painter.rect_filled(rect, corners(0.0), colour);
}

/// An upright separator between parts of a bar.
pub(crate) fn upright(painter: &Painter, x: f32, middle: f32, height: f32, colour: Color32) {
    let rect = Rect::from_center_size(pos2(x, middle), vec2(line::THIN, height));
    painter.rect_filled(snapped(painter, rect), corners(0.0), colour);
}

/// Names a control in the accessibility tree.
pub(crate) fn name(response: &Response, role: Role, label: &str) {
    response.widget_info(|| WidgetInfo::labeled(role, response.enabled(), label));
}

/// Names a control that is on or off.
pub(crate) fn name_on(response: &Response, role: Role, on: bool, label: &str) {
    response.widget_info(|| WidgetInfo::selected(role, response.enabled(), on, label));
}

/// Text that nothing can be done with, as a node of its own.
pub(crate) fn say(response: &Response, text: &str) {
    name(response, Role::Label, text);
}
