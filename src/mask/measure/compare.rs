//! How two masks of one structure agree: overlap, and distances between their surfaces.
//!
//! Surfaces are sampled as in Nikolov et al., "Deep learning to achieve clinically applicable segmentation of head and neck anatomy for
//! radiotherapy" (arXiv 1809.04430, JMIR 2021): points between eight voxel centres that are not all alike, each weighted with the area
//! of the surface there. With `d(a, B)` the distance from a surface point of A to the surface of B and `w` the areas,
//!
//! - `NSD(t) = (sum of w(a) with d(a, B) <= t + sum of w(b) with d(b, A) <= t) / (sum of w(a) + sum of w(b))`,
//! - `HD95 = max(P95 of d(a, B), P95 of d(b, A))`, percentiles by area,
//! - `mean = (sum of w(a) d(a, B) + sum of w(b) d(b, A)) / (sum of w(a) + sum of w(b))`.

use ndarray::Array3;
use volume::Region;

use super::surfels::areas_mm2;
use crate::distance::squared_distances;
use crate::error::MaskError;
use crate::grid::{LabelGrid, join, linear};
use crate::watch::Watch;

/// Tolerances are met within rounding of f32 distances.
const RIM: f64 = 1.0 + 1e-6;

/// How two masks of one structure agree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agreement {
    /// Voxels in the first mask, in the second, and in both.
    pub voxels: [u64; 3],
    /// Dice coefficient.
    pub dice: f64,
    /// 95th percentile of the surface distance in millimetres; infinite when one mask lacks the structure.
    pub hd95_mm: f64,
    /// Share of both surfaces that lies within the tolerance of the other (normalised surface Dice).
    pub nsd: f64,
    /// Mean surface distance in millimetres; infinite when one mask lacks the structure.
    pub mean_distance_mm: f64,
}

/// Compares label `value_a` of one mask with `value_b` of another on the same grid; none when both lack it.
pub fn agreement(a: (&LabelGrid, u16), b: (&LabelGrid, u16), tolerance_mm: f64, watch: Watch<'_>) -> Result<Option<Agreement>, MaskError> {
    let size = a.0.size_zyx();
    if size != b.0.size_zyx() {
        return Err(MaskError::Sizes(size, b.0.size_zyx()));
    }
    if !tolerance_mm.is_finite() || tolerance_mm < 0.0 {
        return Err(MaskError::BadNumber { what: "the tolerance", value: tolerance_mm });
    }
    let Some(region) = join(a.0.bounds(a.1), b.0.bounds(b.1)) else { return Ok(None) };
    watch.at(0.1)?;
    let (in_a, in_b) = (inside(a, region), inside(b, region));
    let count = |mask: &Array3<bool>| mask.iter().filter(|v| **v).count() as u64;
    let both = in_a.iter().zip(&in_b).filter(|(a, b)| **a && **b).count() as u64;
    let voxels = [count(&in_a), count(&in_b), both];
    let dice = 2.0 * both as f64 / (voxels[0] + voxels[1]) as f64;
    if voxels[0] == 0 || voxels[1] == 0 {
        return Ok(Some(Agreement { voxels, dice, hd95_mm: f64::INFINITY, nsd: 0.0, mean_distance_mm: f64::INFINITY }));
    }
    let spacing = a.0.spacing_zyx_mm();
    let areas = areas_mm2(spacing);
    let (codes_a, codes_b) = (codes(&in_a), codes(&in_b));
    watch.at(0.3)?;
    let from_b = distances_at(&codes_a, &codes_b, spacing, &areas);
    watch.at(0.7)?;
    let from_a = distances_at(&codes_b, &codes_a, spacing, &areas);
    let surface = from_a.iter().chain(&from_b).map(|(_, area)| area).sum::<f64>();
    let near = from_a.iter().chain(&from_b).filter(|(d, _)| *d <= tolerance_mm * RIM).map(|(_, area)| area).sum::<f64>();
    let mean_distance_mm = from_a.iter().chain(&from_b).map(|(d, area)| d * area).sum::<f64>() / surface;
    watch.at(1.0)?;
    let hd95_mm = percentile(from_a, 0.95).max(percentile(from_b, 0.95));
    Ok(Some(Agreement { voxels, dice, hd95_mm, nsd: near / surface, mean_distance_mm }))
}

fn inside((grid, value): (&LabelGrid, u16), region: Region) -> Array3<bool> {
    let start = region.start_zyx;
    Array3::from_shape_fn(region.size_zyx(), |(z, y, x)| {
        grid.get(linear(grid.size_zyx(), [start[0] + z, start[1] + y, start[2] + x])) == value
    })
}

/// One code per point between voxels: which of the eight around it are inside. Beyond the box all is outside.
fn codes(mask: &Array3<bool>) -> Array3<u8> {
    let mut codes = Array3::zeros(<[usize; 3]>::from(mask.dim()).map(|n| n + 1));
    for ((z, y, x), _) in mask.indexed_iter().filter(|(_, inside)| **inside) {
        for c in 0..8 {
            codes[[z + 1 - (c >> 2 & 1), y + 1 - (c >> 1 & 1), x + 1 - (c & 1)]] |= 1 << c;
        }
    }
    codes
}

/// Distance to the other surface and area, for every point of a surface.
fn distances_at(codes: &Array3<u8>, other: &Array3<u8>, spacing: [f64; 3], areas: &[f64; 256]) -> Vec<(f64, f64)> {
    let is_surface = |code: u8| code != 0 && code != u8::MAX;
    let distances = squared_distances(&other.mapv(is_surface), spacing);
    let points = codes.iter().zip(&distances).filter(|(code, _)| is_surface(**code));
    points.map(|(code, squared)| (f64::from(*squared).sqrt(), areas[usize::from(*code)])).collect()
}

/// The smallest distance that at least this share of the area does not exceed.
fn percentile(mut distances: Vec<(f64, f64)>, share: f64) -> f64 {
    distances.sort_by(|a, b| a.0.total_cmp(&b.0));
    let whole: f64 = distances.iter().map(|(_, area)| area).sum();
    let mut below = 0.0;
    for (distance, area) in &distances {
        below += area;
        if below / whole >= share {
            return *distance;
        }
    }
    distances.last().map_or(0.0, |(distance, _)| *distance)
}
