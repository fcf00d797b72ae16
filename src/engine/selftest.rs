//! Before a graphics device is trusted: a small network on it must agree with the CPU engine.
//!
//! Drivers with wrong arithmetic exist (loops cut short, mis-compiled barriers); a wrong mask without an error is the one thing
//! that must not happen. The network holds every kernel: all block kinds, with and without GRN, odd channel counts. What changes the
//! shaders' text (precision, shape of products, kernel edge) is tried in every combination before a scan meets it.

use std::sync::Arc;

use mednext::{Config, Generation, Graph, Preset, Tensor, Weights, graph};

use crate::device::Device;
use crate::gpu::Gpu;
use crate::plan::{Heads, Limits, Precision, lower};
use crate::runner::EngineError;
use crate::selftest_window::check_window;

/// Largest difference allowed, relative to the largest output.
const TOLERANCE: f32 = 1e-4;
/// The same where activations are stored in half precision.
const TOLERANCE_F16: f32 = 1e-2;
/// Lets some blocks of the network store their expanded activation and others expand twice.
const STORE_HIDDEN_CHANNELS: usize = 24;
/// Where slabs are used at all: lets some of those others expand into slabs, and some not.
const SLAB_HIDDEN_BYTES: u64 = 16 << 10;

/// Lets one of the up blocks compute its depthwise result again in every pass.
const STORE_UP_BYTES: u64 = 128 << 10;

/// Compares a device that was just opened with the CPU engine, as it runs by itself.
pub(crate) fn check(gpu: &Arc<Gpu>) -> Result<(), EngineError> {
    check_network(gpu, &gpu.limits(), 3)?;
    check_window(gpu)
}

/// Compares the device with the CPU engine as plans under `limits` with this kernel edge will use it, once.
pub(crate) fn check_network(gpu: &Arc<Gpu>, limits: &Limits, kernel: usize) -> Result<(), EngineError> {
    let variant = (limits.precision, limits.products(), kernel);
    if gpu.has_passed(variant) {
        return Ok(());
    }
    let mut config = Config::preset(Preset::S, Generation::V2, kernel, 6, 2, 5);
    config.blocks = [1; 9];
    let patch = [16, 32, 16];
    let graph = graph(&config)?;
    let weights = noise_weights(&graph);
    let input: Vec<f32> = noise(1).take(config.in_channels * patch.iter().product::<usize>()).collect();
    let run = |device: Device, limits: Limits| {
        let slab_hidden_bytes = limits.slab_hidden_bytes.min(SLAB_HIDDEN_BYTES);
        let (store_hidden_channels, store_up_bytes) = (STORE_HIDDEN_CHANNELS, STORE_UP_BYTES);
        let limits = Limits { store_hidden_channels, slab_hidden_bytes, store_up_bytes, ..limits };
        device.run_plan(lower(&graph, &weights, patch, Heads::All, limits)?, &input)
    };
    let (got, want) = (run(Device::Gpu(Arc::clone(gpu)), *limits)?, run(Device::Cpu, Limits::CPU)?);
    for (level, (got, want)) in got.iter().zip(&want).enumerate() {
        same_result(got, want, limits.precision).map_err(|difference| {
            let (device, precision) = (gpu.description(), limits.precision);
            EngineError::Device(format!(
                "{device} computes wrongly in {precision} (output {level} is off by {difference:.1e} of its range); \
                 update the graphics driver, or use --device cpu"
            ))
        })?;
    }
    gpu.passed(variant);
    Ok(())
}

/// Whether two results differ by rounding only; if not, by how much of their range.
pub(crate) fn same_result(got: &[f32], want: &[f32], precision: Precision) -> Result<(), f32> {
    let tolerance = match precision {
        Precision::F32 => TOLERANCE,
        Precision::F16 => TOLERANCE_F16,
    };
    let largest = want.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    let difference = got.iter().zip(want).fold(0.0_f32, |m, (a, b)| if a.is_nan() { f32::INFINITY } else { m.max((a - b).abs()) });
    if difference > tolerance * largest { Err(difference / largest) } else { Ok(()) }
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
