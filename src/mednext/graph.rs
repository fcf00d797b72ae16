//! The network, written once.
//!
//! Source: Roy et al., "MedNeXt" (MICCAI 2023) and the public `MedNextV1.py`; parameter names and shapes are theirs.

use crate::config::{Config, ConfigError, GrnReduction};

/// Index of a node in [`Graph::nodes`].
pub type NodeId = usize;

/// How a block changes resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlockKind {
    /// Same size; the input is added to the output.
    Same,
    /// Depthwise stride 2 (`n -> n/2`); residual through a 1x1x1 convolution of stride 2.
    Down,
    /// Transposed depthwise stride 2 (`n -> 2n-1`), then one zero plane in FRONT of every axis (`-> 2n`); residual through a
    /// transposed 1x1x1 convolution of stride 2, padded alike. Statistics are those of the `2n-1` grid.
    Up,
}

/// Depthwise convolution, instance norm, expand, GELU (erf), GRN, compress, residual.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Same, down or up.
    pub kind: BlockKind,
    /// Channels in; also those of the depthwise convolution and the norm.
    pub in_channels: usize,
    /// Channels between the two pointwise convolutions.
    pub hidden: usize,
    /// Channels out.
    pub out_channels: usize,
    /// Depthwise kernel edge; padding is `kernel / 2`.
    pub kernel: usize,
    /// GRN between GELU and the compressing convolution, and its reduction.
    pub grn: Option<GrnReduction>,
}

/// What a node computes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// The image tile.
    Input,
    /// 1x1x1 convolution to `width` channels.
    Stem,
    /// One MedNeXt block.
    Block(Block),
    /// Sum of two equal shapes (skip first).
    Add,
    /// 1x1x1 transposed convolution to class channels.
    Head,
}

/// One step of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Published module name, e.g. `enc_block_0.0`; inputs and sums have names of our own.
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// Nodes it reads.
    pub inputs: Vec<NodeId>,
    /// Channels out.
    pub channels: usize,
    /// Halvings from the patch: the output has `patch >> level` voxels along each axis.
    pub level: usize,
}

/// One learnable tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param {
    /// Published name, e.g. `enc_block_0.0.conv1.weight`.
    pub name: String,
    /// Shape as PyTorch stores it.
    pub shape: Vec<usize>,
}

impl Param {
    /// Number of values.
    pub fn numel(&self) -> usize {
        self.shape.iter().product()
    }
}

/// Nodes in execution order, and the heads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    /// Execution order; inputs come before their readers.
    pub nodes: Vec<Node>,
    /// Heads `out_0` (full size) to `out_4` (1/16); only `out_0` without deep supervision.
    pub outputs: Vec<NodeId>,
}

/// Builds the graph of a configuration.
pub fn graph(config: &Config) -> Result<Graph, ConfigError> {
    config.check()?;
    let mut builder = Builder { config, nodes: Vec::new() };
    let width_at = |level: usize| config.width << level;

    let input = builder.push("input", Op::Input, vec![], config.in_channels, 0);
    let mut x = builder.push("stem", Op::Stem, vec![input], config.width, 0);
    let mut skips = Vec::new();
    for level in 0..4 {
        x = builder.stage(&format!("enc_block_{level}"), x, width_at(level), level, level);
        skips.push(x);
        x = builder.block(&format!("down_{level}"), x, BlockKind::Down, config.ratios[level + 1], width_at(level + 1), level + 1);
    }
    x = builder.stage("bottleneck", x, width_at(4), 4, 4);
    // Features each head reads, deepest first.
    let mut tops = vec![x];
    for level in (0..4).rev() {
        let stage = 8 - level;
        let up = builder.block(&format!("up_{level}"), x, BlockKind::Up, config.ratios[stage], width_at(level), level);
        x = builder.push(&format!("add_{level}"), Op::Add, vec![skips[level], up], width_at(level), level);
        x = builder.stage(&format!("dec_block_{level}"), x, width_at(level), level, stage);
        tops.push(x);
    }
    let heads = if config.deep_supervision { 5 } else { 1 };
    let outputs =
        (0..heads).map(|level| builder.push(&format!("out_{level}"), Op::Head, vec![tops[4 - level]], config.classes, level)).collect();
    Ok(Graph { nodes: builder.nodes, outputs })
}

struct Builder<'a> {
    config: &'a Config,
    nodes: Vec<Node>,
}

impl Builder<'_> {
    fn push(&mut self, name: &str, op: Op, inputs: Vec<NodeId>, channels: usize, level: usize) -> NodeId {
        self.nodes.push(Node { name: name.to_owned(), op, inputs, channels, level });
        self.nodes.len() - 1
    }

    fn block(&mut self, name: &str, x: NodeId, kind: BlockKind, ratio: usize, out_channels: usize, level: usize) -> NodeId {
        let in_channels = self.nodes[x].channels;
        let grn = self.config.has_grn(name).then_some(self.config.grn_reduction);
        let block = Block { kind, in_channels, hidden: in_channels * ratio, out_channels, kernel: self.config.kernel, grn };
        self.push(name, Op::Block(block), vec![x], out_channels, level)
    }

    fn stage(&mut self, name: &str, mut x: NodeId, channels: usize, level: usize, stage: usize) -> NodeId {
        for i in 0..self.config.blocks[stage] {
            x = self.block(&format!("{name}.{i}"), x, BlockKind::Same, self.config.ratios[stage], channels, level);
        }
        x
    }
}

impl Graph {
    /// Every learnable tensor under its published name, in execution order.
    pub fn params(&self) -> Vec<Param> {
        self.nodes.iter().flat_map(|node| self.node_params(node)).collect()
    }

    /// The tensors of one node.
    pub fn node_params(&self, node: &Node) -> Vec<Param> {
        let param = |suffix: &str, shape: &[usize]| Param { name: format!("{}.{suffix}", node.name), shape: shape.to_vec() };
        match &node.op {
            Op::Input | Op::Add => vec![],
            Op::Stem => {
                let c_in = self.nodes[node.inputs[0]].channels;
                vec![param("weight", &[node.channels, c_in, 1, 1, 1]), param("bias", &[node.channels])]
            }
            Op::Head => {
                // ConvTranspose3d: input channels come first.
                let c_in = self.nodes[node.inputs[0]].channels;
                vec![param("conv_out.weight", &[c_in, node.channels, 1, 1, 1]), param("conv_out.bias", &[node.channels])]
            }
            Op::Block(block) => {
                let (c, e, o, k) = (block.in_channels, block.hidden, block.out_channels, block.kernel);
                let mut params = vec![
                    param("conv1.weight", &[c, 1, k, k, k]),
                    param("conv1.bias", &[c]),
                    param("norm.weight", &[c]),
                    param("norm.bias", &[c]),
                    param("conv2.weight", &[e, c, 1, 1, 1]),
                    param("conv2.bias", &[e]),
                    param("conv3.weight", &[o, e, 1, 1, 1]),
                    param("conv3.bias", &[o]),
                ];
                if block.grn.is_some() {
                    params.push(param("grn_gamma", &[1, e, 1, 1, 1]));
                    params.push(param("grn_beta", &[1, e, 1, 1, 1]));
                }
                match block.kind {
                    BlockKind::Same => {}
                    BlockKind::Down => params.extend([param("res_conv.weight", &[o, c, 1, 1, 1]), param("res_conv.bias", &[o])]),
                    BlockKind::Up => params.extend([param("res_conv.weight", &[c, o, 1, 1, 1]), param("res_conv.bias", &[o])]),
                }
                params
            }
        }
    }
}
