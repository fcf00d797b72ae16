//! One mask of a case: where it came from, what it means, what people decided about it.

use serde::{Deserialize, Serialize};
use volume::LabelTable;

use super::voxels::LabelWidth;
use crate::provenance::{Parameters, Provenance};

/// Who made a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LayerKind {
    /// A model. Never edited: corrections go to a layer of their own.
    Model,
    /// A person, starting from another layer or from nothing.
    Corrections,
    /// A file.
    Imported,
}

/// How far a run came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LayerState {
    /// A run is filling it.
    Running,
    /// A run was stopped or broke; what it finished is there.
    Partial,
    /// Whole.
    #[default]
    Complete,
}

/// `layer.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerFile {
    /// Shown in the list, e.g. "Abdomen 24, Balanced".
    pub name: String,
    /// Who made it.
    pub kind: LayerKind,
    /// How far it came.
    #[serde(default)]
    pub state: LayerState,
    /// Share finished, 0 to 1.
    #[serde(default = "whole")]
    pub done: f32,
    /// Number of the layer it started from.
    #[serde(default)]
    pub based_on: Option<u32>,
    /// How the mask is stored.
    pub width: LabelWidth,
    /// What its values mean.
    pub table: LabelTable,
    /// RFC 3339 UTC.
    pub created_at: String,
    /// Device as people would name it; empty for drawn layers.
    #[serde(default)]
    pub device: String,
    /// "Fast", "Balanced", "Best" or "".
    #[serde(default)]
    pub setting: String,
    /// How a model made it.
    #[serde(default)]
    pub provenance: Option<Box<Provenance>>,
    /// Where a run that was stopped can go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<Box<Unfinished>>,
}

/// What a run must have in common with one that was stopped, to go on where that one was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unfinished {
    /// SHA-256 of the model's weights, hexadecimal.
    pub model_sha256: String,
    /// Which settings.
    pub parameters: Parameters,
    /// Structures that are kept; all when absent.
    #[serde(default)]
    pub structures: Option<Vec<u16>>,
    /// Whether the model's grid is finished plane by plane, or brick by brick.
    pub in_planes: bool,
    /// Planes or bricks whose voxels are in the layer's files.
    pub count: usize,
}

fn whole() -> f32 {
    1.0
}

/// What a reader decided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Nothing yet.
    #[default]
    Open,
    /// Right.
    Accepted,
    /// Wrong.
    Rejected,
    /// Needs a second look.
    Flagged,
}

/// Whether a structure named left or right lies on that side of its partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Swap {
    /// It has no partner to compare with.
    NoPartner,
    /// It lies where its name says.
    Right,
    /// It lies on the other side.
    Swapped,
}

/// Measures of one structure and the decision about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StructureReview {
    /// Voxel value.
    pub value: u16,
    /// Name.
    pub name: String,
    /// Voxels.
    pub voxels: u64,
    /// Millilitres.
    pub volume_ml: f64,
    /// Mean of the image inside.
    pub mean: f64,
    /// Standard deviation of the image inside.
    pub sd: f64,
    /// Largest distance between two of its surface voxels, mm.
    pub largest_diameter_mm: f64,
    /// Connected pieces (26 neighbours).
    pub pieces: u32,
    /// Whether the image edge cuts it; volumes are then lower bounds.
    pub cut_by_edge: bool,
    /// Edge that cuts it: "upper", "lower", "left", "right", "front" or "back".
    #[serde(default)]
    pub cut_edge: Option<String>,
    /// Mean certainty of the model inside, 0 to 1; absent for drawn masks.
    #[serde(default)]
    pub certainty: Option<f32>,
    /// Share of its voxels in doubt, 0 to 1.
    #[serde(default)]
    pub doubtful_share: Option<f32>,
    /// Voxel (z, y, x) in the middle of the slice of greatest doubt; without doubt, of the largest area.
    pub focus_zyx: [usize; 3],
    /// Side check.
    pub swap: Swap,
    /// Usual range of its volume in adults, mL, where known.
    #[serde(default)]
    pub usual_ml: Option<[f64; 2]>,
    /// 0 (worst) to 1, what the list is sorted by.
    pub score: f32,
    /// The main reason for its place, in words, e.g. "5 pieces".
    #[serde(default)]
    pub reason: String,
    /// What the reader decided.
    #[serde(default)]
    pub decision: Decision,
    /// When, RFC 3339 UTC.
    #[serde(default)]
    pub decided_at: Option<String>,
    /// What the reader noted.
    #[serde(default)]
    pub note: String,
}

/// `review.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ReviewFile {
    /// Worst first. Sorted once, so that rows do not jump while they are worked through.
    pub structures: Vec<StructureReview>,
    /// Edits the measures know of: journal records.
    #[serde(default)]
    pub edits: u64,
    /// Who reviewed, if they gave a name.
    #[serde(default)]
    pub reviewer: String,
}
