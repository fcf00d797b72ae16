//! What can be done to a mask, as plain functions on label values: drawing, filling, islands, interpolation, growing, smoothing;
//! measures of a structure; its surface; and the journal that keeps every edit.
//!
//! Everything that edits answers with a [`Delta`], the runs of voxels that change, and touches nothing; [`History::edit`] writes it to
//! the journal and then makes it. Linear indices are `(z * size_y + y) * size_x + x`. Fractional positions are voxel indices z, y, x.

mod codec;
mod components;
mod delta;
mod distance;
pub mod draw;
mod error;
mod grid;
mod journal;
pub mod measure;
pub mod ops;
mod packed;
mod runs;
pub mod surface;
mod watch;

#[cfg(test)]
mod tests_draw;
#[cfg(test)]
mod tests_edit;
#[cfg(test)]
mod tests_journal;
#[cfg(test)]
mod tests_kill;
#[cfg(test)]
mod tests_measure;
#[cfg(test)]
mod tests_ops;
#[cfg(test)]
mod tests_surface;

pub use components::{Piece, PieceRun, Pieces, Touch, pieces};
pub use delta::{Change, Delta, DeltaBuilder};
pub use error::MaskError;
pub use grid::LabelGrid;
pub use journal::{Aside, History, Made, Note, Recovery, Step};
pub use packed::Packed;
pub use runs::Runs;
pub use watch::Watch;
