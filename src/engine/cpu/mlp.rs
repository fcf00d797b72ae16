//! Twin of `mlp.wgsl`.

use rayon::prelude::*;

use super::expand::{Normalised, TILE, expand};
use super::simd::{Lanes, lanes, lanes_mut, mul_add, multiversion};
use crate::params::Mlp;
use crate::plan::Vec4;

/// Groups of four hidden channels held at once: 16 KiB with a full tile.
const CHUNK4: usize = 16;
/// Tiles computed before their results are added to the output.
const BATCH: usize = 256;

/// Read-only bindings of the kernel.
pub(super) struct Weights<'a> {
    pub(super) affine: &'a [Vec4],
    pub(super) w1: &'a [Vec4],
    pub(super) b1: &'a [Vec4],
    pub(super) scale: &'a [Vec4],
    pub(super) w2: &'a [Vec4],
    pub(super) b2: &'a [Vec4],
}

/// `y[p + shift] += W2 (s * gelu(W1 (a d[p] + t) + b1)) + b2` for `planes` planes.
pub(super) fn mlp(p: &Mlp, in4: usize, planes: usize, d: &[Vec4], weights: &Weights<'_>, y: &mut [Vec4]) {
    let (voxels, out4) = (p.voxels as usize, p.out4 as usize);
    let tiles = voxels.div_ceil(TILE);
    for batch in (0..planes * tiles).step_by(BATCH) {
        let end = (batch + BATCH).min(planes * tiles);
        // Tiles touch interleaved parts of the output: compute in parallel, add in order.
        let results: Vec<Vec<f32>> = (batch..end)
            .into_par_iter()
            .map_init(
                || Normalised::new(in4),
                |input, index| {
                    let (z, first) = (index / tiles, index % tiles * TILE);
                    let count = TILE.min(voxels - first);
                    input.load(&d[z * p.d_plane as usize..], voxels, first, count, weights.affine);
                    let mut sums = vec![0.0; out4 * 4 * TILE];
                    tile(input, count, p.hidden4 as usize, weights, &mut sums);
                    sums
                },
            )
            .collect();
        for (index, sums) in (batch..end).zip(results) {
            let (z, first) = (index / tiles, index % tiles * TILE);
            add(p, TILE.min(voxels - first), first, &sums, &mut y[z * p.out_plane as usize..]);
        }
    }
}

multiversion! {
    /// `sums[o][v] = W2 (s * gelu(W1 x + b1)) + b2` for one tile, `[out][TILE]`.
    fn tile(input: &Normalised, count: usize, hidden4: usize, weights: &Weights<'_>, sums: &mut [f32]) = tile_body
}

#[inline(always)]
fn tile_body<const FMA: bool>(input: &Normalised, count: usize, hidden4: usize, weights: &Weights<'_>, sums: &mut [f32]) {
    let blocks = count.div_ceil(16);
    let mut hidden = [0.0; CHUNK4 * 4 * TILE];
    for (row, bias) in sums.chunks_exact_mut(TILE).zip(weights.b2.iter().flat_map(|b| b.0)) {
        row.fill(bias);
    }
    for chunk in (0..hidden4).step_by(CHUNK4) {
        let groups = CHUNK4.min(hidden4 - chunk);
        for (e4, rows) in (chunk..chunk + groups).zip(hidden.chunks_exact_mut(4 * TILE)) {
            expand::<FMA>(input, count, e4, weights.w1, weights.b1[e4], rows);
            for (row, scale) in rows.chunks_exact_mut(TILE).zip(weights.scale[e4].0) {
                for value in row[..blocks * 16].iter_mut() {
                    *value *= scale;
                }
            }
        }
        for (o4, rows) in sums.chunks_exact_mut(4 * TILE).enumerate() {
            let w2 = &weights.w2[(o4 * hidden4 + chunk) * 4..][..groups * 4];
            for block in 0..blocks {
                let mut acc: [Lanes; 4] = [[0.0; 16]; 4];
                for (acc, row) in acc.iter_mut().zip(rows.chunks_exact(TILE)) {
                    *acc = lanes(row)[block];
                }
                for (w, h) in w2.iter().zip(hidden.chunks_exact(TILE)) {
                    let h = &lanes(h)[block];
                    for (acc, w) in acc.iter_mut().zip(w.0) {
                        mul_add::<FMA>(acc, w, h);
                    }
                }
                for (acc, row) in acc.iter().zip(rows.chunks_exact_mut(TILE)) {
                    lanes_mut(row)[block] = *acc;
                }
            }
        }
    }
}

/// Adds a tile's result to its place in one output plane.
fn add(p: &Mlp, count: usize, first: usize, sums: &[f32], y: &mut [Vec4]) {
    let (d_x, out_x, shift) = (p.d_x as usize, p.out_x as usize, p.shift as usize);
    let channel = out_x * p.out_y as usize;
    for (o4, rows) in sums.chunks_exact(4 * TILE).enumerate() {
        for v in 0..count {
            let at = first + v;
            let y = &mut y[o4 * channel + (at / d_x + shift) * out_x + at % d_x + shift];
            for i in 0..4 {
                y.0[i] += rows[i * TILE + v];
            }
        }
    }
}
