//! Which network a set of tensors is. nnU-Net does not store a MedNeXt's architecture, so names and shapes must tell.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::config::{Config, ConfigError, GrnReduction};
use crate::graph::{Graph, Op, graph};
use crate::names::is_auxiliary_head;
use crate::weights::{Weights, WeightsError, check_shapes};

/// Stage names in the order of [`Config::ratios`].
const STAGES: [&str; 9] =
    ["enc_block_0", "enc_block_1", "enc_block_2", "enc_block_3", "bottleneck", "dec_block_3", "dec_block_2", "dec_block_1", "dec_block_0"];

/// The block that fixes each stage's expansion ratio: it exists even where a stage has no blocks of its own.
const RATIO_BLOCKS: [&str; 9] = ["enc_block_0.0", "down_0", "down_1", "down_2", "down_3", "up_3", "up_2", "up_1", "up_0"];

/// Why tensors are not a MedNeXt.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InferError {
    /// Another network, or none.
    #[error("this is not a MedNeXt checkpoint: {0}")]
    NotMedNext(String),
    /// Names are right, tensors are not.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The numbers make no network.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// Finds the configuration whose graph has exactly these tensors.
///
/// `grn` is what most blocks have and `grn_exceptions` the others; the GRN reduction leaves no trace and is taken to be
/// the public code's mean.
pub fn infer(weights: &Weights) -> Result<Config, InferError> {
    infer_shapes(&weights.shapes().collect())
}

/// [`infer`] from published names and shapes alone.
pub(crate) fn infer_shapes(shapes: &BTreeMap<&str, &[usize]>) -> Result<Config, InferError> {
    if shapes.is_empty() {
        return Err(WeightsError::Empty.into());
    }
    let names = Shapes(shapes);
    let [width, in_channels] = names.head("stem.weight")?;
    let [_, classes] = names.head("out_0.conv_out.weight")?;
    let mut config = Config {
        in_channels,
        classes,
        width,
        kernel: names.kernel("down_0.conv1.weight")?,
        ratios: [0; 9],
        blocks: std::array::from_fn(|stage| names.blocks(STAGES[stage])),
        grn: false,
        grn_exceptions: Vec::new(),
        grn_reduction: GrnReduction::Mean,
        deep_supervision: shapes.keys().any(|name| is_auxiliary_head(name)),
    };
    for (stage, block) in RATIO_BLOCKS.into_iter().enumerate() {
        let [hidden, channels] = names.head(&format!("{block}.conv2.weight"))?;
        config.ratios[stage] = hidden / channels;
    }
    config.check()?;
    set_grn(&mut config, shapes)?;
    check_shapes(&graph(&config)?, shapes)?;
    Ok(config)
}

fn set_grn(config: &mut Config, shapes: &BTreeMap<&str, &[usize]>) -> Result<(), ConfigError> {
    let graph = graph(config)?;
    let (with, without): (Vec<&str>, Vec<&str>) =
        block_names(&graph).partition(|block| shapes.contains_key(format!("{block}.grn_gamma").as_str()));
    config.grn = with.len() > without.len();
    let exceptions = if config.grn { without } else { with };
    config.grn_exceptions = exceptions.into_iter().map(str::to_owned).collect();
    Ok(())
}

fn block_names(graph: &Graph) -> impl Iterator<Item = &str> {
    graph.nodes.iter().filter(|node| matches!(node.op, Op::Block(_))).map(|node| node.name.as_str())
}

struct Shapes<'a>(&'a BTreeMap<&'a str, &'a [usize]>);

impl Shapes<'_> {
    fn get(&self, name: &str) -> Result<&[usize], InferError> {
        self.0.get(name).copied().ok_or_else(|| InferError::NotMedNext(describe(self.0, name)))
    }

    /// The two channel counts of a 1x1x1 convolution.
    fn head(&self, name: &str) -> Result<[usize; 2], InferError> {
        match *self.get(name)? {
            [a, b, 1, 1, 1] if a > 0 && b > 0 => Ok([a, b]),
            [_, _, 1, 1] => Err(InferError::NotMedNext("it is a 2D MedNeXt, and only 3D ones can run".to_owned())),
            ref shape => Err(InferError::NotMedNext(format!("{name} has shape {shape:?}, not that of a 1x1x1 convolution"))),
        }
    }

    fn kernel(&self, name: &str) -> Result<usize, InferError> {
        match *self.get(name)? {
            [_, 1, d, h, w] if d == h && h == w => Ok(d),
            ref shape => Err(InferError::NotMedNext(format!("{name} has shape {shape:?}, not that of a cubic depthwise convolution"))),
        }
    }

    /// One more than the highest block index of a stage; holes are found when shapes are compared with the graph.
    fn blocks(&self, stage: &str) -> usize {
        let prefix = format!("{stage}.");
        let inside = self.0.keys().filter_map(|name| name.strip_prefix(&prefix));
        let indices = inside.filter_map(|rest| rest.split('.').next()?.parse::<usize>().ok());
        indices.max().map_or(0, |index| index.saturating_add(1))
    }
}

/// Says what the names look like instead.
fn describe(shapes: &BTreeMap<&str, &[usize]>, missing: &str) -> String {
    let any = |parts: &[&str]| shapes.keys().any(|name| parts.iter().any(|part| name.contains(part)));
    let kind = if any(&["encoder.stages."]) && any(&[".blocks.", "encoder.stem."]) {
        Some("nnU-Net's residual-encoder U-Net (ResEnc)")
    } else if any(&["encoder.stages.", "decoder.seg_layers.", "all_modules."]) {
        Some("nnU-Net's plain U-Net (PlainConvUNet)")
    } else if any(&["conv_blocks_context.", "conv_blocks_localization."]) {
        Some("nnU-Net v1's Generic_UNet")
    } else if any(&["enc_stages.", "down_blocks.", "out_blocks."]) {
        Some("MONAI's MedNeXt, which has other names and layouts than the published code")
    } else if any(&["swinViT.", "patch_embed.", "vit."]) {
        Some("a transformer")
    } else {
        None
    };
    match kind {
        Some(kind) => format!("its tensor names look like {kind}"),
        None => format!("the tensor {missing} is missing among {}", sample(shapes)),
    }
}

fn sample(shapes: &BTreeMap<&str, &[usize]>) -> String {
    let first: Vec<String> = shapes.keys().take(3).map(|name| name.chars().take(80).collect()).collect();
    let more = if shapes.len() > first.len() { ", ..." } else { "" };
    format!("{}{more}", first.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Generation, Preset};

    fn infer_config(config: &Config, edit: impl FnOnce(&mut BTreeMap<String, Vec<usize>>)) -> Result<Config, InferError> {
        let mut shapes: BTreeMap<_, _> = graph(config).unwrap().params().into_iter().map(|p| (p.name, p.shape)).collect();
        edit(&mut shapes);
        infer_shapes(&shapes.iter().map(|(name, shape)| (name.as_str(), shape.as_slice())).collect())
    }

    #[test]
    fn every_preset_is_found_again() {
        for preset in [Preset::S, Preset::B, Preset::M, Preset::L] {
            for generation in [Generation::V1, Generation::V2] {
                for (kernel, width) in [(3, 32), (5, 32), (3, 64)] {
                    let config = Config::preset(preset, generation, kernel, width, 2, 7);
                    assert_eq!(infer_config(&config, |_| {}).unwrap(), config);
                    let single = Config { deep_supervision: false, ..config };
                    assert_eq!(infer_config(&single, |_| {}).unwrap(), single);
                }
            }
        }
    }

    #[test]
    fn single_deviations_are_named() {
        let config = Config::preset(Preset::S, Generation::V2, 3, 8, 1, 3);
        let missing = infer_config(&config, |shapes| drop(shapes.remove("up_2.norm.bias"))).unwrap_err().to_string();
        assert!(missing.contains("up_2.norm.bias is missing"), "{missing}");
        let extra = infer_config(&config, |shapes| drop(shapes.insert("head.weight".into(), vec![1]))).unwrap_err().to_string();
        assert!(extra.contains("head.weight is unknown"), "{extra}");
        let half_grn = infer_config(&config, |shapes| drop(shapes.remove("up_2.grn_beta"))).unwrap_err().to_string();
        assert!(half_grn.contains("up_2.grn_beta"), "{half_grn}");
        let odd = infer_config(&config, |shapes| shapes.get_mut("dec_block_0.1.conv1.weight").unwrap()[2..].fill(5));
        assert!(odd.unwrap_err().to_string().contains("dec_block_0.1.conv1.weight has shape [8, 1, 5, 5, 5]"));
        let gone = infer_config(&config, |shapes| shapes.retain(|name, _| !name.contains("up_"))).unwrap_err().to_string();
        assert!(gone.contains("not a MedNeXt checkpoint: the tensor up_3.conv2.weight is missing"), "{gone}");
    }

    #[test]
    fn differences_beyond_ten_are_counted() {
        let config = Config::preset(Preset::S, Generation::V2, 3, 8, 1, 3);
        let error = infer_config(&config, |shapes| shapes.retain(|name, _| !name.ends_with("norm.bias"))).unwrap_err().to_string();
        assert_eq!(error.matches("is missing").count(), 10, "{error}");
        assert!(error.ends_with("; and 16 more"), "{error}");
    }

    #[test]
    fn other_networks_are_recognised() {
        let refuse = |names: &[&str]| infer_shapes(&names.iter().map(|name| (*name, &[1_usize, 1, 3, 3, 3][..])).collect()).unwrap_err();
        let plain = refuse(&["encoder.stages.0.0.convs.0.conv.weight", "decoder.seg_layers.0.weight"]).to_string();
        assert_eq!(plain, "this is not a MedNeXt checkpoint: its tensor names look like nnU-Net's plain U-Net (PlainConvUNet)");
        let res = refuse(&["encoder.stem.convs.0.conv.weight", "encoder.stages.0.blocks.0.conv1.conv.weight"]).to_string();
        assert!(res.contains("ResEnc"), "{res}");
        assert!(refuse(&["stem.conv.weight", "down_blocks.0.conv1.weight"]).to_string().contains("MONAI"));
        assert!(refuse(&["a", "b", "c", "d"]).to_string().contains("stem.weight is missing among a, b, c, ..."));
    }

    #[test]
    fn hostile_shapes_do_not_overflow() {
        let config = Config::preset(Preset::S, Generation::V1, 3, 8, 1, 3);
        for extent in [0, usize::MAX, 1 << 62] {
            for name in ["stem.weight", "out_0.conv_out.weight", "down_0.conv2.weight", "enc_block_0.0.conv1.weight"] {
                for axis in 0..3 {
                    assert!(infer_config(&config, |shapes| shapes.get_mut(name).unwrap()[axis] = extent).is_err());
                }
            }
        }
        let many = infer_config(&config, |shapes| drop(shapes.insert(format!("bottleneck.{}.x", usize::MAX), vec![1])));
        assert!(many.is_err());
    }
}
