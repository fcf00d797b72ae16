//! From each layer's errors to the job's failure: the sentence stays, the kind decides the exit code.

use engine::EngineError;
use formats::FormatError;
use jobs::{Failure, FailureKind};
use mednext::ModelError;
use pipeline::PipelineError;

/// Reading a study failed.
pub(crate) fn reading(error: &FormatError) -> Failure {
    let kind = match error {
        FormatError::NotFound(_) | FormatError::Io { .. } => FailureKind::InputMissing,
        _ => FailureKind::InputRefused,
    };
    Failure::new(kind, error.to_string())
}

/// Writing a result failed.
pub(crate) fn writing(error: &FormatError) -> Failure {
    Failure::new(FailureKind::Output, error.to_string())
}

/// Reading a model failed.
pub(crate) fn model(error: &ModelError) -> Failure {
    let kind = match error {
        ModelError::NotFound(_) | ModelError::Io { .. } => FailureKind::InputMissing,
        _ => FailureKind::ModelRefused,
    };
    Failure::new(kind, error.to_string())
}

/// Opening or using a device failed.
pub(crate) fn engine(error: &EngineError) -> Failure {
    let kind = match error {
        EngineError::Cancelled(_) => return Failure::cancelled(),
        EngineError::NoAdapter(_) | EngineError::Device(_) | EngineError::DoesNotFit(_) => FailureKind::Device,
        EngineError::Weights(_) | EngineError::Config(_) => FailureKind::ModelRefused,
    };
    Failure::new(kind, error.to_string())
}

/// Segmenting failed.
pub(crate) fn pipeline(error: &PipelineError) -> Failure {
    let kind = match error {
        PipelineError::Cancelled(_) => return Failure::cancelled(),
        PipelineError::Engine(error) => return engine(error),
        PipelineError::Plan(_) | PipelineError::Folds(_) | PipelineError::NotFiniteOutput => FailureKind::ModelRefused,
        PipelineError::Probabilities(_) | PipelineError::Parts(_) => FailureKind::Output,
        _ => FailureKind::InputRefused,
    };
    Failure::new(kind, error.to_string())
}
