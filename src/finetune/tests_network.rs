//! Whole networks against PyTorch: values, and steps of its optimizers.

use std::path::Path;

use burn::backend::{Autodiff, Flex};
use burn::tensor::{DType, Int, Tensor, TensorData};
use mednext::{GrnReduction, Weights, graph, infer};

use crate::loss::{Criterion, DeepSupervision, Target};
use crate::network::{Network, Values};
use crate::optimizer::{Optimizer, Rule, clip};
use crate::testkit::{Golden, golden, misc_json};

fn weights(name: &str) -> Weights {
    Weights::read_safetensors(&Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/golden")).join(name)).unwrap()
}

fn network(weights: &Weights) -> Network<Flex> {
    let config = infer(weights).unwrap();
    assert_eq!(config.grn_reduction, GrnReduction::Mean);
    Network::new(graph(&config).unwrap(), weights, &Default::default(), DType::F64).unwrap()
}

fn five(golden: &Golden) -> Tensor<Flex, 5> {
    let data = TensorData::new(golden.data.clone(), golden.shape.clone());
    Tensor::from_data(data, (&Default::default(), DType::F64))
}

#[track_caller]
fn assert_close(what: &str, got: &[f64], want: &[f64], tolerance: f64) {
    let largest = want.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    let worst = got.iter().zip(want).fold(0.0_f64, |m, (a, b)| m.max((a - b).abs()));
    assert!(got.len() == want.len() && worst <= tolerance * largest, "{what}: off by {worst:e} of {largest:e}");
}

#[test]
fn networks_compute_what_pytorch_computes() {
    for name in ["k3_c8", "k3_c4_allgrn", "k3_c4_2ch_noncubic", "k3_c4_v1nogrn", "k5_c4"] {
        let (network, tensors) =
            (network(&weights(&format!("tiny_{name}.weights.safetensors"))), golden(&format!("tiny_{name}.io.safetensors")));
        for (level, logits) in network.forward(five(&tensors["x"])).into_iter().enumerate() {
            let want = &tensors[&format!("ds{level}")];
            assert_eq!(logits.dims().to_vec(), want.shape);
            assert_close(&format!("{name}, head {level}"), &logits.into_data().iter::<f64>().collect::<Vec<_>>(), &want.data, 5e-6);
        }
    }
}

#[test]
fn weights_come_back_as_they_were() {
    let weights = weights("tiny_k3_c8.weights.safetensors");
    assert_eq!(network(&weights).weights(), weights);
}

/// The loss of a batch, and its gradients by name.
fn learn(network: &Network<Flex>, tensors: &std::collections::BTreeMap<String, Golden>) -> (f64, Values<Flex>) {
    let tracked = network.tracked(|_| true);
    let heads = tracked.forward(Tensor::from_inner(five(&tensors["x"])));
    let target = &tensors["target"];
    let size: [usize; 3] = target.shape[2..].try_into().unwrap();
    let criterion = Criterion { target: Target::Labels { ignore: None }, batch_dice: true };
    let (mut loss, mut surrogate) = (0.0, Tensor::<Autodiff<Flex>, 1>::zeros([1], (&Default::default(), DType::F64)));
    for (weight, logits) in DeepSupervision::Nnunet.weights(heads.len()).into_iter().zip(heads) {
        if weight == 0.0 {
            continue;
        }
        let [n, _, z, y, x] = logits.dims();
        // These goldens took the first voxel of each cell, not the nearest to its centre as nnU-Net does.
        let step = size[0] / z;
        let cell = |label: usize| {
            let (sample, place) = (label / (z * y * x), label % (z * y * x));
            let [z, y, x] = [place / x / y, place / x % y, place % x].map(|at| at * step);
            ((sample * size[0] + z) * size[1] + y) * size[2] + x
        };
        let labels = (0..n * z * y * x).map(|label| target.data[cell(label)]);
        let labels = TensorData::new(labels.map(|label| label as i64).collect::<Vec<_>>(), [n, 1, z, y, x]);
        let scored = criterion.loss(logits.clone().inner(), Tensor::<Flex, 5, Int>::from_data(labels, &Default::default()));
        loss += weight * scored.value.into_data().iter::<f64>().next().unwrap();
        surrogate = surrogate + (logits * Tensor::from_inner(scored.gradient * weight)).sum();
    }
    let gradients = surrogate.backward();
    (loss, tracked.gradients(&gradients))
}

#[test]
fn five_steps_are_those_of_pytorch() {
    let (initial, tensors, numbers) = (weights("misc/optim_init_weights.safetensors"), golden("misc/optim_batch.safetensors"), misc_json());
    let (longest, steps) = (12.0, 5);
    let adamw = |epsilon, weight_decay, betas| Rule::AdamW { betas, epsilon, weight_decay };
    for (name, rule, rate) in [
        ("adamw_lr1e-3_wd3e-5_eps1e-4", adamw(1e-4, 3e-5, [0.9, 0.999]), 1e-3),
        ("adamw_lr1e-3_wd3e-5_eps1e-8", adamw(1e-8, 3e-5, [0.9, 0.999]), 1e-3),
        ("adamw_lr1e-3_wd5e-2_eps1e-8_b98", adamw(1e-8, 5e-2, [0.9, 0.98]), 1e-3),
        ("sgd_lr1e-2_nesterov099_wd3e-5", Rule::Sgd { momentum: 0.99, weight_decay: 3e-5 }, 1e-2),
    ] {
        let (mut network, mut optimizer) = (network(&initial), Optimizer::new(rule));
        let trace = numbers["optim"][name].as_array().unwrap();
        for (step, numbers) in trace.iter().enumerate().take(steps) {
            let (loss, mut gradients) = learn(&network, &tensors);
            let without: Vec<&str> = network.values().keys().filter(|name| !gradients.contains_key(*name)).map(String::as_str).collect();
            assert_eq!(without, ["out_4.conv_out.bias", "out_4.conv_out.weight"]);
            let length = clip(&mut gradients, longest);
            for (what, got, want) in [("loss", loss, &numbers["loss"]), ("gradient", length, &numbers["grad_norm_preclip"])] {
                let want = want.as_f64().unwrap();
                assert!((got - want).abs() <= 1e-5 * want, "{name}, step {step}: {what} {got} instead of {want}");
            }
            if step == 0 {
                for (tensor, want) in tensors.iter().filter_map(|(key, want)| Some((key.strip_prefix("grad0.")?, want))) {
                    assert_close(tensor, &gradients[tensor].to_data().iter::<f64>().collect::<Vec<_>>(), &want.data, 2e-5);
                }
            }
            optimizer.step(&mut network, &gradients, rate);
        }
        let (loss, want) = (learn(&network, &tensors).0, trace[steps]["loss_after"].as_f64().unwrap());
        assert!((loss - want).abs() <= 1e-5 * want, "{name}: loss {loss} instead of {want}");
        let after = network.weights();
        for (tensor, want) in golden(&format!("misc/optim_after5_{name}.safetensors")) {
            let got: Vec<f64> = after.get(&tensor).unwrap().data.iter().map(|v| f64::from(*v)).collect();
            assert_close(&format!("{name}, {tensor}"), &got, &want.data, 1e-5);
        }
    }
}

#[test]
fn long_gradients_are_cut_to_length() {
    let tensor =
        |values: &[f64]| Tensor::<Flex, 1>::from_data(TensorData::new(values.to_vec(), [values.len()]), (&Default::default(), DType::F64));
    let mut gradients = Values::from([("a".to_owned(), tensor(&[3.0, 0.0])), ("b".to_owned(), tensor(&[4.0]))]);
    assert_eq!(clip(&mut gradients, 12.0), 5.0);
    assert_eq!(gradients["b"].to_data().iter::<f64>().next(), Some(4.0));
    assert_eq!(clip(&mut gradients, 1.0), 5.0);
    assert_close("cut", &[gradients["a"].to_data().iter::<f64>().next().unwrap()], &[0.6], 1e-6);
}
