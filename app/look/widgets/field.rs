//! Text fields: with an icon before and a key cap after, and short ones for numbers.

use egui::{Align, Align2, Frame, Layout, Rect, Response, Sense, TextEdit, Ui, UiBuilder, Widget, pos2, vec2};

use crate::look::focus;
use crate::look::icons::Icon;
use crate::look::paint::{self, Run};
use crate::look::theme::Theme;
use crate::look::tokens::{Type, control, gap, icon, radius};

/// A field for one line of text.
#[must_use = "add it to a ui"]
pub struct Field<'a> {
    text: &'a mut String,
    name: &'a str,
    hint: &'a str,
    icon: Option<Icon>,
    key: Option<&'a str>,
    width: Option<f32>,
    large: bool,
    lines: usize,
}

impl<'a> Field<'a> {
    /// A field; `name` is what it holds.
    pub fn new(name: &'a str, text: &'a mut String) -> Self {
        Self { text, name, hint: "", icon: None, key: None, width: None, large: false, lines: 1 }
    }

    /// Words shown while it is empty.
    pub fn hint(mut self, hint: &'a str) -> Self {
        self.hint = hint;
        self
    }

    /// An icon before the text.
    pub fn icon(mut self, icon: Icon) -> Self {
        self.icon = Some(icon);
        self
    }

    /// The key that leads here.
    pub fn key(mut self, key: &'a str) -> Self {
        self.key = Some(key);
        self
    }

    /// As wide as this instead of all there is.
    pub fn width(mut self, width: f32) -> Self {
        self.width = Some(width);
        self
    }

    /// As high as a large button.
    pub fn large(mut self) -> Self {
        self.large = true;
        self
    }

    /// Several lines, as for a note.
    pub fn lines(mut self, lines: usize) -> Self {
        self.lines = lines;
        self
    }

    fn height(&self) -> f32 {
        match (self.lines, self.large) {
            (1, true) => control::LARGE,
            (1, false) => control::HEIGHT,
            (lines, _) => lines as f32 * Type::Body.line() + 2.0 * gap::S,
        }
    }

    fn edit(self, ui: &mut Ui) -> Response {
        let p = Theme::of(ui);
        // The words around it are the theme's; only the text is the user's.
        let edit = if self.lines > 1 { TextEdit::multiline(self.text) } else { TextEdit::singleline(self.text) };
        let hint = egui::RichText::new(self.hint).font(Type::Body.regular()).color(p.text3);
        let edit = edit
            .frame(Frame::NONE)
            .margin(egui::Margin::ZERO)
            .hint_text(hint)
            .font(Type::Body.regular())
            .text_color(p.text1)
            .align(if self.lines > 1 { Align2::LEFT_TOP } else { Align2::LEFT_CENTER })
            .desired_rows(self.lines)
            .desired_width(ui.available_width());
        ui.add(edit).accessible_name(self.name)
    }
}

impl Widget for Field<'_> {
    fn ui(self, ui: &mut Ui) -> Response {
        let p = Theme::of(ui);
        let size = vec2(self.width.unwrap_or_else(|| ui.available_width()), self.height());
        // A click anywhere in the frame begins to type.
        let (rect, around) = ui.allocate_exact_size(size, Sense::CLICK);
        let ground = ui.painter().add(egui::Shape::Noop);
        let mut inner = rect.shrink2(vec2(gap::S, 0.0));
        if let Some(sign) = self.icon {
            paint::icon(ui.painter(), pos2(inner.left() + icon::ROW / 2.0, rect.center().y), sign, icon::ROW, p.text3);
            inner.min.x += icon::ROW + control::ICON_GAP;
        }
        if let Some(key) = self.key {
            let mut run = Run::default();
            run.key(ui, key, Type::Caption.regular(), p.text2, p.line2);
            run.paint_right(ui.painter(), inner.right(), rect.center().y);
            inner.max.x -= run.width() + gap::S;
        }
        let layout = if self.lines > 1 {
            inner = inner.shrink2(vec2(0.0, gap::S));
            Layout::top_down(Align::Min)
        } else {
            Layout::left_to_right(Align::Center)
        };
        // A child that takes no room of its own: the frame has taken it.
        let mut child = ui.new_child(UiBuilder::new().id_salt(around.id).max_rect(inner).layout(layout));
        let mut response = self.edit(&mut child);
        if around.clicked() {
            response.request_focus();
        }
        let border = if response.has_focus() { p.accent } else { p.line2 };
        let fill = if around.hovered() || response.hovered() { p.bg3 } else { p.bg2 };
        let (fill, stroke) = (if response.has_focus() { p.bg2 } else { fill }, egui::Stroke::new(crate::look::tokens::line::THIN, border));
        let frame = egui::epaint::RectShape::new(
            paint::snapped(ui.painter(), rect),
            crate::look::theme::corners(radius::CONTROL),
            fill,
            stroke,
            egui::StrokeKind::Inside,
        );
        ui.painter().set(ground, frame);
        focus::ring_around(ui, &response, rect, radius::CONTROL);
        response.rect = rect;
        response
    }
}

/// A short field for a number, such as a threshold.
pub fn number_field(ui: &mut Ui, name: &str, value: &mut f64, range: std::ops::RangeInclusive<f64>, unit: &str, width: f32) -> Response {
    let p = Theme::of(ui);
    let (rect, around) = ui.allocate_exact_size(vec2(width, control::HEIGHT), Sense::hover());
    let ground = ui.painter().add(egui::Shape::Noop);
    let inner = Rect::from_min_max(pos2(rect.left() + gap::S, rect.top()), pos2(rect.right() - gap::S, rect.bottom()));
    let layout = Layout::left_to_right(Align::Center);
    let mut child = ui.new_child(UiBuilder::new().id_salt(around.id).max_rect(inner).layout(layout));
    let style = child.style_mut();
    style.spacing.button_padding = vec2(0.0, 0.0);
    style.spacing.interact_size.x = 0.0;
    let widgets = &mut style.visuals.widgets;
    for visuals in [&mut widgets.inactive, &mut widgets.hovered, &mut widgets.active] {
        visuals.weak_bg_fill = egui::Color32::TRANSPARENT;
        visuals.bg_stroke.color = egui::Color32::TRANSPARENT;
    }
    let edit = egui::DragValue::new(value).range(range).suffix(unit.to_owned()).update_while_editing(false);
    let response = child.add(edit).accessible_name(name);
    let border = if response.has_focus() { p.accent } else { p.line2 };
    let fill = if response.hovered() { p.bg3 } else { p.bg2 };
    let stroke = egui::Stroke::new(crate::look::tokens::line::THIN, border);
    let corner = crate::look::theme::corners(radius::CONTROL);
    let rect = paint::snapped(ui.painter(), rect);
    ui.painter().set(ground, egui::epaint::RectShape::new(rect, corner, fill, stroke, egui::StrokeKind::Inside));
    focus::ring_around(ui, &response, rect, radius::CONTROL);
    response
}
