//! Where a mask comes from: everything needed to make it again, and nothing about the patient.

use serde::{Deserialize, Serialize};

use crate::event::Notice;

/// Which weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelIdentity {
    /// Name the model gives itself.
    pub name: String,
    /// SHA-256 of its weights, hexadecimal.
    pub sha256: String,
    /// Licence, if stated.
    pub licence: Option<String>,
}

/// Which settings. Two runs with equal model, parameters and source give the same mask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    /// Folds that were averaged.
    pub folds: Vec<String>,
    /// Tile step as a fraction of the tile.
    pub step_size: f64,
    /// Mirrored axes; empty without test-time augmentation.
    pub mirror_axes: Vec<usize>,
    /// How activations were stored: "f32" or "f16".
    #[serde(default = "single")]
    pub precision: String,
}

fn single() -> String {
    "f32".to_owned()
}

/// Which study, by identifiers that do not name the patient.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceIdentity {
    /// DICOM series instance UIDs, one per channel.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub series_uids: Vec<String>,
    /// DICOM SOP instance UIDs in slice order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sop_instance_uids: Vec<String>,
    /// SHA-256 of each file in channel order where the source is not DICOM; a header and its image count as two. File names may
    /// name a patient and are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub file_sha256: Vec<String>,
    /// Volume of a 4D file, counted from 0, where one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<usize>,
}

/// The sidecar of a mask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Program and version, e.g. "voxelry 0.1.0".
    pub software: String,
    /// When the mask was finished, RFC 3339 UTC.
    pub finished_at: String,
    /// Weights.
    pub model: ModelIdentity,
    /// Settings.
    pub parameters: Parameters,
    /// Device as people would name it.
    pub device: String,
    /// Study.
    pub source: SourceIdentity,
    /// Doubts about the study.
    pub warnings: Vec<Notice>,
    /// SHA-256 of the mask file as written, so that a later edit is noticed and never overwritten.
    pub mask_sha256: String,
    /// SHA-256 of Voxelry's own mask that this one replaces: the sidecar is written first, and a run that dies before the mask
    /// follows must still know the old one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces_sha256: Option<String>,
    /// Whether this run also wrote class probabilities.
    #[serde(default)]
    pub probabilities: bool,
    /// Wall-clock seconds from reading to the mask.
    pub seconds: f64,
}

impl Provenance {
    /// Whether a run with these inputs would write the same mask, so that a batch may skip the case.
    pub fn covers(&self, model_sha256: &str, parameters: &Parameters, source: &SourceIdentity) -> bool {
        self.model.sha256 == model_sha256 && self.parameters == *parameters && self.source == *source
    }

    /// Whether a mask file with this hash is Voxelry's own.
    pub fn wrote(&self, mask_sha256: &str) -> bool {
        self.mask_sha256 == mask_sha256 || self.replaces_sha256.as_deref() == Some(mask_sha256)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provenance(source: SourceIdentity) -> Provenance {
        Provenance {
            software: String::new(),
            finished_at: String::new(),
            model: ModelIdentity { name: String::new(), sha256: "m".to_owned(), licence: None },
            parameters: parameters(),
            device: String::new(),
            source,
            warnings: Vec::new(),
            mask_sha256: "new".to_owned(),
            replaces_sha256: Some("old".to_owned()),
            probabilities: false,
            seconds: 0.0,
        }
    }

    fn parameters() -> Parameters {
        Parameters { folds: Vec::new(), step_size: 0.5, mirror_axes: Vec::new(), precision: "f32".to_owned() }
    }

    #[test]
    fn another_volume_of_the_same_file_is_another_source() {
        let volume = |volume| SourceIdentity { file_sha256: vec!["f".to_owned()], volume, ..SourceIdentity::default() };
        let first = provenance(volume(Some(0)));
        assert!(first.covers("m", &parameters(), &volume(Some(0))));
        assert!(!first.covers("m", &parameters(), &volume(Some(1))));
        assert!(!first.covers("m", &parameters(), &volume(None)));
    }

    #[test]
    fn the_mask_and_the_one_it_replaces_are_known() {
        let provenance = provenance(SourceIdentity::default());
        assert!(provenance.wrote("new") && provenance.wrote("old") && !provenance.wrote("edited"));
    }
}
