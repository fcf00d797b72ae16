//! Why a file cannot be used: one sentence that says what is wrong, with which file, and what to do.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;
use volume::GeometryError;

/// Why reading or writing failed.
#[derive(Debug, Error)]
pub enum FormatError {
    /// Nothing at that path.
    #[error("there is no file or folder at {}", .0.display())]
    NotFound(PathBuf),
    /// The operating system refused.
    #[error("cannot {doing} {}: {source}", .path.display())]
    Io {
        /// "read", "write", ...
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The content is not what its format allows, or is a kind Voxelry refuses by name.
    #[error("{reason}: {}", .path.display())]
    Invalid {
        /// What is wrong, lower case, and what to do where that is not obvious.
        reason: String,
        /// Which file or folder.
        path: PathBuf,
    },
    /// More memory than allowed would be needed.
    #[error("{needed_mib} MiB of memory would be needed, more than the {allowed_mib} MiB allowed: {}", .path.display())]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// What the header asks for.
        needed_mib: u64,
        /// The budget.
        allowed_mib: u64,
    },
    /// A folder with several volumes and no choice made.
    #[error("{} holds {} series; choose one with --series: {}", .path.display(), .series.len(), .series.join("; "))]
    SeveralSeries {
        /// Which folder.
        path: PathBuf,
        /// One line per series: number, description, slices (no patient data).
        series: Vec<String>,
    },
    /// Spacing, origin or direction make no sense.
    #[error("{source}: {}", .path.display())]
    Geometry {
        /// Which file.
        path: PathBuf,
        /// What exactly.
        source: GeometryError,
    },
}

/// The refusal of a file whose name says that it is a model: the usual slip on the command line.
pub(crate) fn model_instead_of_scan(path: &Path) -> Option<FormatError> {
    let extension = path.extension()?.to_string_lossy().to_ascii_lowercase();
    let is_model = ["safetensors", "pth", "pt", "ckpt", "onnx", "zip"].contains(&extension.as_str());
    is_model.then(|| FormatError::invalid(path, "this looks like a model, not a scan; models are given with --model"))
}

impl FormatError {
    /// Wraps a system error; a missing file becomes [`FormatError::NotFound`].
    pub fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::NotFound && doing == "read" {
            return Self::NotFound(path.to_owned());
        }
        Self::Io { doing, path: path.to_owned(), source }
    }

    /// A content error.
    pub fn invalid(path: &Path, reason: impl Into<String>) -> Self {
        Self::Invalid { reason: reason.into(), path: path.to_owned() }
    }
}
