//! The left panel of Review: structures worst first with their score and decision, and how they are looked at.

use eframe::egui::{Align2, Frame, Panel, Rect, Response, Role, ScrollArea, Sense, Ui, pos2, vec2};
use jobs::case::{Decision, StructureReview};
use jobs::structure_words;

use crate::command::Command;
use crate::look::icons::{self, Icon};
use crate::look::tokens::{Palette, State as Sign, Type, control, gap, icon, line};
use crate::look::widgets::swatch::paint_swatch;
use crate::look::widgets::{Words, empty, rule, section_head, select, setting_row};
use crate::look::{Theme, focus, paint, theme};
use crate::panes::{Look, look_of};
use crate::screens::Draw;
use crate::state::{CHECK_BELOW, Case};

/// Draws the panel into the room it is given.
pub(super) fn panel(ui: &mut Ui, draw: &mut Draw<'_>) {
    let state = draw.state;
    let Some(case) = state.case.as_deref() else { return };
    let fill = Theme::of(ui).bg1;
    ui.spacing_mut().item_spacing.y = 0.0;
    Panel::bottom("review ways").frame(Frame::new().fill(fill)).resizable(false).show_separator_line(false).show(ui, |ui| {
        rule(ui);
        Frame::new().inner_margin(theme::margin(gap::M, gap::S)).show(ui, |ui| ways(ui, draw, case));
    });
    let review = case.layer().and_then(|layer| layer.review.as_ref());
    let rows: Vec<&StructureReview> =
        review.map(|review| review.structures.iter().filter(|known| known.voxels > 0).collect()).unwrap_or_default();
    Frame::new().inner_margin(theme::head_margin()).show(ui, |ui| head(ui, &rows));
    rule(ui);
    if rows.is_empty() {
        let text = match (case.layer(), review) {
            (None, _) => "No mask yet. Segment the case or import a mask first.",
            (Some(_), Some(_)) => "The mask is empty.",
            (Some(_), None) if case.review.measuring => "Measuring the structures…",
            (Some(_), None) => "The structures are not measured yet.",
        };
        empty(ui, text);
        return;
    }
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        for known in rows {
            let Some(look) = look_of(case, &state.settings, known.value) else { continue };
            let response = row(ui, known, &look, case.view.selected == Some(known.value));
            if response.clicked() {
                draw.ask(Command::GoTo(known.value));
            }
        }
    });
}

fn head(ui: &mut Ui, rows: &[&StructureReview]) {
    let decided = |wanted: Decision| rows.iter().filter(|known| known.decision == wanted).count();
    let accepted = decided(Decision::Accepted);
    section_head(ui, "Worst first", Some(&format!("{accepted} of {} accepted", rows.len())));
    ui.add_space(gap::S);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), control::PROGRESS), Sense::hover());
    let p = Theme::of(ui);
    let round = theme::corners(control::PROGRESS * line::HALF);
    ui.painter().rect_filled(rect, round, p.bg4);
    let mut left = rect.left();
    for (decision, ink) in [(Decision::Accepted, p.ok), (Decision::Flagged, p.warn), (Decision::Rejected, p.err)] {
        let width = rect.width() * decided(decision) as f32 / rows.len().max(1) as f32;
        let part = Rect::from_min_size(pos2(left, rect.top()), vec2(width, rect.height()));
        ui.painter().rect_filled(paint::snapped(ui.painter(), part), 0, ink);
        left += width;
    }
    let (flagged, rejected) = (decided(Decision::Flagged), decided(Decision::Rejected));
    let words = format!("{accepted} accepted, {flagged} flagged, {rejected} rejected of {}", rows.len());
    paint::name(&response, Role::ProgressIndicator, &words);
    response.on_hover_text(words);
}

/// How a score is marked.
pub(super) fn sign_of_score(score: f32) -> Sign {
    if score < CHECK_BELOW { Sign::Warn } else { Sign::Neutral }
}

/// Icon, state and word of a decision.
pub(super) fn sign_of_decision(decision: Decision) -> (Icon, Sign, &'static str) {
    match decision {
        Decision::Open => (icons::OPEN_CIRCLE, Sign::Neutral, "open"),
        Decision::Accepted => (icons::ACCEPTED, Sign::Ok, "accepted"),
        Decision::Rejected => (icons::REFUSED, Sign::Err, "rejected"),
        Decision::Flagged => (icons::FLAGGED, Sign::Warn, "flagged"),
    }
}

fn row(ui: &mut Ui, known: &StructureReview, look: &Look, selected: bool) -> Response {
    let p = Theme::of(ui);
    let second = if known.reason.is_empty() { 0.0 } else { Type::Small.line() };
    let size = vec2(ui.available_width(), Type::Body.line() + second + 2.0 * control::ICON_GAP);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    if selected || response.hovered() {
        ui.painter().rect_filled(rect, 0, p.ground(selected, response.hovered(), p.bg1));
    }
    if selected {
        paint::selected_bar(ui.painter(), rect, &p);
    }
    let elided = paint_row(ui, &p, rect, known, look, selected);
    paint::rule_below(ui.painter(), rect, p.line1);
    focus::ring_inside(ui, &response);
    let (_, _, word) = sign_of_decision(known.decision);
    let name = structure_words(&known.name);
    paint::name_on(&response, Role::ListBoxOption, selected, &name);
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_selected(selected);
        node.set_value(format!("{:.2}, {word}", known.score));
    });
    if elided { response.on_hover_text(format!("{name}\n{}", known.reason)) } else { response }
}

fn paint_row(ui: &Ui, p: &Palette, rect: Rect, known: &StructureReview, look: &Look, selected: bool) -> bool {
    let middle = rect.top() + control::ICON_GAP + Type::Body.line() * line::HALF;
    let painter = ui.painter();
    paint_swatch(painter, pos2(rect.left() + gap::M + control::SWATCH * line::HALF, middle), look.color, look.pattern, true);
    let (sign, state, _) = sign_of_decision(known.decision);
    let ink = if state == Sign::Neutral { p.text2 } else { p.state(state).0 };
    let mut right = rect.right() - gap::M;
    paint::icon(painter, pos2(right - icon::ROW * line::HALF, middle), sign, icon::ROW, ink);
    right -= icon::ROW + gap::S;
    let ink = if sign_of_score(known.score) == Sign::Warn { p.warn } else { p.text1 };
    let score = paint::line_of(ui, &format!("{:.2}", known.score), Type::Body.strong(), ink, f32::INFINITY);
    let left = rect.left() + gap::M + control::SWATCH + gap::S;
    let line_of = |y: f32, right: f32| Rect::from_min_max(pos2(left, y), pos2(right, y));
    paint::place(painter, line_of(middle, right), Align2::RIGHT_CENTER, &score);
    let room = right - score.size().x - gap::S - left;
    let name = paint::line_of(ui, &structure_words(&known.name), Type::Body.weight(selected), p.text1, room);
    paint::place(painter, line_of(middle, right), Align2::LEFT_CENTER, &name);
    let below = middle + (Type::Body.line() + Type::Small.line()) * line::HALF;
    let reason = paint::line_of(ui, &known.reason, Type::Small.regular(), if selected { p.text2 } else { p.text3 }, right - left);
    paint::place(painter, line_of(below, right), Align2::LEFT_CENTER, &reason);
    name.elided || reason.elided
}

/// Doubt, only this structure, and the layer it is compared with.
fn ways(ui: &mut Ui, draw: &mut Draw<'_>, case: &Case) {
    let view = &case.view;
    if case.layer().is_some_and(|layer| layer.doubt.is_some()) {
        if setting_row(ui, view.doubt, "Doubt overlay", None, Some("U")).clicked() {
            draw.ask(Command::ShowDoubt(!view.doubt));
        }
    } else {
        ui.add(Words::note("No doubt map: this mask was not made by a model here."));
    }
    if setting_row(ui, view.only_selected, "Only this structure", None, Some("O")).clicked() {
        draw.ask(Command::OnlySelected(!view.only_selected));
    }
    let shown = case.layer().map(|layer| layer.folder.number());
    let others: Vec<(u32, &str)> = case
        .layers
        .iter()
        .map(|layer| (layer.folder.number(), layer.file.name.as_str()))
        .filter(|(number, _)| Some(*number) != shown)
        .collect();
    if others.is_empty() {
        return;
    }
    let mut names = vec!["none"];
    names.extend(others.iter().map(|(_, name)| *name));
    let with = case.review.compare_with;
    let current = with.and_then(|with| others.iter().position(|(number, _)| *number == with)).map_or(0, |at| at + 1);
    if let Some(chosen) = select(ui, "Compare with layer", current, &names) {
        draw.ask(Command::CompareWith(chosen.checked_sub(1).and_then(|at| others.get(at)).map(|(number, _)| *number)));
    }
}
