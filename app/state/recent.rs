//! Cases and queues opened before, kept between sessions.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jobs::case::CaseState;
use serde::{Deserialize, Serialize};

/// How many are kept in the list.
const KEPT: usize = 20;

/// One case, or a queue of many.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recent {
    /// Its folder; of a queue the one its files lie in.
    pub case: PathBuf,
    /// Title.
    pub title: String,
    /// Second line.
    pub subtitle: String,
    /// What is there, e.g. "24 structures, 3 to check".
    pub summary: String,
    /// Decided how.
    pub state: CaseState,
    /// When it was last on screen, RFC 3339 UTC.
    pub at: String,
    /// How far a queue is; absent for a case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<Progress>,
}

/// How far a queue is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Cases that can be opened.
    pub cases: usize,
    /// Of these, accepted.
    pub accepted: usize,
    /// Of these, rejected.
    pub rejected: usize,
    /// Of these, flagged.
    pub flagged: usize,
    /// Name of the case last on screen.
    pub current: String,
    /// Case folders by the names of the cases that were read.
    pub read: BTreeMap<String, PathBuf>,
}

impl Progress {
    /// Cases that are decided.
    pub fn decided(&self) -> usize {
        self.accepted + self.rejected
    }

    /// Folder of the case last on screen.
    pub fn current_case(&self) -> Option<&Path> {
        self.read.get(&self.current).map(PathBuf::as_path)
    }
}

/// The list, newest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Recents {
    /// Newest first.
    pub cases: Vec<Recent>,
}

impl Recents {
    /// Puts a case at the top.
    pub fn remember(&mut self, recent: Recent) {
        self.cases.retain(|known| known.case != recent.case);
        self.cases.insert(0, recent);
        self.cases.truncate(KEPT);
    }

    /// How far a queue was, by the folder of its files.
    pub fn queue(&self, folder: &Path) -> Option<&Progress> {
        self.cases.iter().find(|known| known.case == folder)?.queue.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_listed_once_and_first() {
        let recent = |name: &str| Recent {
            case: name.into(),
            title: name.to_owned(),
            subtitle: String::new(),
            summary: String::new(),
            state: CaseState::Opened,
            at: String::new(),
            queue: None,
        };
        let mut recents = Recents::default();
        (0..30).for_each(|i| recents.remember(recent(&i.to_string())));
        recents.remember(recent("25"));
        assert_eq!(recents.cases.len(), KEPT);
        assert_eq!(recents.cases.iter().filter(|known| known.title == "25").count(), 1);
        assert_eq!(recents.cases[0].title, "25");
    }
}
