//! How fast a published network runs on this machine, with weights from a seed.

use std::fs;
use std::time::Duration;

use engine::{Device, DeviceChoice, Heads, Limits, Precision, PrecisionChoice, Profile, lower, noise_weights, profile};
use jobs::{BenchJob, BenchReport, Failure, FailureKind, KernelReport, Stage, TileTime};
use mednext::{Config, Generation, Preset, graph};

use crate::eta::Eta;
use crate::run::Run;
use crate::tuning::{self, Measure};
use crate::{failure, session};

/// Time to find the best shape of matrix units, whether or not they are faster than other ways.
const FORCED_BUDGET: Duration = Duration::from_secs(30);

/// Classes of the benchmark's head.
const CLASSES: usize = 3;

/// Times tiles, then kernels.
pub(crate) fn bench(job: &BenchJob, run: &mut Run<'_>) -> Result<BenchReport, Failure> {
    let usage = |sentence: String| Failure::new(FailureKind::Usage, sentence);
    let (generation, preset) = preset(&job.preset).ok_or_else(|| {
        usage(format!("\"{}\" is not a preset; use v1-s, v1-b, v1-m, v1-l, v2-s, v2-b, v2-m, v2-l or v2-base", job.preset))
    })?;
    let config = Config::preset(preset, generation, job.kernel, job.width, 1, CLASSES);
    let graph = graph(&config).map_err(|error| usage(error.to_string()))?;
    config.check_patch(job.patch).map_err(|error| usage(error.to_string()))?;
    run.stage(Stage::PreparingDevice)?;
    let choice = session::device_choice(&job.device)?;
    let opened = Device::open(choice).map_err(|error| failure::engine(&error))?;
    let precision = precision(&job.precision, &opened.device)?;
    let device = products(&job.gemm, precision, opened.device, choice)?;
    let limits = Limits { precision, ..device.limits() };
    let weights = noise_weights(&graph);
    let mut report = BenchReport {
        device: device.describe(),
        products: device.tuning().map(|tuning| tuning.products_in_words(precision)),
        network: config.to_string(),
        patch: job.patch,
        precision: precision.to_string(),
        ..BenchReport::default()
    };
    if job.plan {
        let plan = lower(&graph, &weights, job.patch, Heads::Main, limits).map_err(|error| failure::engine(&error))?;
        (report.tile_gflop, report.plan_mib) = (plan.flops() as f64 / 1e9, plan.bytes() >> 20);
        report.plan = Some(plan.to_string());
        return Ok(report);
    }

    run.stage(Stage::Measuring)?;
    let mut eta = Eta::new();
    let mut cpu_seconds = Vec::with_capacity(job.repeat + 1);
    let cancelled = run.cancel_flag();
    let mut between = |done: usize| {
        cpu_seconds.push(processor_seconds());
        run.progress(Stage::Measuring, &mut eta, done as u64, job.repeat as u64);
        !cancelled.load(std::sync::atomic::Ordering::Relaxed)
    };
    let measured = profile(&device, &graph, &weights, job.patch, limits, job.repeat.max(1), &mut between);
    let measured = measured.map_err(|error| failure::engine(&error))?;
    let tiles = measured.tiles.iter().zip(cpu_seconds.windows(2)).map(|(wall, cpu)| TileTime {
        wall_seconds: wall.as_secs_f64(),
        cpu_seconds: cpu[1].zip(cpu[0]).map(|(after, before)| after - before),
    });
    let peak = engine::peak(&device).map_err(|error| failure::engine(&error))?;
    (report.peak_gflops, report.peak_gigabytes_per_second) = (peak.gflops, peak.gigabytes_per_second);
    report.tile_gflop = measured.flops as f64 / 1e9;
    report.plan_mib = measured.bytes >> 20;
    report.peak_process_mib = peak_mib();
    report.tiles = tiles.collect();
    report.kernels = kernel_rows(&measured);
    Ok(report)
}

/// The device with the pointwise products asked for.
fn products(text: &str, precision: Precision, device: Device, choice: DeviceChoice) -> Result<Device, Failure> {
    let usage = |sentence: String| Failure::new(FailureKind::Usage, sentence);
    let wanted = if precision == Precision::F16 { PrecisionChoice::F16 } else { PrecisionChoice::F32 };
    let apply = |measure| tuning::apply(device.clone(), choice, measure, wanted).map_err(|error| failure::engine(&error));
    match text {
        "auto" => apply(Measure::IfUnknown),
        "plain" => apply(Measure::Plain),
        "cooperative" if !device.offers_matrices(wanted) => {
            Err(usage(format!("{} lists no matrix units for {precision}; see `voxelry doctor`", device.describe())))
        }
        "cooperative" => {
            let plain = apply(Measure::Plain)?;
            let forced = plain.tune_matrices(FORCED_BUDGET, true).map_err(|error| failure::engine(&error))?;
            let forced = forced.filter(|(_, tuning)| tuning.uses_matrices(precision));
            let (device, _) = forced.ok_or_else(|| {
                Failure::new(FailureKind::Device, format!("the matrix units of {} do not compute right", plain.describe()))
            })?;
            Ok(device)
        }
        _ => Err(usage(format!("\"{text}\" is not a kind of products; use auto, plain or cooperative"))),
    }
}

/// What was asked for, if the device can.
fn precision(text: &str, device: &Device) -> Result<Precision, Failure> {
    let usage = |sentence: String| Err(Failure::new(FailureKind::Usage, sentence));
    match text {
        "f32" => Ok(Precision::F32),
        "f16" if device.has_f16() => Ok(Precision::F16),
        "f16" => usage(format!("{} has no half precision; use --precision f32 or another --device", device.describe())),
        _ => usage(format!("\"{text}\" is not a precision; use f32 or f16")),
    }
}

fn preset(name: &str) -> Option<(Generation, Preset)> {
    let (generation, size) = name.split_once('-')?;
    let generation = match generation {
        "v1" => Generation::V1,
        "v2" => Generation::V2,
        _ => return None,
    };
    let size = match size {
        "s" => Preset::S,
        "b" => Preset::B,
        "m" => Preset::M,
        "l" => Preset::L,
        "base" if generation == Generation::V2 => Preset::L,
        _ => return None,
    };
    Some((generation, size))
}

fn kernel_rows(profile: &Profile) -> Vec<KernelReport> {
    let total: f64 = profile.kernels.iter().map(|kernel| kernel.time.as_secs_f64()).sum();
    let row = |kernel: &engine::KernelTime| {
        let seconds = kernel.time.as_secs_f64();
        let per_second = |amount: u64| amount as f64 / 1e9 / seconds.max(1e-9);
        KernelReport {
            name: kernel.name.to_owned(),
            calls: kernel.calls,
            seconds,
            share: seconds / total.max(1e-9),
            gflops: per_second(kernel.flops),
            gigabytes_per_second: per_second(kernel.bytes),
        }
    };
    profile.kernels.iter().map(row).collect()
}

/// User and system time of this process's threads (Linux: proc(5), fields 14 and 15 of `stat`, in hundredths of a second).
fn processor_seconds() -> Option<f64> {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field, the program's name, may hold spaces; fields are counted after its closing bracket.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(ticks as f64 / TICKS_PER_SECOND)
}

/// High-water mark of resident memory (Linux).
fn peak_mib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib >> 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_the_published_ones() {
        assert_eq!(preset("v2-base"), preset("v2-l"));
        assert_eq!(preset("v1-s"), Some((Generation::V1, Preset::S)));
        assert!(preset("v1-base").is_none() && preset("large").is_none() && preset("v3-s").is_none());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_system_tells_time_and_memory() {
        let before = processor_seconds().unwrap();
        let sum: u64 = (0..80_000_000_u64).map(|i| std::hint::black_box(i) % 7).sum();
        assert!(sum > 0 && processor_seconds().unwrap() > before);
        assert!(peak_mib().unwrap() > 0);
    }
}
