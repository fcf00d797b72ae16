//! The swatch of a structure: its colour, its outline pattern, and whether it is shown.

use egui::{Color32, Painter, Pos2, Rect, Response, Sense, Shape, Stroke, StrokeKind, Ui, pos2, vec2};

use crate::look::paint;
use crate::look::theme::corners;
use crate::look::tokens::{Pattern, colour, control, line, radius, structure};

/// A swatch on its own, as in the palette of the settings.
pub fn swatch(ui: &mut Ui, ink: Color32, pattern: Pattern, shown: bool) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(control::SWATCH, control::SWATCH), Sense::hover());
    paint_swatch(ui.painter(), rect.center(), ink, pattern, shown);
    response
}

/// Paints a swatch around a point.
pub(crate) fn paint_swatch(painter: &Painter, centre: Pos2, ink: Color32, pattern: Pattern, shown: bool) {
    let side = vec2(control::SWATCH, control::SWATCH);
    let rect = paint::snapped(painter, Rect::from_center_size(centre, side));
    painter.rect_filled(rect, corners(radius::TAG), colour::SWATCH_TILE);
    if shown {
        painter.rect_filled(rect, corners(radius::TAG), colour::faded(ink, structure::SWATCH_FILL));
    }
    let stroke = Stroke::new(line::SWATCH, ink);
    if pattern == Pattern::Solid {
        painter.rect_stroke(rect, corners(radius::TAG), stroke, StrokeKind::Inside);
        return;
    }
    let path = outline(rect.shrink(line::SWATCH / 2.0), radius::TAG - line::SWATCH / 2.0);
    let (dashes, gaps): (&[f32], &[f32]) = match pattern {
        Pattern::Solid => return,
        Pattern::Dash => (&[structure::SWATCH_DASH], &[structure::SWATCH_DASH_GAP]),
        Pattern::Dot => (&[structure::SWATCH_DOT], &[structure::SWATCH_DOT_GAP]),
        Pattern::DashDot => (&[structure::SWATCH_DASH, structure::SWATCH_DOT], &[structure::SWATCH_DASH_GAP, structure::SWATCH_DASH_GAP]),
    };
    painter.extend(Shape::dashed_line_with_offset(&path, stroke, dashes, gaps, structure::SWATCH_DASH / 2.0));
}

/// A closed path round a rectangle with round corners, from the middle of its upper edge, so that dashes keep off the corners.
pub(crate) fn outline(rect: Rect, corner: f32) -> Vec<Pos2> {
    const STEPS: usize = 6;
    let mut path = vec![rect.center_top()];
    let centres = [
        (rect.right_top() + vec2(-corner, corner), -1.0),
        (rect.right_bottom() + vec2(-corner, -corner), 0.0),
        (rect.left_bottom() + vec2(corner, -corner), 1.0),
        (rect.left_top() + vec2(corner, corner), 2.0),
    ];
    for (centre, quarter) in centres {
        for step in 0..=STEPS {
            let angle = (quarter + step as f32 / STEPS as f32) * std::f32::consts::FRAC_PI_2;
            path.push(pos2(centre.x + corner * angle.cos(), centre.y + corner * angle.sin()));
        }
    }
    path.push(rect.center_top());
    path
}
