//! Twins of `expand.wgsl` and `compress.wgsl`.
//!
//! Inside its place in the expanded activation a tile is `[hidden][voxel]` of f32, one row per channel: the layout both twins read
//! as registers of voxels. Its order is the executor's own; only the place is part of the plan.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::gelu::gelu;
use crate::params::{Compress, Expand};
use crate::plan::Vec4;

/// Read-only bindings of `expand`.
pub(super) struct ExpandInputs<'a> {
    pub(super) d: &'a [Vec4],
    pub(super) affine: &'a [Vec4],
    pub(super) w1: &'a [Vec4],
    pub(super) b1: &'a [Vec4],
}

/// Read-only bindings of `compress`.
pub(super) struct CompressInputs<'a> {
    pub(super) hidden: &'a [Vec4],
    pub(super) scale: &'a [Vec4],
    pub(super) w2: &'a [Vec4],
    pub(super) b2: &'a [Vec4],
}

/// `h = gelu(W1 (a d + t) + b1)` and the sum of `h^2` per tile and channel.
pub(super) fn expand(p: &Expand, tile_voxels: usize, inputs: &ExpandInputs<'_>, hidden: &mut [Vec4], partial: &mut [Vec4]) {
    let (hidden4, tiles) = (p.hidden4 as usize, p.tiles as usize);
    let arch = Arch::new();
    let tiles_of_h = hidden.par_chunks_mut(hidden4 * tile_voxels).zip(partial.par_chunks_mut(hidden4));
    tiles_of_h.enumerate().for_each_init(
        || vec![0.0_f32; p.in4 as usize * 4 * tile_voxels],
        |x, (index, (h, partial))| {
            let (group, tile) = (index / tiles, index % tiles);
            let count = load(p, inputs, group, tile * tile_voxels, tile_voxels, x);
            let h = bytemuck::cast_slice_mut(h);
            arch.dispatch(ExpandOp { x, tile_voxels, count, w1: inputs.w1, b1: inputs.b1, h, partial });
        },
    );
}

/// Fills `x` (channels, voxels) with the normalised depthwise result; returns how many voxels are real.
fn load(p: &Expand, inputs: &ExpandInputs<'_>, group: usize, first: usize, tile_voxels: usize, x: &mut [f32]) -> usize {
    let (voxels, planes) = (p.voxels as usize, p.planes as usize);
    let first_plane = group * planes;
    let in_group = planes.min(p.slab_planes as usize - first_plane) * voxels;
    let count = tile_voxels.min(in_group - first);
    for (c4, rows) in x.chunks_exact_mut(4 * tile_voxels).enumerate() {
        let (scale, shift) = (inputs.affine[c4 * 2].0, inputs.affine[c4 * 2 + 1].0);
        for v in 0..count {
            let at = first + v;
            let d = inputs.d[(first_plane + at / voxels) * p.plane as usize + c4 * voxels + at % voxels].0;
            for i in 0..4 {
                rows[i * tile_voxels + v] = scale[i] * d[i] + shift[i];
            }
        }
        for row in rows.chunks_exact_mut(tile_voxels) {
            row[count..].fill(0.0);
        }
    }
    count
}

struct ExpandOp<'a> {
    x: &'a [f32],
    tile_voxels: usize,
    count: usize,
    w1: &'a [Vec4],
    b1: &'a [Vec4],
    h: &'a mut [f32],
    partial: &'a mut [Vec4],
}

impl WithSimd for ExpandOp<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { x, tile_voxels, count, w1, b1, h, partial } = self;
        let inputs = w1.len() / partial.len();
        for (e4, (rows, partial)) in h.chunks_exact_mut(4 * tile_voxels).zip(partial).enumerate() {
            for (i, row) in rows.chunks_exact_mut(tile_voxels).enumerate() {
                let (row_simd, _) = S::as_mut_simd_f32s(row);
                for (v, value) in row_simd.iter_mut().enumerate() {
                    let mut sum = simd.splat_f32s(b1[e4].0[i]);
                    for (w, x) in w1[e4 * inputs..][..inputs].iter().zip(x.chunks_exact(tile_voxels)) {
                        sum = simd.mul_add_e_f32s(simd.splat_f32s(w.0[i]), S::as_simd_f32s(x).0[v], sum);
                    }
                    *value = gelu(simd, sum);
                }
                partial.0[i] = row[..count].iter().map(|h| h * h).sum();
            }
        }
    }
}

/// `y[p + shift] += W2 (s * h[p]) + b2`.
pub(super) fn compress(p: &Compress, tile_voxels: usize, inputs: &CompressInputs<'_>, y: &mut [Vec4]) {
    let (hidden4, out4, tiles) = (p.hidden4 as usize, p.out4 as usize, p.tiles as usize);
    let (voxels, planes, d_x) = (p.voxels as usize, p.planes as usize, p.d_x as usize);
    let results: Vec<Vec<f32>> = inputs
        .hidden
        .par_chunks(hidden4 * tile_voxels)
        .map(|h| {
            let h: &[f32] = bytemuck::cast_slice(h);
            let mut sums = vec![0.0_f32; out4 * 4 * tile_voxels];
            for (o, row) in sums.chunks_exact_mut(tile_voxels).enumerate() {
                row.fill(inputs.b2[o / 4].0[o % 4]);
                for (e, h) in h.chunks_exact(tile_voxels).enumerate() {
                    let w = inputs.w2[o / 4 * hidden4 * 4 + e].0[o % 4] * inputs.scale[e / 4].0[e % 4];
                    row.iter_mut().zip(h).for_each(|(sum, h)| *sum += w * h);
                }
            }
            sums
        })
        .collect();
    for (index, sums) in results.iter().enumerate() {
        let (group, first) = (index / tiles, index % tiles * tile_voxels);
        let in_group = planes.min(p.slab_planes as usize - group * planes) * voxels;
        for v in 0..tile_voxels.min(in_group - first) {
            let at = first + v;
            let (plane, pixel) = (group * planes + at / voxels, at % voxels);
            let to = plane * p.out_plane as usize + (pixel / d_x + p.shift as usize) * p.out_x as usize + pixel % d_x + p.shift as usize;
            for o in 0..out4 * 4 {
                y[to + o / 4 * (p.out_x * p.out_y) as usize].0[o % 4] += sums[o * tile_voxels + v];
            }
        }
    }
}
