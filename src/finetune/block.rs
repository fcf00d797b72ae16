//! A MedNeXt block without its residual as one operation: depthwise, norm, expand, GELU, GRN, compress.
//!
//! ```text
//! d = dw(x) + b      h = (d - mean) / sqrt(var + eps)      u = W1 (gamma h + beta) + b1      a = gelu(u)
//! norm_c = sqrt(sum over voxels of a_c^2)                  q_c = norm_c / (reduce norm + eps)
//! y = W2 (a (grn_gamma q + 1) + grn_beta) + b2
//! ```
//!
//! Why one operation: autodiff would keep every line's result, and those with the expanded channels are the largest of the network
//! (9.3 GiB for the base network at 64^3). Here the block's input is kept; everything else is computed again, what has expanded channels
//! slab by slab of voxels.
//!
//! Source: `MedNextV1.py` and its GRN; the derivatives are ours, checked against PyTorch's and finite differences.

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::{Autodiff, Flex};
use burn::tensor::backend::Backend;
use burn::tensor::ops::FloatTensor;
use burn::tensor::{Tensor, TensorPrimitive};
use burn_cubecl::{BoolElement, CubeBackend, CubeRuntime, FloatElement, IntElement};
use mednext::{BlockKind, GrnReduction};

use crate::depthwise::{DepthwiseBackend, Window};

/// `GroupNorm`'s epsilon in the public code (PyTorch's default).
const NORM_EPS: f64 = 1e-5;
/// GRN's epsilon in the public code.
const GRN_EPS: f64 = 1e-6;
/// Parameters of [`Params`], and the input.
const PARENTS: usize = 11;
/// Values of the expanded activation at once: 64 MiB in single precision.
const SLAB: usize = 16 << 20;

/// What a block is, beside its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Same size, down or up.
    pub kind: BlockKind,
    /// Edge of the depthwise kernel.
    pub kernel: usize,
    /// GRN's reduction; without GRN its parameters are not read.
    pub grn: Option<GrnReduction>,
}

impl Shape {
    fn window(&self) -> Window {
        Window { kernel: self.kernel, stride: if self.kind == BlockKind::Same { 1 } else { 2 } }
    }

    /// Size of the depthwise result.
    fn result(&self, size_zyx: [usize; 3]) -> [usize; 3] {
        match self.kind {
            BlockKind::Same => size_zyx,
            BlockKind::Down => size_zyx.map(|n| n.div_ceil(2)),
            BlockKind::Up => size_zyx.map(|n| 2 * n - 1),
        }
    }
}

/// A block's numbers. Pointwise weights are matrices `[out, in]`.
#[derive(Debug, Clone)]
pub struct Params<B: Backend> {
    /// `conv1.weight`, `[in, 1, k, k, k]`.
    pub depthwise: Tensor<B, 5>,
    /// `conv1.bias`, `norm.weight`, `norm.bias`, each `[in]`.
    pub norm: [Tensor<B, 1>; 3],
    /// `conv2.weight`, `[hidden, in]`, and `conv2.bias`.
    pub expand: (Tensor<B, 2>, Tensor<B, 1>),
    /// `grn_gamma` and `grn_beta`, each `[hidden]`.
    pub grn: [Tensor<B, 1>; 2],
    /// `conv3.weight`, `[out, hidden]`, and `conv3.bias`.
    pub compress: (Tensor<B, 2>, Tensor<B, 1>),
}

/// A backend that has the block.
pub trait BlockBackend: Backend {
    /// The branch of a block, `[n, out, z, y, x]` of the depthwise result's size. `params` are the tensors of [`Params`] in order.
    fn block(x: FloatTensor<Self>, params: [FloatTensor<Self>; PARENTS - 1], shape: Shape) -> FloatTensor<Self>;
}

/// The branch of a block, what its residual is added to.
pub fn block<B: BlockBackend>(x: Tensor<B, 5>, params: Params<B>, shape: Shape) -> Tensor<B, 5> {
    fn inner<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> FloatTensor<B> {
        tensor.into_primitive().tensor()
    }
    let Params { depthwise, norm: [bias, gamma, beta], expand, grn: [grn_gamma, grn_beta], compress } = params;
    let params = [
        inner(depthwise),
        inner(bias),
        inner(gamma),
        inner(beta),
        inner(expand.0),
        inner(expand.1),
        inner(grn_gamma),
        inner(grn_beta),
        inner(compress.0),
        inner(compress.1),
    ];
    outer(B::block(inner(x), params, shape))
}

fn outer<B: Backend, const D: usize>(tensor: FloatTensor<B>) -> Tensor<B, D> {
    Tensor::from_primitive(TensorPrimitive::Float(tensor))
}

/// `[c]` as `[1, c, 1]`.
fn per_channel<B: Backend>(values: &Tensor<B, 1>) -> Tensor<B, 3> {
    values.clone().reshape([1, -1, 1])
}

/// A block on a backend without autodiff.
struct Run<B: Backend> {
    shape: Shape,
    params: Params<B>,
    x: Tensor<B, 5>,
    /// Values of the expanded activation at once.
    slab: usize,
}

/// The depthwise result, normalised but for gamma and beta, `[n, in, voxel]`, and `1 / sqrt(var + eps)`, `[n, in, 1]`.
struct Normed<B: Backend> {
    h: Tensor<B, 3>,
    deviation: Tensor<B, 3>,
}

/// What GRN knows of a whole patch, each `[n, hidden, 1]`.
#[derive(Clone)]
struct Response<B: Backend> {
    norm: Tensor<B, 3>,
    q: Tensor<B, 3>,
    /// `reduce norm + eps`, `[n, 1, 1]`.
    mean: Tensor<B, 3>,
}

/// The expanded activation of a slab, before and after GELU.
struct Expanded<B: Backend> {
    u: Tensor<B, 3>,
    a: Tensor<B, 3>,
}

impl<B: DepthwiseBackend> Run<B> {
    fn new(x: FloatTensor<B>, params: [FloatTensor<B>; PARENTS - 1], shape: Shape) -> Self {
        let [depthwise, bias, gamma, beta, w1, b1, grn_gamma, grn_beta, w2, b2] = params;
        let params = Params {
            depthwise: outer(depthwise),
            norm: [outer(bias), outer(gamma), outer(beta)],
            expand: (outer(w1), outer(b1)),
            grn: [outer(grn_gamma), outer(grn_beta)],
            compress: (outer(w2), outer(b2)),
        };
        Self { shape, params, x: outer(x), slab: SLAB }
    }

    fn size(&self) -> [usize; 3] {
        let [_, _, z, y, x] = self.x.dims();
        self.shape.result([z, y, x])
    }

    /// The depthwise loops forwards: gather, or spread for up blocks.
    fn depthwise(&self) -> Tensor<B, 5> {
        let (x, w) = (self.x.clone().into_primitive().tensor(), self.params.depthwise.clone().into_primitive().tensor());
        outer(match self.shape.kind {
            BlockKind::Up => B::spread(x, w, self.shape.window(), self.size()),
            BlockKind::Same | BlockKind::Down => B::gather(x, w, self.shape.window(), self.size()),
        })
    }

    fn normed(&self) -> Normed<B> {
        let d = self.depthwise();
        let [n, channels, z, y, x] = d.dims();
        let d = d.reshape([n, channels, z * y * x]) + per_channel(&self.params.norm[0]);
        let d = d.clone() - d.mean_dim(2);
        let variance = d.clone().powi_scalar(2).mean_dim(2);
        let deviation = (variance + NORM_EPS).sqrt().recip();
        Normed { h: d * deviation.clone(), deviation }
    }

    /// First voxel and number of voxels of each slab.
    fn slabs(&self, voxels: usize) -> Vec<(usize, usize)> {
        let hidden = self.params.expand.0.dims()[0] * self.x.dims()[0];
        let step = (self.slab / hidden).clamp(1, voxels);
        (0..voxels).step_by(step).map(|first| (first, step.min(voxels - first))).collect()
    }

    /// What the expanding matrix reads.
    fn affine(&self, h: Tensor<B, 3>) -> Tensor<B, 3> {
        let [_, gamma, beta] = &self.params.norm;
        h * per_channel(gamma) + per_channel(beta)
    }

    fn expand(&self, normed: &Normed<B>, (first, count): (usize, usize)) -> Expanded<B> {
        let (w1, b1) = &self.params.expand;
        let input = self.affine(normed.h.clone().narrow(2, first, count));
        let u = w1.clone().unsqueeze::<3>().matmul(input) + per_channel(b1);
        let a = u.clone() * phi(u.clone());
        Expanded { u, a }
    }

    fn response(&self, normed: &Normed<B>, slabs: &[(usize, usize)]) -> Option<Response<B>> {
        let reduction = self.shape.grn?;
        let squares = |slab: &(usize, usize)| self.expand(normed, *slab).a.powi_scalar(2).sum_dim(2);
        let all = slabs.iter().map(squares).reduce(|sum, next| sum + next)?;
        let norm = all.sqrt();
        let mean = match reduction {
            GrnReduction::Mean => norm.clone().mean_dim(1),
            GrnReduction::Sum => norm.clone().sum_dim(1),
        } + GRN_EPS;
        Some(Response { q: norm.clone() / mean.clone(), norm, mean })
    }

    /// `grn_gamma q + 1`, `[n, hidden, 1]`.
    fn factor(&self, response: &Response<B>) -> Tensor<B, 3> {
        response.q.clone() * per_channel(&self.params.grn[0]) + 1.0
    }

    /// GRN's result for a slab.
    fn scaled(&self, a: Tensor<B, 3>, response: Option<&Response<B>>) -> Tensor<B, 3> {
        match response {
            Some(response) => a * self.factor(response) + per_channel(&self.params.grn[1]),
            None => a,
        }
    }

    fn forward(&self) -> Tensor<B, 5> {
        let normed = self.normed();
        let [n, _, voxels] = normed.h.dims();
        let slabs = self.slabs(voxels);
        let response = self.response(&normed, &slabs);
        let (w2, b2) = &self.params.compress;
        let slab = |slab: &(usize, usize)| {
            let scaled = self.scaled(self.expand(&normed, *slab).a, response.as_ref());
            w2.clone().unsqueeze::<3>().matmul(scaled) + per_channel(b2)
        };
        let [z, y, x] = self.size();
        Tensor::cat(slabs.iter().map(slab).collect(), 2).reshape([n, w2.dims()[0], z, y, x])
    }

    /// Gradients by the input and the parameters, in the order of [`BlockBackend::block`], from that by the result.
    fn backward(&self, dy: Tensor<B, 5>) -> [FloatTensor<B>; PARENTS] {
        let normed = self.normed();
        let [n, channels, voxels] = normed.h.dims();
        let slabs = self.slabs(voxels);
        let response = self.response(&normed, &slabs);
        let (w1, w2) = (&self.params.expand.0, &self.params.compress.0);
        let dy = dy.reshape([n, w2.dims()[0], voxels]);
        let dg = |(first, count): (usize, usize)| w2.clone().transpose().unsqueeze::<3>().matmul(dy.clone().narrow(2, first, count));

        // Once through the slabs for what GRN's norm adds up over all of them.
        let mut dw2 = Sum::default();
        let (mut dgrn_beta, mut against) = (Sum::default(), Sum::default());
        for slab in &slabs {
            let expanded = self.expand(&normed, *slab);
            let scaled = self.scaled(expanded.a.clone(), response.as_ref());
            dw2.add(dy.clone().narrow(2, slab.0, slab.1).matmul(scaled.swap_dims(1, 2)).sum_dim(0));
            if response.is_some() {
                let dg = dg(*slab);
                dgrn_beta.add(dg.clone().sum_dim(2).sum_dim(0));
                against.add((dg * expanded.a).sum_dim(2));
            }
        }
        let zeros = || self.params.grn[0].zeros_like();
        let (dgrn_gamma, through_norm) = match (&response, against.0) {
            (Some(response), Some(against)) => {
                let (gamma, through) = self.through_norm(response, against);
                (gamma, Some(through))
            }
            _ => (zeros(), None),
        };

        // And again for everything before GRN.
        let (mut dw1, mut db1) = (Sum::default(), Sum::default());
        let mut dinput = Vec::with_capacity(slabs.len());
        for slab in &slabs {
            let Expanded { u, a } = self.expand(&normed, *slab);
            let mut da = dg(*slab);
            if let (Some(response), Some(through)) = (&response, &through_norm) {
                da = da * self.factor(response) + a * through.clone();
            }
            let du = da * gelu_slope(u);
            let input = self.affine(normed.h.clone().narrow(2, slab.0, slab.1));
            dw1.add(du.clone().matmul(input.swap_dims(1, 2)).sum_dim(0));
            db1.add(du.clone().sum_dim(2).sum_dim(0));
            dinput.push(w1.clone().transpose().unsqueeze::<3>().matmul(du));
        }
        let dinput = Tensor::cat(dinput, 2);

        let [_, gamma, _] = &self.params.norm;
        let over_voxels = |values: Tensor<B, 3>| values.sum_dim(2).sum_dim(0).reshape([channels]);
        let dgamma = over_voxels(dinput.clone() * normed.h.clone());
        let dbeta = over_voxels(dinput.clone());
        let dh = dinput * per_channel(gamma);
        let along = (dh.clone() * normed.h.clone()).mean_dim(2);
        let dd = (dh.clone() - dh.mean_dim(2) - normed.h * along) * normed.deviation;
        let dbias = over_voxels(dd.clone());
        let [z, y, x] = self.size();
        let (dx, ddepthwise) = self.depthwise_backward(dd.reshape([n, channels, z, y, x]));
        let db2 = dy.sum_dim(2).sum_dim(0);
        let inner = |tensor: Tensor<B, 1>| tensor.into_primitive().tensor();
        let matrix = |sum: Sum<B>, like: &Tensor<B, 2>| sum.0.unwrap_or_else(|| like.zeros_like().unsqueeze()).reshape(like.dims());
        let vector = |sum: Sum<B>, like: &Tensor<B, 1>| inner(sum.0.unwrap_or_else(|| like.zeros_like().unsqueeze()).reshape(like.dims()));
        [
            dx,
            ddepthwise,
            inner(dbias),
            inner(dgamma),
            inner(dbeta),
            matrix(dw1, w1).into_primitive().tensor(),
            vector(db1, &self.params.expand.1),
            inner(dgrn_gamma),
            vector(dgrn_beta, &self.params.grn[1]),
            matrix(dw2, w2).into_primitive().tensor(),
            inner(db2.reshape(self.params.compress.1.dims())),
        ]
    }

    /// From `sum over voxels of dg a`, `[n, hidden, 1]`: the gradient by `grn_gamma`, and what each `a` is multiplied by on the way
    /// through its channel's norm and, through the reduction, everyone's.
    fn through_norm(&self, response: &Response<B>, against: Tensor<B, 3>) -> (Tensor<B, 1>, Tensor<B, 3>) {
        let Response { norm, q, mean } = response.clone();
        let hidden = norm.dims()[1];
        let dgamma = (against.clone() * q.clone()).sum_dim(0).reshape([hidden]);
        let dq = against * per_channel(&self.params.grn[0]);
        let shared = (dq.clone() * q).sum_dim(1) / mean.clone();
        let share = match self.shape.grn {
            Some(GrnReduction::Mean) => 1.0 / hidden as f64,
            Some(GrnReduction::Sum) | None => 1.0,
        };
        let dnorm = dq / mean - shared * share;
        // A channel that is zero everywhere stays: PyTorch's norm has slope 0 there.
        let silent = norm.clone().equal_elem(0.0);
        (dgamma, dnorm / norm.mask_fill(silent, 1.0))
    }

    fn depthwise_backward(&self, dd: Tensor<B, 5>) -> (FloatTensor<B>, FloatTensor<B>) {
        let (window, [_, _, z, y, x]) = (self.shape.window(), self.x.dims());
        let inner = |tensor: &Tensor<B, 5>| tensor.clone().into_primitive().tensor();
        let (dd, input, w) = (inner(&dd), inner(&self.x), inner(&self.params.depthwise));
        match self.shape.kind {
            BlockKind::Up => (B::gather(dd.clone(), w, window, [z, y, x]), B::weights(dd, input, window)),
            BlockKind::Same | BlockKind::Down => (B::spread(dd.clone(), w, window, [z, y, x]), B::weights(input, dd, window)),
        }
    }
}

/// A sum that has not begun yet.
struct Sum<B: Backend>(Option<Tensor<B, 3>>);

impl<B: Backend> Default for Sum<B> {
    fn default() -> Self {
        Self(None)
    }
}

impl<B: Backend> Sum<B> {
    fn add(&mut self, next: Tensor<B, 3>) {
        self.0 = Some(match self.0.take() {
            Some(sum) => sum + next,
            None => next,
        });
    }
}

/// The normal distribution's integral, `(1 + erf(u / sqrt 2)) / 2`; GELU is `u phi(u)`. burn's own derivative of GELU is the tanh
/// approximation's on graphics devices.
fn phi<B: Backend>(u: Tensor<B, 3>) -> Tensor<B, 3> {
    ((u * std::f64::consts::FRAC_1_SQRT_2).erf() + 1.0) * 0.5
}

/// `phi(u) + u exp(-u^2 / 2) / sqrt(2 pi)`.
fn gelu_slope<B: Backend>(u: Tensor<B, 3>) -> Tensor<B, 3> {
    let density = (u.clone().powi_scalar(2) * -0.5).exp() * (std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2 / 2.0);
    phi(u.clone()) + u * density
}

impl BlockBackend for Flex {
    fn block(x: FloatTensor<Self>, params: [FloatTensor<Self>; PARENTS - 1], shape: Shape) -> FloatTensor<Self> {
        Run::<Self>::new(x, params, shape).forward().into_primitive().tensor()
    }
}

impl<R: CubeRuntime, F: FloatElement, I: IntElement, BT: BoolElement> BlockBackend for CubeBackend<R, F, I, BT> {
    fn block(x: FloatTensor<Self>, params: [FloatTensor<Self>; PARENTS - 1], shape: Shape) -> FloatTensor<Self> {
        Run::<Self>::new(x, params, shape).forward().into_primitive().tensor()
    }
}

#[derive(Debug)]
struct BlockBackward;

impl<B: DepthwiseBackend> Backward<B, PARENTS> for BlockBackward {
    type State = ([NodeId; PARENTS], Shape);

    fn backward(self, ops: Ops<Self::State, PARENTS>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let dy = grads.consume::<B>(&ops.node);
        let (nodes, shape) = ops.state;
        let [x, params @ ..] = nodes.map(|node| checkpointer.retrieve_node_output(node));
        let all = Run::<B>::new(x, params, shape).backward(outer(dy));
        for (parent, gradient) in ops.parents.into_iter().zip(all) {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, gradient);
            }
        }
    }
}

impl<B: DepthwiseBackend + BlockBackend, C: CheckpointStrategy> BlockBackend for Autodiff<B, C> {
    fn block(x: FloatTensor<Self>, params: [FloatTensor<Self>; PARENTS - 1], shape: Shape) -> FloatTensor<Self> {
        let [a, b, c, d, e, f, g, h, i, j] = params;
        let tensors = [x, a, b, c, d, e, f, g, h, i, j];
        let result = |tensors: [FloatTensor<Self>; PARENTS]| {
            let [x, params @ ..] = tensors.map(|tensor| tensor.primitive);
            B::block(x, params, shape)
        };
        match BlockBackward.prepare::<C>(tensors.each_ref().map(|tensor| tensor.node.clone())).compute_bound().stateful() {
            OpsKind::Tracked(mut preparation) => {
                let nodes = tensors.each_ref().map(|tensor| preparation.checkpoint(tensor));
                let result = result(tensors);
                preparation.finish((nodes, shape), result)
            }
            OpsKind::UnTracked(preparation) => preparation.finish(result(tensors)),
        }
    }
}

#[cfg(test)]
#[path = "tests_block.rs"]
mod tests;
