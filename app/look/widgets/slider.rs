//! A slider with its name before it and its value, which can be typed, after it.

use std::ops::RangeInclusive;

use egui::accesskit::{Action, ActionData};
use egui::{Align, DragValue, EventFilter, Key, Layout, Rect, Response, Sense, Ui, Widget, WidgetInfo, pos2, vec2};

use crate::look::focus;
use crate::look::paint;
use crate::look::theme::{Theme, corners};
use crate::look::tokens::{Palette, Type, control, gap, icon};

/// Slider of a number.
#[must_use = "add it to a ui"]
pub struct Slider<'a> {
    value: &'a mut f64,
    range: RangeInclusive<f64>,
    name: &'a str,
    show_name: bool,
    unit: &'a str,
    decimals: usize,
    step: f64,
}

impl<'a> Slider<'a> {
    /// A slider over a range.
    pub fn new(name: &'a str, value: &'a mut f64, range: RangeInclusive<f64>) -> Self {
        Self { value, range, name, show_name: true, unit: "", decimals: 0, step: 1.0 }
    }

    /// Unit after the value, with a space before it.
    pub fn unit(mut self, unit: &'a str) -> Self {
        self.unit = unit;
        self
    }

    /// Digits after the point; also the step of the arrow keys.
    pub fn decimals(mut self, decimals: usize) -> Self {
        self.decimals = decimals;
        self.step = 10_f64.powi(-(decimals as i32));
        self
    }

    /// The name stands elsewhere.
    pub fn hide_name(mut self) -> Self {
        self.show_name = false;
        self
    }

    fn rounded(&self, value: f64) -> f64 {
        let value = (value / self.step).round() * self.step;
        value.clamp(*self.range.start(), *self.range.end())
    }

    fn share(&self) -> f32 {
        let (low, high) = (*self.range.start(), *self.range.end());
        if high > low { ((*self.value - low) / (high - low)) as f32 } else { 0.0 }
    }

    fn rail(&mut self, ui: &mut Ui, width: f32) -> Response {
        let p = Theme::of(ui);
        let (rect, mut response) = ui.allocate_exact_size(vec2(width, control::TARGET), Sense::click_and_drag());
        let reach = control::SLIDER_KNOB / 2.0;
        let track = egui::Rangef::new(rect.left() + reach, rect.right() - reach);
        let before = *self.value;
        if let Some(at) = response.interact_pointer_pos() {
            let share = f64::from(((at.x - track.min) / track.span()).clamp(0.0, 1.0));
            *self.value = self.rounded(self.range.start() + share * (self.range.end() - self.range.start()));
        }
        *self.value = self.by_keys(ui, &response);
        if (*self.value - before).abs() > f64::EPSILON {
            response.mark_changed();
        }
        self.paint(ui, &p, &response, rect, track);
        response.widget_info(|| WidgetInfo::slider(ui.is_enabled(), *self.value, self.name));
        ui.ctx().accesskit_node_builder(response.id, |node| {
            node.set_min_numeric_value(*self.range.start());
            node.set_max_numeric_value(*self.range.end());
            node.set_numeric_value_step(self.step);
            for action in [Action::SetValue, Action::Increment, Action::Decrement] {
                node.add_action(action);
            }
        });
        response
    }

    fn by_keys(&self, ui: &Ui, response: &Response) -> f64 {
        let mut steps = 0.0;
        if response.has_focus() {
            let arrows = EventFilter { horizontal_arrows: true, ..EventFilter::default() };
            ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, arrows));
            ui.input(|input| {
                steps += input.num_presses(Key::ArrowRight) as f64 - input.num_presses(Key::ArrowLeft) as f64;
            });
        }
        let mut set = None;
        ui.input(|input| {
            let count = |action| input.num_accesskit_action_requests(response.id, action) as f64;
            steps += count(Action::Increment) - count(Action::Decrement);
            for request in input.accesskit_action_requests(response.id, Action::SetValue) {
                if let Some(ActionData::NumericValue(value)) = request.data {
                    set = Some(self.rounded(value));
                }
            }
        });
        let step = self.step.max((self.range.end() - self.range.start()) / f64::from(control::SLIDER_KEY_STEPS));
        set.unwrap_or_else(|| if steps == 0.0 { *self.value } else { self.rounded(*self.value + steps * step) })
    }

    fn paint(&self, ui: &Ui, p: &Palette, response: &Response, rect: Rect, track: egui::Rangef) {
        let knob = pos2(track.min + self.share() * track.span(), rect.center().y);
        let half = control::SLIDER_RAIL / 2.0;
        let part =
            |from: f32, to: f32| paint::snapped(ui.painter(), Rect::from_min_max(pos2(from, knob.y - half), pos2(to, knob.y + half)));
        ui.painter().rect_filled(part(rect.left(), rect.right()), corners(half), p.line2);
        ui.painter().rect_filled(part(rect.left(), knob.x), corners(half), p.accent);
        let radius = control::SLIDER_KNOB / 2.0;
        ui.painter().circle_filled(knob, radius, p.text1);
        let around = Rect::from_center_size(knob, vec2(control::SLIDER_KNOB, control::SLIDER_KNOB));
        focus::ring_around(ui, response, around, radius);
    }
}

impl Widget for Slider<'_> {
    fn ui(mut self, ui: &mut Ui) -> Response {
        let p = Theme::of(ui);
        let size = vec2(ui.available_width(), control::TARGET);
        ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            let mut width = ui.available_width() - control::VALUE - gap::S;
            if self.show_name {
                let (rect, label) = ui.allocate_exact_size(vec2(control::LABEL, control::TARGET), Sense::hover());
                let galley = paint::line_of(ui, self.name, Type::Small.regular(), p.text2, control::LABEL - gap::XS);
                paint::place(ui.painter(), rect, egui::Align2::LEFT_CENTER, &galley);
                if galley.elided {
                    label.on_hover_text(self.name);
                }
                width -= control::LABEL;
            }
            let response = self.rail(ui, width.max(icon::CARD));
            let typed = ui.with_layout(Layout::right_to_left(Align::Center), |ui| typed_value(ui, &mut self)).inner;
            if typed.changed() { response.union(typed) } else { response }
        })
        .inner
    }
}

/// The value, which becomes a text field when it is clicked or reached with Tab.
fn typed_value(ui: &mut Ui, slider: &mut Slider<'_>) -> Response {
    let p = Theme::of(ui);
    let style = ui.style_mut();
    style.spacing.button_padding = vec2(0.0, 0.0);
    style.spacing.interact_size = vec2(gap::S, control::SLIDER);
    let none = egui::Color32::TRANSPARENT;
    for visuals in [&mut style.visuals.widgets.inactive, &mut style.visuals.widgets.hovered, &mut style.visuals.widgets.active] {
        visuals.weak_bg_fill = none;
        visuals.bg_stroke.color = none;
        visuals.fg_stroke.color = p.text1;
    }
    let (suffix, range, decimals) = (slider.unit.to_owned(), slider.range.clone(), slider.decimals);
    let step = slider.step;
    let value = DragValue::new(slider.value).range(range).suffix(suffix).fixed_decimals(decimals).speed(step).update_while_editing(false);
    let response = ui.add(value).accessible_name(format!("{}, typed", slider.name));
    focus::ring(ui, &response, gap::XXS);
    response
}
