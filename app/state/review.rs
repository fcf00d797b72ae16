//! Deciding, worst first.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use jobs::CompareReport;

/// Structures that score below this are marked as worth a look.
pub const CHECK_BELOW: f32 = 0.7;

/// Distance two surfaces may differ by and still agree when layers are compared, mm.
pub const TOLERANCE_MM: f64 = 1.0;

/// Review of a case.
#[derive(Debug, Clone, Default)]
pub struct ReviewState {
    /// Being measured.
    pub measuring: bool,
    /// Layer number the shown layer is compared with.
    pub compare_with: Option<u32>,
    /// Being compared.
    pub comparing: bool,
    /// Result of the comparison.
    pub compared: Option<CompareReport>,
    /// Whether the note has the keyboard.
    pub noting: bool,
    /// The worst structure is put in focus as soon as it is known.
    pub focus_wanted: bool,
    /// Journal records that the mask written for jobs has, by layer.
    pub current: BTreeMap<u32, u64>,
    /// When the mask was last changed, while its measures wait to be taken again.
    pub edited_at: Option<Instant>,
    /// Number of the last write of a decision.
    pub writes: u64,
    /// Newest write that is on disk, by file, so that a slower older one cannot replace it.
    pub written: Arc<Mutex<HashMap<PathBuf, u64>>>,
}
