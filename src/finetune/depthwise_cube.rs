//! The depthwise loops on graphics devices and CUDA, from one source.
//!
//! A unit computes one voxel of the result; neighbours in x are neighbours in memory. For the weights a cube takes one row of taps and a
//! piece of the small grid: its units add up privately, then in workgroup memory, and a second kernel adds the pieces in order, so that
//! the same tensors give the same bits.
#![expect(clippy::manual_is_multiple_of, reason = "CubeCL knows the operator, not the method")]

use burn::tensor::ops::FloatTensor;
use burn::tensor::{Shape, TensorMetadata};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{BoolElement, CubeBackend, CubeRuntime, FloatElement, IntElement};
use cubecl::prelude::*;

use crate::depthwise::{DepthwiseBackend, Window};

/// Units of a cube.
const UNITS: usize = 64;
/// Voxels of the small grid that one cube takes for the weights.
const PIECE: usize = 4096;
/// Cubes along one axis of a launch, at most.
const CUBES: usize = 32768;

#[cube(launch)]
fn gather<F: Float>(
    large: &Tensor<F>,
    weight: &Tensor<F>,
    small: &mut Tensor<F>,
    #[comptime] kernel: usize,
    #[comptime] stride: usize,
    #[define(F)] _dtype: StorageType,
) {
    let place = ABSOLUTE_POS;
    if place >= small.len() {
        terminate!();
    }
    let pad = comptime!(kernel / 2);
    let (lz, ly, lx) = (large.shape(2), large.shape(3), large.shape(4));
    let ox = place % small.shape(4);
    let row = place / small.shape(4);
    let oy = row % small.shape(3);
    let plane = row / small.shape(3);
    let oz = plane % small.shape(2);
    let channel = plane / small.shape(2);
    let taps = channel % large.shape(1) * comptime!(kernel * kernel * kernel);
    let from = channel * lz * ly * lx;
    let mut sum = F::new(0.0);
    for kz in 0..kernel {
        let z = oz * stride + kz;
        if z >= pad && z < lz + pad {
            for ky in 0..kernel {
                let y = oy * stride + ky;
                if y >= pad && y < ly + pad {
                    for kx in 0..kernel {
                        let x = ox * stride + kx;
                        if x >= pad && x < lx + pad {
                            sum += large[from + ((z - pad) * ly + (y - pad)) * lx + (x - pad)]
                                * weight[taps + (kz * kernel + ky) * kernel + kx];
                        }
                    }
                }
            }
        }
    }
    small[place] = sum;
}

#[cube(launch)]
fn spread<F: Float>(
    small: &Tensor<F>,
    weight: &Tensor<F>,
    large: &mut Tensor<F>,
    #[comptime] kernel: usize,
    #[comptime] stride: usize,
    #[define(F)] _dtype: StorageType,
) {
    let place = ABSOLUTE_POS;
    if place >= large.len() {
        terminate!();
    }
    let pad = comptime!(kernel / 2);
    let (sz, sy, sx) = (small.shape(2), small.shape(3), small.shape(4));
    let x = place % large.shape(4) + pad;
    let row = place / large.shape(4);
    let y = row % large.shape(3) + pad;
    let plane = row / large.shape(3);
    let z = plane % large.shape(2) + pad;
    let channel = plane / large.shape(2);
    let taps = channel % small.shape(1) * comptime!(kernel * kernel * kernel);
    let from = channel * sz * sy * sx;
    let mut sum = F::new(0.0);
    for kz in 0..kernel {
        if z >= kz && (z - kz) % stride == 0 && (z - kz) / stride < sz {
            for ky in 0..kernel {
                if y >= ky && (y - ky) % stride == 0 && (y - ky) / stride < sy {
                    for kx in 0..kernel {
                        if x >= kx && (x - kx) % stride == 0 && (x - kx) / stride < sx {
                            let at = from + ((z - kz) / stride * sy + (y - ky) / stride) * sx + (x - kx) / stride;
                            sum += small[at] * weight[taps + (kz * kernel + ky) * kernel + kx];
                        }
                    }
                }
            }
        }
    }
    large[place] = sum;
}

/// Cube (x: piece, y: sample, channel and row of taps): the row's sums over one piece of the small grid.
#[cube(launch)]
fn weight_pieces<F: Float>(
    large: &Tensor<F>,
    small: &Tensor<F>,
    pieces: &mut Tensor<F>,
    #[comptime] kernel: usize,
    #[comptime] stride: usize,
    #[define(F)] _dtype: StorageType,
) {
    let pad = comptime!(kernel / 2);
    let rows = comptime!(kernel * kernel);
    let (lz, ly, lx) = (large.shape(2), large.shape(3), large.shape(4));
    let (sy, sx) = (small.shape(3), small.shape(4));
    let voxels = small.shape(2) * sy * sx;
    let unit = UNIT_POS as usize;
    let channel = CUBE_POS_Y as usize / rows;
    let row = CUBE_POS_Y as usize % rows;
    let (kz, ky) = (row / kernel, row % kernel);
    let (from, to) = (channel * lz * ly * lx, channel * voxels);
    let mut sums = Array::<F>::new(kernel);
    #[unroll]
    for kx in 0..kernel {
        sums[kx] = F::new(0.0);
    }
    for step in 0..comptime!(PIECE / UNITS) {
        let place = CUBE_POS_X as usize * comptime!(PIECE) + step * comptime!(UNITS) + unit;
        if place < voxels {
            let ox = place % sx;
            let z = place / sx / sy * stride + kz;
            let y = place / sx % sy * stride + ky;
            if z >= pad && z < lz + pad && y >= pad && y < ly + pad {
                let value = small[to + place];
                let line = from + ((z - pad) * ly + (y - pad)) * lx;
                #[unroll]
                for kx in 0..kernel {
                    let x = ox * stride + kx;
                    if x >= pad && x < lx + pad {
                        sums[kx] += value * large[line + x - pad];
                    }
                }
            }
        }
    }
    let mut shared = SharedMemory::<F>::new(comptime!(kernel * UNITS));
    #[unroll]
    for kx in 0..kernel {
        shared[kx * comptime!(UNITS) + unit] = sums[kx];
    }
    sync_cube();
    if unit < kernel {
        let mut sum = F::new(0.0);
        for i in 0..comptime!(UNITS) {
            sum += shared[unit * comptime!(UNITS) + i];
        }
        pieces[((channel * pieces.shape(1) + CUBE_POS_X as usize) * rows + row) * kernel + unit] = sum;
    }
}

/// Adds up `pieces` `[sample * channels + channel, piece, tap]` over samples and pieces.
#[cube(launch)]
fn weight_sums<F: Float>(pieces: &Tensor<F>, weight: &mut Tensor<F>, #[define(F)] _dtype: StorageType) {
    let place = ABSOLUTE_POS;
    if place >= weight.len() {
        terminate!();
    }
    let (count, taps) = (pieces.shape(1), pieces.shape(2));
    let channels = weight.shape(0);
    let samples = pieces.shape(0) / channels;
    let mut sum = F::new(0.0);
    for sample in 0..samples {
        for piece in 0..count {
            sum += pieces[((sample * channels + place / taps) * count + piece) * taps + place % taps];
        }
    }
    weight[place] = sum;
}

/// Cubes for so many units, one unit each.
fn cubes(units: usize) -> CubeCount {
    let cubes = units.div_ceil(UNITS).max(1);
    let x = cubes.min(CUBES);
    CubeCount::Static(x as u32, cubes.div_ceil(x) as u32, 1)
}

fn empty<R: CubeRuntime>(like: &CubeTensor<R>, shape: impl Into<Shape>) -> CubeTensor<R> {
    empty_device_contiguous_dtype(like.client.clone(), like.device.clone(), shape.into(), like.dtype)
}

impl<R: CubeRuntime, F: FloatElement, I: IntElement, BT: BoolElement> DepthwiseBackend for CubeBackend<R, F, I, BT> {
    fn gather(large: FloatTensor<Self>, weight: FloatTensor<Self>, window: Window, size_zyx: [usize; 3]) -> FloatTensor<Self> {
        let (large, weight) = (into_contiguous(large), into_contiguous(weight));
        let [n, channels, ..] = large.shape().dims::<5>();
        let [z, y, x] = size_zyx;
        let small = empty(&large, [n, channels, z, y, x]);
        let (client, dtype, units) = (large.client.clone(), large.dtype, n * channels * z * y * x);
        let result = small.clone().into_tensor_arg();
        let (large, weight) = (large.into_tensor_arg(), weight.into_tensor_arg());
        gather::launch(
            &client,
            cubes(units),
            CubeDim::new_1d(UNITS as u32),
            large,
            weight,
            result,
            window.kernel,
            window.stride,
            dtype.into(),
        );
        small
    }

    fn spread(small: FloatTensor<Self>, weight: FloatTensor<Self>, window: Window, size_zyx: [usize; 3]) -> FloatTensor<Self> {
        let (small, weight) = (into_contiguous(small), into_contiguous(weight));
        let [n, channels, ..] = small.shape().dims::<5>();
        let [z, y, x] = size_zyx;
        let large = empty(&small, [n, channels, z, y, x]);
        let (client, dtype, units) = (small.client.clone(), small.dtype, n * channels * z * y * x);
        let result = large.clone().into_tensor_arg();
        let (small, weight) = (small.into_tensor_arg(), weight.into_tensor_arg());
        spread::launch(
            &client,
            cubes(units),
            CubeDim::new_1d(UNITS as u32),
            small,
            weight,
            result,
            window.kernel,
            window.stride,
            dtype.into(),
        );
        large
    }

    fn weights(large: FloatTensor<Self>, small: FloatTensor<Self>, window: Window) -> FloatTensor<Self> {
        let (large, small) = (into_contiguous(large), into_contiguous(small));
        let [n, channels, z, y, x] = small.shape().dims::<5>();
        let Window { kernel, stride } = window;
        let count = (z * y * x).div_ceil(PIECE);
        let pieces = empty(&large, [n * channels, count, kernel.pow(3)]);
        let weight = empty(&large, [channels, 1, kernel, kernel, kernel]);
        let (client, dtype, dim) = (large.client.clone(), large.dtype, CubeDim::new_1d(UNITS as u32));
        let cubes_of_pieces = CubeCount::Static(count as u32, (n * channels * kernel * kernel) as u32, 1);
        let (large, small) = (large.into_tensor_arg(), small.into_tensor_arg());
        weight_pieces::launch(&client, cubes_of_pieces, dim, large, small, pieces.clone().into_tensor_arg(), kernel, stride, dtype.into());
        let units = channels * kernel.pow(3);
        weight_sums::launch(&client, cubes(units), dim, pieces.into_tensor_arg(), weight.clone().into_tensor_arg(), dtype.into());
        weight
    }
}
