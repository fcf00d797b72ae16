//! The three loops of a depthwise convolution, which are all that its forward and backward passes need.
//!
//! Between a large grid and a small one that is `stride` times coarser (or as large), with `w` `[channels, 1, k, k, k]`:
//!
//! ```text
//! gather   small[o] = sum over t of w[t] large[o * stride + t - k / 2]
//! spread   large[i] = sum over t of w[t] small[o]   where o * stride + t - k / 2 = i
//! weights  w[t]     = sum over samples and o of small[o] large[o * stride + t - k / 2]
//! ```
//!
//! A convolution gathers and its gradient spreads; a transposed one spreads and its gradient gathers; the gradient of either's weights
//! is `weights`. burn has no such kernels: there a weight gradient is one convolution whose kernel is the whole output gradient.

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::tensor::backend::Backend;
use burn::tensor::ops::FloatTensor;
use burn::tensor::{DType, Element, TensorData, TensorMetadata};
use bytemuck::Pod;
use rayon::prelude::*;

/// Edge and stride of a depthwise kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Edge, odd.
    pub kernel: usize,
    /// 1 or 2.
    pub stride: usize,
}

/// A backend with depthwise loops. Tensors are `[n, channels, z, y, x]`.
pub trait DepthwiseBackend: Backend {
    /// From the large grid to the small one, of size `size_zyx`.
    fn gather(large: FloatTensor<Self>, weight: FloatTensor<Self>, window: Window, size_zyx: [usize; 3]) -> FloatTensor<Self>;
    /// From the small grid to the large one, of size `size_zyx`.
    fn spread(small: FloatTensor<Self>, weight: FloatTensor<Self>, window: Window, size_zyx: [usize; 3]) -> FloatTensor<Self>;
    /// From both grids to the weights.
    fn weights(large: FloatTensor<Self>, small: FloatTensor<Self>, window: Window) -> FloatTensor<Self>;
}

impl DepthwiseBackend for Flex {
    fn gather(large: FlexTensor, weight: FlexTensor, window: Window, size_zyx: [usize; 3]) -> FlexTensor {
        match large.dtype() {
            DType::F64 => pair(&large, &weight, size_zyx, |x, w, from| gather::<f64>(x, w, window, from, size_zyx)),
            _ => pair(&large, &weight, size_zyx, |x, w, from| gather::<f32>(x, w, window, from, size_zyx)),
        }
    }

    fn spread(small: FlexTensor, weight: FlexTensor, window: Window, size_zyx: [usize; 3]) -> FlexTensor {
        match small.dtype() {
            DType::F64 => pair(&small, &weight, size_zyx, |x, w, from| spread::<f64>(x, w, window, from, size_zyx)),
            _ => pair(&small, &weight, size_zyx, |x, w, from| spread::<f32>(x, w, window, from, size_zyx)),
        }
    }

    fn weights(large: FlexTensor, small: FlexTensor, window: Window) -> FlexTensor {
        match large.dtype() {
            DType::F64 => weights::<f64>(&large, &small, window),
            _ => weights::<f32>(&large, &small, window),
        }
    }
}

/// What the loops compute in.
trait Real: Element + Pod + Send + Sync + Default + std::ops::AddAssign + std::ops::Mul<Output = Self> + std::iter::Sum {}
impl Real for f32 {}
impl Real for f64 {}

fn size(tensor: &FlexTensor) -> [usize; 5] {
    tensor.shape().dims()
}

/// Runs a loop over every sample and channel of `x`.
fn pair<R: Real>(
    x: &FlexTensor,
    weight: &FlexTensor,
    size_zyx: [usize; 3],
    run: impl Fn(&[R], &[R], [usize; 3]) -> Vec<R> + Sync,
) -> FlexTensor {
    let [n, channels, z, y, width] = size(x);
    let (x, weight) = (x.to_contiguous(), weight.to_contiguous());
    let (values, taps) = (x.storage::<R>(), weight.storage::<R>());
    let edge = taps.len() / channels;
    let per_channel = |i: usize| run(&values[i * z * y * width..][..z * y * width], &taps[i % channels * edge..][..edge], [z, y, width]);
    let all: Vec<Vec<R>> = (0..n * channels).into_par_iter().map(per_channel).collect();
    let [z, y, width] = size_zyx;
    FlexTensor::from_data(TensorData::new(all.concat(), [n, channels, z, y, width]))
}

/// For every tap and every row of the small grid whose tap lies in the large one: offsets of both rows, the range of columns.
fn rows(window: Window, large: [usize; 3], small: [usize; 3], mut visit: impl FnMut(usize, Row)) {
    let Window { kernel, stride } = window;
    let pad = kernel / 2;
    // Places o with 0 <= o * stride + t - pad < n.
    let range = |t: usize, n: usize, count: usize| {
        let first = pad.saturating_sub(t).div_ceil(stride);
        let end = (n + pad).saturating_sub(t).div_ceil(stride).min(count);
        first..end.max(first)
    };
    for (kz, ky, kx) in (0..kernel.pow(3)).map(|t| (t / kernel / kernel, t / kernel % kernel, t % kernel)) {
        let columns = range(kx, large[2], small[2]);
        if columns.is_empty() {
            continue;
        }
        for oz in range(kz, large[0], small[0]) {
            for oy in range(ky, large[1], small[1]) {
                let (z, y) = (oz * stride + kz - pad, oy * stride + ky - pad);
                let first = (z * large[1] + y) * large[2] + columns.start * stride + kx - pad;
                let row = Row { large: first, small: (oz * small[1] + oy) * small[2] + columns.start, len: columns.len() };
                visit((kz * kernel + ky) * kernel + kx, row);
            }
        }
    }
}

/// Voxels one tap joins: `large`, `large + stride`, ... and `small`, `small + 1`, ...
struct Row {
    large: usize,
    small: usize,
    len: usize,
}

fn gather<R: Real>(x: &[R], w: &[R], window: Window, from: [usize; 3], to: [usize; 3]) -> Vec<R> {
    let mut y = vec![R::default(); to.iter().product()];
    rows(window, from, to, |tap, row| {
        let inputs = x[row.large..].iter().step_by(window.stride);
        y[row.small..][..row.len].iter_mut().zip(inputs).for_each(|(y, x)| *y += w[tap] * *x);
    });
    y
}

fn spread<R: Real>(x: &[R], w: &[R], window: Window, from: [usize; 3], to: [usize; 3]) -> Vec<R> {
    let mut y = vec![R::default(); to.iter().product()];
    rows(window, to, from, |tap, row| {
        let outputs = y[row.large..].iter_mut().step_by(window.stride);
        x[row.small..][..row.len].iter().zip(outputs).for_each(|(x, y)| *y += w[tap] * *x);
    });
    y
}

fn weights<R: Real>(large: &FlexTensor, small: &FlexTensor, window: Window) -> FlexTensor {
    let ([n, channels, lz, ly, lx], [_, _, sz, sy, sx]) = (size(large), size(small));
    let (large, small) = (large.to_contiguous(), small.to_contiguous());
    let (x, g) = (large.storage::<R>(), small.storage::<R>());
    let of_channel = |c: usize| {
        let mut sums = vec![R::default(); window.kernel.pow(3)];
        for sample in 0..n {
            let i = sample * channels + c;
            let (x, g) = (&x[i * lz * ly * lx..][..lz * ly * lx], &g[i * sz * sy * sx..][..sz * sy * sx]);
            rows(window, [lz, ly, lx], [sz, sy, sx], |tap, row| {
                let inputs = x[row.large..].iter().step_by(window.stride);
                sums[tap] += g[row.small..][..row.len].iter().zip(inputs).map(|(g, x)| *g * *x).sum();
            });
        }
        sums
    };
    let all: Vec<Vec<R>> = (0..channels).into_par_iter().map(of_channel).collect();
    let k = window.kernel;
    FlexTensor::from_data(TensorData::new(all.concat(), [channels, 1, k, k, k]))
}
