//! Twin of `mlp.wgsl`.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::hidden::Kept;
use super::product::{Accumulate, Matrix, Panel, product};
use super::tile::{Normalised, Placement, Planes, Target, add, targets};
use crate::params::Mlp;
use crate::plan::Vec4;

/// Voxels of a tile.
const TILE: usize = 96;
/// Groups of four hidden channels held at once.
const CHUNK4: usize = 24;

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
pub(super) fn mlp(p: &Mlp, planes: usize, d: &[Vec4], weights: &Weights<'_>, y: &mut [Vec4]) {
    let (out4, out_plane) = (p.out4 as usize, p.out_plane as usize);
    let plane = Planes { voxels: p.voxels as usize, count: 1 };
    let to = Placement { d_x: p.d_x as usize, out_x: p.out_x as usize, out_y: p.out_y as usize, out_plane, shift: p.shift as usize };
    let w2 = scaled(weights.w2, weights.scale);
    let weights = Weights { w2: &w2, ..*weights };
    let arch = Arch::new();
    y.par_chunks_mut(out_plane).take(planes).enumerate().for_each(|(z, y)| {
        let input = Normalised { d: &d[z * p.d_plane as usize..], plane: p.d_plane as usize, planes: plane, affine: weights.affine };
        let tasks = targets(y, plane, TILE, out4, out4, to);
        tasks.into_par_iter().enumerate().for_each_init(
            || Scratch::new(weights.affine.len() * 2, out4 * 4),
            |scratch, (index, mut targets)| {
                let tile = plane.tile(index, TILE);
                arch.dispatch(TileOp { input, tile, weights: &weights, scratch, to, targets: &mut targets });
            },
        );
    });
}

/// `W2 diag(s)`: cheaper than scaling every voxel's hidden channels.
fn scaled(w2: &[Vec4], scale: &[Vec4]) -> Vec<Vec4> {
    let scales = scale.iter().flat_map(|s| s.0).cycle();
    w2.iter().zip(scales).map(|(w, s)| Vec4([w.0[0] * s, w.0[1] * s, w.0[2] * s, w.0[3] * s])).collect()
}

/// Panels of one tile.
struct Scratch {
    x: Panel,
    hidden: Panel,
    sums: Panel,
}

impl Scratch {
    fn new(inputs: usize, outputs: usize) -> Self {
        Self { x: Panel::new(inputs, TILE), hidden: Panel::new(CHUNK4 * 4, TILE), sums: Panel::new(outputs, TILE) }
    }
}

/// One tile.
struct TileOp<'a, 'b> {
    input: Normalised<'a>,
    tile: Range<usize>,
    weights: &'a Weights<'a>,
    scratch: &'a mut Scratch,
    to: Placement,
    targets: &'a mut [Target<'b>],
}

impl WithSimd for TileOp<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { input, tile, weights, scratch, to, targets } = self;
        let Scratch { x, hidden, sums } = scratch;
        let (count, hidden4) = (tile.len(), weights.b1.len());
        input.load(simd, tile, x);
        sums.fill(weights.b2, count);
        let mut matrix1 = Matrix { weights: weights.w1, inputs: weights.w1.len() / hidden4, first: 0 };
        let mut matrix2 = Matrix { weights: weights.w2, inputs: hidden4 * 4, first: 0 };
        for bias in weights.b1.chunks(CHUNK4) {
            hidden.hold(bias.len() * 4);
            product(simd, matrix1, bias.len(), x, count, &mut Kept { bias, hidden });
            product(simd, matrix2, weights.b2.len(), hidden, count, &mut Accumulate(sums));
            matrix1.weights = &matrix1.weights[bias.len() * matrix1.inputs..];
            matrix2.first += bias.len() * 4;
        }
        add(simd, sums, to, targets);
    }
}
