//! The choice of a series.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use jobs::ListReport;

/// A file or folder that was pointed at, and what is in it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Listing {
    /// What was pointed at.
    pub input: PathBuf,
    /// What is in it; absent while it is read.
    pub report: Option<ListReport>,
    /// Index of the one selected.
    pub selected: usize,
    /// Text the list is filtered by.
    pub filter: String,
    /// Whether skipped files are listed.
    pub skipped_shown: bool,
    /// When reading began.
    pub started: Option<Instant>,
    /// How long reading took.
    pub took: Duration,
}
