//! The one interface the sliding window sees.

use thiserror::Error;

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
    /// The device went away or refused work.
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
}
