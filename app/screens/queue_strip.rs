//! The strip below the panes: the cases of a queue with their pictures, scores and decisions.

use eframe::egui::{Align, Align2, Frame, Layout, Panel, Rect, Response, Role, ScrollArea, Sense, Ui, pos2, vec2};
use jobs::case::CaseState;

use crate::command::Command;
use crate::look::icons::{self, Icon};
use crate::look::tokens::{Palette, State as Sign, Type, gap, icon, layout, line, radius};
use crate::look::widgets::{Ink, Words, link};
use crate::look::{Theme, focus, paint, theme};
use crate::screens::Draw;
use crate::screens::pictures::Pictures;
use crate::state::{CHECK_BELOW, Queue, QueueCase};

/// Draws the strip into its own panel at the bottom; nothing where the case on screen is of no queue.
pub(super) fn panel(ui: &mut Ui, draw: &mut Draw<'_>) {
    let state = draw.state;
    let (Some(queue), Some(case)) = (&state.queue, &state.case) else { return };
    if !queue.shows(case.folder.path()) {
        return;
    }
    let frame = Frame::new().fill(Theme::of(ui).bg1).inner_margin(theme::margin(gap::M, gap::S));
    let panel = Panel::bottom("queue strip").frame(frame).exact_size(layout::QUEUE_STRIP).resizable(false).show_separator_line(false);
    panel.show(ui, |ui| {
        ui.horizontal_centered(|ui| {
            about(ui, draw, queue);
            let keep = ui.scope_id().with("queue shown");
            let before = ui.data(|data| data.get_temp::<usize>(keep));
            ScrollArea::horizontal().auto_shrink(false).show(ui, |ui| {
                ui.spacing_mut().item_spacing.x = gap::M;
                ui.horizontal(|ui| {
                    for (at, entry) in queue.cases.iter().enumerate() {
                        let now = at == queue.current;
                        let response = card(ui, draw.pictures, entry, now);
                        if response.clicked() && !now {
                            draw.commands.push(Command::GoToCase(at));
                        }
                        if now && before != Some(at) {
                            response.scroll_to_me(Some(Align::Center));
                        }
                    }
                });
            });
            ui.data_mut(|data| data.insert_temp(keep, queue.current));
        });
    });
}

fn about(ui: &mut Ui, draw: &mut Draw<'_>, queue: &Queue) {
    let size = vec2(layout::QUEUE_ABOUT, ui.available_height());
    ui.allocate_ui_with_layout(size, Layout::top_down(Align::Min), |ui| {
        ui.set_min_size(size);
        ui.spacing_mut().item_spacing.y = gap::XS;
        ui.add(Words::new("Queue").strong());
        ui.add(Words::small(&format!("{} of {}", queue.current + 1, queue.cases.len())));
        let usable = queue.cases.iter().skip(queue.current + 1).find(|case| case.refused.is_none());
        let ahead = match usable {
            None => "last case",
            Some(case) if case.case.is_some() => "next loaded",
            Some(_) => "next loads…",
        };
        ui.add(Words::small(ahead).ink(Ink::Caption));
        if link(ui, "Save summary…").clicked() {
            draw.ask(Command::ChooseSummary);
        }
    });
}

/// Picture, score or decision, and name of a case.
fn card(ui: &mut Ui, pictures: &mut Pictures, case: &QueueCase, now: bool) -> Response {
    let p = Theme::of(ui);
    let picture_size = vec2(layout::QUEUE_CARD[0], layout::QUEUE_CARD[1]);
    let size = picture_size + vec2(0.0, gap::XS + Type::Small.line());
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let picture = Rect::from_min_size(rect.min, picture_size);
    if ui.is_rect_visible(rect) {
        let frame = theme::corners(radius::CONTROL);
        ui.painter().rect_filled(picture, frame, p.canvas);
        let texture = case.case.as_ref().and_then(|folder| pictures.of(ui.ctx(), &folder.join("thumb.png")));
        if let Some(texture) = texture {
            let [width, height] = texture.size().map(|side| side as f32);
            let scale = (picture.width() / width).min(picture.height() / height);
            let inner = Rect::from_center_size(picture.center(), vec2(width, height) * scale);
            eframe::egui::Image::from_texture((texture.id(), inner.size())).corner_radius(frame).paint_at(ui, inner);
        }
        if now || response.hovered() {
            let stroke = eframe::egui::Stroke::new(line::FOCUS, if now { p.accent } else { p.line2 });
            ui.painter().rect_stroke(picture, frame, stroke, eframe::egui::StrokeKind::Inside);
        }
        mark(ui, &p, picture, case, now);
        let ink = if now { p.text1 } else { p.text3 };
        let name = paint::line_of(ui, &case.name, Type::Small.regular(), ink, rect.width());
        let below = Rect::from_min_max(pos2(rect.left(), picture.bottom() + gap::XS), rect.max);
        paint::place(ui.painter(), below, Align2::CENTER_CENTER, &name);
    }
    focus::ring(ui, &response, radius::CONTROL);
    let words = say(case, now);
    paint::name_on(&response, Role::ListBoxOption, now, &format!("Case {}", case.name));
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_selected(now);
        node.set_value(words.clone());
    });
    response.on_hover_text(format!("{}\n{words}", case.name))
}

/// What is known of a case in words.
fn say(case: &QueueCase, now: bool) -> String {
    let state = match (&case.refused, case.state) {
        (Some(reason), _) => reason.as_str(),
        (None, CaseState::Accepted) => "accepted",
        (None, CaseState::Rejected) => "rejected",
        (None, CaseState::Flagged) => "flagged",
        (None, CaseState::InReview) => "in review",
        (None, CaseState::Opened) => "open",
    };
    let score = case.worst.map(|worst| format!(", lowest score {worst:.2}")).unwrap_or_default();
    format!("{}{state}{score}", if now { "now, " } else { "" })
}

/// A plate in the corner of the picture.
fn mark(ui: &Ui, p: &Palette, picture: Rect, case: &QueueCase, now: bool) {
    let decided: Option<(Icon, Sign)> = match (&case.refused, case.state) {
        (Some(_), _) => Some((icons::ERROR, Sign::Err)),
        (None, CaseState::Accepted) => Some((icons::ACCEPTED, Sign::Ok)),
        (None, CaseState::Rejected) => Some((icons::REFUSED, Sign::Err)),
        (None, CaseState::Flagged) => Some((icons::FLAGGED, Sign::Warn)),
        _ => None,
    };
    let score = case.worst.map(|worst| format!("{worst:.2}"));
    let mut run = paint::Run::default();
    let fill = match (decided, now, score) {
        (Some((sign, state)), ..) => {
            run.icon(sign, icon::TAG, p.state(state).0);
            p.state(state).1
        }
        (None, true, _) => {
            run.text(ui, "Now", Type::Caption.regular(), p.accent, f32::INFINITY);
            p.accentdim
        }
        (None, false, Some(score)) => {
            let ink = if case.worst.is_some_and(|worst| worst < CHECK_BELOW) { p.warn } else { p.text1 };
            run.text(ui, &score, Type::Caption.regular(), ink, f32::INFINITY);
            p.bg3
        }
        (None, false, None) => return,
    };
    let size = vec2(run.width() + 2.0 * gap::XS, Type::Small.line());
    let plate = Rect::from_min_size(picture.max - size - vec2(gap::XXS, gap::XXS), size);
    ui.painter().rect_filled(paint::snapped(ui.painter(), plate), theme::corners(radius::TAG), fill);
    run.paint_centred(ui.painter(), plate);
}
