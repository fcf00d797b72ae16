//! What is exported, where to.

use std::collections::BTreeSet;
use std::path::PathBuf;

use jobs::{ExportKind, ExportReport};

/// Choices of the export screen, kept while the program runs.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportState {
    /// Kinds of files.
    pub kinds: BTreeSet<ExportKind>,
    /// Folder; none until chosen, then the last one used.
    pub folder: Option<PathBuf>,
    /// Start of the file names; the case's title where empty.
    pub stem: String,
    /// Leaves out what is not accepted.
    pub only_accepted: bool,
    /// Leaves patient identifier and date out.
    pub without_patient: bool,
    /// Files that are there are replaced; asked for after a refusal.
    pub overwrite: bool,
    /// Being written.
    pub writing: bool,
    /// What the last export wrote.
    pub written: Option<ExportReport>,
}

impl Default for ExportState {
    fn default() -> Self {
        Self {
            kinds: [ExportKind::Nifti, ExportKind::Csv, ExportKind::Json, ExportKind::Report].into(),
            folder: None,
            stem: String::new(),
            only_accepted: false,
            without_patient: true,
            overwrite: false,
            writing: false,
            written: None,
        }
    }
}
