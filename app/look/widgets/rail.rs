//! What stands at the left edge: tools of Edit, steps of a wizard, entries of a side list.

use egui::{Align2, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui, pos2, vec2};

use crate::look::focus;
use crate::look::icons::{self, Icon};
use crate::look::paint;
use crate::look::theme::{Theme, corners};
use crate::look::tokens::{Type, control, gap, icon, line, radius};

/// A tool of the rail: icon, name, key.
pub fn tool_button(ui: &mut Ui, sign: Icon, name: &str, key: &str, on: bool, enabled: bool) -> Response {
    tool_button_high(ui, control::TOOL, sign, name, key, on, enabled)
}

/// The same, this high: low windows have to hold all tools, too.
pub fn tool_button_high(ui: &mut Ui, height: f32, sign: Icon, name: &str, key: &str, on: bool, enabled: bool) -> Response {
    let share = height / control::TOOL;
    ui.add_enabled_ui(enabled, |ui| {
        let p = Theme::of(ui);
        let (whole, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::click());
        let rect = whole.shrink2(vec2(control::TOOL_INSET, 0.0));
        if on || response.hovered() {
            let rect = paint::snapped(ui.painter(), rect);
            ui.painter().rect_filled(rect, corners(radius::CONTROL), p.ground(on, response.hovered(), p.bg1));
        }
        let ink = if on { p.accent } else { p.text2 };
        let centre = rect.center().x;
        paint::icon(ui.painter(), pos2(centre, rect.top() + share * control::TOOL_ICON_Y), sign, icon::TOOL, ink);
        let galley = paint::line_of(ui, name, Type::Caption.regular(), ink, whole.width() - gap::XS);
        let at = Rect::from_center_size(pos2(centre, rect.top() + share * control::TOOL_NAME_Y), vec2(whole.width(), Type::Caption.line()));
        paint::place(ui.painter(), at, Align2::CENTER_CENTER, &galley);
        let galley_key = paint::line_of(ui, key, Type::Caption.regular(), p.text3, f32::INFINITY);
        let corner = Rect::from_min_max(rect.min, pos2(rect.right() - gap::XS, rect.top() + control::KEY));
        paint::place(ui.painter(), corner, Align2::RIGHT_CENTER, &galley_key);
        focus::ring_around(ui, &response, rect, radius::CONTROL);
        paint::name_on(&response, Role::RadioButton, on, name);
        if galley.elided { response.on_hover_text(name) } else { response }
    })
    .inner
}

/// A separator between groups of tools.
pub fn tool_rule(ui: &mut Ui) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), gap::M), Sense::hover());
    let middle = Rect::from_center_size(rect.center(), vec2(rect.width() - 2.0 * gap::M, line::THIN));
    paint::rule_below(ui.painter(), middle, Theme::of(ui).line1);
}

/// An entry of a side list, such as a page of Settings.
#[derive(Clone, Copy)]
pub struct NavRow<'a> {
    /// Icon before the name.
    pub icon: Icon,
    /// Name.
    pub text: &'a str,
    /// Whether it is the page that shows.
    pub on: bool,
}

/// Shows an entry of a side list.
pub fn nav_row(ui: &mut Ui, row: NavRow<'_>) -> Response {
    let p = Theme::of(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), control::NAV), Sense::click());
    if row.on || response.hovered() {
        ui.painter().rect_filled(rect, 0, p.ground(row.on, response.hovered(), p.bg1));
    }
    if row.on {
        paint::selected_bar(ui.painter(), rect, &p);
    }
    let left = rect.left() + gap::L;
    paint::icon(ui.painter(), pos2(left + icon::ROW / 2.0, rect.center().y), row.icon, icon::ROW, if row.on { p.accent } else { p.text2 });
    let from = left + icon::ROW + gap::S;
    let galley = paint::line_of(ui, row.text, Type::Body.weight(row.on), p.text1, rect.right() - from);
    paint::place(ui.painter(), Rect::from_min_max(pos2(from, rect.top()), rect.max), Align2::LEFT_CENTER, &galley);
    focus::ring_inside(ui, &response);
    paint::name(&response, Role::Tab, row.text);
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_selected(row.on));
    if galley.elided { response.on_hover_text(row.text) } else { response }
}

/// Where a step of a wizard stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Done; can be gone back to.
    Done,
    /// The one that shows.
    Current,
    /// Not reached.
    ToCome,
}

/// Shows a step of a wizard; `number` counts from 1.
pub fn step_row(ui: &mut Ui, number: usize, step: Step, text: &str, about: &str) -> Response {
    let p = Theme::of(ui);
    let sense = if step == Step::ToCome { Sense::hover() } else { Sense::click() };
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), control::STEP), sense);
    let current = step == Step::Current;
    let hovered = response.hovered() && step != Step::ToCome;
    if current || hovered {
        ui.painter().rect_filled(rect, 0, p.ground(current, hovered, p.bg1));
    }
    if current {
        paint::selected_bar(ui.painter(), rect, &p);
    }
    let round = control::STEP_MARK / 2.0;
    let centre = pos2(rect.left() + gap::L + round, rect.center().y);
    let (fill, border, ink) = match step {
        Step::Done => (egui::Color32::TRANSPARENT, p.ok, p.ok),
        Step::Current => (p.accent, p.accent, p.onaccent),
        Step::ToCome => (egui::Color32::TRANSPARENT, p.line2, p.text2),
    };
    let mark = Rect::from_center_size(centre, vec2(control::STEP_MARK, control::STEP_MARK));
    ui.painter().rect(mark, corners(round), fill, Stroke::new(line::THIN, border), StrokeKind::Inside);
    if step == Step::Done {
        paint::icon(ui.painter(), centre, icons::CHECK, icon::TAG, ink);
    } else {
        let galley = paint::line_of(ui, &number.to_string(), Type::Small.weight(current), ink, f32::INFINITY);
        paint::place(ui.painter(), mark, Align2::CENTER_CENTER, &galley);
    }
    let left = mark.right() + gap::M;
    let room = rect.right() - gap::S - left;
    let title_ink = if step == Step::ToCome { p.text2 } else { p.text1 };
    let title = paint::line_of(ui, text, Type::Body.weight(current), title_ink, room);
    let below = paint::line_of(ui, about, Type::Small.regular(), p.text2, room);
    let height = Type::Body.line() + if about.is_empty() { 0.0 } else { Type::Small.line() };
    let upper = Rect::from_min_size(pos2(left, rect.center().y - height / 2.0), vec2(room, Type::Body.line()));
    paint::place(ui.painter(), upper, Align2::LEFT_CENTER, &title);
    if !about.is_empty() {
        let lower = Rect::from_min_size(upper.left_bottom(), vec2(room, Type::Small.line()));
        paint::place(ui.painter(), lower, Align2::LEFT_CENTER, &below);
    }
    focus::ring_inside(ui, &response);
    response.widget_info(|| egui::WidgetInfo::labeled(Role::Tab, step != Step::ToCome && ui.is_enabled(), text));
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_selected(current));
    if title.elided || below.elided { response.on_hover_text(format!("{text}\n{about}")) } else { response }
}
