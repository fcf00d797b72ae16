//! Many cases, one after another.

use std::path::{Path, PathBuf};
use std::time::Instant;

use jobs::case::CaseState;

use super::Progress;

/// One case of a queue.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueCase {
    /// Shown under its picture.
    pub name: String,
    /// Files, one per channel.
    pub inputs: Vec<PathBuf>,
    /// Mask that lies beside it, if any.
    pub mask: Option<PathBuf>,
    /// Its case folder, once opened.
    pub case: Option<PathBuf>,
    /// Decided how.
    pub state: CaseState,
    /// Lowest score of its structures, once measured.
    pub worst: Option<f32>,
    /// Why it cannot be opened.
    pub refused: Option<String>,
    /// How long it was on screen.
    pub seconds: f64,
}

impl QueueCase {
    /// Whether it can be opened and is not decided.
    pub fn is_open(&self) -> bool {
        self.refused.is_none() && !matches!(self.state, CaseState::Accepted | CaseState::Rejected)
    }
}

/// A queue.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Queue {
    /// Folder it was made from.
    pub folder: PathBuf,
    /// Cases by name.
    pub cases: Vec<QueueCase>,
    /// Index of the one on screen.
    pub current: usize,
    /// When that one came on screen.
    pub since: Option<Instant>,
}

impl Queue {
    /// Whether the case on screen, by its folder, is the queue's present one.
    pub fn shows(&self, case: &Path) -> bool {
        self.cases.get(self.current).is_some_and(|current| current.case.as_deref() == Some(case))
    }

    /// What is kept of it between sessions.
    pub fn progress(&self) -> Progress {
        let usable = || self.cases.iter().filter(|case| case.refused.is_none());
        let count = |state: CaseState| usable().filter(|case| case.state == state).count();
        Progress {
            cases: usable().count(),
            accepted: count(CaseState::Accepted),
            rejected: count(CaseState::Rejected),
            flagged: count(CaseState::Flagged),
            current: self.cases.get(self.current).map(|case| case.name.clone()).unwrap_or_default(),
            read: self.cases.iter().filter_map(|case| Some((case.name.clone(), case.case.clone()?))).collect(),
        }
    }

    /// Cases that are decided.
    pub fn decided(&self) -> usize {
        self.cases.iter().filter(|case| matches!(case.state, CaseState::Accepted | CaseState::Rejected)).count()
    }
}
