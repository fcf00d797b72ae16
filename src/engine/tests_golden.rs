//! Both executors against PyTorch.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use mednext::{Block, BlockKind, Config, Generation, Graph, GrnReduction, Node, Op, Preset, Tensor, Weights, graph, infer, upkern};

use crate::device::Device;
use crate::gpu::Gpu;
use crate::plan::{Heads, Limits, lower};
use crate::selftest::{noise, noise_weights};

/// The tolerance: 1e-4 of the largest value.
const TOLERANCE: f32 = 1e-4;

pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/golden")).join(name)
}

pub(crate) fn golden(name: &str) -> BTreeMap<String, Tensor> {
    let weights = Weights::read_safetensors(&path(name)).unwrap();
    weights.iter().map(|(name, tensor)| (name.to_owned(), tensor.clone())).collect()
}

/// The CPU engine, and the graphics device tests run on (a software driver where there is no other).
pub(crate) fn devices() -> Vec<Device> {
    static GPU: OnceLock<Arc<Gpu>> = OnceLock::new();
    let gpu =
        GPU.get_or_init(|| Arc::new(Gpu::open(None).expect("GPU tests need a Vulkan, Metal or DX12 driver: tests/vulkan.sh installs one")));
    vec![Device::Cpu, Device::Gpu(Arc::clone(gpu))]
}

#[track_caller]
pub(crate) fn assert_close(what: &str, got: &[f32], want: &[f32]) {
    assert_eq!(got.len(), want.len(), "{what}");
    let largest = want.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    let (at, difference) = got
        .iter()
        .zip(want)
        .map(|(a, b)| if a.is_nan() { f32::INFINITY } else { (a - b).abs() })
        .enumerate()
        .fold((0, 0.0), |worst, (i, d)| if d > worst.1 { (i, d) } else { worst });
    println!("{what}: {:.2e} of the largest value", difference / largest);
    assert!(difference <= TOLERANCE * largest, "{what}: off by {difference:e} at {at}, largest value {largest:e}");
}

/// A graph of nothing but one block.
fn block_graph(kind: BlockKind, weights: &Weights, kernel: usize) -> Graph {
    let shape = |name: &str| weights.get(&format!("block.{name}")).unwrap().shape.clone();
    let (conv2, conv3) = (shape("conv2.weight"), shape("conv3.weight"));
    let grn = weights.get("block.grn_gamma").map(|_| GrnReduction::Mean);
    let block = Block { kind, in_channels: conv2[1], hidden: conv2[0], out_channels: conv3[0], kernel, grn };
    let input = Node { name: "input".to_owned(), op: Op::Input, inputs: vec![], channels: conv2[1], level: 0 };
    let node = Node { name: "block".to_owned(), op: Op::Block(block), inputs: vec![0], channels: conv3[0], level: 0 };
    // A head that is never computed: `Heads::Features` asks for what it reads.
    let head = Node { name: "out_0".to_owned(), op: Op::Head, inputs: vec![1], channels: 1, level: 0 };
    Graph { nodes: vec![input, node, head], outputs: vec![2] }
}

#[test]
fn blocks_match_pytorch() {
    for kind in ["block", "down", "up"] {
        for (suffix, kernel) in [("k3_grn", 3), ("k3_nogrn", 3), ("k5_grn", 5)] {
            let name = format!("block_{kind}_{suffix}.safetensors");
            let tensors = golden(&name);
            let weights: Weights = tensors
                .iter()
                .filter_map(|(name, tensor)| Some((format!("block.{}", name.strip_prefix("param.")?), tensor.clone())))
                .collect();
            let kind = match kind {
                "block" => BlockKind::Same,
                "down" => BlockKind::Down,
                _ => BlockKind::Up,
            };
            let graph = block_graph(kind, &weights, kernel);
            let (x, y) = (&tensors["x"], &tensors["y"]);
            let patch = [x.shape[2], x.shape[3], x.shape[4]];
            for device in devices() {
                // Samples of a batch are independent: one run each.
                let got: Vec<f32> = x
                    .data
                    .chunks(x.data.len() / x.shape[0])
                    .flat_map(|x| device.run_once(&graph, &weights, patch, Heads::Features, x).unwrap().remove(0))
                    .collect();
                assert_close(&format!("{name} on {}", device.describe()), &got, &y.data);
            }
        }
    }
}

#[test]
fn tiny_networks_match_pytorch() {
    for case in ["k3_c8", "k3_c4_allgrn", "k3_c4_2ch_noncubic", "k3_c4_v1nogrn", "k5_c4"] {
        let weights = Weights::read_safetensors(&path(&format!("tiny_{case}.weights.safetensors"))).unwrap();
        network_matches(case, &weights, &format!("tiny_{case}.io.safetensors"));
    }
}

/// A network whose kernels were grown from 3 to 5, and the one inside nnU-Net's own checkpoint.
#[test]
fn grown_and_trained_networks_match_pytorch() {
    let source = Weights::read_safetensors(&path("upkern_src_k3.weights.safetensors")).unwrap();
    network_matches("upkern", &upkern(&source, 5), "upkern_forward.io.safetensors");
    let trained = Weights::read_safetensors(&path("e2e/checkpoint_final.weights.safetensors")).unwrap();
    network_matches("checkpoint", &trained, "e2e/checkpoint_forward.io.safetensors");
}

/// Every head on every device against the outputs in `io`.
fn network_matches(case: &str, weights: &Weights, io: &str) {
    let io = golden(io);
    let graph = graph(&infer(weights).unwrap()).unwrap();
    let shape = &io["x"].shape;
    for device in devices() {
        let outputs = device.run_once(&graph, weights, [shape[2], shape[3], shape[4]], Heads::All, &io["x"].data).unwrap();
        assert_eq!(outputs.len(), 5);
        for (level, got) in outputs.iter().enumerate() {
            assert_close(&format!("{case} ds{level} on {}", device.describe()), got, &io[&format!("ds{level}")].data);
        }
        let main = device.run_once(&graph, weights, [shape[2], shape[3], shape[4]], Heads::Main, &io["x"].data).unwrap().remove(0);
        assert_close(&format!("{case}, no other heads, on {}", device.describe()), &main, &io["ds0"].data);
    }
}

/// A batch has no place in the engine; features and logits of a tiny network differ by the head alone.
#[test]
fn features_are_what_the_head_reads() {
    let weights = Weights::read_safetensors(&path("tiny_k3_c8.weights.safetensors")).unwrap();
    let io = golden("tiny_k3_c8.io.safetensors");
    let config = infer(&weights).unwrap();
    let graph = graph(&config).unwrap();
    let (head, bias) = (weights.get("out_0.conv_out.weight").unwrap(), weights.get("out_0.conv_out.bias").unwrap());
    let features = Device::Cpu.run_once(&graph, &weights, [32; 3], Heads::Features, &io["x"].data).unwrap().remove(0);
    let voxels = 32 * 32 * 32;
    let logits: Vec<f32> = (0..config.classes)
        .flat_map(|k| {
            let (features, head, bias) = (&features, &head.data, bias.data[k]);
            let classes = config.classes;
            (0..voxels).map(move |v| bias + (0..8).map(|c| head[c * classes + k] * features[c * voxels + v]).sum::<f32>())
        })
        .collect();
    assert_close("features", &logits, &io["ds0"].data);
}

/// A head folded into the last block, wherever that one's expanded activation goes, and one that reads its features.
#[test]
fn a_folded_head_is_the_same_head() {
    let mut config = Config::preset(Preset::S, Generation::V2, 3, 16, 1, 3);
    config.blocks = [1; 9];
    let graph = graph(&config).unwrap();
    let weights = noise_weights(&graph);
    let patch = [32, 32, 16];
    let input: Vec<f32> = noise(6).take(patch.iter().product()).collect();
    let (head, bias) = (&weights.get("out_0.conv_out.weight").unwrap().data, &weights.get("out_0.conv_out.bias").unwrap().data);
    for device in devices() {
        let fused = Limits { slab_hidden_bytes: 0, store_hidden_channels: usize::MAX, ..device.limits() };
        let slabs = Limits { slab_hidden_bytes: 1 << 20, ..fused };
        let stored = Limits { store_hidden_channels: 0, ..slabs };
        let small = Limits { dispatch_flops: 1_000_000, ..fused };
        for (limits, place) in [(fused, "mlp"), (small, "mlp"), (slabs, "compress"), (stored, "compress")] {
            let plan = |heads| lower(&graph, &weights, patch, heads, limits).unwrap();
            let features = device.run_plan(plan(Heads::Features), &input).unwrap().remove(0);
            let voxels = input.len();
            let value = |k: usize, v: usize| bias[k] + (0..16).map(|c| head[c * 3 + k] * features[c * voxels + v]).sum::<f32>();
            let want: Vec<f32> = (0..3 * voxels).map(|i| value(i / voxels, i % voxels)).collect();
            // The processor computes products of stored activations in tiles of far more outputs than a head has.
            let folds = place == "mlp" || matches!(device, Device::Gpu(_));
            for heads in [Heads::Main, Heads::All] {
                let plan = plan(heads);
                let of = |node: &str| plan.dispatches().filter(|d| plan.nodes[d.node] == node).last().map_or("", |d| d.kernel.name());
                assert!(of("dec_block_0.0").starts_with(place), "{}", of("dec_block_0.0"));
                assert_eq!(of("out_0").is_empty(), folds, "{heads:?} with {place} on {}", device.describe());
                let got = device.run_plan(plan, &input).unwrap().remove(0);
                assert_close(&format!("{heads:?} with {place} on {}", device.describe()), &got, &want);
            }
        }
    }
}

/// value(t, i) of `fullsize.json`: uniform in [-1, 1) from splitmix64(t * 2^32 + i).
fn recipe(t: u64, i: u64) -> f32 {
    let mut z = (t << 32).wrapping_add(i).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (((z ^ (z >> 31)) >> 40) as f64 / f64::from(1 << 24) * 2.0 - 1.0) as f32
}

/// A JSON object in the order it was written, which is the order the recipe counts in.
struct Entries(Vec<(String, Vec<usize>)>);

impl<'de> serde::Deserialize<'de> for Entries {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Entries;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of shapes")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// Full-size weights by the recipe; names in PyTorch's order come from the state-dict listing.
fn recipe_weights(keys: &str) -> Weights {
    let text = std::fs::read_to_string(path(keys)).unwrap();
    let Entries(entries) = serde_json::from_str(&text).unwrap();
    entries
        .into_iter()
        .enumerate()
        .filter(|(_, (name, _))| name != "dummy_tensor")
        .map(|(t, (name, shape))| {
            let numel: usize = shape.iter().product();
            let scale = |v: f32| {
                if name.ends_with("norm.weight") {
                    1.0 + 0.2 * v
                } else if name.ends_with("norm.bias") {
                    0.2 * v
                } else if name.ends_with("grn_gamma") {
                    0.5 * v
                } else if name.ends_with("grn_beta") || name.ends_with(".bias") {
                    0.1 * v
                } else {
                    v * (3.0 / (numel / shape[0]) as f32).sqrt()
                }
            };
            let values: Vec<f32> = (0..numel as u64).map(|i| scale(recipe(t as u64, i))).collect();
            (name.clone(), Tensor::new(shape, values))
        })
        .collect()
}

fn full_size(case: &str, preset: Preset, keys: &str, edge: usize, device: &Device) {
    let weights = recipe_weights(keys);
    let config = Config::preset(preset, Generation::V2, 3, 32, 1, 3);
    assert_eq!(infer(&weights).unwrap(), config);
    let input: Vec<f32> = (0..edge.pow(3) as u64).map(|i| recipe(9999, i)).collect();
    let outputs = device.run_once(&graph(&config).unwrap(), &weights, [edge; 3], Heads::All, &input).unwrap();
    let text = std::fs::read_to_string(path("fullsize.json")).unwrap();
    let truth: serde_json::Value = serde_json::from_str(&text).unwrap();
    for (level, got) in outputs.iter().enumerate() {
        let want = &truth[case]["outputs_f64"][format!("ds{level}")];
        let largest = want["max"].as_f64().unwrap().max(-want["min"].as_f64().unwrap());
        let l2 = got.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
        let mut worst = (l2 / want["l2"].as_f64().unwrap() - 1.0).abs();
        for (at, value) in want["probe_idx"].as_array().unwrap().iter().zip(want["probe"].as_array().unwrap()) {
            let got = f64::from(got[at.as_u64().unwrap() as usize]);
            worst = worst.max((got - value.as_f64().unwrap()).abs() / largest);
        }
        println!("{case} ds{level} on {}: {worst:.2e}", device.describe());
        assert!(worst <= f64::from(TOLERANCE), "{case} ds{level}: {worst:e}");
    }
}

#[test]
fn full_size_s_matches_pytorch() {
    for device in devices() {
        full_size("S_k3_C32_v2_32", Preset::S, "state_dict_keys_S_k3_C32_v2.json", 32, &device);
    }
}

#[test]
fn full_size_l_matches_pytorch_on_the_cpu() {
    full_size("L_k3_C32_v2_64", Preset::L, "state_dict_keys_L_k3_C32_v2.json", 64, &Device::Cpu);
}

#[test]
fn full_size_l_matches_pytorch_on_the_gpu() {
    full_size("L_k3_C32_v2_64", Preset::L, "state_dict_keys_L_k3_C32_v2.json", 64, &devices()[1]);
}
