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
    each_channel(p, y, |out_z, c4, y| arch.dispatch(ChannelOp { p, window, out_z, c4, inputs, y, up: false }));
}

/// `y[o] = b + sum over t with (o + kernel / 2 - t) even of w[t] x[(o + kernel / 2 - t) / 2]`; the window's stride is 2.
pub(super) fn depthwise_up(p: &Depthwise, window: Window, inputs: Inputs<'_>, y: &mut [Vec4]) {
    let arch = Arch::new();
    each_channel(p, y, |out_z, c4, y| arch.dispatch(ChannelOp { p, window, out_z, c4, inputs, y, up: true }));
}

/// Calls `compute(global output plane, channel group, its voxels)` for everything in the slab.
fn each_channel(p: &Depthwise, y: &mut [Vec4], compute: impl Fn(usize, usize, &mut [Vec4]) + Sync) {
    let area = (p.out_x * p.out_y) as usize;
    y.par_chunks_mut(p.out_plane as usize).enumerate().for_each(|(z, plane)| {
        plane.par_chunks_mut(area).take(p.channels4 as usize).enumerate().for_each(|(c4, y)| compute(p.out_first as usize + z, c4, y));
    });
}

/// One channel group of one output plane.
struct ChannelOp<'a> {
    p: &'a Depthwise,
    window: Window,
    out_z: usize,
    c4: usize,
    inputs: Inputs<'a>,
    y: &'a mut [Vec4],
    up: bool,
}

impl WithSimd for ChannelOp<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if self.up { self.transposed() } else { self.strided(simd) }
    }
}

impl ChannelOp<'_> {
    #[inline(always)]
    fn strided<S: Simd>(self, simd: S) {
        let Self { p, window, out_z, c4, inputs: Inputs { x, weight, bias }, y, .. } = self;
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
                        if first >= end {
                            continue;
                        }
                        let source = &row[first * stride + kx - pad..];
                        if stride == 1 {
                            accumulate(simd, &mut y[first..end], w, source);
                        } else {
                            for (y, x) in y[first..end].iter_mut().zip(source.iter().step_by(stride)) {
                                multiply_add(y, w, *x);
                            }
                        }
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn transposed(self) {
        let Self { p, window, out_z, c4, inputs: Inputs { x, weight, bias }, y, .. } = self;
        let (kernel, pad) = (window.kernel, window.kernel / 2);
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
}

#[inline(always)]
fn multiply_add(y: &mut Vec4, w: Vec4, x: Vec4) {
    for i in 0..4 {
        y.0[i] += w.0[i] * x.0[i];
    }
}

/// `y[i] += w * x[i]`, whole registers of several voxels at a time.
#[inline(always)]
fn accumulate<S: Simd>(simd: S, y: &mut [Vec4], w: Vec4, x: &[Vec4]) {
    /// Channels of the widest register.
    const WIDEST: usize = 16;
    let mut whole = 0;
    if S::F32_LANES.is_multiple_of(4) && S::F32_LANES <= WIDEST {
        let pattern: [f32; WIDEST] = bytemuck::cast([w; WIDEST / 4]);
        let w = S::as_simd_f32s(&pattern).0[0];
        let (y, _) = S::as_mut_simd_f32s(bytemuck::cast_slice_mut(y));
        let (x, _) = S::as_simd_f32s(bytemuck::cast_slice(x));
        whole = y.len() * S::F32_LANES / 4;
        for (y, x) in y.iter_mut().zip(x) {
            *y = simd.mul_add_e_f32s(w, *x, *y);
        }
    }
    for (y, x) in y[whole..].iter_mut().zip(&x[whole..]) {
        multiply_add(y, w, *x);
    }
}
