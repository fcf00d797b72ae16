//! The case screen's frame: structures at the left, tool bar and panes in the middle, the mode's panel at the right.

use eframe::egui::{Area, CentralPanel, Frame, Id, Key, Order, Panel, Rangef, Ui, pos2};

use crate::look::theme::{Theme, corners};
use crate::look::tokens::{Panels, breakpoint, layout};
use crate::panes;
use crate::screens::{Draw, details, edit, edit_rail, export, queue_strip, review, review_list, segment, structures, toolbar};
use crate::state::Mode;

pub(super) fn ui(ui: &mut Ui, draw: &mut Draw<'_>, mode: Mode) {
    if draw.state.case.is_none() {
        return;
    }
    let panels = breakpoint(ui.ctx().content_rect().width());
    left(ui, draw, mode, panels);
    right(ui, draw, mode, panels);
    toolbar::ui(ui, draw, mode, panels);
    if mode == Mode::Review && draw.state.queue.is_some() {
        queue_strip::panel(ui, draw);
    }
    let ground = Theme::of(ui).bg0;
    CentralPanel::default().frame(Frame::new().fill(ground)).show(ui, |ui| {
        panes::show(ui, draw.state, mode, draw.panes, draw.commands);
    });
}

/// Where the state of the drawer is kept.
pub(super) fn drawer_id() -> Id {
    Id::unique("details drawer")
}

/// A side panel whose width a person may change; each breakpoint keeps its own.
fn side(panel: Panel, width: f32, ui: &Ui) -> Panel {
    let [least, most] = layout::PANEL_RANGE;
    let panel = panel.default_size(width).size_range(Rangef::new(width * least, width * most)).resizable(true);
    panel.frame(Frame::new().fill(Theme::of(ui).bg1))
}

fn left(ui: &mut Ui, draw: &mut Draw<'_>, mode: Mode, panels: Panels) {
    match mode {
        Mode::Edit => {
            let panel = Panel::left("tools").exact_size(layout::TOOL_RAIL).resizable(false);
            panel.frame(Frame::new().fill(Theme::of(ui).bg1)).show(ui, |ui| edit_rail::panel(ui, draw));
        }
        Mode::Review if panels != Panels::Narrow => {
            let panel = Panel::left(Id::unique(("worst first", panels.left() as u32)));
            side(panel, panels.left(), ui).show(ui, |ui| review_list::panel(ui, draw));
        }
        _ if panels == Panels::Narrow => rail(ui, draw),
        _ => {
            let panel = Panel::left(Id::unique(("structures", panels.left() as u32)));
            side(panel, panels.left(), ui).show(ui, |ui| structures::panel(ui, draw));
        }
    }
}

fn right(ui: &mut Ui, draw: &mut Draw<'_>, mode: Mode, panels: Panels) {
    let open = ui.data(|data| data.get_temp::<bool>(drawer_id())).unwrap_or_default();
    if panels.right_is_drawer() && !open {
        return;
    }
    let width = if mode == Mode::Edit { layout::EDIT_RIGHT } else { panels.right() };
    side(Panel::right(Id::unique(("details", width as u32))), width, ui).show(ui, |ui| content(ui, draw, mode, panels));
}

/// What a mode shows at the right.
fn content(ui: &mut Ui, draw: &mut Draw<'_>, mode: Mode, panels: Panels) {
    match mode {
        Mode::View => details::panel(ui, draw, panels),
        Mode::Segment => segment::panel(ui, draw),
        Mode::Review => review::panel(ui, draw),
        Mode::Edit => edit::panel(ui, draw),
        Mode::Export => export::panel(ui, draw),
    }
}

/// The rail of narrow windows; the list itself comes out over the panes.
fn rail(ui: &mut Ui, draw: &mut Draw<'_>) {
    let p = Theme::of(ui);
    let panel = Panel::left("structures rail").exact_size(layout::SWATCH_RAIL).resizable(false);
    let shown = panel.frame(Frame::new().fill(p.bg1)).show(ui, |ui| structures::rail(ui, draw));
    let (rail, asked) = (shown.response.rect, shown.inner);
    let open = Id::unique("structures over the panes");
    let was_open = ui.data(|data| data.get_temp::<bool>(open)).unwrap_or_default();
    let typing = ui.ctx().text_edit_focused();
    let by_key = !typing && ui.input(|input| input.key_pressed(Key::Slash));
    let over = Rangef::new(rail.left(), rail.right() + if was_open { Panels::Medium.left() } else { 0.0 });
    let pointed = ui.input(|input| input.pointer.hover_pos()).is_some_and(|pos| over.contains(pos.x) && rail.y_range().contains(pos.y));
    let is_open = asked || by_key || (was_open && (pointed || typing));
    ui.data_mut(|data| data.insert_temp(open, is_open));
    if is_open {
        Area::new(open).fixed_pos(pos2(rail.right(), rail.top())).order(Order::Foreground).show(ui.ctx(), |ui| {
            Frame::new().fill(p.bg1).corner_radius(corners(0.0)).show(ui, |ui| {
                ui.set_width(Panels::Medium.left());
                ui.set_height(rail.height());
                structures::panel(ui, draw);
            });
        });
    }
}
