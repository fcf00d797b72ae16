//! Progress, memory, and the map of tiles.

use egui::{Color32, Rect, Response, Role, Sense, Ui, pos2, vec2};

use crate::look::paint;
use crate::look::theme::{Theme, corners};
use crate::look::tokens::colour::{self, faded};
use crate::look::tokens::{State, control, gap, radius};

/// A progress bar of this width; `name` says of what.
pub fn progress_bar(ui: &mut Ui, name: &str, share: f32, state: State, width: f32) -> Response {
    let p = Theme::of(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(width, control::PROGRESS), Sense::hover());
    let ink = if state == State::Neutral { p.line2 } else { p.state(state).0 };
    bar(ui, rect, p.bg4, &[(share.clamp(0.0, 1.0), ink)]);
    measure(ui, &response, name, share);
    response
}

/// A memory bar: in use, this run, the rest. Shares of the whole; the run turns to the warning colour where it does not fit.
pub fn memory_bar(ui: &mut Ui, name: &str, in_use: f32, run: f32) -> Response {
    let p = Theme::of(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), control::MEMORY), Sense::hover());
    let fits = in_use + run <= 1.0;
    let ink = if fits { p.accent } else { p.warn };
    bar(ui, rect, p.bg4, &[(in_use, p.line2), (run.min(1.0 - in_use), ink)]);
    measure(ui, &response, name, in_use + run);
    response
}

/// The square before a word of a bar's legend, and the word.
pub fn legend(ui: &mut Ui, state: State, text: &str) -> Response {
    let p = Theme::of(ui);
    let ink = if state == State::Neutral { p.line2 } else { p.state(state).0 };
    let galley = paint::line_of(ui, text, crate::look::tokens::Type::Small.regular(), p.text2, ui.available_width());
    let size = vec2(gap::S + control::ICON_GAP + galley.size().x, crate::look::tokens::Type::Small.line());
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    let square = Rect::from_center_size(pos2(rect.left() + gap::XS, rect.center().y), vec2(gap::S, gap::S));
    ui.painter().rect_filled(paint::snapped(ui.painter(), square), corners(gap::XXS), ink);
    paint::place(ui.painter(), rect, egui::Align2::RIGHT_CENTER, &galley);
    paint::say(&response, text);
    response
}

/// Parts of a whole beside each other, with round ends.
fn bar(ui: &Ui, rect: Rect, track: Color32, parts: &[(f32, Color32)]) {
    let painter = ui.painter();
    let round = corners(radius::TAG);
    painter.rect_filled(rect, round, track);
    let mut from = 0.0;
    for (share, ink) in parts {
        let to = (from + share.max(0.0)).min(1.0);
        // Each part is the whole bar seen through its own slot, so that only the ends of the bar are round.
        let slot =
            Rect::from_min_max(pos2(rect.left() + from * rect.width(), rect.top()), pos2(rect.left() + to * rect.width(), rect.bottom()));
        let slot = paint::snapped(painter, slot).intersect(painter.clip_rect());
        painter.with_clip_rect(slot).rect_filled(rect, round, *ink);
        from = to;
    }
}

fn measure(ui: &Ui, response: &Response, name: &str, share: f32) {
    let percent = f64::from((share * 100.0).round());
    paint::name(response, Role::ProgressIndicator, name);
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_numeric_value(percent);
        node.set_min_numeric_value(0.0);
        node.set_max_numeric_value(100.0);
        node.set_live(egui::accesskit::Live::Polite);
    });
}

/// The tiles of a run, twelve to a row: finished, current, to come.
pub fn tile_map(ui: &mut Ui, done: usize, all: usize) -> Response {
    let p = Theme::of(ui);
    let columns = control::TILE_COLUMNS;
    // Hundreds of tiles keep the map's height: a cell then stands for several.
    let each = all.div_ceil(columns * control::TILE_ROWS).max(1);
    let (cells, done_cells) = (all.div_ceil(each), done / each);
    let rows = cells.div_ceil(columns).max(1) as f32;
    let height = rows * control::TILE + (rows - 1.0) * control::TILE_GAP;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    let width = (rect.width() - (columns as f32 - 1.0) * control::TILE_GAP) / columns as f32;
    for cell in 0..cells {
        let (column, row) = ((cell % columns) as f32, (cell / columns) as f32);
        let at = rect.min + vec2(column * (width + control::TILE_GAP), row * (control::TILE + control::TILE_GAP));
        let cell_rect = paint::snapped(ui.painter(), Rect::from_min_size(at, vec2(width, control::TILE)));
        let ink = match cell.cmp(&done_cells) {
            std::cmp::Ordering::Less => faded(p.accent, colour::TILE_DONE),
            std::cmp::Ordering::Equal => p.text1,
            std::cmp::Ordering::Greater => p.bg4,
        };
        ui.painter().rect_filled(cell_rect, corners(gap::XXS), ink);
    }
    paint::say(&response, &format!("{done} of {all} tiles"));
    response
}
