//! Twins of `norm_plane.wgsl` and `norm_affine.wgsl`, and the statistics that the depthwise kernels leave for them.
//!
//! Here a plane and channel group is computed by one thread, so its moments stand in the place of the plane's first tile, for all.

use pulp::{Simd, WithSimd};

use super::product::WIDEST;
use crate::params::{NormAffine, NormPlane};
use crate::plan::Vec4;

/// Vec4 of a tile's moments of four channels: mean, M2, count.
pub(super) const MOMENTS: usize = 3;

/// Floats that are summed in registers before they are added up in f64.
const BLOCK: usize = 4096;

/// Registers, and so partial sums, that take turns: an addition need not wait for the last one.
const SUMS: usize = 4;

/// Mean and M2 (sum of squared deviations) of a plane of four channels, which the cache still holds.
pub(super) struct MomentsOp<'a> {
    pub(super) values: &'a [Vec4],
    pub(super) moments: &'a mut [Vec4],
}

impl WithSimd for MomentsOp<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let count = self.values.len() as f64;
        let values: &[f32] = bytemuck::cast_slice(self.values);
        let mean = Vec4(sums::<S, false>(simd, values, Vec4::default()).map(|sum| (sum / count) as f32));
        let m2 = sums::<S, true>(simd, values, mean);
        self.moments.copy_from_slice(&[mean, Vec4(m2.map(|sum| sum as f32)), Vec4([count as f32; 4])]);
    }
}

/// Per channel, the sum of the values, or of their squared distances from `origin`.
#[inline(always)]
fn sums<S: Simd, const SQUARES: bool>(simd: S, values: &[f32], origin: Vec4) -> [f64; 4] {
    let origins: [f32; WIDEST] = bytemuck::cast([origin; WIDEST / 4]);
    let mut totals = [0.0_f64; 4];
    for block in values.chunks(BLOCK) {
        let (registers, rest) = S::as_simd_f32s(block);
        let mut sums = [simd.splat_f32s(0.0); SUMS];
        // The float at index i is of channel i % 4, whatever the registers' width: SUMS registers hold whole groups of four.
        for registers in registers.chunks(SUMS) {
            for (turn, (sum, value)) in sums.iter_mut().zip(registers).enumerate() {
                if SQUARES {
                    let delta = simd.sub_f32s(*value, S::as_simd_f32s(&origins).0[turn * S::F32_LANES % 4 / S::F32_LANES.min(4)]);
                    *sum = simd.mul_add_e_f32s(delta, delta, *sum);
                } else {
                    *sum = simd.add_f32s(*sum, *value);
                }
            }
        }
        for (lane, sum) in bytemuck::cast_slice::<S::f32s, f32>(&sums).iter().enumerate() {
            totals[lane % 4] += f64::from(*sum);
        }
        for (lane, value) in rest.iter().enumerate() {
            let channel = (block.len() - rest.len() + lane) % 4;
            let value = f64::from(*value);
            totals[channel] += if SQUARES { (value - f64::from(origin.0[channel])).powi(2) } else { value };
        }
    }
    totals
}

/// Every plane's moments: those in its first tile's place.
pub(super) fn norm_plane(p: &NormPlane, partial: &[Vec4], moments: &mut [Vec4]) {
    let plane = p.channels4 as usize * MOMENTS;
    let planes = moments[p.first as usize * plane..].chunks_exact_mut(plane);
    planes.zip(partial.chunks_exact(plane * p.tiles as usize)).for_each(|(to, tiles)| to.copy_from_slice(&tiles[..plane]));
}

/// One affine per channel from the planes' moments.
pub(super) fn norm_affine(p: &NormAffine, partial: &[Vec4], norm: &[Vec4], affine: &mut [Vec4]) {
    let (planes, channels4) = (p.planes as usize, p.channels4 as usize);
    for c4 in 0..channels4 {
        let (mut scale, mut shift) = (Vec4::default(), Vec4::default());
        for i in 0..4 {
            let moments = (0..planes).map(|z| {
                let at = (z * channels4 + c4) * MOMENTS;
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
