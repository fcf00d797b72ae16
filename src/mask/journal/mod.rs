//! The journal of a layer: every edit is on disk before the screen shows it, and undo survives a restart.
//!
//! `format` is the bytes, `file` the append-only file and its repair, `history` the mask with its named steps.

mod file;
mod format;
mod history;

pub use file::Recovery;
pub use history::{Aside, History, Made, Note, Step};

/// What tests need to put another disk under a journal.
#[cfg(test)]
pub(crate) mod testing {
    pub(crate) use super::file::{Journal, Store};
    pub(crate) use super::format::header;
}
