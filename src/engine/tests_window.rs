//! The window on the device against the same tiles cut and added in host memory.

use std::sync::Arc;

use mednext::{Config, Generation, Preset, graph};

use crate::device::Device;
use crate::gpu::{Gpu, GpuRunner};
use crate::plan::{Heads, Limits, Precision, lower};
use crate::runner::{EngineError, Runner, TileRun, WindowShape};
use crate::selftest::noise_weights;
use crate::selftest_window::WindowCase;
use crate::tests_golden::devices;

pub(crate) fn gpu() -> Arc<Gpu> {
    let gpu = devices().into_iter().find_map(|device| if let Device::Gpu(gpu) = device { Some(gpu) } else { None });
    gpu.unwrap()
}

const PATCH: [usize; 3] = [16, 32, 16];

/// Two folds of a network with two inputs, features side by side.
pub(crate) fn folds(gpu: &Arc<Gpu>, limits: Limits) -> Vec<GpuRunner> {
    let mut config = Config::preset(Preset::S, Generation::V2, 3, 6, 2, 9);
    config.blocks = [1, 0, 0, 0, 0, 0, 0, 0, 1];
    let graph = graph(&config).unwrap();
    let plan = || lower(&graph, &noise_weights(&graph), PATCH, Heads::Features, limits).unwrap();
    let first = GpuRunner::new(Arc::clone(gpu), plan()).unwrap();
    let second = first.sibling(plan()).unwrap();
    vec![first, second]
}

/// Tiles by rising first plane, with the mirrorings of two axes; fold by fold, as the pipeline runs them.
fn runs(starts: [&[isize]; 3]) -> Vec<(usize, TileRun)> {
    let flips = [[false; 3], [true, false, false], [false, true, true], [true; 3]];
    let mut runs = Vec::new();
    for z in starts[0] {
        for (fold, first_channel) in [(0, 0), (1, 6)] {
            for (y, x) in starts[1].iter().flat_map(|y| starts[2].iter().map(move |x| (y, x))) {
                runs.extend(flips.iter().map(|flips| {
                    let counts = fold == 0 && *flips == [false; 3];
                    (fold, TileRun { origin: [*z, *y, *x], flips: *flips, first_channel, share: 0.25, counts })
                }));
            }
        }
    }
    runs
}

/// Larger than a tile with overlaps but for one axis, and smaller along all axes.
pub(crate) fn cases() -> [WindowCase; 2] {
    let case = |size, starts| WindowCase::new(WindowShape { patch: PATCH, size, channels: 12 }, 2, runs(starts));
    [case([37, 40, 12], [&[0, 5, 13, 21], &[0, 8], &[-2]]), case([9, 31, 10], [&[-3], &[0], &[-3]])]
}

fn bits(planes: &[Vec<f32>]) -> Vec<Vec<u32>> {
    planes.iter().map(|plane| plane.iter().map(|v| v.to_bits()).collect()).collect()
}

/// The order of additions is the same, so software drivers give equal bits; others may fuse a product with its addition.
#[track_caller]
fn assert_same(what: &str, got: &[Vec<f32>], want: &[Vec<f32>]) {
    assert_eq!(got.len(), want.len(), "{what}");
    let largest = want.iter().flatten().fold(0.0_f32, |max, v| max.max(v.abs()));
    let worst = got.iter().flatten().zip(want.iter().flatten()).fold(0.0_f32, |max, (a, b)| max.max((a - b).abs()));
    println!("{what}: {:.1e} of the largest sum", worst / largest);
    assert!(bits(got) == bits(want) || !what.contains("llvmpipe"), "{what}: other bits");
    assert!(worst <= 1e-6 * largest, "{what}: {worst:e} of {largest:e}");
    let counted = |planes: &[Vec<f32>]| bits(planes).iter().flat_map(|plane| plane[plane.len() / 13 * 12..].to_vec()).collect::<Vec<_>>();
    assert_eq!(counted(got), counted(want), "{what}: sums of weights");
}

#[test]
fn sums_on_the_device_are_those_on_the_host() {
    let gpu = gpu();
    let precisions = if gpu.has_f16() { vec![Precision::F32, Precision::F16] } else { vec![Precision::F32] };
    for precision in precisions {
        let limits = Limits { precision, ..gpu.limits() };
        let mut folds = folds(&gpu, limits);
        for case in cases() {
            let got = case.on_device(&folds, limits, 0).unwrap();
            let want = case.on_host(&mut folds).unwrap();
            assert_same(&format!("{precision} on {}", gpu.description()), &got, &want);
        }
    }
}

#[test]
fn slabs_change_no_bit_of_the_sums() {
    let gpu = gpu();
    for case in cases() {
        let plane = (13 * case.shape.area() * 4).next_multiple_of(256) as u64;
        let roomy = folds(&gpu, gpu.limits());
        let want = bits(&case.on_device(&roomy, gpu.limits(), 0).unwrap());
        assert_eq!(bits(&case.on_device(&roomy, gpu.limits(), 0).unwrap()), want, "run to run");
        for planes in [1, 3] {
            let tight = Limits { binding_bytes: (planes * plane).max(300 << 10), dispatch_flops: 1_000_000, ..gpu.limits() };
            let slabs = Limits { binding_bytes: planes * plane, ..tight };
            assert_eq!(bits(&case.on_device(&folds(&gpu, tight), slabs, 0).unwrap()), want, "{planes} planes in a binding");
        }
    }
}

/// What is done again after a loss: only tiles that touch open planes, and of them only what lies there.
#[test]
fn a_window_may_begin_at_any_plane() {
    let gpu = gpu();
    let [mut case, _] = cases();
    let folds = folds(&gpu, gpu.limits());
    let want = bits(&case.on_device(&folds, gpu.limits(), 0).unwrap());
    for first in [5, 20] {
        case.runs.retain(|(_, run)| run.origin[0] + PATCH[0] as isize > first as isize);
        assert_eq!(bits(&case.on_device(&folds, gpu.limits(), first).unwrap()), want[first..], "from {first} on");
    }
}

#[test]
fn what_does_not_fit_is_said_and_harms_nothing() {
    let gpu = gpu();
    let folds = folds(&gpu, gpu.limits());
    let [case, _] = cases();
    let small = case.window(&folds[0], Limits { binding_bytes: 16 << 10, ..gpu.limits() }, None, 0);
    assert!(matches!(small, Err(EngineError::DoesNotFit(_))));
    let roomy = case.window(&folds[0], gpu.limits(), None, 0);
    assert!(roomy.is_ok());
}

#[test]
fn cancelling_ends_within_a_tile() {
    let gpu = gpu();
    let folds = folds(&gpu, gpu.limits());
    let [case, _] = cases();
    let mut window = case.window(&folds[0], gpu.limits(), None, 0).unwrap();
    let run = case.runs[0].1;
    assert!(matches!(window.add(&folds[0], &run, &|| true), Err(EngineError::Cancelled(_))));
    window.add(&folds[0], &run, &|| false).unwrap();
}

/// From then on every call fails as a lost device does, and none panics.
#[test]
fn a_lost_device_is_an_error() {
    let gpu = Arc::new(Gpu::open(None).unwrap());
    let mut folds = folds(&gpu, gpu.limits());
    let [case, _] = cases();
    let mut window = case.window(&folds[0], gpu.limits(), None, 0).unwrap();
    let runs = &case.runs;
    window.add(&folds[0], &runs[0].1, &|| false).unwrap();
    gpu.abandon();
    let lost = |result: Result<(), EngineError>| assert!(matches!(result, Err(EngineError::Device(_))), "{result:?}");
    lost((0..4).try_for_each(|i| window.add(&folds[0], &runs[i].1, &|| false)));
    window.close(5);
    lost(window.take(&|| false).map(drop));
    let voxels: usize = PATCH.iter().product();
    lost(folds[0].run(&vec![0.0; 2 * voxels], &mut vec![0.0; 6 * voxels], &|| false));
    lost(case.window(&folds[0], gpu.limits(), None, 0).map(drop));
    let graph = graph(&Config::preset(Preset::S, Generation::V2, 3, 6, 2, 9)).unwrap();
    let plan = lower(&graph, &noise_weights(&graph), PATCH, Heads::Features, gpu.limits()).unwrap();
    lost(GpuRunner::new(gpu, plan).map(drop));
}

#[test]
fn this_device_passes_the_check_of_windows() {
    crate::selftest_window::check_window(&gpu()).unwrap();
}
