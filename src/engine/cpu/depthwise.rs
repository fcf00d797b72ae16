//! Twins of `depthwise.wgsl` and `depthwise_up.wgsl`; stride 1 is in [`same`](super::same).

use pulp::Arch;
use rayon::prelude::*;

use super::norm::{MOMENTS, MomentsOp};
use super::same::same;
use crate::kernels::Leaves;
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

/// Bindings both kernels write.
pub(super) struct Outputs<'a> {
    pub(super) y: &'a mut [Vec4],
    /// Moments of the slab.
    pub(super) partial: &'a mut [Vec4],
    /// How many of them a plane has.
    pub(super) tiles: usize,
}

impl<'a> Outputs<'a> {
    /// The slab's planes, and for each the place of its moments, of all channel groups.
    pub(super) fn planes(self, p: &Depthwise) -> impl Iterator<Item = (&'a mut [Vec4], &'a mut [Vec4])> {
        let (channels, plane) = (p.channels4 as usize * MOMENTS, self.tiles * p.channels4 as usize * MOMENTS);
        let moments = self.partial.chunks_mut(plane).map(move |tiles| &mut tiles[..channels]);
        self.y.chunks_mut(p.out_plane as usize).zip(moments)
    }
}

/// `y[o] = b + sum_t w[t] x[o * stride + t - kernel / 2]`, and its moments.
pub(super) fn depthwise(p: &Depthwise, window: Window, inputs: Inputs<'_>, outputs: Outputs<'_>) {
    match window {
        Window { kernel: 3, stride: 1 } => same::<3>(p, inputs, outputs),
        Window { kernel: 5, stride: 1 } => same::<5>(p, inputs, outputs),
        Window { kernel: 7, stride: 1 } => same::<7>(p, inputs, outputs),
        _ => {
            let (area, arch) = ((p.out_x * p.out_y) as usize, Arch::new());
            let planes: Vec<_> = outputs.planes(p).collect();
            planes.into_par_iter().enumerate().for_each(|(z, (y, moments))| {
                let channels = y.par_chunks_mut(area).zip(moments.par_chunks_mut(MOMENTS));
                channels.enumerate().for_each(|(c4, (y, moments))| {
                    strided(p, window, p.out_first as usize + z, c4, inputs, y);
                    arch.dispatch(MomentsOp { values: y, moments });
                });
            });
        }
    }
}

/// `y[o] = b + sum over t with (o + kernel / 2 - t) even of w[t] x[(o + kernel / 2 - t) / 2]`.
///
/// Where only the moments are wanted, a plane of a channel group does not leave the cache.
pub(super) fn depthwise_up(p: &Depthwise, kernel: usize, leaves: Leaves, inputs: Inputs<'_>, outputs: Outputs<'_>) {
    let (area, channels4, first, arch) = ((p.out_x * p.out_y) as usize, p.channels4 as usize, p.out_first as usize, Arch::new());
    match leaves {
        Leaves::Values => outputs.y.par_chunks_mut(p.out_plane as usize).enumerate().for_each(|(z, y)| {
            let channels = y.par_chunks_mut(area).take(channels4).enumerate();
            channels.for_each(|(c4, y)| transposed(p, kernel, first + z, c4, inputs, y));
        }),
        Leaves::Both => {
            let planes: Vec<_> = outputs.planes(p).collect();
            planes.into_par_iter().enumerate().for_each(|(z, (y, moments))| {
                let channels = y.par_chunks_mut(area).zip(moments.par_chunks_mut(MOMENTS));
                channels.enumerate().for_each(|(c4, (values, moments))| {
                    transposed(p, kernel, first + z, c4, inputs, values);
                    arch.dispatch(MomentsOp { values, moments });
                });
            });
        }
        Leaves::Moments => {
            let plane = outputs.tiles * channels4 * MOMENTS;
            outputs.partial.par_chunks_mut(plane).enumerate().for_each(|(z, moments)| {
                let channels = moments[..channels4 * MOMENTS].par_chunks_mut(MOMENTS).enumerate();
                channels.for_each_init(
                    || vec![Vec4::default(); area],
                    |values, (c4, moments)| {
                        transposed(p, kernel, first + z, c4, inputs, values);
                        arch.dispatch(MomentsOp { values, moments });
                    },
                );
            });
        }
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
