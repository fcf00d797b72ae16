//! Twin of `pointwise.wgsl`.

use rayon::prelude::*;

use crate::params::Pointwise;
use crate::plan::Vec4;

/// `y[i * out_stride + out_offset] (+)= W x[i * in_stride] + b`; `points_z` planes of points.
pub(super) fn pointwise(p: &Pointwise, points_z: usize, x: &[Vec4], weight: &[Vec4], bias: &[Vec4], y: &mut [Vec4]) {
    let [points_x, points_y, in4, out4] = [p.points_x, p.points_y, p.in4, p.out4].map(|n| n as usize);
    let [in_x, in_y, in_plane, in_stride] = [p.in_x, p.in_y, p.in_plane, p.in_stride].map(|n| n as usize);
    let [out_x, out_y, out_plane] = [p.out_x, p.out_y, p.out_plane].map(|n| n as usize);
    let [out_stride, out_offset] = [p.out_stride, p.out_offset].map(|n| n as usize);
    y.par_chunks_mut(out_plane * out_stride).take(points_z).enumerate().for_each(|(pz, y)| {
        let x = &x[pz * in_stride * in_plane..][..in_plane];
        for o4 in 0..out4 {
            let rows = &weight[o4 * in4 * 4..][..in4 * 4];
            for py in 0..points_y {
                let from = py * in_stride * in_x;
                let to = o4 * out_x * out_y + (py * out_stride + out_offset) * out_x + out_offset;
                for px in 0..points_x {
                    let y = &mut y[to + px * out_stride];
                    let mut sum = if p.accumulate != 0 { add(bias[o4], *y) } else { bias[o4] };
                    for (c4, w) in rows.chunks_exact(4).enumerate() {
                        let v = x[c4 * in_x * in_y + from + px * in_stride];
                        for (w, v) in w.iter().zip(v.0) {
                            for (sum, w) in sum.0.iter_mut().zip(w.0) {
                                *sum += w * v;
                            }
                        }
                    }
                    *y = sum;
                }
            }
        }
    });
}

fn add(a: Vec4, b: Vec4) -> Vec4 {
    Vec4(std::array::from_fn(|i| a.0[i] + b.0[i]))
}
