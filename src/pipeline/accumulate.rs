//! Where tiles are cut from and their outputs summed up: in host memory, or on the graphics device of the networks. Either way
//! only planes that tiles can still touch are kept.

use std::collections::VecDeque;

use engine::{EngineError, Finished, GpuWindow, OutputPlanes, Runner, TileRun, WindowShape, plane_mean, tile_accumulate, tile_extract};
use rayon::prelude::*;

use crate::error::PipelineError;

/// The sums of one image. Tiles come in rising order of their first axis.
pub(crate) trait Sums {
    /// Runs a network on a tile and adds the output; parts on padding and on closed planes are dropped.
    fn add(&mut self, runner: &mut dyn Runner, run: &TileRun, cancelled: &dyn Fn() -> bool) -> Result<(), EngineError>;

    /// No later tile touches planes before `end`.
    fn close(&mut self, end: usize);

    /// The next plane that is finished; none when there is none yet to wait for.
    fn take(&mut self, cancelled: &dyn Fn() -> bool) -> Result<Option<Finished>, EngineError>;

    /// Takes the memory of a plane back.
    fn recycle(&mut self, plane: Vec<f32>);

    /// Whether they are as they were when a network has failed.
    fn survive(&self) -> bool;

    /// Bytes that came back from a device so far.
    fn read_bytes(&self) -> u64 {
        0
    }
}

/// Sums on a graphics device.
impl Sums for GpuWindow {
    fn add(&mut self, runner: &mut dyn Runner, run: &TileRun, cancelled: &dyn Fn() -> bool) -> Result<(), EngineError> {
        let runner = runner.gpu().expect("a window is made for networks on its device");
        GpuWindow::add(self, runner, run, cancelled)
    }

    fn close(&mut self, end: usize) {
        GpuWindow::close(self, end);
    }

    fn take(&mut self, cancelled: &dyn Fn() -> bool) -> Result<Option<Finished>, EngineError> {
        GpuWindow::take(self, cancelled)
    }

    fn recycle(&mut self, plane: Vec<f32>) {
        GpuWindow::recycle(self, plane);
    }

    fn survive(&self) -> bool {
        false
    }

    fn read_bytes(&self) -> u64 {
        GpuWindow::read_bytes(self)
    }
}

/// Sums in host memory, for any network.
pub(crate) struct Band<'a> {
    shape: WindowShape,
    image: Vec<&'a [f32]>,
    gaussian: Vec<f32>,
    tile: Vec<f32>,
    output: Vec<f32>,
    /// Image index of the first plane.
    first: usize,
    planes: VecDeque<Vec<f32>>,
    closed: usize,
    spare: Vec<Vec<f32>>,
}

impl<'a> Band<'a> {
    /// Empty sums for the planes from `first` on.
    pub(crate) fn new(shape: WindowShape, image: Vec<&'a [f32]>, gaussian: Vec<f32>, first: usize) -> Self {
        let tile = vec![0.0; image.len() * gaussian.len()];
        Self { shape, image, gaussian, tile, output: Vec::new(), first, planes: VecDeque::new(), closed: first, spare: Vec::new() }
    }

    /// Opens zeroed planes so that the band ends at `end`.
    fn reach(&mut self, end: usize) {
        while self.first + self.planes.len() < end {
            let mut plane = self.spare.pop().unwrap_or_default();
            plane.clear();
            plane.resize((self.shape.channels + 1) * self.shape.area(), 0.0);
            self.planes.push_back(plane);
        }
    }
}

impl Sums for Band<'_> {
    fn add(&mut self, runner: &mut dyn Runner, run: &TileRun, cancelled: &dyn Fn() -> bool) -> Result<(), EngineError> {
        tile_extract(&self.shape, run, &self.image, &mut self.tile);
        self.output.resize(runner.channels() * self.gaussian.len(), 0.0);
        runner.run(&self.tile, &mut self.output, cancelled)?;
        let inside = self.shape.inside(0, run.origin[0]);
        self.reach((run.origin[0] + inside.end as isize) as usize);
        let (shape, gaussian) = (&self.shape, &self.gaussian);
        let output = OutputPlanes { first: 0, planes: self.shape.patch[0], values: &self.output };
        let planes = self.first..self.first + self.planes.len();
        self.planes.make_contiguous().par_iter_mut().zip(planes).for_each(|(sums, plane)| {
            let z = plane as isize - run.origin[0];
            if let Some(z) = usize::try_from(z).ok().filter(|z| inside.contains(z)) {
                tile_accumulate(shape, run, z, output, gaussian, sums);
            }
        });
        Ok(())
    }

    fn close(&mut self, end: usize) {
        self.closed = self.closed.max(end);
    }

    fn take(&mut self, _cancelled: &dyn Fn() -> bool) -> Result<Option<Finished>, EngineError> {
        if self.first == self.closed {
            return Ok(None);
        }
        self.first += 1;
        Ok(self.planes.pop_front().map(Finished::Sums))
    }

    fn recycle(&mut self, plane: Vec<f32>) {
        self.spare.push(plane);
    }

    fn survive(&self) -> bool {
        true
    }
}

/// Weighted sums become means; the sum of weights, which came last, is gone.
pub(crate) fn finish_plane(mut plane: Vec<f32>, channels: usize) -> Result<Vec<f32>, PipelineError> {
    let end = plane.len() / (channels + 1) * channels;
    let (values, weights) = plane.split_at_mut(end);
    let finite = plane_mean(values, weights);
    plane.truncate(end);
    if finite { Ok(plane) } else { Err(PipelineError::NotFiniteOutput) }
}
