//! Twin of `pointwise.wgsl`.

use std::ops::Range;

use bytemuck::Zeroable;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::product::{Accumulate, Matrix, Panel, Row, STRIP, product};
use super::tile::{deinterleave, interleave};
use crate::params::Pointwise;
use crate::plan::Vec4;

/// Points of a tile.
const TILE: usize = 4 * STRIP;

/// `y[i * out_stride + out_offset] (+)= W x[i * in_stride] + b`; `points_z` planes of points.
pub(super) fn pointwise(p: &Pointwise, points_z: usize, x: &[Vec4], weight: &[Vec4], bias: &[Vec4], y: &mut [Vec4]) {
    let (points_x, points) = (p.points_x as usize, (p.points_x * p.points_y) as usize);
    let from = Grid { points_x, x: p.in_x as usize, area: (p.in_x * p.in_y) as usize, stride: p.in_stride as usize, offset: 0 };
    let (out_stride, out_offset) = (p.out_stride as usize, p.out_offset as usize);
    let to = Grid { points_x, x: p.out_x as usize, area: (p.out_x * p.out_y) as usize, stride: out_stride, offset: out_offset };
    let arch = Arch::new();
    y.par_chunks_mut(p.out_plane as usize * out_stride).take(points_z).enumerate().for_each_init(
        || (Panel::new(p.in4 as usize * 4, TILE), Panel::new(p.out4 as usize * 4, TILE)),
        |(inputs, sums), (z, y)| {
            let x = &x[z * (p.in_stride * p.in_plane) as usize..][..p.in_plane as usize];
            for first in (0..points).step_by(TILE) {
                let points = first..points.min(first + TILE);
                arch.dispatch(TileOp { points, x, from, weight, bias, inputs, sums, accumulate: p.accumulate != 0, y, to });
            }
        },
    );
}

/// Where points lie in a plane of one channel group.
#[derive(Clone, Copy)]
struct Grid {
    points_x: usize,
    x: usize,
    area: usize,
    stride: usize,
    offset: usize,
}

impl Grid {
    /// Every row's part of some points: the first one's pixel, and how many.
    fn runs(self, points: Range<usize>) -> impl Iterator<Item = (usize, usize)> {
        (points.start / self.points_x..points.end.div_ceil(self.points_x)).map(move |row| {
            let (start, end) = (points.start.max(row * self.points_x), points.end.min((row + 1) * self.points_x));
            let (x, y) = (start % self.points_x * self.stride + self.offset, row * self.stride + self.offset);
            (y * self.x + x, end - start)
        })
    }
}

/// One tile of a plane.
struct TileOp<'a> {
    points: Range<usize>,
    x: &'a [Vec4],
    from: Grid,
    weight: &'a [Vec4],
    bias: &'a [Vec4],
    inputs: &'a mut Panel,
    sums: &'a mut Panel,
    accumulate: bool,
    y: &'a mut [Vec4],
    to: Grid,
}

impl WithSimd for TileOp<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { points, x, from, weight, bias, inputs, sums, accumulate, y, to } = self;
        let count = points.len();
        let strip = |index: usize| points.start + index * STRIP..points.end.min(points.start + (index + 1) * STRIP);
        let mut buffer = [Row::zeroed(); 4];
        for (c4, x) in x.chunks_exact(from.area).take(weight.len() / bias.len() / 4).enumerate() {
            for index in 0..count.div_ceil(STRIP) {
                let mut voxels: &mut [Vec4] = bytemuck::cast_slice_mut(&mut buffer);
                for (first, run) in from.runs(strip(index)) {
                    let (row, rest) = voxels.split_at_mut(run);
                    row.iter_mut().zip(x[first..].iter().step_by(from.stride)).for_each(|(voxel, x)| *voxel = *x);
                    voxels = rest;
                }
                let identity = [Vec4([1.0; 4]), Vec4([0.0; 4])];
                deinterleave(simd, &identity, &buffer, &mut inputs.strip_mut(index)[c4 * 4..][..4]);
            }
        }
        sums.fill(bias, count);
        let matrix = Matrix { weights: weight, inputs: weight.len() / bias.len(), first: 0 };
        product(simd, matrix, bias.len(), inputs, count, &mut Accumulate(sums));
        for (o4, y) in y.chunks_mut(to.area).take(bias.len()).enumerate() {
            for index in 0..count.div_ceil(STRIP) {
                interleave(simd, &sums.strip(index)[o4 * 4..][..4], &mut buffer);
                let mut voxels: &[Vec4] = bytemuck::cast_slice(&buffer);
                for (first, run) in to.runs(strip(index)) {
                    for (voxel, y) in voxels[..run].iter().zip(y[first..].iter_mut().step_by(to.stride)) {
                        *y = if accumulate { sum(*y, *voxel) } else { *voxel };
                    }
                    voxels = &voxels[run..];
                }
            }
        }
    }
}

#[inline(always)]
fn sum(a: Vec4, b: Vec4) -> Vec4 {
    Vec4([a.0[0] + b.0[0], a.0[1] + b.0[1], a.0[2] + b.0[2], a.0[3] + b.0[3]])
}
