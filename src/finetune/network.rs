//! The network in burn, from the same graph, under the same names as everywhere else.

use std::collections::BTreeMap;

use burn::backend::Autodiff;
use burn::backend::autodiff::grads::Gradients;
use burn::tensor::backend::Backend;
use burn::tensor::{DType, Tensor, TensorData};
use mednext::{Block, BlockKind, Graph, Node, Op, Param, Weights, WeightsError};

use crate::block::{BlockBackend, Params, Shape};
use crate::residual::{pointwise, residual_block};

/// Tensors by published name, each as one row of values.
pub type Values<B> = BTreeMap<String, Tensor<B, 1>>;

/// A network and its parameters.
#[derive(Debug, Clone)]
pub struct Network<B: Backend> {
    graph: Graph,
    values: Values<B>,
}

impl<B: Backend> Network<B> {
    /// The network with these weights, in `dtype` on `device`.
    pub fn new(graph: Graph, weights: &Weights, device: &B::Device, dtype: DType) -> Result<Self, WeightsError> {
        weights.check(&graph)?;
        let load = |param: Param| {
            let tensor = weights.get(&param.name).expect("checked");
            let data = TensorData::new(tensor.data.to_vec(), [tensor.data.len()]);
            (param.name, Tensor::from_data(data, (device, dtype)))
        };
        let values = graph.params().into_iter().map(load).collect();
        Ok(Self { graph, values })
    }

    /// The weights, for the model file.
    pub fn weights(&self) -> Weights {
        let mut weights = Weights::default();
        for param in self.graph.params() {
            let values: Vec<f32> = self.values[&param.name].to_data().iter().collect();
            weights.insert(param.name, mednext::Tensor::new(param.shape, values));
        }
        weights
    }

    /// The parameters.
    pub fn values(&self) -> &Values<B> {
        &self.values
    }

    /// The parameters, to be replaced by others of their length.
    pub fn values_mut(&mut self) -> impl Iterator<Item = (&str, &mut Tensor<B, 1>)> {
        self.values.iter_mut().map(|(name, values)| (name.as_str(), values))
    }

    /// The same network for one step of learning: gradients lead to the parameters `learns` says yes to.
    pub fn tracked(&self, learns: impl Fn(&str) -> bool) -> Network<Autodiff<B>> {
        let track = |(name, values): (&String, &Tensor<B, 1>)| {
            let values = Tensor::from_inner(values.clone());
            (name.clone(), if learns(name) { values.require_grad() } else { values })
        };
        Network { graph: self.graph.clone(), values: self.values.iter().map(track).collect() }
    }
}

impl<B: Backend> Network<Autodiff<B>> {
    /// What a backward pass found, by name. Heads that no loss came from have none.
    pub fn gradients(&self, gradients: &Gradients) -> Values<B> {
        self.values.iter().filter_map(|(name, values)| Some((name.clone(), values.grad(gradients)?))).collect()
    }
}

impl<B: BlockBackend> Network<B> {
    /// Logits of every head, `[n, classes, z, y, x]`, full size first, for a batch `[n, channels, z, y, x]`.
    pub fn forward(&self, x: Tensor<B, 5>) -> Vec<Tensor<B, 5>> {
        let mut results: Vec<Option<Tensor<B, 5>>> = vec![None; self.graph.nodes.len()];
        // The last node that reads each: until then it is kept.
        let mut last = vec![0; results.len()];
        self.graph.nodes.iter().enumerate().for_each(|(id, node)| node.inputs.iter().for_each(|input| last[*input] = id));
        for (id, node) in self.graph.nodes.iter().enumerate() {
            let inputs: Vec<Tensor<B, 5>> = node
                .inputs
                .iter()
                .map(|input| if last[*input] == id { results[*input].take() } else { results[*input].clone() })
                .map(|input| input.expect("a node comes after what it reads"))
                .collect();
            results[id] = Some(self.node(node, inputs, &x));
        }
        self.graph.outputs.iter().map(|id| results[*id].take().expect("heads are computed")).collect()
    }

    fn node(&self, node: &Node, mut inputs: Vec<Tensor<B, 5>>, image: &Tensor<B, 5>) -> Tensor<B, 5> {
        let mut input = || inputs.remove(0);
        match &node.op {
            Op::Input => image.clone(),
            Op::Stem => pointwise(input(), (self.matrix(node, "weight", node.channels), self.vector(node, "bias"))),
            // A transposed convolution's weight is [in, out].
            Op::Head => {
                let x = input();
                let weight = self.matrix(node, "conv_out.weight", x.dims()[1]).transpose();
                pointwise(x, (weight, self.vector(node, "conv_out.bias")))
            }
            Op::Add => input() + input(),
            Op::Block(block) => {
                let residual = || {
                    let weight = match block.kind {
                        BlockKind::Up => self.matrix(node, "res_conv.weight", block.in_channels).transpose(),
                        _ => self.matrix(node, "res_conv.weight", block.out_channels),
                    };
                    (weight, self.vector(node, "res_conv.bias"))
                };
                let shape = Shape { kind: block.kind, kernel: block.kernel, grn: block.grn };
                residual_block(input(), self.params(node, block), (block.kind != BlockKind::Same).then(residual), shape)
            }
        }
    }

    fn params(&self, node: &Node, block: &Block) -> Params<B> {
        let k = block.kernel;
        let bias = self.vector(node, "conv2.bias");
        let grn = match block.grn {
            Some(_) => ["grn_gamma", "grn_beta"].map(|name| self.vector(node, name)),
            None => [bias.zeros_like(), bias.zeros_like()],
        };
        Params {
            depthwise: self.vector(node, "conv1.weight").reshape([block.in_channels, 1, k, k, k]),
            norm: ["conv1.bias", "norm.weight", "norm.bias"].map(|name| self.vector(node, name)),
            expand: (self.matrix(node, "conv2.weight", block.hidden), bias),
            grn,
            compress: (self.matrix(node, "conv3.weight", block.out_channels), self.vector(node, "conv3.bias")),
        }
    }

    fn vector(&self, node: &Node, suffix: &str) -> Tensor<B, 1> {
        self.values[&format!("{}.{suffix}", node.name)].clone()
    }

    /// A pointwise weight with so many rows.
    fn matrix(&self, node: &Node, suffix: &str, rows: usize) -> Tensor<B, 2> {
        self.vector(node, suffix).reshape([rows as i32, -1])
    }
}
