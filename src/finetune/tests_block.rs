//! The block against PyTorch's values and gradients, and against finite differences.

use std::collections::BTreeMap;

use burn::backend::wgpu::WgpuRuntime;
use burn::backend::{Autodiff, Flex};
use burn::tensor::{DType, Tensor, TensorData};
use mednext::{BlockKind, GrnReduction};

use super::*;
use crate::residual::residual_block;
use crate::testkit::{Golden, golden};

type Learning = Autodiff<Flex>;

/// Tensors of a block by published name, in double precision, all of them tracked.
struct Case {
    shape: Shape,
    tensors: BTreeMap<String, Tensor<Learning, 5>>,
}

const NAMES: [&str; 13] = [
    "x",
    "conv1.weight",
    "conv1.bias",
    "norm.weight",
    "norm.bias",
    "conv2.weight",
    "conv2.bias",
    "grn_gamma",
    "grn_beta",
    "conv3.weight",
    "conv3.bias",
    "res_conv.weight",
    "res_conv.bias",
];

fn tensor(data: &[f64], shape: &[usize]) -> Tensor<Learning, 5> {
    let mut five = [1; 5];
    five[..shape.len()].copy_from_slice(shape);
    Tensor::from_data(TensorData::new(data.to_vec(), five), (&Default::default(), DType::F64))
}

impl Case {
    fn new(shape: Shape, values: &BTreeMap<String, Golden>) -> Self {
        let named = NAMES.iter().filter_map(|name| {
            let golden = values.get(&format!("param.{name}")).or_else(|| values.get(*name))?;
            Some(((*name).to_owned(), tensor(&golden.data, &golden.shape).require_grad()))
        });
        Self { shape, tensors: named.collect() }
    }

    fn vector(&self, name: &str) -> Tensor<Learning, 1> {
        self.tensors[name].clone().flatten(0, 4)
    }

    fn matrix(&self, name: &str) -> Tensor<Learning, 2> {
        let tensor = self.tensors[name].clone();
        let [out, inputs, ..] = tensor.dims();
        tensor.reshape([out, inputs])
    }

    fn run(&self) -> Tensor<Learning, 5> {
        let hidden = self.tensors["conv2.weight"].dims()[0];
        let grn = ["grn_gamma", "grn_beta"].map(|name| {
            let none = || Tensor::zeros([hidden], (&Default::default(), DType::F64));
            if self.tensors.contains_key(name) { self.vector(name) } else { none() }
        });
        let params = Params {
            depthwise: self.tensors["conv1.weight"].clone(),
            norm: [self.vector("conv1.bias"), self.vector("norm.weight"), self.vector("norm.bias")],
            expand: (self.matrix("conv2.weight"), self.vector("conv2.bias")),
            grn,
            compress: (self.matrix("conv3.weight"), self.vector("conv3.bias")),
        };
        let residual = self.tensors.contains_key("res_conv.weight").then(|| {
            let weight = self.matrix("res_conv.weight");
            // A transposed convolution's weight is [in, out].
            let weight = if self.shape.kind == BlockKind::Up { weight.transpose() } else { weight };
            (weight, self.vector("res_conv.bias"))
        });
        residual_block(self.tensors["x"].clone(), params, residual, self.shape)
    }

    fn loss(&self, against: &Golden) -> Tensor<Learning, 1> {
        (self.run() * tensor(&against.data, &against.shape)).sum()
    }
}

fn values<const D: usize>(tensor: Tensor<Flex, D>) -> Vec<f64> {
    tensor.into_data().iter().collect()
}

fn distance(got: &[f64], want: &[f64]) -> f64 {
    let largest = want.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    got.iter().zip(want).fold(0.0_f64, |m, (a, b)| m.max((a - b).abs())) / largest.max(1e-30)
}

fn goldens() -> impl Iterator<Item = (String, Shape, BTreeMap<String, Golden>)> {
    let kinds = [("block", BlockKind::Same), ("down", BlockKind::Down), ("up", BlockKind::Up)];
    kinds.into_iter().flat_map(|(name, kind)| {
        [("k3_grn", 3, true), ("k3_nogrn", 3, false), ("k5_grn", 5, true)].map(|(variant, kernel, grn)| {
            let file = format!("block_{name}_{variant}.safetensors");
            let tensors = golden(&file);
            (file, Shape { kind, kernel, grn: grn.then_some(GrnReduction::Mean) }, tensors)
        })
    })
}

#[test]
fn values_and_gradients_are_those_of_pytorch() {
    for (file, shape, golden) in goldens() {
        let case = Case::new(shape, &golden);
        let off = distance(&values(case.run().inner()), &golden["y"].data);
        assert!(off <= 2e-6, "{file}: y is off by {off:e}");
        let gradients = case.loss(&golden["grad_out"]).backward();
        for (name, tensor) in &case.tensors {
            let want = if name == "x" { &golden["grad_x"] } else { &golden[&format!("grad.{name}")] };
            let got = values(tensor.grad(&gradients).unwrap());
            if name == "conv1.bias" {
                // The norm takes it away again: PyTorch's gradient is rounding alone.
                assert!(got.iter().all(|v| v.abs() < 1e-10), "{file}: {got:?}");
                continue;
            }
            let off = distance(&got, &want.data);
            assert!(off <= 5e-6, "{file}: the gradient by {name} is off by {off:e}");
        }
    }
}

#[test]
fn gradients_are_finite_differences() {
    for (file, shape, mut golden) in goldens() {
        for grn in [shape.grn, shape.grn.map(|_| GrnReduction::Sum)] {
            let shape = Shape { grn, ..shape };
            let case = Case::new(shape, &golden);
            let gradients = case.loss(&golden["grad_out"]).backward();
            for (name, tensor) in &case.tensors {
                let key = if name == "x" { name.clone() } else { format!("param.{name}") };
                let got = values(tensor.grad(&gradients).unwrap());
                let largest = got.iter().fold(0.0_f64, |m, v| m.max(v.abs())).max(1.0);
                let count = golden[&key].data.len();
                for i in (0..count).step_by((count / 5).max(1)) {
                    let original = golden[&key].data[i];
                    let mut moved = |by: f64| {
                        golden.get_mut(&key).unwrap().data[i] = original + by;
                        let loss = values(Case::new(shape, &golden).loss(&golden["grad_out"]).inner())[0];
                        golden.get_mut(&key).unwrap().data[i] = original;
                        loss
                    };
                    let want = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                    assert!((got[i] - want).abs() <= 1e-6 * largest, "{file}, {grn:?}, {name} {i}: {} instead of {want}", got[i]);
                }
            }
        }
    }
}

/// A block's numbers on any backend.
fn run<B: Backend>(shape: Shape, golden: &BTreeMap<String, Golden>, device: &B::Device, dtype: DType, slab: usize) -> Run<B> {
    fn load<B: Backend, const D: usize>(golden: &Golden, shape: [usize; D], device: &B::Device, dtype: DType) -> Tensor<B, D> {
        Tensor::from_data(TensorData::new(golden.data.clone(), shape), (device, dtype))
    }
    let matrix = |name: &str| {
        let golden = &golden[&format!("param.{name}")];
        load::<B, 2>(golden, [golden.shape[0], golden.shape[1]], device, dtype)
    };
    let hidden = golden["param.conv2.weight"].shape[0];
    let vector = |name: &str| match golden.get(&format!("param.{name}")) {
        Some(golden) => load::<B, 1>(golden, [golden.data.len()], device, dtype),
        None => Tensor::zeros([hidden], (device, dtype)),
    };
    let five = |golden: &Golden| load::<B, 5>(golden, golden.shape.clone().try_into().unwrap(), device, dtype);
    let params = Params {
        depthwise: five(&golden["param.conv1.weight"]),
        norm: ["conv1.bias", "norm.weight", "norm.bias"].map(vector),
        expand: (matrix("conv2.weight"), vector("conv2.bias")),
        grn: ["grn_gamma", "grn_beta"].map(vector),
        compress: (matrix("conv3.weight"), vector("conv3.bias")),
    };
    Run { shape, params, x: five(&golden["x"]), slab }
}

/// Result, and gradients from a gradient by the result that is like it.
fn results<B: DepthwiseBackend>(run: &Run<B>) -> Vec<Vec<f64>> {
    let y = run.forward();
    let mut all = vec![y.clone().into_data().iter().collect()];
    all.extend(run.backward(y.sin()).map(|gradient| outer::<B, 1>(gradient).into_data().iter().collect::<Vec<f64>>()));
    // The norm takes the depthwise bias away again: its gradient is rounding alone.
    all.remove(3);
    all
}

/// Slabs add the same numbers in another order.
#[test]
fn slabs_change_nothing_but_rounding() {
    for (file, shape, golden) in goldens() {
        let hidden = golden["param.conv2.weight"].shape[0];
        let run = |slab| run::<Flex>(shape, &golden, &Default::default(), DType::F64, slab);
        let (whole, pieces) = (run(SLAB), run(7 * 2 * hidden));
        assert!(pieces.slabs(whole.size().iter().product()).len() > 3, "{file}: one slab alone");
        for (i, (got, want)) in results(&pieces).iter().zip(results(&whole)).enumerate() {
            assert!(distance(got, &want) < 1e-10, "{file}: result {i} is off by {:e}", distance(got, &want));
        }
    }
}

/// The same on a graphics device, in single precision.
#[test]
fn graphics_devices_agree_with_the_processor() {
    type Graphics = CubeBackend<WgpuRuntime, f32, i32, u32>;
    // Every kernel once: burn's own take long to compile on software drivers.
    for (file, shape, golden) in
        goldens().filter(|(_, shape, _)| shape.grn.is_some() && (shape.kernel == 3 || shape.kind == BlockKind::Same))
    {
        let want = results(&run::<Flex>(shape, &golden, &Default::default(), DType::F64, SLAB));
        let got = results(&run::<Graphics>(shape, &golden, &Default::default(), DType::F32, 7 * 2 * golden["param.conv2.weight"].shape[0]));
        for (i, (got, want)) in got.iter().zip(want).enumerate() {
            assert!(distance(got, &want) < 1e-4, "{file}: result {i} is off by {:e}", distance(got, &want));
        }
    }
}
