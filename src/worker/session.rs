//! A model on a device: opened once, then one case after another.

use std::cell::RefCell;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use engine::{Allowance, Device, DeviceChoice, Precision, PrecisionChoice};
use formats::nifti::{self, NiftiPlacement};
use jobs::case::Unfinished;
use jobs::{Failure, FailureKind, ModelIdentity, Notice, Parameters, Provenance, SourceIdentity, Stage, StructureReport, utc_timestamp};
use mednext::{InferencePlan, Model, ModelLabels, Normalization};
use pipeline::{DeviceFailure, FoldRunner, Hooks, MIN_STEP, PartSink, PreparedCase, ProbabilitySink, SegmentOptions, TileSink};
use volume::LabelMap;

use crate::eta::Eta;
use crate::files::{PendingMask, folder_of, read_sidecar, sha256_of};
use crate::live::LiveLayer;
use crate::networks::{Networks, Wanted};
use crate::probabilities::{self, ProbabilityStore};
use crate::run::Run;
use crate::study::Loaded;
use crate::tuning::{self, Measure};
use crate::{SOFTWARE, failure, weights};

/// Warning code of a driver known to compute wrongly, or of a device passed over.
pub(crate) const DEVICE: &str = "DEVICE";

/// Warning code of a device that failed while it ran, and what went on instead.
const DEVICE_LOST: &str = "DEVICE_LOST";

/// Warning code of a model that had to be made to fit.
const MEMORY: &str = "MEMORY";

/// Warning code of a scan that is not what the model was trained on.
const MODALITY: &str = "MODALITY";

/// Choices of the user.
pub(crate) struct Settings<'a> {
    pub(crate) model: &'a Path,
    pub(crate) folds: Option<&'a [String]>,
    pub(crate) step_size: f64,
    pub(crate) disable_tta: bool,
    pub(crate) device: &'a str,
    pub(crate) precision: &'a str,
    pub(crate) device_memory_mib: Option<u64>,
}

impl Settings<'_> {
    /// Refuses choices that mean nothing, before anything is read.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        device_choice(self.device)?;
        self.allowance()?;
        if (MIN_STEP..=1.0).contains(&self.step_size) {
            return Ok(());
        }
        let sentence = format!("the step size is a fraction of the tile from {MIN_STEP} to 1, not {}", self.step_size);
        Err(Failure::new(FailureKind::Usage, sentence))
    }

    fn allowance(&self) -> Result<Allowance, Failure> {
        let precision = self.precision.parse().map_err(|sentence: String| Failure::new(FailureKind::Usage, sentence))?;
        Ok(Allowance { device_bytes: self.device_memory_mib.map(|mib| mib << 20), precision })
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

/// Opens what `--device` names and lets it run as is fastest on it.
pub(crate) fn open_device(device: &str, precision: PrecisionChoice, run: &mut Run<'_>) -> Result<Device, Failure> {
    run.stage(Stage::PreparingDevice)?;
    let choice = device_choice(device)?;
    let opened = Device::open(choice).map_err(|error| failure::engine(&error))?;
    for text in opened.doubts {
        run.warn(Notice { code: DEVICE.to_owned(), text });
    }
    tuning::apply(opened.device, choice, Measure::IfUnknown, precision).map_err(|error| failure::engine(&error))
}

/// A model ready to run.
pub(crate) struct Session {
    plan: InferencePlan,
    labels: ModelLabels,
    classes: usize,
    identity: ModelIdentity,
    parameters: Parameters,
    options: SegmentOptions,
    /// Device as people would name it.
    device: String,
    networks: Networks,
    folds: Vec<FoldRunner>,
}

/// A finished case.
pub(crate) struct Finished {
    pub(crate) mask: LabelMap,
    pub(crate) provenance: Provenance,
    pub(crate) structures: Vec<StructureReport>,
}

/// A preprocessed case and what its mask's sidecar needs.
pub(crate) struct Ready {
    pub(crate) case: PreparedCase,
    pub(crate) identity: SourceIdentity,
    pub(crate) placement: Option<NiftiPlacement>,
}

impl Session {
    /// Puts a model on a device; its weights are freed here once the device has them.
    pub(crate) fn open(model: Model, settings: &Settings<'_>, run: &mut Run<'_>) -> Result<Self, Failure> {
        let device = open_device(settings.device, settings.allowance()?.precision, run)?;
        Self::on(&device, model, settings, run)
    }

    /// Puts a model on a device that is open already.
    pub(crate) fn on(device: &Device, model: Model, settings: &Settings<'_>, run: &mut Run<'_>) -> Result<Self, Failure> {
        let identity = ModelIdentity { name: model.name.clone(), sha256: model.sha256(), licence: model.card.licence.clone() };
        let mirror_axes = if settings.disable_tta { Vec::new() } else { model.plan.mirror_axes.clone() };
        let choice = device_choice(settings.device)?;
        let wanted = Wanted {
            model_path: settings.model.to_owned(),
            folds: settings.folds,
            sha256: identity.sha256.clone(),
            choice,
            allowance: settings.allowance()?,
        };
        let (networks, folds, notes) = Networks::open(&model, device, wanted)?;
        for text in notes {
            run.warn(Notice { code: MEMORY.to_owned(), text });
        }
        run.send(device_event(&networks));
        Ok(Self {
            plan: model.plan,
            labels: model.labels,
            classes: model.config.classes,
            identity,
            parameters: Parameters {
                folds: model.folds.iter().map(|fold| fold.name.clone()).collect(),
                step_size: settings.step_size,
                mirror_axes,
                precision: networks.precision().to_string(),
            },
            options: SegmentOptions {
                step_size: settings.step_size,
                mirror: !settings.disable_tta,
                device_bytes: networks.bytes_left(),
                label_on_device: None,
                resume: None,
            },
            device: networks.device().describe(),
            networks,
            folds,
        })
    }

    /// Device as people would name it.
    pub(crate) fn device(&self) -> &str {
        &self.device
    }

    /// Networks and the device they run on.
    pub(crate) fn networks(&self) -> &Networks {
        &self.networks
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
        let Loaded { scans, identity, modalities, placement } = study;
        self.doubt_modalities(&modalities, run);
        run.stage(Stage::Preprocessing)?;
        let case = pipeline::prepare(scans, &self.plan).map_err(|error| failure::pipeline(&error))?;
        self.segment_prepared(Ready { case, identity, placement }, output, save_probabilities, run)
    }

    /// Doubts a scan that is not what the model was trained on.
    pub(crate) fn doubt_modalities(&self, modalities: &[Option<String>], run: &mut Run<'_>) {
        for text in foreign_modalities(&self.plan, modalities) {
            run.warn(Notice { code: MODALITY.to_owned(), text });
        }
    }

    /// What preprocessing needs to know of the model.
    pub(crate) fn plan(&self) -> &InferencePlan {
        &self.plan
    }

    /// Whether the host has nothing to do while networks run.
    pub(crate) fn leaves_host_idle(&self) -> bool {
        !matches!(self.networks.device(), Device::Cpu)
    }

    /// Segments a preprocessed case and writes mask, sidecar and, if asked for, probabilities.
    pub(crate) fn segment_prepared(
        &mut self,
        ready: Ready,
        output: &Path,
        save_probabilities: bool,
        run: &mut Run<'_>,
    ) -> Result<Finished, Failure> {
        let started = Instant::now();
        let Ready { case, identity: source, placement } = ready;
        let preprocessing = case.time();
        let mut store = if save_probabilities { Some(self.probability_store(output)?) } else { None };
        let mask = self.predict(case, store.as_mut(), None, run)?;

        run.stage(Stage::Writing)?;
        if let Some(store) = store {
            store.write(&probabilities::folder_beside(output), &self.labels, &mask.geometry, placement.as_ref())?;
        }
        let pending = PendingMask::write(output, |path| nifti::write_labels(path, &mask, placement.as_ref()))?;
        let provenance = Provenance {
            replaces_sha256: pending.replaces_sha256.clone(),
            probabilities: save_probabilities,
            ..self.provenance(source, pending.sha256.clone(), preprocessing + started.elapsed(), run)
        };
        pending.commit(output, &provenance)?;
        let structures = structures(&mask);
        Ok(Finished { mask, provenance, structures })
    }

    /// Fills a layer with a preprocessed case as tiles finish, from where an earlier run has left it.
    pub(crate) fn fill(&mut self, case: PreparedCase, layer: &RefCell<LiveLayer>, run: &mut Run<'_>) -> Result<(), Failure> {
        self.predict(case, None, Some(layer), run).map(drop)
    }

    /// What another run must have in common with this one to go on where it stops.
    pub(crate) fn unfinished(&self, structures: Option<&[u16]>) -> Unfinished {
        Unfinished {
            model_sha256: self.identity.sha256.clone(),
            parameters: self.parameters.clone(),
            structures: structures.map(<[u16]>::to_vec),
            in_planes: false,
            count: 0,
        }
    }

    /// What is known of a mask that was just made.
    pub(crate) fn provenance(&self, source: SourceIdentity, mask_sha256: String, time: Duration, run: &Run<'_>) -> Provenance {
        Provenance {
            software: SOFTWARE.to_owned(),
            finished_at: utc_timestamp(SystemTime::now()),
            model: self.identity.clone(),
            parameters: self.parameters.clone(),
            device: self.device.clone(),
            source,
            warnings: run.case_warnings().to_vec(),
            mask_sha256,
            replaces_sha256: None,
            probabilities: false,
            seconds: time.as_secs_f64(),
        }
    }

    fn probability_store(&self, output: &Path) -> Result<ProbabilityStore, Failure> {
        let folder = folder_of(output);
        ProbabilityStore::new(folder, self.classes)
            .map_err(|error| Failure::new(FailureKind::Output, format!("cannot store probabilities in {}: {error}", folder.display())))
    }

    fn predict(
        &mut self,
        case: PreparedCase,
        store: Option<&mut ProbabilityStore>,
        layer: Option<&RefCell<LiveLayer>>,
        run: &mut Run<'_>,
    ) -> Result<LabelMap, Failure> {
        run.check_cancelled()?;
        let before = self.networks.precision();
        self.parameters.precision = before.to_string();
        let cancel = run.cancel_flag();
        let mut eta = Eta::new();
        let run = RefCell::new(run);
        let mut progress = |progress: pipeline::Progress| {
            run.borrow_mut().progress(Stage::Predicting, &mut eta, progress.done as u64, progress.total as u64);
        };
        let networks = &mut self.networks;
        let mut recover = |failed: &DeviceFailure| {
            let (folds, text) = networks.recover(failed)?;
            run.borrow_mut().warn(Notice { code: DEVICE_LOST.to_owned(), text });
            run.borrow_mut().send(device_event(networks));
            Some(folds)
        };
        let mut sink = store.map(|store| {
            move |slab: pipeline::ProbabilitySlab<'_>| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
                Ok(store.push(slab.region, &slab.values)?)
            }
        });
        let mut tile = layer.map(|layer| {
            let run = &run;
            move |tile: pipeline::TilePlace| layer.borrow_mut().tile(&tile, &mut run.borrow_mut())
        });
        let mut part = layer.map(|layer| {
            let run = &run;
            move |part: pipeline::FinishedPart<'_>| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
                Ok(layer.borrow_mut().part(&part, &mut run.borrow_mut())?)
            }
        });
        let hooks = Hooks {
            progress: &mut progress,
            cancelled: &|| cancel.load(Ordering::Relaxed),
            probabilities: sink.as_mut().map(|sink| sink as &mut ProbabilitySink<'_>),
            tiles: tile.as_mut().map(|sink| sink as &mut TileSink<'_>),
            parts: part.as_mut().map(|sink| sink as &mut PartSink<'_>),
            recover: Some(&mut recover),
        };
        let options = SegmentOptions { resume: layer.and_then(|layer| layer.borrow().handed_on()), ..self.options };
        let segmented = pipeline::segment_prepared(case, &self.plan, &self.labels, &mut self.folds, &options, hooks);
        self.device = self.networks.device().describe();
        // Where another device took over, the mask is as exact as the coarser of both.
        let coarser = if before == Precision::F16 { before } else { self.networks.precision() };
        self.parameters.precision = coarser.to_string();
        segmented.map(|segmented| segmented.labels).map_err(|error| failure::pipeline(&error))
    }
}

fn device_event(networks: &Networks) -> jobs::Event {
    let memory = networks.memory();
    let available_mib = memory.available_bytes.map(|bytes| bytes >> 20);
    jobs::Event::Device { name: networks.device().describe(), needed_mib: memory.needed_bytes >> 20, available_mib }
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
    use super::*;

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
