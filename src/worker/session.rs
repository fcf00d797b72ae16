//! A model on a device: opened once, then one case after another.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Instant, SystemTime};

use engine::{Device, DeviceChoice, TileOutput};
use formats::nifti;
use jobs::{Failure, FailureKind, ModelIdentity, Notice, Parameters, Provenance, SourceIdentity, Stage, StructureReport, utc_timestamp};
use mednext::{InferencePlan, Model, ModelLabels, Normalization, Weights};
use pipeline::{FoldRunner, Head, Hooks, MIN_STEP, ProbabilitySink, SegmentOptions};
use volume::LabelMap;

use crate::eta::Eta;
use crate::files::{PendingMask, folder_of, read_sidecar, sha256_of};
use crate::probabilities::{self, ProbabilityStore};
use crate::run::Run;
use crate::study::Loaded;
use crate::{SOFTWARE, failure, weights};

/// Warning code of a driver known to compute wrongly, or of a device passed over.
pub(crate) const DEVICE: &str = "DEVICE";

/// Warning code of a scan that is not what the model was trained on.
const MODALITY: &str = "MODALITY";

/// Choices of the user.
pub(crate) struct Settings<'a> {
    pub(crate) model: &'a Path,
    pub(crate) folds: Option<&'a [String]>,
    pub(crate) step_size: f64,
    pub(crate) disable_tta: bool,
    pub(crate) device: &'a str,
}

impl Settings<'_> {
    /// Refuses choices that mean nothing, before anything is read.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        device_choice(self.device)?;
        if (MIN_STEP..=1.0).contains(&self.step_size) {
            return Ok(());
        }
        let sentence = format!("the step size is a fraction of the tile from {MIN_STEP} to 1, not {}", self.step_size);
        Err(Failure::new(FailureKind::Usage, sentence))
    }
}

/// Understands `--device`.
pub(crate) fn device_choice(text: &str) -> Result<DeviceChoice, Failure> {
    text.parse().map_err(|sentence: String| Failure::new(FailureKind::Usage, sentence))
}

/// Reads and checks a model.
pub(crate) fn load_model(settings: &Settings<'_>, run: &mut Run<'_>) -> Result<Model, Failure> {
    run.stage(Stage::LoadingModel)?;
    let model = weights::open(settings.model, settings.folds)?;
    let patch = model.plan.patch_size;
    model.config.check_patch(patch).map_err(|error| Failure::new(FailureKind::ModelRefused, error.to_string()))?;
    Ok(model)
}

/// A model ready to run.
pub(crate) struct Session {
    plan: InferencePlan,
    labels: ModelLabels,
    classes: usize,
    identity: ModelIdentity,
    parameters: Parameters,
    options: SegmentOptions,
    device: String,
    folds: Vec<FoldRunner>,
}

/// A finished case.
pub(crate) struct Finished {
    pub(crate) mask: LabelMap,
    pub(crate) provenance: Provenance,
    pub(crate) structures: Vec<StructureReport>,
}

impl Session {
    /// Puts a model on a device; its weights are freed here once the device has them.
    pub(crate) fn open(model: Model, settings: &Settings<'_>, run: &mut Run<'_>) -> Result<Self, Failure> {
        let identity = ModelIdentity { name: model.name.clone(), sha256: model.sha256(), licence: model.card.licence.clone() };
        let mirror_axes = if settings.disable_tta { Vec::new() } else { model.plan.mirror_axes.clone() };
        let folds = model.folds.iter().map(|fold| fold.name.clone()).collect();
        let parameters = Parameters { folds, step_size: settings.step_size, mirror_axes };

        run.stage(Stage::PreparingDevice)?;
        let opened = Device::open(device_choice(settings.device)?).map_err(|error| failure::engine(&error))?;
        for text in opened.doubts {
            run.warn(Notice { code: DEVICE.to_owned(), text });
        }
        let device = opened.device;
        run.send(jobs::Event::Device { name: device.describe() });
        let runners = runners(&model, &device)?;
        Ok(Self {
            plan: model.plan,
            labels: model.labels,
            classes: model.config.classes,
            identity,
            parameters,
            options: SegmentOptions { step_size: settings.step_size, mirror: !settings.disable_tta },
            device: device.describe(),
            folds: runners,
        })
    }

    /// Device as people would name it.
    pub(crate) fn device(&self) -> &str {
        &self.device
    }

    /// Whether mask, sidecar and, if asked for, probabilities are what this session would write for a source.
    pub(crate) fn has_written(&self, output: &Path, save_probabilities: bool, source: &SourceIdentity) -> bool {
        let Some(provenance) = read_sidecar(output) else { return false };
        let probabilities = || {
            let paths = probabilities::paths(&probabilities::folder_beside(output), &self.labels, self.classes);
            provenance.probabilities && paths.iter().all(|path| path.is_file())
        };
        provenance.covers(&self.identity.sha256, &self.parameters, source)
            && (!save_probabilities || probabilities())
            && sha256_of(output).is_ok_and(|sha256| sha256 == provenance.mask_sha256)
    }

    /// Segments a case and writes mask, sidecar and, if asked for, probabilities.
    pub(crate) fn segment(
        &mut self,
        study: Loaded,
        output: &Path,
        save_probabilities: bool,
        run: &mut Run<'_>,
    ) -> Result<Finished, Failure> {
        let started = Instant::now();
        let Loaded { scans, identity: source, modalities, placement } = study;
        for text in foreign_modalities(&self.plan, &modalities) {
            run.warn(Notice { code: MODALITY.to_owned(), text });
        }
        let mut store = if save_probabilities { Some(self.probability_store(output)?) } else { None };
        let mask = self.predict(scans, store.as_mut(), run)?;

        run.stage(Stage::Writing)?;
        if let Some(store) = store {
            store.write(&probabilities::folder_beside(output), &self.labels, &mask.geometry, placement.as_ref())?;
        }
        let pending = PendingMask::write(output, |path| nifti::write_labels(path, &mask, placement.as_ref()))?;
        let provenance = Provenance {
            software: SOFTWARE.to_owned(),
            finished_at: utc_timestamp(SystemTime::now()),
            model: self.identity.clone(),
            parameters: self.parameters.clone(),
            device: self.device.clone(),
            source,
            warnings: run.case_warnings().to_vec(),
            mask_sha256: pending.sha256.clone(),
            replaces_sha256: pending.replaces_sha256.clone(),
            probabilities: save_probabilities,
            seconds: started.elapsed().as_secs_f64(),
        };
        pending.commit(output, &provenance)?;
        let structures = structures(&mask);
        Ok(Finished { mask, provenance, structures })
    }

    fn probability_store(&self, output: &Path) -> Result<ProbabilityStore, Failure> {
        let folder = folder_of(output);
        ProbabilityStore::new(folder, self.classes)
            .map_err(|error| Failure::new(FailureKind::Output, format!("cannot store probabilities in {}: {error}", folder.display())))
    }

    fn predict(&mut self, scans: Vec<volume::Scan>, store: Option<&mut ProbabilityStore>, run: &mut Run<'_>) -> Result<LabelMap, Failure> {
        let cancel = run.cancel_flag();
        run.stage(Stage::Preprocessing)?;
        let mut eta = Eta::new();
        let mut progress = |progress: pipeline::Progress| match progress.stage {
            pipeline::Stage::Preprocess => {}
            pipeline::Stage::Predict => run.progress(Stage::Predicting, &mut eta, progress.done as u64, progress.total as u64),
        };
        let mut sink = store.map(|store| {
            move |slab: pipeline::ProbabilitySlab<'_>| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
                Ok(store.push(slab.region, &slab.values)?)
            }
        });
        let hooks = Hooks {
            progress: &mut progress,
            cancelled: &|| cancel.load(Ordering::Relaxed),
            probabilities: sink.as_mut().map(|sink| sink as &mut ProbabilitySink<'_>),
        };
        let segmented = pipeline::segment_with(scans, &self.plan, &self.labels, &mut self.folds, &self.options, hooks);
        segmented.map(|segmented| segmented.labels).map_err(|error| failure::pipeline(&error))
    }
}

/// One runner per fold; where features take less memory than class logits, the head is applied after averaging.
fn runners(model: &Model, device: &Device) -> Result<Vec<FoldRunner>, Failure> {
    let output = pipeline::preferred_output(model.config.classes, model.config.width, model.folds.len());
    let weights: Vec<&Weights> = model.folds.iter().map(|fold| &fold.weights).collect();
    let runners = device.runners(&model.config, &weights, model.plan.patch_size, output).map_err(|error| failure::engine(&error))?;
    let folds = runners.into_iter().zip(&model.folds).map(|(runner, fold)| {
        let head = match output {
            TileOutput::Logits => None,
            TileOutput::Features => Some(head(&fold.weights)),
        };
        FoldRunner { runner, head }
    });
    Ok(folds.collect())
}

/// Channels normalised as CT whose scan says it is something else: the clip range then means nothing.
fn foreign_modalities(plan: &InferencePlan, modalities: &[Option<String>]) -> Vec<String> {
    let pairs = plan.channels.iter().zip(modalities).enumerate();
    let foreign = pairs.filter_map(|(index, (channel, modality))| {
        let modality =
            modality.as_ref().filter(|modality| channel.normalization == Normalization::Ct && !["", "CT"].contains(&modality.as_str()))?;
        Some(format!("channel {index} of the model was trained on CT, the scan is {modality}"))
    });
    foreign.collect()
}

/// `out_0`, a 1x1x1 transposed convolution: PyTorch stores (features, classes, 1, 1, 1).
fn head(weights: &Weights) -> Head {
    let tensor = |name: &str| weights.get(name).expect("a model's tensors are checked when it is read");
    let (weight, bias) = (tensor("out_0.conv_out.weight"), tensor("out_0.conv_out.bias"));
    let (features, classes) = (weight.shape[0], weight.shape[1]);
    let transposed = (0..classes).flat_map(|k| (0..features).map(move |c| (c, k)));
    Head { weight_kc: transposed.map(|(c, k)| weight.data[c * classes + k]).collect(), bias: bias.data.to_vec() }
}

fn structures(mask: &LabelMap) -> Vec<StructureReport> {
    let voxel_ml = mask.geometry.voxel_volume_mm3() / 1000.0;
    let counts = mask.voxels.counts();
    let count_of = |value: u16| counts.iter().find(|(v, _)| *v == value).map_or(0, |(_, count)| *count);
    mask.table
        .iter()
        .map(|label| {
            let voxels = count_of(label.value);
            StructureReport { value: label.value, name: label.name.clone(), voxels, volume_ml: voxels as f64 * voxel_ml }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use mednext::{Config, Generation, Preset, Tensor, graph};

    use super::*;

    /// Deterministic values of about unit gain.
    fn noise_weights(config: &Config) -> Weights {
        let mut weights = Weights::default();
        for (seed, param) in graph(config).unwrap().params().into_iter().enumerate() {
            let values: Vec<f32> = (0..param.numel()).map(|i| ((i * 7919 + seed * 104_729) % 1000) as f32 / 1000.0 - 0.5).collect();
            weights.insert(param.name, Tensor::new(param.shape, values));
        }
        weights
    }

    #[test]
    fn features_through_the_head_are_the_logits() {
        let mut config = Config::preset(Preset::S, Generation::V2, 3, 4, 1, 7);
        config.blocks = [1; 9];
        let (weights, patch) = (noise_weights(&config), [16, 16, 32]);
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

    #[test]
    fn a_model_of_ct_doubts_an_mr_scan() {
        let channel = mednext::Channel { name: "CT".to_owned(), normalization: Normalization::Ct, use_mask: false, intensity: None };
        let resampling = mednext::Resampling { order: 1, order_z: 0, force_separate_z: None };
        let plan = InferencePlan {
            patch_size: [32; 3],
            spacing_mm: [1.0; 3],
            transpose_forward: [0, 1, 2],
            transpose_backward: [0, 1, 2],
            channels: vec![channel],
            resample_data: resampling.clone(),
            resample_logits: resampling,
            mirror_axes: Vec::new(),
            reorient_to_ras: false,
        };
        let doubts = |modality: &str| foreign_modalities(&plan, &[Some(modality.to_owned())]).len();
        assert_eq!((doubts("MR"), doubts("CT"), doubts("")), (1, 0, 0));
    }
}
