//! Before a graphics device is trusted: a small network on it must agree with the CPU engine.
//!
//! Drivers with wrong arithmetic exist (loops cut short, mis-compiled barriers); a wrong mask without an error is the one thing
//! that must not happen. The network holds every kernel: all block kinds, with and without GRN, odd channel counts.

use std::sync::Arc;

use mednext::{Config, Generation, Graph, Preset, Tensor, Weights, graph};

use crate::device::Device;
use crate::gpu::Gpu;
use crate::plan::{Heads, Limits, lower};
use crate::runner::EngineError;
use crate::selftest_window::check_window;

/// Largest difference allowed, relative to the largest output.
const TOLERANCE: f32 = 1e-4;
/// Lets some blocks of the network store their expanded activation and others expand twice.
const STORE_HIDDEN_CHANNELS: usize = 24;
/// Where slabs are used at all: lets some of those others expand into slabs, and some not.
const SLAB_HIDDEN_BYTES: u64 = 16 << 10;

/// Compares the device with the CPU engine.
pub(crate) fn check(gpu: &Arc<Gpu>) -> Result<(), EngineError> {
    let mut config = Config::preset(Preset::S, Generation::V2, 3, 6, 2, 5);
    config.blocks = [1; 9];
    let patch = [16, 32, 16];
    let graph = graph(&config)?;
    let weights = noise_weights(&graph);
    let input: Vec<f32> = noise(1).take(config.in_channels * patch.iter().product::<usize>()).collect();
    let run = |device: Device| {
        let limits = device.limits();
        let slab_hidden_bytes = limits.slab_hidden_bytes.min(SLAB_HIDDEN_BYTES);
        let limits = Limits { store_hidden_channels: STORE_HIDDEN_CHANNELS, slab_hidden_bytes, ..limits };
        device.run_plan(lower(&graph, &weights, patch, Heads::All, limits)?, &input)
    };
    let (got, want) = (run(Device::Gpu(Arc::clone(gpu)))?, run(Device::Cpu)?);
    for (level, (got, want)) in got.iter().zip(&want).enumerate() {
        same_result(got, want).map_err(|difference| {
            let device = gpu.description();
            EngineError::Device(format!(
                "{device} computes wrongly (output {level} is off by {difference:.1e} of its range); update the graphics driver, or use --device cpu"
            ))
        })?;
    }
    check_window(gpu)
}

/// Whether two results differ by rounding only; if not, by how much of their range.
pub(crate) fn same_result(got: &[f32], want: &[f32]) -> Result<(), f32> {
    let largest = want.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    let difference = got.iter().zip(want).fold(0.0_f32, |m, (a, b)| if a.is_nan() { f32::INFINITY } else { m.max((a - b).abs()) });
    if difference > TOLERANCE * largest { Err(difference / largest) } else { Ok(()) }
}

/// Weights from a seed, of unit gain, so that no level vanishes or explodes: for tests and benchmarks.
pub fn noise_weights(graph: &Graph) -> Weights {
    graph
        .params()
        .into_iter()
        .enumerate()
        .map(|(seed, param)| {
            let fan_in = (param.numel() / param.shape[0]).max(1) as f32;
            let gain = if param.shape.len() == 5 { (3.0 / fan_in).sqrt() } else { 0.3 };
            let offset = if param.name.ends_with("norm.weight") { 1.0 } else { 0.0 };
            let values: Vec<f32> = noise(seed as u64 + 2).take(param.numel()).map(|v| v * gain + offset).collect();
            (param.name, Tensor::new(param.shape, values))
        })
        .collect()
}

/// Uniform in [-1, 1), by splitmix64.
pub fn noise(seed: u64) -> impl Iterator<Item = f32> {
    let mut state = seed << 32;
    std::iter::repeat_with(move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.0
    })
}
