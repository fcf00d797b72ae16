//! The sliding window on the device: image and sums stay there, tiles are cut and added by index arithmetic, and only finished
//! planes come back, as sums or as labels, while the next tiles run.
//!
//! The sums are a ring of as many planes as a tile has, and one more where labels are made. Each grows in the order of the tiles whatever the slabs, so runs agree
//! to the bit.

use std::collections::VecDeque;
use std::sync::Arc;

use super::context::{ALIGN_BYTES, Gpu};
use super::labels::Labels;
use super::planes::{Planes, plane_bytes};
use super::readback::{Arrival, READBACK_BYTES, READBACKS, readback_buffer};
use super::runner::{Arena, GpuRunner};
use super::window_steps::Params;
use crate::kernels::THREADS;
use crate::labelling::{Finished, Labelling};
use crate::plan::Limits;
use crate::runner::{EngineError, TileRun, WindowShape};

/// Bytes of the image sent before waiting until they have left the staging memory.
const UPLOAD_BYTES: usize = 64 << 20;

/// Image, sums and finished planes of one case.
pub struct GpuWindow {
    pub(super) gpu: Arc<Gpu>,
    pub(super) arena: Arc<Arena>,
    pub(super) limits: Limits,
    pub(super) shape: WindowShape,
    pub(super) image_channels: usize,
    pub(super) image: Planes,
    pub(super) gaussian: Planes,
    pub(super) sums: Planes,
    params: wgpu::Buffer,
    /// Image planes that have left the ring, or never entered it.
    pub(super) left: usize,
    /// Image planes that no later tile touches.
    pub(super) closed: usize,
    /// Where planes of labels come back instead of sums.
    pub(super) labels: Option<Labels>,
    pub(super) arrivals: VecDeque<Arrival>,
    free: Vec<wgpu::Buffer>,
    spare: Option<Vec<f32>>,
    /// Bytes copied to host memory so far.
    pub(super) read_bytes: u64,
}

impl GpuWindow {
    /// Uploads an image of (z, y, x) channels and makes room for the sums of its planes from `first` on; with tables, for those that
    /// planes of labels from `first` on need.
    ///
    /// [`EngineError::DoesNotFit`] where the device lacks the memory or allows no binding of a whole plane.
    pub fn new(
        runner: &GpuRunner,
        shape: WindowShape,
        image: &[&[f32]],
        gaussian: &[f32],
        labelling: Option<&Labelling>,
        first: usize,
    ) -> Result<Self, EngineError> {
        Self::within(runner, runner.gpu_device().limits(), shape, image, gaussian, labelling, first)
    }

    /// [`new`](Self::new) under tighter limits.
    pub(crate) fn within(
        runner: &GpuRunner,
        limits: Limits,
        shape: WindowShape,
        image: &[&[f32]],
        gaussian: &[f32],
        labelling: Option<&Labelling>,
        first: usize,
    ) -> Result<Self, EngineError> {
        let gpu = Arc::clone(runner.gpu_device());
        let [patch_z, patch_y, patch_x] = shape.patch;
        if (patch_y * patch_x).div_ceil(THREADS as usize) > limits.groups as usize {
            return Err(EngineError::DoesNotFit(format!("a plane of {patch_y} x {patch_x} needs too many workgroups")));
        }
        let planes = |what, count, len| Planes::new(&gpu, &limits, what, count, len);
        let ring = ring(&shape, labelling);
        let labels = labelling.map(|tables| Labels::new(&gpu, &limits, &shape, ring, tables, first)).transpose()?;
        let first = labelling.map_or(first, |tables| tables.needed(first, shape.size[0]));
        let window = Self {
            image: planes("image", shape.size[0], image.len() * shape.area())?,
            gaussian: planes("tile weights", patch_z, patch_y * patch_x)?,
            sums: planes("sums", ring, sum_values(&shape))?,
            // No slab holds less than a plane, and each has a block per kernel.
            params: gpu.uniform_buffer("window params", (2 * patch_z * ALIGN_BYTES) as u64),
            arena: Arc::clone(runner.arena()),
            image_channels: image.len(),
            limits,
            shape,
            left: first,
            closed: first,
            labels,
            arrivals: VecDeque::new(),
            free: Vec::new(),
            spare: None,
            read_bytes: 0,
            gpu,
        };
        window.upload(image, gaussian)?;
        Ok(window)
    }

    /// Memory of a window: image, tile weights, sums, what labels need, and the planes on their way back, which a device that shares
    /// the host's memory takes from there.
    pub fn bytes(runner: &GpuRunner, shape: &WindowShape, image_channels: usize, labelling: Option<&Labelling>) -> u64 {
        Self::bytes_within(&runner.gpu_device().limits(), shape, image_channels, labelling)
    }

    /// [`bytes`](Self::bytes) under other limits.
    pub(crate) fn bytes_within(limits: &Limits, shape: &WindowShape, image_channels: usize, labelling: Option<&Labelling>) -> u64 {
        let [patch_z, patch_y, patch_x] = shape.patch;
        let ring = ring(shape, labelling);
        let stored = [(shape.size[0], image_channels * shape.area()), (patch_z, patch_y * patch_x), (ring, sum_values(shape))];
        let stored: usize = stored.into_iter().map(|(count, len)| count * plane_bytes(len)).sum();
        let readback = match labelling {
            Some(tables) => Labels::bytes(limits, shape, ring, tables) + Labels::readback_bytes(limits, shape, ring, tables),
            None => {
                let bytes = plane_bytes(sum_values(shape));
                let per_buffer = planes_per_readback(bytes, ring);
                (READBACKS.min(shape.size[0].div_ceil(per_buffer)) * per_buffer * bytes) as u64
            }
        };
        stored as u64 + (2 * patch_z * ALIGN_BYTES) as u64 + readback
    }

    /// Bytes copied to host memory so far.
    pub fn read_bytes(&self) -> u64 {
        self.read_bytes
    }

    fn upload(&self, image: &[&[f32]], gaussian: &[f32]) -> Result<(), EngineError> {
        let area = self.shape.area();
        let mut plane = Vec::with_capacity(image.len() * area);
        let mut sent = 0;
        for z in 0..self.shape.size[0] {
            plane.clear();
            image.iter().for_each(|channel| plane.extend_from_slice(&channel[z * area..][..area]));
            self.image.write(&self.gpu, z, &plane);
            sent += self.image.plane_bytes();
            if sent >= UPLOAD_BYTES {
                self.gpu.queue.submit([]);
                self.gpu.wait(None)?;
                sent = 0;
            }
        }
        let weights = gaussian.chunks_exact(self.shape.patch[1] * self.shape.patch[2]);
        weights.enumerate().for_each(|(z, weights)| self.gaussian.write(&self.gpu, z, weights));
        self.gpu.check()
    }

    /// Whether a runner's buffers and these can be used together.
    pub fn shares_device(&self, runner: &GpuRunner) -> bool {
        Arc::ptr_eq(&self.gpu, runner.gpu_device())
    }

    /// Queues one run of a network: cut the tile, compute, add the output. Planes that are closed get nothing more.
    pub fn add(&mut self, runner: &GpuRunner, run: &TileRun, cancelled: &dyn Fn() -> bool) -> Result<(), EngineError> {
        let mut params = Params::new(&self.params);
        let before = self.extract(runner, run, &mut params);
        let after = self.accumulate(runner, run, &mut params);
        params.write(&self.gpu.queue);
        runner.queue(&before, &after, cancelled)
    }

    /// No later tile touches planes before `end`; [`take`](Self::take) hands them on before a later tile may be added.
    pub fn close(&mut self, end: usize) {
        self.closed = self.closed.max(end);
    }

    /// The next closed plane of sums, or the next of labels that only closed ones are needed for, when it has arrived.
    ///
    /// Waits only when no further tile can run before: as long as closed planes are in the ring, and after the last tile.
    pub fn take(&mut self, cancelled: &dyn Fn() -> bool) -> Result<Option<Finished>, EngineError> {
        if self.labels.is_some() {
            self.send_labels(cancelled)?;
        } else {
            self.send()?;
        }
        let waiting = self.labels.as_ref().map_or(self.left < self.closed, |labels| labels.waiting(self.closed));
        let Some(arrival) = self.arrivals.front_mut() else { return Ok(None) };
        if !arrival.readback.is_here()? {
            if !waiting && self.closed < self.shape.size[0] {
                return Ok(None);
            }
            arrival.readback.arrive(&self.gpu)?;
        }
        // What a driver reports late must not reach a mask.
        self.gpu.check()?;
        let finished = if let Some(labels) = &self.labels {
            let (labels, finite) = labels.read(arrival)?;
            Finished::Labels { labels, finite }
        } else {
            let mut plane = self.spare.take().unwrap_or_default();
            plane.clear();
            let start = arrival.next * self.sums.plane_bytes();
            let bytes = sum_values(&self.shape) * size_of::<f32>();
            arrival.readback.read(start..start + bytes, |bytes| plane.extend_from_slice(bytemuck::cast_slice(bytes)))?;
            Finished::Sums(plane)
        };
        if arrival.advance()
            && let Some(arrival) = self.arrivals.pop_front()
        {
            self.free.push(arrival.readback.release());
        }
        Ok(Some(finished))
    }

    /// Takes back memory that [`take`](Self::take) gave.
    pub fn recycle(&mut self, plane: Vec<f32>) {
        self.spare = Some(plane);
    }

    /// Moves closed planes out of the ring, as far as there are readback buffers.
    fn send(&mut self) -> Result<(), EngineError> {
        let per_buffer = planes_per_readback(self.sums.plane_bytes(), self.sums.count);
        while self.left < self.closed && self.arrivals.len() < READBACKS {
            let buffer = self.readback(per_buffer * self.sums.plane_bytes());
            let planes = per_buffer.min(self.closed - self.left);
            let mut steps = Vec::new();
            let mut sent = 0;
            while sent < planes {
                let slot = (self.left + sent) % self.sums.count;
                let together = self.sums.together(slot, planes - sent);
                steps.push(self.sums.copy(slot, together, &buffer, sent * self.sums.plane_bytes()));
                steps.push(self.sums.clear(slot, together));
                sent += together;
            }
            self.arena.turn().run(&self.gpu, steps.iter(), &|| false)?;
            let bytes = planes * self.sums.plane_bytes();
            self.read_bytes += bytes as u64;
            self.arrivals.push_back(Arrival::new(buffer, bytes, planes));
            self.left += planes;
        }
        Ok(())
    }

    /// A readback buffer that is free, or a new one; all of a window have the same size.
    pub(super) fn readback(&mut self, bytes: usize) -> wgpu::Buffer {
        self.free.pop().unwrap_or_else(|| readback_buffer(&self.gpu, bytes))
    }
}

/// Planes of sums kept: those of a tile, and where labels are made the last finished one, which the next labels read too.
fn ring(shape: &WindowShape, labelling: Option<&Labelling>) -> usize {
    (shape.patch[0] + usize::from(labelling.is_some())).min(shape.size[0])
}

/// Values of a plane of sums.
fn sum_values(shape: &WindowShape) -> usize {
    (shape.channels + 1) * shape.area()
}

/// Planes of sums copied to host memory together.
fn planes_per_readback(plane_bytes: usize, ring: usize) -> usize {
    (READBACK_BYTES / plane_bytes).clamp(1, ring)
}
