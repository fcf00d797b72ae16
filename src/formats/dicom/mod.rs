//! DICOM: a folder of image files to one scan, with every doubt named; and a scan to a folder.
//!
//! The bytes are walked by `prescan` (the only parser: no recursion, no trusted length), described by `header`, grouped
//! by `series`, sorted out by `volumes`, turned into a grid by `stack` and decoded by `codec` and `pixels`.

mod codec;
mod codestream;
mod dataset;
mod fault;
mod files;
mod frame;
mod header;
mod heads;
mod load;
mod pixels;
mod prescan;
mod rle;
mod series;
mod source;
mod stack;
mod volumes;
mod write;

#[cfg(test)]
mod tests_encodings;
#[cfg(test)]
mod tests_hostile;
#[cfg(test)]
mod tests_series;
#[cfg(test)]
mod tests_support;

use std::path::Path;

use volume::Scan;

pub use header::Whose;
pub use series::SeriesInfo;
pub use write::{SeriesTags, uid_of, write_series};

use crate::{FormatError, Warning};
use files::BadFile;

/// What a path holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Scanned {
    /// All series with images, by number and UID.
    pub series: Vec<SeriesInfo>,
    /// Files that hold images.
    pub image_files: usize,
    /// Files passed over: not DICOM, or objects that are not scans (segmentations, structure sets, reports).
    pub ignored_files: usize,
    /// One BAD_SLICE for each DICOM file that could not be read, by file name.
    pub warnings: Vec<Warning>,
}

/// A series read into memory.
#[derive(Debug, Clone)]
pub struct DicomStudy {
    /// Voxels in modality units and their place.
    pub scan: Scan,
    /// Everything doubtful about it.
    pub warnings: Vec<Warning>,
    /// Which series it is.
    pub series: SeriesInfo,
    /// SOPInstanceUID of each slice along z; frames of one file share theirs.
    pub sop_instance_uids: Vec<String>,
}

/// Whether a file starts like DICOM.
pub fn looks_like_dicom(path: &Path) -> bool {
    files::looks_like_dicom(path)
}

/// Lists the series of a file or folder (searched with its sub-folders) from headers alone.
pub fn scan(path: &Path) -> Result<Scanned, FormatError> {
    let catalogue = files::catalogue(path)?;
    Ok(Scanned {
        series: series::group(&catalogue).into_iter().map(|series| series.info).collect(),
        image_files: catalogue.headers.len(),
        ignored_files: catalogue.ignored,
        warnings: catalogue.bad.iter().map(BadFile::warning).collect(),
    })
}

/// Reads one series: the one that `series` names (UID, end of the UID, or number), or the only volume there is.
/// A path to a single file reads that file alone. The scan takes at most `budget_bytes`.
pub fn read(path: &Path, series: Option<&str>, budget_bytes: u64) -> Result<DicomStudy, FormatError> {
    let catalogue = files::catalogue(path)?;
    let groups = series::group(&catalogue);
    if let (true, [first, ..]) = (groups.is_empty(), catalogue.bad.as_slice()) {
        let reason = format!("none of {} DICOM files can be read, e.g. {}", catalogue.bad.len(), first.sentence());
        return Err(FormatError::invalid(path, reason));
    }
    let chosen = series::choose(path, &groups, series)?;
    let mut study = load::load_series(path, &catalogue, chosen, budget_bytes)?;
    study.warnings.extend(catalogue.bad.iter().map(BadFile::warning));
    study.warnings.extend(series::left_out(&catalogue, &groups, chosen));
    Ok(study)
}
