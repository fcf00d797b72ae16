//! One case from scans to mask.

use std::time::{Duration, Instant};

use engine::Cancelled;
use mednext::{InferencePlan, ModelLabels};
use volume::{LabelMap, LabelTable, Scan};

use crate::error::PipelineError;
use crate::export::{Exporter, ProbabilitySink};
use crate::predict::{Ensemble, FoldRunner, Window};
use crate::preprocess::preprocess;
use crate::tiles::{TileGrid, mirrorings};

/// Choices that do not belong to the model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SegmentOptions {
    /// Tile step as a part of the tile size.
    pub step_size: f64,
    /// Whether to average over mirrored tiles, along the axes the model allows.
    pub mirror: bool,
}

impl Default for SegmentOptions {
    fn default() -> Self {
        Self { step_size: 0.5, mirror: true }
    }
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Cropping, normalising and resampling the scan.
    Preprocess,
    /// Running the networks; finished parts are resampled and labelled meanwhile.
    Predict,
}

/// How far a stage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Which stage.
    pub stage: Stage,
    /// Steps done; network runs in [`Stage::Predict`].
    pub done: usize,
    /// Steps in all.
    pub total: usize,
}

/// Where the time went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timings {
    /// Crop, normalisation, resampling.
    pub preprocess: Duration,
    /// Inside the networks.
    pub network: Duration,
    /// Accumulation, resampling to the scan's grid, labels.
    pub aggregate: Duration,
}

/// A finished case.
#[derive(Debug, Clone)]
pub struct Segmentation {
    /// The mask, on the grid of the first scan.
    pub labels: LabelMap,
    /// Where the time went.
    pub timings: Timings,
    /// Tile places.
    pub tiles: usize,
    /// Network runs: tiles x folds x mirrorings.
    pub runs: usize,
}

/// Ways in and out while a case runs.
pub struct Hooks<'a> {
    /// Told after every step.
    pub progress: &'a mut dyn FnMut(Progress),
    /// Asked before every step; the networks ask during a tile as well.
    pub cancelled: &'a (dyn Fn() -> bool + Sync),
    /// Receives class probabilities, which are computed only for it.
    pub probabilities: Option<&'a mut ProbabilitySink<'a>>,
}

/// Segments one case: one scan per image channel, in the order of the plan.
///
/// The scans are taken to free them as soon as the network's input is made.
pub fn segment(
    scans: Vec<Scan>,
    plan: &InferencePlan,
    labels: &ModelLabels,
    folds: &mut [FoldRunner],
    options: &SegmentOptions,
    progress: &mut dyn FnMut(Progress),
    cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<Segmentation, PipelineError> {
    segment_with(scans, plan, labels, folds, options, Hooks { progress, cancelled, probabilities: None })
}

/// [`segment`] with all hooks.
pub fn segment_with(
    scans: Vec<Scan>,
    plan: &InferencePlan,
    labels: &ModelLabels,
    folds: &mut [FoldRunner],
    options: &SegmentOptions,
    hooks: Hooks<'_>,
) -> Result<Segmentation, PipelineError> {
    let Hooks { progress, cancelled, probabilities } = hooks;
    let ensemble = Ensemble::new(folds, plan.patch_size)?;
    let started = Instant::now();
    progress(Progress { stage: Stage::Preprocess, done: 0, total: 1 });
    let geometry = scans.first().map(|scan| scan.geometry.clone());
    let input = preprocess(scans, plan)?;
    if cancelled() {
        return Err(Cancelled.into());
    }
    progress(Progress { stage: Stage::Preprocess, done: 1, total: 1 });
    let preprocessed = started.elapsed();

    let grid = TileGrid::new(input.frame.size, plan.patch_size, options.step_size)?;
    let mirror_axes: &[usize] = if options.mirror { &plan.mirror_axes } else { &[] };
    let window = Window { image: &input.channels, grid, mirrorings: mirrorings(mirror_axes), cancelled };
    let (tiles, runs) = (window.grid.count(), window.runs(folds.len()));
    tracing::debug!(tiles, runs, channels = ensemble.channels, "sliding window");
    // A shorter borrow of the sink, so that the exporter may also borrow what is made here.
    let probabilities = probabilities.map(|sink| -> &mut ProbabilitySink<'_> { sink });
    let mut exporter = Exporter::new(&input.frame, &ensemble, labels, plan, probabilities)?;
    let mut done = 0;
    let mut on_run = || {
        done += 1;
        progress(Progress { stage: Stage::Predict, done, total: runs });
    };
    let network = window.predict(folds, &ensemble, &mut on_run, &mut |plane| exporter.push(plane))?;
    let timings = Timings { preprocess: preprocessed, network, aggregate: started.elapsed() - preprocessed - network };

    let table = LabelTable::from_names(labels.names.iter().map(|label| (label.value, label.name.clone())));
    let labels = LabelMap { geometry: geometry.expect("preprocessing needs a scan"), voxels: exporter.finish(), table };
    Ok(Segmentation { labels, timings, tiles, runs })
}
