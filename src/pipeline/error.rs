//! Why a scan could not be segmented: one sentence each.

use engine::{Cancelled, EngineError};
use thiserror::Error;
use volume::GeometryError;

/// Why the pipeline stopped.
#[derive(Debug, Error)]
pub enum PipelineError {
    /// Stopped on request.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// The network could not run.
    #[error(transparent)]
    Engine(EngineError),
    /// Size, spacing or direction make no sense.
    #[error(transparent)]
    Geometry(#[from] GeometryError),
    /// Too few or too many images.
    #[error("the model needs {expected} image channels ({names}), but {found} were given")]
    Channels {
        /// What the model was trained with.
        expected: usize,
        /// Its channel names.
        names: String,
        /// What came.
        found: usize,
    },
    /// Channels of one case must share a grid.
    #[error("image channel {channel} has another size or spacing than channel 0; resample it onto the same grid first")]
    ChannelGrid {
        /// Index of the channel that differs.
        channel: usize,
    },
    /// NaN or infinity would spread over the whole image by resampling.
    #[error("image channel {channel} contains voxels that are not numbers; replace them (for example by the air value) first")]
    NotFinite {
        /// Index of the channel.
        channel: usize,
    },
    /// `RGBTo01Normalization` is defined for bytes only.
    #[error("image channel {channel} should hold colour values from 0 to 255, but holds values from {min} to {max}")]
    NotRgb {
        /// Index of the channel.
        channel: usize,
        /// Smallest value.
        min: f32,
        /// Largest value.
        max: f32,
    },
    /// Rounding left an axis without voxels.
    #[error("the image is too thin: at the model's voxel spacing its size would be {size:?}")]
    TooThin {
        /// Size at the model's spacing.
        size: [usize; 3],
    },
    /// The model's grid would not fit any memory.
    #[error("the image is too large for this model: at its voxel spacing the size would be {size:?}; check the spacing of the file")]
    TooLarge {
        /// Size at the model's spacing.
        size: [usize; 3],
    },
    /// Refused before the allocation would end the process.
    #[error("this case needs about {needed_mib} MiB of memory with this model, {available_mib} MiB are free; close other programs")]
    Memory {
        /// Estimate.
        needed_mib: u64,
        /// What the system says.
        available_mib: u64,
    },
    /// The model's plan contradicts itself.
    #[error("the model's plan cannot be used: {0}")]
    Plan(String),
    /// The networks given do not fit the plan or one another.
    #[error("the networks do not fit the model's plan: {0}")]
    Folds(String),
    /// Never silently wrong: labels of such logits would be arbitrary.
    #[error("the network produced values that are not numbers; use 32-bit precision, or check the weights")]
    NotFiniteOutput,
    /// The receiver of probabilities failed.
    #[error("the probabilities could not be stored: {0}")]
    Probabilities(Box<dyn std::error::Error + Send + Sync>),
    /// The receiver of finished parts failed.
    #[error("the finished part of the mask could not be stored: {0}")]
    Parts(Box<dyn std::error::Error + Send + Sync>),
}

impl From<EngineError> for PipelineError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            other => Self::Engine(other),
        }
    }
}
