//! Whole cases labelled on a graphics device against the same cases labelled on the host.

use std::cell::Cell;
use std::path::Path;
use std::sync::OnceLock;

use engine::{Device, TileOutput};
use mednext::{InferencePlan, LabelRule, ModelLabels, Weights, infer};
use ndarray::{Array3, Array4, s};
use proptest::prelude::*;
use volume::{Geometry, LabelVoxels, Scan};

use crate::error::PipelineError;
use crate::predict::FoldRunner;
use crate::segment::{Hooks, SegmentOptions, prepare, segment_prepared};
use crate::testkit::{self, argmax_labels, nifti_voxels};
use crate::tests_golden::end_to_end;
use crate::tests_window::{PATCH, folds, gpu};
use crate::window::{DeviceFailure, Recover};
use crate::{ProbabilitySlab, Progress};

/// One device for all cases, so that kernels are compiled once.
fn device() -> &'static Device {
    static GPU: OnceLock<Device> = OnceLock::new();
    GPU.get_or_init(gpu)
}

/// Two channels of a wavy scan.
fn scans(size: [usize; 3], spacing: [f64; 3]) -> Vec<Scan> {
    let wave = |c: usize, z: usize, y: usize, x: usize| {
        (z as f32 * 0.51).sin()
            + (y as f32 * 0.37).cos() * (x as f32 * 0.43 + c as f32).sin()
            + ((z * 7 + y * 5 + x * 3 + c) % 11) as f32 * 0.1
    };
    let scan = |c| Scan::new(Geometry::axis_aligned(size, spacing), Array3::from_shape_fn(size, |(z, y, x)| wave(c, z, y, x)));
    vec![scan(0), scan(1)]
}

fn plan(spacing_mm: [f64; 3], order: usize) -> InferencePlan {
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let mut plan = testkit::plan(PATCH);
    plan.channels.push(plan.channels[0].clone());
    plan.spacing_mm = spacing_mm;
    plan.transpose_forward = orders[order];
    plan.transpose_backward = std::array::from_fn(|a| orders[order].iter().position(|b| *b == a).expect("an order names every axis"));
    plan.mirror_axes = vec![2];
    plan
}

/// Labels of a case made where it is said.
fn label(
    scans: Vec<Scan>,
    plan: &InferencePlan,
    labels: &ModelLabels,
    mut folds: Vec<FoldRunner>,
    on_device: bool,
    hooks: Hooks<'_>,
) -> Result<LabelVoxels, PipelineError> {
    let options = SegmentOptions { label_on_device: Some(on_device), ..SegmentOptions::default() };
    segment_prepared(prepare(scans, plan)?, plan, labels, &mut folds, &options, hooks).map(|found| found.labels.voxels)
}

fn quiet(progress: &mut dyn FnMut(Progress)) -> Hooks<'_> {
    Hooks { progress, cancelled: &|| false, probabilities: None, tiles: None, parts: None, recover: None }
}

fn indices([z, y, x]: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
    (0..z).flat_map(move |z| (0..y).flat_map(move |y| (0..x).map(move |x| [z, y, x])))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Any size, spacing (thick axes included) and axis order, logits and features: the same labels, but where two classes are
    /// equally probable within rounding.
    #[test]
    fn the_device_labels_what_the_host_labels(
        size in prop::array::uniform3(6_usize..40),
        spacing in prop::array::uniform3(prop::sample::select(vec![0.7, 1.0, 1.3, 4.0])),
        plan_spacing in prop::array::uniform3(prop::sample::select(vec![0.8, 1.0, 1.6, 3.9])),
        order in 0_usize..6,
        features in any::<bool>(),
        regions in any::<bool>(),
    ) {
        let plan = plan(plan_spacing, order);
        let (output, classes) = if features { (TileOutput::Features, 12) } else { (TileOutput::Logits, 3) };
        // Values that take two bytes, and such that take one.
        let values = (0..classes as u16).map(|k| (k + 1) * if features { 30 } else { 1 }).collect();
        let labels = if regions { ModelLabels { names: vec![], rule: LabelRule::Regions { values } } } else { argmax_labels(classes) };
        let mut probabilities = Array4::<f32>::zeros((classes, size[0], size[1], size[2]));
        let want = {
            let mut sink = |slab: ProbabilitySlab<'_>| {
                let at = slab.region;
                probabilities.slice_mut(s![.., at.range(0), at.range(1), at.range(2)]).assign(&slab.values);
                Ok(())
            };
            let mut silent = |_: Progress| {};
            let hooks = Hooks { probabilities: Some(&mut sink), ..quiet(&mut silent) };
            label(scans(size, spacing), &plan, &labels, folds(device(), output), false, hooks)
        };
        let want = match want {
            Err(PipelineError::TooThin { .. }) => return Ok(()),
            other => other.unwrap(),
        };
        let found = label(scans(size, spacing), &plan, &labels, folds(device(), output), true, quiet(&mut |_| {})).unwrap();
        let mut differing = 0;
        for [z, y, x] in indices(size) {
            let [a, b] = [&want, &found].map(|voxels| voxels.at([z, y, x]));
            if a != b {
                differing += 1;
                let at = probabilities.slice(s![.., z, y, x]);
                let near = if regions { at.iter().any(|p| (p - 0.5).abs() < 1e-5) } else { (at[usize::from(a)] - at[usize::from(b)]).abs() < 1e-5 };
                prop_assert!(near, "{a} or {b} of {at}");
            }
        }
        let voxels: usize = size.iter().product();
        prop_assert!(differing <= 1 + voxels / 10_000, "{differing} of {voxels}");
    }
}

/// At several places, on the device opened again: the same mask. On the processor: the same within its rounding.
#[test]
fn a_device_lost_under_way_changes_no_label() {
    let plan = plan([1.0, 1.2, 1.1], 0);
    let (size, spacing, output) = ([60, 18, 40], [0.8, 1.0, 1.0], TileOutput::Features);
    let labels = argmax_labels(12);
    let runs = Cell::new(0);
    let mut count = |progress: Progress| runs.set(progress.total);
    let want = label(scans(size, spacing), &plan, &labels, folds(&gpu(), output), true, quiet(&mut count)).unwrap();
    let runs = runs.get();
    assert!(want.counts().len() > 3);
    for (lost_at, on_cpu) in [(1, false), (runs / 2, false), (runs * 3 / 4, false), (runs, false), (runs * 3 / 4, true)] {
        let first = gpu();
        let second = if on_cpu { Device::Cpu } else { gpu() };
        let heard = Cell::new(0);
        let mut recover = |_: &DeviceFailure| {
            heard.set(heard.get() + 1);
            Some(folds(&second, output))
        };
        let mut progress = |progress: Progress| {
            if progress.done == lost_at {
                first.abandon();
            }
        };
        let recover: &mut Recover<'_> = &mut recover;
        let hooks = Hooks { recover: Some(recover), ..quiet(&mut progress) };
        let found = label(scans(size, spacing), &plan, &labels, folds(&first, output), true, hooks).unwrap();
        assert_eq!(heard.get(), 1, "lost at {lost_at}");
        let differing = indices(size).filter(|at| found.at(*at) != want.at(*at)).count();
        assert!(differing <= if on_cpu { 40 } else { 0 }, "lost at {lost_at}: {differing} voxels differ");
    }
}

#[test]
fn the_golden_study_is_labelled_as_nnunet_does() {
    let (plan, _, geometry) = end_to_end();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/golden/e2e/checkpoint_final.weights.safetensors");
    let weights = Weights::read_safetensors(&path).unwrap();
    let config = infer(&weights).unwrap();
    let plan = InferencePlan { mirror_axes: vec![], ..plan };
    let runner = device().runner(&config, &weights, plan.patch_size, TileOutput::Logits).unwrap();
    let scan = Scan::new(geometry, nifti_voxels("e2e/testA_0000.nii.gz"));
    let folds = vec![FoldRunner { runner, head: None }];
    let found = label(vec![scan], &plan, &argmax_labels(4), folds, true, quiet(&mut |_| {})).unwrap();
    let expected = nifti_voxels("e2e/seg_nomirror.nii.gz");
    let differing = expected.indexed_iter().filter(|((z, y, x), v)| f32::from(found.at([*z, *y, *x])) != **v).count();
    assert!(differing * 10_000 <= expected.len(), "{differing} of {} voxels differ", expected.len());
}

#[test]
fn cancelling_ends_a_case_that_the_device_labels() {
    let plan = plan([1.0; 3], 0);
    let done = Cell::new(0);
    let mut progress = |progress: Progress| done.set(progress.done);
    let stop = std::sync::atomic::AtomicUsize::new(0);
    let cancelled = || stop.fetch_add(1, std::sync::atomic::Ordering::Relaxed) > 12;
    let hooks = Hooks { cancelled: &cancelled, ..quiet(&mut progress) };
    let folds = folds(device(), TileOutput::Logits);
    let stopped = label(scans([60, 18, 40], [1.0; 3]), &plan, &argmax_labels(3), folds, true, hooks);
    assert!(matches!(stopped, Err(PipelineError::Cancelled(_))) && done.get() < 12);
}
