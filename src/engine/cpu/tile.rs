//! Tiles of voxels between the channel-blocked activations and the rows the matrix products read.
//!
//! In rows, the voxels of a register lie in the order in which deinterleaving leaves them; interleaving restores it.

use std::ops::Range;

use bytemuck::Zeroable;
use pulp::Simd;

use super::product::{Panel, Row, STRIP};
use crate::plan::Vec4;

/// Voxels of a tile that lie in one plane.
#[derive(Clone)]
pub(super) struct Span {
    plane: usize,
    /// In the plane.
    voxels: Range<usize>,
}

/// The planes a tile may cross.
#[derive(Clone, Copy)]
pub(super) struct Planes {
    /// Of one plane.
    pub(super) voxels: usize,
    pub(super) count: usize,
}

impl Planes {
    /// The parts of `tile`, a range of all voxels, plane by plane.
    fn spans(self, tile: Range<usize>) -> impl Iterator<Item = Span> {
        (tile.start / self.voxels..tile.end.div_ceil(self.voxels)).map(move |plane| {
            let before = plane * self.voxels;
            Span { plane, voxels: tile.start.max(before) - before..tile.end.min(before + self.voxels) - before }
        })
    }

    /// Tile `index` of tiles of `size` voxels.
    pub(super) fn tile(self, index: usize, size: usize) -> Range<usize> {
        index * size..((index + 1) * size).min(self.voxels * self.count)
    }
}

/// A depthwise result from the first of some planes on, with the affine of its instance norm.
#[derive(Clone, Copy)]
pub(super) struct Normalised<'a> {
    pub(super) d: &'a [Vec4],
    /// Vec4 from plane to plane.
    pub(super) plane: usize,
    pub(super) planes: Planes,
    pub(super) affine: &'a [Vec4],
}

impl Normalised<'_> {
    /// Fills `panel` with a tile; voxels beyond it are undefined.
    #[inline(always)]
    pub(super) fn load<S: Simd>(&self, simd: S, tile: Range<usize>, panel: &mut Panel) {
        let mut buffer = [Row::zeroed(); 4];
        for (c4, affine) in self.affine.chunks_exact(2).enumerate() {
            for strip in 0..tile.len().div_ceil(STRIP) {
                let first = tile.start + strip * STRIP;
                self.gather(c4, first..(first + STRIP).min(tile.end), &mut buffer);
                deinterleave(simd, affine, &buffer, &mut panel.strip_mut(strip)[c4 * 4..][..4]);
            }
        }
    }

    fn gather(&self, c4: usize, voxels: Range<usize>, buffer: &mut [Row; 4]) {
        let mut buffer: &mut [Vec4] = bytemuck::cast_slice_mut(buffer);
        for span in self.planes.spans(voxels) {
            let (to, rest) = buffer.split_at_mut(span.voxels.len());
            let channel = &self.d[span.plane * self.plane + c4 * self.planes.voxels..];
            to.copy_from_slice(&channel[span.voxels]);
            buffer = rest;
        }
    }
}

/// `rows[i] = scale[i] * voxels[..][i] + shift[i]` for four channels.
#[inline(always)]
pub(super) fn deinterleave<S: Simd>(simd: S, affine: &[Vec4], voxels: &[Row; 4], rows: &mut [Row]) {
    let (voxels, _) = S::as_simd_f32s(bytemuck::cast_slice(voxels));
    for (register, voxels) in voxels.chunks_exact(4).enumerate() {
        let channels = simd.deinterleave_shfl_f32s([voxels[0], voxels[1], voxels[2], voxels[3]]);
        for i in 0..4 {
            let (scale, shift) = (simd.splat_f32s(affine[0].0[i]), simd.splat_f32s(affine[1].0[i]));
            S::as_mut_simd_f32s(&mut rows[i].0).0[register] = simd.mul_add_e_f32s(scale, channels[i], shift);
        }
    }
}

/// One strip: 1 for the first `count` voxels, 0 for the others.
#[inline(always)]
pub(super) fn mask<S: Simd>(simd: S, count: usize) -> Row {
    let mut buffer = [Row::zeroed(); 4];
    let mut rows = [Row::zeroed(); 4];
    bytemuck::cast_slice_mut::<Row, Vec4>(&mut buffer)[..count.min(STRIP)].fill(Vec4([1.0; 4]));
    deinterleave(simd, &[Vec4([1.0; 4]), Vec4([0.0; 4])], &buffer, &mut rows);
    rows[0]
}

/// Where voxels of the depthwise result lie in a plane of a block's output: one voxel further in up blocks.
#[derive(Clone, Copy)]
pub(super) struct Placement {
    pub(super) d_x: usize,
    pub(super) out_x: usize,
    pub(super) out_y: usize,
    /// Vec4 from plane to plane.
    pub(super) out_plane: usize,
    pub(super) shift: usize,
}

impl Placement {
    fn pixel(self, voxel: usize) -> usize {
        (voxel / self.d_x + self.shift) * self.out_x + voxel % self.d_x + self.shift
    }
}

/// The part of the output that one span of a tile is added to.
pub(super) struct Target<'a> {
    voxels: Range<usize>,
    /// From the first voxel's pixel on, one slice per group of four channels.
    channels: Vec<&'a mut [Vec4]>,
}

impl Target<'_> {
    /// Groups of four channels.
    pub(super) fn groups(&self) -> usize {
        self.channels.len()
    }
}

/// Splits planes of `out4` output channel groups into what each task adds to, tile by tile, and for each tile by parts of `part4` channel groups.
pub(super) fn targets(
    y: &mut [Vec4],
    planes: Planes,
    tile_voxels: usize,
    out4: usize,
    part4: usize,
    to: Placement,
) -> Vec<Vec<Target<'_>>> {
    let (parts, tiles) = (out4.div_ceil(part4), (planes.voxels * planes.count).div_ceil(tile_voxels));
    let area = to.out_x * to.out_y;
    let mut tasks: Vec<Vec<Target<'_>>> = std::iter::repeat_with(Vec::new).take(tiles * parts).collect();
    for (plane, y) in y.chunks_mut(to.out_plane).enumerate() {
        let all = plane * planes.voxels..(plane + 1) * planes.voxels;
        for (part, y) in y[..out4 * area].chunks_mut(area * part4).enumerate() {
            let mut rest: Vec<&mut [Vec4]> = y.chunks_mut(area).collect();
            let mut origin = 0;
            for tile in all.start / tile_voxels..all.end.div_ceil(tile_voxels) {
                let first = (tile * tile_voxels).max(all.start) - all.start;
                let voxels = first..((tile + 1) * tile_voxels).min(all.end) - all.start;
                let (start, end) = (to.pixel(first), to.pixel(voxels.end - 1) + 1);
                let channels = rest.iter_mut().map(|rest| {
                    let (piece, after) = std::mem::take(rest).split_at_mut(end - origin);
                    *rest = after;
                    &mut piece[start - origin..]
                });
                tasks[tile * parts + part].push(Target { voxels, channels: channels.collect() });
                origin = end;
            }
        }
    }
    tasks
}

/// Adds a panel to a tile's place in the output.
#[inline(always)]
pub(super) fn add<S: Simd>(simd: S, panel: &Panel, to: Placement, targets: &mut [Target<'_>]) {
    let mut buffer = [Row::zeroed(); 4];
    for group in 0..targets[0].groups() {
        // Voxels of the tile done so far.
        let mut done = 0;
        for target in &mut *targets {
            let y = &mut *target.channels[group];
            let origin = to.pixel(target.voxels.start);
            let mut voxel = target.voxels.start;
            while voxel < target.voxels.end {
                if done % STRIP == 0 {
                    interleave(simd, &panel.strip(done / STRIP)[group * 4..][..4], &mut buffer);
                }
                let in_row = to.d_x - voxel % to.d_x;
                let run = in_row.min(target.voxels.end - voxel).min(STRIP - done % STRIP);
                let values = &bytemuck::cast_slice::<Row, [f32; 4]>(&buffer)[done % STRIP..][..run];
                let y = &mut y[to.pixel(voxel) - origin..][..run];
                for (y, value) in bytemuck::cast_slice_mut::<Vec4, f32>(y).iter_mut().zip(values.as_flattened()) {
                    *y += value;
                }
                voxel += run;
                done += run;
            }
        }
    }
}

/// Four rows back to voxels.
#[inline(always)]
pub(super) fn interleave<S: Simd>(simd: S, rows: &[Row], voxels: &mut [Row; 4]) {
    let (voxels, _) = S::as_mut_simd_f32s(bytemuck::cast_slice_mut(voxels));
    for (register, voxels) in voxels.chunks_exact_mut(4).enumerate() {
        let mut channels = [simd.splat_f32s(0.0); 4];
        for i in 0..4 {
            channels[i] = S::as_simd_f32s(&rows[i].0).0[register];
        }
        voxels.copy_from_slice(&simd.interleave_shfl_f32s(channels));
    }
}
