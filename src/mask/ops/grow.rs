//! Growing and shrinking by millimetres: exact Euclidean distance, so the result does not depend on how thick slices are.

use ndarray::Array3;
use volume::Region;

use crate::delta::{Delta, DeltaBuilder};
use crate::distance::squared_distances;
use crate::draw::Guard;
use crate::error::{MaskError, positive};
use crate::grid::{LabelGrid, linear, padded};
use crate::watch::Watch;

/// A centre exactly at the distance counts as reached; f32 squares are good to 1e-7.
const RIM: f64 = 1.0 + 1e-6;

/// Gives the label every voxel within `mm` of it that the guard lets go.
pub fn grow(grid: &LabelGrid, value: u16, mm: f64, guard: &Guard, watch: Watch<'_>) -> Result<Delta, MaskError> {
    positive("the distance", mm)?;
    let Some(bounds) = grid.bounds(value) else { return Ok(Delta::default()) };
    let region = padded(bounds, margin(grid, mm), grid.size_zyx());
    watch.at(0.05)?;
    let inside = of_box(grid, region, |v| v == value);
    watch.at(0.2)?;
    let distances = squared_distances(&inside, grid.spacing_zyx_mm());
    watch.at(0.9)?;
    Ok(change(grid, region, &distances, mm, |old| (old != value && guard.allows(old)).then_some(value)))
}

/// Takes from the label every voxel within `mm` of anything else and gives it `into` (0 is background).
///
/// Beyond the edge of the image the structure is taken to go on, so a cut structure does not shrink there.
pub fn shrink(grid: &LabelGrid, value: u16, mm: f64, into: u16, watch: Watch<'_>) -> Result<Delta, MaskError> {
    positive("the distance", mm)?;
    grid.fits(into)?;
    let Some(bounds) = grid.bounds(value) else { return Ok(Delta::default()) };
    let region = padded(bounds, [1; 3], grid.size_zyx());
    watch.at(0.05)?;
    let outside = of_box(grid, region, |v| v != value);
    watch.at(0.2)?;
    let distances = squared_distances(&outside, grid.spacing_zyx_mm());
    watch.at(0.9)?;
    Ok(change(grid, region, &distances, mm, |old| (old == value && old != into).then_some(into)))
}

/// Voxels that a distance can span, per axis.
fn margin(grid: &LabelGrid, mm: f64) -> [usize; 3] {
    grid.spacing_zyx_mm().map(|spacing| (mm * RIM / spacing).ceil() as usize)
}

/// Which voxels of a box satisfy a condition.
pub(super) fn of_box(grid: &LabelGrid, region: Region, is_in: impl Fn(u16) -> bool) -> Array3<bool> {
    let size = grid.size_zyx();
    let start = region.start_zyx;
    Array3::from_shape_fn(region.size_zyx(), |(z, y, x)| is_in(grid.get(linear(size, [start[0] + z, start[1] + y, start[2] + x]))))
}

fn change(grid: &LabelGrid, region: Region, distances: &Array3<f32>, mm: f64, new: impl Fn(u16) -> Option<u16>) -> Delta {
    let (size, start) = (grid.size_zyx(), region.start_zyx);
    let limit = (mm * mm * RIM) as f32;
    let mut builder = DeltaBuilder::default();
    for ((z, y, x), distance) in distances.indexed_iter() {
        if *distance <= limit {
            let index = linear(size, [start[0] + z, start[1] + y, start[2] + x]);
            let old = grid.get(index);
            if let Some(new) = new(old) {
                builder.push(index, old, new);
            }
        }
    }
    builder.finish()
}
