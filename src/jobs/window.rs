//! Reports of the jobs a window needs.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::event::Notice;
use crate::job::{ExportKind, Quality};
use crate::report::Placement;

/// One series or volume that can be opened, or why not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ListedStudy {
    /// Path to open.
    pub path: PathBuf,
    /// Series instance UID in a DICOM folder.
    #[serde(default)]
    pub series: Option<String>,
    /// Series description or file name.
    pub title: String,
    /// "CT", "MR", ...; empty where the files do not say.
    pub modality: String,
    /// What else tells series apart, e.g. the reconstruction kernel.
    #[serde(default)]
    pub detail: String,
    /// Images of a series, slices of a volume.
    pub slices: usize,
    /// Its grid, where it is a volume.
    #[serde(default)]
    pub placement: Option<Placement>,
    /// Picture of the middle axial slice.
    #[serde(default)]
    pub picture: Option<PathBuf>,
    /// Picture of the middle coronal slice.
    #[serde(default)]
    pub coronal: Option<PathBuf>,
    /// Why it cannot be opened.
    #[serde(default)]
    pub refused: Option<String>,
    /// Doubts.
    #[serde(default)]
    pub warnings: Vec<Notice>,
}

/// Of `list`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ListReport {
    /// Best first; what cannot be opened last.
    pub studies: Vec<ListedStudy>,
    /// Files looked at.
    pub files: usize,
    /// Files that are no images, as sentences.
    #[serde(default)]
    pub skipped: Vec<String>,
    /// The input is a folder of cases for a queue: nnU-Net names or several volumes of one channel each.
    #[serde(default)]
    pub queue: bool,
}

/// Of `open`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenReport {
    /// The case folder.
    pub case: PathBuf,
    /// Whether it had been opened before.
    pub known: bool,
}

/// Whether a model suits a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fit", rename_all = "snake_case")]
pub enum Fit {
    /// Trained on such images.
    Fits,
    /// Neither side says what it is.
    Unknown,
    /// Trained on something else; the sentence says what. It runs only when asked twice.
    Doubtful {
        /// e.g. "Trained on MR; this is CT".
        reason: String,
    },
    /// It cannot run on this case or at all.
    Refused {
        /// Why.
        reason: String,
    },
}

/// A model as the window shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// File or folder.
    pub path: PathBuf,
    /// Name.
    pub name: String,
    /// "CT", "MR", ...; empty where unknown.
    pub modality: String,
    /// Structures: value and name.
    pub labels: Vec<(u16, String)>,
    /// Bytes on disk.
    pub bytes: u64,
    /// Licence, if stated.
    pub licence: Option<String>,
    /// SHA-256 over network, plan, labels and weights; absent where the model was refused.
    pub sha256: Option<String>,
    /// Folds held.
    pub folds: usize,
    /// Network in words, e.g. "MedNeXt-v2 base, 62 M parameters".
    pub network: String,
    /// Tile edges z, y, x.
    pub patch_zyx: [usize; 3],
    /// Spacing it works at, mm, z, y, x.
    pub spacing_zyx_mm: [f64; 3],
    /// Whether it suits the case.
    pub fit: Fit,
}

/// Of `models`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelsReport {
    /// Those that fit come first.
    pub models: Vec<ModelCard>,
}

/// What one quality takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Which.
    pub quality: Quality,
    /// Tiles, counting every fold and mirroring.
    pub tiles: u64,
    /// Seconds for the whole run.
    pub seconds: f64,
    /// Device memory, MiB; process memory for the CPU engine.
    pub needed_mib: u64,
    /// "f32" or "f16".
    pub precision: String,
    /// What was changed to make it fit, as a sentence.
    #[serde(default)]
    pub note: Option<String>,
    /// Why it cannot run.
    #[serde(default)]
    pub refused: Option<String>,
}

/// Of `estimate`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EstimateReport {
    /// Device as people would name it.
    pub device: String,
    /// Whether that is the CPU engine.
    pub cpu: bool,
    /// Memory of the device in all, MiB, where known.
    pub total_mib: Option<u64>,
    /// Free of it, MiB, where known.
    pub available_mib: Option<u64>,
    /// Main memory the run takes besides, MiB.
    pub main_needed_mib: u64,
    /// Main memory free, MiB, where known.
    pub main_available_mib: Option<u64>,
    /// Whether seconds come from tiles measured on this device (else from arithmetic).
    pub measured: bool,
    /// Fast, Balanced, Best.
    pub qualities: Vec<Estimate>,
}

/// Of `segment_case` and `import_layer`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerReport {
    /// Its number.
    pub layer: u32,
}

/// One structure of two masks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparedStructure {
    /// Value.
    pub value: u16,
    /// Name.
    pub name: String,
    /// Dice overlap; absent where neither has it.
    pub dice: Option<f64>,
    /// Normalised surface distance at the tolerance.
    pub nsd: Option<f64>,
    /// 95th percentile of the surface distance, mm; absent where one of them is empty.
    pub hd95_mm: Option<f64>,
    /// Millilitres in the layer and in the reference.
    pub volume_ml: [f64; 2],
}

/// Of `compare`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompareReport {
    /// Lowest Dice first.
    pub structures: Vec<ComparedStructure>,
}

/// One file written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExportedFile {
    /// Kind.
    pub kind: ExportKind,
    /// Path.
    pub path: PathBuf,
    /// Bytes.
    pub bytes: u64,
    /// Whether it was read back and found equal; absent where there is nothing to compare.
    pub verified: Option<bool>,
}

/// Of `export`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ExportReport {
    /// Files written.
    pub files: Vec<ExportedFile>,
    /// Kinds that failed, with the sentence. The others are complete.
    pub failed: Vec<(ExportKind, String)>,
}
