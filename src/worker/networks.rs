//! A model's networks on a device, and on another one when that fails: the same device opened again, once, then the processor.

use std::path::PathBuf;

use engine::{Allowance, Device, DeviceChoice, Memory, Precision, Prepared, TileOutput};
use jobs::Failure;
use mednext::{Model, Weights};
use pipeline::{DeviceFailure, FoldRunner, Head};

use crate::tuning::{self, Measure};
use crate::{failure, weights};

/// What it takes to run a model, and to do so again: weights are read anew then, not kept.
pub(crate) struct Networks {
    model: PathBuf,
    folds: Option<Vec<String>>,
    sha256: String,
    choice: DeviceChoice,
    allowance: Allowance,
    reopened: bool,
    device: Device,
    memory: Memory,
    precision: Precision,
}

/// Where a model lies and what the user wants of its networks.
pub(crate) struct Wanted<'a> {
    pub(crate) model_path: PathBuf,
    pub(crate) folds: Option<&'a [String]>,
    pub(crate) sha256: String,
    pub(crate) choice: DeviceChoice,
    pub(crate) allowance: Allowance,
}

impl Networks {
    /// Puts a model that has been read on a device; also returns what was done to make it fit, in sentences.
    pub(crate) fn open(model: &Model, device: &Device, wanted: Wanted<'_>) -> Result<(Self, Vec<FoldRunner>, Vec<String>), Failure> {
        let (prepared, runners) = prepare(model, device, wanted.allowance)?;
        let networks = Self {
            model: wanted.model_path,
            folds: wanted.folds.map(<[String]>::to_vec),
            sha256: wanted.sha256,
            choice: wanted.choice,
            allowance: wanted.allowance,
            reopened: false,
            device: prepared.device,
            memory: prepared.memory,
            precision: prepared.precision,
        };
        Ok((networks, runners, prepared.notes))
    }

    /// Device they run on.
    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    /// Memory they take of it.
    pub(crate) fn memory(&self) -> Memory {
        self.memory
    }

    /// What the user's limit on device memory leaves for everything else.
    pub(crate) fn bytes_left(&self) -> Option<u64> {
        self.allowance.device_bytes.map(|allowed| allowed.saturating_sub(self.memory.needed_bytes))
    }

    /// How activations are stored.
    pub(crate) fn precision(&self) -> Precision {
        self.precision
    }

    /// The networks again after their device has failed, and what to tell the user; none when the processor failed too, or the
    /// model is no longer what it was.
    pub(crate) fn recover(&mut self, failed: &DeviceFailure) -> Option<(Vec<FoldRunner>, String)> {
        if matches!(self.device, Device::Cpu) {
            return None;
        }
        // Its memory is needed, and nothing on it can be used any more.
        self.device.abandon();
        let model = weights::open(&self.model, self.folds.as_deref()).ok().filter(|model| model.sha256() == self.sha256)?;
        let again = if self.reopened { None } else { Device::open(self.choice).ok() };
        self.reopened = true;
        let again = again.and_then(|opened| {
            // What failed may have been matrix units.
            let device = tuning::apply(opened.device, self.choice, Measure::Plain, self.allowance.precision).ok()?;
            Some(engine::Opened { device, doubts: opened.doubts })
        });
        let again = again.and_then(|opened| prepare(&model, &opened.device, self.allowance).ok());
        let (prepared, runners) = again.or_else(|| prepare(&model, &Device::Cpu, self.allowance).ok())?;
        let before = std::mem::replace(&mut self.device, prepared.device).describe();
        (self.memory, self.precision) = (prepared.memory, prepared.precision);
        let now = self.device.describe();
        let now = if now == before { "the same device, opened again" } else { &now };
        let reason = failed.reason.split_whitespace().collect::<Vec<_>>().join(" ");
        Some((runners, format!("the graphics device failed at tile {} of {} ({reason}); went on with {now}", failed.run, failed.runs)))
    }
}

/// The networks on a device, and one runner per fold; where features take less memory than class logits, the head is applied after
/// averaging.
fn prepare(model: &Model, device: &Device, allowance: Allowance) -> Result<(Prepared, Vec<FoldRunner>), Failure> {
    let output = pipeline::preferred_output(model.config.classes, model.config.width, model.folds.len());
    let weights: Vec<&Weights> = model.folds.iter().map(|fold| &fold.weights).collect();
    let prepared = device.prepare(&model.config, &weights, model.plan.patch_size, output, allowance);
    let mut prepared = prepared.map_err(|error| failure::engine(&error))?;
    let runners = std::mem::take(&mut prepared.runners);
    let folds = runners.into_iter().zip(&model.folds).map(|(runner, fold)| {
        let head = match output {
            TileOutput::Logits => None,
            TileOutput::Features => Some(head(&fold.weights)),
        };
        FoldRunner { runner, head }
    });
    let folds = folds.collect();
    Ok((prepared, folds))
}

/// `out_0`, a 1x1x1 transposed convolution: PyTorch stores (features, classes, 1, 1, 1).
fn head(weights: &Weights) -> Head {
    let tensor = |name: &str| weights.get(name).expect("a model's tensors are checked when it is read");
    let (weight, bias) = (tensor("out_0.conv_out.weight"), tensor("out_0.conv_out.bias"));
    let (features, classes) = (weight.shape[0], weight.shape[1]);
    let transposed = (0..classes).flat_map(|k| (0..features).map(move |c| (c, k)));
    Head { weight_kc: transposed.map(|(c, k)| weight.data[c * classes + k]).collect(), bias: bias.data.to_vec() }
}

#[cfg(test)]
mod tests {
    use engine::noise_weights;
    use mednext::{Config, Generation, Preset, graph};

    use super::*;

    #[test]
    fn features_through_the_head_are_the_logits() {
        let mut config = Config::preset(Preset::S, Generation::V2, 3, 4, 1, 7);
        config.blocks = [1; 9];
        let (weights, patch) = (noise_weights(&graph(&config).unwrap()), [16, 16, 32]);
        let voxels: usize = patch.iter().product();
        let input: Vec<f32> = (0..voxels).map(|i| (i % 97) as f32 / 97.0 - 0.5).collect();
        let run = |output: TileOutput, channels: usize| {
            let mut values = vec![0.0; channels * voxels];
            Device::Cpu.runner(&config, &weights, patch, output).unwrap().run(&input, &mut values, &|| false).unwrap();
            values
        };
        let (logits, features) = (run(TileOutput::Logits, config.classes), run(TileOutput::Features, config.width));
        let head = head(&weights);
        let largest = logits.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        for (k, bias) in head.bias.iter().enumerate() {
            for i in 0..voxels {
                let sum: f32 = (0..config.width).map(|c| head.weight_kc[k * config.width + c] * features[c * voxels + i]).sum();
                assert!((sum + bias - logits[k * voxels + i]).abs() <= 1e-4 * largest, "class {k}, voxel {i}");
            }
        }
    }
}
