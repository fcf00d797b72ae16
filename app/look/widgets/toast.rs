//! Toasts: a word at the bottom of the window that something worked. Never for errors.

use egui::{Align2, Area, Context, Frame, Id, Order, Response, Role, Sense, Stroke, Ui, vec2};

use crate::look::icons;
use crate::look::paint::{self, Run};
use crate::look::theme::{Theme, corners, margin};
use crate::look::tokens::{State, Type, control, gap, icon, layout, line, radius};

/// Toasts that wait or show. Plain data of the app's state; time is the context's.
#[derive(Clone, Debug, Default)]
pub struct Toasts(Vec<Toast>);

#[derive(Clone, Debug)]
struct Toast {
    state: State,
    text: String,
    until: Option<f64>,
}

impl Toasts {
    /// Something worked.
    pub fn ok(&mut self, text: impl Into<String>) {
        self.push(State::Ok, text.into());
    }

    /// Something to know.
    pub fn info(&mut self, text: impl Into<String>) {
        self.push(State::Accent, text.into());
    }

    fn push(&mut self, state: State, text: String) {
        // The same word twice is shown once, for longer.
        self.0.retain(|toast| toast.text != text);
        self.0.push(Toast { state, text, until: None });
    }

    /// Whether any shows or waits.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Shows the oldest for four seconds above the status bar, then the next.
    pub fn show(&mut self, ctx: &Context) {
        let now = ctx.input(|input| input.time);
        self.0.retain(|toast| toast.until.is_none_or(|until| now < until));
        let Some(first) = self.0.first_mut() else { return };
        let until = *first.until.get_or_insert(now + layout::TOAST_S);
        ctx.request_repaint_after(std::time::Duration::from_secs_f64((until - now).max(0.0)));
        let above = vec2(0.0, -(layout::STATUS_BAR + gap::L));
        Area::new(Id::unique("toast"))
            .anchor(Align2::CENTER_BOTTOM, above)
            .order(Order::Foreground)
            .interactable(false)
            .show(ctx, |ui| toast(ui, first.state, &first.text));
    }
}

/// One toast.
pub fn toast(ui: &mut Ui, state: State, text: &str) -> Response {
    let p = Theme::of(ui);
    Frame::new()
        .fill(p.bg2)
        .stroke(Stroke::new(line::THIN, p.line2))
        .corner_radius(corners(radius::CONTROL))
        .inner_margin(margin(gap::M, gap::S))
        .show(ui, |ui| {
            let mut run = Run::default();
            let sign = if state == State::Ok { icons::CHECK } else { icons::INFO };
            run.icon(sign, icon::ROW, p.state(state).0);
            run.gap(gap::S);
            run.text(ui, text, Type::Body.regular(), p.text1, layout::DIALOG);
            let (rect, response) = ui.allocate_exact_size(vec2(run.width(), control::KEY), Sense::hover());
            run.paint(ui.painter(), rect.left(), rect.center().y);
            paint::name(&response, Role::Status, text);
            ui.ctx().accesskit_node_builder(response.id, |node| node.set_live(egui::accesskit::Live::Polite));
            response
        })
        .inner
}
