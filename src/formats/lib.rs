//! Files to volumes and back. All bytes read here are untrusted.

mod atomic;
pub mod dicom;
mod error;
pub mod label_table;
pub mod mesh;
pub mod nifti;
pub mod nrrd;
pub mod report;
mod stored;
pub mod study;
pub mod table;
#[cfg(test)]
mod tests_peers;
mod warning;

pub use atomic::write_atomically;
pub use error::FormatError;
pub use warning::{Warning, WarningCode};
