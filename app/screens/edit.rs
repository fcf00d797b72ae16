//! The right panel of Edit: what is drawn into, how, what it may replace, operations, and the history.

use std::time::{Duration, UNIX_EPOCH};

use eframe::egui::{Align, Context, Frame, Id, Layout, Panel, ScrollArea, Ui};
use jobs::case::LayerKind;
use jobs::structure_words;
use mask::{History, Step};

use crate::command::Command;
use crate::look::icons::{self, Icon};
use crate::look::tokens::{control, gap, line};
use crate::look::widgets::{
    Button, Ink, RowAction, Segment, Slider, StructureRow, Words, key_cap, number_field, rule, section_head, segmented, select, toggle,
};
use crate::look::{Theme, theme};
use crate::panes::looks;
use crate::screens::{Draw, edit_rail, history_row, structures, words};
use crate::state::{Case, Dialog, LayerVoxels, Overwrite, Pane, StrokeShape, Tool, step_words};

/// Operations of the rail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Between slices.
    Interpolate,
    /// Pieces.
    Islands,
    /// By a distance.
    Grow,
    /// Borders.
    Smooth,
}

impl Operation {
    pub(super) const ALL: [Self; 4] = [Self::Interpolate, Self::Islands, Self::Grow, Self::Smooth];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Interpolate => "Interpolate",
            Self::Islands => "Islands",
            Self::Grow => "Grow / shrink",
            Self::Smooth => "Smooth",
        }
    }

    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Interpolate => "I",
            Self::Islands => "G",
            Self::Grow => "K",
            Self::Smooth => "M",
        }
    }

    pub(super) fn sign(self) -> Icon {
        match self {
            Self::Interpolate => icons::INTERPOLATE,
            Self::Islands => icons::ISLANDS,
            Self::Grow => icons::GROW,
            Self::Smooth => icons::SMOOTH,
        }
    }
}

fn place() -> Id {
    Id::unique("edit operation")
}

/// The operation whose settings show.
pub(crate) fn operation(ui: &Ui) -> Option<Operation> {
    ui.data(|data| data.get_temp::<Option<Operation>>(place())).flatten()
}

/// Shows an operation's settings in the panel, or a tool's again.
pub(crate) fn show_operation(ui: &Ui, shown: Option<Operation>) {
    toggle_operation_in(ui.ctx(), shown);
}

/// The same for keys, which have no panel.
pub(crate) fn toggle_operation_in(ctx: &Context, shown: Option<Operation>) {
    ctx.data_mut(|data| data.insert_temp(place(), shown));
}

/// Draws the panel into the room it is given.
pub(super) fn panel(ui: &mut Ui, draw: &mut Draw<'_>) {
    let state = draw.state;
    let Some(case) = state.case.as_deref() else { return };
    let fill = Theme::of(ui).bg1;
    Panel::bottom("edit undo").frame(Frame::new().fill(fill)).resizable(false).show_separator_line(false).show(ui, |ui| {
        rule(ui);
        Frame::new().inner_margin(theme::margin(gap::M, gap::M)).show(ui, |ui| undo_redo(ui, draw, case));
    });
    let listed = ((ui.available_height() - BELOW_LIST) / control::ROW).floor().max(LEAST_LISTED) * control::ROW;
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        draw_into(ui, draw, case, listed);
        block(ui, |ui| match (&case.edit.working, operation(ui)) {
            (Some(working), _) => at_work(ui, draw, working),
            (None, Some(operation)) => settings(ui, draw, case, operation),
            (None, None) => tool(ui, draw, case),
        });
        block(ui, |ui| overwrite(ui, draw, case));
        history(ui, draw, case);
    });
}

/// A section with a rule above it.
fn block(ui: &mut Ui, contents: impl FnOnce(&mut Ui)) {
    rule(ui);
    Frame::new().inner_margin(theme::margin(gap::M, gap::M)).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = gap::XS;
        contents(ui);
    });
}

fn draw_into(ui: &mut Ui, draw: &mut Draw<'_>, case: &Case, listed: f32) {
    Frame::new().inner_margin(theme::head_margin()).show(ui, |ui| {
        section_head(ui, "Draw into", Some("Q / E"));
    });
    let measured = case.layer().and_then(|layer| layer.review.as_ref());
    let looks = looks(case, &draw.state.settings);
    ScrollArea::vertical().id_salt("draw into").max_height(listed).show(ui, |ui| {
        for look in &looks {
            let known = measured.and_then(|review| review.structures.iter().find(|known| known.value == look.value));
            let value = known.map(structures::volume).unwrap_or_default();
            let (view, selected) = (case.structure(look.value), case.view.selected == Some(look.value));
            let name = case.words_of(look.value).unwrap_or_default();
            let row = StructureRow::new(&name, look.color, look.pattern).value(&value).selected(selected).shown(view.visible);
            let (_, action) = row.locked(view.locked).strong().show(ui);
            match action {
                Some(RowAction::Select) => draw.ask(Command::Select(Some(look.value))),
                Some(RowAction::GoTo) => draw.ask(Command::GoTo(look.value)),
                Some(RowAction::ShowOrHide) => draw.ask(Command::SetVisible(look.value, !view.visible)),
                Some(RowAction::LockOrUnlock) => draw.ask(Command::SetLocked(look.value, !view.locked)),
                None => {}
            }
        }
    });
    // Its sign stands under the swatches.
    Frame::new().inner_margin(theme::margin(0.0, gap::XXS)).show(ui, |ui| {
        if ui.add(Button::quiet("New structure").icon(icons::ADD).accent()).clicked() {
            draw.ask(Command::ShowDialog(Dialog::NewStructure(String::new())));
        }
    });
}

/// Fewest rows of structures shown before their list scrolls.
const LEAST_LISTED: f32 = 4.0;
/// What stands under that list, so that it takes the room of a high window: head, settings of a tool, and the last steps.
const BELOW_LIST: f32 = 470.0;

fn tool(ui: &mut Ui, draw: &mut Draw<'_>, case: &Case) {
    let edit = &case.edit;
    let hint = match edit.tool {
        Tool::Brush | Tool::Sphere | Tool::Erase | Tool::Threshold => Some(if edit.inverted { "Ctrl: inverted" } else { "Ctrl inverts" }),
        Tool::Lasso => Some("Enter applies"),
        Tool::Fill => Some("Shift fills in 3D"),
        Tool::View | Tool::Measure => None,
    };
    section_head(ui, edit.tool.name(), hint);
    if edit.tool.paints() {
        let mut size = f64::from(edit.size_mm);
        ui.add(Slider::new("Size", &mut size, 0.5..=60.0).unit(" mm").decimals(1));
        if (size - f64::from(edit.size_mm)).abs() > f64::EPSILON {
            draw.ask(Command::SetBrushSize(size as f32));
        }
        if edit.tool != Tool::Sphere {
            let shapes = [Segment::new(StrokeShape::Disc, "Disc"), Segment::new(StrokeShape::Square, "Square")];
            labelled(ui, "Shape", |ui, width| {
                if let Some(shape) = segmented(ui, "Shape", edit.shape, &shapes, Some(width)) {
                    draw.ask(Command::SetBrushShape(shape));
                }
            });
        }
    }
    match edit.tool {
        Tool::View => {
            ui.add(Words::note("Take a tool to draw. Drag moves the crosshair meanwhile."));
        }
        Tool::Measure => {
            ui.add(Words::note("Drag over the image to measure a distance."));
        }
        Tool::Fill => {
            ui.add(Words::note("Click fills what is connected on the slice; with Shift through all slices."));
        }
        Tool::Lasso => {
            let corners = edit.lasso.len();
            let text = if corners == 0 { "Draw around an area.".to_owned() } else { format!("{corners} corners.") };
            ui.add(Words::note(&text));
            if corners > 2 && ui.add(Button::plain("Apply").key("Enter")).clicked() {
                draw.ask(Command::LassoApply);
            }
        }
        _ => {}
    }
    if !matches!(edit.tool, Tool::View | Tool::Measure) {
        within(ui, draw, case);
    }
}

/// A control after its word.
fn labelled(ui: &mut Ui, label: &str, control_of: impl FnOnce(&mut Ui, f32)) {
    ui.horizontal(|ui| {
        let size = eframe::egui::vec2(control::LABEL, control::HEIGHT);
        ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
            ui.set_min_width(control::LABEL);
            ui.add(Words::new(label).ink(Ink::Label));
        });
        let width = ui.available_width();
        control_of(ui, width);
    });
}

/// Range of the image values drawn on.
fn within(ui: &mut Ui, draw: &mut Draw<'_>, case: &Case) {
    let edit = &case.edit;
    let unit = if case.file.modality == "CT" { "HU" } else { "values" };
    let always = edit.tool == Tool::Threshold;
    ui.horizontal(|ui| {
        ui.add(Words::new(&format!("Only within {unit}")));
        if !always {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if toggle(ui, edit.only_within, &format!("Only within {unit}")).clicked() {
                    draw.ask(Command::OnlyWithin(!edit.only_within));
                }
                key_cap(ui, "T");
            });
        }
    });
    if !always && !edit.only_within {
        return;
    }
    ui.horizontal(|ui| {
        let [low, high] = case.file.value_range.map(f64::from);
        let mut range = edit.range.map(f64::from);
        let width = (ui.available_width() - control::VALUE - control::LABEL - gap::L) * line::HALF;
        let first = number_field(ui, "From", &mut range[0], low..=high, "", width);
        ui.add(Words::new("to").ink(Ink::Caption));
        let second = number_field(ui, "To", &mut range[1], low..=high, "", width);
        if first.changed() || second.changed() {
            draw.ask(Command::SetRange(range.map(|value| value as f32)));
        }
        if ui.add(Button::plain("Pick")).on_hover_text("Takes the range from the image around the crosshair").clicked() {
            draw.ask(Command::PickRange);
        }
    });
}

fn at_work(ui: &mut Ui, draw: &mut Draw<'_>, working: &str) {
    section_head(ui, working, None);
    ui.add(Words::note("Drawing waits until it is done. The images stay usable."));
    if ui.add(Button::plain("Stop").icon(icons::STOP).key("Esc")).clicked() {
        draw.ask(Command::StopWork);
    }
}

fn settings(ui: &mut Ui, draw: &mut Draw<'_>, case: &Case, operation: Operation) {
    section_head(ui, operation.name(), case.view.selected.and_then(|value| case.words_of(value)).as_deref());
    let edit = &case.edit;
    let mut done = false;
    let mut act = |ui: &mut Ui, text: &str, command: Command| {
        if ui.add(Button::plain(text).width(ui.available_width())).clicked() {
            draw.commands.push(command);
            done = true;
        }
    };
    match operation {
        Operation::Interpolate => {
            let plane = if let Pane::Slice(plane) = case.view.active { plane } else { crate::render::plane::Plane::Axial };
            ui.add(Words::note(&format!("Fills the empty {} slices between those drawn.", plane.name().to_lowercase())));
            act(ui, "Interpolate", Command::Interpolate(plane));
        }
        Operation::Islands => {
            act(ui, "Keep largest", Command::KeepLargest);
            act(ui, "Keep piece under crosshair", Command::KeepPiece);
            act(ui, "Split into structures", Command::SplitPieces);
            let mut size = f64::from(edit.island_ml);
            ui.add(Slider::new("Below", &mut size, 0.1..=20.0).unit(" mL").decimals(1));
            act(ui, "Remove small pieces", Command::RemoveSmall);
            if (size - f64::from(edit.island_ml)).abs() > f64::EPSILON {
                draw.ask(Command::SetIslandSize(size as f32));
            }
        }
        Operation::Grow | Operation::Smooth => {
            let mut distance = f64::from(edit.distance_mm);
            ui.add(Slider::new("By", &mut distance, 0.5..=20.0).unit(" mm").decimals(1));
            if operation == Operation::Grow {
                act(ui, "Grow", Command::Grow(edit.distance_mm));
                act(ui, "Shrink", Command::Grow(-edit.distance_mm));
            } else {
                act(ui, "Smooth", Command::Smooth(edit.distance_mm));
            }
            if (distance - f64::from(edit.distance_mm)).abs() > f64::EPSILON {
                draw.ask(Command::SetDistance(distance as f32));
            }
        }
    }
    if operation == Operation::Islands {
        turn_into(ui, draw, case);
    }
    if done {
        show_operation(ui, None);
    }
}

/// All of the structure in focus becomes another one.
fn turn_into(ui: &mut Ui, draw: &mut Draw<'_>, case: &Case) {
    let Some(from) = case.view.selected else { return };
    let labels = case.table().into_iter().flat_map(volume::LabelTable::iter).filter(|label| label.value != from);
    let others: Vec<(u16, String)> = labels.map(|label| (label.value, structure_words(&label.name))).collect();
    let mut names = vec!["choose"];
    names.extend(others.iter().map(|(_, name)| name.as_str()));
    if let Some(index) = select(ui, "Turn into", 0, &names)
        && let Some((to, _)) = index.checked_sub(1).and_then(|at| others.get(at))
    {
        draw.ask(Command::Relabel { from, to: *to });
    }
}

fn overwrite(ui: &mut Ui, draw: &mut Draw<'_>, case: &Case) {
    section_head(ui, "May overwrite", None);
    let choices =
        [Segment::new(Overwrite::Nothing, "Nothing"), Segment::new(Overwrite::Unlocked, "Unlocked"), Segment::new(Overwrite::All, "All")];
    let width = ui.available_width();
    if let Some(chosen) = segmented(ui, "May overwrite", case.edit.overwrite, &choices, Some(width)) {
        draw.ask(Command::SetOverwrite(chosen));
    }
}

fn open_history(case: &Case) -> Option<&History> {
    match &case.layer()?.voxels {
        LayerVoxels::Edited(history) => Some(history),
        _ => None,
    }
}

/// Steps, newest first; those that were undone are faint and can be made again.
fn history(ui: &mut Ui, draw: &mut Draw<'_>, case: &Case) {
    rule(ui);
    ui.spacing_mut().item_spacing.y = 0.0;
    let history = open_history(case);
    let (steps, done) = history.map_or((&[] as &[Step], 0), |history| (history.steps(), history.done()));
    Frame::new().inner_margin(theme::head_margin()).show(ui, |ui| {
        let about = if steps.is_empty() {
            String::new()
        } else {
            format!("{done} {}, kept after restart", if done == 1 { "step" } else { "steps" })
        };
        section_head(ui, "History", Some(&about));
        if steps.is_empty() {
            let is_model = case.layer().is_some_and(|layer| layer.file.kind != LayerKind::Corrections);
            let text = if is_model { "The first stroke makes a layer for corrections; this one stays as it is." } else { "No edits yet." };
            ui.add(Words::note(text));
        }
    });
    let Some(history) = history else { return };
    ui.spacing_mut().item_spacing.y = 0.0;
    for (at, step) in steps.iter().enumerate().rev().take(MOST_STEPS) {
        let about = about(history, step, case);
        let time = local_clock(step.time_utc_ms);
        let response = history_row::row(ui, sign_of(&step.name), &step_words(&step.name), &about, &time, at + 1 == done, at < done);
        if response.clicked() {
            draw.ask(Command::JumpTo(at + 1));
        }
    }
    if !steps.is_empty() && steps.len() <= MOST_STEPS {
        let response = history_row::row(ui, icons::HISTORY, "Start", "before all edits", "", done == 0, true);
        if response.clicked() {
            draw.ask(Command::JumpTo(0));
        }
    }
}

/// Steps listed; older ones are reached by Undo.
const MOST_STEPS: usize = 200;

/// "axial 11 · +1.2 mL".
fn about(history: &History, step: &Step, case: &Case) -> String {
    let named = step.name.split_once(", ").map(|(_, name)| name);
    let value = case.table().and_then(|table| table.iter().find(|label| Some(label.name.as_str()) == named)).map(|label| label.value);
    let ml = value.map_or(0.0, |value| history.ml_change(step, value));
    let change = if ml > 0.0 { format!("+{ml:.1} mL") } else { format!("{} mL", words::signed(ml, 1)) };
    if step.detail.is_empty() { change } else { format!("{} · {change}", step.detail) }
}

/// The icon of what made a step, by its first word.
fn sign_of(name: &str) -> Icon {
    let tool = Tool::ALL.into_iter().find(|tool| name.starts_with(tool.name()));
    let word = name.split([',', ' ']).next().unwrap_or_default();
    match (tool, word) {
        (Some(tool), _) => edit_rail::sign(tool),
        (None, "Interpolate") => icons::INTERPOLATE,
        (None, "Grow" | "Shrink") => icons::GROW,
        (None, "Smooth") => icons::SMOOTH,
        _ => icons::ISLANDS,
    }
}

/// `14:32:07`, UTC as everywhere in the window.
fn local_clock(utc_ms: u64) -> String {
    let text = jobs::utc_timestamp(UNIX_EPOCH + Duration::from_millis(utc_ms));
    text.get(11..19).unwrap_or_default().to_owned()
}

fn undo_redo(ui: &mut Ui, draw: &mut Draw<'_>, case: &Case) {
    let (steps, done) = open_history(case).map_or((0, 0), |history| (history.steps().len(), history.done()));
    let free = case.edit.working.is_none() && case.edit.paused.is_none();
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = gap::S;
        let width = (ui.available_width() - gap::S) * line::HALF;
        if ui.add(Button::plain("Undo").icon(icons::UNDO).width(width).enabled(free && done > 0)).clicked() {
            draw.ask(Command::Undo);
        }
        if ui.add(Button::plain("Redo").icon(icons::REDO).width(width).enabled(free && done < steps)).clicked() {
            draw.ask(Command::Redo);
        }
    });
}
