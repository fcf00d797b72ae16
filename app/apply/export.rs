//! Handing over: files others read, and pictures.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::ColorImage;
use jobs::case::replace_file;
use jobs::{ExportJob, ExportKind, ExportReport, Failure, FailureKind, Job};

use crate::apply::news::sentence;
use crate::apply::{dialog, mask, review};
use crate::command::Command;
use crate::core::Core;
use crate::link::Purpose;
use crate::state::{Banner, Case, Dialog, Severity, State};

/// How the worker's refusal begins where a file would be replaced.
const THERE: &str = "there is already a file of this name";

/// Longest start of a file name made from a title, letters.
const STEM: usize = 60;

pub(super) fn set_kind(core: &mut Core, kind: ExportKind, chosen: bool) {
    let export = &mut core.state.export;
    export.written = None;
    if chosen {
        export.kinds.insert(kind);
    } else {
        export.kinds.remove(&kind);
    }
}

/// Asks for the folder.
pub(super) fn choose_folder(core: &mut Core) {
    let mut dialog = rfd::AsyncFileDialog::new().set_title("Export to");
    if let Some(folder) = &core.state.export.folder {
        dialog = dialog.set_directory(folder);
    }
    dialog::ask(core, dialog.pick_folder(), |core, path| core.apply(Command::SetExportFolder(path)));
}

/// Chooses the folder and remembers it.
pub(super) fn set_folder(core: &mut Core, folder: PathBuf) {
    core.state.export.folder = Some(folder.clone());
    core.state.export.written = None;
    super::settings::change(core, |settings| settings.export_folder = Some(folder));
}

/// Leaves the patient out, from now on.
pub(super) fn set_without_patient(core: &mut Core, without: bool) {
    core.state.export.without_patient = without;
    super::settings::change(core, |settings| settings.export_without_patient = without);
}

/// Start of the file names: as typed, else made of the case's title.
pub(crate) fn stem(state: &State, case: &Case) -> String {
    let typed = state.export.stem.trim();
    let source = if typed.is_empty() { case.file.title.trim() } else { typed };
    let word = |letter: char| if letter.is_alphanumeric() || "-_.".contains(letter) { letter } else { '_' };
    let mut letters: Vec<char> = source.chars().take(STEM).map(word).collect();
    if typed.is_empty() {
        // "a, b" becomes a_b, not a__b.
        letters.dedup_by(|a, b| *a == '_' && *b == '_');
    }
    let stem: String = letters.into_iter().collect();
    let stem = stem.trim_start_matches('.');
    if stem.is_empty() { "voxelry".to_owned() } else { stem.to_owned() }
}

/// Writes the layer shown, with its edits.
pub(super) fn export(core: &mut Core, overwrite: bool) {
    let state = &mut core.state;
    state.dialog = Dialog::None;
    let Some(case) = &state.case else { return };
    let Some(layer) = case.layer().map(|layer| layer.folder.number()) else {
        return state.toast("There is no mask to export yet.");
    };
    if state.export.writing {
        return;
    }
    if state.export.kinds.is_empty() {
        return state.toast("Choose at least one kind of file.");
    }
    let Some(folder) = state.export.folder.clone() else { return choose_folder(core) };
    let job = ExportJob {
        case: case.folder.path().to_owned(),
        layer,
        kinds: state.export.kinds.iter().copied().collect(),
        folder,
        stem: stem(state, case),
        only_accepted: state.export.only_accepted,
        without_patient: state.export.without_patient,
        overwrite,
    };
    (state.export.writing, state.export.overwrite, state.export.written) = (true, overwrite, None);
    review::with_current(core, layer, move |core| {
        core.link.ask(Purpose::Export, Job::Export(job));
    });
}

/// Files were written; some kinds may have failed.
pub(super) fn exported(core: &mut Core, report: ExportReport, failure: Option<Failure>) {
    core.state.export.writing = false;
    let count = report.files.len();
    if count > 0 {
        let folder = core.state.export.folder.as_ref().map(|folder| folder.display().to_string()).unwrap_or_default();
        core.state.toast(format!("{count} files written to {folder}."));
    }
    let complete: Vec<&str> = report.files.iter().map(|file| name(file.kind)).collect();
    let rest = match complete.as_slice() {
        [] => "Nothing was written.".to_owned(),
        [one] => format!("{one} is complete."),
        many => format!("{} files are complete.", many.len()),
    };
    let unlike: Vec<&str> = report.files.iter().filter(|file| file.verified == Some(false)).map(|file| name(file.kind)).collect();
    if !unlike.is_empty() {
        let cause = format!("{} read back differently from what was written.", unlike.join(", "));
        let banner = Banner::new(Severity::Error, cause, "Do not use these files; export again to another folder.");
        core.state.banner(banner.remedy("Choose folder…", Command::ChooseExportFolder));
    }
    let there = report.failed.iter().filter(|(_, reason)| reason.starts_with(THERE)).count();
    for (kind, reason) in report.failed.iter().filter(|(_, reason)| !reason.starts_with(THERE)) {
        not_written(core, name(*kind), reason, &rest);
    }
    core.state.export.written = Some(report);
    if there > 0 {
        ask_to_replace(core);
    } else if let Some(failure) = failure {
        not_exported(core, Some(failure));
    }
}

/// Nothing was written.
pub(super) fn not_exported(core: &mut Core, failure: Option<Failure>) {
    core.state.export.writing = false;
    let Some(failure) = failure.filter(|failure| failure.kind != FailureKind::Cancelled) else { return };
    if failure.sentence.starts_with(THERE) {
        return ask_to_replace(core);
    }
    let kinds: Vec<&str> = core.state.export.kinds.iter().map(|kind| name(*kind)).collect();
    let what = if let [only] = kinds.as_slice() { only } else { "The export" };
    not_written(core, what, &failure.sentence, "Nothing was written.");
}

fn not_written(core: &mut Core, what: &str, reason: &str, rest: &str) {
    let cause = sentence(&format!("{what} was not written: {reason}"));
    core.state.banner(Banner::new(Severity::Error, cause, rest).remedy("Choose folder…", Command::ChooseExportFolder));
}

fn ask_to_replace(core: &mut Core) {
    let folder = core.state.export.folder.as_ref().and_then(|folder| folder.file_name()).map(|name| name.to_string_lossy().into_owned());
    core.state.dialog = Dialog::Confirm {
        question: format!("Files of these names are in “{}” already. Replace them?", folder.unwrap_or_default()),
        action: "Replace".to_owned(),
        command: Box::new(Command::Export(true)),
    };
}

/// A kind of file in words.
pub(crate) fn name(kind: ExportKind) -> &'static str {
    match kind {
        ExportKind::Nifti => "NIfTI mask with names",
        ExportKind::SegNrrd => "Slicer segmentation",
        ExportKind::Stl => "Surfaces, STL",
        ExportKind::Obj => "Surfaces, OBJ",
        ExportKind::Ply => "Surfaces, PLY",
        ExportKind::Csv => "Statistics, CSV",
        ExportKind::Json => "Statistics, JSON",
        ExportKind::ItkSnapLabels => "Label table, ITK-SNAP",
        ExportKind::SlicerColors => "Colour table, Slicer",
        ExportKind::Report => "Report",
    }
}

/// Asks where a picture of the panes goes.
pub(super) fn save_picture(core: &mut Core) {
    let Some(case) = &core.state.case else { return };
    let name = format!("{}.png", stem(&core.state, case));
    let mut dialog = rfd::AsyncFileDialog::new().set_title("Save picture").set_file_name(name).add_filter("PNG", &["png"]);
    if let Some(folder) = &core.state.export.folder {
        dialog = dialog.set_directory(folder);
    }
    dialog::ask(core, dialog.save_file(), |core, path| core.apply(Command::TakePicture(path)));
}

/// Writes a picture beside the window.
pub(super) fn keep_picture(core: &mut Core, path: PathBuf, picture: Arc<ColorImage>) {
    core.tasks.spawn("picture", move || {
        let written = write_picture(&path, &picture);
        Box::new(move |core: &mut Core| match written {
            Ok(()) => core.state.toast(format!("Picture written to {}.", path.display())),
            Err(error) => mask::could_not(core, "The picture was not written.", &error),
        })
    });
}

fn write_picture(path: &Path, picture: &ColorImage) -> io::Result<()> {
    let [width, height] = picture.size.map(|side| side as u32);
    let rgb: Vec<u8> = picture.pixels.iter().flat_map(|pixel| [pixel.r(), pixel.g(), pixel.b()]).collect();
    replace_file(path, |file| {
        let mut encoder = png::Encoder::new(file, width, height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.write_header().and_then(|mut writer| writer.write_image_data(&rgb)).map_err(io::Error::other)
    })
}
