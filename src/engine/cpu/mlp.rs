//! Twin of `mlp.wgsl`.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::expand::{Normalised, Row, STRIP, TILE, expand, multiply, strips};
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
    let arch = Arch::new();
    for batch in (0..planes * tiles).step_by(BATCH) {
        let end = (batch + BATCH).min(planes * tiles);
        // Tiles touch interleaved parts of the output: compute in parallel, add in order.
        let results: Vec<Vec<Row>> = (batch..end)
            .into_par_iter()
            .map_init(
                || Normalised::new(in4),
                |input, index| {
                    let (z, first) = (index / tiles, index % tiles * TILE);
                    let count = TILE.min(voxels - first);
                    input.load(&d[z * p.d_plane as usize..], voxels, first, count, weights.affine);
                    let mut sums = vec![[0.0; TILE]; out4 * 4];
                    arch.dispatch(TileOp { input, count, hidden4: p.hidden4 as usize, weights, sums: &mut sums });
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

/// One tile: `sums[o] = W2 (s * gelu(W1 x + b1)) + b2`, a row per output.
struct TileOp<'a> {
    input: &'a Normalised,
    count: usize,
    hidden4: usize,
    weights: &'a Weights<'a>,
    sums: &'a mut [Row],
}

impl WithSimd for TileOp<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { input, count, hidden4, weights, sums } = self;
        let inputs = weights.w1.len() / hidden4;
        let mut hidden = [[0.0; TILE]; CHUNK4 * 4];
        for (row, bias) in sums.iter_mut().zip(weights.b2.iter().flat_map(|b| b.0)) {
            row.fill(bias);
        }
        for chunk in (0..hidden4).step_by(CHUNK4) {
            let groups = CHUNK4.min(hidden4 - chunk);
            for (e4, rows) in (chunk..chunk + groups).zip(hidden.chunks_exact_mut(4)) {
                let w1 = &weights.w1[e4 * inputs..][..inputs];
                expand(simd, input, count, w1, weights.b1[e4], weights.scale[e4], rows);
            }
            for (o4, rows) in sums.chunks_exact_mut(4).enumerate() {
                let w2 = &weights.w2[(o4 * hidden4 + chunk) * 4..][..groups * 4];
                for strip in 0..strips::<S>(count) {
                    compress(simd, w2, &hidden, strip, rows);
                }
            }
        }
    }
}

/// Adds a chunk of hidden channels to four outputs, for one strip of voxels.
#[inline(always)]
fn compress<S: Simd>(simd: S, weights: &[Vec4], hidden: &[Row], strip: usize, rows: &mut [Row]) {
    let lanes = strip * STRIP * S::F32_LANES..(strip + 1) * STRIP * S::F32_LANES;
    let mut sums = [[simd.splat_f32s(0.0); STRIP]; 4];
    for (sums, row) in sums.iter_mut().zip(&*rows) {
        sums.copy_from_slice(S::as_simd_f32s(&row[lanes.clone()]).0);
    }
    multiply(simd, weights, hidden, strip, &mut sums);
    for (sums, row) in sums.iter().zip(rows) {
        S::as_mut_simd_f32s(&mut row[lanes.clone()]).0.copy_from_slice(sums);
    }
}

/// Adds a tile's result to its place in one output plane.
fn add(p: &Mlp, count: usize, first: usize, sums: &[Row], y: &mut [Vec4]) {
    let (d_x, out_x, shift) = (p.d_x as usize, p.out_x as usize, p.shift as usize);
    let channel = out_x * p.out_y as usize;
    for (rows, y) in sums.chunks_exact(4).zip(y.chunks_mut(channel)) {
        for (v, at) in (first..first + count).enumerate() {
            let y = &mut y[(at / d_x + shift) * out_x + at % d_x + shift];
            for (y, row) in y.0.iter_mut().zip(rows) {
                *y += row[v];
            }
        }
    }
}
