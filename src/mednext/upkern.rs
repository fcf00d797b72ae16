//! Larger kernels from smaller ones, so that a k=3 checkpoint can start a k=5 network.

use crate::weights::{Tensor, Weights};

/// Grows every depthwise kernel to `target_kernel` along each axis and keeps all other tensors.
///
/// Source: `nnunet_mednext/run/load_weights.py` (UpKern): `F.interpolate(mode="trilinear", align_corners=False)` of each
/// kernel, magnitudes unchanged.
pub fn upkern(weights: &Weights, target_kernel: usize) -> Weights {
    let grown = weights.iter().map(|(name, tensor)| {
        let tensor = if name.ends_with(".conv1.weight") { grow(tensor, target_kernel) } else { tensor.clone() };
        (name.to_owned(), tensor)
    });
    grown.collect()
}

fn grow(tensor: &Tensor, target: usize) -> Tensor {
    let [channels, 1, d, h, w] = tensor.shape[..] else { return tensor.clone() };
    if [d, h, w] == [target; 3] {
        return tensor.clone();
    }
    let axes = [d, h, w].map(|source| samples(source, target));
    let mut values = Vec::with_capacity(channels * target.pow(3));
    for kernel in tensor.data.chunks_exact(d * h * w) {
        let at = |z: usize, y: usize, x: usize| kernel[(z * h + y) * w + x];
        for z in &axes[0] {
            for y in &axes[1] {
                for x in &axes[2] {
                    let row = |zi: usize, yi: usize| x.mix(at(zi, yi, x.low), at(zi, yi, x.high));
                    let plane = |zi: usize| y.mix(row(zi, y.low), row(zi, y.high));
                    values.push(z.mix(plane(z.low), plane(z.high)));
                }
            }
        }
    }
    Tensor::new(vec![channels, 1, target, target, target], values)
}

/// Two neighbours and the weight of the higher one.
struct Sample {
    low: usize,
    high: usize,
    fraction: f32,
}

impl Sample {
    fn mix(&self, low: f32, high: f32) -> f32 {
        (1.0 - self.fraction) * low + self.fraction * high
    }
}

/// PyTorch's `area_pixel_compute_source_index`: `max(0, (i + 1/2) * source/target - 1/2)`, in f32 as there.
fn samples(source: usize, target: usize) -> Vec<Sample> {
    let scale = source as f32 / target as f32;
    let sample = |i: usize| {
        let position = ((i as f32 + 0.5) * scale - 0.5).max(0.0);
        let low = (position as usize).min(source - 1);
        Sample { low, high: (low + 1).min(source - 1), fraction: position - low as f32 }
    };
    (0..target).map(sample).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::graph::graph;
    use crate::infer::infer;
    use std::path::Path;

    fn read(name: &str) -> Weights {
        let data = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/golden"));
        Weights::read_safetensors(&data.join(name)).unwrap()
    }

    fn assert_close(ours: &Tensor, golden: &Tensor, name: &str) {
        assert_eq!(ours.shape, golden.shape, "{name}");
        for (a, b) in ours.data.iter().zip(golden.data.iter()) {
            assert!((a - b).abs() <= 1e-6, "{name}: {a} against {b}");
        }
    }

    #[test]
    fn kernels_equal_torch_interpolation() {
        let golden = read("upkern_kernels.safetensors");
        let source: Weights = [("x.conv1.weight".to_owned(), golden.get("w3").unwrap().clone())].into_iter().collect();
        for target in [5, 7] {
            let name = format!("w3to{target}");
            assert_close(upkern(&source, target).get("x.conv1.weight").unwrap(), golden.get(&name).unwrap(), &name);
        }
    }

    #[test]
    fn a_network_grows_into_the_larger_one() {
        let source = read("upkern_src_k3.weights.safetensors");
        let config = infer(&source).unwrap();
        let grown = upkern(&source, 5);
        grown.check(&graph(&Config { kernel: 5, ..config.clone() }).unwrap()).unwrap();
        assert_eq!(infer(&grown).unwrap(), Config { kernel: 5, ..config });
        let pairs = read("upkern.safetensors");
        for (name, golden) in pairs.iter().filter_map(|(name, tensor)| Some((name.strip_prefix("k5.")?, tensor))) {
            assert_close(grown.get(name).unwrap(), golden, name);
        }
    }
}
