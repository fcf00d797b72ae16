//! Twins of `grn_partial.wgsl`, `column_sum.wgsl` and `grn_scale.wgsl`.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::expand::{Normalised, TILE, expand};
use crate::kernels::Tile;
use crate::params::{ColumnSum, GrnPartial, GrnScale};
use crate::plan::Vec4;

/// Sum of squares of the expanded, activated tile, per hidden channel; all of it in the tile's first part.
pub(super) fn grn_partial(p: &GrnPartial, tile: Tile, d: &[Vec4], affine: &[Vec4], w1: &[Vec4], b1: &[Vec4], partial: &mut [Vec4]) {
    let (hidden4, parts, width) = (p.hidden4 as usize, tile.split as usize, tile.voxels as usize);
    let arch = Arch::new();
    partial.par_chunks_mut(hidden4 * parts).enumerate().for_each_init(
        || Normalised::new(tile.in4 as usize),
        |input, (index, partial)| {
            let (z, tile) = (index / p.tiles as usize, index % p.tiles as usize);
            let count = width.min(p.voxels as usize - tile * width);
            input.load(&d[z * p.plane as usize..], p.voxels as usize, tile * width, count, affine);
            partial.fill(Vec4::default());
            arch.dispatch(SquaresOp { input, count, w1, b1, sums: &mut partial[..hidden4] });
        },
    );
}

/// One tile: `sums[e4] = sum over voxels of gelu(W1 x + b1)^2`.
struct SquaresOp<'a> {
    input: &'a Normalised,
    count: usize,
    w1: &'a [Vec4],
    b1: &'a [Vec4],
    sums: &'a mut [Vec4],
}

impl WithSimd for SquaresOp<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { input, count, w1, b1, sums } = self;
        let inputs = w1.len() / sums.len();
        let mut hidden = [[0.0; TILE]; 4];
        for (e4, sums) in sums.iter_mut().enumerate() {
            expand(simd, input, count, &w1[e4 * inputs..][..inputs], b1[e4], Vec4([1.0; 4]), &mut hidden);
            for (sum, row) in sums.0.iter_mut().zip(&mut hidden) {
                row[count..].fill(0.0);
                let mut total = simd.splat_f32s(0.0);
                for value in S::as_simd_f32s(row).0 {
                    total = simd.mul_add_e_f32s(*value, *value, total);
                }
                *sum = simd.reduce_sum_f32s(total);
            }
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
