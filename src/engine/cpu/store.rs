//! Twins of `expand.wgsl` and `compress.wgsl`.
//!
//! Inside its place in the expanded activation a tile is `[chunk][strip][channel][voxel]` of f32: what one task computes is one
//! piece, and so is what one step of the second product reads. The order is the executor's own; only the place is part of the plan.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::hidden::{Measured, Squares, Stored};
use super::product::{Accumulate, Matrix, Panel, Row, STRIP, product};
use super::tile::{Normalised, Placement, Planes, Target, add, targets};
use crate::params::{Compress, Expand};
use crate::plan::Vec4;

/// Groups of four hidden channels of a chunk.
const CHUNK4: usize = 32;

/// Tasks per thread that keep all threads busy to the end.
const TASKS: usize = 4;

/// Read-only bindings of `expand`.
pub(super) struct ExpandInputs<'a> {
    pub(super) d: &'a [Vec4],
    pub(super) affine: &'a [Vec4],
    pub(super) w1: &'a [Vec4],
    pub(super) b1: &'a [Vec4],
}

/// Read-only bindings of `compress`.
#[derive(Clone, Copy)]
pub(super) struct CompressInputs<'a> {
    pub(super) hidden: &'a [Vec4],
    pub(super) scale: &'a [Vec4],
    pub(super) w2: &'a [Vec4],
    pub(super) b2: &'a [Vec4],
}

/// How many of `pieces` a task takes where there are so many tiles.
fn pieces_per_task(pieces: usize, tiles: usize) -> usize {
    pieces.div_ceil((TASKS * rayon::current_num_threads()).div_ceil(tiles))
}

/// `h = gelu(W1 (a d + t) + b1)` and the sum of `h^2` per tile and channel.
pub(super) fn expand(p: &Expand, tile_voxels: usize, inputs: &ExpandInputs<'_>, hidden: &mut [Vec4], partial: &mut [Vec4]) {
    let (hidden4, tiles, planes) = (p.hidden4 as usize, p.tiles as usize, p.planes as usize);
    let part4 = CHUNK4 * pieces_per_task(hidden4.div_ceil(CHUNK4), partial.len() / hidden4);
    let arch = Arch::new();
    let tiles_of_h = hidden.chunks_mut(hidden4 * tile_voxels).zip(partial.chunks_mut(hidden4)).enumerate();
    let tasks: Vec<_> = tiles_of_h
        .flat_map(|(tile, (h, partial))| {
            let parts = h.chunks_mut(part4 * tile_voxels).zip(partial.chunks_mut(part4));
            parts.enumerate().map(move |(part, (h, partial))| (tile, part * part4, h, partial))
        })
        .collect();
    tasks.into_par_iter().for_each_init(
        || (Panel::new(inputs.affine.len() * 2, tile_voxels), Squares::new()),
        |(x, squares), (tile, first4, h, partial)| {
            let (group, tile) = (tile / tiles, tile % tiles);
            let voxels = Planes { voxels: p.voxels as usize, count: planes.min(p.slab_planes as usize - group * planes) };
            let plane = p.plane as usize;
            let input = Normalised { d: &inputs.d[group * planes * plane..], plane, planes: voxels, affine: inputs.affine };
            let columns = inputs.affine.len() * 2;
            let (w1, b1) = (&inputs.w1[first4 * columns..][..partial.len() * columns], &inputs.b1[first4..][..partial.len()]);
            let tile = voxels.tile(tile, tile_voxels);
            let h = bytemuck::cast_slice_mut(h);
            arch.dispatch(ExpandOp { input, tile, tile_voxels, w1, b1, x, squares, h, partial });
        },
    );
}

struct ExpandOp<'a> {
    input: Normalised<'a>,
    tile: Range<usize>,
    tile_voxels: usize,
    w1: &'a [Vec4],
    b1: &'a [Vec4],
    x: &'a mut Panel,
    squares: &'a mut Squares,
    h: &'a mut [f32],
    partial: &'a mut [Vec4],
}

impl WithSimd for ExpandOp<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { input, tile, tile_voxels, w1, b1, x, squares, h, partial } = self;
        let (count, inputs) = (tile.len(), w1.len() / b1.len());
        input.load(simd, tile, x);
        let chunks = h.chunks_mut(CHUNK4 * 4 * tile_voxels).zip(partial.chunks_mut(CHUNK4));
        let weights = w1.chunks(CHUNK4 * inputs).zip(b1.chunks(CHUNK4));
        for ((hidden, partial), (weights, bias)) in chunks.zip(weights) {
            squares.clear(simd, bias.len(), count);
            let matrix = Matrix { weights, inputs, first: 0 };
            product(simd, matrix, bias.len(), x, count, &mut Stored { measured: Measured { bias, squares }, hidden });
            squares.finish(simd, partial);
        }
    }
}

/// `y[p + shift] += W2 (s * h[p]) + b2`.
pub(super) fn compress(p: &Compress, tile_voxels: usize, inputs: &CompressInputs<'_>, y: &mut [Vec4]) {
    let (hidden4, out4, planes, out_plane) = (p.hidden4 as usize, p.out4 as usize, p.planes as usize, p.out_plane as usize);
    let tiles = inputs.hidden.len() / (hidden4 * tile_voxels);
    let part4 = 2 * pieces_per_task(out4.div_ceil(2), tiles);
    let parts = out4.div_ceil(part4);
    let to = Placement { d_x: p.d_x as usize, out_x: p.out_x as usize, out_y: p.out_y as usize, out_plane, shift: p.shift as usize };
    let mut tasks = Vec::with_capacity(tiles * parts);
    for (y, h) in y.chunks_mut(planes * out_plane).zip(inputs.hidden.chunks(p.tiles as usize * hidden4 * tile_voxels)) {
        let voxels = Planes { voxels: p.voxels as usize, count: y.len().div_ceil(out_plane) };
        for (index, targets) in targets(y, voxels, tile_voxels, out4, part4, to).into_iter().enumerate() {
            let (tile, part) = (index / parts, index % parts);
            let h = &h[tile * hidden4 * tile_voxels..][..hidden4 * tile_voxels];
            tasks.push((voxels.tile(tile, tile_voxels).len(), part * part4, h, targets));
        }
    }
    let arch = Arch::new();
    tasks.into_par_iter().for_each_init(
        || (Panel::new(CHUNK4 * 4, tile_voxels), Panel::new(part4 * 4, tile_voxels)),
        |(chunk, sums), (count, first4, h, mut targets)| {
            let (h, targets) = (bytemuck::cast_slice(h), &mut *targets);
            arch.dispatch(CompressOp { count, h, inputs, first4, chunk, sums, to, targets, tile_voxels });
        },
    );
}

struct CompressOp<'a, 'b> {
    count: usize,
    tile_voxels: usize,
    h: &'a [f32],
    inputs: &'a CompressInputs<'a>,
    /// First group of outputs of this task.
    first4: usize,
    chunk: &'a mut Panel,
    sums: &'a mut Panel,
    to: Placement,
    targets: &'a mut [Target<'b>],
}

impl WithSimd for CompressOp<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { count, tile_voxels, h, inputs, first4, chunk, sums, to, targets } = self;
        let hidden4 = inputs.scale.len();
        let bias = &inputs.b2[first4..][..targets[0].groups()];
        sums.hold(bias.len() * 4);
        sums.fill(bias, count);
        let mut matrix = Matrix { weights: &inputs.w2[first4 * hidden4 * 4..], inputs: hidden4 * 4, first: 0 };
        for (h, scale) in h.chunks(CHUNK4 * 4 * tile_voxels).zip(inputs.scale.chunks(CHUNK4)) {
            chunk.hold(scale.len() * 4);
            for (strip, h) in h.chunks_exact(scale.len() * 4 * STRIP).take(count.div_ceil(STRIP)).enumerate() {
                scaled(simd, h, scale, chunk.strip_mut(strip));
            }
            product(simd, matrix, bias.len(), chunk, count, &mut Accumulate(sums));
            matrix.first += scale.len() * 4;
        }
        add(simd, sums, to, targets);
    }
}

/// One strip of a chunk times GRN's factors.
#[inline(always)]
fn scaled<S: Simd>(simd: S, hidden: &[f32], scale: &[Vec4], rows: &mut [Row]) {
    for ((hidden, rows), scale) in hidden.chunks_exact(4 * STRIP).zip(rows.chunks_exact_mut(4)).zip(scale) {
        for i in 0..4 {
            let scale = simd.splat_f32s(scale.0[i]);
            let hidden = S::as_simd_f32s(&hidden[i * STRIP..][..STRIP]).0;
            for (value, hidden) in S::as_mut_simd_f32s(&mut rows[i].0).0.iter_mut().zip(hidden) {
                *value = simd.mul_f32s(*hidden, scale);
            }
        }
    }
}
