//! The right panel of Export: kinds of files, checks before writing, where to, and what was written.

use eframe::egui::{Align, Frame, Layout, Panel, ScrollArea, Ui};
use jobs::case::{Decision, LayerState, StructureReview, Swap};
use jobs::{ExportKind, ExportReport, structure_words};

use crate::apply::export::{name, stem};
use crate::command::Command;
use crate::look::icons;
use crate::look::tokens::{State as Sign, control, gap};
use crate::look::widgets::{Button, Field, IconButton, Ink, Words, checkbox, empty, rule, section_head, select, setting_row, state_row};
use crate::look::{Theme, theme};
use crate::screens::{Draw, words};
use crate::state::{Case, State};

/// Kinds in the order they are offered.
const KINDS: [ExportKind; 10] = [
    ExportKind::Nifti,
    ExportKind::SegNrrd,
    ExportKind::Stl,
    ExportKind::Obj,
    ExportKind::Ply,
    ExportKind::Csv,
    ExportKind::Json,
    ExportKind::Report,
    ExportKind::ItkSnapLabels,
    ExportKind::SlicerColors,
];

/// Draws the panel into the room it is given.
pub(super) fn panel(ui: &mut Ui, draw: &mut Draw<'_>) {
    let state = draw.state;
    let Some(case) = state.case.as_deref() else { return };
    if case.layer().is_none() {
        empty(ui, "No mask yet. Segment the case or import a mask first.");
        return;
    }
    let fill = Theme::of(ui).bg1;
    Panel::bottom("export write").frame(Frame::new().fill(fill)).resizable(false).show_separator_line(false).show(ui, |ui| {
        rule(ui);
        Frame::new().inner_margin(theme::margin(gap::M, gap::M)).show(ui, |ui| write(ui, draw, case));
    });
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = gap::XXS;
        Frame::new().inner_margin(theme::margin(gap::M, gap::M)).show(ui, |ui| kinds(ui, draw, case));
        if let Some(report) = &state.export.written {
            block(ui, |ui| written(ui, report));
        }
        block(ui, |ui| checks(ui, case));
        block(ui, |ui| ways(ui, draw, case));
        block(ui, |ui| {
            section_head(ui, "Written into every file", None);
            let text = "Report and statistics name model and weights hash, settings, device, program version, source series, and who \
                        accepted what. Research use only.";
            ui.add(Words::note(text));
        });
    });
}

fn block(ui: &mut Ui, contents: impl FnOnce(&mut Ui)) {
    rule(ui);
    Frame::new().inner_margin(theme::margin(gap::M, gap::M)).show(ui, contents);
}

fn kinds(ui: &mut Ui, draw: &mut Draw<'_>, case: &Case) {
    section_head(ui, "Write", None);
    let stem = stem(draw.state, case);
    for kind in KINDS {
        let on = draw.state.export.kinds.contains(&kind);
        let about = match kind {
            ExportKind::Nifti => format!("{stem}_seg.nii.gz"),
            ExportKind::SegNrrd => format!("{stem}.seg.nrrd"),
            ExportKind::Stl => "one .stl per structure".to_owned(),
            ExportKind::Obj => format!("{stem}.obj, in colour"),
            ExportKind::Ply => "one .ply per structure, in colour".to_owned(),
            ExportKind::Csv => format!("{stem}_statistics.csv"),
            ExportKind::Json => format!("{stem}_statistics.json"),
            ExportKind::ItkSnapLabels => format!("{stem}_labels.txt"),
            ExportKind::SlicerColors => format!("{stem}_colors.ctbl"),
            ExportKind::Report => "one HTML file with pictures".to_owned(),
        };
        if checkbox(ui, on, name(kind), Some(&about), None).clicked() {
            draw.ask(Command::SetExportKind(kind, !on));
        }
    }
}

fn structures(case: &Case) -> Vec<&StructureReview> {
    let review = case.layer().and_then(|layer| layer.review.as_ref());
    review.iter().flat_map(|review| &review.structures).filter(|known| known.voxels > 0).collect()
}

fn checks(ui: &mut Ui, case: &Case) {
    section_head(ui, "Before writing", None);
    let Some(layer) = case.layer() else { return };
    // A layer that is open was mapped on the grid of its case; one of another size is refused when it is loaded.
    state_row(ui, Sign::Ok, "Grid and orientation match the images", "");
    if layer.file.state != LayerState::Complete {
        state_row(ui, Sign::Warn, "The mask is not whole: its run was stopped", &format!("{:.0} %", layer.file.done * 100.0));
    }
    let there = structures(case);
    if there.is_empty() {
        let text = if case.review.measuring { "Measuring the structures…" } else { "The structures are not measured" };
        state_row(ui, Sign::Neutral, text, "");
        return;
    }
    let swapped = there.iter().filter(|known| known.swap == Swap::Swapped);
    let swapped: Vec<String> = swapped.map(|known| structure_words(&known.name)).collect();
    match swapped.as_slice() {
        [] => state_row(ui, Sign::Ok, "Left and right checked", ""),
        names => state_row(ui, Sign::Warn, &format!("Left and right look swapped: {}", names.join(", ")), ""),
    };
    let cut = there.iter().filter(|known| known.cut_by_edge).count();
    if cut > 0 {
        state_row(ui, Sign::Warn, &format!("{cut} cut by the image edge"), "volumes ≥");
    }
    let open = there.iter().filter(|known| known.decision != Decision::Accepted).count();
    match open {
        0 => state_row(ui, Sign::Ok, &format!("All {} structures are accepted", there.len()), ""),
        1 => state_row(ui, Sign::Warn, "1 structure is not accepted yet", ""),
        _ => state_row(ui, Sign::Warn, &format!("{open} structures are not accepted yet"), ""),
    };
}

fn ways(ui: &mut Ui, draw: &mut Draw<'_>, case: &Case) {
    let export = &draw.state.export;
    let choices = ["write, marked", "leave out"];
    if let Some(chosen) = select(ui, "Not accepted structures", usize::from(export.only_accepted), &choices) {
        draw.ask(Command::SetOnlyAccepted(chosen == 1));
    }
    if setting_row(ui, export.without_patient, "Remove patient names", None, None).clicked() {
        draw.ask(Command::SetWithoutPatient(!export.without_patient));
    }
    let mut typed = export.stem.clone();
    let made = stem(draw.state, case);
    labelled(ui, "Name", |ui, width| {
        if ui.add(Field::new("Start of the file names", &mut typed).hint(&made).width(width)).changed() {
            draw.commands.push(Command::SetExportStem(typed));
        }
    });
}

/// Where to; always in sight, above the button.
fn place(ui: &mut Ui, draw: &mut Draw<'_>) {
    let folder = draw.state.export.folder.as_ref().map(|folder| folder.display().to_string());
    labelled(ui, "To", |ui, width| {
        let room = width - control::HEIGHT - gap::S;
        let text = folder.as_deref().unwrap_or("Choose a folder…");
        let shown = ui.add(Button::plain(text).width(room));
        let button = ui.add(IconButton::new(icons::FOLDER_OPEN, "Choose folder").bordered());
        if shown.on_hover_text(text).clicked() || button.clicked() {
            draw.commands.push(Command::ChooseExportFolder);
        }
    });
}

fn labelled(ui: &mut Ui, label: &str, contents: impl FnOnce(&mut Ui, f32)) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = gap::S;
        let size = eframe::egui::vec2(control::LABEL, control::HEIGHT);
        ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
            ui.set_min_width(control::LABEL);
            ui.add(Words::new(label).ink(Ink::Label));
        });
        let width = ui.available_width();
        contents(ui, width);
    });
}

/// Files of the last export, and whether they read back as written.
fn written(ui: &mut Ui, report: &ExportReport) {
    section_head(ui, "Written", Some(&files(report.files.len())));
    for file in &report.files {
        let name = file.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let size = words::bytes(file.bytes);
        let (sign, value) = match file.verified {
            Some(true) => (Sign::Ok, format!("read back · {size}")),
            Some(false) => (Sign::Err, format!("differs · {size}")),
            None => (Sign::Ok, size),
        };
        state_row(ui, sign, &name, &value);
    }
    for (kind, reason) in &report.failed {
        state_row(ui, Sign::Err, name(*kind), "not written").on_hover_text(reason);
    }
}

fn files(count: usize) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{count} files") }
}

/// How many files there will be; surfaces are one for each structure.
fn count(state: &State, case: &Case) -> usize {
    let there = structures(case);
    let wanted = |known: &&&StructureReview| !state.export.only_accepted || known.decision == Decision::Accepted;
    let each = if there.is_empty() { case.table().map_or(1, |table| table.iter().count()) } else { there.iter().filter(wanted).count() };
    let of = |kind: &ExportKind| if matches!(kind, ExportKind::Stl | ExportKind::Ply) { each } else { 1 };
    state.export.kinds.iter().map(of).sum()
}

fn write(ui: &mut Ui, draw: &mut Draw<'_>, case: &Case) {
    let state = draw.state;
    let count = count(state, case);
    let text = if state.export.writing { "Writing…".to_owned() } else { format!("Export {}", files(count)) };
    let enabled = count > 0 && !state.export.writing;
    place(ui, draw);
    ui.add_space(gap::M);
    let width = ui.available_width();
    let button = Button::primary(&text).icon(icons::EXPORT).key("Enter").large().width(width).enabled(enabled);
    if ui.add(button).clicked() {
        draw.ask(Command::Export(false));
    }
    ui.add_space(gap::S);
    let note = if state.export.folder.is_none() { "Asks for a folder first." } else { "Masks are read back and compared after writing." };
    ui.add(Words::small(note).ink(Ink::Caption).centred());
}
