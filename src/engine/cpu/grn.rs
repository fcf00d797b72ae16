//! Twins of `grn_partial.wgsl`, `column_sum.wgsl` and `grn_scale.wgsl`.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::hidden::{Measured, Squares};
use super::product::{Matrix, Panel, product};
use super::tile::{Normalised, Planes};
use crate::kernels::Tile;
use crate::params::{ColumnSum, GrnPartial, GrnScale};
use crate::plan::Vec4;

/// Tiles of the plan that are computed as one, so that their weights are read once: 192 voxels.
const TILES: usize = 3;

/// Sum of squares of the expanded, activated voxels, per hidden channel; a few tiles' sum stands in the first part of the first.
pub(super) fn grn_partial(p: &GrnPartial, tile: Tile, d: &[Vec4], affine: &[Vec4], w1: &[Vec4], b1: &[Vec4], partial: &mut [Vec4]) {
    let (hidden4, rows) = (p.hidden4 as usize, p.tiles as usize * tile.split as usize);
    let size = tile.voxels as usize * TILES;
    let planes = Planes { voxels: p.voxels as usize, count: 1 };
    let arch = Arch::new();
    partial.par_chunks_mut(hidden4 * rows).enumerate().for_each(|(z, partial)| {
        let input = Normalised { d: &d[z * p.plane as usize..], plane: p.plane as usize, planes, affine };
        partial.par_chunks_mut(hidden4 * tile.split as usize * TILES).enumerate().for_each_init(
            || (Panel::new(tile.in4 as usize * 4, size), Squares::new()),
            |(x, squares), (index, partial)| {
                let tile = planes.tile(index, size);
                partial.fill(Vec4::default());
                arch.dispatch(SquaresOp { input, tile, w1, b1, x, squares, sums: &mut partial[..hidden4] });
            },
        );
    });
}

/// One tile: `sums[e4] = sum over voxels of gelu(W1 x + b1)^2`.
struct SquaresOp<'a> {
    input: Normalised<'a>,
    tile: Range<usize>,
    w1: &'a [Vec4],
    b1: &'a [Vec4],
    x: &'a mut Panel,
    squares: &'a mut Squares,
    sums: &'a mut [Vec4],
}

impl WithSimd for SquaresOp<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { input, tile, w1, b1, x, squares, sums } = self;
        let (count, groups) = (tile.len(), b1.len());
        input.load(simd, tile, x);
        squares.clear(simd, groups, count);
        let matrix = Matrix { weights: w1, inputs: w1.len() / groups, first: 0 };
        product(simd, matrix, groups, x, count, &mut Measured { bias: b1, squares });
        squares.finish(simd, sums);
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
                for (sum, v) in sum.iter_mut().zip(&value.0) {
                    *sum += f64::from(*v);
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
