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
    /// SHA-256 of each file, one per channel, where the source is not DICOM. File names may name a patient and are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub file_sha256: Vec<String>,
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
    /// Wall-clock seconds from reading to the mask.
    pub seconds: f64,
}

impl Provenance {
    /// Whether a run with these inputs would write the same mask, so that a batch may skip the case.
    pub fn covers(&self, model_sha256: &str, parameters: &Parameters, source: &SourceIdentity) -> bool {
        self.model.sha256 == model_sha256 && self.parameters == *parameters && self.source == *source
    }
}
