//! The first half of a block's pointwise part, shared by the twins of `grn_partial.wgsl` and `mlp.wgsl`.

use super::gelu::gelu;
use super::simd::{Lanes, lanes, lanes_mut, mul_add};
use crate::plan::Vec4;

/// Most voxels of a tile.
pub(super) const TILE: usize = 64;

/// A tile of the depthwise result after instance norm: `[channel][voxel]`, unused voxels zero.
pub(super) struct Normalised {
    values: Vec<f32>,
    in4: usize,
}

impl Normalised {
    pub(super) fn new(in4: usize) -> Self {
        Self { values: vec![0.0; in4 * 4 * TILE], in4 }
    }

    /// Takes voxels `first..first + count` of a plane of `d`, which has `voxels` per channel group.
    pub(super) fn load(&mut self, d: &[Vec4], voxels: usize, first: usize, count: usize, affine: &[Vec4]) {
        for c4 in 0..self.in4 {
            let (scale, shift) = (affine[c4 * 2].0, affine[c4 * 2 + 1].0);
            let rows = &mut self.values[c4 * 4 * TILE..][..4 * TILE];
            for (v, value) in d[c4 * voxels + first..][..count].iter().enumerate() {
                for i in 0..4 {
                    rows[i * TILE + v] = scale[i] * value.0[i] + shift[i];
                }
            }
            for i in 0..4 {
                rows[i * TILE + count..(i + 1) * TILE].fill(0.0);
            }
        }
    }
}

/// Four hidden channels of a tile: `rows[i][v] = gelu(W1 x + b1)`, `[4][TILE]`; voxels from `count` on are undefined.
#[inline(always)]
pub(super) fn expand<const FMA: bool>(input: &Normalised, count: usize, e4: usize, w1: &[Vec4], bias: Vec4, rows: &mut [f32]) {
    let inputs = input.in4 * 4;
    let weights = &w1[e4 * inputs..][..inputs];
    for block in 0..count.div_ceil(16) {
        let mut sums: [Lanes; 4] = [[bias.0[0]; 16], [bias.0[1]; 16], [bias.0[2]; 16], [bias.0[3]; 16]];
        for (w, x) in weights.iter().zip(input.values.chunks_exact(TILE)) {
            let x = &lanes(x)[block];
            for (sum, w) in sums.iter_mut().zip(w.0) {
                mul_add::<FMA>(sum, w, x);
            }
        }
        for (row, sum) in rows.chunks_exact_mut(TILE).zip(&sums) {
            for (value, u) in lanes_mut(row)[block].iter_mut().zip(sum) {
                *value = gelu::<FMA>(*u);
            }
        }
    }
}
