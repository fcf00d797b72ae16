//! What happens to a scan before and after the network: the part of nnU-Net's `plans.json` and `dataset.json` that inference needs.
//!
//! Axes are those of the TRANSPOSED array (nnU-Net's `transpose_forward` applied to z, y, x), as in plans.json.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::config::Config;

/// Intensity statistics of the training set's foreground, per channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IntensityStats {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub std: f64,
    /// 0.5th percentile.
    pub percentile_00_5: f64,
    /// 99.5th percentile.
    pub percentile_99_5: f64,
}

/// nnU-Net's normalisation schemes (`preprocessing/normalization/default_normalization_schemes.py`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Normalization {
    /// `CTNormalization`: clip to the percentiles, subtract the mean, divide by the deviation of the training foreground.
    Ct,
    /// `ZScoreNormalization`: by the image's own mean and deviation.
    ZScore,
    /// `NoNormalization`.
    None,
    /// `RescaleTo01Normalization`.
    RescaleTo01,
    /// `RGBTo01Normalization`: divide by 255.
    RgbTo01,
}

/// One image channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Channel {
    /// Name from dataset.json, e.g. "CT".
    pub name: String,
    /// Scheme.
    pub normalization: Normalization,
    /// Whether statistics come from, and normalisation applies to, the non-zero region only.
    pub use_mask: bool,
    /// Training statistics; `Normalization::Ct` needs them.
    pub intensity: Option<IntensityStats>,
}

/// Parameters of nnU-Net's `resample_data_or_seg_to_shape`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resampling {
    /// Spline order in plane (or in all axes when not separate).
    pub order: u8,
    /// Spline order across thick slices.
    pub order_z: u8,
    /// Forces or forbids separate treatment of the thick axis; decided from the spacing when absent.
    pub force_separate_z: Option<bool>,
}

/// Everything between file and network, and back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InferencePlan {
    /// Tile size.
    pub patch_size: [usize; 3],
    /// Voxel spacing the network was trained at, millimetres.
    pub spacing_mm: [f64; 3],
    /// Array axes (z, y, x) in the order the network wants them.
    pub transpose_forward: [usize; 3],
    /// Its inverse.
    pub transpose_backward: [usize; 3],
    /// Image channels in the order of `_0000`, `_0001`, ...
    pub channels: Vec<Channel>,
    /// Image resampling.
    pub resample_data: Resampling,
    /// Logit resampling.
    pub resample_logits: Resampling,
    /// Axes the checkpoint allows to mirror at test time; empty for none.
    pub mirror_axes: Vec<usize>,
    /// Whether the reader brings scans to RAS first (`SimpleITKIOWithReorient`, `NibabelIOWithReorient`).
    pub reorient_to_ras: bool,
}

/// A named value of the output mask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedLabel {
    /// Name from dataset.json.
    pub name: String,
    /// Value in the mask; for a region, the value it is painted with.
    pub value: u16,
}

/// How logits become label values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LabelRule {
    /// Argmax; head channel i is label value i.
    Argmax,
    /// Sigmoid above one half, painted in head order: channel i paints `values[i]` (`regions_class_order`).
    Regions {
        /// Painted values.
        values: Vec<u16>,
    },
}

/// The output side of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelLabels {
    /// Structures, without background.
    pub names: Vec<NamedLabel>,
    /// Argmax or regions.
    pub rule: LabelRule,
}

/// Why a plan and a network do not go together.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct PlanError(pub String);

impl InferencePlan {
    /// Refuses plans that cannot be carried out for a network.
    pub fn check(&self, config: &Config) -> Result<(), PlanError> {
        let refuse = |reason: String| Err(PlanError(reason));
        config.check_patch(self.patch_size).map_err(|e| PlanError(e.to_string()))?;
        if self.spacing_mm.iter().any(|mm| !mm.is_finite() || *mm <= 0.0) {
            return refuse(format!("the plan has the impossible spacing {:?}", self.spacing_mm));
        }
        let (forward, backward) = (self.transpose_forward, self.transpose_backward);
        if (0..3).any(|axis| backward.get(forward[axis]) != Some(&axis)) {
            return refuse(format!("the axis orders {forward:?} and {backward:?} are not each other's inverse"));
        }
        if self.mirror_axes.iter().any(|axis| *axis > 2) {
            return refuse(format!("the plan mirrors axes {:?}, and there are only 0 to 2", self.mirror_axes));
        }
        if self.channels.len() != config.in_channels {
            return refuse(format!(
                "the network takes {} image channels, but the plan prepares {}",
                config.in_channels,
                self.channels.len()
            ));
        }
        if let Some(channel) = self.channels.iter().find(|c| c.normalization == Normalization::Ct && c.intensity.is_none()) {
            return refuse(format!("the plan lacks the intensity statistics of {}, which CTNormalization needs", channel.name));
        }
        let orders = [&self.resample_data, &self.resample_logits].map(|resampling| [resampling.order, resampling.order_z]);
        if let Some(order) = orders.as_flattened().iter().find(|order| ![0, 1, 3].contains(*order)) {
            return refuse(format!("resampling with splines of order {order} is not supported, only 0, 1 and 3"));
        }
        if let Some(order) = orders[1].iter().find(|order| **order > 1) {
            return refuse(format!("the plan resamples logits with splines of order {order}, and only 0 and 1 are supported"));
        }
        Ok(())
    }
}

impl ModelLabels {
    /// Output channels the labels describe.
    pub fn heads(&self) -> usize {
        match &self.rule {
            LabelRule::Argmax => self.names.iter().map(|label| usize::from(label.value)).max().unwrap_or(0) + 1,
            LabelRule::Regions { values } => values.len(),
        }
    }

    /// Refuses labels that do not describe a network's output.
    pub fn check(&self, config: &Config) -> Result<(), PlanError> {
        if self.heads() == config.classes {
            return Ok(());
        }
        Err(PlanError(format!("the labels describe {} output channels, but the network has {}", self.heads(), config.classes)))
    }
}
