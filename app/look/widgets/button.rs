//! Buttons: primary (one per screen), plain, quiet, and the small chips of tool bars.

use egui::{Response, Role, Sense, Ui, Widget, vec2};

use crate::look::focus;
use crate::look::icons::Icon;
use crate::look::paint::{self, Run};
use crate::look::theme::Theme;
use crate::look::tokens::colour::{self, faded};
use crate::look::tokens::{Palette, State, Type, control, gap, icon, radius};

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Primary,
    Plain,
    Quiet,
    Chip,
}

/// A button with words: icon, text and the key that presses it.
#[must_use = "add it to a ui"]
pub struct Button<'a> {
    kind: Kind,
    text: &'a str,
    icon: Option<Icon>,
    hint: Option<&'a str>,
    key: Option<&'a str>,
    opens: bool,
    large: bool,
    in_bar: bool,
    width: Option<f32>,
    enabled: bool,
    on: Option<bool>,
    accent: bool,
    sign: State,
}

impl<'a> Button<'a> {
    fn new(kind: Kind, text: &'a str) -> Self {
        Self {
            kind,
            text,
            icon: None,
            hint: None,
            key: None,
            opens: false,
            large: false,
            in_bar: false,
            width: None,
            enabled: true,
            on: None,
            accent: false,
            sign: State::Neutral,
        }
    }

    /// The one button of a screen that Enter presses.
    pub fn primary(text: &'a str) -> Self {
        Self::new(Kind::Primary, text)
    }

    /// A button with a border.
    pub fn plain(text: &'a str) -> Self {
        Self::new(Kind::Plain, text)
    }

    /// A button without a border, for bars and second choices.
    pub fn quiet(text: &'a str) -> Self {
        Self::new(Kind::Quiet, text)
    }

    /// A small button with a faint border: window presets, chips of tool bars.
    pub fn chip(text: &'a str) -> Self {
        Self::new(Kind::Chip, text)
    }

    /// An icon before the text.
    pub fn icon(mut self, icon: Icon) -> Self {
        self.icon = Some(icon);
        self
    }

    /// Fainter words after the text, such as the window's numbers.
    pub fn hint(mut self, hint: &'a str) -> Self {
        self.hint = Some(hint);
        self
    }

    /// The key that does the same, as a key cap.
    pub fn key(mut self, key: &'a str) -> Self {
        self.key = Some(key);
        self
    }

    /// Marks a button that opens a list.
    pub fn opens(mut self) -> Self {
        self.opens = true;
        self
    }

    /// 36 points high.
    pub fn large(mut self) -> Self {
        self.large = true;
        self
    }

    /// With less padding, for tool bars, which have to hold many.
    pub fn in_bar(mut self) -> Self {
        self.in_bar = true;
        self
    }

    /// As wide as this; text that does not fit ends in "…".
    pub fn width(mut self, width: f32) -> Self {
        self.width = Some(width);
        self
    }

    /// Whether it can be pressed.
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// Whether what it stands for is on.
    pub fn on(mut self, on: bool) -> Self {
        self.on = Some(on);
        self
    }

    /// In the accent colour: a quiet button that makes something new.
    pub fn accent(mut self) -> Self {
        self.accent = true;
        self
    }

    /// Its icon in the colour of a state.
    pub fn sign(mut self, state: State) -> Self {
        self.sign = state;
        self
    }

    fn height(&self) -> f32 {
        match (self.kind, self.large) {
            (Kind::Chip, _) => control::CHIP,
            (_, true) => control::LARGE,
            (_, false) => control::HEIGHT,
        }
    }

    fn text_colour(&self, p: &Palette) -> egui::Color32 {
        match self.kind {
            Kind::Primary => p.onaccent,
            Kind::Plain => p.text1,
            Kind::Quiet if self.accent => p.accent,
            Kind::Quiet if self.on == Some(true) => p.text1,
            Kind::Quiet => p.text2,
            Kind::Chip if self.on == Some(true) => p.text1,
            Kind::Chip => p.text2,
        }
    }

    fn run(&self, ui: &Ui, p: &Palette, key: Option<&str>) -> Run {
        let text = self.text_colour(p);
        let small = self.kind == Kind::Chip || (self.kind == Kind::Quiet && !self.large);
        let size = match (small, self.large) {
            (true, _) => Type::Small,
            (_, true) => Type::Control,
            _ => Type::Body,
        };
        let font = size.weight(self.kind == Kind::Primary);
        let mut after = Run::default();
        if let Some(hint) = self.hint {
            after.gap(control::ICON_GAP);
            after.text(ui, hint, size.regular(), p.text3, f32::INFINITY);
        }
        if let Some(key) = key {
            after.gap(control::ICON_GAP);
            let (ink, border) = if self.kind == Kind::Primary { (text, faded(text, colour::KEY_ON_ACCENT)) } else { (p.text2, p.line2) };
            after.key(ui, key, Type::Caption.weight(self.kind == Kind::Primary), ink, border);
        }
        if self.opens {
            after.gap(control::ICON_GAP);
            after.icon(crate::look::icons::DOWN, icon::ROW, text);
        }
        let mut run = Run::default();
        if let Some(sign) = self.icon {
            let ink = if self.sign == State::Neutral { text } else { p.state(self.sign).0 };
            run.icon(sign, if small { icon::ROW } else { icon::BAR }, ink);
            run.gap(if self.in_bar { gap::XS } else { control::ICON_GAP });
        }
        let room = self.width.map_or(f32::INFINITY, |width| width - 2.0 * self.pad() - run.width() - after.width());
        run.text(ui, self.text, font, text, room);
        run.append(after);
        run
    }

    fn pad(&self) -> f32 {
        match (self.kind, self.in_bar) {
            (_, true) => gap::S,
            (Kind::Chip, false) => control::CHIP_PAD,
            _ => control::PAD,
        }
    }

    /// The width it takes if none is set.
    pub fn natural_width(&self, ui: &Ui) -> f32 {
        self.run(ui, &Theme::of(ui), self.key).width().ceil() + 2.0 * self.pad()
    }

    fn paint(&self, ui: &Ui, response: &Response, run: &Run, p: &Palette) {
        let pressed = response.is_pointer_button_down_on();
        let hovered = response.hovered();
        let lit = |rest| match (pressed, hovered) {
            (true, _) => p.bg4,
            (false, true) => p.bg3,
            (false, false) => rest,
        };
        let on = self.on == Some(true);
        let (fill, border) = match self.kind {
            Kind::Primary if pressed => (faded(p.accent, colour::PRIMARY_PRESSED), egui::Color32::TRANSPARENT),
            Kind::Primary if hovered => (faded(p.accent, colour::PRIMARY_HOVERED), egui::Color32::TRANSPARENT),
            Kind::Primary => (p.accent, egui::Color32::TRANSPARENT),
            Kind::Plain => (lit(p.bg2), p.line2),
            Kind::Quiet if on => (p.bg4, egui::Color32::TRANSPARENT),
            Kind::Quiet => (lit(egui::Color32::TRANSPARENT), egui::Color32::TRANSPARENT),
            Kind::Chip if on => (p.accentdim, p.accent),
            Kind::Chip => (lit(egui::Color32::TRANSPARENT), p.line1),
        };
        paint::frame(ui.painter(), response.rect, radius::CONTROL, fill, border);
        run.paint_centred(ui.painter(), response.rect);
        focus::ring(ui, response, radius::CONTROL);
    }
}

impl Widget for Button<'_> {
    fn ui(self, ui: &mut Ui) -> Response {
        let p = Theme::of(ui);
        ui.add_enabled_ui(self.enabled, |ui| {
            let mut run = self.run(ui, &p, self.key);
            if run.is_elided() && self.key.is_some() {
                // The word goes before its key.
                run = self.run(ui, &p, None);
            }
            let width = self.width.unwrap_or_else(|| run.width().ceil() + 2.0 * self.pad());
            let (_, response) = ui.allocate_exact_size(vec2(width, self.height()), Sense::click());
            if ui.is_rect_visible(response.rect) {
                self.paint(ui, &response, &run, &p);
            }
            match self.on {
                Some(on) => paint::name_on(&response, Role::Button, on, self.text),
                None => paint::name(&response, Role::Button, self.text),
            }
            if run.is_elided() { response.on_hover_text(self.text) } else { response }
        })
        .inner
    }
}

/// A button that is only an icon; the tooltip is its name.
#[must_use = "add it to a ui"]
pub struct IconButton<'a> {
    icon: Icon,
    name: &'a str,
    size: f32,
    side: f32,
    count: Option<&'a str>,
    bordered: bool,
    faint: bool,
    enabled: bool,
}

impl<'a> IconButton<'a> {
    /// An icon of a bar, 28 points square.
    pub fn new(icon: Icon, name: &'a str) -> Self {
        Self { icon, name, size: icon::BAR, side: control::HEIGHT, count: None, bordered: false, faint: false, enabled: true }
    }

    /// An icon of a row, 24 points square.
    pub fn small(icon: Icon, name: &'a str) -> Self {
        Self { size: icon::ROW, side: control::TARGET, faint: true, ..Self::new(icon, name) }
    }

    /// A word after the icon, such as the number of jobs.
    pub fn count(mut self, count: &'a str) -> Self {
        self.count = Some(count);
        self
    }

    /// With the border of a plain button.
    pub fn bordered(mut self) -> Self {
        self.bordered = true;
        self
    }

    /// Whether it can be pressed.
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }
}

impl Widget for IconButton<'_> {
    fn ui(self, ui: &mut Ui) -> Response {
        let p = Theme::of(ui);
        ui.add_enabled_ui(self.enabled, |ui| {
            let mut run = Run::default();
            run.icon(self.icon, self.size, if self.faint { p.text3 } else { p.text2 });
            if let Some(count) = self.count {
                run.gap(control::KEY_GAP);
                run.text(ui, count, Type::Small.regular(), p.accent, f32::INFINITY);
            }
            let width = self.side.max(run.width() + self.side - self.size);
            let (rect, response) = ui.allocate_exact_size(vec2(width, self.side), Sense::click());
            if ui.is_rect_visible(rect) {
                let none = egui::Color32::TRANSPARENT;
                let (rest, border) = if self.bordered { (p.bg2, p.line2) } else { (none, none) };
                let fill = match (response.is_pointer_button_down_on(), response.hovered()) {
                    (true, _) => p.bg4,
                    (false, true) => p.bg3,
                    (false, false) => rest,
                };
                paint::frame(ui.painter(), rect, radius::CONTROL, fill, border);
                run.paint_centred(ui.painter(), rect);
                focus::ring(ui, &response, radius::CONTROL);
            }
            paint::name(&response, Role::Button, self.name);
            response.on_hover_text(self.name).on_disabled_hover_text(self.name)
        })
        .inner
    }
}

/// Words in the accent colour that lead somewhere.
pub fn link(ui: &mut Ui, text: &str) -> Response {
    let p = Theme::of(ui);
    let galley = paint::line_of(ui, text, Type::Small.regular(), p.accent, ui.available_width());
    let (rect, response) = ui.allocate_exact_size(vec2(galley.size().x, control::TARGET), Sense::click());
    paint::place(ui.painter(), rect, egui::Align2::LEFT_CENTER, &galley);
    if response.hovered() {
        let at = rect.center().y + galley.size().y / 2.0;
        ui.painter().hline(rect.x_range(), at, egui::Stroke::new(crate::look::tokens::line::THIN, p.accent));
    }
    focus::ring(ui, &response, radius::TAG);
    paint::name(&response, Role::Link, text);
    response.on_hover_cursor(egui::CursorIcon::PointingHand)
}
