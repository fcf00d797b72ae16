//! B-spline interpolation along one axis, as `scipy.ndimage.zoom(order, mode="nearest", grid_mode=True)` does it.
//!
//! Tensor-product splines are separable, so an image is resampled axis by axis: arithmetic in f64, storage in f32.

use ndarray::parallel::prelude::*;
use ndarray::{Array3, ArrayView2, ArrayView3, ArrayViewMut2, Axis, s};

/// scipy pads by this many edge values before prefiltering in mode "nearest".
const PAD: usize = 12;
/// Lines processed together: one cache line of input per lane block, a few vector registers of accumulators.
const LANES: usize = 32;
/// Highest spline order supported; nnU-Net uses 0 to 3.
pub const MAX_ORDER: u8 = 3;

/// Which samples (or spline coefficients) every output position of an axis reads, and with which weights.
#[derive(Debug, Clone)]
pub(crate) struct Taps {
    /// Samples read per output position: order + 1.
    pub(crate) per_output: usize,
    /// Sample indices, `per_output` for each position; into the padded line when `prefiltered`.
    pub(crate) index: Vec<usize>,
    /// Weights of the samples.
    pub(crate) weight: Vec<f64>,
    prefilter_pole: Option<f64>,
}

impl Taps {
    /// Taps that turn `n_in` samples into `n_out`.
    pub(crate) fn new(n_in: usize, n_out: usize, order: u8) -> Self {
        let prefilter_pole = match order {
            0 | 1 => None,
            2 => Some(8.0_f64.sqrt() - 3.0),
            _ => Some(3.0_f64.sqrt() - 2.0),
        };
        let per_output = usize::from(order.min(MAX_ORDER)) + 1;
        let mut taps = Self {
            per_output,
            index: Vec::with_capacity(n_out * per_output),
            weight: Vec::with_capacity(n_out * per_output),
            prefilter_pole,
        };
        for k in 0..n_out {
            let mut at = source_position(k, n_in, n_out);
            if prefilter_pole.is_some() {
                at += PAD as f64;
            } else {
                at = at.clamp(0.0, (n_in - 1) as f64);
            }
            taps.push(at, if prefilter_pole.is_some() { n_in + 2 * PAD } else { n_in });
        }
        taps
    }

    fn push(&mut self, at: f64, samples: usize) {
        let order = self.per_output - 1;
        // Odd orders lie between samples, even orders around the nearest one.
        let anchor = if order % 2 == 1 { at.floor() } else { (at + 0.5).floor() };
        let first = anchor as usize - order / 2;
        self.index.extend((0..=order).map(|t| (first + t).min(samples - 1)));
        let x = at - anchor;
        match order {
            0 => self.weight.push(1.0),
            1 => self.weight.extend([1.0 - x, x]),
            2 => {
                let (left, middle) = (0.5 * (0.5 - x).powi(2), 0.75 - x * x);
                self.weight.extend([left, middle, 1.0 - left - middle]);
            }
            _ => {
                let z = 1.0 - x;
                let (a, b) = ((x * x * (x - 2.0) * 3.0 + 4.0) / 6.0, (z * z * (z - 2.0) * 3.0 + 4.0) / 6.0);
                let left = z * z * z / 6.0;
                self.weight.extend([left, a, b, 1.0 - left - a - b]);
            }
        }
    }

    /// The taps of orders 0 and 1 as pairs.
    pub(crate) fn pairs(&self) -> Vec<Pair> {
        let (indices, weights) = (self.index.chunks(self.per_output), self.weight.chunks(self.per_output));
        let last = self.per_output - 1;
        indices.zip(weights).map(|(index, weight)| Pair { first: index[0], last: index[last], weight: weight[last] as f32 }).collect()
    }
}

/// Two samples and the weight of the last.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pair {
    pub(crate) first: usize,
    pub(crate) last: usize,
    pub(crate) weight: f32,
}

impl Pair {
    /// The value between its two samples.
    pub(crate) fn blend(self, first: f32, last: f32) -> f32 {
        first * (1.0 - self.weight) + last * self.weight
    }
}

/// Centre of output voxel `k` in input voxel units: both grids cover the same extent.
pub(crate) fn source_position(k: usize, n_in: usize, n_out: usize) -> f64 {
    (k as f64 + 0.5) * (n_in as f64 / n_out as f64) - 0.5
}

/// Resamples one axis to `n_out` samples.
pub(crate) fn resample_axis(image: &ArrayView3<'_, f32>, axis: usize, n_out: usize, order: u8) -> Array3<f32> {
    let taps = Taps::new(image.len_of(Axis(axis)), n_out, order);
    let mut size: [usize; 3] = image.dim().into();
    size[axis] = n_out;
    let mut result = Array3::<f32>::zeros(size);
    // Rows run along the resampled axis, columns along the fastest of the other two.
    let sheets = match axis {
        0 => [1, 0, 2],
        1 => [0, 1, 2],
        _ => [0, 2, 1],
    };
    let source = image.view().permuted_axes(sheets);
    let mut target = result.view_mut().permuted_axes(sheets);
    target
        .axis_iter_mut(Axis(0))
        .into_par_iter()
        .zip(source.axis_iter(Axis(0)).into_par_iter())
        .for_each_init(Vec::new, |lines, (target, source)| resample_sheet(&taps, &source, target, lines));
    result
}

/// Resamples the columns of a sheet, [`LANES`] at a time.
fn resample_sheet(taps: &Taps, source: &ArrayView2<'_, f32>, mut target: ArrayViewMut2<'_, f32>, lines: &mut Vec<[f64; LANES]>) {
    let columns = source.ncols();
    for start in (0..columns).step_by(LANES) {
        let end = (start + LANES).min(columns);
        load(&source.slice(s![.., start..end]), taps.prefilter_pole, lines);
        for (k, mut row) in target.slice_mut(s![.., start..end]).outer_iter_mut().enumerate() {
            let mut sum = [0.0_f64; LANES];
            for tap in k * taps.per_output..(k + 1) * taps.per_output {
                let (weight, samples) = (taps.weight[tap], &lines[taps.index[tap]]);
                for (sum, sample) in sum.iter_mut().zip(samples) {
                    *sum += weight * sample;
                }
            }
            row.iter_mut().zip(sum).for_each(|(value, sum)| *value = sum as f32);
        }
    }
}

/// Copies columns into f64 lanes; for splines of order 2 and 3, padded and turned into coefficients.
fn load(columns: &ArrayView2<'_, f32>, pole: Option<f64>, lines: &mut Vec<[f64; LANES]>) {
    lines.clear();
    for row in columns.outer_iter() {
        let mut lane = [0.0; LANES];
        lane.iter_mut().zip(row).for_each(|(lane, value)| *lane = f64::from(*value));
        lines.push(lane);
    }
    if let Some(pole) = pole {
        let (first, last) = (lines[0], lines[lines.len() - 1]);
        lines.splice(0..0, [first; PAD]);
        lines.extend([last; PAD]);
        prefilter(lines, pole);
    }
}

/// Unser's recursive B-spline prefilter with half-sample symmetric ends (scipy `ni_splines.c`, mode "reflect").
fn prefilter(lines: &mut [[f64; LANES]], pole: f64) {
    let gain = (1.0 - pole) * (1.0 - 1.0 / pole);
    lines.iter_mut().flatten().for_each(|v| *v *= gain);
    // The mirrored start is a geometric series; |pole|^40 < 1e-22 ends it.
    let mut start = lines[0];
    let mut power = pole;
    for line in lines.iter().take(40) {
        start.iter_mut().zip(line).for_each(|(sum, v)| *sum += power * v);
        power *= pole;
    }
    lines[0] = start;
    for i in 1..lines.len() {
        let (done, rest) = lines.split_at_mut(i);
        rest[0].iter_mut().zip(&done[i - 1]).for_each(|(v, before)| *v += pole * before);
    }
    let last = lines.len() - 1;
    lines[last].iter_mut().for_each(|v| *v *= pole / (pole - 1.0));
    for i in (0..last).rev() {
        let (rest, done) = lines.split_at_mut(i + 1);
        rest[i].iter_mut().zip(&done[0]).for_each(|(v, after)| *v = pole * (after - *v));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_sum_to_one_and_stay_inside() {
        for order in 0..=MAX_ORDER {
            for (n_in, n_out) in [(1, 1), (1, 7), (5, 2), (7, 20), (30, 29)] {
                let taps = Taps::new(n_in, n_out, order);
                let samples = if order > 1 { n_in + 2 * PAD } else { n_in };
                assert!(taps.index.iter().all(|i| *i < samples));
                for weights in taps.weight.chunks(taps.per_output) {
                    assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12, "order {order}");
                }
            }
        }
    }

    #[test]
    fn splines_interpolate_their_samples() {
        let image = Array3::from_shape_fn((3, 9, 40), |(z, y, x)| ((z * 7 + y * 13 + x * 29) % 17) as f32);
        for order in [2, 3] {
            for axis in 0..3 {
                let same = resample_axis(&image.view(), axis, image.len_of(Axis(axis)), order);
                assert!(same.iter().zip(&image).all(|(a, b)| (a - b).abs() < 1e-5), "order {order} axis {axis}");
            }
        }
    }

    #[test]
    fn a_cubic_is_followed_away_from_the_ends() {
        let cubic = |x: f64| 0.01 * (x - 20.0).powi(3) - x;
        let image = Array3::from_shape_fn((1, 1, 40), |(_, _, x)| cubic(x as f64) as f32);
        let fine = resample_axis(&image.view(), 2, 100, 3);
        for k in 45..55 {
            let truth = cubic(source_position(k, 40, 100));
            assert!((f64::from(fine[(0, 0, k)]) - truth).abs() < 1e-4, "at {k}");
        }
    }
}
