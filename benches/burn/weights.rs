//! Named tensors on the device: from a safetensors file, or noise of unit gain.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::iter;
use std::path::Path;

use burn::backend::wgpu::WgpuDevice;
use burn::tensor::{DType, Tensor, TensorData};
use safetensors::{Dtype, SafeTensors};

use crate::Backend;

/// Shape and values.
type Stored = (Vec<usize>, Vec<f32>);

/// Where a network's tensors come from.
pub struct Weights {
    /// By published name; `None` means noise.
    stored: Option<BTreeMap<String, Stored>>,
    /// Tensors handed out, which seeds the noise.
    taken: u64,
    device: WgpuDevice,
}

impl Weights {
    pub fn noise(device: &WgpuDevice) -> Self {
        Self { stored: None, taken: 0, device: device.clone() }
    }

    pub fn read(path: &Path, device: &WgpuDevice) -> Result<Self, Box<dyn Error>> {
        let bytes = fs::read(path)?;
        let mut stored = BTreeMap::new();
        for (name, view) in SafeTensors::deserialize(&bytes)?.iter() {
            if view.dtype() != Dtype::F32 {
                return Err(format!("{name} is {:?} instead of F32", view.dtype()).into());
            }
            let values = view.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
            stored.insert(name.to_owned(), (view.shape().to_vec(), values));
        }
        Ok(Self { stored: Some(stored), taken: 0, device: device.clone() })
    }

    pub fn device(&self) -> &WgpuDevice {
        &self.device
    }

    /// Whether the file has this tensor; `None` when there is no file to ask.
    pub fn stores(&self, name: &str) -> Option<bool> {
        self.stored.as_ref().map(|stored| stored.contains_key(name))
    }

    pub fn take<const D: usize>(&mut self, name: &str, shape: [usize; D]) -> Result<Tensor<Backend, D>, Box<dyn Error>> {
        self.taken += 1;
        let values = match &mut self.stored {
            None => scaled_noise(name, &shape, self.taken),
            Some(stored) => {
                let (found, values) = stored.remove(name).ok_or_else(|| format!("{name} is missing"))?;
                if found != shape {
                    return Err(format!("{name} has the shape {found:?} instead of {shape:?}").into());
                }
                values
            }
        };
        Ok(Tensor::from_data(TensorData::new(values, shape), (&self.device, DType::F32)))
    }
}

/// Uniform values that keep the variance of what passes through a convolution.
fn scaled_noise(name: &str, shape: &[usize], seed: u64) -> Vec<f32> {
    let numel: usize = shape.iter().product();
    let gain = if shape.len() == 5 { (3.0 * shape[0] as f32 / numel as f32).sqrt() } else { 0.3 };
    let offset = if name.ends_with("norm.weight") { 1.0 } else { 0.0 };
    noise(seed + 1).take(numel).map(|value| value * gain + offset).collect()
}

/// Uniform in [-1, 1), by splitmix64.
pub fn noise(seed: u64) -> impl Iterator<Item = f32> {
    let mut state = seed << 32;
    iter::repeat_with(move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.0
    })
}
