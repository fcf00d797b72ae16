//! Dialogs (only: keyboard, add host, delete) and the tooltip's look.

use egui::{Frame, Id, Modal, Response, Stroke, Ui};

use crate::look::icons;
use crate::look::theme::{Theme, corners, margin};
use crate::look::tokens::colour::BACKDROP;
use crate::look::tokens::{Type, control, gap, layout, line, radius};
use crate::look::widgets::button::IconButton;
use crate::look::widgets::sections::Words;

/// What a dialog gave back.
pub struct DialogResponse<R> {
    /// What its contents gave back.
    pub inner: R,
    /// Whether it was closed: Esc, the cross, or a click beside it.
    pub closed: bool,
}

/// Shows a dialog with a title, a cross, and contents; `extra` stands between title and cross (a search field).
pub fn dialog<R>(ui: &Ui, title: &str, width: f32, extra: impl FnOnce(&mut Ui), contents: impl FnOnce(&mut Ui) -> R) -> DialogResponse<R> {
    let ctx = ui.ctx();
    let p = Theme::of(ui);
    let window = ctx.content_rect().size() - egui::vec2(gap::XXL, gap::XXL) * 2.0;
    let frame = Frame::new()
        .fill(p.bg2)
        .stroke(Stroke::new(line::THIN, p.line2))
        .corner_radius(corners(radius::CARD))
        .inner_margin(margin(gap::XL, gap::XL))
        .shadow(ui.visuals().window_shadow);
    let shown = Modal::new(Id::unique(("dialog", title))).backdrop_color(BACKDROP).frame(frame).show(ctx, |ui| {
        ui.set_width(width.min(layout::DIALOG).min(window.x) - 2.0 * gap::XL);
        // Else egui keeps a new dialog to the height it gives to new windows.
        ui.set_max_height(window.y - 2.0 * gap::XL);
        let size = egui::vec2(ui.available_width(), control::HEIGHT);
        let closed = ui
            .allocate_ui_with_layout(size, egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let closed = ui.add(IconButton::new(icons::CLOSE, "Close")).clicked();
                extra(ui);
                ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                    ui.add(Words::title(title));
                });
                closed
            })
            .inner;
        ui.add_space(gap::M);
        (contents(ui), closed)
    });
    shown.response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Dialog, true, title));
    let closed = shown.should_close() || shown.inner.1;
    DialogResponse { inner: shown.inner.0, closed }
}

/// A tooltip over several lines: what it is, and why.
pub fn tooltip(response: Response, title: &str, about: &str) -> Response {
    response.on_hover_ui(|ui| {
        ui.set_max_width(layout::TOOLTIP);
        ui.add(Words::new(title).strong());
        ui.add(Words::new(about).size(Type::Small).ink(super::Ink::Label).wrap());
    })
}
