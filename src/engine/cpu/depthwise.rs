//! Twins of `depthwise.wgsl` and `depthwise_up.wgsl`; stride 1 is in [`same`](super::same).

use rayon::prelude::*;

use super::same::same;
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
    match window {
        Window { kernel: 3, stride: 1 } => same::<3>(p, inputs, y),
        Window { kernel: 5, stride: 1 } => same::<5>(p, inputs, y),
        Window { kernel: 7, stride: 1 } => same::<7>(p, inputs, y),
        _ => each_channel(p, y, |out_z, c4, y| strided(p, window, out_z, c4, inputs, y)),
    }
}

/// `y[o] = b + sum over t with (o + kernel / 2 - t) even of w[t] x[(o + kernel / 2 - t) / 2]`.
pub(super) fn depthwise_up(p: &Depthwise, kernel: usize, inputs: Inputs<'_>, y: &mut [Vec4]) {
    each_channel(p, y, |out_z, c4, y| transposed(p, kernel, out_z, c4, inputs, y));
}

/// Calls `compute(global output plane, channel group, its voxels)` for everything in the slab.
fn each_channel(p: &Depthwise, y: &mut [Vec4], compute: impl Fn(usize, usize, &mut [Vec4]) + Sync) {
    let area = (p.out_x * p.out_y) as usize;
    y.par_chunks_mut(p.out_plane as usize).enumerate().for_each(|(z, plane)| {
        let channels = plane.par_chunks_mut(area).take(p.channels4 as usize);
        channels.enumerate().for_each(|(c4, y)| compute(p.out_first as usize + z, c4, y));
    });
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
                    // Input i reaches output 2 i + kx - pad.
                    let first = pad.saturating_sub(kx).div_ceil(2);
                    let reached = y[(2 * first + kx - pad).min(out_x)..].iter_mut().step_by(2);
                    reached.zip(&row[first.min(in_x)..]).for_each(|(y, x)| multiply_add(y, w, *x));
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
