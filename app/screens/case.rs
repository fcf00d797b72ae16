//! The case screen's frame: structures at the left, tool bar and panes in the middle, the mode's panel at the right.

use eframe::egui::{Area, CentralPanel, Frame, Id, Key, Order, Panel, Rangef, Rect, Ui, UiBuilder, pos2};

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
    let right = right(ui, mode, panels);
    toolbar::ui(ui, draw, mode, panels);
    if mode == Mode::Review && draw.state.queue.is_some() {
        queue_strip::panel(ui, draw);
    }
    let ground = Theme::of(ui).bg0;
    CentralPanel::default().frame(Frame::new().fill(ground)).show(ui, |ui| {
        panes::show(ui, draw.state, mode, draw.panes, draw.commands);
    });
    // Its place was taken before the panes; Tab comes to it after them.
    if let Some(rect) = right {
        let mut child = ui.new_child(UiBuilder::new().id_salt(("right", mode as u8)).max_rect(rect));
        child.set_clip_rect(rect.intersect(ui.clip_rect()));
        content(&mut child, draw, mode, panels);
    }
}

/// Whether the drawer of a mode is open in narrow windows: from the start where the mode is decided on in it.
pub(super) fn drawer_is_open(ui: &Ui, mode: Mode) -> bool {
    ui.data(|data| data.get_temp::<bool>(drawer_id(mode))).unwrap_or(!matches!(mode, Mode::View | Mode::Edit))
}

/// Opens or closes the drawer of a mode.
pub(super) fn set_drawer(ui: &Ui, mode: Mode, open: bool) {
    ui.data_mut(|data| data.insert_temp(drawer_id(mode), open));
}

fn drawer_id(mode: Mode) -> Id {
    Id::unique(("details drawer", mode as u8))
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
        _ if panels == Panels::Narrow => rail(ui, draw, mode),
        _ => {
            let panel = Panel::left(Id::unique(("structures", panels.left() as u32)));
            side(panel, panels.left(), ui).show(ui, |ui| structures::panel(ui, draw));
        }
    }
}

/// Takes the room of the right panel and gives it back, if there is one.
fn right(ui: &mut Ui, mode: Mode, panels: Panels) -> Option<Rect> {
    if panels.right_is_drawer() && !drawer_is_open(ui, mode) {
        return None;
    }
    let width = if mode == Mode::Edit { layout::EDIT_RIGHT } else { panels.right() };
    let take = |ui: &mut Ui| ui.allocate_space(ui.available_size()).1;
    Some(side(Panel::right(Id::unique(("details", width as u32))), width, ui).show(ui, take).inner)
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
fn rail(ui: &mut Ui, draw: &mut Draw<'_>, mode: Mode) {
    let p = Theme::of(ui);
    let panel = Panel::left("structures rail").exact_size(layout::SWATCH_RAIL).resizable(false);
    let shown = panel.frame(Frame::new().fill(p.bg1)).show(ui, |ui| structures::rail(ui, draw, mode == Mode::Review));
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
                if mode == Mode::Review {
                    review_list::panel(ui, draw);
                } else {
                    structures::panel(ui, draw);
                }
            });
        });
    }
}
