//! What becomes of a block's expanded activation: the outputs of the first product of `grn_partial`, `expand` and `mlp`.

use bytemuck::{Pod, Zeroable};
use pulp::Simd;

use super::gelu::gelu;
use super::product::{Output, Panel, Place, Row, STRIP, WIDEST, registers};
use super::tile::mask;
use crate::plan::Vec4;

#[inline(always)]
fn splat<S: Simd, const R: usize>(simd: S, values: Vec4) -> [[S::f32s; R]; 4] {
    let mut sums = [[simd.splat_f32s(0.0); R]; 4];
    for (sums, value) in sums.iter_mut().zip(values.0) {
        *sums = [simd.splat_f32s(value); R];
    }
    sums
}

#[inline(always)]
fn activate<S: Simd, const R: usize>(simd: S, mut values: [[S::f32s; R]; 4]) -> [[S::f32s; R]; 4] {
    for value in values.as_flattened_mut() {
        *value = gelu(simd, *value);
    }
    values
}

/// A register's worth of partial sums.
#[repr(C, align(64))]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Lanes([f32; WIDEST]);

/// GRN's statistics: sums of squares over a tile.
pub(super) struct Squares {
    /// Per channel.
    sums: Vec<Lanes>,
    /// 1 where the last strip holds a voxel of the tile.
    last: Row,
    /// Index of that strip.
    strips: usize,
}

impl Squares {
    pub(super) fn new() -> Self {
        Self { sums: Vec::new(), last: Row::zeroed(), strips: 0 }
    }

    /// Begins a tile of `count` voxels.
    #[inline(always)]
    pub(super) fn clear<S: Simd>(&mut self, simd: S, groups: usize, count: usize) {
        self.sums.clear();
        self.sums.resize(groups * 4, Lanes::zeroed());
        self.strips = count.div_ceil(STRIP) - 1;
        self.last = mask(simd, count - self.strips * STRIP);
    }

    #[inline(always)]
    fn add<S: Simd, const R: usize>(&mut self, simd: S, place: Place, values: &[[S::f32s; R]; 4]) {
        let mut masks = [simd.splat_f32s(1.0); R];
        if place.strip == self.strips {
            masks = registers::<S, R>(&self.last, place.first);
        }
        let sums = &mut self.sums[place.group * 4..][..4];
        for i in 0..4 {
            let sum = &mut S::as_mut_simd_f32s(&mut sums[i].0).0[0];
            for r in 0..R {
                *sum = simd.mul_add_e_f32s(simd.mul_f32s(values[i][r], masks[r]), values[i][r], *sum);
            }
        }
    }

    #[inline(always)]
    pub(super) fn finish<S: Simd>(&self, simd: S, squares: &mut [Vec4]) {
        for (squares, sums) in squares.iter_mut().zip(self.sums.chunks_exact(4)) {
            for (square, sums) in squares.0.iter_mut().zip(sums) {
                *square = simd.reduce_sum_f32s(S::as_simd_f32s(&sums.0).0[0]);
            }
        }
    }
}

/// `grn_partial`: statistics alone.
pub(super) struct Measured<'a> {
    pub(super) bias: &'a [Vec4],
    pub(super) squares: &'a mut Squares,
}

impl<S: Simd> Output<S> for Measured<'_> {
    #[inline(always)]
    fn begin<const R: usize>(&self, simd: S, place: Place) -> [[S::f32s; R]; 4] {
        splat(simd, self.bias[place.group])
    }

    #[inline(always)]
    fn end<const R: usize>(&mut self, simd: S, place: Place, sums: [[S::f32s; R]; 4]) {
        self.squares.add(simd, place, &activate::<S, R>(simd, sums));
    }
}

/// `expand`: statistics, and a tile `[strip][channel][voxel]` in unaligned memory.
pub(super) struct Stored<'a> {
    pub(super) measured: Measured<'a>,
    pub(super) hidden: &'a mut [f32],
}

impl<S: Simd> Output<S> for Stored<'_> {
    #[inline(always)]
    fn begin<const R: usize>(&self, simd: S, place: Place) -> [[S::f32s; R]; 4] {
        self.measured.begin(simd, place)
    }

    #[inline(always)]
    fn end<const R: usize>(&mut self, simd: S, place: Place, sums: [[S::f32s; R]; 4]) {
        let values = activate::<S, R>(simd, sums);
        let channels = self.measured.bias.len() * 4;
        let rows = &mut self.hidden[(place.strip * channels + place.group * 4) * STRIP..][..4 * STRIP];
        for i in 0..4 {
            S::as_mut_simd_f32s(&mut rows[i * STRIP + place.first..][..R * S::F32_LANES]).0.copy_from_slice(&values[i]);
        }
        self.measured.squares.add(simd, place, &values);
    }
}

/// `mlp`: rows for the second product.
pub(super) struct Kept<'a> {
    pub(super) bias: &'a [Vec4],
    pub(super) hidden: &'a mut Panel,
}

impl<S: Simd> Output<S> for Kept<'_> {
    #[inline(always)]
    fn begin<const R: usize>(&self, simd: S, place: Place) -> [[S::f32s; R]; 4] {
        splat(simd, self.bias[place.group])
    }

    #[inline(always)]
    fn end<const R: usize>(&mut self, simd: S, place: Place, sums: [[S::f32s; R]; 4]) {
        let values = activate::<S, R>(simd, sums);
        let rows = &mut self.hidden.strip_mut(place.strip)[place.group * 4..][..4];
        for i in 0..4 {
            S::as_mut_simd_f32s(&mut rows[i].0[place.first..place.first + R * S::F32_LANES]).0.copy_from_slice(&values[i]);
        }
    }
}
