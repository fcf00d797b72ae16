//! Structures and layers: which are seen, which one is in focus.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jobs::case::{LabelWidth, LayerFile, LayerKind, LayerState};
use jobs::{ImportLayerJob, Job, utc_timestamp};
use volume::LabelTable;

use crate::apply::news::sentence;
use crate::apply::{open, review};
use crate::core::Core;
use crate::link::Purpose;
use crate::look::tokens;
use crate::state::{Banner, Case, Severity, StructureView};

/// Puts a structure in focus.
pub(super) fn select(core: &mut Core, value: Option<u16>) {
    if let Some(case) = &mut core.state.case {
        case.view.selected = value.filter(|value| case.name_of(*value).is_some());
    }
}

/// The next or previous structure of the list.
pub(super) fn select_by(core: &mut Core, by: i32) {
    let Some(case) = &mut core.state.case else { return };
    let values = review::order(case);
    let Some(last) = values.len().checked_sub(1) else { return };
    let at = case.view.selected.and_then(|selected| values.iter().position(|value| *value == selected));
    let next = at.map_or(if by < 0 { last } else { 0 }, |at| at.saturating_add_signed(by as isize).min(last));
    let value = values[next];
    case.view.selected = Some(value);
    go_to(core, value);
}

/// Moves the crosshair to a structure: its slice of greatest doubt, else the middle of its largest slice.
pub(super) fn go_to(core: &mut Core, value: u16) {
    let Some(case) = &mut core.state.case else { return };
    let measured = case.layer().and_then(|layer| layer.review.as_ref());
    let known = measured.and_then(|review| review.structures.iter().find(|structure| structure.value == value));
    if let Some(structure) = known.filter(|structure| structure.voxels > 0) {
        let size = case.file.geometry.size_zyx;
        case.view.cursor_zyx = std::array::from_fn(|axis| structure.focus_zyx[axis].min(size[axis] - 1));
    }
    case.view.selected = Some(value);
}

/// Changes what is set for a structure.
pub(super) fn set_structure(core: &mut Core, value: u16, change: impl FnOnce(&mut StructureView)) {
    if let Some(case) = &mut core.state.case {
        change(case.structures.entry(value).or_default());
    }
}

/// Shows or hides every structure.
pub(super) fn set_all_visible(core: &mut Core, visible: bool) {
    let Some(case) = &mut core.state.case else { return };
    let values: Vec<u16> = case.table().map(|table| table.iter().map(|label| label.value).collect()).unwrap_or_default();
    for value in values {
        case.structures.entry(value).or_default().visible = visible;
    }
}

/// Shows a layer.
pub(super) fn show_layer(core: &mut Core, number: u32) {
    let Some(case) = &mut core.state.case else { return };
    case.shown = case.layers.iter().position(|layer| layer.folder.number() == number).or(case.shown);
    case.view.selected = case.view.selected.filter(|value| case.name_of(*value).is_some());
    review::after_load(core);
}

/// Makes an empty layer of the case and shows it, with the names of the layer shown.
pub(super) fn new_layer(core: &mut Core) {
    let Some(case) = &mut core.state.case else { return };
    let table = case.table().cloned().unwrap_or_default();
    match add_corrections(case, "My corrections", table, None) {
        Ok(number) => show_layer(core, number),
        Err(error) => could_not(core, "The layer was not made.", &error),
    }
}

/// Makes a layer to draw in: empty, or starting from the mask of another one.
pub(super) fn add_corrections(case: &mut Case, name: &str, table: LabelTable, from: Option<usize>) -> std::io::Result<u32> {
    let size = case.file.geometry.size_zyx;
    let folder = case.folder.create_layer()?;
    let based = from.and_then(|index| case.layers.get(index));
    let width = based.map_or_else(|| LabelWidth::for_max(table.max_value()), |layer| layer.file.width);
    match based {
        Some(layer) => {
            std::fs::copy(layer.folder.labels_path(), folder.labels_path())?;
            if layer.folder.doubt_path().exists() {
                std::fs::copy(layer.folder.doubt_path(), folder.doubt_path())?;
            }
        }
        None => {
            let bytes = size.iter().product::<usize>() * width.voxel_type().bytes();
            std::fs::File::create(folder.labels_path())?.set_len(bytes as u64)?;
        }
    }
    folder.write(&LayerFile {
        name: name.to_owned(),
        kind: LayerKind::Corrections,
        state: LayerState::Complete,
        done: 1.0,
        based_on: based.map(|layer| layer.folder.number()),
        width,
        table,
        created_at: utc_timestamp(SystemTime::now()),
        device: String::new(),
        setting: String::new(),
        provenance: based.and_then(|layer| layer.file.provenance.clone()),
        unfinished: None,
    })?;
    if let Some(review) = based.and_then(|layer| layer.review.as_ref()) {
        folder.write_review(review)?;
    }
    let number = folder.number();
    case.layers.push(open::load_layer(folder, &case.file.geometry)?);
    Ok(number)
}

/// Renames a structure.
pub(super) fn rename(core: &mut Core, value: u16, name: String) {
    change_table(core, |table| table.rename(value, name));
}

/// Colours a structure.
pub(super) fn color(core: &mut Core, value: u16, color: [u8; 3]) {
    change_table(core, |table| table.recolor(value, color));
}

/// Changes names or colours and keeps them.
pub(super) fn change_table(core: &mut Core, change: impl FnOnce(&mut LabelTable)) {
    let Some(layer) = core.state.case.as_mut().and_then(|case| case.layer_mut()) else { return };
    change(&mut layer.file.table);
    layer.revision += 1;
    if let Err(error) = layer.folder.write(&layer.file) {
        could_not(core, "The change is not kept.", &error);
    }
}

/// Reads a mask file as a layer.
pub(super) fn import_layer(core: &mut Core, mask: PathBuf) {
    let Some(case) = core.state.case.as_ref().map(|case| case.folder.path().to_owned()) else { return };
    core.link.ask(Purpose::ImportLayer(case.clone()), Job::ImportLayer(ImportLayerJob { case, mask, table: None }));
}

/// Reads names and colours: the mask shown is taken in again as a layer that has them.
pub(super) fn import_labels(core: &mut Core, table: PathBuf) {
    let Some(case) = &core.state.case else { return };
    let Some(layer) = case.layer() else { return };
    let (case, mask) = (case.folder.path().to_owned(), layer.folder.path().to_owned());
    core.link.ask(Purpose::ImportLayer(case.clone()), Job::ImportLayer(ImportLayerJob { case, mask, table: Some(table) }));
}

/// A mask file became a layer.
pub(super) fn imported(core: &mut Core, path: &Path, number: u32) {
    let Some(case) = core.state.case.as_mut().filter(|case| case.folder.path() == path) else { return };
    match open::load_layer(case.folder.layer(number), &case.file.geometry) {
        Ok(layer) => {
            case.layers.push(layer);
            show_layer(core, number);
        }
        Err(error) => could_not(core, "The mask was not read.", &error),
    }
}

/// A banner for something the disk refused.
pub(super) fn could_not(core: &mut Core, cause: &str, error: &std::io::Error) {
    core.state.banner(Banner::new(Severity::Error, cause, sentence(&error.to_string())));
}

/// The palette's colour for the structure given away as number `index`.
pub(super) fn palette_rgb(index: usize) -> [u8; 3] {
    let (color, _) = tokens::structure(index, tokens::Patterns::Off);
    [color.r(), color.g(), color.b()]
}
