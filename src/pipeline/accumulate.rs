//! The open part of the sliding window's sum: only planes that tiles can still touch are in memory.

use std::collections::VecDeque;

use rayon::prelude::*;

use crate::error::PipelineError;
use crate::tiles::TileGrid;

/// One plane of weighted sums.
struct Plane {
    /// (channels, rows, columns).
    values: Vec<f32>,
    /// Sum of weights, (rows, columns).
    weights: Vec<f32>,
}

/// One network output and how it enters the sum.
pub(crate) struct Contribution<'a> {
    /// (channels, patch).
    pub(crate) output: &'a [f32],
    /// Image index of the tile's first voxel.
    pub(crate) origin: [isize; 3],
    /// Axes along which `output` is mirrored.
    pub(crate) flips: [bool; 3],
    /// First accumulated channel it is added to.
    pub(crate) first_channel: usize,
    /// Factor on values (not on weights): one over the number of outputs averaged at this place.
    pub(crate) share: f32,
    /// Whether to count the weights; once per place.
    pub(crate) counts: bool,
}

/// Accumulators for the planes `first .. first + planes.len()` of the image.
///
/// Tiles come in rising order of their first axis, so the planes before the next tile's start are final: the band never
/// holds more than one patch of planes.
pub(crate) struct Band {
    channels: usize,
    patch: [usize; 3],
    size: [usize; 3],
    gaussian: Vec<f32>,
    first: usize,
    planes: VecDeque<Plane>,
    spare: Vec<Plane>,
}

impl Band {
    pub(crate) fn new(grid: &TileGrid, gaussian: Vec<f32>, channels: usize) -> Self {
        Self { channels, patch: grid.patch, size: grid.size, gaussian, first: 0, planes: VecDeque::new(), spare: Vec::new() }
    }

    /// Image index of the first plane that is still open.
    pub(crate) fn first(&self) -> usize {
        self.first
    }

    /// Opens zeroed planes so that the band ends at `end`.
    pub(crate) fn reach(&mut self, end: usize) {
        let area = self.size[1] * self.size[2];
        while self.first + self.planes.len() < end {
            let mut plane = self.spare.pop().unwrap_or_else(|| Plane { values: Vec::new(), weights: Vec::new() });
            plane.values.clear();
            plane.values.resize(self.channels * area, 0.0);
            plane.weights.clear();
            plane.weights.resize(area, 0.0);
            self.planes.push_back(plane);
        }
    }

    /// Adds one network output; parts that lie on padding are dropped.
    pub(crate) fn add(&mut self, part: &Contribution<'_>) {
        let covered: [(usize, usize); 3] = std::array::from_fn(|a| {
            let end = part.origin[a] + self.patch[a] as isize;
            (part.origin[a].max(0) as usize, (end.max(0) as usize).min(self.size[a]))
        });
        let (patch, size, gaussian, first) = (self.patch, self.size, &self.gaussian, self.first);
        let open = &mut self.planes.make_contiguous()[covered[0].0 - first..covered[0].1 - first];
        open.par_iter_mut().enumerate().for_each(|(i, plane)| {
            let z = ((covered[0].0 + i) as isize - part.origin[0]) as usize;
            add_to_plane(plane, part, z, [covered[1], covered[2]], patch, size, gaussian);
        });
    }

    /// Closes the first plane: weighted sums become means.
    pub(crate) fn retire(&mut self) -> Result<Vec<f32>, PipelineError> {
        let mut plane = self.planes.pop_front().expect("only open planes are retired");
        self.first += 1;
        let Plane { values, weights } = &mut plane;
        let finite = values.par_chunks_mut(weights.len()).all(|channel| {
            channel.iter_mut().zip(&*weights).for_each(|(value, weight)| *value /= weight);
            channel.iter().all(|value| value.is_finite())
        });
        let values = std::mem::take(&mut plane.values);
        self.spare.push(plane);
        if finite { Ok(values) } else { Err(PipelineError::NotFiniteOutput) }
    }

    /// Takes a retired plane's memory back.
    pub(crate) fn recycle(&mut self, values: Vec<f32>) {
        if let Some(plane) = self.spare.iter_mut().find(|plane| plane.values.capacity() == 0) {
            plane.values = values;
        }
    }
}

fn add_to_plane(
    plane: &mut Plane,
    part: &Contribution<'_>,
    z: usize,
    rows_and_columns: [(usize, usize); 2],
    patch: [usize; 3],
    size: [usize; 3],
    gaussian: &[f32],
) {
    let [(y_start, y_end), (x_start, x_end)] = rows_and_columns;
    let mirrored = |axis: usize, index: usize| if part.flips[axis] { patch[axis] - 1 - index } else { index };
    let offset = |index: usize, axis: usize| (index as isize - part.origin[axis]) as usize;
    let columns = offset(x_start, 2)..offset(x_end, 2);
    let volume: usize = patch.iter().product();
    let area = size[1] * size[2];
    for y in y_start..y_end {
        let weights = &gaussian[(z * patch[1] + offset(y, 1)) * patch[2]..][columns.clone()];
        let row = y * size[2] + x_start..y * size[2] + x_end;
        for (channel, output) in part.output.chunks_exact(volume).enumerate() {
            let source = &output[(mirrored(0, z) * patch[1] + mirrored(1, offset(y, 1))) * patch[2]..][..patch[2]];
            let target = &mut plane.values[(part.first_channel + channel) * area..][row.clone()];
            if part.flips[2] {
                let source = &source[patch[2] - columns.end..patch[2] - columns.start];
                add_row(target, weights, source.iter().rev(), part.share);
            } else {
                add_row(target, weights, source[columns.clone()].iter(), part.share);
            }
        }
        if part.counts {
            plane.weights[row].iter_mut().zip(weights).for_each(|(sum, weight)| *sum += weight);
        }
    }
}

fn add_row<'a>(target: &mut [f32], weights: &[f32], source: impl Iterator<Item = &'a f32>, share: f32) {
    for ((sum, weight), value) in target.iter_mut().zip(weights).zip(source) {
        *sum += weight * share * value;
    }
}
