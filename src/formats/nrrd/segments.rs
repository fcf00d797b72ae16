//! What 3D Slicer says about each structure of a `.seg.nrrd`: `Segment{n}_Name`, `_Color`, `_LabelValue`, `_Layer`, ...

use std::collections::BTreeMap;

use volume::Label;

/// More segments than label values are damage.
const MAX_SEGMENTS: usize = 65_535;

/// How far a structure has been looked at, as Slicer's segment table shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Status {
    /// Nobody has looked at it.
    #[default]
    NotStarted,
    /// Being worked on.
    InProgress,
    /// Accepted.
    Completed,
    /// To be looked at again.
    Flagged,
}

impl Status {
    /// The word of Slicer's tag `Segmentation.Status`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::NotStarted => "notstarted",
            Self::InProgress => "inprogress",
            Self::Completed => "completed",
            Self::Flagged => "flagged",
        }
    }

    fn from_tags(tags: &str) -> Option<Self> {
        let word = tags.split('|').find_map(|tag| tag.strip_prefix("Segmentation.Status:"))?;
        [Self::NotStarted, Self::InProgress, Self::Completed, Self::Flagged].into_iter().find(|status| status.word() == word)
    }
}

/// One structure.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Segment {
    pub(super) label: Label,
    pub(super) layer: usize,
    pub(super) status: Option<Status>,
}

/// The structures a header describes; `None` where it describes none, as in a plain label file.
///
/// Files of Slicer before 4.11 have neither value nor layer: each structure is 1 in a layer of its own.
pub(super) fn from_pairs(pairs: &BTreeMap<String, String>, layers: usize) -> Option<Vec<Segment>> {
    let mut segments = Vec::new();
    for n in 0..MAX_SEGMENTS {
        let get = |field: &str| pairs.get(&format!("Segment{n}_{field}")).map(|text| text.trim());
        let name = get("Name").filter(|name| !name.is_empty());
        let Some(name) = name.or_else(|| get("ID")) else { break };
        let Some(value) = get("LabelValue").map_or(Some(1), |text| text.parse().ok()).filter(|value| *value > 0) else { continue };
        let layer = get("Layer").and_then(|text| text.parse().ok()).unwrap_or(if layers > 1 { n } else { 0 });
        let color = get("Color").and_then(color).unwrap_or([190; 3]);
        let status = get("Tags").and_then(Status::from_tags);
        segments.push(Segment { label: Label { value, name: name.to_owned(), color }, layer, status });
    }
    (!segments.is_empty()).then_some(segments)
}

fn color(text: &str) -> Option<[u8; 3]> {
    let numbers: Option<Vec<f64>> = text.split_whitespace().map(|n| n.parse().ok().filter(|v: &f64| v.is_finite())).collect();
    let numbers: [f64; 3] = numbers?.try_into().ok()?;
    Some(numbers.map(|v| (v.clamp(0.0, 1.0) * 255.0).round() as u8))
}
