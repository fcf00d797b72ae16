//! What a network costs: parameters and arithmetic. Memory depends on the engine's plan.

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
}
