//! Words: text of every size, section heads, facts, checks with a state, and what stands where nothing is yet.

use egui::{Align, Align2, Color32, Layout, Response, Role, Sense, Ui, UiBuilder, Widget, pos2, vec2};

use crate::look::focus;
use crate::look::icons::{self, Icon};
use crate::look::paint::{self, Run};
use crate::look::theme::Theme;
use crate::look::tokens::{Palette, State, Type, control, gap, icon, line};

/// How bright words are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ink {
    /// Body text.
    #[default]
    Body,
    /// Labels.
    Label,
    /// Captions.
    Caption,
    /// A state.
    State(State),
}

impl Ink {
    /// Its colour.
    pub fn colour(self, p: &Palette) -> Color32 {
        match self {
            Self::Body => p.text1,
            Self::Label => p.text2,
            Self::Caption => p.text3,
            Self::State(state) => p.state(state).0,
        }
    }
}

/// Words on the screen: one line that ends in "…" unless it may wrap.
#[must_use = "add it to a ui"]
pub struct Words<'a> {
    text: &'a str,
    size: Type,
    strong: bool,
    ink: Ink,
    wrap: bool,
    centred: bool,
}

impl<'a> Words<'a> {
    /// Body text.
    pub fn new(text: &'a str) -> Self {
        Self { text, size: Type::Body, strong: false, ink: Ink::Body, wrap: false, centred: false }
    }

    /// The title of a page.
    pub fn title(text: &'a str) -> Self {
        Self::new(text).size(Type::Title).strong()
    }

    /// A fainter second line.
    pub fn small(text: &'a str) -> Self {
        Self::new(text).size(Type::Small).ink(Ink::Label)
    }

    /// A note under a control.
    pub fn note(text: &'a str) -> Self {
        Self::new(text).size(Type::Small).ink(Ink::Caption).wrap()
    }

    /// In another size.
    pub fn size(mut self, size: Type) -> Self {
        self.size = size;
        self
    }

    /// In the strong weight.
    pub fn strong(mut self) -> Self {
        self.strong = true;
        self
    }

    /// In another ink.
    pub fn ink(mut self, ink: Ink) -> Self {
        self.ink = ink;
        self
    }

    /// Over several lines. Not for rows.
    pub fn wrap(mut self) -> Self {
        self.wrap = true;
        self
    }

    /// In the middle of the width there is.
    pub fn centred(mut self) -> Self {
        self.centred = true;
        self
    }
}

impl Widget for Words<'_> {
    fn ui(self, ui: &mut Ui) -> Response {
        let p = Theme::of(ui);
        let (ink, room) = (self.ink.colour(&p), ui.available_width());
        let galley = if self.wrap {
            paint::lines_of(ui, self.text, self.size, ink, room)
        } else {
            paint::line_of(ui, self.text, self.size.weight(self.strong), ink, room)
        };
        let height = if self.wrap { galley.size().y } else { self.size.line() };
        let width = if self.centred { room } else { galley.size().x };
        let (rect, response) = ui.allocate_exact_size(vec2(width, height), Sense::hover());
        let align = if self.centred { Align2::CENTER_CENTER } else { Align2::LEFT_CENTER };
        paint::place(ui.painter(), rect, align, &galley);
        paint::say(&response, self.text);
        if galley.elided { response.on_hover_text(self.text) } else { response }
    }
}

/// Head of a section of a panel: its name, and fainter words at the right.
pub fn section_head(ui: &mut Ui, title: &str, right: Option<&str>) -> Response {
    let p = Theme::of(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), control::SECTION_HEAD), Sense::hover());
    let mut room = rect;
    let mut elided = false;
    if let Some(right) = right {
        // A short title leaves its room to the words on the right.
        let taken = paint::line_of(ui, title, Type::Body.strong(), p.text1, rect.width() * line::HALF).size().x;
        let galley = paint::line_of(ui, right, Type::Small.regular(), p.text3, rect.width() - taken - gap::S);
        paint::place(ui.painter(), room, Align2::RIGHT_CENTER, &galley);
        room.max.x -= galley.size().x + gap::S;
        elided = galley.elided;
    }
    let galley = paint::line_of(ui, title, Type::Body.strong(), p.text1, room.width());
    paint::place(ui.painter(), room, Align2::LEFT_CENTER, &galley);
    paint::name(&response, Role::Heading, title);
    if elided || galley.elided { response.on_hover_text([title, right.unwrap_or_default()].join("\n")) } else { response }
}

/// The first line of a side panel with controls in it: no higher than a section head, so that panels beside each other begin level.
pub fn head_row<R>(ui: &mut Ui, contents: impl FnOnce(&mut Ui) -> R) -> R {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), control::SECTION_HEAD), Sense::hover());
    let over = (control::TARGET - control::SECTION_HEAD) * line::HALF;
    let row = UiBuilder::new().max_rect(rect.expand2(vec2(0.0, over))).layout(Layout::left_to_right(Align::Center));
    contents(&mut ui.new_child(row))
}

/// Head of a section that folds, in narrower windows. Clicked: open or close it.
pub fn fold_head(ui: &mut Ui, title: &str, open: bool) -> Response {
    let p = Theme::of(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), control::TARGET), Sense::click());
    let galley = paint::line_of(ui, title, Type::Body.strong(), p.text1, rect.width() - icon::ROW);
    paint::place(ui.painter(), rect, Align2::LEFT_CENTER, &galley);
    let sign = if open { icons::UP } else { icons::DOWN };
    let ink = if response.hovered() { p.text1 } else { p.text2 };
    paint::icon(ui.painter(), pos2(rect.right() - icon::ROW / 2.0, rect.center().y), sign, icon::ROW, ink);
    focus::ring(ui, &response, gap::XXS);
    paint::name_on(&response, Role::DisclosureTriangle, open, title);
    response
}

/// A separator over the whole width.
pub fn rule(ui: &mut Ui) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), line::THIN), Sense::hover());
    paint::rule_below(ui.painter(), rect, Theme::of(ui).line1);
}

/// A fact: label at the left, value at the right.
pub fn fact(ui: &mut Ui, label: &str, value: &str) -> Response {
    let p = Theme::of(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), control::FACT_ROW), Sense::hover());
    let label_galley = paint::line_of(ui, label, Type::Body.regular(), p.text2, rect.width());
    paint::place(ui.painter(), rect, Align2::LEFT_CENTER, &label_galley);
    let room = rect.width() - label_galley.size().x - gap::S;
    let value_galley = paint::line_of(ui, value, Type::Body.regular(), p.text1, room);
    paint::place(ui.painter(), rect, Align2::RIGHT_CENTER, &value_galley);
    let whole = format!("{label} {value}");
    paint::say(&response, &whole);
    if label_galley.elided || value_galley.elided { response.on_hover_text(whole) } else { response }
}

/// A check that was made: icon of its state, words, and a value at the right.
pub fn state_row(ui: &mut Ui, state: State, text: &str, value: &str) -> Response {
    let p = Theme::of(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), control::CHECK_ROW), Sense::hover());
    let mut run = Run::default();
    run.icon(sign_of(state), icon::ROW, p.state(state).0);
    run.gap(gap::S);
    let value_galley = paint::line_of(ui, value, Type::Small.regular(), p.text2, rect.width() * line::HALF);
    let room = rect.width() - run.width() - value_galley.size().x - gap::S;
    let ink = if state == State::Neutral { p.text3 } else { p.text1 };
    run.text(ui, text, Type::Body.weight(state == State::Accent), ink, room);
    run.paint(ui.painter(), rect.left(), rect.center().y);
    paint::place(ui.painter(), rect, Align2::RIGHT_CENTER, &value_galley);
    paint::say(&response, &format!("{text} {value}"));
    if run.is_elided() || value_galley.elided { response.on_hover_text(format!("{text}\n{value}")) } else { response }
}

/// The icon that goes with a state.
pub fn sign_of(state: State) -> Icon {
    match state {
        State::Neutral => icons::MINUS,
        State::Ok => icons::CHECK,
        State::Warn => icons::WARNING,
        State::Err => icons::ERROR,
        State::Accent => icons::WORKING,
    }
}

/// What stands where nothing is yet, and how it comes.
pub fn empty(ui: &mut Ui, text: &str) -> Response {
    let p = Theme::of(ui);
    let room = ui.available_size();
    let mut job = egui::text::LayoutJob::single_section(
        text.to_owned(),
        egui::TextFormat { line_height: Some(Type::Body.line()), ..egui::TextFormat::simple(Type::Body.regular(), p.text3) },
    );
    job.halign = egui::Align::Center;
    job.wrap.max_width = (room.x - 2.0 * gap::XL).max(control::MENU);
    let galley = ui.painter().layout_job(job);
    let height = if room.y.is_finite() { room.y.max(galley.size().y) } else { galley.size().y };
    let (rect, response) = ui.allocate_exact_size(vec2(room.x, height), Sense::hover());
    let top = rect.center().y - galley.size().y / 2.0;
    ui.painter().galley(pos2(rect.center().x, top), galley, p.text3);
    paint::say(&response, text);
    response
}
