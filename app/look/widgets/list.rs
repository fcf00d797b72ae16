//! Lists and tables: a frame, a head, and rows of one or two lines with a picture, a tag and values at the right.

use egui::{
    Align2, CornerRadius, Frame, InnerResponse, Rect, Response, Role, Sense, Stroke, TextureHandle, TextureId, Ui, Vec2, Widget, pos2, vec2,
};

use crate::look::focus;
use crate::look::icons::Icon;
use crate::look::paint;
use crate::look::theme::{Theme, corners};
use crate::look::tokens::{Palette, State, Type, control, gap, icon, line, radius};
use crate::look::widgets::checks::paint_radio;
use crate::look::widgets::tag::paint_tag;

/// The frame of a table; its rows lie edge to edge.
pub fn table<R>(ui: &mut Ui, contents: impl FnOnce(&mut Ui) -> R) -> InnerResponse<R> {
    let p = Theme::of(ui);
    // Rows are painted over the ground and would hide a border under them, so it is painted last.
    let shown = Frame::new().fill(p.bg1).corner_radius(corners(radius::CARD)).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        contents(ui)
    });
    let rect = paint::snapped(ui.painter(), shown.response.rect);
    let stroke = Stroke::new(line::THIN, p.line1);
    ui.painter().rect_stroke(rect, corners(radius::CARD), stroke, egui::StrokeKind::Inside);
    shown
}

/// Corners of a row that is first, last, both or neither in its table.
pub(crate) fn table_corners(first: bool, last: bool) -> CornerRadius {
    let round = |end: bool| if end { radius::CARD as u8 } else { 0 };
    CornerRadius { nw: round(first), ne: round(first), sw: round(last), se: round(last) }
}

/// A column of a table's head.
#[derive(Clone, Copy)]
pub struct Column<'a> {
    /// Its words.
    pub text: &'a str,
    /// Where it lies, from the left edge of the table.
    pub x: egui::Rangef,
    /// Numbers stand at the right.
    pub right: bool,
}

/// The head of a table.
pub fn table_head(ui: &mut Ui, columns: &[Column<'_>]) -> Response {
    let p = Theme::of(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), control::TABLE_HEAD), Sense::hover());
    for column in columns {
        let galley = paint::line_of(ui, column.text, Type::Small.regular(), p.text3, column.x.span());
        let cell = Rect::from_min_max(pos2(rect.left() + column.x.min, rect.top()), pos2(rect.left() + column.x.max, rect.bottom()));
        let align = if column.right { Align2::RIGHT_CENTER } else { Align2::LEFT_CENTER };
        paint::place(ui.painter(), cell, align, &galley);
    }
    paint::rule_below(ui.painter(), rect, p.line1);
    response
}

/// What stands before the words of a row.
#[derive(Clone, Copy)]
enum Lead {
    Nothing,
    Radio(bool),
    Icon(Icon, State),
    Picture(Option<(TextureId, Vec2)>, [f32; 2]),
}

/// A row of a list.
#[must_use = "add it to a ui"]
pub struct ListRow<'a> {
    title: &'a str,
    about: Option<&'a str>,
    note: Option<(State, Icon, &'a str)>,
    tag: Option<(State, &'a str)>,
    value: Option<&'a str>,
    lead: Lead,
    selected: bool,
    strong: bool,
    refused: bool,
    first: bool,
    last: bool,
    room: f32,
}

impl<'a> ListRow<'a> {
    /// A row with a title.
    pub fn new(title: &'a str) -> Self {
        let (about, note, tag, value) = (None, None, None, None);
        let (lead, selected, strong, refused) = (Lead::Nothing, false, true, false);
        Self { title, about, note, tag, value, lead, selected, strong, refused, first: false, last: false, room: 0.0 }
    }

    /// A fainter second line.
    pub fn about(mut self, about: &'a str) -> Self {
        self.about = Some(about);
        self
    }

    /// A third line: what to know about it.
    pub fn note(mut self, state: State, sign: Icon, note: &'a str) -> Self {
        self.note = Some((state, sign, note));
        self
    }

    /// A tag before the value.
    pub fn tag(mut self, state: State, text: &'a str) -> Self {
        self.tag = Some((state, text));
        self
    }

    /// The value at the right.
    pub fn value(mut self, value: &'a str) -> Self {
        self.value = Some(value);
        self
    }

    /// A radio before the words.
    pub fn radio(mut self, on: bool) -> Self {
        self.lead = Lead::Radio(on);
        self.selected = on;
        self
    }

    /// An icon before the words.
    pub fn icon(mut self, sign: Icon, state: State) -> Self {
        self.lead = Lead::Icon(sign, state);
        self
    }

    /// A picture before the words, in a field this wide and high; a mark in it where there is no picture.
    pub fn picture(mut self, picture: Option<&TextureHandle>, size: [f32; 2]) -> Self {
        self.lead = Lead::Picture(picture.map(|picture| (picture.id(), picture.size_vec2())), size);
        self
    }

    /// Whether it is the row in focus.
    pub fn selected(mut self, selected: bool) -> Self {
        self.selected = selected;
        self
    }

    /// The title in the regular weight, for rows of one line.
    pub fn light(mut self) -> Self {
        self.strong = false;
        self
    }

    /// It stays readable but cannot be chosen.
    pub fn refused(mut self, refused: bool) -> Self {
        self.refused = refused;
        self
    }

    /// The one at the top of its table, with the table's round corners.
    pub fn first(mut self) -> Self {
        self.first = true;
        self
    }

    /// The one at the foot of its table: no separator below it, and the table's round corners.
    pub fn last(mut self) -> Self {
        self.last = true;
        self
    }

    fn corners(&self) -> CornerRadius {
        table_corners(self.first, self.last)
    }

    /// Leaves this much at the right for the caller's own buttons.
    pub fn room(mut self, room: f32) -> Self {
        self.room = room;
        self
    }

    fn lead_size(&self) -> egui::Vec2 {
        match self.lead {
            Lead::Nothing => egui::Vec2::ZERO,
            Lead::Radio(_) | Lead::Icon(..) => vec2(icon::BAR, icon::BAR),
            Lead::Picture(_, [width, height]) => vec2(width, height),
        }
    }

    fn lines(&self) -> f32 {
        let about = if self.about.is_some() { Type::Small.line() } else { 0.0 };
        let note = if self.note.is_some() { Type::Small.line() } else { 0.0 };
        Type::Body.line() + about + note
    }

    fn height(&self) -> f32 {
        let least = if self.about.is_some() { control::LIST_ROW } else { control::TABLE_ROW };
        least.max(self.lines().max(self.lead_size().y) + 2.0 * gap::S)
    }

    fn paint_lead(&self, ui: &Ui, p: &Palette, left: f32, middle: f32) {
        let size = self.lead_size();
        let centre = pos2(left + size.x / 2.0, middle);
        match self.lead {
            Lead::Nothing => {}
            Lead::Radio(on) => paint_radio(ui.painter(), p, centre, on, &|colour| colour),
            Lead::Icon(sign, state) => paint::icon(ui.painter(), centre, sign, icon::BAR, p.state(state).0),
            Lead::Picture(picture, _) => paint::thumbnail(ui, Rect::from_center_size(centre, size), picture, p),
        }
    }

    /// Paints the row's words. Whether something did not fit.
    fn paint_words(&self, ui: &Ui, p: &Palette, rect: Rect, left: f32) -> bool {
        let middle = rect.center().y;
        let mut right = rect.right() - gap::M - self.room;
        if let Some(value) = self.value {
            let galley = paint::line_of(ui, value, Type::Small.regular(), p.text2, rect.width() * line::HALF);
            let cell = Rect::from_min_max(pos2(left, rect.top()), pos2(right, rect.bottom()));
            paint::place(ui.painter(), cell, Align2::RIGHT_CENTER, &galley);
            right -= galley.size().x.max(control::LIST_VALUE) + gap::M;
        }
        if let Some((state, text)) = self.tag {
            right -= paint_tag(ui, p, state, text, right, middle) + gap::M;
        }
        let title_ink = if self.refused { p.text2 } else { p.text1 };
        let mut top = middle - self.lines() / 2.0;
        let mut elided = false;
        let mut put = |text: &str, size: Type, strong: bool, ink, from: f32| {
            let galley = paint::line_of(ui, text, size.weight(strong), ink, right - from);
            let row = Rect::from_min_max(pos2(from, top), pos2(right.max(from), top + size.line()));
            paint::place(ui.painter(), row, Align2::LEFT_CENTER, &galley);
            elided |= galley.elided;
            top += size.line();
            row.center().y
        };
        put(self.title, Type::Body, self.strong, title_ink, left);
        if let Some(about) = self.about {
            put(about, Type::Small, false, if self.selected { p.text2 } else { p.text3 }, left);
        }
        if let Some((state, sign, note)) = self.note {
            let ink = p.state(state).0;
            let at = put(note, Type::Small, false, ink, left + icon::TAG + gap::XS);
            paint::icon(ui.painter(), pos2(left + icon::TAG / 2.0, at), sign, icon::TAG, ink);
        }
        elided
    }
}

impl Widget for ListRow<'_> {
    fn ui(self, ui: &mut Ui) -> Response {
        let p = Theme::of(ui);
        let sense = if self.refused { Sense::hover() } else { Sense::click() };
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), self.height()), sense);
        let hovered = response.hovered() && !self.refused;
        if self.selected || hovered {
            ui.painter().rect_filled(rect, self.corners(), p.ground(self.selected, hovered, p.bg1));
        }
        if self.selected {
            paint::selected_bar_round(ui.painter(), rect, self.corners(), &p);
        }
        let mut left = rect.left() + gap::M;
        self.paint_lead(ui, &p, left, rect.center().y);
        if self.lead_size().x > 0.0 {
            left += self.lead_size().x + gap::M;
        }
        let elided = self.paint_words(ui, &p, rect, left);
        if !self.last {
            paint::rule_below(ui.painter(), rect, p.line1);
        }
        focus::ring_inside_round(ui, &response, self.corners());
        let role = if matches!(self.lead, Lead::Radio(_)) { Role::RadioButton } else { Role::ListBoxOption };
        let enabled = !self.refused && ui.is_enabled();
        response.widget_info(|| egui::WidgetInfo::selected(role, enabled, self.selected, self.title));
        ui.ctx().accesskit_node_builder(response.id, |node| node.set_selected(self.selected));
        if elided {
            let note = self.note.map(|(_, _, note)| note);
            let whole = [Some(self.title), self.about, note, self.tag.map(|(_, tag)| tag), self.value];
            response.on_hover_text(whole.into_iter().flatten().collect::<Vec<_>>().join("\n"))
        } else {
            response
        }
    }
}
