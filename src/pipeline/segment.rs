//! One case from scans to mask.

use std::time::{Duration, Instant};

use mednext::{InferencePlan, ModelLabels};
use volume::{Geometry, LabelMap, LabelTable, Scan};

use crate::error::PipelineError;
use crate::export::{Exporter, ProbabilitySink};
use crate::layout::Layout;
use crate::parts::{HandedOn, PartSink, TileSink, Tiles};
use crate::predict::{Ensemble, FoldRunner};
use crate::preprocess::{Preprocessed, preprocess};
use crate::tiles::{TileGrid, mirrorings};
use crate::window::{Callbacks, Recover, Window};

/// Choices that do not belong to the model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SegmentOptions {
    /// Tile step as a part of the tile size.
    pub step_size: f64,
    /// Whether to average over mirrored tiles, along the axes the model allows.
    pub mirror: bool,
    /// Bytes that image and sums may take of a graphics device besides the networks; more is kept in host memory.
    pub device_bytes: Option<u64>,
    /// Whether a graphics device that has the sums makes the labels too; where that is faster, if it is not said.
    pub label_on_device: Option<bool>,
    /// What an earlier run with the same choices handed on in parts, as its last part said: it is not handed on again. Begins anew where
    /// the networks now finish the grid in another way.
    pub resume: Option<HandedOn>,
}

impl Default for SegmentOptions {
    fn default() -> Self {
        Self { step_size: 0.5, mirror: true, device_bytes: None, label_on_device: None, resume: None }
    }
}

/// How far the networks are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Network runs done.
    pub done: usize,
    /// Network runs in all.
    pub total: usize,
}

/// A finished case.
#[derive(Debug, Clone)]
pub struct Segmentation {
    /// The mask, on the grid of the first scan; without what an earlier run has handed on.
    pub labels: LabelMap,
    /// Tile places.
    pub tiles: usize,
    /// Network runs: tiles x folds x mirrorings.
    pub runs: usize,
}

/// Ways in and out while a case runs.
pub struct Hooks<'a> {
    /// Told after every network run.
    pub progress: &'a mut dyn FnMut(Progress),
    /// Asked before every network run, and by the networks during it.
    pub cancelled: &'a (dyn Fn() -> bool + Sync),
    /// Receives class probabilities, which are computed only for it.
    pub probabilities: Option<&'a mut ProbabilitySink<'a>>,
    /// Told which tile runs next.
    pub tiles: Option<&'a mut TileSink<'a>>,
    /// Receives finished parts of the mask, with the doubt about them, which is computed only for it.
    pub parts: Option<&'a mut PartSink<'a>>,
    /// Asked for the networks again, on another device, when theirs has failed; without it the case fails.
    pub recover: Option<&'a mut Recover<'a>>,
}

/// A case as its networks see it: all that can be done before the device is free.
pub struct PreparedCase {
    geometry: Geometry,
    input: Preprocessed,
    time: Duration,
}

impl PreparedCase {
    /// Time it took.
    pub fn time(&self) -> Duration {
        self.time
    }
}

/// Crops, normalises and resamples a case: one scan per image channel, in the order of the plan. Takes the scans to free them as soon
/// as the networks' input is made.
pub fn prepare(scans: Vec<Scan>, plan: &InferencePlan) -> Result<PreparedCase, PipelineError> {
    let started = Instant::now();
    let geometry = scans.first().map(|scan| scan.geometry.clone());
    let input = preprocess(scans, plan)?;
    Ok(PreparedCase { geometry: geometry.expect("preprocessing needs a scan"), input, time: started.elapsed() })
}

/// Runs the networks on a prepared case, and resamples and labels their result.
pub fn segment_prepared(
    case: PreparedCase,
    plan: &InferencePlan,
    labels: &ModelLabels,
    folds: &mut [FoldRunner],
    options: &SegmentOptions,
    hooks: Hooks<'_>,
) -> Result<Segmentation, PipelineError> {
    let Hooks { progress, cancelled, probabilities, tiles: tile_sink, parts, recover } = hooks;
    let PreparedCase { geometry, input: Preprocessed { channels, frame }, time: _ } = case;
    let ensemble = Ensemble::new(folds, plan.patch_size)?;
    let grid = TileGrid::new(frame.size, plan.patch_size, options.step_size)?;
    let mirror_axes: &[usize] = if options.mirror { &plan.mirror_axes } else { &[] };
    // A shorter borrow of the sink, so that the exporter may also borrow what is made here.
    let probabilities = probabilities.map(|sink| -> &mut ProbabilitySink<'_> { sink });
    // Probabilities and doubt come from the sums, so these must come back.
    let labels_only = probabilities.is_none() && parts.is_none();
    let in_planes = folds.iter_mut().any(|fold| fold.runner.gpu().is_some());
    let resumed = options.resume.filter(|resume| parts.is_some() && probabilities.is_none() && resume.in_planes == in_planes);
    let handed_on = resumed.unwrap_or(HandedOn { in_planes, count: 0 });
    let mut exporter = Exporter::new(&frame, &ensemble, labels, plan, probabilities)?.after(handed_on);
    exporter = exporter.with_parts(parts.map(|sink| -> &mut PartSink<'_> { sink }));
    let device_is_faster = || folds.iter_mut().all(|fold| fold.runner.gpu().is_some_and(|runner| runner.labels_fast()));
    let on_device = labels_only && options.label_on_device.unwrap_or_else(device_is_faster);
    let window = Window {
        grid,
        mirrorings: mirrorings(mirror_axes),
        labelling: on_device.then(|| exporter.labelling()),
        device_bytes: options.device_bytes,
        handed_on: handed_on.count,
        cancelled,
    };
    let (tiles, runs) = (window.grid.count(), window.runs(folds.len()));
    tracing::debug!(tiles, runs, channels = ensemble.channels, on_device, "sliding window");
    let layout = (!in_planes).then(|| Layout::new(&window.grid));
    let mut next =
        Tiles { sink: tile_sink.map(|sink| -> &mut TileSink<'_> { sink }), frame: &frame, patch: window.grid.patch, origins: Vec::new() };
    if next.sink.is_some() {
        next.origins = match &layout {
            None => (0..runs).map(|run| window.run_at(run, &ensemble).1.origin).collect(),
            Some(layout) => {
                let origin = |tile: [usize; 3]| std::array::from_fn(|a| window.grid.starts[a][tile[a]]);
                layout.tiles().flat_map(|tile| std::iter::repeat_n(origin(tile), runs / tiles)).collect()
            }
        };
    }
    if handed_on.count == 0 {
        next.next(0);
    }
    let mut on_run = |done| {
        progress(Progress { done, total: runs });
        next.next(done);
    };
    if let Some(layout) = layout {
        exporter = exporter.in_order(layout.order);
        window.predict_bricks(&layout, channels, folds, &ensemble, &mut on_run, &mut |brick| exporter.push_brick(brick).map(drop))?;
    } else {
        let callbacks = Callbacks {
            on_run: &mut on_run,
            on_plane: &mut |z, plane| exporter.push(z, plane),
            recover: recover.map(|recover| -> &mut Recover<'_> { recover }),
        };
        window.predict(&channels, folds, &ensemble, callbacks)?;
    }

    let table = LabelTable::from_names(labels.names.iter().map(|label| (label.value, label.name.clone())));
    let labels = LabelMap { geometry, voxels: exporter.finish(), table };
    Ok(Segmentation { labels, tiles, runs })
}
