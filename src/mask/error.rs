//! Why an operation on a mask did not happen.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why an operation on a mask did not happen. The mask is as it was before.
#[derive(Debug, Error)]
pub enum MaskError {
    /// Voxels and geometry, or two masks, do not belong together.
    #[error("the sizes differ ({0:?} and {1:?} along z, y, x)")]
    Sizes([usize; 3], [usize; 3]),
    /// Geometry that no voxel can be placed with.
    #[error("{0}")]
    Geometry(#[from] volume::GeometryError),
    /// The label does not fit one byte per voxel.
    #[error("the mask stores values up to {max}, but the label is {value}; widen the mask first")]
    TooWide {
        /// Value asked for.
        value: u16,
        /// Largest value the mask holds.
        max: u16,
    },
    /// A plane, voxel or axis that the mask does not have.
    #[error("there is no {what} {index} in this mask")]
    Outside {
        /// "slice", "voxel", "axis".
        what: &'static str,
        /// The index asked for.
        index: usize,
    },
    /// A size, radius or tolerance that is not a usable number.
    #[error("{what} must be a positive number, not {value}")]
    BadNumber {
        /// What the number is.
        what: &'static str,
        /// The number given.
        value: f64,
    },
    /// Nothing to do it with.
    #[error("{0}")]
    Nothing(&'static str),
    /// The user stopped it.
    #[error("cancelled")]
    Cancelled,
    /// An edit that was made on other voxels.
    #[error("the edit does not belong to this mask: voxel {index} holds {found}, not {expected}")]
    NotThisMask {
        /// First voxel that differs.
        index: usize,
        /// Its value.
        found: u16,
        /// The value the edit starts from.
        expected: u16,
    },
    /// Bytes that are not an edit.
    #[error("the stored edit is damaged: {0}")]
    BadDelta(&'static str),
    /// The journal's file could not be read or written.
    #[error("{path}: {source}", path = .path.display())]
    File {
        /// The journal.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is something else.
    #[error("{path}: {why}", path = .path.display())]
    NotAJournal {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Two windows would write one journal.
    #[error("{} is open in another window; close it there first", .0.display())]
    InUse(PathBuf),
}

impl MaskError {
    /// Whether the disk is full or the user's share of it is used up: nothing is lost, and appending works again after making room.
    pub fn is_disk_full(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, StorageFull, WriteZero};
        matches!(self, Self::File { source, .. } if matches!(source.kind(), StorageFull | QuotaExceeded | WriteZero))
    }
}

/// Refuses numbers that no distance or size can have.
pub(crate) fn positive(what: &'static str, value: f64) -> Result<f64, MaskError> {
    if value.is_finite() && value > 0.0 { Ok(value) } else { Err(MaskError::BadNumber { what, value }) }
}
