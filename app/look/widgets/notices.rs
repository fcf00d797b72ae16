//! Banners under the top bar, and notes inside panels: what happened, what was saved, one button.

use egui::{Align2, Rect, Response, Role, Sense, Ui, pos2, vec2};

use crate::look::icons::{self, Icon};
use crate::look::paint;
use crate::look::theme::{Theme, corners, margin};
use crate::look::tokens::{Palette, State, Type, control, gap, icon, layout, line, radius};
use crate::look::widgets::button::{Button, IconButton};
use crate::look::widgets::sections::{Words, sign_of};
use crate::look::widgets::trailing::trailing;

/// How grave a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// For information.
    Info,
    /// Look at this; nothing is lost.
    Warning,
    /// Something stopped.
    Error,
}

impl Notice {
    fn state(self) -> State {
        match self {
            Self::Info => State::Accent,
            Self::Warning => State::Warn,
            Self::Error => State::Err,
        }
    }

    fn sign(self) -> Icon {
        match self {
            Self::Info => icons::INFO,
            Self::Warning => icons::WARNING,
            Self::Error => icons::ERROR,
        }
    }
}

/// What was pressed in a banner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BannerAction {
    /// Its button.
    Button,
    /// Its link.
    Link,
    /// The cross.
    Dismiss,
}

/// A banner: one line, one button, at most one link.
#[must_use = "call show"]
pub struct Banner<'a> {
    notice: Notice,
    strong: &'a str,
    rest: &'a str,
    icon: Option<Icon>,
    button: Option<(&'a str, Option<Icon>, bool)>,
    link: Option<&'a str>,
    dismiss: bool,
}

impl<'a> Banner<'a> {
    /// A banner; `strong` is the sentence that says what happened, `rest` what was saved and what comes next.
    pub fn new(notice: Notice, strong: &'a str, rest: &'a str) -> Self {
        Self { notice, strong, rest, icon: None, button: None, link: None, dismiss: false }
    }

    /// Another icon than that of the notice.
    pub fn icon(mut self, icon: Icon) -> Self {
        self.icon = Some(icon);
        self
    }

    /// The way out, as a primary button.
    pub fn primary(mut self, text: &'a str, icon: Option<Icon>) -> Self {
        self.button = Some((text, icon, true));
        self
    }

    /// A button that needs not be pressed.
    pub fn plain(mut self, text: &'a str, icon: Option<Icon>) -> Self {
        self.button = Some((text, icon, false));
        self
    }

    /// A link before the button, such as "Copy report".
    pub fn link(mut self, text: &'a str) -> Self {
        self.link = Some(text);
        self
    }

    /// With a cross that closes it.
    pub fn dismissable(mut self) -> Self {
        self.dismiss = true;
        self
    }

    /// Shows it over the whole width.
    pub fn show(self, ui: &mut Ui) -> (Response, Option<BannerAction>) {
        let p = Theme::of(ui);
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), layout::BANNER), Sense::hover());
        let (ink, ground) = p.state(self.notice.state());
        ui.painter().rect_filled(rect, 0, ground);
        paint::rule_below(ui.painter(), rect, ink);
        let inner = rect.shrink2(vec2(gap::M, 0.0));
        let (action, taken) = trailing(ui, self.strong, inner, |ui| self.buttons(ui));
        let right = taken.left();
        let middle = rect.center().y;
        let sign = self.icon.unwrap_or(self.notice.sign());
        paint::icon(ui.painter(), pos2(inner.left() + icon::BAR / 2.0, middle), sign, icon::BAR, ink);
        let left = inner.left() + icon::BAR + gap::S;
        let elided = self.words(ui, &p, Rect::from_min_max(pos2(left, rect.top()), pos2(right - gap::M, rect.bottom())));
        let whole = format!("{} {}", self.strong, self.rest);
        let role = if self.notice == Notice::Error { Role::Alert } else { Role::Status };
        paint::name(&response, role, whole.trim());
        ui.ctx().accesskit_node_builder(response.id, |node| node.set_live(egui::accesskit::Live::Assertive));
        (if elided { response.on_hover_text(whole) } else { response }, action)
    }

    fn buttons(&self, ui: &mut Ui) -> Option<BannerAction> {
        let mut action = None;
        if let Some(link) = self.link
            && ui.add(Button::quiet(link)).clicked()
        {
            action = Some(BannerAction::Link);
        }
        if let Some((text, sign, primary)) = self.button {
            let mut button = if primary { Button::primary(text) } else { Button::plain(text) };
            if let Some(sign) = sign {
                button = button.icon(sign);
            }
            if ui.add(button).clicked() {
                action = Some(BannerAction::Button);
            }
        }
        if self.dismiss && ui.add(IconButton::new(icons::CLOSE, "Dismiss")).clicked() {
            action = Some(BannerAction::Dismiss);
        }
        action
    }

    fn words(&self, ui: &Ui, p: &Palette, rect: Rect) -> bool {
        let strong = paint::line_of(ui, self.strong, Type::Body.strong(), p.text1, rect.width());
        paint::place(ui.painter(), rect, Align2::LEFT_CENTER, &strong);
        let rest = Rect::from_min_max(pos2(rect.left() + strong.size().x + gap::XS, rect.top()), rect.max);
        let galley = paint::line_of(ui, self.rest, Type::Body.regular(), p.text1, rest.width());
        if rest.width() > 0.0 {
            paint::place(ui.painter(), rest, Align2::LEFT_CENTER, &galley);
        }
        strong.elided || galley.elided
    }
}

/// A note in a panel, over as many lines as it takes.
pub fn note(ui: &mut Ui, state: State, sign: Option<Icon>, text: &str) -> Response {
    let p = Theme::of(ui);
    let (ink, ground) = p.state(state);
    let fill = if state == State::Accent { egui::Color32::TRANSPARENT } else { ground };
    let left = icon::ROW + gap::S;
    let galley = paint::lines_of(ui, text, Type::Small, p.text1, ui.available_width() - left - 2.0 * gap::M);
    let size = vec2(ui.available_width(), galley.size().y + 2.0 * gap::M);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    ui.painter().rect_filled(rect, 0, fill);
    let inner = rect.shrink(gap::M);
    let first = inner.top() + Type::Small.line() / 2.0;
    let sign = sign.unwrap_or(if state == State::Accent { icons::INFO } else { sign_of(state) });
    paint::icon(ui.painter(), pos2(inner.left() + icon::ROW / 2.0, first), sign, icon::ROW, ink);
    ui.painter().galley(pos2(inner.left() + left, inner.top()), galley, p.text1);
    paint::name(&response, Role::Status, text);
    response
}

/// A framed result: "Passed the gate", "No usable GPU found". `ground` colours the card, `(sign, ink)` the icon its contents stand beside.
pub fn result_card<R>(ui: &mut Ui, ground: State, sign: (Icon, State), contents: impl FnOnce(&mut Ui) -> R) -> R {
    result_card_about(ui, ground, sign, "", contents)
}

/// The same with a fainter line below; none where it is empty.
pub fn result_card_about<R>(ui: &mut Ui, ground: State, (sign, ink): (Icon, State), about: &str, contents: impl FnOnce(&mut Ui) -> R) -> R {
    let p = Theme::of(ui);
    let (border, fill) = if ground == State::Neutral { (p.line1, p.bg2) } else { p.state(ground) };
    egui::Frame::new()
        .fill(fill)
        .stroke(egui::Stroke::new(line::THIN, border))
        .corner_radius(corners(radius::CARD))
        .inner_margin(margin(gap::L, gap::S))
        .show(ui, |ui| {
            let inner = ui.horizontal(|ui| {
                let (rect, _) = ui.allocate_exact_size(vec2(icon::BAR, control::HEIGHT), Sense::hover());
                paint::icon(ui.painter(), rect.center(), sign, icon::BAR, p.state(ink).0);
                contents(ui)
            });
            if !about.is_empty() {
                ui.horizontal(|ui| {
                    ui.add_space(icon::BAR + ui.spacing().item_spacing.x);
                    ui.add(Words::small(about));
                });
                ui.add_space(gap::XS);
            }
            inner.inner
        })
        .inner
}
