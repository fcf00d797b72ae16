//! MedNeXt as a user of burn would write it: convolutions, group norm, GELU and element-wise operations of the library.
//!
//! Structure and parameter names are those of assets/models/mednext.py, without the auxiliary heads.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use burn::module::Param;
use burn::nn::{GroupNorm, GroupNormConfig};
use burn::tensor::Tensor;
use burn::tensor::activation::gelu;
use burn::tensor::module::{conv_transpose3d, conv3d};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions, PadMode};
use clap::ValueEnum;

use crate::Backend;
use crate::weights::Weights;

/// Classes of the head.
pub const CLASSES: usize = 3;

type Volume = Tensor<Backend, 5>;

/// A published size.
#[derive(Debug, Clone)]
pub struct Preset {
    name: String,
    /// Expansion ratios of the nine stages: four encoder levels, bottleneck, four decoder levels from deep to shallow.
    ratios: [usize; 9],
    /// Blocks of the nine stages.
    blocks: [usize; 9],
    grn: bool,
}

impl FromStr for Preset {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        const MIDDLE: [usize; 9] = [2, 3, 4, 4, 4, 4, 4, 3, 2];
        const LARGE: [usize; 9] = [3, 4, 8, 8, 8, 8, 8, 4, 3];
        let (ratios, blocks) = match name {
            "v1-s" | "v2-s" => ([2; 9], [2; 9]),
            "v1-b" | "v2-b" => (MIDDLE, [2; 9]),
            "v1-m" | "v2-m" => (MIDDLE, [3, 4, 4, 4, 4, 4, 4, 4, 3]),
            "v1-l" | "v2-l" | "v2-base" => (LARGE, LARGE),
            _ => return Err(format!("\"{name}\" is not a preset")),
        };
        Ok(Self { name: name.to_owned(), ratios, blocks, grn: name.starts_with("v2") })
    }
}

/// How a 1x1x1 convolution is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Pointwise {
    /// By burn's convolution
    Conv,
    /// By burn's matrix product over flattened voxels
    Matmul,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Same,
    Down,
    Up,
}

/// A convolution with its parameters; `transposed` ones of stride 2 give 2n-1 voxels.
struct Conv {
    weight: Volume,
    bias: Tensor<Backend, 1>,
    stride: usize,
    groups: usize,
    transposed: bool,
}

impl Conv {
    fn forward(&self, x: Volume) -> Volume {
        let padding = [(self.weight.dims()[2] - 1) / 2; 3];
        let (weight, bias, stride) = (self.weight.clone(), Some(self.bias.clone()), [self.stride; 3]);
        if self.transposed {
            conv_transpose3d(x, weight, bias, ConvTransposeOptions::new(stride, padding, [0; 3], [1; 3], self.groups))
        } else {
            conv3d(x, weight, bias, ConvOptions::new(stride, padding, [1; 3], self.groups))
        }
    }

    /// A plain 1x1x1 convolution of stride 1.
    fn pointwise(&self, x: Volume, how: Pointwise) -> Volume {
        if how == Pointwise::Conv {
            return self.forward(x);
        }
        let [batch, channels, depth, height, width] = x.dims();
        let out = self.weight.dims()[0];
        let weight = self.weight.clone().reshape([1, out, channels]);
        let y = weight.matmul(x.reshape([batch, channels, depth * height * width]));
        (y + self.bias.clone().reshape([1, out, 1])).reshape([batch, out, depth, height, width])
    }
}

struct Block {
    kind: Kind,
    conv1: Conv,
    norm: GroupNorm<Backend>,
    conv2: Conv,
    conv3: Conv,
    /// Gamma and beta.
    grn: Option<(Volume, Volume)>,
    res_conv: Option<Conv>,
}

impl Block {
    fn forward(&self, x: Volume, how: Pointwise) -> Volume {
        let y = self.norm.forward(self.conv1.forward(x.clone()));
        let mut y = gelu(self.conv2.pointwise(y, how));
        if let Some((gamma, beta)) = &self.grn {
            y = grn(y, gamma.clone(), beta.clone());
        }
        let y = self.conv3.pointwise(y, how);
        let residual = match &self.res_conv {
            None => x,
            Some(conv) => conv.forward(x),
        };
        match self.kind {
            Kind::Same | Kind::Down => residual + y,
            // The voxel a transposed convolution of stride 2 lacks is in front of every axis.
            Kind::Up => {
                let residual = residual.slice(y.dims().map(|extent| 0..extent));
                in_front(y) + in_front(residual)
            }
        }
    }
}

fn in_front(x: Volume) -> Volume {
    x.pad([(1, 0); 3], PadMode::Constant(0.0))
}

/// Global response normalisation: `gamma * (y * n) + beta + y`, with `n` the channel's energy over the mean of all channels'.
fn grn(y: Volume, gamma: Volume, beta: Volume) -> Volume {
    let [batch, channels, depth, height, width] = y.dims();
    let energy = y.clone().reshape([batch, channels, depth * height * width]).square().sum_dim(2).add_scalar(1e-12).sqrt();
    let response = energy.clone() / energy.mean_dim(1).add_scalar(1e-6);
    gamma * (y.clone() * response.reshape([batch, channels, 1, 1, 1])) + beta + y
}

/// The network on its device.
pub struct Network {
    name: String,
    pointwise: Pointwise,
    stem: Conv,
    /// Blocks and the downsampling after them, from shallow to deep.
    encoder: Vec<(Vec<Block>, Block)>,
    bottleneck: Vec<Block>,
    /// Upsampling and the blocks after it, from deep to shallow.
    decoder: Vec<(Block, Vec<Block>)>,
    head: Conv,
}

impl Network {
    pub fn new(preset: &Preset, kernel: usize, width: usize, pointwise: Pointwise, weights: &mut Weights) -> Result<Self, Box<dyn Error>> {
        let mut maker = Maker { weights, kernel, grn: preset.grn };
        let width_at = |level: usize| width << level;
        let stem = maker.conv("stem", [width, 1, 1], 1, false)?;
        let mut encoder = Vec::new();
        for level in 0..4 {
            let stage = maker.stage(&format!("enc_block_{level}"), width_at(level), preset.ratios[level], preset.blocks[level])?;
            let ratio = preset.ratios[level + 1];
            let down = maker.block(&format!("down_{level}"), Kind::Down, width_at(level), width_at(level + 1), ratio)?;
            encoder.push((stage, down));
        }
        let bottleneck = maker.stage("bottleneck", width_at(4), preset.ratios[4], preset.blocks[4])?;
        let mut decoder = Vec::new();
        for level in (0..4).rev() {
            let (ratio, blocks) = (preset.ratios[8 - level], preset.blocks[8 - level]);
            let up = maker.block(&format!("up_{level}"), Kind::Up, width_at(level + 1), width_at(level), ratio)?;
            decoder.push((up, maker.stage(&format!("dec_block_{level}"), width_at(level), ratio, blocks)?));
        }
        let head = maker.conv("out_0.conv_out", [width, CLASSES, 1], 1, true)?;
        let name = format!("{}, width {width}, kernel {kernel}, 1x1x1 by {pointwise:?}", preset.name);
        Ok(Self { name, pointwise, stem, encoder, bottleneck, decoder, head })
    }

    pub fn forward(&self, x: Volume) -> Volume {
        let through = |blocks: &[Block], x| blocks.iter().fold(x, |x, block| block.forward(x, self.pointwise));
        let mut x = self.stem.pointwise(x, self.pointwise);
        let mut skips = Vec::new();
        for (stage, down) in &self.encoder {
            x = through(stage, x);
            skips.push(x.clone());
            x = down.forward(x, self.pointwise);
        }
        x = through(&self.bottleneck, x);
        for (up, stage) in &self.decoder {
            let raised = up.forward(x, self.pointwise);
            x = match skips.pop() {
                Some(skip) => skip + raised,
                None => raised,
            };
            x = through(stage, x);
        }
        self.head.forward(x)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Makes modules from named tensors.
struct Maker<'a> {
    weights: &'a mut Weights,
    kernel: usize,
    grn: bool,
}

impl Maker<'_> {
    /// `shape` is the first two extents of the weight as PyTorch stores them, and the kernel edge.
    fn conv(&mut self, name: &str, shape: [usize; 3], stride: usize, transposed: bool) -> Result<Conv, Box<dyn Error>> {
        let [first, second, edge] = shape;
        let weight = self.weights.take(&format!("{name}.weight"), [first, second, edge, edge, edge])?;
        let bias = self.weights.take(&format!("{name}.bias"), [if transposed { second } else { first }])?;
        Ok(Conv { weight, bias, stride, groups: 1, transposed })
    }

    fn depthwise(&mut self, name: &str, channels: usize, kind: Kind) -> Result<Conv, Box<dyn Error>> {
        let weight = self.weights.take(&format!("{name}.weight"), [channels, 1, self.kernel, self.kernel, self.kernel])?;
        let bias = self.weights.take(&format!("{name}.bias"), [channels])?;
        let stride = if kind == Kind::Same { 1 } else { 2 };
        Ok(Conv { weight, bias, stride, groups: channels, transposed: kind == Kind::Up })
    }

    fn norm(&mut self, name: &str, channels: usize) -> Result<GroupNorm<Backend>, Box<dyn Error>> {
        let mut norm = GroupNormConfig::new(channels, channels).init(self.weights.device());
        norm.gamma = Some(Param::from_tensor(self.weights.take(&format!("{name}.weight"), [channels])?));
        norm.beta = Some(Param::from_tensor(self.weights.take(&format!("{name}.bias"), [channels])?));
        Ok(norm)
    }

    fn block(&mut self, name: &str, kind: Kind, channels: usize, out: usize, ratio: usize) -> Result<Block, Box<dyn Error>> {
        let hidden = channels * ratio;
        let gamma = format!("{name}.grn_gamma");
        // The published networks of the second generation leave it out of this one block.
        let has_grn = self.weights.stores(&gamma).unwrap_or(self.grn && name != "down_0");
        let grn = if has_grn {
            let shape = [1, hidden, 1, 1, 1];
            Some((self.weights.take(&gamma, shape)?, self.weights.take(&format!("{name}.grn_beta"), shape)?))
        } else {
            None
        };
        let res_conv = match kind {
            Kind::Same => None,
            Kind::Down => Some(self.conv(&format!("{name}.res_conv"), [out, channels, 1], 2, false)?),
            Kind::Up => {
                let mut conv = self.conv(&format!("{name}.res_conv"), [channels, out, 1], 2, true)?;
                // burn 0.21.0 gives the bias alone where the kernel is smaller than the stride (its start of the kernel underflows);
                // zeros behind the one weight give the same values, and one plane more at the end of every axis.
                conv.weight = conv.weight.pad([(0, 1); 3], PadMode::Constant(0.0));
                Some(conv)
            }
        };
        Ok(Block {
            kind,
            conv1: self.depthwise(&format!("{name}.conv1"), channels, kind)?,
            norm: self.norm(&format!("{name}.norm"), channels)?,
            conv2: self.conv(&format!("{name}.conv2"), [hidden, channels, 1], 1, false)?,
            conv3: self.conv(&format!("{name}.conv3"), [out, hidden, 1], 1, false)?,
            grn,
            res_conv,
        })
    }

    fn stage(&mut self, name: &str, channels: usize, ratio: usize, blocks: usize) -> Result<Vec<Block>, Box<dyn Error>> {
        (0..blocks).map(|index| self.block(&format!("{name}.{index}"), Kind::Same, channels, channels, ratio)).collect()
    }
}
