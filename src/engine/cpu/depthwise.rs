//! Twins of `depthwise.wgsl` and `depthwise_up.wgsl`.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::params::Depthwise;
use crate::plan::Vec4;

/// Edge and stride of a depthwise kernel.
#[derive(Clone, Copy)]
pub(super) struct Window {
    pub(super) kernel: usize,
    pub(super) stride: usize,
}

/// Read-only bindings of both kernels.
#[derive(Clone, Copy)]
pub(super) struct Inputs<'a> {
    pub(super) x: &'a [Vec4],
    pub(super) weight: &'a [Vec4],
    pub(super) bias: &'a [Vec4],
}

/// `y[o] = b + sum_t w[t] x[o * stride + t - kernel / 2]`.
pub(super) fn depthwise(p: &Depthwise, window: Window, inputs: Inputs<'_>, y: &mut [Vec4]) {
    let arch = Arch::new();
    if window.stride == 1 {
        each_channel(p, y, |scratch, out_z, c4, y| {
            scratch.gather(p, window.kernel, out_z, c4, inputs);
            arch.dispatch(SameOp { p, kernel: window.kernel, bias: inputs.bias[c4], scratch, y });
        });
    } else {
        each_channel(p, y, |_, out_z, c4, y| strided(p, window, out_z, c4, inputs, y));
    }
}

/// `y[o] = b + sum over t with (o + kernel / 2 - t) even of w[t] x[(o + kernel / 2 - t) / 2]`.
pub(super) fn depthwise_up(p: &Depthwise, kernel: usize, inputs: Inputs<'_>, y: &mut [Vec4]) {
    each_channel(p, y, |_, out_z, c4, y| transposed(p, kernel, out_z, c4, inputs, y));
}

/// Calls `compute(scratch, global output plane, channel group, its voxels)` for everything in the slab.
fn each_channel(p: &Depthwise, y: &mut [Vec4], compute: impl Fn(&mut Scratch, usize, usize, &mut [Vec4]) + Sync) {
    let area = (p.out_x * p.out_y) as usize;
    y.par_chunks_mut(p.out_plane as usize).enumerate().for_each(|(z, plane)| {
        plane
            .par_chunks_mut(area)
            .take(p.channels4 as usize)
            .enumerate()
            .for_each_init(Scratch::default, |scratch, (c4, y)| compute(scratch, p.out_first as usize + z, c4, y));
    });
}

/// Channels of the widest register.
const WIDEST: usize = 16;

/// What one output plane of one channel group reads, laid out so that no tap needs a test.
#[derive(Default)]
struct Scratch {
    /// Input planes with zeros around: [kernel][in_y + kernel - 1][in_x + kernel - 1].
    padded: Vec<Vec4>,
    /// Every tap's four weights, repeated over a register.
    taps: Vec<[f32; WIDEST]>,
}

impl Scratch {
    fn gather(&mut self, p: &Depthwise, kernel: usize, out_z: usize, c4: usize, inputs: Inputs<'_>) {
        let pad = kernel / 2;
        let [in_x, in_y, in_z] = [p.in_x, p.in_y, p.in_z].map(|n| n as usize);
        let (rows, columns) = (in_y + kernel - 1, in_x + kernel - 1);
        self.padded.clear();
        self.padded.resize(kernel * rows * columns, Vec4::default());
        for kz in (0..kernel).filter(|kz| (pad..in_z + pad).contains(&(out_z + kz))) {
            let z = out_z + kz - pad - p.in_first as usize;
            let plane = &inputs.x[z * p.in_plane as usize + c4 * in_y * in_x..][..in_y * in_x];
            let padded = &mut self.padded[(kz * rows + pad) * columns..][..in_y * columns];
            for (padded, row) in padded.chunks_exact_mut(columns).zip(plane.chunks_exact(in_x)) {
                padded[pad..pad + in_x].copy_from_slice(row);
            }
        }
        let weights = inputs.weight.iter().skip(c4).step_by(p.channels4 as usize);
        self.taps.clear();
        self.taps.extend(weights.map(|w| bytemuck::cast::<_, [f32; WIDEST]>([*w; WIDEST / 4])));
    }
}

/// Stride 1: one channel group of one output plane from the gathered planes.
struct SameOp<'a> {
    p: &'a Depthwise,
    kernel: usize,
    bias: Vec4,
    scratch: &'a Scratch,
    y: &'a mut [Vec4],
}

impl WithSimd for SameOp<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let out_x = self.p.out_x as usize;
        let window = Rows { kernel: self.kernel, rows: self.p.in_y as usize + self.kernel - 1, columns: out_x + self.kernel - 1 };
        for (out_y, y) in self.y.chunks_exact_mut(out_x).enumerate() {
            let y: &mut [f32] = bytemuck::cast_slice_mut(y);
            let mut done = 0;
            if S::F32_LANES.is_multiple_of(4) && S::F32_LANES <= WIDEST {
                done = window.strips::<S, 4>(simd, self.scratch, self.bias, out_y, done, y);
                done = window.strips::<S, 1>(simd, self.scratch, self.bias, out_y, done, y);
            }
            for (v, y) in y[done..].chunks_exact_mut(4).enumerate() {
                window.voxel(self.scratch, self.bias, out_y, done / 4 + v, y);
            }
        }
    }
}

/// Extent of the gathered planes.
#[derive(Clone, Copy)]
struct Rows {
    kernel: usize,
    rows: usize,
    columns: usize,
}

impl Rows {
    /// Computes as many strips of `REGISTERS` registers from float `done` of a row on as fit; returns where they end.
    #[inline(always)]
    fn strips<S: Simd, const REGISTERS: usize>(
        self,
        simd: S,
        scratch: &Scratch,
        bias: Vec4,
        out_y: usize,
        mut done: usize,
        y: &mut [f32],
    ) -> usize {
        let width = REGISTERS * S::F32_LANES;
        let bias: [f32; WIDEST] = bytemuck::cast([bias; WIDEST / 4]);
        while done + width <= y.len() {
            let mut sums = [S::as_simd_f32s(&bias).0[0]; REGISTERS];
            let mut taps = scratch.taps.iter();
            for kz in 0..self.kernel {
                for ky in 0..self.kernel {
                    let row = &scratch.padded[(kz * self.rows + out_y + ky) * self.columns..][..self.columns];
                    let row: &[f32] = &bytemuck::cast_slice(row)[done..];
                    for (kx, tap) in taps.by_ref().take(self.kernel).enumerate() {
                        let w = S::as_simd_f32s(tap).0[0];
                        let (x, _) = S::as_simd_f32s(&row[kx * 4..][..width]);
                        for (sum, x) in sums.iter_mut().zip(x) {
                            *sum = simd.mul_add_e_f32s(w, *x, *sum);
                        }
                    }
                }
            }
            S::as_mut_simd_f32s(&mut y[done..done + width]).0.copy_from_slice(&sums);
            done += width;
        }
        done
    }

    /// One voxel, four channels.
    #[inline(always)]
    fn voxel(self, scratch: &Scratch, bias: Vec4, out_y: usize, out_x: usize, y: &mut [f32]) {
        let mut sum = bias;
        let mut taps = scratch.taps.iter();
        for kz in 0..self.kernel {
            for ky in 0..self.kernel {
                let row = &scratch.padded[(kz * self.rows + out_y + ky) * self.columns + out_x..][..self.kernel];
                for (x, tap) in row.iter().zip(taps.by_ref()) {
                    multiply_add(&mut sum, Vec4([tap[0], tap[1], tap[2], tap[3]]), *x);
                }
            }
        }
        y.copy_from_slice(&sum.0);
    }
}

/// Any stride: one channel group of one output plane.
fn strided(p: &Depthwise, window: Window, out_z: usize, c4: usize, inputs: Inputs<'_>, y: &mut [Vec4]) {
    let Inputs { x, weight, bias } = inputs;
    let (kernel, stride, pad) = (window.kernel, window.stride, window.kernel / 2);
    let [in_x, in_y, in_z] = [p.in_x, p.in_y, p.in_z].map(|n| n as usize);
    let out_x = p.out_x as usize;
    y.fill(bias[c4]);
    for (out_y, y) in y.chunks_exact_mut(out_x).enumerate() {
        for kz in (0..kernel).filter(|kz| (pad..in_z + pad).contains(&(out_z * stride + kz))) {
            for ky in (0..kernel).filter(|ky| (pad..in_y + pad).contains(&(out_y * stride + ky))) {
                let (z, row_y) = (out_z * stride + kz - pad - p.in_first as usize, out_y * stride + ky - pad);
                let row = &x[z * p.in_plane as usize + (c4 * in_y + row_y) * in_x..][..in_x];
                for kx in 0..kernel {
                    let w = weight[((kz * kernel + ky) * kernel + kx) * p.channels4 as usize + c4];
                    // Outputs whose tap falls inside the row.
                    let first = pad.saturating_sub(kx).div_ceil(stride);
                    let end = ((in_x + pad).saturating_sub(kx)).div_ceil(stride).min(out_x);
                    if first < end {
                        let source = row[first * stride + kx - pad..].iter().step_by(stride);
                        y[first..end].iter_mut().zip(source).for_each(|(y, x)| multiply_add(y, w, *x));
                    }
                }
            }
        }
    }
}

/// The transposed convolution: one channel group of one output plane.
fn transposed(p: &Depthwise, kernel: usize, out_z: usize, c4: usize, inputs: Inputs<'_>, y: &mut [Vec4]) {
    let Inputs { x, weight, bias } = inputs;
    let pad = kernel / 2;
    let [in_x, in_y, in_z] = [p.in_x, p.in_y, p.in_z].map(|n| n as usize);
    let out_x = p.out_x as usize;
    // Input index a tap reaches from an output index, where the parities agree.
    let source = |out: usize, tap: usize, size: usize| {
        let twice = (out + pad).checked_sub(tap)?;
        (twice.is_multiple_of(2) && twice / 2 < size).then_some(twice / 2)
    };
    y.fill(bias[c4]);
    for (out_y, y) in y.chunks_exact_mut(out_x).enumerate() {
        for (kz, z) in (0..kernel).filter_map(|kz| Some((kz, source(out_z, kz, in_z)?))) {
            for (ky, row_y) in (0..kernel).filter_map(|ky| Some((ky, source(out_y, ky, in_y)?))) {
                let row = &x[(z - p.in_first as usize) * p.in_plane as usize + (c4 * in_y + row_y) * in_x..][..in_x];
                for kx in 0..kernel {
                    let w = weight[((kz * kernel + ky) * kernel + kx) * p.channels4 as usize + c4];
                    for (i, x) in row.iter().enumerate() {
                        let Some(y) = (2 * i + kx).checked_sub(pad).and_then(|o| y.get_mut(o)) else { continue };
                        multiply_add(y, w, *x);
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn multiply_add(y: &mut Vec4, w: Vec4, x: Vec4) {
    for i in 0..4 {
        y.0[i] += w.0[i] * x.0[i];
    }
}
