//! Tile places, their weights and their mirrorings (nnU-Net `inference/sliding_window_prediction.py`).

use half::f16;

use crate::error::PipelineError;

/// Smallest step accepted, as a part of the tile: below, tiles only repeat one another.
pub const MIN_STEP: f64 = 0.01;

/// First index of every tile along one axis of at least `patch` voxels (`compute_steps_for_sliding_window`).
fn tile_starts(size: usize, patch: usize, step_size: f64) -> Vec<usize> {
    let slack = (size - patch) as f64;
    let count = (slack / (patch as f64 * step_size)).ceil() as usize + 1;
    // The last tile ends with the image, so the step shrinks to divide the slack; numpy rounds half to even.
    let step = if count > 1 { slack / (count - 1) as f64 } else { 0.0 };
    (0..count).map(|i| (step * i as f64).round_ties_even() as usize).collect()
}

/// Places of all tiles over an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TileGrid {
    /// Tile size.
    pub patch: [usize; 3],
    /// Image size.
    pub size: [usize; 3],
    /// First image index of the tiles along each axis; negative where the image is smaller than a tile and is padded.
    pub starts: [Vec<isize>; 3],
}

impl TileGrid {
    /// Tiles overlap by `1 - step_size` or more; images smaller than a tile are centred in it (`pad_nd_image`).
    pub fn new(size: [usize; 3], patch: [usize; 3], step_size: f64) -> Result<Self, PipelineError> {
        if !(MIN_STEP..=1.0).contains(&step_size) {
            return Err(PipelineError::Plan(format!("the tile step must lie between {MIN_STEP} and 1, not {step_size}")));
        }
        let starts = std::array::from_fn(|a| {
            let below = patch[a].saturating_sub(size[a]) / 2;
            let padded = size[a].max(patch[a]);
            tile_starts(padded, patch[a], step_size).into_iter().map(|start| start as isize - below as isize).collect()
        });
        Ok(Self { patch, size, starts })
    }

    /// Number of tiles.
    pub fn count(&self) -> usize {
        self.starts.iter().map(Vec::len).product()
    }
}

/// Weight of every voxel of a tile (`compute_gaussian`): a Gaussian of sigma = patch / 8, scaled to a maximum of 10 and
/// rounded to half precision, with zeros raised to the smallest non-zero weight.
pub fn gaussian(patch: [usize; 3]) -> Vec<f32> {
    let axes = patch.map(gaussian_axis);
    let peak = axes.iter().map(|axis| axis.iter().copied().fold(0.0, f64::max)).product::<f64>();
    let mut weights = Vec::with_capacity(patch.iter().product());
    for z in &axes[0] {
        for y in &axes[1] {
            weights.extend(axes[2].iter().map(|x| f16::from_f32((z * y * x / (peak / 10.0)) as f32).to_f32()));
        }
    }
    let smallest = weights.iter().copied().filter(|w| *w > 0.0).fold(f32::INFINITY, f32::min);
    weights.iter_mut().filter(|w| **w == 0.0).for_each(|w| *w = smallest);
    weights
}

/// A unit impulse at `patch / 2` after scipy's `gaussian_filter1d(mode="constant", truncate=4)`.
fn gaussian_axis(patch: usize) -> Vec<f64> {
    let sigma = patch as f64 / 8.0;
    let radius = (4.0 * sigma + 0.5) as isize;
    let bell = |d: isize| (-0.5 / (sigma * sigma) * (d * d) as f64).exp();
    let sum: f64 = (-radius..=radius).map(bell).sum();
    let centre = (patch / 2) as isize;
    (0..patch as isize).map(|i| if (i - centre).abs() <= radius { bell(i - centre) / sum } else { 0.0 }).collect()
}

/// Which axes to flip, for the plain tile and for every non-empty subset of `axes`.
pub fn mirrorings(axes: &[usize]) -> Vec<[bool; 3]> {
    let mut axes: Vec<usize> = axes.iter().copied().filter(|axis| *axis < 3).collect();
    axes.sort_unstable();
    axes.dedup();
    (0..1_usize << axes.len())
        .map(|subset| {
            let mut flips = [false; 3];
            axes.iter().enumerate().for_each(|(bit, axis)| flips[*axis] = subset >> bit & 1 == 1);
            flips
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_images_are_centred_in_one_tile() {
        let grid = TileGrid::new([61, 64, 100], [64, 64, 64], 0.5).unwrap();
        assert_eq!(grid.starts, [vec![-1], vec![0], vec![0, 18, 36]]);
        assert_eq!(grid.count(), 3);
    }

    #[test]
    fn senseless_steps_are_refused() {
        for step in [0.0, -1.0, 1.5, f64::NAN, 1e-9] {
            assert!(TileGrid::new([64; 3], [64; 3], step).is_err(), "{step}");
        }
    }

    #[test]
    fn mirrorings_are_all_subsets() {
        assert_eq!(mirrorings(&[]), [[false; 3]]);
        assert_eq!(mirrorings(&[1, 0, 1]), [[false; 3], [true, false, false], [false, true, false], [true, true, false]]);
        assert_eq!(mirrorings(&[0, 1, 2]).len(), 8);
    }

    #[test]
    fn starts_match_the_reference_table() {
        let table = crate::testkit::golden_json("misc/misc.json");
        let rows = table["tiles"].as_object().unwrap();
        assert!(rows.len() > 30);
        for (key, starts) in rows {
            let mut parts = key.split('_');
            let mut number = || parts.next().unwrap();
            let (size, patch, step) = (number().parse().unwrap(), number().parse().unwrap(), number().parse().unwrap());
            let expected: Vec<usize> = serde_json::from_value(starts.clone()).unwrap();
            assert_eq!(tile_starts(size, patch, step), expected, "{key}");
        }
    }
}
