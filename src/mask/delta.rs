//! One edit as data: runs of voxels with the value they had and the value they get. What undo and the journal are made of.

use std::collections::BTreeMap;
use std::ops::Range;

use ndarray::Zip;
use volume::Region;

use crate::error::MaskError;
use crate::grid::{LabelGrid, linear};
use crate::runs::{Runs, bounds_of_run};

/// A run of voxels that all change from one value to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// First linear index.
    pub start: usize,
    /// Number of voxels.
    pub len: usize,
    /// Value before.
    pub old: u16,
    /// Value after, another one.
    pub new: u16,
}

impl Change {
    /// Linear indices that change.
    pub fn range(&self) -> Range<usize> {
        self.start..self.start + self.len
    }
}

/// An edit: changes sorted by index, without overlap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delta {
    changes: Vec<Change>,
}

impl Delta {
    /// What differs between two states of one mask inside a box.
    pub fn between(before: &LabelGrid, after: &LabelGrid, region: Region) -> Result<Self, MaskError> {
        let size = before.size_zyx();
        if size != after.size_zyx() {
            return Err(MaskError::Sizes(size, after.size_zyx()));
        }
        let region = region.intersect(&Region::whole(size));
        let mut builder = DeltaBuilder::default();
        for z in region.range(0) {
            for y in region.range(1) {
                let row = linear(size, [z, y, 0]);
                region.range(2).for_each(|x| builder.push(row + x, before.get(row + x), after.get(row + x)));
            }
        }
        Ok(builder.finish())
    }

    /// Changes as they were stored; refused unless sorted, apart, real changes and inside a mask of `voxels` voxels.
    pub fn from_changes(changes: Vec<Change>, voxels: usize) -> Result<Self, MaskError> {
        let mut free = 0;
        for change in &changes {
            let end =
                change.start.checked_add(change.len).filter(|end| *end <= voxels).ok_or(MaskError::BadDelta("it ends outside the mask"))?;
            if change.start < free {
                return Err(MaskError::BadDelta("its runs overlap"));
            }
            if change.len == 0 || change.old == change.new {
                return Err(MaskError::BadDelta("a run changes nothing"));
            }
            free = end;
        }
        Ok(Self { changes })
    }

    /// The changes, by rising index.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Number of voxels that change.
    pub fn voxels(&self) -> usize {
        self.changes.iter().map(|change| change.len).sum()
    }

    /// The largest value before or after.
    pub fn max_value(&self) -> u16 {
        self.changes.iter().map(|change| change.old.max(change.new)).max().unwrap_or(0)
    }

    /// The voxels that change.
    pub fn touched(&self) -> Runs {
        let mut runs = Runs::default();
        self.changes.iter().for_each(|change| runs.push(change.range()));
        runs
    }

    /// The smallest box around the change, for drawing again only that.
    pub fn bounds(&self, size_zyx: [usize; 3]) -> Option<Region> {
        self.changes.iter().fold(None, |bounds, change| crate::grid::join(bounds, bounds_of_run(size_zyx, &change.range())))
    }

    /// How many voxels each label gains (or loses, below zero); background included.
    pub fn gains(&self) -> BTreeMap<u16, i64> {
        let mut gains = BTreeMap::new();
        for change in &self.changes {
            *gains.entry(change.new).or_insert(0) += change.len as i64;
            *gains.entry(change.old).or_insert(0) -= change.len as i64;
        }
        gains.retain(|_, gain| *gain != 0);
        gains
    }

    /// The edit that takes this one back.
    pub fn inverse(&self) -> Self {
        Self { changes: self.changes.iter().map(|c| Change { old: c.new, new: c.old, ..*c }).collect() }
    }

    /// Refuses a mask on which the edit was not made; costs as much as applying it.
    pub fn check(&self, grid: &LabelGrid) -> Result<(), MaskError> {
        let Some(last) = self.changes.last() else { return Ok(()) };
        if last.range().end > grid.len() {
            return Err(MaskError::Outside { what: "voxel", index: last.range().end - 1 });
        }
        for change in &self.changes {
            grid.fits(change.new)?;
            if let Some(index) = grid.first_unlike(change.range(), change.old) {
                return Err(MaskError::NotThisMask { index, found: grid.get(index), expected: change.old });
            }
        }
        Ok(())
    }

    /// Makes the edit; all of it or, if the mask is another one, nothing.
    pub fn apply(&self, grid: &mut LabelGrid) -> Result<(), MaskError> {
        self.check(grid)?;
        self.changes.iter().for_each(|change| grid.fill_run(change.range(), change.new));
        Ok(())
    }

    /// Takes the edit back; all of it or, if the mask is another one, nothing.
    pub fn revert(&self, grid: &mut LabelGrid) -> Result<(), MaskError> {
        self.inverse().apply(grid)
    }
}

/// Collects changed voxels while something is drawn.
#[derive(Debug, Default)]
pub struct DeltaBuilder {
    changes: Vec<Change>,
}

impl DeltaBuilder {
    /// Notes one voxel; indices must rise. Voxels that keep their value are left out.
    pub fn push(&mut self, index: usize, old: u16, new: u16) {
        self.push_run(index..index + 1, old, new);
    }

    /// Notes a run of voxels.
    ///
    /// # Panics
    /// If it starts before the end of the last one.
    pub fn push_run(&mut self, run: Range<usize>, old: u16, new: u16) {
        if old == new || run.is_empty() {
            return;
        }
        match self.changes.last_mut() {
            Some(last) if last.range().end == run.start && last.old == old && last.new == new => last.len += run.len(),
            last => {
                assert!(last.is_none_or(|last| last.range().end <= run.start), "changes are collected by rising index");
                self.changes.push(Change { start: run.start, len: run.len(), old, new });
            }
        }
    }

    /// Adds what another builder collected behind this one.
    pub(crate) fn append(&mut self, later: Self) {
        later.changes.into_iter().for_each(|change| self.push_run(change.range(), change.old, change.new));
    }

    /// The edit.
    pub fn finish(self) -> Delta {
        Delta { changes: self.changes }
    }
}

/// Compares a box of new values with the mask: axes of `wanted` are those of `region`.
pub(crate) fn delta_of_box(grid: &LabelGrid, region: Region, wanted: &ndarray::Array3<u16>) -> Delta {
    let size = grid.size_zyx();
    let mut builder = DeltaBuilder::default();
    for (z, plane) in region.range(0).zip(wanted.outer_iter()) {
        for (y, row) in region.range(1).zip(plane.outer_iter()) {
            let first = linear(size, [z, y, region.start_zyx[2]]);
            Zip::indexed(&row).for_each(|x, new| builder.push(first + x, grid.get(first + x), *new));
        }
    }
    builder.finish()
}
