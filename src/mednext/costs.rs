//! What a network costs: parameters, arithmetic, memory.

use crate::graph::{Block, BlockKind, Graph, Node, Op, Param};

/// Multiply-accumulates of one tile with the main head alone, by kind of convolution.
///
/// Counted as PyTorch's `FlopCounterMode` does: a transposed convolution by its INPUT voxels, an up block's pointwise
/// convolutions on the `2n-1` grid they run on; norms, GELU, GRN and sums count nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Macs {
    /// Stem and `out_0`.
    pub stem_and_head: u64,
    /// Depthwise convolutions.
    pub depthwise: u64,
    /// `conv2` of all blocks.
    pub expand: u64,
    /// `conv3` of all blocks.
    pub compress: u64,
    /// 1x1x1 residual convolutions of down and up blocks.
    pub residual: u64,
}

impl Macs {
    /// Sum over kinds.
    pub fn total(&self) -> u64 {
        self.stem_and_head + self.depthwise + self.expand + self.compress + self.residual
    }

    /// Floating-point operations: two per multiply-accumulate.
    pub fn flops(&self) -> u64 {
        2 * self.total()
    }
}

impl Graph {
    /// Learnable values, auxiliary heads included where the graph has them.
    pub fn parameter_count(&self) -> usize {
        self.params().iter().map(Param::numel).sum()
    }

    /// Arithmetic of one tile through `out_0`.
    pub fn macs(&self, patch_zyx: [usize; 3]) -> Macs {
        let mut sum = Macs::default();
        for node in self.nodes_to_main_head() {
            let macs = self.node_macs(node, patch_zyx);
            sum.stem_and_head += macs.stem_and_head;
            sum.depthwise += macs.depthwise;
            sum.expand += macs.expand;
            sum.compress += macs.compress;
            sum.residual += macs.residual;
        }
        sum
    }

    /// Arithmetic of one node.
    pub fn node_macs(&self, node: &Node, patch_zyx: [usize; 3]) -> Macs {
        let voxels_out = voxels(patch_zyx, node.level);
        match &node.op {
            Op::Input | Op::Add => Macs::default(),
            Op::Stem | Op::Head => {
                let c_in = self.nodes[node.inputs[0]].channels as u64;
                Macs { stem_and_head: c_in * node.channels as u64 * voxels_out, ..Macs::default() }
            }
            Op::Block(block) => block_macs(block, node.level, patch_zyx),
        }
    }

    /// Bytes one tile through `out_0` needs at least: weights, one tensor per level beside the input, and one buffer for
    /// the largest depthwise result or the logits. Sums for norms and GRN come on top.
    ///
    /// Expanded tensors are never stored, same-size blocks run in place, and up blocks write into the skip they are added
    /// to. Depthwise results of up blocks above `store_up_bytes` exist one slab of planes at a time.
    pub fn memory_bytes(&self, patch_zyx: [usize; 3], store_up_bytes: u64) -> u64 {
        let mut weights = 0;
        let mut levels = 0;
        let mut scratch = 0;
        for node in self.nodes_to_main_head() {
            weights += self.node_params(node).iter().map(|param| param.numel() as u64 * 4).sum::<u64>();
            let output = channel_bytes(node.channels) * voxels(patch_zyx, node.level);
            match &node.op {
                Op::Add => {}
                Op::Input | Op::Stem => levels += output,
                Op::Head => scratch = scratch.max(output),
                Op::Block(block) => {
                    if block.kind == BlockKind::Down {
                        levels += output;
                    }
                    scratch = scratch.max(depthwise_bytes(block, node.level, patch_zyx, store_up_bytes));
                }
            }
        }
        weights + levels + scratch
    }

    /// Nodes `out_0` depends on: all but the auxiliary heads.
    fn nodes_to_main_head(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().enumerate().filter(|(id, _)| !self.outputs[1..].contains(id)).map(|(_, node)| node)
    }
}

fn block_macs(block: &Block, level_out: usize, patch_zyx: [usize; 3]) -> Macs {
    let [c, e, o] = [block.in_channels, block.hidden, block.out_channels].map(|n| n as u64);
    let full = voxels(patch_zyx, level_out);
    // (voxels the depthwise and residual convolutions are counted on, voxels of the pointwise ones)
    let (spatial, pointwise) = match block.kind {
        BlockKind::Same | BlockKind::Down => (full, full),
        BlockKind::Up => (voxels(patch_zyx, level_out + 1), odd_grid(patch_zyx, level_out).iter().product()),
    };
    let residual = if block.kind == BlockKind::Same { 0 } else { spatial * c * o };
    Macs {
        stem_and_head: 0,
        depthwise: spatial * c * (block.kernel as u64).pow(3),
        expand: pointwise * c * e,
        compress: pointwise * e * o,
        residual,
    }
}

/// The `2n-1` grid of an up block.
fn odd_grid(patch_zyx: [usize; 3], level_out: usize) -> [u64; 3] {
    patch_zyx.map(|n| ((n >> level_out) as u64).saturating_sub(1))
}

/// What is stored of a block's depthwise result.
fn depthwise_bytes(block: &Block, level_out: usize, patch_zyx: [usize; 3], store_up_bytes: u64) -> u64 {
    let channels = channel_bytes(block.in_channels);
    if block.kind != BlockKind::Up {
        return channels * voxels(patch_zyx, level_out);
    }
    let [planes, rows, columns] = odd_grid(patch_zyx, level_out);
    let plane = channels * rows * columns;
    plane * planes.min((store_up_bytes / plane.max(1)).max(1))
}

/// One voxel in f32: channels lie in groups of four.
fn channel_bytes(channels: usize) -> u64 {
    channels.next_multiple_of(4) as u64 * 4
}

fn voxels(patch_zyx: [usize; 3], level: usize) -> u64 {
    patch_zyx.iter().map(|n| (n >> level) as u64).product()
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Generation, Preset};
    use crate::graph::graph;

    fn preset(name: &str, generation: Generation, kernel: usize, width: usize) -> Config {
        let preset = match name {
            "S" => Preset::S,
            "B" => Preset::B,
            "M" => Preset::M,
            _ => Preset::L,
        };
        Config::preset(preset, generation, kernel, width, 1, 3)
    }

    fn golden(name: &str) -> serde_json::Value {
        let path = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/golden")).join(name);
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    #[test]
    fn parameter_counts_equal_pytorch() {
        let counts = golden("param_counts.json");
        let counts = counts.as_object().unwrap();
        assert_eq!(counts.len(), 30);
        for (name, count) in counts {
            let fields: Vec<&str> = name.splitn(4, '_').collect();
            let number = |text: &str| text[1..].parse::<usize>().unwrap();
            let generation = if fields[3] == "v1" { Generation::V1 } else { Generation::V2 };
            let mut config = preset(fields[0], generation, number(fields[1]), number(fields[2]));
            if fields[3] == "v2_all_blocks" {
                config.grn_exceptions.clear();
            }
            let all = graph(&config).unwrap();
            // The golden counts the unused `dummy_tensor` as one more value and tensor.
            assert_eq!(all.parameter_count() as u64 + 1, count["total_incl_dummy_and_ds"].as_u64().unwrap(), "{name}");
            assert_eq!(all.params().len() as u64 + 1, count["tensors"].as_u64().unwrap(), "{name}");
            config.deep_supervision = false;
            let main = graph(&config).unwrap().parameter_count() as u64;
            assert_eq!(main, count["without_ds_heads_and_dummy"].as_u64().unwrap(), "{name}");
        }
    }

    #[test]
    fn arithmetic_equals_the_flop_counter() {
        let round = |value: f64, digits: i32| (value * 10_f64.powi(digits)).round() / 10_f64.powi(digits);
        for entry in golden("flops.json").as_array().unwrap() {
            let number = |key: &str| entry[key].as_u64().unwrap() as usize;
            let config = preset(entry["model"].as_str().unwrap(), Generation::V1, number("k"), number("C"));
            let graph = graph(&config).unwrap();
            let patch = [number("S"); 3];
            let macs = graph.macs(patch);
            assert_eq!(round(macs.total() as f64 / 1e9, 2), entry["GMAC"].as_f64().unwrap());
            assert_eq!(round(macs.flops() as f64 / 1e9, 1), entry["GFLOP"].as_f64().unwrap());
            let percent = |part: u64| round(100.0 * part as f64 / macs.total() as f64, 1);
            let kinds = &entry["kind_pct"];
            assert_eq!(percent(macs.stem_and_head), kinds["stem/head"].as_f64().unwrap());
            assert_eq!(percent(macs.depthwise), kinds["dw"].as_f64().unwrap());
            assert_eq!(percent(macs.expand), kinds["pw_expand"].as_f64().unwrap());
            assert_eq!(percent(macs.compress), kinds["pw_project"].as_f64().unwrap());
            assert_eq!(percent(macs.residual), kinds["res_conv"].as_f64().unwrap());
            for (stage, share) in entry["stage_pct"].as_object().unwrap() {
                let nodes = graph.nodes.iter().filter(|node| node.name.split('.').next() == Some(stage));
                let sum = nodes.map(|node| graph.node_macs(node, patch).total()).sum();
                assert_eq!(percent(sum), share.as_f64().unwrap(), "{stage}");
            }
        }
    }

    #[test]
    fn memory_is_levels_scratch_and_weights() {
        let graph = graph(&preset("L", Generation::V2, 3, 32)).unwrap();
        let full = 128_u64.pow(3) * 4;
        // The input in four channels, 32 channels at full size, twice the channels at an eighth of the voxels per level.
        let levels = full * 4 + [0, 1, 2, 3, 4].map(|level| ((full * 32) << level) >> (3 * level)).iter().sum::<u64>();
        let weights = 61_969_251 * 4;
        assert_eq!(graph.memory_bytes([128; 3], 128 << 20), levels + full * 32 + weights, "full-size blocks need the most");
        let up = 64 * 127_u64.pow(3) * 4;
        assert_eq!(graph.memory_bytes([128; 3], u64::MAX), levels + up + weights, "a stored up block needs twice that");
    }
}
