//! Segments noise with a shallow network on a graphics device, labelled there and on the host, and says what each takes.
//!
//! `label CLASSES WIDTH SIZE SPACING`: size of the scan as `z,y,x`, its spacing likewise; the model's spacing is 1 mm and its tiles
//! are 64 x 128 x 128. The difference is what labels cost: the networks' part is the same.

use std::error::Error;
use std::fs;
use std::time::Instant;

use engine::{Device, DeviceChoice, TileOutput, noise, noise_weights};
use mednext::{Channel, Config, Generation, InferencePlan, LabelRule, ModelLabels, NamedLabel, Normalization, Preset, Resampling, graph};
use ndarray::Array3;
use pipeline::{FoldRunner, Head, Hooks, SegmentOptions, preferred_output, prepare, segment_prepared};
use volume::{Geometry, LabelVoxels, Scan};

const PATCH: [usize; 3] = [64, 128, 128];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [classes, width, size, spacing] = &arguments[..] else {
        return Err("wrong number of arguments; see the first lines of the source".into());
    };
    let (classes, width): (usize, usize) = (classes.parse()?, width.parse()?);
    let size: Vec<usize> = size.split(',').map(str::parse).collect::<Result<_, _>>()?;
    let size: [usize; 3] = size.try_into().map_err(|_| "a size has three numbers")?;
    let spacing: Vec<f64> = spacing.split(',').map(str::parse).collect::<Result<_, _>>()?;
    let spacing: [f64; 3] = spacing.try_into().map_err(|_| "a spacing has three numbers")?;

    let mut config = Config::preset(Preset::S, Generation::V2, 3, width, 1, classes);
    (config.blocks, config.ratios) = ([0; 9], [1; 9]);
    let weights = noise_weights(&graph(&config)?);
    let device = Device::open(DeviceChoice::Gpu(None))?.device;
    let output = preferred_output(classes, width, 1);
    let labels = ModelLabels {
        names: (1..classes as u16).map(|value| NamedLabel { name: format!("structure {value}"), value }).collect(),
        rule: LabelRule::Argmax,
    };
    let mut masks = Vec::new();
    for on_device in [false, true, false, true] {
        let runner = device.runner(&config, &weights, PATCH, output)?;
        let head = (output == TileOutput::Features)
            .then(|| Head { weight_kc: noise(5).take(classes * width).collect(), bias: noise(6).take(classes).collect() });
        let voxels = Array3::from_shape_vec(size, noise(1).take(size.iter().product()).collect())?;
        let scan = Scan::new(Geometry::axis_aligned(size, spacing), voxels);
        let options = SegmentOptions { step_size: 1.0, mirror: false, device_bytes: None, label_on_device: Some(on_device), resume: None };
        let case = prepare(vec![scan], &plan())?;
        let hooks = Hooks { progress: &mut |_| {}, cancelled: &|| false, probabilities: None, tiles: None, parts: None, recover: None };
        let (started, before) = (Instant::now(), processor_seconds()?);
        let done = segment_prepared(case, &plan(), &labels, &mut [FoldRunner { runner, head }], &options, hooks)?;
        let (wall, cpu) = (started.elapsed().as_secs_f64(), processor_seconds()? - before);
        println!("{}: {cpu:.2} processor seconds, {wall:.2} s", if on_device { "device" } else { "host  " });
        masks.push(done.labels.voxels);
    }
    println!("{} of {} labels differ", differing(&masks[0], &masks[1]), size.iter().product::<usize>());
    Ok(())
}

fn plan() -> InferencePlan {
    let linear = Resampling { order: 1, order_z: 0, force_separate_z: None };
    InferencePlan {
        patch_size: PATCH,
        spacing_mm: [1.0; 3],
        transpose_forward: [0, 1, 2],
        transpose_backward: [0, 1, 2],
        channels: vec![Channel { name: "CT".to_owned(), normalization: Normalization::None, use_mask: false, intensity: None }],
        resample_data: linear.clone(),
        resample_logits: linear,
        mirror_axes: vec![],
        reorient_to_ras: false,
    }
}

fn differing(a: &LabelVoxels, b: &LabelVoxels) -> usize {
    let [z, y, x] = a.size_zyx();
    let all = (0..z).flat_map(|z| (0..y).flat_map(move |y| (0..x).map(move |x| [z, y, x])));
    all.filter(|at| a.at(*at) != b.at(*at)).count()
}

/// User and system time of this process (Linux: proc(5), fields 14 and 15 of `stat`, in hundredths of a second).
fn processor_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("an odd /proc/self/stat")?;
    let ticks = |index: usize| fields.split_whitespace().nth(index).and_then(|text| text.parse::<u64>().ok()).ok_or("an odd time");
    Ok((ticks(11)? + ticks(12)?) as f64 / 100.0)
}
