//! What a device can do at best, measured: the yardstick of benchmarks.

use std::sync::Arc;
use std::time::Duration;

use bytemuck::{Pod, bytes_of};

use crate::cpu::CpuRunner;
use crate::device::Device;
use crate::gpu::GpuRunner;
use crate::kernels::{Kernel, THREADS};
use crate::params;
use crate::plan::{Buffer, Command, Dispatch, Plan, Precision, Range, Source, Tensor};
use crate::runner::EngineError;

/// Measured limits of a device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peak {
    /// Multiply-adds on registers, 1e9 operations per second (2 per multiply-add).
    pub gflops: f64,
    /// Bytes read and written by a copy larger than the caches, 1e9 per second.
    pub gigabytes_per_second: f64,
}

/// Vec4 a workgroup of `peak_fma` keeps in registers.
const FMA_GROUP: usize = 8 * THREADS as usize;
/// Workgroups of `peak_fma`: enough for the largest devices.
const FMA_GROUPS: usize = 2048;
/// Vec4 copied: 64 MiB.
const COPIED: usize = 4 << 20;
/// Workgroups of `peak_copy`.
const COPY_GROUPS: usize = 16_384;
/// Time one measured launch should take, so that launching it does not count.
const LAUNCH: Duration = Duration::from_millis(40);

/// Measures a device; takes about half a second.
pub fn peak(device: &Device) -> Result<Peak, EngineError> {
    let count = FMA_GROUP * FMA_GROUPS;
    let flops = |rounds: u32| f64::from(rounds) * (count * 4 * 2) as f64;
    let fma = |rounds: u32| {
        let params = params::PeakFma { rounds, a: 0.999, b: 0.001 };
        fastest(device, launch(Kernel::PeakFma, params, count, FMA_GROUPS))
    };
    let trial = fma(16)?;
    let rounds = (16.0 * LAUNCH.as_secs_f64() / trial).clamp(16.0, 1e6) as u32;
    let gflops = flops(rounds) / fma(rounds)? / 1e9;
    let copy = launch(Kernel::PeakCopy, params::PeakCopy { count: COPIED as u32 }, COPIED, COPY_GROUPS);
    let gigabytes_per_second = (2 * COPIED * 16) as f64 / fastest(device, copy)? / 1e9;
    Ok(Peak { gflops, gigabytes_per_second })
}

/// A plan of one launch from one buffer of `count` vec4 to another.
fn launch<P: Pod>(kernel: Kernel, params: P, count: usize, groups: usize) -> Plan {
    let precision = Precision::F32;
    let tensor = |buffer: usize| Tensor { buffer, channels: 4, size_zyx: [1, 1, count] };
    let range = |buffer: usize| Range { source: Source::Buffer(buffer), start: 0, len: count };
    let dispatch = Dispatch {
        kernel,
        params: bytes_of(&params).to_vec(),
        reads: vec![range(0)],
        writes: vec![range(1)],
        groups: [groups as u32, 1, 1],
        flops: 0,
        node: 0,
    };
    Plan {
        buffers: ["peak input", "peak output"].map(|name| Buffer { name, len: count, precision }).to_vec(),
        weights: Vec::new(),
        commands: vec![Command::Dispatch(dispatch)],
        input: tensor(0),
        outputs: vec![tensor(1)],
        precision,
        nodes: Vec::new(),
    }
}

/// Seconds of the fastest of a few launches.
fn fastest(device: &Device, plan: Plan) -> Result<f64, EngineError> {
    let input = vec![0.5; plan.input.voxels() * 4];
    let mut best = Duration::MAX;
    let mut observe = |_: &Dispatch, time: Duration| best = best.min(time);
    match device {
        Device::Cpu => {
            let mut runner = CpuRunner::new(plan)?;
            (0..4).try_for_each(|_| runner.profile(&input, &mut observe))?;
        }
        Device::Gpu(gpu) => {
            let mut runner = GpuRunner::new(Arc::clone(gpu), plan)?;
            (0..4).try_for_each(|_| runner.profile(&input, &mut observe))?;
        }
    }
    Ok(best.as_secs_f64().max(1e-9))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests_golden::{assert_close, devices};

    #[test]
    fn peak_kernels_compute_what_they_say() {
        let count = FMA_GROUP * 2;
        let input: Vec<f32> = crate::selftest::noise(4).take(4 * count).collect();
        let fma = |v: &f32| (0..5).fold(*v, |v, _| v.mul_add(0.999, 0.001));
        let want: Vec<f32> = input.iter().map(fma).collect();
        for device in devices() {
            let plan = launch(Kernel::PeakFma, params::PeakFma { rounds: 5, a: 0.999, b: 0.001 }, count, 2);
            assert_close("peak_fma", &device.run_plan(plan, &input).unwrap()[0], &want);
            let plan = launch(Kernel::PeakCopy, params::PeakCopy { count: count as u32 }, count, 3);
            assert_eq!(device.run_plan(plan, &input).unwrap()[0], input);
        }
    }

    #[test]
    fn peaks_are_measured() {
        for device in devices() {
            let peak = peak(&device).unwrap();
            assert!(peak.gflops > 0.1 && peak.gigabytes_per_second > 0.1, "{} {peak:?}", device.describe());
        }
    }
}
