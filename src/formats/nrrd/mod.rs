//! NRRD: `.nrrd`, `.nhdr` with its data file, and `.seg.nrrd`, which 3D Slicer keeps segmentations in.
//!
//! Space may be LPS, RAS or LAS; inside it is always LPS. A file with overlapping structures keeps them in layers,
//! of which one is read.

mod header;
mod place;
mod read;
mod segments;
mod write;

#[cfg(test)]
mod tests_hostile;
#[cfg(test)]
mod tests_roundtrip;

pub use read::{LoadedLabels, LoadedScan, files_of, is_nrrd, is_nrrd_name, read_labels, read_scan};
pub use segments::Status;
pub use write::{SegmentationInfo, write_segmentation};
