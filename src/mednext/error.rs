//! Why a model, a checkpoint or a weights file cannot be used: one sentence, the file last.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why loading or saving failed.
#[derive(Debug, Error)]
pub enum ModelError {
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
}

impl ModelError {
    /// Wraps a system error; a missing file becomes [`ModelError::NotFound`].
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
