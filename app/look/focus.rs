//! The focus ring: shown where the keyboard put the focus, never where the pointer did.

use egui::{CornerRadius, Event, Id, Plugin, RawInput, Rect, Response, Stroke, StrokeKind, Ui};

use super::theme::{Theme, corners};
use super::tokens::line;

/// Remembers how the focused widget got its focus.
pub struct FocusMark {
    last_by_keyboard: bool,
    focused: Option<Id>,
    shown: bool,
}

impl Default for FocusMark {
    fn default() -> Self {
        // Focus given before any input (the primary button of a screen) shows: the first key acts on it.
        Self { last_by_keyboard: true, focused: None, shown: true }
    }
}

impl Plugin for FocusMark {
    fn debug_name(&self) -> &'static str {
        "focus ring"
    }

    fn input_hook(&mut self, _: &egui::Context, input: &mut RawInput) {
        for event in &input.events {
            match event {
                Event::Key { pressed: true, .. } | Event::AccessKitActionRequest(_) => self.last_by_keyboard = true,
                Event::PointerButton { pressed: true, .. } | Event::Touch { .. } => {
                    self.last_by_keyboard = false;
                    self.shown = false;
                }
                _ => {}
            }
        }
    }

    fn on_end_pass(&mut self, ui: &mut Ui) {
        let focused = ui.ctx().memory(egui::Memory::focused);
        if focused != self.focused {
            self.focused = focused;
            self.shown = self.last_by_keyboard;
            if focused.is_some() && self.shown {
                // The widget was painted before it was known how it got the focus.
                ui.ctx().request_repaint();
            }
        }
    }
}

/// Whether a widget has the focus and shows it.
pub fn is_marked(response: &Response) -> bool {
    response.has_focus()
        && response.ctx.plugin_opt::<FocusMark>().is_some_and(|mark| {
            let mark = mark.lock();
            mark.shown && mark.focused == Some(response.id)
        })
}

/// Paints the ring around a widget, if the keyboard put the focus there.
pub fn ring(ui: &Ui, response: &Response, radius: f32) {
    ring_around(ui, response, response.rect, radius);
}

/// Paints the ring around a part of a widget.
pub fn ring_around(ui: &Ui, response: &Response, rect: Rect, radius: f32) {
    if !is_marked(response) {
        return;
    }
    let reach = line::FOCUS_GAP + line::FOCUS;
    // A ring may leave its panel by its own width, or the edge of a list would cut it.
    let painter = ui.painter().with_clip_rect(ui.clip_rect().expand(reach));
    let stroke = Stroke::new(line::FOCUS, Theme::of(ui).accent);
    painter.rect_stroke(rect.expand(line::FOCUS_GAP), corners(radius + line::FOCUS_GAP), stroke, StrokeKind::Outside);
}

/// Paints the ring inside a row that fills its panel from edge to edge.
pub fn ring_inside(ui: &Ui, response: &Response) {
    ring_inside_round(ui, response, CornerRadius::ZERO);
}

/// Paints the ring inside a row at the round corners of its table.
pub fn ring_inside_round(ui: &Ui, response: &Response, corners: CornerRadius) {
    if is_marked(response) {
        let stroke = Stroke::new(line::FOCUS, Theme::of(ui).accent);
        ui.painter().rect_stroke(response.rect, corners, stroke, StrokeKind::Inside);
    }
}
