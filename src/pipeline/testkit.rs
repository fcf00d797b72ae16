//! Plans, grids, tiny deterministic networks and golden files for the tests.

use std::path::PathBuf;

use engine::{EngineError, Runner};
use glam::{DMat3, DVec3};
use mednext::{Channel, InferencePlan, LabelRule, ModelLabels, NamedLabel, Normalization, Resampling};
use ndarray::{ArrayD, IxDyn};
use safetensors::{Dtype, SafeTensors};
use volume::{Geometry, Orientation, Scan};

use crate::error::PipelineError;
use crate::predict::FoldRunner;
use crate::segment::{Hooks, SegmentOptions, Segmentation, prepare, segment_prepared};

/// A one-channel plan at 1 mm that changes no intensity.
pub(crate) fn plan(patch_size: [usize; 3]) -> InferencePlan {
    InferencePlan {
        patch_size,
        spacing_mm: [1.0; 3],
        transpose_forward: [0, 1, 2],
        transpose_backward: [0, 1, 2],
        channels: vec![Channel { name: "CT".to_owned(), normalization: Normalization::None, use_mask: false, intensity: None }],
        resample_data: Resampling { order: 3, order_z: 0, force_separate_z: None },
        resample_logits: Resampling { order: 1, order_z: 0, force_separate_z: None },
        mirror_axes: vec![0, 1, 2],
        reorient_to_ras: false,
    }
}

/// Labels 1 .. classes by argmax.
pub(crate) fn argmax_labels(classes: usize) -> ModelLabels {
    ModelLabels {
        names: (1..classes as u16).map(|value| NamedLabel { name: format!("label {value}"), value }).collect(),
        rule: LabelRule::Argmax,
    }
}

/// One scan to its mask.
pub(crate) fn segment(
    scan: Scan,
    plan: &InferencePlan,
    labels: &ModelLabels,
    folds: &mut [FoldRunner],
    options: SegmentOptions,
    hooks: Hooks<'_>,
) -> Result<Segmentation, PipelineError> {
    segment_prepared(prepare(vec![scan], plan)?, plan, labels, folds, &options, hooks)
}

/// A grid of 1 mm whose axes point along the patient's.
pub(crate) fn oriented(orientation: Orientation, size_zyx: [usize; 3]) -> Geometry {
    let columns = orientation.axes_xyz().map(|axis| {
        let mut unit = DVec3::ZERO;
        unit[axis.lps_axis] = if axis.flipped { -1.0 } else { 1.0 };
        unit
    });
    let direction = DMat3::from_cols(columns[0], columns[1], columns[2]);
    Geometry { direction, ..Geometry::axis_aligned(size_zyx, [1.0; 3]) }
}

/// Channel k of the output is `slope[k] * input + tilt * (position in the tile) * k`: depends on the place in the tile, so
/// that weighting, mirroring and tile origins all show.
#[derive(Debug, Clone)]
pub(crate) struct Affine {
    patch: [usize; 3],
    slope: Vec<f32>,
    pub(crate) tilt: f32,
}

impl Affine {
    pub(crate) fn new(patch: [usize; 3], slope: &[f32]) -> Self {
        Self { patch, slope: slope.to_vec(), tilt: 0.0 }
    }
}

impl Runner for Affine {
    fn device(&self) -> &str {
        "test"
    }

    fn patch(&self) -> [usize; 3] {
        self.patch
    }

    fn channels(&self) -> usize {
        self.slope.len()
    }

    fn run(&mut self, input: &[f32], output: &mut [f32], _cancelled: &dyn Fn() -> bool) -> Result<(), EngineError> {
        let voxels: usize = self.patch.iter().product();
        for (k, channel) in output.chunks_exact_mut(voxels).enumerate() {
            for (i, (value, x)) in channel.iter_mut().zip(input).enumerate() {
                *value = self.slope[k] * x + self.tilt * (k * i) as f32 / voxels as f32;
            }
        }
        Ok(())
    }
}

/// A fold that yields logits.
pub(crate) fn affine_fold(network: Affine) -> FoldRunner {
    FoldRunner { runner: Box::new(network), head: None }
}

fn golden(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/golden")).join(name)
}

pub(crate) fn golden_bytes(name: &str) -> Vec<u8> {
    let path = golden(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{e}: {}", path.display()))
}

pub(crate) fn golden_json(name: &str) -> serde_json::Value {
    serde_json::from_slice(&golden_bytes(name)).unwrap()
}

/// A tensor as f32, whatever its type.
pub(crate) fn tensor(file: &SafeTensors<'_>, name: &str) -> ArrayD<f32> {
    let tensor = file.tensor(name).unwrap();
    let bytes = tensor.data();
    let values: Vec<f32> = match tensor.dtype() {
        Dtype::F32 => bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect(),
        Dtype::F16 => bytes.chunks_exact(2).map(|b| half::f16::from_le_bytes(b.try_into().unwrap()).to_f32()).collect(),
        Dtype::I8 => bytes.iter().map(|b| f32::from(*b as i8)).collect(),
        other => panic!("no test needs {other:?}"),
    };
    ArrayD::from_shape_vec(IxDyn(tensor.shape()), values).unwrap()
}

/// The voxels of a little-endian NIfTI-1 file of bytes or 16-bit integers, as (z, y, x).
pub(crate) fn nifti_voxels(name: &str) -> ndarray::Array3<f32> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(&golden_bytes(name)[..]).read_to_end(&mut bytes).unwrap();
    let int16 = |at: usize| i16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let size = [46, 44, 42].map(|at| int16(at) as usize);
    let data = &bytes[352..];
    let values: Vec<f32> = match int16(70) {
        2 => data.iter().map(|b| f32::from(*b)).collect(),
        4 => data.chunks_exact(2).map(|b| f32::from(i16::from_le_bytes([b[0], b[1]]))).collect(),
        16 => data.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect(),
        other => panic!("no test needs NIfTI type {other}"),
    };
    ndarray::Array3::from_shape_vec(size, values).unwrap()
}
