//! Files to volumes and back. All bytes read here are untrusted.

mod error;
mod warning;

pub use error::FormatError;
pub use warning::{Warning, WarningCode};
