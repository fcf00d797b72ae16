//! Size, image values, place, pieces and largest diameter of every structure, from one pass over the rows.

use glam::DVec3;
use rayon::prelude::*;
use volume::Region;

use super::diameter::largest_distance;
use crate::components::{RowRun, Rows, Touch};
use crate::error::MaskError;
use crate::grid::{LabelGrid, join, zyx};
use crate::watch::Watch;

/// What is known about one structure.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// Its label.
    pub value: u16,
    /// Its size in voxels.
    pub voxels: u64,
    /// Its size in millilitres.
    pub ml: f64,
    /// Mean of the image inside, in the image's units; voxels without a finite value are left out. None without an image.
    pub mean: Option<f64>,
    /// Standard deviation of the image inside (over n, not n - 1).
    pub sd: Option<f64>,
    /// The smallest box around it.
    pub bounds: Region,
    /// Whether it touches the edge of the image, so that its volume and diameter may be larger (shown as "≥").
    pub cut: bool,
    /// Separate pieces (26 neighbours).
    pub pieces: u32,
    /// Mean position of its voxel centres.
    pub centroid_lps_mm: DVec3,
    /// Largest distance between two of its voxel centres, exact (3D Feret diameter).
    pub diameter_mm: f64,
    /// The two voxels that are that far apart, z, y, x.
    pub diameter_ends_zyx: [[usize; 3]; 2],
}

/// Gives the image's value at a linear index of the mask's grid.
type Image<'a> = &'a (dyn Fn(usize) -> f32 + Sync);

/// Measures all labels but background, by rising label.
pub fn measure(grid: &LabelGrid, image: Option<Image<'_>>, watch: Watch<'_>) -> Result<Vec<Measure>, MaskError> {
    measure_rows(grid, &Rows::of(grid, Region::whole(grid.size_zyx()), |v| v != 0), image, watch)
}

/// Measures one label, for after an edit: costs its box, not the volume's labels. None if it is absent.
pub fn measure_one(grid: &LabelGrid, value: u16, image: Option<Image<'_>>, watch: Watch<'_>) -> Result<Option<Measure>, MaskError> {
    let Some(region) = grid.bounds(value) else { return Ok(None) };
    Ok(measure_rows(grid, &Rows::of(grid, region, |v| v == value), image, watch)?.pop())
}

fn measure_rows(grid: &LabelGrid, rows: &Rows, image: Option<Image<'_>>, watch: Watch<'_>) -> Result<Vec<Measure>, MaskError> {
    watch.at(0.2)?;
    let pieces = rows.pieces(grid.size_zyx(), Touch::Corners);
    watch.at(0.4)?;
    // A slot per label that is there, so that sums are small and lookups plain.
    let mut slot = vec![u32::MAX; usize::from(u16::MAX) + 1];
    pieces.pieces.iter().for_each(|piece| slot[usize::from(piece.value)] = 0);
    let values: Vec<u16> = (0..=u16::MAX).filter(|value| slot[usize::from(*value)] == 0).collect();
    values.iter().zip(0..).for_each(|(value, i)| slot[usize::from(*value)] = i);

    let sum = |mut sums: Vec<Sums>, runs: &[RowRun]| {
        runs.iter().for_each(|run| sums[slot[usize::from(run.value)] as usize].add(grid.size_zyx(), run, image));
        sums
    };
    let merge = |a: Vec<Sums>, b: Vec<Sums>| a.into_iter().zip(b).map(|(a, b)| a.merge(b)).collect();
    let none = || vec![Sums::default(); values.len()];
    // Chunks of fixed size are merged in order, so that the same mask always gives the same digits.
    let chunks: Vec<Vec<Sums>> = rows.runs.par_chunks(1 << 15).map(|runs| sum(none(), runs)).collect();
    let mut sums = chunks.into_iter().fold(none(), merge);
    pieces.pieces.iter().for_each(|piece| sums[slot[usize::from(piece.value)] as usize].pieces += 1);
    watch.at(0.7)?;

    let mut ends: Vec<Vec<[i32; 3]>> = vec![Vec::new(); values.len()];
    for run in &rows.runs {
        row_ends(&mut ends[slot[usize::from(run.value)] as usize], grid.size_zyx(), run);
    }
    watch.at(0.8)?;
    let place = grid.geometry().world_from_voxel();
    let diameters: Vec<(f64, [[usize; 3]; 2])> = ends.into_par_iter().map(|ends| largest_distance(ends, place)).collect();
    watch.at(1.0)?;
    Ok(values.iter().zip(sums).zip(diameters).map(|((value, sums), diameter)| sums.finish(grid, *value, diameter)).collect())
}

/// Keeps the first and last voxel of a label in each row: no other can be an end of its diameter.
fn row_ends(ends: &mut Vec<[i32; 3]>, size_zyx: [usize; 3], run: &RowRun) {
    let [z, y, x] = zyx(size_zyx, run.start).map(|i| i as i32);
    let last = x + run.len as i32 - 1;
    match ends.as_mut_slice() {
        // Every row has two entries, so the last entry of this row can be moved on.
        [.., end] if end[0] == z && end[1] == y => end[2] = last,
        _ => ends.extend([[z, y, x], [z, y, last]]),
    }
}

/// Sums of one label over some rows.
#[derive(Debug, Clone, Default)]
struct Sums {
    voxels: u64,
    /// Sums of the indices z, y, x.
    place: [u64; 3],
    bounds: Option<Region>,
    pieces: u32,
    /// Voxels with a finite image value, their mean, and the sum of squares around it.
    valued: u64,
    mean: f64,
    m2: f64,
}

impl Sums {
    fn add(&mut self, size_zyx: [usize; 3], run: &RowRun, image: Option<Image<'_>>) {
        let (at, len) = (zyx(size_zyx, run.start), u64::from(run.len));
        self.voxels += len;
        self.place[0] += at[0] as u64 * len;
        self.place[1] += at[1] as u64 * len;
        self.place[2] += at[2] as u64 * len + len * (len - 1) / 2;
        let end = [at[0] + 1, at[1] + 1, at[2] + run.len as usize];
        self.bounds = join(self.bounds, Some(Region { start_zyx: at, end_zyx: end }));
        let Some(image) = image else { return };
        let values = || (run.start..run.start + run.len as usize).map(image).filter(|v| v.is_finite()).map(f64::from);
        // Sums around a value of the run itself lose no digits, whatever the offset of the image.
        let Some(around) = values().next() else { return };
        let (n, sum, squares) = values().map(|v| v - around).fold((0_u64, 0.0, 0.0), |(n, s, q), v| (n + 1, s + v, q + v * v));
        self.add_values(n, around + sum / n as f64, squares - sum * sum / n as f64);
    }

    /// Mean and squares of two sets together (Chan, Golub and LeVeque, 1979).
    fn add_values(&mut self, n: u64, mean: f64, m2: f64) {
        if n == 0 {
            return;
        }
        let all = (self.valued + n) as f64;
        let apart = mean - self.mean;
        self.mean += apart * n as f64 / all;
        self.m2 += m2.max(0.0) + apart * apart * self.valued as f64 * n as f64 / all;
        self.valued += n;
    }

    fn merge(mut self, other: Self) -> Self {
        self.voxels += other.voxels;
        (0..3).for_each(|a| self.place[a] += other.place[a]);
        self.bounds = join(self.bounds, other.bounds);
        self.pieces += other.pieces;
        self.add_values(other.valued, other.mean, other.m2);
        self
    }

    fn finish(self, grid: &LabelGrid, value: u16, (diameter_mm, diameter_ends_zyx): (f64, [[usize; 3]; 2])) -> Measure {
        let bounds = self.bounds.unwrap_or(Region { start_zyx: [0; 3], end_zyx: [0; 3] });
        let size = grid.size_zyx();
        Measure {
            value,
            voxels: self.voxels,
            ml: self.voxels as f64 * grid.geometry().voxel_volume_mm3() / 1000.0,
            mean: (self.valued > 0).then_some(self.mean),
            sd: (self.valued > 0).then(|| (self.m2 / self.valued as f64).sqrt()),
            bounds,
            // An axis of one voxel is a single slice, which has no edge to be cut by.
            cut: (0..3).any(|a| size[a] > 1 && (bounds.start_zyx[a] == 0 || bounds.end_zyx[a] == size[a])),
            pieces: self.pieces,
            centroid_lps_mm: grid.geometry().pos_lps_mm(self.place.map(|sum| sum as f64 / self.voxels as f64)),
            diameter_mm,
            diameter_ends_zyx,
        }
    }
}
