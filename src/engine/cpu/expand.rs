//! The first half of a block's pointwise part, shared by the twins of `grn_partial.wgsl` and `mlp.wgsl`.

use pulp::Simd;

use super::gelu::gelu;
use crate::plan::Vec4;

/// Most voxels of a tile; a multiple of every register's lanes, twice over.
pub(super) const TILE: usize = 64;

/// Registers of voxels a matrix product carries per output: with four outputs, eight sums stay in registers.
pub(super) const STRIP: usize = 2;

/// One channel (or hidden channel) of a tile.
pub(super) type Row = [f32; TILE];

/// A tile of the depthwise result after instance norm, one row per channel; unused voxels are zero.
pub(super) struct Normalised {
    rows: Vec<Row>,
}

impl Normalised {
    pub(super) fn new(in4: usize) -> Self {
        Self { rows: vec![[0.0; TILE]; in4 * 4] }
    }

    /// Takes voxels `first..first + count` of a plane of `d`, which has `voxels` per channel group.
    pub(super) fn load(&mut self, d: &[Vec4], voxels: usize, first: usize, count: usize, affine: &[Vec4]) {
        for (c4, rows) in self.rows.chunks_exact_mut(4).enumerate() {
            let (scale, shift) = (affine[c4 * 2].0, affine[c4 * 2 + 1].0);
            for (v, value) in d[c4 * voxels + first..][..count].iter().enumerate() {
                for (i, row) in rows.iter_mut().enumerate() {
                    row[v] = scale[i] * value.0[i] + shift[i];
                }
            }
            rows.iter_mut().for_each(|row| row[count..].fill(0.0));
        }
    }
}

/// Strips that cover `count` voxels.
pub(super) fn strips<S: Simd>(count: usize) -> usize {
    count.div_ceil(STRIP * S::F32_LANES)
}

/// `sums[i][..] += sum over rows of w[i] * row`, for four outputs and one strip of voxels.
#[inline(always)]
pub(super) fn multiply<S: Simd>(simd: S, weights: &[Vec4], rows: &[Row], strip: usize, sums: &mut [[S::f32s; STRIP]; 4]) {
    let lanes = strip * STRIP * S::F32_LANES..(strip + 1) * STRIP * S::F32_LANES;
    for (w, row) in weights.iter().zip(rows) {
        let (x, _) = S::as_simd_f32s(&row[lanes.clone()]);
        let [x0, x1] = [x[0], x[1]];
        for (sums, w) in sums.iter_mut().zip(w.0) {
            let w = simd.splat_f32s(w);
            sums[0] = simd.mul_add_e_f32s(w, x0, sums[0]);
            sums[1] = simd.mul_add_e_f32s(w, x1, sums[1]);
        }
    }
}

/// Four hidden channels of a tile: `hidden[i] = gelu(W1 x + b1) * scale`; voxels beyond the strips are left alone.
#[inline(always)]
pub(super) fn expand<S: Simd>(simd: S, input: &Normalised, count: usize, weights: &[Vec4], bias: Vec4, scale: Vec4, hidden: &mut [Row]) {
    for strip in 0..strips::<S>(count) {
        let mut sums = bias.0.map(|b| [simd.splat_f32s(b); STRIP]);
        multiply(simd, weights, &input.rows, strip, &mut sums);
        for ((row, sums), scale) in hidden.iter_mut().zip(&sums).zip(scale.0) {
            let (row, _) = S::as_mut_simd_f32s(&mut row[strip * STRIP * S::F32_LANES..][..STRIP * S::F32_LANES]);
            for (value, u) in row.iter_mut().zip(sums) {
                *value = simd.mul_f32s(gelu(simd, *u), simd.splat_f32s(scale));
            }
        }
    }
}
