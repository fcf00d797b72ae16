//! On or off: toggle, checkbox, radio; and the rows of settings they end.

use egui::{Align2, Color32, Painter, Pos2, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui, pos2, vec2};

use crate::look::focus;
use crate::look::icons;
use crate::look::paint::{self, Run};
use crate::look::theme::{Theme, corners};
use crate::look::tokens::{Palette, Type, control, gap, icon, line, radius};

/// A toggle; `name` is said, not shown.
pub fn toggle(ui: &mut Ui, on: bool, name: &str) -> Response {
    let p = Theme::of(ui);
    // The pointer target is as high as any; the toggle itself is smaller.
    let (rect, response) = ui.allocate_exact_size(vec2(control::TOGGLE_WIDTH, control::TARGET), Sense::click());
    let track = Rect::from_center_size(rect.center(), vec2(control::TOGGLE_WIDTH, control::TOGGLE));
    paint_toggle(ui.painter(), &p, track, on, response.hovered());
    focus::ring_around(ui, &response, track, control::TOGGLE / 2.0);
    paint::name_on(&response, Role::Switch, on, name);
    response
}

fn paint_toggle(painter: &Painter, p: &Palette, track: Rect, on: bool, hovered: bool) {
    let round = control::TOGGLE / 2.0;
    let (fill, border, knob) = if on { (p.accent, p.accent, p.onaccent) } else { (p.bg4, p.line2, p.text2) };
    paint::frame(painter, track, round, fill, if hovered { p.text2 } else { border });
    let x = if on { track.right() - round } else { track.left() + round };
    painter.circle_filled(pos2(x, track.center().y), control::TOGGLE_KNOB / 2.0, knob);
}

/// A row of a setting: label, fainter words and key cap, and a toggle at the right.
pub fn setting_row(ui: &mut Ui, on: bool, label: &str, hint: Option<&str>, key: Option<&str>) -> Response {
    let p = Theme::of(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), control::SETTING_ROW), Sense::click());
    let middle = rect.center().y;
    let track = Rect::from_min_size(
        pos2(rect.right() - control::TOGGLE_WIDTH, middle - control::TOGGLE / 2.0),
        vec2(control::TOGGLE_WIDTH, control::TOGGLE),
    );
    let mut before = Run::default();
    if let Some(hint) = hint {
        before.text(ui, hint, Type::Small.regular(), p.text3, f32::INFINITY);
        before.gap(gap::S);
    }
    if let Some(key) = key {
        before.key(ui, key, Type::Caption.regular(), p.text2, p.line2);
        before.gap(gap::S);
    }
    before.paint_right(ui.painter(), track.left(), middle);
    let room = track.left() - before.width() - rect.left() - gap::S;
    let galley = paint::line_of(ui, label, Type::Body.regular(), p.text1, room);
    paint::place(ui.painter(), rect, Align2::LEFT_CENTER, &galley);
    paint_toggle(ui.painter(), &p, track, on, response.hovered());
    focus::ring_around(ui, &response, track, control::TOGGLE / 2.0);
    paint::name_on(&response, Role::Switch, on, label);
    if galley.elided { response.on_hover_text(label) } else { response }
}

/// A checkbox with its label, a second line about it, and a value at the right.
pub fn checkbox(ui: &mut Ui, on: bool, label: &str, about: Option<&str>, value: Option<&str>) -> Response {
    let p = Theme::of(ui);
    let second = if about.is_some() { Type::Small.line() } else { 0.0 };
    let height = control::TARGET + second;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::click());
    let first = Rect::from_min_size(rect.min, vec2(rect.width(), control::TARGET));
    let square = Rect::from_center_size(pos2(first.left() + control::CHECK / 2.0, first.center().y), vec2(control::CHECK, control::CHECK));
    let (fill, border) = match (on, response.hovered()) {
        (true, _) => (p.accent, p.accent),
        (false, true) => (p.bg3, p.line2),
        (false, false) => (p.bg2, p.line2),
    };
    paint::frame(ui.painter(), square, radius::TAG, fill, border);
    if on {
        paint::icon(ui.painter(), square.center(), icons::CHECK, icon::TAG, p.onaccent);
    }
    let elided = words(ui, &p, first, second, (label, p.text1), about, value);
    focus::ring_around(ui, &response, square, radius::TAG);
    paint::name_on(&response, Role::CheckBox, on, label);
    if elided { response.on_hover_text(whole(label, about)) } else { response }
}

/// A radio with its label and a value at the right: layers, and whatever has too little to say for a card.
pub fn radio_row(ui: &mut Ui, on: bool, label: &str, value: Option<&str>) -> Response {
    let p = Theme::of(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), control::RADIO_ROW), Sense::click());
    let centre = pos2(rect.left() + control::CHECK / 2.0, rect.center().y);
    paint_radio(ui.painter(), &p, centre, on, &|colour| colour);
    let ink = if on || response.hovered() { p.text1 } else { p.text2 };
    let elided = words(ui, &p, rect, 0.0, (label, ink), None, value);
    let round = Rect::from_center_size(centre, vec2(control::CHECK, control::CHECK));
    focus::ring_around(ui, &response, round, control::CHECK / 2.0);
    paint::name_on(&response, Role::RadioButton, on, label);
    if elided { response.on_hover_text(label) } else { response }
}

fn whole(label: &str, about: Option<&str>) -> String {
    about.map_or_else(|| label.to_owned(), |about| format!("{label}\n{about}"))
}

/// Label, second line and value right of a mark. Whether something did not fit.
fn words(ui: &Ui, p: &Palette, first: Rect, second: f32, label: (&str, Color32), about: Option<&str>, value: Option<&str>) -> bool {
    let painter = ui.painter();
    let mut room = first;
    room.min.x += control::CHECK + gap::S;
    if let Some(value) = value {
        let galley = paint::line_of(ui, value, Type::Small.regular(), p.text3, f32::INFINITY);
        paint::place(painter, room, Align2::RIGHT_CENTER, &galley);
        room.max.x -= galley.size().x + gap::S;
    }
    let galley = paint::line_of(ui, label.0, Type::Body.regular(), label.1, room.width());
    paint::place(painter, room, Align2::LEFT_CENTER, &galley);
    let mut elided = galley.elided;
    if let Some(about) = about {
        let row = Rect::from_min_max(pos2(room.left(), first.bottom() - gap::XS), pos2(first.right(), first.bottom() - gap::XS + second));
        let galley = paint::line_of(ui, about, Type::Small.regular(), p.text3, row.width());
        paint::place(painter, row, Align2::LEFT_CENTER, &galley);
        elided |= galley.elided;
    }
    elided
}

/// Paints a radio around a point.
pub(crate) fn paint_radio(painter: &Painter, p: &Palette, centre: Pos2, on: bool, ink: &dyn Fn(Color32) -> Color32) {
    let rect = paint::snapped(painter, Rect::from_center_size(centre, vec2(control::CHECK, control::CHECK)));
    let border = Stroke::new(line::RADIO, ink(if on { p.accent } else { p.line2 }));
    painter.rect(rect, corners(control::CHECK / 2.0), ink(p.bg2), border, StrokeKind::Inside);
    if on {
        painter.circle_filled(rect.center(), control::RADIO_DOT / 2.0, ink(p.accent));
    }
}
