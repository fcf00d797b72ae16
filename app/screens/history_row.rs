//! A row of the history of edits: what was done, where and how much, when.

use eframe::egui::{Align2, Rect, Response, Role, Sense, Ui, pos2, vec2};

use crate::look::icons::Icon;
use crate::look::tokens::{Type, control, gap, icon};
use crate::look::{Theme, focus, paint};

/// Shows a step; `is_present` marks the state on screen, and steps that are not `done` are faint.
pub(super) fn row(ui: &mut Ui, sign: Icon, name: &str, about: &str, time: &str, is_present: bool, done: bool) -> Response {
    let p = Theme::of(ui);
    let height = Type::Body.line() + Type::Small.line() + gap::XS;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::click());
    if is_present || response.hovered() {
        ui.painter().rect_filled(rect, 0, p.ground(false, true, p.bg1));
    }
    let ink = if done { p.text1 } else { p.text3 };
    let left = rect.left() + gap::M;
    let sign_ink = if is_present { p.accent } else { p.text2 };
    paint::icon(ui.painter(), pos2(left + icon::ROW / 2.0, rect.center().y), sign, icon::ROW, sign_ink);
    let clock = paint::line_of(ui, time, Type::Small.regular(), p.text3, f32::INFINITY);
    let inner = Rect::from_min_max(pos2(left + icon::ROW + gap::S, rect.top()), pos2(rect.right() - gap::S, rect.bottom()));
    paint::place(ui.painter(), inner, Align2::RIGHT_CENTER, &clock);
    let room = inner.width() - clock.size().x - gap::S;
    let title = paint::line_of(ui, name, Type::Body.weight(is_present), ink, room);
    let detail = paint::line_of(ui, about, Type::Small.regular(), p.text3, room);
    let top = inner.center().y - (Type::Body.line() + Type::Small.line()) / 2.0;
    let upper = Rect::from_min_size(pos2(inner.left(), top), vec2(room, Type::Body.line()));
    let lower = Rect::from_min_size(upper.left_bottom(), vec2(room, Type::Small.line()));
    paint::place(ui.painter(), upper, Align2::LEFT_CENTER, &title);
    paint::place(ui.painter(), lower, Align2::LEFT_CENTER, &detail);
    focus::ring_inside(ui, &response);
    paint::name_on(&response, Role::ListBoxOption, is_present, &format!("{name}, {about}"));
    debug_assert!(height >= control::TARGET);
    if title.elided || detail.elided { response.on_hover_text(format!("{name}\n{about}")) } else { response }
}
