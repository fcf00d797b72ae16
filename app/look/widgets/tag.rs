//! Tags: a state in a word, on its own ground.

use egui::{Response, Sense, Ui, vec2};

use crate::look::icons::Icon;
use crate::look::paint::{self, Run};
use crate::look::theme::{Theme, corners};
use crate::look::tokens::{Palette, State, Type, control, gap, icon, radius};

/// A tag, with an icon where its colour means something that its word does not say.
pub fn tag(ui: &mut Ui, state: State, sign: Option<Icon>, text: &str) -> Response {
    let p = Theme::of(ui);
    let run = run(ui, &p, state, sign, text);
    let (rect, response) = ui.allocate_exact_size(vec2(width(&run), control::TAG), Sense::hover());
    ground(ui, p.state(state).1, rect);
    run.paint_centred(ui.painter(), rect);
    paint::say(&response, text);
    response
}

/// Paints a tag inside another widget, ending at `right`. Gives the room it took.
pub(crate) fn paint_tag(ui: &Ui, p: &Palette, state: State, text: &str, right: f32, middle: f32) -> f32 {
    paint_tag_over(ui, p, state, p.state(state).1, text, right, middle)
}

/// The same on another ground, where its own would not be seen.
pub(crate) fn paint_tag_over(ui: &Ui, p: &Palette, state: State, fill: egui::Color32, text: &str, right: f32, middle: f32) -> f32 {
    let run = run(ui, p, state, None, text);
    let width = width(&run);
    let rect = egui::Rect::from_min_size(egui::pos2(right - width, middle - control::TAG / 2.0), vec2(width, control::TAG));
    ground(ui, fill, rect);
    run.paint_centred(ui.painter(), rect);
    width
}

fn run(ui: &Ui, p: &Palette, state: State, sign: Option<Icon>, text: &str) -> Run {
    let (ink, _) = p.state(state);
    let mut run = Run::default();
    if let Some(sign) = sign {
        run.icon(sign, icon::TAG, ink);
        run.gap(gap::XS);
    }
    run.text(ui, text, Type::Caption.regular(), ink, f32::INFINITY);
    run
}

fn width(run: &Run) -> f32 {
    run.width().ceil() + 2.0 * control::TAG_PAD
}

fn ground(ui: &Ui, fill: egui::Color32, rect: egui::Rect) {
    ui.painter().rect_filled(paint::snapped(ui.painter(), rect), corners(radius::TAG), fill);
}
