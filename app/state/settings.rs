//! Preferences, kept between sessions.

use std::path::PathBuf;

use jobs::Quality;
use serde::{Deserialize, Serialize};

use crate::look::Theme;
use crate::look::tokens::{Patterns, line};

/// Preferences.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Colours, contrast, motion and size of the interface.
    pub theme: Theme,
    /// Which structures get a pattern.
    pub patterns: Patterns,
    /// Width of outlines, points.
    pub outline_width: f32,
    /// Patient's right on the left of the screen.
    pub radiological: bool,
    /// Smooth pixels when zoomed in.
    pub smooth_pixels: bool,
    /// Shows the palette's colours instead of those a file brings.
    pub safe_colors: bool,
    /// "auto", "cpu" or "gpu:N".
    pub device: String,
    /// Most memory of a graphics device a run may take, MiB.
    pub device_memory_mib: Option<u64>,
    /// Quality first offered.
    pub quality: Quality,
    /// Folders and files with models.
    pub model_places: Vec<PathBuf>,
    /// Folder of all cases; the system's place for data when absent.
    pub cases: Option<PathBuf>,
    /// Keeps the list of recent cases.
    pub remember_recent: bool,
    /// Folder last exported to.
    pub export_folder: Option<PathBuf>,
    /// Leaves patient identifier and date out of exports.
    pub export_without_patient: bool,
    /// Written beside decisions.
    pub reviewer: String,
    /// Size of the brush first offered, mm.
    pub brush_mm: f32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: Theme::default(),
            patterns: Patterns::FromNinth,
            outline_width: line::OUTLINE,
            radiological: true,
            smooth_pixels: true,
            safe_colors: false,
            device: "auto".to_owned(),
            device_memory_mib: None,
            quality: Quality::Balanced,
            model_places: Vec::new(),
            cases: None,
            remember_recent: true,
            export_folder: None,
            export_without_patient: true,
            reviewer: String::new(),
            brush_mm: 18.0,
        }
    }
}

/// What all cases take on disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StorageUse {
    /// Folder of all cases.
    pub folder: PathBuf,
    /// Cases in it.
    pub cases: usize,
    /// Bytes of all files; absent while they are counted.
    pub bytes: Option<u64>,
}
