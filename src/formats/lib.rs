//! Files to volumes and back. All bytes read here are untrusted.

mod atomic;
pub mod dicom;
mod error;
pub mod nifti;
pub mod study;
mod warning;

pub use atomic::write_atomically;
pub use error::FormatError;
pub use warning::{Warning, WarningCode};
