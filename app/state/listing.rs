//! The choice of a series.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use jobs::{ListReport, ListedStudy};

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
    /// Its files are the cases of a queue, whatever they are called.
    pub as_queue: bool,
    /// Whether skipped files are listed.
    pub skipped_shown: bool,
    /// When reading began.
    pub started: Option<Instant>,
    /// How long reading took.
    pub took: Duration,
}

impl Listing {
    /// Whether the filter leaves a study in the list: every word stands somewhere in what it is called.
    pub fn shows(&self, study: &ListedStudy) -> bool {
        let text = [&study.title, &study.modality, &study.detail].map(|text| text.to_lowercase()).join("\n");
        self.filter.to_lowercase().split_whitespace().all(|word| text.contains(word))
    }

    /// The study `by` rows further down that can be opened; upwards where negative.
    pub fn beside(&self, by: isize) -> Option<usize> {
        let studies = &self.report.as_ref()?.studies;
        let usable = |index: &usize| studies[*index].refused.is_none() && self.shows(&studies[*index]);
        let shown: Vec<usize> = (0..studies.len()).filter(usable).collect();
        let at = shown.iter().position(|index| *index == self.selected);
        let wanted = at.map_or(0, |at| at.saturating_add_signed(by));
        shown.get(wanted.min(shown.len().saturating_sub(1))).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(filter: &str, selected: usize) -> Listing {
        let study = |title: &str, refused: bool| ListedStudy {
            path: PathBuf::new(),
            series: None,
            title: title.to_owned(),
            modality: "CT".to_owned(),
            detail: String::new(),
            slices: 1,
            placement: None,
            picture: None,
            coronal: None,
            refused: refused.then(|| "one image".to_owned()),
            warnings: Vec::new(),
        };
        let studies = vec![study("Abdomen", false), study("Scout", true), study("Thorax", false)];
        let report = ListReport { studies, files: 3, ..ListReport::default() };
        Listing { report: Some(report), filter: filter.to_owned(), selected, ..Listing::default() }
    }

    #[test]
    fn keys_step_over_what_cannot_be_opened() {
        assert_eq!([listing("", 0).beside(1), listing("", 2).beside(1), listing("", 2).beside(-1)], [Some(2), Some(2), Some(0)]);
        assert_eq!(listing("ct thor", 0).beside(1), Some(2), "what the filter hides is left");
        assert_eq!(listing("knee", 0).beside(1), None);
    }
}
