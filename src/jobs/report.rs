//! What a finished job has to tell, as data: the command line prints it, `--json` passes it on.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use volume::{Geometry, orientation_of};

use crate::event::Notice;
use crate::outcome::Failure;
use crate::provenance::Provenance;
use crate::window::{CompareReport, EstimateReport, ExportReport, LayerReport, ListReport, ModelsReport, OpenReport};

/// The report of one job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "snake_case")]
pub enum Report {
    /// Of `segment`.
    Segment(SegmentReport),
    /// Of `convert`.
    Convert(ConvertReport),
    /// Of `inspect`.
    Inspect(InspectReport),
    /// Of `inspect-weights`.
    InspectWeights(WeightsReport),
    /// Of `import`.
    Import(ImportReport),
    /// Of `doctor`.
    Doctor(DoctorReport),
    /// Of `demo`.
    Demo(DemoReport),
    /// Of `bench`.
    Bench(BenchReport),
    /// Of `list`.
    List(ListReport),
    /// Of `open`.
    Open(OpenReport),
    /// Of `models`.
    Models(ModelsReport),
    /// Of `estimate`.
    Estimate(EstimateReport),
    /// Of `segment_case` and `import_layer`.
    Layer(LayerReport),
    /// Of `review`; the measures lie in the layer.
    Review,
    /// Of `compare`.
    Compare(CompareReport),
    /// Of `export`.
    Export(ExportReport),
}

/// A voxel grid in the patient, in LPS millimetres.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Placement {
    /// Voxels along z, y, x.
    pub size_zyx: [usize; 3],
    /// Millimetres along z, y, x.
    pub spacing_zyx_mm: [f64; 3],
    /// Centre of the first voxel.
    pub origin_lps_mm: [f64; 3],
    /// Unit directions of the voxel axes x, y, z.
    pub directions_lps: [[f64; 3]; 3],
    /// Directions the voxel axes x, y, z grow towards, e.g. "LPS".
    pub orientation: String,
}

impl From<&Geometry> for Placement {
    fn from(geometry: &Geometry) -> Self {
        Self {
            size_zyx: geometry.size_zyx,
            spacing_zyx_mm: geometry.spacing_zyx_mm,
            origin_lps_mm: geometry.origin_lps_mm.to_array(),
            directions_lps: geometry.direction.to_cols_array_2d(),
            orientation: orientation_of(geometry).to_string(),
        }
    }
}

/// One structure found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StructureReport {
    /// Value in the mask.
    pub value: u16,
    /// Name as the model gives it.
    pub name: String,
    /// Voxels.
    pub voxels: u64,
    /// Volume in millilitres.
    pub volume_ml: f64,
}

/// What became of a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum CaseOutcome {
    /// Mask written.
    Done {
        /// Also stored beside the mask.
        provenance: Box<Provenance>,
        /// Every structure of the model, also those not found.
        structures: Vec<StructureReport>,
    },
    /// An earlier run with the same model, parameters and source had written it.
    Skipped,
    /// Refused; the reason.
    Failed {
        /// Why.
        failure: Failure,
    },
}

/// One case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseReport {
    /// Case identifier, the file name without channel and ending.
    pub name: String,
    /// The mask.
    pub output: PathBuf,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: CaseOutcome,
}

/// Of `segment`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentReport {
    /// Device as people would name it.
    pub device: String,
    /// One entry, or one per case of the folder.
    pub cases: Vec<CaseReport>,
}

/// Of `convert`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConvertReport {
    /// What was written.
    pub output: PathBuf,
    /// Its grid.
    pub placement: Placement,
    /// DICOM series, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series_uid: Option<String>,
}

/// One volume inside a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileReport {
    /// Which file.
    pub path: PathBuf,
    /// Why it cannot be read, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Its grid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
    /// Smallest and largest value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_range: Option<[f32; 2]>,
    /// Doubts.
    pub warnings: Vec<Notice>,
}

/// One series of a DICOM folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesReport {
    /// Series instance UID, which `--series` accepts; its end is enough.
    pub uid: String,
    /// Series number, which `--series` also accepts.
    pub number: Option<i64>,
    /// Modality code.
    pub modality: String,
    /// Series description.
    pub description: Option<String>,
    /// Images.
    pub images: usize,
    /// Whether it is a volume that can be segmented.
    pub is_volume: bool,
    /// Why it is not, or why it cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Its grid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
    /// Doubts.
    pub warnings: Vec<Notice>,
}

/// Of `inspect`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct InspectReport {
    /// Series found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub series: Vec<SeriesReport>,
    /// Volumes in files of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileReport>,
}

/// Of `inspect-weights`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WeightsReport {
    /// "model", "nnunet_folder", "nnunet_archive", "checkpoint" or "safetensors".
    pub kind: String,
    /// SHA-256 of the file; a folder has none.
    pub file_sha256: Option<String>,
    /// The network in words, or nothing if the tensors are no MedNeXt.
    pub network: Option<String>,
    /// Its configuration.
    pub config: Option<serde_json::Value>,
    /// Why they are none.
    pub not_a_network: Option<String>,
    /// Learnable values per fold.
    pub parameters: u64,
    /// What an nnU-Net checkpoint says about its training.
    pub training: Option<serde_json::Value>,
    /// The part only whole models have.
    pub model: Option<ModelReport>,
    /// Tensor names and shapes.
    pub tensors: Vec<(String, Vec<usize>)>,
}

/// What a whole model knows beyond its tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelReport {
    /// Name the model gives itself.
    pub name: String,
    /// SHA-256 over network, plan, labels and all weights, whatever the container; what a mask's provenance names.
    pub sha256: String,
    /// SHA-256 over all weights alone.
    pub weights_sha256: String,
    /// Licence, if stated.
    pub licence: Option<String>,
    /// Where it comes from, in words.
    pub origin: String,
    /// Folds held.
    pub folds: Vec<String>,
    /// Multiply-accumulates per tile.
    pub macs_per_tile: u64,
    /// Memory one tile and one fold's weights take at least, MiB.
    pub memory_mib_per_tile: u64,
    /// Image channels, in the order of `_0000`, `_0001`, ...
    pub channels: Vec<String>,
    /// Structures: value and name.
    pub labels: Vec<(u16, String)>,
    /// Preprocessing and tiling.
    pub plan: serde_json::Value,
    /// Modality, description and files it was made from.
    pub card: serde_json::Value,
}

/// Of `import`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImportReport {
    /// What was written.
    pub output: PathBuf,
    /// What it holds.
    pub model: WeightsReport,
}

/// One graphics adapter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AdapterSummary {
    /// N of `--device gpu:N`.
    pub index: usize,
    /// Name the driver gives.
    pub name: String,
    /// "discrete", "integrated", "software", ...
    pub kind: String,
    /// Graphics interface, e.g. "Vulkan".
    pub backend: String,
    /// Driver and its version.
    pub driver: String,
    /// Largest buffer, MiB.
    pub max_buffer_mib: u64,
    /// Largest storage binding, MiB.
    pub max_binding_mib: u64,
    /// Half-precision arithmetic.
    pub f16: bool,
    /// Subgroup operations.
    pub subgroups: bool,
    /// Block products of matrix units that kernels can use, e.g. "16x16x16 f16->f32".
    #[serde(default)]
    pub matrices: Vec<String>,
    /// What to know before trusting it.
    pub warning: Option<String>,
    /// Why it cannot run the network, or on which kernels it disagrees with the CPU engine.
    pub fault: Option<String>,
}

/// Of `doctor`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DoctorReport {
    /// Program and version.
    pub software: String,
    /// Operating system and architecture.
    pub system: String,
    /// Processor threads.
    pub threads: usize,
    /// Main memory, MiB, where the system says it; devices that share it have no other. How much a graphics card has of its own is
    /// nowhere to be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub main_memory_mib: Option<u64>,
    /// Adapters, best first.
    pub adapters: Vec<AdapterSummary>,
    /// What `segment` will run on with the same `--device`.
    pub chosen: String,
    /// How kernels run on it, in words; absent for the CPU engine, which has one way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tuning: Option<String>,
}

/// One structure against the known truth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StructureScore {
    /// Name.
    pub name: String,
    /// Dice overlap, 0 to 1; absent where neither mask has the structure.
    pub dice: Option<f64>,
    /// Volume found, millilitres.
    pub volume_ml: f64,
    /// True volume, millilitres.
    pub true_volume_ml: f64,
}

/// Of `demo`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DemoReport {
    /// Device as people would name it.
    pub device: String,
    /// The mask.
    pub mask: PathBuf,
    /// The picture.
    pub preview: PathBuf,
    /// Per structure.
    pub structures: Vec<StructureScore>,
    /// Wall-clock seconds from reading to the mask.
    pub seconds: f64,
}

/// Of `bench`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BenchReport {
    /// Device that ran.
    pub device: String,
    /// The network in words.
    pub network: String,
    /// Tile edges along z, y, x.
    pub patch: [usize; 3],
    /// Arithmetic of one tile (2 per multiply-add), recomputation included.
    pub tile_gflop: f64,
    /// Working buffers and weights, MiB.
    pub plan_mib: u64,
    /// How activations are stored.
    pub precision: String,
    /// How pointwise products run on a graphics device, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub products: Option<String>,
    /// The launches of a tile as text, where asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Peak resident memory of this process, MiB, where the system tells.
    pub peak_process_mib: Option<u64>,
    /// Most arithmetic the device can do, 1e9 operations per second, as measured on registers.
    pub peak_gflops: f64,
    /// Most its memory can move, 1e9 bytes per second, as measured by a copy.
    pub peak_gigabytes_per_second: f64,
    /// Every measured tile.
    pub tiles: Vec<TileTime>,
    /// Kernels of one more tile, longest first.
    pub kernels: Vec<KernelReport>,
}

/// One measured tile.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TileTime {
    /// Seconds on the clock.
    pub wall_seconds: f64,
    /// Processor seconds of all threads, where the system tells.
    pub cpu_seconds: Option<f64>,
}

/// One kernel's part of a tile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KernelReport {
    /// Name.
    pub name: String,
    /// Launches.
    pub calls: u64,
    /// Seconds together.
    pub seconds: f64,
    /// Share of the tile's time, 0 to 1.
    pub share: f64,
    /// Arithmetic per second, 1e9.
    pub gflops: f64,
    /// Bytes of its bindings per second, 1e9: what would cross the memory bus if each were touched once.
    pub gigabytes_per_second: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placement_says_where_axes_point() {
        let mut geometry = Geometry::axis_aligned([2, 3, 4], [3.0, 1.0, 0.5]);
        geometry.direction.x_axis = -geometry.direction.x_axis;
        let placement = Placement::from(&geometry);
        assert_eq!(placement.orientation, "RPS");
        assert_eq!(placement.directions_lps[0], [-1.0, 0.0, 0.0]);
    }

    #[test]
    fn a_case_flattens_into_one_object() {
        let case = CaseReport { name: "a".to_owned(), output: "a.nii.gz".into(), outcome: CaseOutcome::Skipped };
        let text = serde_json::to_string(&case).unwrap();
        assert_eq!(text, r#"{"name":"a","output":"a.nii.gz","outcome":"skipped"}"#);
        assert_eq!(serde_json::from_str::<CaseReport>(&text).unwrap(), case);
    }
}
