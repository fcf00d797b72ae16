//! The network in burn, from the same graph, under the same names as everywhere else.

use std::collections::BTreeMap;

use burn::backend::Autodiff;
use burn::backend::autodiff::grads::Gradients;
use burn::tensor::backend::Backend;
use burn::tensor::{DType, Tensor, TensorData};
use mednext::{Block, BlockKind, ConfigError, Graph, Node, Op, Weights};

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

/// Why weights are not those of a graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// One is missing.
    #[error("the weights lack {0}")]
    Missing(String),
    /// One has another shape.
    #[error("{name} has the shape {found:?}, the network needs {needed:?}")]
    Shape {
        /// Which.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// The network's.
        needed: Vec<usize>,
    },
    /// The configuration itself is impossible.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl<B: Backend> Network<B> {
    /// The network with these weights, in `dtype` on `device`. Weights it does not have are left alone.
    pub fn new(graph: Graph, weights: &Weights, device: &B::Device, dtype: DType) -> Result<Self, NetworkError> {
        let mut values = Values::new();
        for param in graph.params() {
            let tensor = weights.get(&param.name).ok_or_else(|| NetworkError::Missing(param.name.clone()))?;
            if tensor.shape != param.shape {
                return Err(NetworkError::Shape { name: param.name, found: tensor.shape.clone(), needed: param.shape });
            }
            let data = TensorData::new(tensor.data.to_vec(), [tensor.data.len()]);
            values.insert(param.name, Tensor::from_data(data, (device, dtype)));
        }
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
            Op::Stem => pointwise(input(), (self.matrix(node, "weight"), self.vector(node, "bias"))),
            // A transposed convolution's weight is [in, out].
            Op::Head => pointwise(input(), (self.matrix(node, "conv_out.weight").transpose(), self.vector(node, "conv_out.bias"))),
            Op::Add => input() + input(),
            Op::Block(block) => {
                let residual = || {
                    let weight = self.matrix(node, "res_conv.weight");
                    let weight = if block.kind == BlockKind::Up { weight.transpose() } else { weight };
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
            expand: (self.matrix(node, "conv2.weight"), bias),
            grn,
            compress: (self.matrix(node, "conv3.weight"), self.vector(node, "conv3.bias")),
        }
    }

    fn vector(&self, node: &Node, suffix: &str) -> Tensor<B, 1> {
        self.values[&format!("{}.{suffix}", node.name)].clone()
    }

    /// A pointwise weight, its first extent by the others.
    fn matrix(&self, node: &Node, suffix: &str) -> Tensor<B, 2> {
        let name = format!("{}.{suffix}", node.name);
        let rows = self.graph.node_params(node).iter().find(|param| param.name == name).map_or(1, |param| param.shape[0]);
        let values = self.values[&name].clone();
        let columns = values.dims()[0] / rows;
        values.reshape([rows, columns])
    }
}
