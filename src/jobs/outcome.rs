//! How a job ends: exit codes, failures and the one JSON document.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::event::Notice;
use crate::report::Report;

/// Why a job failed, in the coarse kinds a script can act on. Each has its own exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// A defect of the program.
    Internal,
    /// Arguments contradict each other or name nothing.
    Usage,
    /// The input is not there or cannot be read.
    InputMissing,
    /// The input was read and refused.
    InputRefused,
    /// The model was refused, or does not fit the input.
    ModelRefused,
    /// No device can do it, or the device failed.
    Device,
    /// The result cannot be written.
    Output,
    /// A batch ended, some cases failed.
    SomeCasesFailed,
    /// Checks ran and found a fault (`doctor`, `demo`).
    CheckFailed,
    /// Stopped on request.
    Cancelled,
}

impl FailureKind {
    /// Process exit code, 1 to 63.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::Usage => 2,
            Self::InputMissing => 3,
            Self::InputRefused => 4,
            Self::ModelRefused => 5,
            Self::Device => 6,
            Self::Output => 7,
            Self::SomeCasesFailed => 8,
            Self::CheckFailed => 9,
            Self::Cancelled => 10,
        }
    }
}

/// One clear sentence with its kind.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error("{sentence}")]
pub struct Failure {
    /// What a script needs.
    pub kind: FailureKind,
    /// What a person needs: what is wrong, with which file, what to do.
    pub sentence: String,
}

impl Failure {
    /// Joins kind and sentence; line breaks become spaces, so that the sentence stays one line.
    pub fn new(kind: FailureKind, sentence: impl Into<String>) -> Self {
        let sentence = sentence.into().split_whitespace().collect::<Vec<_>>().join(" ");
        Self { kind, sentence }
    }

    /// Stopped on request.
    pub fn cancelled() -> Self {
        Self::new(FailureKind::Cancelled, "cancelled; nothing was written")
    }
}

/// What `--json` prints: the whole outcome of one job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// Whether the exit code is 0.
    pub ok: bool,
    /// The process exit code.
    pub exit_code: u8,
    /// Doubts, in the order they arose.
    pub warnings: Vec<Notice>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// What was done; present also when only some cases failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
}

impl Document {
    /// Collects the end of a job.
    pub fn new(warnings: Vec<Notice>, report: Option<Report>, error: Option<Failure>) -> Self {
        let exit_code = error.as_ref().map_or(0, |failure| failure.kind.exit_code());
        Self { ok: error.is_none(), exit_code, warnings, error, report }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [FailureKind; 10] = [
        FailureKind::Internal,
        FailureKind::Usage,
        FailureKind::InputMissing,
        FailureKind::InputRefused,
        FailureKind::ModelRefused,
        FailureKind::Device,
        FailureKind::Output,
        FailureKind::SomeCasesFailed,
        FailureKind::CheckFailed,
        FailureKind::Cancelled,
    ];

    #[test]
    fn exit_codes_are_distinct_and_within_the_contract() {
        let codes: std::collections::BTreeSet<u8> = KINDS.iter().map(|kind| kind.exit_code()).collect();
        assert_eq!(codes.len(), KINDS.len());
        assert!(codes.iter().all(|code| (1..=63).contains(code)));
    }

    #[test]
    fn a_sentence_is_one_line() {
        assert_eq!(Failure::new(FailureKind::Usage, "no\n  such thing").to_string(), "no such thing");
    }
}
