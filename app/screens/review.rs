//! The right panel of Review: why a structure is in its place, its measures, a note, and the decision.

use eframe::egui::{Align, Frame, Layout, Panel, ScrollArea, Sense, Ui, vec2};
use jobs::case::{Decision, StructureReview, Swap};
use jobs::{ComparedStructure, structure_words};

use crate::command::Command;
use crate::look::icons;
use crate::look::paint::{self, Run};
use crate::look::tokens::{State as Sign, Type, control, gap, line};
use crate::look::widgets::{Button, Field, Words, empty, fact, head_row, key_cap, rule, section_head, state_row, swatch, tag};
use crate::look::{Theme, theme};
use crate::panes::look_of;
use crate::render::plane::{Convention, Plane, PlaneLayout};
use crate::screens::{Draw, review_list, structures, words};
use crate::state::{CHECK_BELOW, Case, Layer, TOLERANCE_MM};

/// Share of doubtful voxels from which doubt is worth a look.
const MUCH_DOUBT: f32 = 0.2;

/// Draws the panel into the room it is given.
pub(super) fn panel(ui: &mut Ui, draw: &mut Draw<'_>) {
    let state = draw.state;
    let Some(case) = state.case.as_deref() else { return };
    let Some(layer) = case.layer() else {
        empty(ui, "No mask yet. Segment the case or import a mask first.");
        return;
    };
    let there: Vec<&StructureReview> =
        layer.review.iter().flat_map(|review| &review.structures).filter(|structure| structure.voxels > 0).collect();
    let at = there.iter().position(|structure| Some(structure.value) == case.view.selected);
    let fill = Theme::of(ui).bg1;
    Panel::bottom("review decision").frame(Frame::new().fill(fill)).resizable(false).show_separator_line(false).show(ui, |ui| {
        rule(ui);
        Frame::new().inner_margin(theme::margin(gap::M, gap::M)).show(ui, |ui| decision(ui, draw, at.map(|at| there[at])));
    });
    let Some(at) = at else {
        let text = if there.is_empty() && case.review.measuring { "Measuring the structures…" } else { "Choose a structure." };
        empty(ui, text);
        return;
    };
    let known = there[at];
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        Frame::new().inner_margin(theme::margin(gap::M, gap::M)).show(ui, |ui| head(ui, draw, case, known, (at, there.len())));
        block(ui, |ui| reasons(ui, layer, known));
        block(ui, |ui| measures(ui, case, known, &there));
        block(ui, |ui| note(ui, draw, case, known));
        block(ui, |ui| remedies(ui, draw, layer));
    });
}

fn block(ui: &mut Ui, contents: impl FnOnce(&mut Ui)) {
    rule(ui);
    Frame::new().inner_margin(theme::margin(gap::M, gap::M)).show(ui, contents);
}

fn head(ui: &mut Ui, draw: &Draw<'_>, case: &Case, known: &StructureReview, (at, count): (usize, usize)) {
    head_row(ui, |ui| {
        if let Some(look) = look_of(case, &draw.state.settings, known.value) {
            swatch(ui, look.color, look.pattern, true);
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let sign = review_list::sign_of_score(known.score);
            tag(ui, sign, (sign == Sign::Warn).then_some(icons::WARNING), &format!("{:.2}", known.score));
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(Words::new(&structure_words(&known.name)).size(Type::Section).strong());
            });
        });
    });
    ui.add_space(gap::XS);
    let layout = PlaneLayout::new(&case.file.geometry, Plane::Axial, Convention::Radiological);
    let slice = layout.slice_of(known.focus_zyx.map(|index| index as f64)) + 1;
    let place = if at == 0 { "worst".to_owned() } else { format!("{} decided", review_list::sign_of_decision(known.decision).2) };
    let place = if at == 0 || known.decision != Decision::Open { place } else { "open".to_owned() };
    let place = place.strip_suffix(" decided").unwrap_or(&place).to_owned();
    let what = if known.certainty.is_some() { "Slice of greatest doubt" } else { "Largest slice" };
    ui.add(Words::small(&format!("{} of {count}, {place}. {what}: axial {slice}.", at + 1)));
}

/// The checks behind the score.
fn reasons(ui: &mut Ui, layer: &Layer, known: &StructureReview) {
    section_head(ui, "Why it is here", None);
    ui.add_space(gap::XS);
    let sign = |fine: bool| if fine { Sign::Ok } else { Sign::Warn };
    if let Some(certainty) = known.certainty {
        state_row(ui, sign(certainty >= CHECK_BELOW), "Mean certainty", &format!("{certainty:.2}"));
    }
    if let Some(share) = known.doubtful_share {
        state_row(ui, sign(share < MUCH_DOUBT), "Doubtful volume", &format!("{:.0} %", share * 100.0));
    }
    let volume = format!("{} mL", structures::volume(known));
    match known.usual_ml {
        // A cut structure is only known to be larger than measured.
        Some([least, most]) => {
            let fine = known.volume_ml <= most && (known.volume_ml >= least || known.cut_by_edge);
            let text = if fine { "Volume in usual range" } else { "Volume outside the usual range" };
            let row = state_row(ui, sign(fine), text, &volume);
            row.on_hover_text(format!("Usual in adults: {least:.0} to {most:.0} mL"));
        }
        None => {
            state_row(ui, Sign::Neutral, "No usual range known", &volume);
        }
    }
    let text = if known.pieces == 1 { "One piece" } else { "Several pieces" };
    state_row(ui, sign(known.pieces <= 1), text, &known.pieces.to_string());
    let edge = known.cut_edge.as_deref().unwrap_or("yes");
    let (text, value) = if known.cut_by_edge { ("Cut by the image edge", edge) } else { ("Not cut by image edge", "no") };
    state_row(ui, sign(!known.cut_by_edge), text, value);
    match known.swap {
        Swap::NoPartner => {}
        Swap::Right => {
            state_row(ui, Sign::Ok, "Right and left not swapped", "ok");
        }
        Swap::Swapped => {
            state_row(ui, Sign::Warn, "Right and left look swapped", "check");
        }
    }
    if known.certainty.is_none() && layer.doubt.is_none() {
        ui.add(Words::note("No certainty: this mask was not made by a model here."));
    }
}

fn measures(ui: &mut Ui, case: &Case, known: &StructureReview, there: &[&StructureReview]) {
    let unit = if case.file.modality == "CT" { " HU" } else { "" };
    let digits = if unit.is_empty() && known.mean.abs() < FEW { 2 } else { 0 };
    let mean = words::signed(known.mean, digits);
    fact(ui, "Mean ± SD", &format!("{mean} ± {:.digits$}{unit}", known.sd));
    let least = if known.cut_by_edge { "≥ " } else { "" };
    fact(ui, "Largest diameter", &format!("{least}{:.1} mm", known.largest_diameter_mm));
    if let Some(other) = partner(known, there) {
        fact(ui, &structure_words(&other.name), &format!("{} mL", structures::volume(other)));
    }
    comparison(ui, case, known);
}

/// Means below this are given with digits where the unit is not known.
const FEW: f64 = 10.0;

/// The same structure of the other side.
fn partner<'a>(known: &StructureReview, there: &[&'a StructureReview]) -> Option<&'a StructureReview> {
    let name = known.name.to_lowercase();
    let wanted = if name.contains("left") { name.replace("left", "right") } else { name.replace("right", "left") };
    (wanted != name).then(|| there.iter().find(|other| other.name.to_lowercase() == wanted).copied()).flatten()
}

/// What comparing with another layer said.
fn comparison(ui: &mut Ui, case: &Case, known: &StructureReview) {
    let Some(with) = case.review.compare_with else { return };
    let name = case.layers.iter().find(|layer| layer.folder.number() == with).map_or("", |layer| layer.file.name.as_str());
    ui.add_space(gap::S);
    section_head(ui, &format!("Compared with {name}"), None);
    if case.review.comparing {
        ui.add(Words::note("Comparing…"));
    }
    let Some(report) = &case.review.compared else { return };
    let Some(compared) = report.structures.iter().find(|compared| compared.value == known.value) else { return };
    let ComparedStructure { dice, nsd, hd95_mm, volume_ml: [own, other], .. } = compared;
    let share = |value: &Option<f64>| value.map_or_else(|| "in neither".to_owned(), |value| format!("{value:.3}"));
    fact(ui, "Dice", &share(dice));
    fact(ui, &format!("Surface within {TOLERANCE_MM:.0} mm (NSD)"), &share(nsd));
    fact(ui, "Surface distance, 95 % (HD95)", &hd95_mm.map_or_else(|| "not defined".to_owned(), |mm| format!("{mm:.1} mm")));
    fact(ui, "Volume here, there", &format!("{own:.1}, {other:.1} mL"));
}

fn note(ui: &mut Ui, draw: &mut Draw<'_>, case: &Case, known: &StructureReview) {
    ui.horizontal(|ui| {
        ui.add(Words::new("Note").strong());
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| key_cap(ui, "Ctrl M"));
    });
    ui.add_space(gap::S);
    let mut text = known.note.clone();
    let name = format!("Note about {}", structure_words(&known.name));
    let field = ui.add(Field::new(&name, &mut text).hint("What the next reader should know").lines(NOTE_LINES));
    if field.changed() {
        draw.ask(Command::SetNote(text));
    }
    if case.review.noting && !field.has_focus() {
        field.request_focus();
        draw.ask(Command::EditNote(false));
    }
}

/// Lines of a note without scrolling.
const NOTE_LINES: usize = 2;

fn remedies(ui: &mut Ui, draw: &mut Draw<'_>, layer: &Layer) {
    let width = ui.available_width();
    if ui.add(Button::plain("Fix in Edit").icon(icons::BRUSH).key("B").width(width)).clicked() {
        draw.ask(Command::FixInEdit);
    }
    // Only a model can be run again.
    if layer.file.provenance.is_some() {
        ui.add_space(gap::S);
        if ui.add(Button::plain("Run again, Best").icon(icons::SEGMENT).width(width)).clicked() {
            draw.ask(Command::RunAgainBest);
        }
    }
}

fn decision(ui: &mut Ui, draw: &mut Draw<'_>, known: Option<&StructureReview>) {
    let enabled = known.is_some();
    let width = ui.available_width();
    ui.spacing_mut().item_spacing = vec2(gap::S, gap::S);
    let accept = Button::primary("Accept, next").icon(icons::CHECK).key("Enter").large().width(width).enabled(enabled);
    if ui.add(accept).clicked() {
        draw.ask(Command::Decide(Decision::Accepted, true));
    }
    ui.horizontal(|ui| {
        let half = (width - gap::S) * line::HALF;
        let reject = Button::plain("Reject").icon(icons::CLOSE).key("Bksp").width(half).enabled(enabled);
        if ui.add(reject).clicked() {
            draw.ask(Command::Decide(Decision::Rejected, true));
        }
        let flagged = known.is_some_and(|known| known.decision == Decision::Flagged);
        let sign = if flagged { icons::FLAGGED } else { icons::FLAG };
        if ui.add(Button::plain(if flagged { "Unflag" } else { "Flag" }).icon(sign).key("F").width(half).enabled(enabled)).clicked() {
            draw.ask(Command::Decide(Decision::Flagged, false));
        }
    });
    ui.horizontal(|ui| {
        let half = (width - gap::S) * line::HALF;
        if ui.add(Button::quiet("Accept case").width(half)).on_hover_text("Shift Enter accepts the whole case").clicked() {
            draw.ask(Command::AcceptCase);
        }
        if ui.add(Button::quiet("Reject case").width(half)).clicked() {
            draw.ask(Command::RejectCase);
        }
    });
    let (rect, response) = ui.allocate_exact_size(vec2(width, control::KEY), Sense::hover());
    let p = Theme::of(ui);
    let mut line = Run::default();
    line.key(ui, "Shift Enter", Type::Caption.regular(), p.text2, p.line2);
    line.gap(gap::S);
    line.text(ui, ACCEPTS_CASE, Type::Small.regular(), p.text3, width);
    line.paint_centred(ui.painter(), rect);
    paint::say(&response, ACCEPTS_CASE);
}

/// What Shift Enter does.
const ACCEPTS_CASE: &str = "accepts the whole case";
