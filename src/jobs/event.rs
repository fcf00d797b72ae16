//! What a running job says.

use std::fmt;

use serde::{Deserialize, Serialize};
use volume::{LabelTable, Region};

use crate::case::LabelWidth;
use crate::outcome::{Document, Failure};

/// One step of a job, as people would name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Reading and checking the model.
    LoadingModel,
    /// Choosing the device and compiling kernels.
    PreparingDevice,
    /// Reading and checking the study.
    ReadingInput,
    /// Cropping, resampling and normalising.
    Preprocessing,
    /// Tiles through the network, and their labels back to the scan's own grid.
    Predicting,
    /// Writing results.
    Writing,
    /// Trying kernels against their CPU twins.
    SelfTest,
    /// Timing tiles.
    Measuring,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LoadingModel => "Loading model",
            Self::PreparingDevice => "Preparing device",
            Self::ReadingInput => "Reading study",
            Self::Preprocessing => "Preprocessing",
            Self::Predicting => "Segmenting",
            Self::Writing => "Writing",
            Self::SelfTest => "Testing kernels",
            Self::Measuring => "Measuring",
        })
    }
}

/// A doubt that does not stop the work. Codes are the contract of `formats::WarningCode`, plus those of the worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Stable name, e.g. `MISSING_SLICE`.
    pub code: String,
    /// One sentence without patient identifiers.
    pub text: String,
}

/// Something to show, log or send as one JSON line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A case of a batch begins.
    Case {
        /// Case identifier, the file name without channel and ending.
        name: String,
        /// Cases finished before this one.
        done: usize,
        /// Cases in all.
        total: usize,
    },
    /// A step begins.
    Stage {
        /// Which.
        stage: Stage,
    },
    /// A step advances.
    Progress {
        /// Which.
        stage: Stage,
        /// Units finished.
        done: u64,
        /// Units in all.
        total: u64,
        /// Estimate of the time left for this step; absent until it is worth something.
        eta_seconds: Option<f64>,
    },
    /// The device was chosen.
    Device {
        /// What the networks take of its memory, MiB.
        needed_mib: u64,
        /// What was free of it, MiB, where that is known.
        available_mib: Option<u64>,
        /// Human-readable name.
        name: String,
    },
    /// A new layer of a case is being filled.
    Layer {
        /// Its number.
        layer: u32,
        /// Labels its mask can hold.
        table: LabelTable,
        /// How it is stored.
        width: LabelWidth,
    },
    /// The tile that runs now.
    Tile {
        /// Its number, from 0.
        index: u64,
        /// Tiles in all.
        total: u64,
        /// Where it lies on the grid of the scan.
        region: Region,
    },
    /// A part of the layer's labels is final and can be shown.
    Labels {
        /// Which, on the grid of the scan.
        region: Region,
    },
    /// A doubt.
    Warning(Notice),
    /// A case of a batch failed; the batch goes on.
    CaseFailed {
        /// Case identifier.
        name: String,
        /// Why.
        failure: Failure,
    },
    /// The end.
    Finished {
        /// The whole outcome, as `--json` prints it.
        document: Box<Document>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_json_line() {
        let events = [
            Event::Stage { stage: Stage::ReadingInput },
            Event::Progress { stage: Stage::Predicting, done: 3, total: 12, eta_seconds: Some(4.5) },
            Event::Warning(Notice { code: "GANTRY_TILT".to_owned(), text: "slices are sheared\nby 3 degrees".to_owned() }),
        ];
        for event in events {
            let line = serde_json::to_string(&event).unwrap();
            assert!(!line.contains('\n') && line.starts_with(r#"{"event":"#), "{line}");
            assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event);
        }
    }
}
