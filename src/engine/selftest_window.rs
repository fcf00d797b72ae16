//! Before a graphics device is trusted with image and sums: its sliding window must agree with the one in host memory.

use std::sync::Arc;

use mednext::{Config, Generation, Preset, graph};

use crate::cpu::{tile_accumulate, tile_extract};
use crate::gpu::{Gpu, GpuRunner, GpuWindow};
use crate::plan::{Heads, Limits, Precision, lower};
use crate::runner::{EngineError, OutputPlanes, Runner, TileRun, WindowShape};
use crate::selftest::{noise, noise_weights, same_result};

/// Two tiles that overlap, leave the image along one axis, and are mirrored in all ways.
pub(crate) fn check_window(gpu: &Arc<Gpu>) -> Result<(), EngineError> {
    let mut config = Config::preset(Preset::S, Generation::V2, 3, 6, 2, 5);
    config.blocks = [0; 9];
    let graph = graph(&config)?;
    let shape = WindowShape { patch: [16, 32, 16], size: [21, 29, 19], channels: config.classes };
    let plan = lower(&graph, &noise_weights(&graph), shape.patch, Heads::Main, gpu.limits())?;
    let mut runners = [GpuRunner::new(Arc::clone(gpu), plan)?];
    let run = |origin, flips| (0, TileRun { origin, flips, first_channel: 0, share: 0.5, counts: true });
    let runs = vec![run([0, -1, 0], [false, true, false]), run([5, -1, 3], [true, false, true])];
    let case = WindowCase::new(shape, config.in_channels, runs);
    let got = case.on_device(&runners, gpu.limits(), 0)?.concat();
    let want = case.on_host(&mut runners)?.concat();
    same_result(&got, &want, Precision::F32).map_err(|difference| {
        EngineError::Device(format!(
            "{} moves data wrongly (its sums are off by {difference:.1e} of their range); update the graphics driver, or use --device cpu",
            gpu.description()
        ))
    })
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
    pub(crate) fn window(&self, runner: &GpuRunner, limits: Limits, first: usize) -> Result<GpuWindow, EngineError> {
        GpuWindow::within(runner, limits, self.shape, &self.channels(), &self.gaussian, first)
    }

    /// The planes of sums from `first` on.
    pub(crate) fn on_device(&self, runners: &[GpuRunner], limits: Limits, first: usize) -> Result<Vec<Vec<f32>>, EngineError> {
        let mut window = self.window(&runners[0], limits, first)?;
        let mut planes = Vec::new();
        for (index, (runner, run)) in self.runs.iter().enumerate() {
            window.add(&runners[*runner], run, &|| false)?;
            window.close(self.runs.get(index + 1).map_or(self.shape.size[0], |(_, next)| next.origin[0].max(0) as usize));
            while let Some(plane) = window.take()? {
                planes.push(plane.clone());
                window.recycle(plane);
            }
        }
        Ok(planes)
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
