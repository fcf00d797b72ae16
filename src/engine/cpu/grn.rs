//! Twins of `grn_partial.wgsl`, `column_sum.wgsl` and `grn_scale.wgsl`.

use rayon::prelude::*;

use super::expand::{Normalised, TILE, expand};
use super::simd::{Lanes, lanes, multiversion};
use crate::kernels::Tile;
use crate::params::{ColumnSum, GrnPartial, GrnScale};
use crate::plan::Vec4;

/// Sum of squares of the expanded, activated tile, per hidden channel; all of it in the tile's first part.
pub(super) fn grn_partial(p: &GrnPartial, tile: Tile, d: &[Vec4], affine: &[Vec4], w1: &[Vec4], b1: &[Vec4], partial: &mut [Vec4]) {
    let (hidden4, parts, width) = (p.hidden4 as usize, tile.split as usize, tile.voxels as usize);
    partial.par_chunks_mut(hidden4 * parts).enumerate().for_each_init(
        || Normalised::new(tile.in4 as usize),
        |input, (index, partial)| {
            let (z, tile) = (index / p.tiles as usize, index % p.tiles as usize);
            let count = width.min(p.voxels as usize - tile * width);
            input.load(&d[z * p.plane as usize..], p.voxels as usize, tile * width, count, affine);
            partial.fill(Vec4::default());
            squares(input, count, w1, b1, &mut partial[..hidden4]);
        },
    );
}

multiversion! {
    /// `sums[e4] = sum over voxels of gelu(W1 x + b1)^2`.
    fn squares(input: &Normalised, count: usize, w1: &[Vec4], b1: &[Vec4], sums: &mut [Vec4]) = squares_body
}

#[inline(always)]
fn squares_body<const FMA: bool>(input: &Normalised, count: usize, w1: &[Vec4], b1: &[Vec4], sums: &mut [Vec4]) {
    let mut rows = [0.0; 4 * TILE];
    for (e4, sums) in sums.iter_mut().enumerate() {
        expand::<FMA>(input, count, e4, w1, b1[e4], &mut rows);
        for (sum, row) in sums.0.iter_mut().zip(rows.chunks_exact_mut(TILE)) {
            row[count..].fill(0.0);
            let mut totals: Lanes = [0.0; 16];
            for values in lanes(row).iter().take(count.div_ceil(16)) {
                for (total, v) in totals.iter_mut().zip(values) {
                    *total += v * v;
                }
            }
            *sum = totals.iter().sum();
        }
    }
}

/// `y[batch][c] = sum over r of x[batch][r][c]`.
pub(super) fn column_sum(p: &ColumnSum, batches: usize, x: &[Vec4], y: &mut [Vec4]) {
    let (rows, columns4) = (p.rows as usize, p.columns4 as usize);
    let y = &mut y[p.first as usize * columns4..][..batches * columns4];
    y.par_chunks_mut(columns4).zip(x.par_chunks(rows * columns4)).for_each(|(y, x)| {
        let mut sums = vec![[0.0_f64; 4]; columns4];
        for row in x.chunks_exact(columns4) {
            for (sum, value) in sums.iter_mut().zip(row) {
                for (sum, v) in sum.iter_mut().zip(value.0) {
                    *sum += f64::from(v);
                }
            }
        }
        for (y, sum) in y.iter_mut().zip(sums) {
            y.0 = sum.map(|s| s as f32);
        }
    });
}

/// `scale = 1 + gamma * g / (sum g / divisor + eps)` with `g = sqrt(squares)`.
pub(super) fn grn_scale(p: &GrnScale, squares: &[Vec4], gamma: &[Vec4], scale: &mut [Vec4]) {
    let total: f64 = squares.iter().flat_map(|s| s.0).map(|s| f64::from(s).sqrt()).sum();
    let denominator = total / f64::from(p.divisor) + f64::from(p.eps);
    for ((scale, gamma), squares) in scale.iter_mut().zip(gamma).zip(squares) {
        scale.0 = std::array::from_fn(|i| (1.0 + f64::from(gamma.0[i]) * f64::from(squares.0[i]).sqrt() / denominator) as f32);
    }
}
