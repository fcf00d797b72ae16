//! The matrix product of the pointwise kernels: packed weights times rows of voxels, with all sums in registers.

use bytemuck::{Pod, Zeroable};
use pulp::Simd;

use crate::plan::Vec4;

/// Voxels that lie side by side in a row: three of the widest registers, or a multiple of three smaller ones.
pub(super) const STRIP: usize = 48;

/// Lanes of the widest register.
pub(super) const WIDEST: usize = 16;

/// One channel of a strip of voxels.
#[repr(C, align(64))]
#[derive(Clone, Copy, Pod, Zeroable)]
pub(super) struct Row(pub(super) [f32; STRIP]);

/// Channels of a tile, `[strip][channel]`: a product reads each strip from front to back.
pub(super) struct Panel {
    rows: Vec<Row>,
    channels: usize,
}

impl Panel {
    /// Room for tiles of so many voxels.
    pub(super) fn new(channels: usize, voxels: usize) -> Self {
        Self { rows: vec![Row::zeroed(); channels * voxels.div_ceil(STRIP)], channels }
    }

    /// The same memory for fewer channels.
    pub(super) fn hold(&mut self, channels: usize) {
        self.channels = channels;
    }

    pub(super) fn strip(&self, strip: usize) -> &[Row] {
        &self.rows[strip * self.channels..][..self.channels]
    }

    pub(super) fn strip_mut(&mut self, strip: usize) -> &mut [Row] {
        &mut self.rows[strip * self.channels..][..self.channels]
    }

    /// Every channel to its value of `values`, in the strips that hold `count` voxels.
    pub(super) fn fill(&mut self, values: &[Vec4], count: usize) {
        for strip in 0..count.div_ceil(STRIP) {
            for (rows, value) in self.strip_mut(strip).chunks_exact_mut(4).zip(values) {
                for (row, value) in rows.iter_mut().zip(value.0) {
                    row.0.fill(value);
                }
            }
        }
    }
}

/// Some columns of weights packed as `[output/4][input]` of four outputs.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    pub(super) weights: &'a [Vec4],
    /// Inputs of the whole matrix.
    pub(super) inputs: usize,
    /// Input the first row of the panel stands for.
    pub(super) first: usize,
}

/// Four outputs of a few registers of voxels.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Group of four outputs.
    pub(super) group: usize,
    pub(super) strip: usize,
    /// First voxel in the strip.
    pub(super) first: usize,
}

/// Where sums begin and what becomes of them; `R` registers of voxels for each of four outputs.
pub(super) trait Output<S: Simd> {
    fn begin<const R: usize>(&self, simd: S, place: Place) -> [[S::f32s; R]; 4];
    fn end<const R: usize>(&mut self, simd: S, place: Place, sums: [[S::f32s; R]; 4]);
}

/// `sums[o] += sum over i of matrix[o][i] * panel[i]` for `groups` times four outputs and the first `count` voxels.
///
/// A step over the inputs loads three registers of voxels and uses each for every output whose sums fit the register file: that
/// many independent sums hide the latency of multiply-add, and loads stay behind arithmetic.
#[inline(always)]
pub(super) fn product<S: Simd>(simd: S, matrix: Matrix<'_>, groups: usize, panel: &Panel, count: usize, output: &mut impl Output<S>) {
    let mut group = 0;
    if S::REGISTER_COUNT >= 32 {
        while group + 2 <= groups {
            outputs::<S, 2>(simd, matrix, group, panel, count, output);
            group += 2;
        }
    }
    while group < groups {
        outputs::<S, 1>(simd, matrix, group, panel, count, output);
        group += 1;
    }
}

/// `G` groups of outputs for all strips: their weights stay in the nearest cache.
#[inline(always)]
fn outputs<S: Simd, const G: usize>(simd: S, matrix: Matrix<'_>, group: usize, panel: &Panel, count: usize, output: &mut impl Output<S>) {
    for strip in 0..count.div_ceil(STRIP) {
        let rows = panel.strip(strip);
        let mut registers = (count - strip * STRIP).min(STRIP).div_ceil(S::F32_LANES);
        let mut place = Place { group, strip, first: 0 };
        while registers > 0 {
            match registers {
                1 => block::<S, G, 1>(simd, matrix, rows, place, output),
                2 => block::<S, G, 2>(simd, matrix, rows, place, output),
                _ => block::<S, G, 3>(simd, matrix, rows, place, output),
            }
            registers = registers.saturating_sub(3);
            place.first += 3 * S::F32_LANES;
        }
    }
}

#[inline(always)]
fn block<S: Simd, const G: usize, const R: usize>(simd: S, matrix: Matrix<'_>, rows: &[Row], place: Place, output: &mut impl Output<S>) {
    let mut weights: [&[Vec4]; G] = [&[]; G];
    let mut sums = [[[simd.splat_f32s(0.0); R]; 4]; G];
    for g in 0..G {
        weights[g] = &matrix.weights[(place.group + g) * matrix.inputs + matrix.first..][..rows.len()];
        sums[g] = output.begin(simd, Place { group: place.group + g, ..place });
    }
    for (k, row) in rows.iter().enumerate() {
        let x = registers::<S, R>(row, place.first);
        for g in 0..G {
            let w = &weights[g][k].0;
            for i in 0..4 {
                let w = simd.splat_f32s(w[i]);
                for r in 0..R {
                    sums[g][i][r] = simd.mul_add_e_f32s(w, x[r], sums[g][i][r]);
                }
            }
        }
    }
    for (g, sums) in sums.into_iter().enumerate() {
        output.end(simd, Place { group: place.group + g, ..place }, sums);
    }
}

/// `R` registers of a row.
#[inline(always)]
pub(super) fn registers<S: Simd, const R: usize>(row: &Row, first: usize) -> [S::f32s; R] {
    let (x, _) = S::as_simd_f32s(&row.0[first..first + R * S::F32_LANES]);
    let mut registers = [x[0]; R];
    registers.copy_from_slice(x);
    registers
}

/// Adds to rows of a panel.
pub(super) struct Accumulate<'a>(pub(super) &'a mut Panel);

impl<S: Simd> Output<S> for Accumulate<'_> {
    #[inline(always)]
    fn begin<const R: usize>(&self, simd: S, place: Place) -> [[S::f32s; R]; 4] {
        let rows = &self.0.strip(place.strip)[place.group * 4..][..4];
        let mut sums = [[simd.splat_f32s(0.0); R]; 4];
        for i in 0..4 {
            sums[i] = registers::<S, R>(&rows[i], place.first);
        }
        sums
    }

    #[inline(always)]
    fn end<const R: usize>(&mut self, _: S, place: Place, sums: [[S::f32s; R]; 4]) {
        let rows = &mut self.0.strip_mut(place.strip)[place.group * 4..][..4];
        for i in 0..4 {
            S::as_mut_simd_f32s(&mut rows[i].0[place.first..place.first + R * S::F32_LANES]).0.copy_from_slice(&sums[i]);
        }
    }
}
