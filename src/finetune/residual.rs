//! A whole block: its branch and its residual.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use mednext::BlockKind;

use crate::block::{BlockBackend, Params, Shape, block};

/// A block of the network: same size with its input added, down or up with a pointwise convolution of its input added.
///
/// `residual` is `res_conv`'s matrix `[out, in]` and bias `[out]`, for down and up blocks. An up block begins with one zero plane along
/// every axis, because its transposed convolutions make `2n - 1` voxels of `n`.
pub fn residual_block<B: BlockBackend>(
    x: Tensor<B, 5>,
    params: Params<B>,
    residual: Option<(Tensor<B, 2>, Tensor<B, 1>)>,
    shape: Shape,
) -> Tensor<B, 5> {
    let branch = block(x.clone(), params, shape);
    match (shape.kind, residual) {
        (BlockKind::Same, _) | (_, None) => branch + x,
        (BlockKind::Down, Some(residual)) => branch + pointwise(every_second(x), residual),
        (BlockKind::Up, Some((weight, bias))) => {
            let bias = bias.reshape([1, -1, 1, 1, 1]);
            // A voxel goes to every second place; what lies between has the bias alone.
            let placed = (2..5).fold(matrix(x, weight), |values, axis| spread_along(values, axis));
            let [_, _, z, y, x] = placed.dims();
            let placed = placed.narrow(2, 1, z - 1).narrow(3, 1, y - 1).narrow(4, 1, x - 1);
            (2..5).fold(branch + placed + bias, |values, axis| zero_in_front(values, axis))
        }
    }
}

/// `weight x + bias` in every voxel.
pub fn pointwise<B: Backend>(x: Tensor<B, 5>, (weight, bias): (Tensor<B, 2>, Tensor<B, 1>)) -> Tensor<B, 5> {
    matrix(x, weight) + bias.reshape([1, -1, 1, 1, 1])
}

fn matrix<B: Backend>(x: Tensor<B, 5>, weight: Tensor<B, 2>) -> Tensor<B, 5> {
    let [n, channels, depth, height, width] = x.dims();
    let out = weight.dims()[0];
    weight.unsqueeze::<3>().matmul(x.reshape([n, channels, depth * height * width])).reshape([n, out, depth, height, width])
}

/// Voxels 0, 2, 4, ... along every axis.
fn every_second<B: Backend>(x: Tensor<B, 5>) -> Tensor<B, 5> {
    (2..5).fold(x, |values, axis| {
        let count = values.dims()[axis];
        let odd = count % 2;
        let mut paired = [0; 6];
        let values = if odd == 1 { Tensor::cat(vec![values.clone(), values.narrow(axis, 0, 1)], axis) } else { values };
        let size = values.dims();
        paired[..axis].copy_from_slice(&size[..axis]);
        (paired[axis], paired[axis + 1]) = (size[axis] / 2, 2);
        paired[axis + 2..].copy_from_slice(&size[axis + 1..]);
        values.reshape(paired).narrow(axis + 1, 0, 1).squeeze_dim(axis + 1)
    })
}

/// `0, v0, 0, v1, ...` along an axis.
fn spread_along<B: Backend>(values: Tensor<B, 5>, axis: usize) -> Tensor<B, 5> {
    let mut size = values.dims();
    size[axis] *= 2;
    let values: Tensor<B, 6> = values.unsqueeze_dim(axis + 1);
    Tensor::cat(vec![values.zeros_like(), values], axis + 1).reshape(size)
}

fn zero_in_front<B: Backend>(values: Tensor<B, 5>, axis: usize) -> Tensor<B, 5> {
    let plane = values.clone().narrow(axis, 0, 1).zeros_like();
    Tensor::cat(vec![plane, values], axis)
}
