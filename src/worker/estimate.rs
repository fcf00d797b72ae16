//! `estimate`: what each quality takes of time and memory on a case, before anybody waits for it.
//!
//! Time is network runs times the seconds of one on this device, as earlier runs or one tile measured now tell; reading and resampling
//! are not in it. The tiles lie over the non-zero box of the case's image, which is the first channel; models of several channels
//! may need a few more.

use std::time::Instant;

use engine::{
    Allowance, Device, EngineError, GpuWindow, Precision, PrecisionChoice, TileOutput, WindowShape, available_memory_bytes, noise,
    total_memory_bytes,
};
use jobs::case::MappedVoxels;
use jobs::{Estimate, EstimateJob, EstimateReport, Failure, Quality, Stage};
use mednext::Model;
use ndarray::ArrayView3;
use pipeline::{AxisOrder, TileGrid, mirrorings, nonzero_box, resampled_size};
use volume::Region;

use crate::failure;
use crate::layers::{Opened, open_case};
use crate::run::Run;
use crate::segment_case::Way;
use crate::session::{Settings, load_model, open_device};
use crate::tile_times::TileKind;

/// One network on the device in one precision.
struct Measured {
    precision: Precision,
    /// Where it runs in the end.
    device: String,
    on_cpu: bool,
    /// With one fold.
    needed_bytes: u64,
    /// Of image and sums, where the device keeps them.
    window_bytes: u64,
    available_bytes: Option<u64>,
    note: Option<String>,
    seconds: f64,
}

/// Estimates all qualities.
pub(crate) fn estimate(job: &EstimateJob, run: &mut Run<'_>) -> Result<EstimateReport, Failure> {
    let case = open_case(&job.case)?;
    let settings = Settings {
        model: &job.model,
        folds: None,
        step_size: 0.5,
        disable_tta: false,
        device: &job.device,
        precision: "f32",
        device_memory_mib: job.device_memory_mib,
    };
    settings.check()?;
    let mut model = load_model(&settings, run)?;
    let folds = model.folds.len();
    let output = pipeline::preferred_output(model.config.classes, model.config.width, folds);
    // One is enough to know all: they differ in numbers only.
    model.folds.truncate(1);
    let (size, box_size) = network_size(&case, &model)?;
    let device = open_device(&job.device, PrecisionChoice::Auto, run)?;
    run.stage(Stage::Measuring)?;
    let weight_bytes = model.folds[0].weights.iter().map(|(_, tensor)| tensor.data.len() * size_of::<f32>()).sum::<usize>() as u64;
    let mut known: Vec<(Precision, Result<Measured, String>)> = Vec::new();
    let mut qualities = Vec::new();
    let shape = WindowShape { patch: model.plan.patch_size, size, channels: channels(&model, output, folds) };
    for quality in [Quality::Fast, Quality::Balanced, Quality::Best] {
        let way = Way::of(quality);
        let precision = way.precision(&device);
        let more_folds = if way.all_folds { folds as u64 - 1 } else { 0 };
        if !known.iter().any(|(asked, _)| *asked == precision) {
            let spare = (folds as u64 - 1) * weight_bytes;
            let allowed = job.device_memory_mib.map(|mib| (mib << 20).saturating_sub(spare));
            let measured = match measure(&device, &model, output, &shape, precision, allowed, run) {
                Ok(measured) => Ok(measured),
                Err(EngineError::Cancelled(_)) => return Err(Failure::cancelled()),
                Err(EngineError::DoesNotFit(reason)) => Err(reason),
                Err(error) => return Err(failure::engine(&error)),
            };
            known.push((precision, measured));
        }
        let measured = known.iter().find(|(asked, _)| *asked == precision).map(|(_, measured)| measured);
        let grid = TileGrid::new(size, model.plan.patch_size, way.step_size).map_err(|error| failure::pipeline(&error))?;
        let flips = if way.mirror { mirrorings(&model.plan.mirror_axes).len() } else { 1 };
        let tiles = (grid.count() * (1 + more_folds as usize) * flips) as u64;
        qualities.push(match measured {
            Some(Ok(measured)) => Estimate {
                quality,
                tiles,
                seconds: tiles as f64 * measured.seconds,
                needed_mib: (measured.needed_bytes + more_folds * weight_bytes + measured.window_bytes).div_ceil(1 << 20),
                precision: measured.precision.to_string(),
                note: measured.note.clone(),
                refused: None,
            },
            other => {
                let refused = other.and_then(|other| other.as_ref().err()).cloned();
                let precision = precision.to_string();
                Estimate { quality, tiles, seconds: 0.0, needed_mib: 0, precision, note: None, refused }
            }
        });
    }
    let first = known.into_iter().rev().find_map(|(_, measured)| measured.ok());
    let cpu = first.as_ref().is_none_or(|first| first.on_cpu);
    let main_needed = main_memory(&case, &model, size, box_size, if cpu { channels(&model, output, folds) } else { 0 });
    Ok(EstimateReport {
        device: first.as_ref().map_or_else(|| device.describe(), |first| first.device.clone()),
        cpu,
        total_mib: if cpu { total_memory_bytes().map(|bytes| bytes >> 20) } else { None },
        available_mib: first.as_ref().and_then(|first| first.available_bytes).map(|bytes| bytes >> 20),
        main_needed_mib: main_needed.div_ceil(1 << 20),
        main_available_mib: available_memory_bytes().map(|bytes| bytes >> 20),
        measured: first.is_some(),
        qualities,
    })
}

/// Puts one fold on the device and times a tile, unless the time of one is known.
fn measure(
    device: &Device,
    model: &Model,
    output: TileOutput,
    shape: &WindowShape,
    precision: Precision,
    allowed: Option<u64>,
    run: &Run<'_>,
) -> Result<Measured, EngineError> {
    let choice = if precision == Precision::F16 { PrecisionChoice::F16 } else { PrecisionChoice::F32 };
    let allowance = Allowance { device_bytes: allowed, precision: choice };
    let patch = model.plan.patch_size;
    let mut prepared = device.prepare(&model.config, &[&model.folds[0].weights], patch, output, allowance)?;
    let name = prepared.device.describe();
    let kind = TileKind::new(&model.config, patch, &name, prepared.precision);
    let seconds = match kind.read() {
        Some(seconds) => seconds,
        None => {
            let voxels: usize = patch.iter().product();
            let input: Vec<f32> = noise(1).take(model.plan.channels.len() * voxels).collect();
            let runner = &mut prepared.runners[0];
            let mut result = vec![0.0; runner.channels() * voxels];
            let cancelled = || run.check_cancelled().is_err();
            let on_cpu = matches!(prepared.device, Device::Cpu);
            // A graphics device compiles its kernels in the first.
            if !on_cpu {
                runner.run(&input, &mut result, &cancelled)?;
            }
            let started = Instant::now();
            runner.run(&input, &mut result, &cancelled)?;
            let seconds = started.elapsed().as_secs_f64();
            kind.keep(seconds);
            seconds
        }
    };
    Ok(Measured {
        precision: prepared.precision,
        device: name,
        on_cpu: matches!(prepared.device, Device::Cpu),
        needed_bytes: prepared.memory.needed_bytes,
        window_bytes: prepared.runners[0].gpu().map_or(0, |runner| GpuWindow::bytes(runner, shape, model.plan.channels.len(), None)),
        available_bytes: prepared.memory.available_bytes,
        note: if prepared.notes.is_empty() { None } else { Some(prepared.notes.join("; ")) },
        seconds,
    })
}

/// Channels that are summed up.
fn channels(model: &Model, output: TileOutput, folds: usize) -> usize {
    match output {
        TileOutput::Logits => model.config.classes,
        TileOutput::Features => model.config.width * folds,
    }
}

/// The size of the network's grid over the non-zero box of the image, and of the box itself, in the network's axes.
fn network_size(case: &Opened, model: &Model) -> Result<([usize; 3], [usize; 3]), Failure> {
    let geometry = &case.file.geometry;
    let order = AxisOrder::new(&model.plan, geometry).map_err(|error| failure::pipeline(&error))?;
    let box_size = order.permute(nonzero(&case.image()?).size_zyx());
    let spacing = order.permute(geometry.spacing_zyx_mm);
    let size = resampled_size(box_size, spacing, model.plan.spacing_mm).map_err(|error| failure::pipeline(&error))?;
    Ok((size, box_size))
}

/// The box a run will crop to.
fn nonzero(image: &MappedVoxels) -> Region {
    let size = image.size_zyx();
    match (image.as_i16(), image.as_f32()) {
        (Some(values), _) => box_of(size, values),
        (_, Some(values)) => box_of(size, values),
        _ => Region::whole(size),
    }
}

fn box_of<T: Default + PartialEq>(size_zyx: [usize; 3], values: &[T]) -> Region {
    ArrayView3::from_shape(size_zyx, values).map_or_else(|_| Region::whole(size_zyx), |image| nonzero_box(&[image]))
}

/// Roughly: every channel as read and as the network sees it, the mask and its doubt, and the open sums where the host keeps them.
fn main_memory(case: &Opened, model: &Model, size: [usize; 3], box_size: [usize; 3], channels: usize) -> u64 {
    let voxels = |size: [usize; 3]| size.iter().map(|n| *n as u64).product::<u64>();
    let scan = voxels(case.file.geometry.size_zyx);
    let images = model.plan.channels.len() as u64 * (scan.max(voxels(box_size) + voxels(size))) * 4;
    let open_planes = model.plan.patch_size[0].min(size[0]) as u64 + 2;
    let sums = if channels == 0 { 0 } else { open_planes * (channels as u64 + 1) * (size[1] * size[2]) as u64 * 4 };
    images + 3 * scan + sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_box_is_that_of_what_is_not_zero() {
        let mut values = [0_i16; 4 * 5 * 6];
        assert_eq!(box_of([4, 5, 6], &values), Region::whole([4, 5, 6]));
        for [z, y, x] in [[1, 4, 2], [2, 1, 3]] {
            values[(z * 5 + y) * 6 + x] = -7;
        }
        let wanted = Region { start_zyx: [1, 1, 2], end_zyx: [3, 5, 4] };
        assert_eq!(box_of([4, 5, 6], &values), wanted);
    }
}
