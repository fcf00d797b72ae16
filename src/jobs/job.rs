//! Descriptions of work, as the command line or a window hands them over.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// One piece of work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "snake_case")]
pub enum Job {
    /// Scan to mask.
    Segment(SegmentJob),
    /// DICOM or NIfTI to NIfTI.
    Convert(ConvertJob),
    /// What a file or folder holds.
    Inspect(InspectJob),
    /// What a model holds.
    InspectWeights(InspectWeightsJob),
    /// Foreign checkpoint to model file.
    Import(ImportJob),
    /// What this machine can run.
    Doctor(DoctorJob),
    /// The sample study through the sample model.
    Demo(DemoJob),
    /// How fast a network runs here.
    Bench(BenchJob),
    /// What a file or folder offers to open, with pictures.
    List(ListJob),
    /// A study into a case folder.
    Open(OpenJob),
    /// Models there are, and how well they fit a case.
    Models(ModelsJob),
    /// Time and memory of a run before it starts.
    Estimate(EstimateJob),
    /// An opened case to a new layer.
    SegmentCase(SegmentCaseJob),
    /// A mask file to a new layer.
    ImportLayer(ImportLayerJob),
    /// Measures of a layer, worst first.
    Review(ReviewJob),
    /// Two layers against each other.
    Compare(CompareJob),
    /// A layer to files others read.
    Export(ExportJob),
}

/// Segments one study, or every case of a folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentJob {
    /// One file, one file per channel, a DICOM folder, or a folder of nnU-Net-named cases.
    pub inputs: Vec<PathBuf>,
    /// Which series of a DICOM folder: its number, its UID or the end of it.
    #[serde(default)]
    pub series: Option<String>,
    /// Which volume of a 4D NIfTI file, counted from 0.
    #[serde(default)]
    pub volume: Option<usize>,
    /// Model file, nnU-Net results folder or its zip.
    pub model: PathBuf,
    /// Mask file; a folder when the input is a folder of cases.
    pub output: PathBuf,
    /// Folds to average, as "0", "fold_0" or "all"; all of the model when absent.
    #[serde(default)]
    pub folds: Option<Vec<String>>,
    /// Tile step as a fraction of the tile.
    #[serde(default = "default_step_size")]
    pub step_size: f64,
    /// Leaves mirroring out.
    #[serde(default)]
    pub disable_tta: bool,
    /// "auto", "gpu", "gpu:N" or "cpu".
    #[serde(default = "default_device")]
    pub device: String,
    /// "f32", "f16", or "auto": f16 only if f32 does not fit.
    #[serde(default = "default_precision")]
    pub precision: String,
    /// Memory of a graphics device the model may take; all there is when absent.
    #[serde(default)]
    pub device_memory_mib: Option<u64>,
    /// Also writes one float volume per label.
    #[serde(default)]
    pub save_probabilities: bool,
    /// Replaces a mask that Voxelry did not write, or that was edited since.
    #[serde(default)]
    pub overwrite: bool,
}

/// Reads a study and writes it as NIfTI.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvertJob {
    /// File or DICOM folder.
    pub input: PathBuf,
    /// Which series of a DICOM folder.
    #[serde(default)]
    pub series: Option<String>,
    /// Which volume of a 4D NIfTI file, counted from 0.
    #[serde(default)]
    pub volume: Option<usize>,
    /// `.nii` or `.nii.gz`.
    pub output: PathBuf,
    /// Replaces a file that is there already.
    #[serde(default)]
    pub overwrite: bool,
}

/// Describes a file or folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InspectJob {
    /// File or folder.
    pub input: PathBuf,
}

/// Describes a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InspectWeightsJob {
    /// Model file, nnU-Net folder, zip or checkpoint.
    pub model: PathBuf,
}

/// Converts a foreign checkpoint into one model file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportJob {
    /// nnU-Net results folder, its zip, or one of its checkpoints.
    pub input: PathBuf,
    /// The `.safetensors` to write.
    pub output: PathBuf,
    /// Folder with `plans.json` and `dataset.json`, for a checkpoint that lies outside a result folder.
    #[serde(default)]
    pub plans: Option<PathBuf>,
    /// Licence of the weights, as their publisher states it.
    #[serde(default)]
    pub licence: Option<String>,
    /// What the network was trained with, which no checkpoint says; when absent as the model file says, else mean.
    #[serde(default)]
    pub grn_reduction: Option<GrnReduction>,
}

/// What global response normalisation divides by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GrnReduction {
    /// The mean over channels, as in the public MedNeXt code.
    Mean,
    /// The sum over channels, as in the paper's text.
    Sum,
}

/// Looks at devices and tries the kernels on them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DoctorJob {
    /// "auto", "gpu", "gpu:N" or "cpu".
    #[serde(default = "default_device")]
    pub device: String,
    /// Measures again what is fastest on it.
    #[serde(default)]
    pub tune: bool,
}

/// Segments the sample study with the sample model and compares with the known truth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DemoJob {
    /// Folder for mask and picture.
    pub output: PathBuf,
    /// Where sample and model lie; searched for when absent.
    #[serde(default)]
    pub assets: Option<PathBuf>,
    /// "auto", "gpu", "gpu:N" or "cpu".
    #[serde(default = "default_device")]
    pub device: String,
}

/// Measures tiles of a published network with weights from a seed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BenchJob {
    /// Size and generation: "v1-s" to "v1-l", "v2-s" to "v2-l", or "v2-base", which is "v2-l".
    pub preset: String,
    /// Depthwise kernel edge.
    pub kernel: usize,
    /// Channels after the stem.
    pub width: usize,
    /// Tile edges along z, y, x.
    pub patch: [usize; 3],
    /// Tiles measured.
    pub repeat: usize,
    /// "f32" or "f16".
    #[serde(default = "default_precision")]
    pub precision: String,
    /// "auto" as `segment` would choose, "plain", or "cooperative": matrix units, whether or not they are faster.
    #[serde(default = "default_gemm")]
    pub gemm: String,
    /// Shows what would run instead of running it.
    #[serde(default)]
    pub plan: bool,
    /// "auto", "gpu", "gpu:N" or "cpu".
    #[serde(default = "default_device")]
    pub device: String,
}

/// Lists series and volumes with a picture each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListJob {
    /// File or folder.
    pub input: PathBuf,
    /// Folder for the pictures.
    pub pictures: PathBuf,
}

/// Reads a study into a case folder. A study opened before is found again by its identity, with its layers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenJob {
    /// One path, or one per channel.
    pub inputs: Vec<PathBuf>,
    /// Which series of a DICOM folder.
    #[serde(default)]
    pub series: Option<String>,
    /// Which volume of a 4D file.
    #[serde(default)]
    pub volume: Option<usize>,
    /// Folder of all cases.
    pub cases: PathBuf,
}

/// Looks for models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelsJob {
    /// Folders that hold models, and single models. The sample model is always found.
    pub places: Vec<PathBuf>,
    /// Case they shall fit.
    #[serde(default)]
    pub case: Option<PathBuf>,
}

/// How carefully to segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// One fold, large steps, no mirroring, half precision where the device has it.
    Fast,
    /// All folds, half overlap, single precision, no mirroring.
    Balanced,
    /// What nnU-Net does by default: all folds, half overlap, mirroring, single precision.
    Best,
}

/// Says what a run will take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EstimateJob {
    /// Case folder.
    pub case: PathBuf,
    /// Model.
    pub model: PathBuf,
    /// "auto", "gpu", "gpu:N" or "cpu".
    #[serde(default = "default_device")]
    pub device: String,
    /// Memory of a graphics device the model may take.
    #[serde(default)]
    pub device_memory_mib: Option<u64>,
}

/// Segments an opened case into a new layer, filling it as tiles finish.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentCaseJob {
    /// Case folder.
    pub case: PathBuf,
    /// Model.
    pub model: PathBuf,
    /// How carefully.
    pub quality: Quality,
    /// Overrides the quality's choice of mirroring.
    #[serde(default)]
    pub mirroring: Option<bool>,
    /// Structures to keep in the mask, by value; all when absent.
    #[serde(default)]
    pub structures: Option<Vec<u16>>,
    /// "auto", "gpu", "gpu:N" or "cpu".
    #[serde(default = "default_device")]
    pub device: String,
    /// Memory of a graphics device the model may take.
    #[serde(default)]
    pub device_memory_mib: Option<u64>,
    /// A layer that an earlier run left unfinished, to go on with it where model and settings are the same; else a new layer is made.
    #[serde(default)]
    pub resume: Option<u32>,
}

/// Takes a mask file as a layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportLayerJob {
    /// Case folder.
    pub case: PathBuf,
    /// NIfTI or .seg.nrrd on the grid of the case.
    pub mask: PathBuf,
    /// Names and colours, where the mask has none.
    #[serde(default)]
    pub table: Option<PathBuf>,
}

/// Measures every structure of a layer and writes its `review.json`, keeping decisions and notes that are there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewJob {
    /// Case folder.
    pub case: PathBuf,
    /// Layer.
    pub layer: u32,
}

/// Compares two layers structure by structure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompareJob {
    /// Case folder.
    pub case: PathBuf,
    /// Layer.
    pub layer: u32,
    /// Layer it is compared with.
    pub reference: u32,
    /// Distance two surfaces may differ by and still agree (NSD), mm.
    pub tolerance_mm: f64,
}

/// One kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportKind {
    /// Mask with names, `.nii.gz`.
    Nifti,
    /// 3D Slicer, `.seg.nrrd`.
    SegNrrd,
    /// Surfaces, `.stl` per structure.
    Stl,
    /// Surfaces in colour, one `.obj`.
    Obj,
    /// Surfaces in colour, `.ply` per structure.
    Ply,
    /// Measures, `.csv`.
    Csv,
    /// Measures, `.json`.
    Json,
    /// Names and colours as ITK-SNAP reads them.
    ItkSnapLabels,
    /// Names and colours as Slicer reads them.
    SlicerColors,
    /// One page with pictures, `.html`.
    Report,
}

/// Writes a layer, with its edits, to files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportJob {
    /// Case folder.
    pub case: PathBuf,
    /// Layer.
    pub layer: u32,
    /// What to write.
    pub kinds: Vec<ExportKind>,
    /// Folder.
    pub folder: PathBuf,
    /// Start of every file name.
    pub stem: String,
    /// Leaves out structures that are not accepted.
    #[serde(default)]
    pub only_accepted: bool,
    /// Leaves patient identifier and date out of the report.
    #[serde(default = "yes")]
    pub without_patient: bool,
    /// Replaces files that are there.
    #[serde(default)]
    pub overwrite: bool,
}

fn yes() -> bool {
    true
}

fn default_step_size() -> f64 {
    0.5
}

fn default_gemm() -> String {
    "auto".to_owned()
}

fn default_precision() -> String {
    "f32".to_owned()
}

fn default_device() -> String {
    "auto".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_one_json_object_with_defaults() {
        let job: Job = serde_json::from_str(r#"{"job":"segment","inputs":["ct.nii.gz"],"model":"m","output":"o.nii.gz"}"#).unwrap();
        let Job::Segment(segment) = &job else { panic!("{job:?}") };
        assert_eq!((segment.step_size, segment.device.as_str(), segment.disable_tta), (0.5, "auto", false));
        assert_eq!(serde_json::from_str::<Job>(&serde_json::to_string(&job).unwrap()).unwrap(), job);
        let import: ImportJob = serde_json::from_str(r#"{"input":"a","output":"b","grn_reduction":"sum"}"#).unwrap();
        assert_eq!((import.licence, import.grn_reduction), (None, Some(GrnReduction::Sum)));
    }

    #[test]
    fn unknown_fields_are_refused() {
        assert!(serde_json::from_str::<InspectJob>(r#"{"input":"a","inptu":"b"}"#).is_err());
    }
}
