//! Names, shapes and configurations against what PyTorch wrote.

use std::collections::BTreeMap;

use crate::testing::{data, weights};
use crate::{Config, Generation, GrnReduction, Preset, graph, infer};

#[test]
fn state_dictionaries_have_our_names_and_shapes() {
    for (file, preset, generation) in [
        ("S_k3_C32_v1", Preset::S, Generation::V1),
        ("S_k3_C32_v2", Preset::S, Generation::V2),
        ("L_k3_C32_v1", Preset::L, Generation::V1),
        ("L_k3_C32_v2", Preset::L, Generation::V2),
    ] {
        let bytes = std::fs::read(data(&format!("golden/state_dict_keys_{file}.json"))).unwrap();
        let mut golden: BTreeMap<String, Vec<usize>> = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(golden.remove("dummy_tensor"), Some(vec![1]));
        let config = Config::preset(preset, generation, 3, 32, 1, 3);
        let ours: BTreeMap<_, _> = graph(&config).unwrap().params().into_iter().map(|p| (p.name, p.shape)).collect();
        assert_eq!(ours, golden, "{file}");
        let shapes = golden.iter().map(|(name, shape)| (name.as_str(), shape.as_slice())).collect();
        assert_eq!(crate::infer::infer_shapes(&shapes).unwrap(), config, "{file}");
    }
}

#[test]
fn tiny_networks_are_found_from_their_tensors() {
    let base = Config {
        in_channels: 1,
        classes: 4,
        width: 4,
        kernel: 3,
        ratios: [2, 3, 4, 4, 4, 4, 4, 3, 2],
        blocks: [1, 2, 1, 1, 1, 1, 1, 2, 1],
        grn: true,
        grn_exceptions: vec!["down_0".to_owned()],
        grn_reduction: GrnReduction::Mean,
        deep_supervision: true,
    };
    let cases = [
        ("k3_c8", Config { width: 8, ..base.clone() }),
        ("k3_c4_2ch_noncubic", Config { in_channels: 2, ..base.clone() }),
        ("k3_c4_allgrn", Config { grn_exceptions: vec![], ..base.clone() }),
        ("k3_c4_v1nogrn", Config { grn: false, grn_exceptions: vec![], ..base.clone() }),
        ("k5_c4", Config { kernel: 5, ..base }),
    ];
    for (name, config) in cases {
        let weights = weights(&format!("golden/tiny_{name}.weights.safetensors"));
        assert_eq!(infer(&weights).unwrap(), config, "{name}");
        let full = graph(&config).unwrap();
        weights.check(&full).unwrap();
        assert_eq!(weights.numel(), full.parameter_count());
        weights.check(&graph(&Config { deep_supervision: false, ..config }).unwrap()).unwrap();
    }
}
