//! Pages: one column in the middle of the window, which scrolls.

use egui::{AsIdSalt, ScrollArea, Ui};

use crate::look::tokens::{gap, line};

/// A column of at most this width, `above` and below it as much room, kept from the window's edges. `id` tells pages apart whose
/// scroll positions are their own.
pub fn page<R>(ui: &mut Ui, id: impl AsIdSalt, most: f32, above: f32, contents: impl FnOnce(&mut Ui, f32) -> R) -> R {
    let scroll = ScrollArea::vertical().id_salt(id).auto_shrink(false);
    let shown = scroll.show(ui, |ui| {
        let room = ui.available_width();
        let width = most.min(room - 2.0 * gap::XL).floor();
        // Not a frame's margin: egui keeps those in a byte, and a wide window's is wider.
        let side = ((room - width) * line::HALF).floor();
        ui.spacing_mut().item_spacing.y = 0.0;
        ui.add_space(above);
        let inner = ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            ui.add_space(side);
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.x = gap::S;
                ui.set_width(width);
                contents(ui, width)
            })
            .inner
        });
        ui.add_space(above);
        inner.inner
    });
    shown.inner
}
