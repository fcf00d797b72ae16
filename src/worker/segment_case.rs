//! `segment_case`: an opened case to a new layer, which fills while tiles run and keeps what was finished if the run ends early.

use std::cell::RefCell;
use std::time::{Instant, SystemTime};

use engine::{Device, Precision, PrecisionChoice};
use formats::study::OpenOptions;
use jobs::case::{CaseFile, LabelWidth, LayerFile, LayerKind, LayerState};
use jobs::{Event, Failure, FailureKind, LayerReport, Quality, SegmentCaseJob, Stage, utc_timestamp};
use mednext::{LabelRule, Model, ModelLabels};
use volume::{LabelTable, Scan};

use crate::failure;
use crate::files::sha256_of;
use crate::layers::{open_case, unwritable};
use crate::live::LiveLayer;
use crate::run::Run;
use crate::session::{Session, Settings, load_model, open_device};
use crate::study::{self, Loaded};
use crate::tile_times::TileKind;

/// What a quality means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Way {
    /// As people call it.
    pub(crate) name: &'static str,
    /// Every fold, or the first.
    pub(crate) all_folds: bool,
    /// Whether tiles are averaged over the model's mirrorings.
    pub(crate) mirror: bool,
    /// nnU-Net's step: the part of a tile by which the next one lies further.
    pub(crate) step_size: f64,
    /// Whether activations may be half precision where the device has it.
    pub(crate) half: bool,
}

impl Way {
    pub(crate) fn of(quality: Quality) -> Self {
        match quality {
            Quality::Fast => Self { name: "Fast", all_folds: false, mirror: false, step_size: 0.75, half: true },
            Quality::Balanced => Self { name: "Balanced", all_folds: true, mirror: false, step_size: 0.5, half: false },
            Quality::Best => Self { name: "Best", all_folds: true, mirror: true, step_size: 0.5, half: false },
        }
    }

    /// Precision on a device.
    pub(crate) fn precision(self, device: &Device) -> Precision {
        if self.half && device.has_f16() { Precision::F16 } else { Precision::F32 }
    }
}

/// Fills a new layer.
pub(crate) fn segment_case(job: &SegmentCaseJob, run: &mut Run<'_>) -> Result<LayerReport, Failure> {
    let case = open_case(&job.case)?;
    let mut way = Way::of(job.quality);
    way.mirror = job.mirroring.unwrap_or(way.mirror);
    let source = &case.file.source;
    let options = OpenOptions { series: source.series.clone(), volume: source.volume, ..OpenOptions::default() };
    let Loaded { scans, identity, modalities, .. } = study::read(&source.paths, &options, run)?;
    if identity != source.identity || !is_image_of(&case.file, &scans) {
        let sentence = "the study has changed since it was opened; open it again to segment it as it is now";
        return Err(Failure::new(FailureKind::InputRefused, sentence));
    }

    let mut settings = Settings {
        model: &job.model,
        folds: None,
        step_size: way.step_size,
        disable_tta: !way.mirror,
        device: &job.device,
        precision: "f32",
        device_memory_mib: job.device_memory_mib,
    };
    settings.check()?;
    let mut model = load_model(&settings, run)?;
    let (table, width) = (table(&model, job.structures.as_deref())?, width(&model.labels.rule, model.config.classes));
    let first = [model.folds[0].name.clone()];
    if !way.all_folds && model.folds.len() > 1 {
        model.folds.truncate(1);
        settings.folds = Some(&first);
    }
    let device = open_device(&job.device, PrecisionChoice::Auto, run)?;
    let precision = way.precision(&device).to_string();
    settings.precision = &precision;
    let (name, config, patch) = (format!("{}, {}", model.name, way.name), model.config.clone(), model.plan.patch_size);
    let mut session = Session::on(&device, model, &settings, run)?;
    session.doubt_modalities(&modalities, run);
    run.stage(Stage::Preprocessing)?;
    let started = Instant::now();
    let prepared = pipeline::prepare(scans, session.plan()).map_err(|error| failure::pipeline(&error))?;

    run.stage(Stage::Predicting)?;
    let file = LayerFile {
        name,
        kind: LayerKind::Model,
        state: LayerState::Running,
        done: 0.0,
        based_on: None,
        width,
        table: table.clone(),
        created_at: utc_timestamp(SystemTime::now()),
        device: session.device().to_owned(),
        setting: way.name.to_owned(),
        provenance: None,
        unfinished: Some(Box::new(session.unfinished(job.structures.as_deref()))),
    };
    let size = case.file.geometry.size_zyx;
    let earlier = job.resume.and_then(|number| LiveLayer::resume(&case.folder, number, size, &file));
    let made = earlier.map_or_else(|| LiveLayer::create(&case.folder, size, file), Ok);
    // Dropped on every way out; what was finished until then stays.
    let layer = RefCell::new(made.map_err(|error| unwritable("the layer", &error))?);
    let number = layer.borrow().number();
    run.send(Event::Layer { layer: number, table, width });
    let began_on = session.device().to_owned();
    let predicting = Instant::now();
    session.fill(prepared, &layer, run)?;
    let seconds = predicting.elapsed().as_secs_f64();
    let mut layer = layer.into_inner();
    if session.device() == began_on {
        TileKind::new(&config, patch, session.device(), session.networks().precision()).keep(seconds / layer.runs() as f64);
    }

    run.stage(Stage::Writing)?;
    layer.finish_voxels(run).map_err(|error| unwritable("the layer", &error))?;
    let sha256 = sha256_of(&layer.folder().labels_path()).map_err(|error| failure::writing(&error))?;
    let provenance = session.provenance(identity, sha256, started.elapsed(), run);
    let completed = layer.complete(|file| {
        session.device().clone_into(&mut file.device);
        file.provenance = Some(Box::new(provenance));
    });
    completed.map_err(|error| unwritable("the layer", &error))?;
    Ok(LayerReport { layer: number })
}

/// Whether the voxels still lie where the case's image lies.
fn is_image_of(case: &CaseFile, scans: &[Scan]) -> bool {
    scans.first().is_some_and(|scan| scan.geometry == case.geometry)
}

/// The structures that will be kept.
fn table(model: &Model, wanted: Option<&[u16]>) -> Result<LabelTable, Failure> {
    let ModelLabels { names, .. } = &model.labels;
    let known = |value: u16| names.iter().any(|label| label.value == value);
    if let Some(unknown) = wanted.unwrap_or_default().iter().find(|value| !known(**value)) {
        return Err(Failure::new(FailureKind::Usage, format!("the model has no structure {unknown}")));
    }
    if wanted.is_some_and(<[u16]>::is_empty) {
        return Err(Failure::new(FailureKind::Usage, "choose at least one structure"));
    }
    let kept = names.iter().filter(|label| wanted.is_none_or(|wanted| wanted.contains(&label.value)));
    Ok(LabelTable::from_names(kept.map(|label| (label.value, label.name.clone()))))
}

fn width(rule: &LabelRule, classes: usize) -> LabelWidth {
    match rule {
        LabelRule::Argmax => LabelWidth::for_max(classes.saturating_sub(1).min(usize::from(u16::MAX)) as u16),
        LabelRule::Regions { values } => LabelWidth::for_max(values.iter().copied().max().unwrap_or(0)),
    }
}
