//! Depthwise convolution with stride 1, where nearly all of its arithmetic is.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::depthwise::{Inputs, Outputs};
use super::norm::{MOMENTS, MomentsOp};
use super::product::WIDEST;
use crate::params::Depthwise;
use crate::plan::Vec4;

/// Output planes of a task: it lays out every input plane once for all of them.
const RUN: usize = 8;

/// Output rows computed together: each register of input serves as many of their taps as it can.
const ROWS: usize = 4;

/// Every output plane and channel group of the slab.
pub(super) fn same<const K: usize>(p: &Depthwise, inputs: Inputs<'_>, outputs: Outputs<'_>) {
    let (channels4, area) = (p.channels4 as usize, (p.out_x * p.out_y) as usize);
    let arch = Arch::new();
    let mut tasks: Vec<(usize, usize, Vec<_>)> = Vec::new();
    for (z, (plane, moments)) in outputs.planes(p).enumerate() {
        if z % RUN == 0 {
            tasks.extend((0..channels4).map(|c4| (p.out_first as usize + z, c4, Vec::with_capacity(RUN))));
        }
        let run = tasks.len() - channels4;
        let channels = plane.chunks_mut(area).zip(moments.chunks_mut(MOMENTS));
        tasks[run..].iter_mut().zip(channels).for_each(|((_, _, planes), channel)| planes.push(channel));
    }
    tasks.into_par_iter().for_each_init(Scratch::default, |scratch, (first, c4, planes)| {
        scratch.prepare::<K>(p, c4, inputs);
        for (z, (y, moments)) in planes.into_iter().enumerate() {
            let out_z = first + z;
            // Planes out_z - K / 2 and following; those laid out for the previous output plane are there already.
            for plane in if z == 0 { out_z..out_z + K } else { out_z + K - 1..out_z + K } {
                scratch.lay_out::<K>(p, c4, plane, inputs.x);
            }
            arch.dispatch(PlaneOp::<K> { out_x: p.out_x as usize, out_z, bias: inputs.bias[c4], scratch, y });
            arch.dispatch(MomentsOp { values: y, moments });
        }
    });
}

/// What one channel group reads, laid out so that no tap needs a test.
#[derive(Default)]
struct Scratch {
    /// Input planes with zeros around, `[K][rows][columns]`; plane `z - K / 2` has the place `z % K`.
    padded: Vec<Vec4>,
    rows: usize,
    columns: usize,
    /// Every tap's four weights, repeated over a register.
    taps: Vec<[f32; WIDEST]>,
}

impl Scratch {
    fn prepare<const K: usize>(&mut self, p: &Depthwise, c4: usize, inputs: Inputs<'_>) {
        (self.rows, self.columns) = (p.in_y as usize + K - 1, p.in_x as usize + K - 1);
        self.padded.resize(K * self.rows * self.columns, Vec4::default());
        let weights = inputs.weight.iter().skip(c4).step_by(p.channels4 as usize);
        self.taps.clear();
        self.taps.extend(weights.map(|w| bytemuck::cast::<_, [f32; WIDEST]>([*w; WIDEST / 4])));
    }

    /// Takes input plane `z - K / 2`, or zeros outside.
    fn lay_out<const K: usize>(&mut self, p: &Depthwise, c4: usize, z: usize, x: &[Vec4]) {
        let (pad, in_x, in_y) = (K / 2, p.in_x as usize, p.in_y as usize);
        let padded = &mut self.padded[z % K * self.rows * self.columns..][..self.rows * self.columns];
        padded.fill(Vec4::default());
        if (pad..pad + p.in_z as usize).contains(&z) {
            let plane = &x[(z - pad - p.in_first as usize) * p.in_plane as usize + c4 * in_y * in_x..][..in_y * in_x];
            for (padded, row) in padded.chunks_exact_mut(self.columns).skip(pad).zip(plane.chunks_exact(in_x)) {
                padded[pad..pad + in_x].copy_from_slice(row);
            }
        }
    }

    /// The rows from `out_y` on that output plane `out_z` reads at depth `kz`.
    #[inline(always)]
    fn plane<const K: usize>(&self, out_z: usize, kz: usize, out_y: usize) -> &[f32] {
        bytemuck::cast_slice(&self.padded[((out_z + kz) % K * self.rows + out_y) * self.columns..])
    }
}

/// One channel group of one output plane.
struct PlaneOp<'a, const K: usize> {
    out_x: usize,
    out_z: usize,
    bias: Vec4,
    scratch: &'a Scratch,
    y: &'a mut [Vec4],
}

impl<const K: usize> WithSimd for PlaneOp<'_, K> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let rows = self.y.len() / self.out_x;
        let mut out_y = 0;
        while out_y + ROWS <= rows {
            self.rows::<S, ROWS>(simd, out_y);
            out_y += ROWS;
        }
        while out_y < rows {
            self.rows::<S, 1>(simd, out_y);
            out_y += 1;
        }
    }
}

impl<const K: usize> PlaneOp<'_, K> {
    /// `H` rows from `out_y` on.
    #[inline(always)]
    fn rows<S: Simd, const H: usize>(&mut self, simd: S, out_y: usize) {
        let mut done = 0;
        if S::F32_LANES.is_multiple_of(4) {
            if S::REGISTER_COUNT >= 32 {
                done = self.strips::<S, H, 4>(simd, out_y, done);
            }
            done = self.strips::<S, H, 2>(simd, out_y, done);
            done = self.strips::<S, H, 1>(simd, out_y, done);
        }
        for voxel in done / 4..self.out_x {
            for row in out_y..out_y + H {
                self.voxel(row, voxel);
            }
        }
    }

    /// As many strips of `W` registers as fit from float `done` of the rows on; returns where they end.
    #[inline(always)]
    fn strips<S: Simd, const H: usize, const W: usize>(&mut self, simd: S, out_y: usize, mut done: usize) -> usize {
        let (width, stride) = (W * S::F32_LANES, self.scratch.columns * 4);
        let bias: [f32; WIDEST] = bytemuck::cast([self.bias; WIDEST / 4]);
        while done + width <= self.out_x * 4 {
            let mut sums = [[S::as_simd_f32s(&bias).0[0]; W]; H];
            for kz in 0..K {
                let plane = self.scratch.plane::<K>(self.out_z, kz, out_y);
                for kx in 0..K {
                    let mut taps = [simd.splat_f32s(0.0); K];
                    for (ky, tap) in taps.iter_mut().enumerate() {
                        *tap = S::as_simd_f32s(&self.scratch.taps[(kz * K + ky) * K + kx]).0[0];
                    }
                    for row in 0..H + K - 1 {
                        let (x, _) = S::as_simd_f32s(&plane[row * stride + done + kx * 4..][..width]);
                        for h in 0..H {
                            if h <= row && row < h + K {
                                for w in 0..W {
                                    sums[h][w] = simd.mul_add_e_f32s(taps[row - h], x[w], sums[h][w]);
                                }
                            }
                        }
                    }
                }
            }
            for (h, sums) in sums.iter().enumerate() {
                let y: &mut [f32] = bytemuck::cast_slice_mut(&mut self.y[(out_y + h) * self.out_x..][..self.out_x]);
                S::as_mut_simd_f32s(&mut y[done..done + width]).0.copy_from_slice(sums);
            }
            done += width;
        }
        done
    }

    /// One voxel, four channels.
    #[inline(always)]
    fn voxel(&mut self, out_y: usize, out_x: usize) {
        let mut sum = self.bias.0;
        for (t, tap) in self.scratch.taps.iter().enumerate() {
            let (kz, ky, kx) = (t / (K * K), t / K % K, t % K);
            let x = &self.scratch.plane::<K>(self.out_z, kz, out_y)[(ky * self.scratch.columns + out_x + kx) * 4..][..4];
            for i in 0..4 {
                sum[i] += tap[i] * x[i];
            }
        }
        self.y[out_y * self.out_x + out_x].0 = sum;
    }
}
