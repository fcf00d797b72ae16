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
