//! Before a graphics device is trusted with image and sums: its sliding window must agree with the one in host memory.

use std::sync::Arc;

use mednext::{Config, Generation, Preset, graph};

use crate::cpu::{head_logits, plane_features, plane_head, plane_label, plane_mean, tile_accumulate, tile_extract};
use crate::gpu::{Gpu, GpuRunner, GpuWindow};
use crate::labelling::{Finished, Labelling, LinearHead, Pick, Tap};
use crate::plan::{Heads, Limits, Precision, lower};
use crate::runner::{EngineError, OutputPlanes, Runner, TileRun, WindowShape};
use crate::selftest::{noise, noise_weights, same_result};

/// Two tiles that overlap, leave the image along one axis, and are mirrored in all ways.
pub(crate) fn check_window(gpu: &Arc<Gpu>) -> Result<(), EngineError> {
    let mut config = Config::preset(Preset::S, Generation::V2, 3, 6, 2, 5);
    config.blocks = [0; 9];
    let graph = graph(&config)?;
    let shape = WindowShape { patch: [16, 32, 16], size: [21, 29, 14], channels: config.classes };
    let plan = lower(&graph, &noise_weights(&graph), shape.patch, Heads::Main, gpu.limits())?;
    let mut runners = [GpuRunner::new(Arc::clone(gpu), plan)?];
    let run = |origin, flips| (0, TileRun { origin, flips, first_channel: 0, share: 0.5, counts: true });
    // Every voxel lies in one of them: where no tile was, there is no mean.
    let runs = vec![run([0, -1, -2], [false, true, false]), run([5, -1, 0], [true, false, true])];
    let case = WindowCase::new(shape, config.in_channels, runs);
    let got = case.on_device(&runners, gpu.limits(), 0)?;
    let want = case.on_host(&mut runners)?;
    let wrong = |what: String| {
        let advice = "update the graphics driver, or use --device cpu";
        EngineError::Device(format!("{} moves data wrongly ({what}); {advice}", gpu.description()))
    };
    same_result(&got.concat(), &want.concat(), Precision::F32)
        .map_err(|difference| wrong(format!("its sums are off by {difference:.1e} of their range")))?;
    let head = LinearHead { weight_kc: noise(3).take(11 * shape.channels).collect(), bias: noise(4).take(11).collect() };
    for (head, classes, pick) in [(None, shape.channels, Pick::LastPositive), (Some(head), 11, Pick::Largest)] {
        let tables = tables(shape.size, [17, 40, 23], head, pick, classes);
        let (labels, finite, _) = case.labels_on_device(&runners, gpu.limits(), &tables, 0)?;
        let wrong_labels = labels_off(&shape, &tables, &want, &labels);
        if wrong_labels > 0 || !finite {
            return Err(wrong(format!("{wrong_labels} of its labels are wrong")));
        }
    }
    Ok(())
}

/// Tables from a grid of sums to one of labels: linear, but for the nearest along the first axis.
pub(crate) fn tables(from: [usize; 3], to: [usize; 3], head: Option<LinearHead>, pick: Pick, classes: usize) -> Labelling {
    let taps = |axis: usize| {
        let (from, to) = (from[axis], to[axis]);
        let tap = move |k: usize| {
            let at = ((k as f64 + 0.5) * from as f64 / to as f64 - 0.5).clamp(0.0, (from - 1) as f64);
            let first = if axis == 0 { at.round() } else { at.floor() };
            let last = if axis == 0 { first } else { (first + 1.0).min((from - 1) as f64) };
            let weight = if axis == 0 { 1.0 } else { (at - first) as f32 };
            Tap { first: first as u32, last: last as u32, weight }
        };
        (0..to).map(tap).collect()
    };
    Labelling { taps: [taps(0), taps(1), taps(2)], head, pick, values: (0..classes as u16).map(|k| 3 * k + 1).collect() }
}

/// How many labels are not those of planes of sums in host memory, and not of a class that was as good but for rounding.
pub(crate) fn labels_off(shape: &WindowShape, tables: &Labelling, sums: &[Vec<f32>], labels: &[Vec<u16>]) -> usize {
    let (classes, columns, mut off) = (tables.values.len(), tables.taps[2].len(), 0);
    let mut means = sums.to_vec();
    let finite = means.iter_mut().all(|plane| {
        let (values, weights) = plane.split_at_mut(shape.channels * shape.area());
        plane_mean(values, weights)
    });
    if !finite {
        // A device gave what is no number: no label can be trusted.
        return tables.size().iter().product();
    }
    for (z, found) in labels.iter().enumerate() {
        let (tap, width) = (tables.taps[0][z], shape.size[2]);
        let (first, last) = (&means[tap.first as usize], &means[tap.last as usize]);
        let features = plane_features(tables, z, first, last, width);
        let (want, logits) = match tables.head {
            None => (plane_label(tables, z, first, last, width), features),
            Some(_) => (plane_head(tables, &features), head_logits(tables, &features)),
        };
        let range = logits.iter().fold(0.0_f32, |range, v| range.max(v.abs()));
        let nearly = |at: usize, label: u16| {
            let logit = |k: usize| logits[at / columns * classes * columns + k * columns + at % columns];
            // A label decides between the classes of a voxel, or between one of them and none.
            let rivals = (0..classes).filter(|k| tables.values[*k] == label || tables.values[*k] == want[at]).map(logit);
            match tables.pick {
                Pick::Largest => rivals.clone().fold(f32::NEG_INFINITY, f32::max) - rivals.fold(f32::INFINITY, f32::min) <= 1e-4 * range,
                Pick::LastPositive => rivals.fold(f32::INFINITY, |least, v| least.min(v.abs())) <= 1e-4 * range,
            }
        };
        off += (0..want.len()).filter(|at| found[*at] != want[*at] && !nearly(*at, found[*at])).count();
    }
    off + (tables.size()[0] - labels.len()) * tables.size()[1] * columns
}

/// A noisy image and what runs over it.
pub(crate) struct WindowCase {
    pub(crate) shape: WindowShape,
    /// Which network, and on which tile.
    pub(crate) runs: Vec<(usize, TileRun)>,
    image: Vec<Vec<f32>>,
    gaussian: Vec<f32>,
}

impl WindowCase {
    pub(crate) fn new(shape: WindowShape, image_channels: usize, runs: Vec<(usize, TileRun)>) -> Self {
        let image = (0..image_channels as u64).map(|seed| noise(seed + 7).take(shape.size.iter().product()).collect()).collect();
        let gaussian = noise(1).take(shape.patch.iter().product()).map(|v| v + 1.5).collect();
        Self { shape, runs, image, gaussian }
    }

    fn channels(&self) -> Vec<&[f32]> {
        self.image.iter().map(Vec::as_slice).collect()
    }

    /// An empty window for the planes from `first` on.
    pub(crate) fn window(
        &self,
        runner: &GpuRunner,
        limits: Limits,
        labelling: Option<&Labelling>,
        first: usize,
    ) -> Result<GpuWindow, EngineError> {
        GpuWindow::within(runner, limits, self.shape, &self.channels(), &self.gaussian, labelling, first)
    }

    /// The planes of sums from `first` on.
    pub(crate) fn on_device(&self, runners: &[GpuRunner], limits: Limits, first: usize) -> Result<Vec<Vec<f32>>, EngineError> {
        let mut planes = Vec::new();
        self.run(runners, limits, None, first, &mut |finished| {
            if let Finished::Sums(plane) = finished {
                planes.push(plane);
            }
        })?;
        Ok(planes)
    }

    /// The planes of labels from `first` on, whether all means were finite, and the bytes that came back.
    pub(crate) fn labels_on_device(
        &self,
        runners: &[GpuRunner],
        limits: Limits,
        labelling: &Labelling,
        first: usize,
    ) -> Result<(Vec<Vec<u16>>, bool, u64), EngineError> {
        let (mut planes, mut all_finite) = (Vec::new(), true);
        let bytes = self.run(runners, limits, Some(labelling), first, &mut |finished| {
            if let Finished::Labels { labels, finite } = finished {
                planes.push(labels);
                all_finite &= finite;
            }
        })?;
        Ok((planes, all_finite, bytes))
    }

    /// Runs all tiles; returns the bytes that came back.
    fn run(
        &self,
        runners: &[GpuRunner],
        limits: Limits,
        labelling: Option<&Labelling>,
        first: usize,
        on_plane: &mut dyn FnMut(Finished),
    ) -> Result<u64, EngineError> {
        let mut window = self.window(&runners[0], limits, labelling, first)?;
        for (index, (runner, run)) in self.runs.iter().enumerate() {
            window.add(&runners[*runner], run, &|| false)?;
            window.close(self.runs.get(index + 1).map_or(self.shape.size[0], |(_, next)| next.origin[0].max(0) as usize));
            while let Some(finished) = window.take(&|| false)? {
                on_plane(finished);
            }
        }
        Ok(window.read_bytes())
    }

    /// All planes of sums.
    pub(crate) fn on_host(&self, runners: &mut [GpuRunner]) -> Result<Vec<Vec<f32>>, EngineError> {
        let mut planes = vec![vec![0.0; (self.shape.channels + 1) * self.shape.area()]; self.shape.size[0]];
        let mut tile = vec![0.0; self.image.len() * self.gaussian.len()];
        for (runner, run) in &self.runs {
            tile_extract(&self.shape, run, &self.channels(), &mut tile);
            let mut output = vec![0.0; runners[*runner].channels() * self.gaussian.len()];
            runners[*runner].run(&tile, &mut output, &|| false)?;
            let whole = OutputPlanes { first: 0, planes: self.shape.patch[0], values: &output };
            for z in self.shape.inside(0, run.origin[0]) {
                let plane = (run.origin[0] + z as isize) as usize;
                tile_accumulate(&self.shape, run, z, whole, &self.gaussian, &mut planes[plane]);
            }
        }
        Ok(planes)
    }
}
