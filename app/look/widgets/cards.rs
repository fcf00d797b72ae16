//! Cards: a plain one, one to choose by its radio (models, hosts), and a compact one for a row of choices (quality).

use egui::{Align2, Frame, InnerResponse, Pos2, Rect, Response, Role, Sense, Stroke, Ui, Widget, pos2, vec2};

use crate::look::focus;
use crate::look::icons;
use crate::look::paint::{self, Run};
use crate::look::theme::{Theme, corners, margin};
use crate::look::tokens::colour::{self, faded};
use crate::look::tokens::{Palette, State, Type, control, gap, icon, line, radius};
use crate::look::widgets::checks::paint_radio;
use crate::look::widgets::tag::paint_tag;

/// A card around anything.
pub fn card<R>(ui: &mut Ui, contents: impl FnOnce(&mut Ui) -> R) -> InnerResponse<R> {
    let p = Theme::of(ui);
    Frame::new()
        .fill(p.bg2)
        .stroke(Stroke::new(line::THIN, p.line1))
        .corner_radius(corners(radius::CARD))
        .inner_margin(margin(gap::M, gap::M))
        .show(ui, contents)
}

/// A card with a radio: name, one line about it, a tag, a value, a warning or why it is refused.
#[must_use = "add it to a ui"]
pub struct RadioCard<'a> {
    on: bool,
    title: &'a str,
    about: &'a str,
    tag: Option<(State, &'a str)>,
    value: Option<&'a str>,
    warning: Option<&'a str>,
    refused: Option<&'a str>,
}

impl<'a> RadioCard<'a> {
    /// A card that is on or off.
    pub fn new(on: bool, title: &'a str, about: &'a str) -> Self {
        Self { on, title, about, tag: None, value: None, warning: None, refused: None }
    }

    /// A tag at the right of the title.
    pub fn tag(mut self, state: State, text: &'a str) -> Self {
        self.tag = Some((state, text));
        self
    }

    /// A number at the right of the title.
    pub fn value(mut self, value: &'a str) -> Self {
        self.value = Some(value);
        self
    }

    /// What to know before choosing it.
    pub fn warning(mut self, warning: &'a str) -> Self {
        self.warning = Some(warning);
        self
    }

    /// Why it cannot be chosen.
    pub fn refused(mut self, reason: &'a str) -> Self {
        self.refused = Some(reason);
        self
    }

    fn note(&self, p: &Palette) -> Option<(icons::Icon, egui::Color32, &'a str)> {
        let refused = self.refused.map(|reason| (icons::REFUSED, p.text2, reason));
        refused.or(self.warning.map(|warning| (icons::WARNING, p.warn, warning)))
    }

    fn paint(&self, ui: &Ui, p: &Palette, rect: Rect, ink: &dyn Fn(egui::Color32) -> egui::Color32) -> bool {
        let painter = ui.painter();
        let left = rect.left() + gap::M;
        let title_y = rect.top() + control::CARD_PAD_Y + Type::Body.line() / 2.0;
        paint_radio(painter, p, pos2(left + control::CHECK / 2.0, title_y), self.on, ink);
        let text_left = left + control::CHECK + gap::S;
        let mut right = rect.right() - gap::M;
        if let Some((state, text)) = self.tag {
            right -= paint_tag(ui, p, state, text, right, title_y) + gap::S;
        }
        if let Some(value) = self.value {
            let galley = paint::line_of(ui, value, Type::Small.regular(), ink(p.text2), f32::INFINITY);
            paint::place(painter, Rect::from_min_max(pos2(left, title_y), pos2(right, title_y)), Align2::RIGHT_CENTER, &galley);
            right -= galley.size().x + gap::S;
        }
        let mut elided = put(ui, pos2(text_left, title_y), self.title, Type::Body, true, ink(p.text1), right);
        let right = rect.right() - gap::M;
        let about_y = title_y + Type::Body.line() / 2.0 + gap::XXS + Type::Small.line() / 2.0;
        elided |= put(ui, pos2(text_left, about_y), self.about, Type::Small, false, ink(p.text2), right);
        if let Some((sign, colour, words)) = self.note(p) {
            let note_y = about_y + Type::Small.line() + gap::XS;
            let mut run = Run::default();
            run.icon(sign, icon::TAG, colour);
            run.gap(gap::XS);
            run.text(ui, words, Type::Small.regular(), colour, right - text_left - run.width());
            run.paint(painter, text_left, note_y);
            elided |= run.is_elided();
        }
        elided
    }
}

fn put(ui: &Ui, at: Pos2, text: &str, size: Type, strong: bool, ink: egui::Color32, right: f32) -> bool {
    let galley = paint::line_of(ui, text, size.weight(strong), ink, right - at.x);
    paint::place(ui.painter(), Rect::from_min_max(at, at), Align2::LEFT_CENTER, &galley);
    galley.elided
}

impl Widget for RadioCard<'_> {
    fn ui(self, ui: &mut Ui) -> Response {
        let p = Theme::of(ui);
        let refused = self.refused.is_some();
        let note = if self.note(&p).is_some() { Type::Small.line() + gap::XS } else { 0.0 };
        let text = Type::Body.line() + gap::XXS + Type::Small.line() + note;
        let size = vec2(ui.available_width(), text + 2.0 * control::CARD_PAD_Y);
        let (rect, response) = ui.allocate_exact_size(size, if refused { Sense::hover() } else { Sense::click() });
        let ground = p.ground(self.on, response.hovered() && !refused, p.bg2);
        paint::frame(ui.painter(), rect, radius::CARD, ground, if self.on { p.accent } else { p.line1 });
        // The reason stays readable; only what it refuses is faint.
        let ink = |colour: egui::Color32| if refused { faded(colour, colour::DISABLED) } else { colour };
        let elided = self.paint(ui, &p, rect, &ink);
        focus::ring(ui, &response, radius::CARD);
        response.widget_info(|| egui::WidgetInfo::selected(Role::RadioButton, !refused && ui.is_enabled(), self.on, self.title));
        if elided {
            let whole = [Some(self.title), Some(self.about), self.refused.or(self.warning)];
            response.on_hover_text(whole.into_iter().flatten().collect::<Vec<_>>().join("\n"))
        } else {
            response
        }
    }
}

/// One of a row of choices of equal width: a name and what it costs.
pub fn compact_card(ui: &mut Ui, on: bool, title: &str, about: &str, width: f32) -> Response {
    let p = Theme::of(ui);
    let height = Type::Body.line() + Type::Small.line() + 2.0 * gap::S;
    let (rect, response) = ui.allocate_exact_size(vec2(width, height), Sense::click());
    let ground = p.ground(on, response.hovered(), p.bg2);
    paint::frame(ui.painter(), rect, radius::CARD, ground, if on { p.accent } else { p.line1 });
    let room = width - 2.0 * gap::S;
    let upper = Rect::from_min_size(rect.min + vec2(0.0, gap::S), vec2(width, Type::Body.line()));
    let lower = Rect::from_min_size(upper.left_bottom(), vec2(width, Type::Small.line()));
    let title_galley = paint::line_of(ui, title, Type::Body.strong(), p.text1, room);
    let about_galley = paint::line_of(ui, about, Type::Small.regular(), p.text2, room);
    paint::place(ui.painter(), upper, Align2::CENTER_CENTER, &title_galley);
    paint::place(ui.painter(), lower, Align2::CENTER_CENTER, &about_galley);
    focus::ring(ui, &response, radius::CARD);
    paint::name_on(&response, Role::RadioButton, on, title);
    if title_galley.elided || about_galley.elided { response.on_hover_text(format!("{title}\n{about}")) } else { response }
}
