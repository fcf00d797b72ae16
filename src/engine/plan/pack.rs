//! Parameters in the layout the kernels read: vec4 of four outputs, padded with zeros.

use mednext::{Block, BlockKind, Node, Tensor as Parameter, Weights};

use super::{ALIGN, Range, Source, Vec4};
use crate::runner::EngineError;

/// Collects packed parameters into one run of vec4.
#[derive(Default)]
pub(super) struct Packer {
    pub(super) packed: Vec<Vec4>,
}

/// Ranges of one block's parameters.
pub(super) struct PackedBlock {
    pub(super) depthwise: Range,
    pub(super) depthwise_bias: Range,
    pub(super) norm: Range,
    pub(super) w1: Range,
    pub(super) b1: Range,
    pub(super) w2: Range,
    pub(super) b2: Range,
    /// GRN's gamma; without GRN, the factor 1 for every hidden channel.
    pub(super) gamma_or_ones: Range,
    /// Residual projection and a zero bias (its own is part of `b2`); of a block that keeps the size, a folded head's.
    pub(super) projection: Option<(Range, Range)>,
}

impl Packer {
    fn push(&mut self, values: Vec<Vec4>) -> Range {
        let range = Range { source: Source::Weights, start: self.packed.len(), len: values.len() };
        self.packed.extend(values);
        self.packed.resize(self.packed.len().next_multiple_of(ALIGN), Vec4::default());
        range
    }

    fn vector(&mut self, values: &[f32]) -> Range {
        self.push(vec4s(values))
    }

    /// `[out/4][in padded to 4]`, four outputs per vec4; `at(o, i)` is the weight from input i to output o.
    fn matrix(&mut self, outputs: usize, inputs: usize, at: impl Fn(usize, usize) -> f32) -> Range {
        let inputs4 = inputs.next_multiple_of(4);
        let mut rows = vec![Vec4::default(); outputs.div_ceil(4) * inputs4];
        for o in 0..outputs {
            for i in 0..inputs {
                rows[o / 4 * inputs4 + i].0[o % 4] = at(o, i);
            }
        }
        self.push(rows)
    }

    /// Stem or head: a matrix and its bias. A head is a ConvTranspose3d, whose weight is (in, out) instead of (out, in).
    pub(super) fn linear(
        &mut self,
        weights: &Weights,
        prefix: &str,
        inputs: usize,
        outputs: usize,
        transposed: bool,
    ) -> Result<(Range, Range), EngineError> {
        let weight = get(weights, &format!("{prefix}.weight"), inputs * outputs)?;
        let bias = get(weights, &format!("{prefix}.bias"), outputs)?;
        let at = |o: usize, i: usize| if transposed { weight[i * outputs + o] } else { weight[o * inputs + i] };
        Ok((self.matrix(outputs, inputs, at), self.vector(bias)))
    }

    /// With a `head`, the block leaves its logits: both are linear after GELU, so that one matrix does for both.
    pub(super) fn block(&mut self, weights: &Weights, node: &Node, block: &Block, head: Option<&Node>) -> Result<PackedBlock, EngineError> {
        let (inputs, hidden, mut outputs) = (block.in_channels, block.hidden, block.out_channels);
        let taps = block.kernel.pow(3);
        let param = |suffix: &str, numel: usize| get(weights, &format!("{}.{suffix}", node.name), numel);

        let conv1 = param("conv1.weight", inputs * taps)?;
        let inputs4 = inputs.div_ceil(4);
        let mut depthwise = vec![Vec4::default(); taps * inputs4];
        for c in 0..inputs {
            for tap in 0..taps {
                depthwise[tap * inputs4 + c / 4].0[c % 4] = conv1[c * taps + tap];
            }
        }
        let (gamma, beta) = (vec4s(param("norm.weight", inputs)?), vec4s(param("norm.bias", inputs)?));
        let norm = gamma.into_iter().zip(beta).flat_map(|(g, b)| [g, b]).collect();

        let w1 = param("conv2.weight", hidden * inputs)?;
        let mut w2 = param("conv3.weight", outputs * hidden)?.to_vec();
        let mut b2: Vec<f64> = param("conv3.bias", outputs)?.iter().map(|b| f64::from(*b)).collect();
        let gamma_or_ones = if block.grn.is_some() {
            // conv3(u * s + beta) = conv3(u * s) + W2 beta: the offset is a constant.
            let beta = param("grn_beta", hidden)?;
            for (o, b2) in b2.iter_mut().enumerate() {
                *b2 += w2[o * hidden..][..hidden].iter().zip(beta).map(|(w, b)| f64::from(*w) * f64::from(*b)).sum::<f64>();
            }
            param("grn_gamma", hidden)?.to_vec()
        } else {
            vec![1.0; hidden]
        };
        let projection = match block.kind {
            BlockKind::Same => match head {
                None => None,
                // Wh (x + W2 h + b2) + bh = Wh x + (Wh W2) h + (Wh b2 + bh)
                Some(head) => {
                    let classes = head.channels;
                    let weight = get(weights, &format!("{}.conv_out.weight", head.name), outputs * classes)?;
                    let bias = get(weights, &format!("{}.conv_out.bias", head.name), classes)?;
                    let through = |k: usize, value: &dyn Fn(usize) -> f64| -> f64 {
                        (0..outputs).map(|o| f64::from(weight[o * classes + k]) * value(o)).sum()
                    };
                    let element = |i: usize| through(i / hidden, &|o| f64::from(w2[o * hidden + i % hidden])) as f32;
                    let folded = (0..classes * hidden).map(element).collect();
                    b2 = (0..classes).map(|k| through(k, &|o| b2[o]) + f64::from(bias[k])).collect();
                    let projection = (self.matrix(classes, outputs, |k, o| weight[o * classes + k]), self.vector(&vec![0.0; classes]));
                    (w2, outputs) = (folded, classes);
                    Some(projection)
                }
            },
            BlockKind::Down | BlockKind::Up => {
                let weight = param("res_conv.weight", outputs * inputs)?;
                for (b2, bias) in b2.iter_mut().zip(param("res_conv.bias", outputs)?) {
                    *b2 += f64::from(*bias);
                }
                let transposed = block.kind == BlockKind::Up;
                let at = |o: usize, i: usize| if transposed { weight[i * outputs + o] } else { weight[o * inputs + i] };
                Some((self.matrix(outputs, inputs, at), self.vector(&vec![0.0; outputs])))
            }
        };
        let b2: Vec<f32> = b2.into_iter().map(|b| b as f32).collect();
        Ok(PackedBlock {
            depthwise: self.push(depthwise),
            depthwise_bias: self.vector(param("conv1.bias", inputs)?),
            norm: self.push(norm),
            w1: self.matrix(hidden, inputs, |o, i| w1[o * inputs + i]),
            b1: self.vector(param("conv2.bias", hidden)?),
            w2: self.matrix(outputs, hidden, |o, i| w2[o * hidden + i]),
            b2: self.vector(&b2),
            gamma_or_ones: self.vector(&gamma_or_ones),
            projection,
        })
    }
}

fn vec4s(values: &[f32]) -> Vec<Vec4> {
    values
        .chunks(4)
        .map(|chunk| {
            let mut v = Vec4::default();
            v.0[..chunk.len()].copy_from_slice(chunk);
            v
        })
        .collect()
}

fn get<'a>(weights: &'a Weights, name: &str, numel: usize) -> Result<&'a [f32], EngineError> {
    let tensor: &Parameter = weights.get(name).ok_or_else(|| EngineError::Weights(format!("{name} is missing")))?;
    if tensor.data.len() != numel {
        return Err(EngineError::Weights(format!("{name} has {} values, the network needs {numel}", tensor.data.len())));
    }
    Ok(&tensor.data)
}
