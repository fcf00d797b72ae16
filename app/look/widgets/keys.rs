//! Key caps: which key does the same.

use egui::{Response, Sense, Ui, vec2};

use crate::look::paint::{self, Run};
use crate::look::theme::Theme;
use crate::look::tokens::{Type, control};

/// One key cap.
pub fn key_cap(ui: &mut Ui, key: &str) -> Response {
    keys(ui, &[key])
}

/// The keys of a chord, one cap each: `&["Ctrl", "Shift", "Z"]`. Parts beginning with a space are words between caps, as " drag".
pub fn keys(ui: &mut Ui, keys: &[&str]) -> Response {
    let p = Theme::of(ui);
    let mut run = Run::default();
    for (at, key) in keys.iter().enumerate() {
        if at > 0 {
            run.gap(control::KEY_GAP);
        }
        match key.strip_prefix(' ') {
            Some(word) => run.text(ui, word, Type::Caption.regular(), p.text3, f32::INFINITY),
            None => run.key(ui, key, Type::Caption.regular(), p.text2, p.line2),
        }
    }
    let (rect, response) = ui.allocate_exact_size(vec2(run.width(), control::KEY), Sense::hover());
    run.paint(ui.painter(), rect.left(), rect.center().y);
    paint::say(&response, &keys.iter().map(|key| key.trim()).collect::<Vec<_>>().join(" "));
    response
}
