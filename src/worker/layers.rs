//! Layers of a case, as jobs need them.

use std::path::Path;

use jobs::case::{CaseFile, CaseFolder, LayerFile, LayerFolder, MappedVoxels};
use jobs::{Failure, FailureKind};
use mask::LabelGrid;
use ndarray::Array3;
use volume::LabelVoxels;

/// An opened case.
pub(crate) struct Opened {
    pub(crate) folder: CaseFolder,
    pub(crate) file: CaseFile,
}

/// A layer with its voxels in memory.
pub(crate) struct Mask {
    pub(crate) folder: LayerFolder,
    pub(crate) file: LayerFile,
    pub(crate) grid: LabelGrid,
}

/// Reads a case.
pub(crate) fn open_case(path: &Path) -> Result<Opened, Failure> {
    let folder = CaseFolder::at(path);
    let file = folder.read().map_err(|error| unreadable("the case", &error))?;
    Ok(Opened { folder, file })
}

impl Opened {
    /// The image.
    pub(crate) fn image(&self) -> Result<MappedVoxels, Failure> {
        self.folder.map_image(&self.file).map_err(|error| unreadable("the image", &error))
    }

    /// A layer with its edits.
    pub(crate) fn mask(&self, number: u32) -> Result<Mask, Failure> {
        let folder = self.folder.layer(number);
        let size = self.file.geometry.size_zyx;
        let read = || {
            let file = folder.read()?;
            let mapped = folder.map_current(&file, size)?;
            Ok((file, mapped))
        };
        let (file, mapped) = read().map_err(|error: std::io::Error| unreadable("the layer", &error))?;
        let voxels = labels_of(&mapped, size).ok_or_else(|| defect("the mask is not of whole numbers"))?;
        let grid = LabelGrid::new(self.file.geometry.clone(), voxels).map_err(|error| defect(&error.to_string()))?;
        Ok(Mask { folder, file, grid })
    }
}

fn labels_of(mapped: &MappedVoxels, size_zyx: [usize; 3]) -> Option<LabelVoxels> {
    match (mapped.as_u8(), mapped.as_u16()) {
        (Some(values), _) => Array3::from_shape_vec(size_zyx, values.to_vec()).ok().map(LabelVoxels::U8),
        (_, Some(values)) => Array3::from_shape_vec(size_zyx, values.to_vec()).ok().map(LabelVoxels::U16),
        _ => None,
    }
}

/// The bytes of a mask as its file holds them.
pub(crate) fn bytes_of(voxels: &LabelVoxels) -> Vec<u8> {
    match voxels {
        LabelVoxels::U8(values) => values.iter().copied().collect(),
        LabelVoxels::U16(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
    }
}

pub(crate) fn unreadable(what: &str, error: &std::io::Error) -> Failure {
    Failure::new(FailureKind::InputMissing, format!("{what} cannot be read: {error}"))
}

pub(crate) fn unwritable(what: &str, error: &std::io::Error) -> Failure {
    Failure::new(FailureKind::Output, format!("{what} cannot be written: {error}"))
}

pub(crate) fn defect(what: &str) -> Failure {
    Failure::new(FailureKind::Internal, what)
}

/// An operation on a mask that did not happen.
pub(crate) fn operation(error: &mask::MaskError) -> Failure {
    match error {
        mask::MaskError::Cancelled => Failure::cancelled(),
        other => defect(&other.to_string()),
    }
}
