//! Drawing: every tool turns a gesture into a [`Delta`] and changes nothing itself, so the caller can write the edit down first.
//!
//! Positions are fractional voxel indices z, y, x (voxel centres are whole numbers); radii are millimetres.

mod brush;
mod fill;
mod polygon;

use std::ops::Range;

use crate::delta::{Delta, DeltaBuilder};
use crate::error::MaskError;
use crate::grid::LabelGrid;

pub use brush::{Shape, Tip, segment, stroke};
pub use fill::{Fill, fill};
pub use polygon::polygon;

/// One plane of the grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Plane {
    /// The array axis the plane is across: 0 = z, 1 = y, 2 = x.
    pub axis: usize,
    /// Which slice along that axis.
    pub index: usize,
}

impl Plane {
    pub(crate) fn check(self, size_zyx: [usize; 3]) -> Result<(), MaskError> {
        match size_zyx.get(self.axis) {
            None => Err(MaskError::Outside { what: "axis", index: self.axis }),
            Some(size) if self.index >= *size => Err(MaskError::Outside { what: "slice", index: self.index }),
            Some(_) => Ok(()),
        }
    }
}

/// Which labels an edit may overwrite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// One bit per value.
    allowed: Vec<u64>,
}

impl Guard {
    /// Labels for which `may_overwrite` is true; background is label 0.
    pub fn from_fn(may_overwrite: impl Fn(u16) -> bool) -> Self {
        let word = |w: u16| (0..64_u16).fold(0, |bits, b| bits | u64::from(may_overwrite(w * 64 + b)) << b);
        Self { allowed: (0..1024).map(word).collect() }
    }

    /// Every label.
    pub fn all() -> Self {
        Self { allowed: vec![u64::MAX; 1024] }
    }

    /// No label: only background is drawn on.
    pub fn background() -> Self {
        Self::from_fn(|value| value == 0)
    }

    /// Background and every label that is not locked.
    pub fn unlocked(locked: &[u16]) -> Self {
        Self::from_fn(|value| !locked.contains(&value))
    }

    /// Background and the labels on screen.
    pub fn visible(shown: &[u16]) -> Self {
        Self::from_fn(|value| value == 0 || shown.contains(&value))
    }

    /// Only one label, for an eraser that leaves the others alone.
    pub fn only(value: u16) -> Self {
        Self::from_fn(|v| v == value)
    }

    /// Both conditions at once, e.g. visible and not locked.
    pub fn and(&self, other: &Self) -> Self {
        Self { allowed: self.allowed.iter().zip(&other.allowed).map(|(a, b)| a & b).collect() }
    }

    /// Whether voxels of this label may get another one.
    pub fn allows(&self, value: u16) -> bool {
        self.allowed[usize::from(value >> 6)] >> (value & 63) & 1 == 1
    }
}

/// Only voxels whose image value lies in a window, ends included; NaN never does.
#[derive(Clone, Copy)]
pub struct Window<'a> {
    /// The image value at a linear index of the mask's grid.
    pub image: &'a (dyn Fn(usize) -> f32 + Sync),
    /// Smallest value drawn on, in the image's units (HU for CT).
    pub low: f32,
    /// Largest value drawn on.
    pub high: f32,
}

/// What is put down, and where it may be.
#[derive(Clone, Copy)]
pub struct Ink<'a> {
    /// The label drawn; 0 erases.
    pub value: u16,
    /// What may be overwritten.
    pub guard: &'a Guard,
    /// The threshold of the threshold brush.
    pub window: Option<Window<'a>>,
}

impl Ink<'_> {
    /// Whether the tool may change a voxel that holds `old`, or passes over it.
    fn takes(&self, index: usize, old: u16) -> bool {
        self.guard.allows(old) && self.in_window(index)
    }

    fn in_window(&self, index: usize) -> bool {
        self.window.is_none_or(|window| (window.low..=window.high).contains(&(window.image)(index)))
    }

    /// Draws on a run of voxels.
    fn draw(&self, grid: &LabelGrid, run: Range<usize>, into: &mut DeltaBuilder) {
        for index in run {
            let old = grid.get(index);
            if old != self.value && self.takes(index, old) {
                into.push(index, old, self.value);
            }
        }
    }

    /// Draws on runs that rise.
    fn draw_all(&self, grid: &LabelGrid, runs: impl Iterator<Item = Range<usize>>) -> Delta {
        let mut builder = DeltaBuilder::default();
        runs.for_each(|run| self.draw(grid, run, &mut builder));
        builder.finish()
    }
}
