//! Why one DICOM file cannot be used, before its path is known to the message.

use std::io;
use std::path::Path;

use crate::FormatError;

/// What went wrong with one file.
#[derive(Debug)]
pub(super) enum Fault {
    /// Not recognisable as DICOM at all: such files are passed over in silence.
    NotDicom,
    /// A sound DICOM object that is no scan: passed over among others, named when asked for alone.
    NotScan(&'static str),
    /// Broken, or of a kind that is refused by name.
    Bad(String),
    /// More bytes than allowed.
    TooLarge {
        /// What would be needed.
        needed: u64,
        /// The limit.
        allowed: u64,
    },
    /// The system refused.
    Io(io::Error),
}

impl Fault {
    pub(super) fn bad(reason: impl Into<String>) -> Self {
        Self::Bad(reason.into())
    }

    /// The sentence, without the path.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::NotDicom => "this is not a DICOM file".to_owned(),
            Self::NotScan(kind) => format!("this DICOM object is {kind}, not a scan"),
            Self::Bad(reason) => reason.clone(),
            Self::TooLarge { needed, allowed } => {
                format!("{} MiB would be needed, more than the {} MiB allowed", needed.div_ceil(1 << 20), allowed >> 20)
            }
            Self::Io(source) => source.to_string(),
        }
    }

    pub(super) fn at(self, path: &Path) -> FormatError {
        match self {
            Self::TooLarge { needed, allowed } => {
                FormatError::TooLarge { path: path.to_owned(), needed_mib: needed.div_ceil(1 << 20), allowed_mib: allowed >> 20 }
            }
            Self::Io(source) => FormatError::io("read", path, source),
            other => FormatError::invalid(path, other.reason()),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(source: io::Error) -> Self {
        Self::Io(source)
    }
}
