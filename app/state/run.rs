//! Runs: how they will be made, and the one in progress.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Instant;

use jobs::{EstimateReport, Notice, Quality, Stage};
use volume::Region;

/// How the next run will be made.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSetup {
    /// Path of the model chosen.
    pub model: Option<PathBuf>,
    /// How carefully.
    pub quality: Quality,
    /// Mirroring, where it differs from the quality's own.
    pub mirroring: Option<bool>,
    /// Structures to keep; all when absent.
    pub structures: Option<Vec<u16>>,
    /// "auto", "cpu" or "gpu:N".
    pub device: String,
    /// A model that does not fit was confirmed.
    pub anyway: bool,
    /// Layer an earlier run left unfinished, to go on with.
    pub resume: Option<u32>,
    /// Time and memory, by model, for the case on screen.
    pub estimates: HashMap<PathBuf, EstimateReport>,
    /// Models being estimated.
    pub estimating: Option<PathBuf>,
}

impl Default for RunSetup {
    fn default() -> Self {
        Self {
            model: None,
            quality: Quality::Balanced,
            mirroring: None,
            structures: None,
            device: "auto".to_owned(),
            anyway: false,
            resume: None,
            estimates: HashMap::new(),
            estimating: None,
        }
    }
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segmenting {
    /// Tiles finished.
    pub done: u64,
    /// Tiles in all.
    pub total: u64,
    /// Time left; absent until it is worth something.
    pub eta_seconds: Option<f64>,
}

/// The run in progress.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Number of the job.
    pub job: u64,
    /// Folder of its case.
    pub case: PathBuf,
    /// Layer it fills, once it has begun.
    pub layer: Option<u32>,
    /// Model's path.
    pub model: PathBuf,
    /// Model's name.
    pub model_name: String,
    /// How carefully.
    pub quality: Quality,
    /// When it began.
    pub started: Instant,
    /// What it does now.
    pub stage: Stage,
    /// Steps finished, with their seconds.
    pub finished: Vec<(Stage, f64)>,
    /// When the present step began.
    pub stage_started: Instant,
    /// Tiles.
    pub tiles: Option<Segmenting>,
    /// Box of the tile that runs now, on the scan's grid.
    pub current: Option<Region>,
    /// Device and its memory, MiB: name, needed, free.
    pub device: Option<(String, u64, Option<u64>)>,
    /// What was done to make it fit, or what failed and was mended.
    pub notes: Vec<Notice>,
    /// Asked to stop.
    pub cancelled: bool,
}

impl Run {
    /// Share finished, 0 to 1.
    pub fn share(&self) -> f32 {
        self.tiles.map_or(0.0, |tiles| if tiles.total == 0 { 0.0 } else { tiles.done as f32 / tiles.total as f32 })
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Its mask is whole.
    Done,
    /// On request.
    Cancelled,
    /// With the reason.
    Failed(String),
}

/// A run that ended.
#[derive(Debug, Clone, PartialEq)]
pub struct FinishedRun {
    /// Folder of its case.
    pub case: PathBuf,
    /// Title of its case.
    pub title: String,
    /// Model's name.
    pub model_name: String,
    /// How carefully.
    pub quality: Quality,
    /// Share finished, 0 to 1.
    pub share: f32,
    /// Wall-clock seconds.
    pub seconds: f64,
    /// How it ended.
    pub outcome: Outcome,
}
