//! The one interface the sliding window sees.

use std::ops::Range;

use thiserror::Error;

use crate::gpu::GpuRunner;

/// The user asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("cancelled")]
pub struct Cancelled;

/// Why a tile could not be computed.
#[derive(Debug, Error)]
pub enum EngineError {
    /// Stopped on request.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// No usable graphics adapter.
    #[error("no graphics adapter can run this: {0}")]
    NoAdapter(String),
    /// The device went away or refused work; what it held is lost, another device may go on.
    #[error("the graphics device failed: {0}")]
    Device(String),
    /// The plan does not fit the device.
    #[error("the model does not fit this device: {0}")]
    DoesNotFit(String),
    /// Weights and graph disagree.
    #[error("the weights do not fit the network: {0}")]
    Weights(String),
    /// Configuration or patch is impossible.
    #[error(transparent)]
    Config(#[from] mednext::ConfigError),
}

/// What a tile should yield.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TileOutput {
    /// Class channels of `out_0`.
    Logits,
    /// The `width` channels `out_0` reads, for models with more classes than features: the head is linear, so
    /// weighting, mirroring and averaging may happen before it.
    Features,
}

/// An image under a sliding window; axes as the network sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowShape {
    /// Tile size.
    pub patch: [usize; 3],
    /// Image size.
    pub size: [usize; 3],
    /// Channels summed up; a plane of sums holds these and, last, the sum of weights.
    pub channels: usize,
}

impl WindowShape {
    /// Indices along one axis of a tile at `origin` that lie inside the image.
    pub fn inside(&self, axis: usize, origin: isize) -> Range<usize> {
        let end = (self.size[axis] as isize - origin).clamp(0, self.patch[axis] as isize) as usize;
        (-origin).clamp(0, end as isize) as usize..end
    }

    /// Pixels of a plane.
    pub fn area(&self) -> usize {
        self.size[1] * self.size[2]
    }
}

/// One run of a network on one tile: where the tile lies, and how the output enters the sums.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TileRun {
    /// Image index of the tile's first voxel; negative where the image is padded.
    pub origin: [isize; 3],
    /// Axes along which the network sees the tile mirrored.
    pub flips: [bool; 3],
    /// First summed channel the output is added to.
    pub first_channel: usize,
    /// Factor on the output (not on weights): one over the number of outputs averaged at this place.
    pub share: f32,
    /// Whether to count the weights; once per place.
    pub counts: bool,
}

/// Some planes of a network's output.
#[derive(Debug, Clone, Copy)]
pub struct OutputPlanes<'a> {
    /// The first of them.
    pub first: usize,
    /// How many.
    pub planes: usize,
    /// (channels, planes, rows, columns).
    pub values: &'a [f32],
}

/// Runs one network on tiles of a fixed size.
pub trait Runner: Send {
    /// Human-readable device, e.g. "NVIDIA H200 (Vulkan)" or "CPU (2 threads)".
    fn device(&self) -> &str;

    /// Tile size (axes as the network sees them).
    fn patch(&self) -> [usize; 3];

    /// Channels [`run`](Self::run) writes.
    fn channels(&self) -> usize;

    /// Computes one tile.
    ///
    /// `input` is (in_channels, patch) and `output` is (channels, patch), both C-order f32. `cancelled` is polled between
    /// submissions; when it turns true the call returns [`EngineError::Cancelled`].
    fn run(&mut self, input: &[f32], output: &mut [f32], cancelled: &dyn Fn() -> bool) -> Result<(), EngineError>;

    /// [`run`](Self::run), with the output handed on a few planes at a time, so that it is never whole in host memory twice.
    fn run_planes(
        &mut self,
        input: &[f32],
        on_planes: &mut dyn FnMut(OutputPlanes<'_>),
        cancelled: &dyn Fn() -> bool,
    ) -> Result<(), EngineError> {
        let [planes, rows, columns] = self.patch();
        let mut values = vec![0.0; self.channels() * planes * rows * columns];
        self.run(input, &mut values, cancelled)?;
        on_planes(OutputPlanes { first: 0, planes, values: &values });
        Ok(())
    }

    /// The runner itself where it runs on a graphics device, which can hold image and sums as well.
    fn gpu(&mut self) -> Option<&mut GpuRunner> {
        None
    }
}
