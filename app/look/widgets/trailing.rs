//! Widgets at the right end of a bar, in the order they are read.

use egui::{Align, Layout, Rect, Ui, UiBuilder, pos2};

use crate::look::tokens::line;

/// Places widgets at the right end of `room`, added from left to right. Gives what `contents` gave, and where the widgets lie.
///
/// A layout from right to left would let Tab go through them backwards. How wide they are is known once they are laid out, so it is
/// kept from frame to frame; a frame that finds another width is not shown.
pub fn trailing<R>(ui: &mut Ui, salt: &str, room: Rect, contents: impl FnOnce(&mut Ui) -> R) -> (R, Rect) {
    let id = ui.scope_id().with(("trailing", salt));
    let known = ui.data(|data| data.get_temp::<f32>(id));
    // As wide as the whole room, so that nothing is cut to the width of before.
    let at = pos2(room.right() - known.unwrap_or_default(), room.top());
    let builder = UiBuilder::new().id_salt(id).max_rect(Rect::from_min_size(at, room.size()));
    let mut child = ui.new_child(builder.layout(Layout::left_to_right(Align::Center)));
    let shown = contents(&mut child);
    let rect = child.min_rect();
    if known.is_none_or(|known| (known - rect.width()).abs() > line::HALF) {
        ui.data_mut(|data| data.insert_temp(id, rect.width()));
        ui.ctx().request_discard("widgets at the right have another width");
    }
    (shown, rect)
}
