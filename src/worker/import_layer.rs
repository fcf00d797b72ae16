//! `import_layer`: a mask file, or a layer with other names, to a new layer of a case.

use std::fs;
use std::time::SystemTime;

use formats::nifti::{self, ReadOptions};
use formats::{label_table, nrrd};
use jobs::case::{LabelWidth, LayerFile, LayerKind, LayerState};
use jobs::{Failure, FailureKind, ImportLayerJob, LayerReport, Stage, utc_timestamp};
use volume::{LabelMap, LabelVoxels, Volume, orientation_of, reorient};

use crate::failure;
use crate::layers::{Opened, bytes_of, open_case, unwritable};
use crate::run::Run;

/// Two grids are the same when their corners lie this close.
const SAME_PLACE_MM: f64 = 0.1;

/// Reads the mask, checks that it lies on the image, and stores it.
pub(crate) fn import_layer(job: &ImportLayerJob, run: &mut Run<'_>) -> Result<LayerReport, Failure> {
    run.stage(Stage::ReadingInput)?;
    let case = open_case(&job.case)?;
    let (mut mask, name) = read(job, &case)?;
    if let Some(table) = &job.table {
        let (_, table) = label_table::read(table).map_err(|error| failure::reading(&error))?;
        mask.table = table;
    }
    name_missing(&mut mask);
    run.stage(Stage::Writing)?;
    let voxels = mask.voxels.narrowed();
    let width = if matches!(voxels, LabelVoxels::U8(_)) { LabelWidth::U8 } else { LabelWidth::U16 };
    let write = || {
        let layer = case.folder.create_layer()?;
        fs::write(layer.labels_path(), bytes_of(&voxels))?;
        layer.write(&LayerFile {
            name,
            kind: LayerKind::Imported,
            state: LayerState::Complete,
            done: 1.0,
            based_on: None,
            width,
            table: mask.table,
            created_at: utc_timestamp(SystemTime::now()),
            device: String::new(),
            setting: String::new(),
            provenance: None,
            unfinished: None,
        })?;
        Ok(layer.number())
    };
    let layer = write().map_err(|error: std::io::Error| unwritable("the layer", &error))?;
    Ok(LayerReport { layer })
}

/// The mask on the grid of the case, and what to call it.
fn read(job: &ImportLayerJob, case: &Opened) -> Result<(LabelMap, String), Failure> {
    let path = &job.mask;
    // A layer's own folder: the same voxels with other names.
    if path.is_dir()
        && let Some(layer) = case.folder.layers().unwrap_or_default().iter().find(|layer| layer.path() == path)
    {
        let mask = case.mask(layer.number())?;
        let (geometry, table, name) = (case.file.geometry.clone(), mask.file.table, mask.file.name);
        return Ok((LabelMap { geometry, voxels: mask.grid.into_voxels(), table }, format!("{name}, renamed")));
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let is_nrrd = nrrd::is_nrrd(path).map_err(|error| failure::reading(&error))?;
    let mask = if is_nrrd {
        nrrd::read_labels(path, &ReadOptions::default()).map(|loaded| loaded.labels)
    } else {
        nifti::read_labels(path, &ReadOptions::default())
    };
    let mask = mask.map_err(|error| failure::reading(&error))?;
    Ok((onto(mask, case, path)?, name))
}

/// The mask with its axes as the image's. A mask on another grid is refused: resampling it would guess.
fn onto(mask: LabelMap, case: &Opened, path: &std::path::Path) -> Result<LabelMap, Failure> {
    let wanted = &case.file.geometry;
    let mask = if mask.geometry.same_place(wanted, SAME_PLACE_MM) {
        mask
    } else {
        let LabelMap { geometry, voxels, table } = mask;
        let to = orientation_of(wanted);
        let (geometry, voxels) = match voxels {
            LabelVoxels::U8(values) => {
                let turned = reorient(&Volume::new(geometry, values), to);
                (turned.geometry, LabelVoxels::U8(turned.voxels))
            }
            LabelVoxels::U16(values) => {
                let turned = reorient(&Volume::new(geometry, values), to);
                (turned.geometry, LabelVoxels::U16(turned.voxels))
            }
        };
        LabelMap { geometry, voxels, table }
    };
    if mask.geometry.size_zyx != wanted.size_zyx || !mask.geometry.same_place(wanted, SAME_PLACE_MM) {
        let (found, size) = (mask.geometry.size_zyx, wanted.size_zyx);
        let sentence = format!(
            "this mask does not lie on the image: {found:?} voxels (z, y, x) where the image has {size:?}, or another place; \
             resample it onto the image first: {}",
            path.display()
        );
        return Err(Failure::new(FailureKind::InputRefused, sentence));
    }
    Ok(mask)
}

/// Values without a name are called by their number, so that none is invisible.
fn name_missing(mask: &mut LabelMap) {
    let values = mask.voxels.counts();
    let mut names: Vec<(u16, String)> = mask.table.iter().map(|label| (label.value, label.name.clone())).collect();
    let unnamed: Vec<u16> =
        values.iter().map(|(value, _)| *value).filter(|value| *value != 0 && mask.table.get(*value).is_none()).collect();
    if unnamed.is_empty() {
        return;
    }
    names.extend(unnamed.iter().map(|value| (*value, format!("Label {value}"))));
    let mut table = volume::LabelTable::from_names(names);
    for label in mask.table.iter() {
        table.recolor(label.value, label.color);
    }
    mask.table = table;
}
