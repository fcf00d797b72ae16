//! NIfTI-1 and NIfTI-2: `.nii`, `.nii.gz`, and `.hdr`/`.img` pairs, told apart by content.
//!
//! The `nifti` crate parses NIfTI-1 headers and names datatypes. Voxels, affines and NIfTI-2 are read here, because the
//! crate panics on complex and RGB voxels, inflates without a limit and does not know NIfTI-2.

mod affine;
mod datatype;
mod header;
mod names;
mod read;
mod write;

#[cfg(test)]
mod tests_hostile;
#[cfg(test)]
mod tests_roundtrip;
#[cfg(test)]
mod tests_support;

pub use affine::NiftiPlacement;
pub use read::{DEFAULT_BUDGET_BYTES, Loaded, ReadOptions, is_nifti, is_nifti_name, read_labels, read_scan};
pub use write::{write_i16, write_labels, write_labels_named, write_scan};
