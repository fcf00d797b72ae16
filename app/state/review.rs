//! Deciding, worst first.

use jobs::CompareReport;

/// Review of a case.
#[derive(Debug, Clone, Default, PartialEq)]
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
}
