//! Rows of structures: swatch, name, value, lock and eye, 26 points high.

use egui::{Align2, Color32, Rect, Response, Role, Sense, Ui, Widget, pos2, vec2};

use crate::look::focus;
use crate::look::icons::{self, Icon};
use crate::look::paint;
use crate::look::theme::Theme;
use crate::look::tokens::{Palette, Pattern, Type, control, gap, icon};
use crate::look::widgets::swatch::paint_swatch;

/// What was asked for in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowAction {
    /// The row was clicked, or Enter or Space pressed on it.
    Select,
    /// The row was clicked twice: go there.
    GoTo,
    /// The eye.
    ShowOrHide,
    /// The lock.
    LockOrUnlock,
}

/// A row of a list of structures.
#[must_use = "call show"]
pub struct StructureRow<'a> {
    name: &'a str,
    colour: Color32,
    pattern: Pattern,
    value: &'a str,
    selected: bool,
    shown: bool,
    lock: Option<bool>,
    strong: bool,
}

impl<'a> StructureRow<'a> {
    /// A row that is shown, not selected, and has no lock.
    pub fn new(name: &'a str, colour: Color32, pattern: Pattern) -> Self {
        Self { name, colour, pattern, value: "", selected: false, shown: true, lock: None, strong: false }
    }

    /// The number at the right.
    pub fn value(mut self, value: &'a str) -> Self {
        self.value = value;
        self
    }

    /// Whether it is the structure in focus.
    pub fn selected(mut self, selected: bool) -> Self {
        self.selected = selected;
        self
    }

    /// Whether it is drawn in the images.
    pub fn shown(mut self, shown: bool) -> Self {
        self.shown = shown;
        self
    }

    /// With a lock, closed or open.
    pub fn locked(mut self, locked: bool) -> Self {
        self.lock = Some(locked);
        self
    }

    /// Writes the selected name in the strong weight: what Edit draws into.
    pub fn strong(mut self) -> Self {
        self.strong = true;
        self
    }

    /// Shows the row over the whole width of its panel.
    pub fn show(self, ui: &mut Ui) -> (Response, Option<RowAction>) {
        let p = Theme::of(ui);
        let (rect, row) = ui.allocate_exact_size(vec2(ui.available_width(), control::ROW), Sense::click());
        paint::name_on(&row, Role::ListBoxOption, self.selected, self.name);
        ui.ctx().accesskit_node_builder(row.id, |node| {
            node.set_selected(self.selected);
            node.set_value(self.value.to_owned());
        });
        if self.selected || row.hovered() {
            ui.painter().rect_filled(rect, 0, p.ground(self.selected, row.hovered(), p.bg1));
        }
        if self.selected {
            paint::selected_bar(ui.painter(), rect, &p);
        }
        let mut action = None;
        let mut right = rect.right() - gap::S;
        let (sign, verb) = if self.shown { (icons::EYE, "Hide") } else { (icons::EYE_OFF, "Show") };
        if self.sign(ui, &p, &row, &mut right, sign, verb) {
            action = Some(RowAction::ShowOrHide);
        }
        if let Some(locked) = self.lock {
            let (sign, verb) = if locked { (icons::LOCK, "Unlock") } else { (icons::UNLOCK, "Lock") };
            right -= control::ICON_GAP;
            if self.sign(ui, &p, &row, &mut right, sign, verb) {
                action = Some(RowAction::LockOrUnlock);
            }
        }
        let elided = self.words(ui, &p, rect, right - gap::S);
        focus::ring_inside(ui, &row);
        if row.double_clicked() {
            action = Some(RowAction::GoTo);
        } else if row.clicked() {
            action = action.or(Some(RowAction::Select));
        }
        let row = if elided { row.on_hover_text(self.name) } else { row };
        (row, action)
    }

    /// The icon that ends at `right`, which moves to its left edge. Whether it was pressed.
    fn sign(&self, ui: &Ui, p: &Palette, row: &Response, right: &mut f32, sign: Icon, verb: &str) -> bool {
        let centre = pos2(*right - icon::ROW / 2.0, row.rect.center().y);
        *right -= icon::ROW;
        let target = Rect::from_center_size(centre, vec2(control::TARGET, control::TARGET));
        let response = ui.interact(target, row.id.with(verb.len()).with(sign.codepoint), Sense::click());
        let name = format!("{verb} {}", self.name);
        paint::name(&response, Role::Button, &name);
        let faint = verb != "Unlock";
        let ink = match (response.hovered(), faint) {
            (true, _) => p.text1,
            (false, true) => p.text3,
            (false, false) => p.text2,
        };
        paint::icon(ui.painter(), centre, sign, icon::ROW, ink);
        focus::ring_around(ui, &response, Rect::from_center_size(centre, vec2(icon::ROW, icon::ROW)), gap::XXS);
        response.on_hover_text(name).clicked()
    }

    fn words(&self, ui: &Ui, p: &Palette, rect: Rect, right: f32) -> bool {
        let middle = rect.center().y;
        paint_swatch(ui.painter(), pos2(rect.left() + gap::M + control::SWATCH / 2.0, middle), self.colour, self.pattern, self.shown);
        let value = paint::line_of(ui, self.value, Type::Small.regular(), p.text2, f32::INFINITY);
        let whole = Rect::from_min_max(pos2(rect.left(), rect.top()), pos2(right, rect.bottom()));
        paint::place(ui.painter(), whole, Align2::RIGHT_CENTER, &value);
        let left = rect.left() + gap::M + control::SWATCH + gap::S;
        let ink = if self.shown { p.text1 } else { p.text3 };
        let font = Type::Body.weight(self.strong && self.selected);
        let name = paint::line_of(ui, self.name, font, ink, right - value.size().x - gap::S - left);
        let rest = Rect::from_min_max(pos2(left, rect.top()), pos2(right, rect.bottom()));
        paint::place(ui.painter(), rest, Align2::LEFT_CENTER, &name);
        name.elided
    }
}

impl Widget for StructureRow<'_> {
    fn ui(self, ui: &mut Ui) -> Response {
        self.show(ui).0
    }
}

/// A row of the narrow rail: only the swatch, with the name as tooltip.
pub fn swatch_rail_row(ui: &mut Ui, name: &str, colour: Color32, pattern: Pattern, selected: bool, shown: bool) -> Response {
    let p = Theme::of(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), control::ROW), Sense::click());
    if selected || response.hovered() {
        ui.painter().rect_filled(rect, 0, p.ground(selected, response.hovered(), p.bg1));
    }
    if selected {
        paint::selected_bar(ui.painter(), rect, &p);
    }
    paint_swatch(ui.painter(), rect.center(), colour, pattern, shown);
    focus::ring_inside(ui, &response);
    paint::name_on(&response, Role::ListBoxOption, selected, name);
    response.on_hover_text(name)
}
