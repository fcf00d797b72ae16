//! Cases opened before, kept between sessions.

use std::path::PathBuf;

use jobs::case::CaseState;
use serde::{Deserialize, Serialize};

/// How many are kept in the list.
const KEPT: usize = 20;

/// One case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recent {
    /// Its folder.
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
        };
        let mut recents = Recents::default();
        (0..30).for_each(|i| recents.remember(recent(&i.to_string())));
        recents.remember(recent("25"));
        assert_eq!(recents.cases.len(), KEPT);
        assert_eq!(recents.cases.iter().filter(|known| known.title == "25").count(), 1);
        assert_eq!(recents.cases[0].title, "25");
    }
}
