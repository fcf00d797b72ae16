//! Twins of `norm_partial.wgsl` and `norm_affine.wgsl`; sums are kept in f64, which needs no shift.

use rayon::prelude::*;

use crate::params::{NormAffine, NormPartial};
use crate::plan::Vec4;

/// Mean and M2 of every plane and channel of the slab.
pub(super) fn norm_partial(p: &NormPartial, x: &[Vec4], partial: &mut [Vec4]) {
    let (voxels, channels4) = (p.voxels as usize, p.channels4 as usize);
    let partial = &mut partial[p.first as usize * channels4 * 2..];
    partial.par_chunks_mut(channels4 * 2).zip(x.par_chunks(p.plane as usize)).for_each(|(partial, plane)| {
        for (moments, values) in partial.chunks_exact_mut(2).zip(plane.chunks_exact(voxels)) {
            let (mut sum, mut squares) = ([0.0_f64; 4], [0.0_f64; 4]);
            for value in values {
                for (i, v) in value.0.iter().enumerate() {
                    let v = f64::from(*v);
                    sum[i] += v;
                    squares[i] += v * v;
                }
            }
            let n = voxels as f64;
            moments[0] = Vec4(std::array::from_fn(|i| (sum[i] / n) as f32));
            moments[1] = Vec4(std::array::from_fn(|i| (squares[i] - sum[i] * sum[i] / n).max(0.0) as f32));
        }
    });
}

/// One affine per channel from the planes' moments.
pub(super) fn norm_affine(p: &NormAffine, partial: &[Vec4], norm: &[Vec4], affine: &mut [Vec4]) {
    let (planes, channels4) = (p.planes as usize, p.channels4 as usize);
    for c4 in 0..channels4 {
        let (mut scale, mut shift) = (Vec4::default(), Vec4::default());
        for i in 0..4 {
            let moments = (0..planes).map(|z| {
                let at = (z * channels4 + c4) * 2;
                (f64::from(partial[at].0[i]), f64::from(partial[at + 1].0[i]))
            });
            // Planes have equal counts: total M2 is theirs plus the spread of their means.
            let mean = moments.clone().map(|(mean, _)| mean).sum::<f64>() / planes as f64;
            let m2: f64 = moments.map(|(m, m2)| m2 + f64::from(p.voxels) * (m - mean) * (m - mean)).sum();
            let variance = m2 / (planes as f64 * f64::from(p.voxels));
            let factor = f64::from(norm[c4 * 2].0[i]) / (variance + f64::from(p.eps)).sqrt();
            scale.0[i] = factor as f32;
            shift.0[i] = (f64::from(norm[c4 * 2 + 1].0[i]) - mean * factor) as f32;
        }
        affine[c4 * 2] = scale;
        affine[c4 * 2 + 1] = shift;
    }
}
