//! Filling the slices between drawn ones, by shape (Raya and Udupa, IEEE TMI 9, 1990): each drawn slice becomes a signed distance in
//! millimetres, the distances are mixed linearly, and what is at or below zero is inside.
//!
//! Before mixing, both shapes are moved onto the line between their centroids, so that a slanted vessel whose sections do not
//! overlap is still one tube.

use std::ops::Range;

use ndarray::{Array2, Array3, Axis};

use crate::delta::{Change, Delta, DeltaBuilder};
use crate::distance::squared_distances;
use crate::draw::Guard;
use crate::error::MaskError;
use crate::grid::{LabelGrid, linear};
use crate::watch::Watch;

/// Which slices count as drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Between<'a> {
    /// Every slice that holds the label; empty slices between two such are filled.
    Drawn,
    /// These slices (rising or not); what the label has between two of them is replaced.
    Slices(&'a [usize]),
}

/// Fills the slices between drawn ones along an axis (0 = z, 1 = y, 2 = x), for each label; where two labels meet, the deeper one wins.
pub fn interpolate(
    grid: &LabelGrid,
    axis: usize,
    labels: &[u16],
    between: Between<'_>,
    guard: &Guard,
    watch: Watch<'_>,
) -> Result<Delta, MaskError> {
    let size = grid.size_zyx();
    if axis > 2 {
        return Err(MaskError::Outside { what: "axis", index: axis });
    }
    if let Between::Slices(slices) = between
        && let Some(index) = slices.iter().find(|slice| **slice >= size[axis])
    {
        return Err(MaskError::Outside { what: "slice", index: *index });
    }
    let mut tracks: Vec<Track> = labels.iter().filter(|v| **v != 0).map(|value| Track::new(grid, axis, *value, between)).collect();
    let across = across(axis);
    let mut changes = Vec::new();
    for slice in 0..size[axis] {
        watch.at(slice as f32 / size[axis] as f32)?;
        tracks.iter_mut().for_each(|track| track.advance(grid, axis, slice));
        let open: Vec<&Track> = tracks.iter().filter(|track| track.pair.is_some()).collect();
        if open.is_empty() {
            continue;
        }
        let replaced = |v: u16| matches!(between, Between::Slices(_)) && open.iter().any(|track| track.value == v);
        let reach = |side: usize| {
            let ranges = open.iter().filter_map(|track| track.reach(side, size[across[side]]));
            ranges.reduce(|all, one| all.start.min(one.start)..all.end.max(one.end)).unwrap_or(0..0)
        };
        for row in reach(0) {
            for column in reach(1) {
                let mut at = [slice; 3];
                (at[across[0]], at[across[1]]) = (row, column);
                let index = linear(size, at);
                let old = grid.get(index);
                let depths = open.iter().filter_map(|track| Some((track.depth(slice, [row, column])?, track.value)));
                let deepest = depths.filter(|(depth, _)| *depth <= 1e-6).min_by(|a, b| a.0.total_cmp(&b.0));
                let new = deepest.map_or(if replaced(old) { 0 } else { old }, |(_, value)| value);
                if new != old && (guard.allows(old) || replaced(old)) {
                    changes.push(Change { start: index, len: 1, old, new });
                }
            }
        }
    }
    changes.sort_unstable_by_key(|change| change.start);
    let mut builder = DeltaBuilder::default();
    changes.iter().for_each(|change| builder.push_run(change.range(), change.old, change.new));
    Ok(builder.finish())
}

/// The axes of a slice, the slower one first.
fn across(axis: usize) -> [usize; 2] {
    match axis {
        0 => [1, 2],
        1 => [0, 2],
        _ => [0, 1],
    }
}

/// One label on its way along the axis.
struct Track {
    value: u16,
    keys: Vec<usize>,
    pair: Option<Pair>,
}

impl Track {
    fn new(grid: &LabelGrid, axis: usize, value: u16, between: Between<'_>) -> Self {
        let mut keys: Vec<usize> = match between {
            Between::Slices(slices) => slices.to_vec(),
            Between::Drawn => grid.bounds(value).map_or_else(Vec::new, |bounds| bounds.range(axis).collect()),
        };
        keys.sort_unstable();
        keys.dedup();
        keys.retain(|key| holds(grid, axis, *key, value));
        Self { value, keys, pair: None }
    }

    /// Makes ready the two drawn slices around `slice`; none if it is drawn itself or lies outside.
    fn advance(&mut self, grid: &LabelGrid, axis: usize, slice: usize) {
        let after = self.keys.partition_point(|key| *key < slice);
        let around = self.keys.get(after).filter(|key| **key != slice).and_then(|to| Some((*self.keys.get(after.checked_sub(1)?)?, *to)));
        match around {
            None => self.pair = None,
            Some(keys) if self.pair.as_ref().is_some_and(|pair| pair.keys == keys) => {}
            Some(keys) => self.pair = Some(Pair::new(grid, axis, keys, self.value)),
        }
    }

    fn reach(&self, side: usize, size: usize) -> Option<Range<usize>> {
        let pair = self.pair.as_ref()?;
        let end = pair.origin[side] + [pair.shapes[0].nrows(), pair.shapes[0].ncols()][side] as isize;
        Some(pair.origin[side].max(0) as usize..(end.max(0) as usize).min(size))
    }

    fn depth(&self, slice: usize, at: [usize; 2]) -> Option<f32> {
        self.pair.as_ref().map(|pair| pair.depth(slice, at))
    }
}

fn holds(grid: &LabelGrid, axis: usize, slice: usize, value: u16) -> bool {
    let size = grid.size_zyx();
    let [rows, columns] = across(axis);
    (0..size[rows]).any(|row| {
        (0..size[columns]).any(|column| {
            let mut at = [slice; 3];
            (at[rows], at[columns]) = (row, column);
            grid.get(linear(size, at)) == value
        })
    })
}

/// Two drawn slices as signed distances (mm, negative inside) on one box, which may reach beyond the image.
struct Pair {
    keys: (usize, usize),
    origin: [isize; 2],
    shapes: [Array2<f32>; 2],
    /// From the first centroid to the second, in voxels.
    shift: [f64; 2],
}

impl Pair {
    fn new(grid: &LabelGrid, axis: usize, keys: (usize, usize), value: u16) -> Self {
        let (size, across) = (grid.size_zyx(), across(axis));
        let voxels = [keys.0, keys.1].map(|slice| {
            let mut found = Vec::new();
            for row in 0..size[across[0]] {
                for column in 0..size[across[1]] {
                    let mut at = [slice; 3];
                    (at[across[0]], at[across[1]]) = (row, column);
                    if grid.get(linear(size, at)) == value {
                        found.push([row, column]);
                    }
                }
            }
            found
        });
        let centroids = voxels.each_ref().map(|voxels| {
            let sum = |side: usize| voxels.iter().map(|v| v[side] as f64).sum::<f64>() / voxels.len() as f64;
            [sum(0), sum(1)]
        });
        let shift: [f64; 2] = std::array::from_fn(|side| centroids[1][side] - centroids[0][side]);
        // Two voxels of outside all round, and room for the whole shift.
        let margin = shift.map(|s| s.abs().ceil() as isize + 2);
        let all = || voxels.iter().flatten();
        let origin: [isize; 2] = std::array::from_fn(|side| all().map(|v| v[side] as isize).min().unwrap_or(0) - margin[side]);
        let extent: [usize; 2] =
            std::array::from_fn(|side| (all().map(|v| v[side] as isize).max().unwrap_or(0) + margin[side] + 1 - origin[side]) as usize);
        let spacing = grid.spacing_zyx_mm();
        let shapes = voxels.each_ref().map(|voxels| {
            let mut inside = Array3::from_elem([1, extent[0], extent[1]], false);
            for voxel in voxels {
                let [row, column]: [usize; 2] = std::array::from_fn(|side| (voxel[side] as isize - origin[side]) as usize);
                inside[[0, row, column]] = true;
            }
            signed_distances(&inside, [1.0, spacing[across[0]], spacing[across[1]]])
        });
        Self { keys, origin, shapes, shift }
    }

    fn depth(&self, slice: usize, at: [usize; 2]) -> f32 {
        let t = (slice - self.keys.0) as f64 / (self.keys.1 - self.keys.0) as f64;
        let sample = |shape: &Array2<f32>, moved: f64| {
            bilinear(shape, std::array::from_fn(|side| at[side] as f64 - self.origin[side] as f64 + moved * self.shift[side]))
        };
        (1.0 - t as f32) * sample(&self.shapes[0], -t) + t as f32 * sample(&self.shapes[1], 1.0 - t)
    }
}

fn signed_distances(inside: &Array3<bool>, spacing: [f64; 3]) -> Array2<f32> {
    let mut signed = squared_distances(inside, spacing);
    let within = squared_distances(&inside.mapv(|v| !v), spacing);
    signed.zip_mut_with(&within, |out, within| *out = out.sqrt() - within.sqrt());
    signed.index_axis_move(Axis(0), 0)
}

/// Between four voxels; beyond the box its edge goes on.
fn bilinear(values: &Array2<f32>, at: [f64; 2]) -> f32 {
    let place = |at: f64, size: usize| {
        let at = at.clamp(0.0, (size - 1) as f64);
        let low = at.floor() as usize;
        (low, (low + 1).min(size - 1), (at - low as f64) as f32)
    };
    let (r0, r1, r) = place(at[0], values.nrows());
    let (c0, c1, c) = place(at[1], values.ncols());
    let row = |row: usize| values[[row, c0]] * (1.0 - c) + values[[row, c1]] * c;
    row(r0) * (1.0 - r) + row(r1) * r
}
