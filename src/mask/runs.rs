//! Sets of voxels as sorted runs of linear indices.

use std::ops::Range;

use volume::Region;

use crate::grid::{LabelGrid, Value, join, with_values, zyx};

/// A set of voxels: runs of linear indices, sorted, apart by at least one voxel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Runs {
    runs: Vec<Range<usize>>,
}

impl Runs {
    /// The voxels that hold one label.
    pub fn of_label(grid: &LabelGrid, value: u16) -> Self {
        let mut runs = Self::default();
        with_values!(grid, |values| for_each_run(values, 0, |run, v| {
            if v.wide() == value {
                runs.push(run);
            }
        }));
        runs
    }

    /// Any ranges, in any order, overlapping or not.
    pub fn from_ranges(mut ranges: Vec<Range<usize>>) -> Self {
        ranges.sort_by_key(|range| range.start);
        let mut runs = Self::default();
        ranges.into_iter().for_each(|range| runs.push(range));
        runs
    }

    /// Adds a range that does not start before the last one; joins what touches.
    pub(crate) fn push(&mut self, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        match self.runs.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => self.runs.push(range),
        }
    }

    /// The runs, by rising index.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Range<usize>> + '_ {
        self.runs.iter().cloned()
    }

    /// Number of voxels.
    pub fn voxels(&self) -> usize {
        self.runs.iter().map(ExactSizeIterator::len).sum()
    }

    /// Whether no voxel is in the set.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Whether a voxel is in the set.
    pub fn contains(&self, index: usize) -> bool {
        let after = self.runs.partition_point(|run| run.start <= index);
        after > 0 && self.runs[after - 1].contains(&index)
    }

    /// The smallest box around the set.
    pub fn bounds(&self, size_zyx: [usize; 3]) -> Option<Region> {
        self.runs.iter().fold(None, |bounds, run| join(bounds, bounds_of_run(size_zyx, run)))
    }
}

/// The smallest box around a run of linear indices, which may span rows and planes.
pub(crate) fn bounds_of_run(size_zyx: [usize; 3], run: &Range<usize>) -> Option<Region> {
    if run.is_empty() {
        return None;
    }
    let (first, last) = (zyx(size_zyx, run.start), zyx(size_zyx, run.end - 1));
    let mut region = Region { start_zyx: first, end_zyx: last.map(|i| i + 1) };
    if first[0] != last[0] {
        (region.start_zyx[1], region.end_zyx[1]) = (0, size_zyx[1]);
    }
    if first[..2] != last[..2] {
        (region.start_zyx[2], region.end_zyx[2]) = (0, size_zyx[2]);
    }
    Some(region)
}

/// Visits maximal runs of equal values; indices are counted from `offset`.
pub(crate) fn for_each_run<T: Value>(values: &[T], offset: usize, mut visit: impl FnMut(Range<usize>, T)) {
    let mut start = 0;
    while let Some(value) = values.get(start).copied() {
        let end = start + run_length(&values[start..]);
        visit(offset + start..offset + end, value);
        start = end;
    }
}

/// How many leading values equal the first. Blocks of 16 are compared without branches, since masks are mostly long runs.
fn run_length<T: Value>(values: &[T]) -> usize {
    let first = values[0];
    let mut length = 0;
    for block in values.chunks_exact(16) {
        if block.iter().fold(false, |unlike, v| unlike | (*v != first)) {
            break;
        }
        length += 16;
    }
    length + values[length..].iter().position(|v| *v != first).unwrap_or(values.len() - length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn runs_are_the_maximal_ones(values in prop::collection::vec(0_u8..3, 1..200)) {
            let mut seen = Vec::new();
            let mut last = None;
            for_each_run(&values, 5, |run, v| {
                assert_ne!(last, Some(v));
                last = Some(v);
                seen.extend(run.map(|i| (i - 5, v)));
            });
            prop_assert_eq!(seen, values.into_iter().enumerate().collect::<Vec<_>>());
        }

        #[test]
        fn ranges_become_sorted_disjoint_runs(ranges in prop::collection::vec((0_usize..60, 0_usize..9), 0..20)) {
            let runs = Runs::from_ranges(ranges.iter().map(|(start, len)| *start..start + len).collect());
            for index in 0..80 {
                prop_assert_eq!(runs.contains(index), ranges.iter().any(|(start, len)| (*start..start + len).contains(&index)));
            }
            for pair in runs.runs.windows(2) {
                prop_assert!(pair[0].end < pair[1].start);
            }
        }

        #[test]
        fn bounds_hold_exactly_the_set(ranges in prop::collection::vec((0_usize..55, 1_usize..6), 1..6)) {
            let size = [3, 4, 5];
            let runs = Runs::from_ranges(ranges.iter().map(|(start, len)| *start..(start + len).min(60)).collect());
            let voxels: Vec<_> = (0..60).filter(|i| runs.contains(*i)).map(|i| zyx(size, i)).collect();
            let expected = Region {
                start_zyx: std::array::from_fn(|a| voxels.iter().map(|v| v[a]).min().unwrap()),
                end_zyx: std::array::from_fn(|a| voxels.iter().map(|v| v[a]).max().unwrap() + 1),
            };
            prop_assert_eq!(runs.bounds(size), Some(expected));
        }
    }
}
