//! How long one tile takes, and which kernels take it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mednext::{Graph, Weights};

use crate::cpu::CpuRunner;
use crate::device::Device;
use crate::gpu::GpuRunner;
use crate::plan::{Dispatch, Heads, Limits, lower};
use crate::runner::{EngineError, Runner};

/// All launches of one kernel.
#[derive(Debug, Clone, PartialEq)]
pub struct KernelTime {
    /// Its name.
    pub name: &'static str,
    /// Launches.
    pub calls: u64,
    /// Their time together.
    pub time: Duration,
    /// Their arithmetic together (2 per multiply-add), as the plan counts it.
    pub flops: u64,
    /// Bytes of their bindings together.
    pub bytes: u64,
}

/// One network on one device.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Bytes of working buffers and weights.
    pub bytes: u64,
    /// Arithmetic of a tile.
    pub flops: u64,
    /// Time of each repeated tile, in order; the first tile, which compiles and touches memory, is left out.
    pub tiles: Vec<Duration>,
    /// Kernels of one more tile, longest first. On a GPU every launch is timed alone, waiting included.
    pub kernels: Vec<KernelTime>,
}

/// Runs `repeat` tiles under `limits`, which are the device's or tighter, then one more kernel by kernel. `between` is told before the
/// first and after each repeated tile.
pub fn profile(
    device: &Device,
    graph: &Graph,
    weights: &Weights,
    patch: [usize; 3],
    limits: Limits,
    repeat: usize,
    between: &mut dyn FnMut(usize) -> bool,
) -> Result<Profile, EngineError> {
    let plan = lower(graph, weights, patch, Heads::Main, limits)?;
    let (bytes, flops) = (plan.bytes(), plan.flops());
    let voxels: usize = patch.iter().product();
    let input: Vec<f32> = crate::selftest::noise(1).take(plan.input.channels * voxels).collect();
    let mut output = vec![0.0; plan.outputs[0].channels * voxels];
    let mut kernels = Kernels::default();
    let traffic: Vec<u64> = plan.dispatches().map(|dispatch| plan.bound_bytes(dispatch)).collect();
    let mut traffic = traffic.into_iter();
    let mut observe = |dispatch: &Dispatch, time: Duration| kernels.add(dispatch, time, traffic.next().unwrap_or(0));
    let tiles = match device {
        Device::Cpu => {
            let mut runner = CpuRunner::new(plan)?;
            let tiles = time_tiles(&mut runner, &input, &mut output, repeat, between)?;
            runner.profile(&input, &mut observe)?;
            tiles
        }
        Device::Gpu(gpu) => {
            let mut runner = GpuRunner::new(Arc::clone(gpu), plan)?;
            let tiles = time_tiles(&mut runner, &input, &mut output, repeat, between)?;
            runner.profile(&input, &mut observe)?;
            tiles
        }
    };
    Ok(Profile { bytes, flops, tiles, kernels: kernels.sorted() })
}

fn time_tiles(
    runner: &mut dyn Runner,
    input: &[f32],
    output: &mut [f32],
    repeat: usize,
    between: &mut dyn FnMut(usize) -> bool,
) -> Result<Vec<Duration>, EngineError> {
    runner.run(input, output, &|| false)?;
    let mut tiles = Vec::with_capacity(repeat);
    for done in 0..repeat {
        if !between(done) {
            return Err(crate::runner::Cancelled.into());
        }
        let started = Instant::now();
        runner.run(input, output, &|| false)?;
        tiles.push(started.elapsed());
    }
    between(repeat);
    Ok(tiles)
}

#[derive(Default)]
struct Kernels(BTreeMap<&'static str, KernelTime>);

impl Kernels {
    fn add(&mut self, dispatch: &Dispatch, time: Duration, bytes: u64) {
        let name = dispatch.kernel.name();
        let row = self.0.entry(name).or_insert(KernelTime { name, calls: 0, time: Duration::ZERO, flops: 0, bytes: 0 });
        row.calls += 1;
        row.time += time;
        row.flops += dispatch.flops;
        row.bytes += bytes;
    }

    fn sorted(self) -> Vec<KernelTime> {
        let mut rows: Vec<_> = self.0.into_values().collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.time));
        rows
    }
}
