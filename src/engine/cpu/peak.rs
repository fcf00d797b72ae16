//! Twins of `peak_fma.wgsl` and `peak_copy.wgsl`.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::params::PeakFma;
use crate::plan::Vec4;

/// Values a thread takes at once: a multiple of [`CHAINS`] registers of any width.
const CHUNK: usize = CHAINS * 16 * 16;
/// Independent multiply-adds in flight: latency times units of current processors.
const CHAINS: usize = 12;

/// `y[i] = f(f(...f(x[i])))`, `rounds` times, with `f(v) = a v + b`.
pub(super) fn peak_fma(p: &PeakFma, x: &[Vec4], y: &mut [Vec4]) {
    let (x, y): (&[f32], &mut [f32]) = (bytemuck::cast_slice(x), bytemuck::cast_slice_mut(y));
    let arch = Arch::new();
    y.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(y, x)| {
        y.copy_from_slice(x);
        arch.dispatch(FmaOp { p, y });
    });
}

struct FmaOp<'a> {
    p: &'a PeakFma,
    y: &'a mut [f32],
}

impl WithSimd for FmaOp<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (a, b) = (simd.splat_f32s(self.p.a), simd.splat_f32s(self.p.b));
        let (head, tail) = S::as_mut_simd_f32s(self.y);
        let mut groups = head.chunks_exact_mut(CHAINS);
        for group in &mut groups {
            let mut values = [simd.splat_f32s(0.0); CHAINS];
            values.copy_from_slice(group);
            for _ in 0..self.p.rounds {
                for value in &mut values {
                    *value = simd.mul_add_f32s(*value, a, b);
                }
            }
            group.copy_from_slice(&values);
        }
        for value in groups.into_remainder() {
            for _ in 0..self.p.rounds {
                *value = simd.mul_add_f32s(*value, a, b);
            }
        }
        for value in tail {
            for _ in 0..self.p.rounds {
                *value = value.mul_add(self.p.a, self.p.b);
            }
        }
    }
}

/// `y[i] = x[i]`.
pub(super) fn peak_copy(x: &[Vec4], y: &mut [Vec4]) {
    const PIECE: usize = 1 << 14;
    y.par_chunks_mut(PIECE).zip(x.par_chunks(PIECE)).for_each(|(y, x)| y.copy_from_slice(x));
}
