//! Whole cases with tiny deterministic networks: the streamed pipeline against a plain one that keeps every array.

use engine::{Cancelled, EngineError, Runner};
use mednext::{InferencePlan, LabelRule, ModelLabels};
use ndarray::{Array3, Array4, ArrayView3, Axis, s};
use proptest::prelude::*;
use volume::{Geometry, LabelVoxels, Orientation, Scan, reorient};

use crate::bricks::Brick;
use crate::error::PipelineError;
use crate::layout::Layout;
use crate::predict::{Ensemble, FoldRunner, Head};
use crate::preprocess::preprocess;
use crate::resample::resample_image;
use crate::segment::{Hooks, Progress, SegmentOptions, Segmentation};
use crate::testkit::{self, Affine, affine_fold, argmax_labels, segment};
use crate::tiles::{TileGrid, gaussian, mirrorings};
use crate::window::Window;

const PLAIN: SegmentOptions = SegmentOptions { step_size: 0.5, mirror: false, device_bytes: None, label_on_device: None, resume: None };

fn scan(size: [usize; 3], spacing: [f64; 3]) -> Scan {
    let wave = |z: usize, y: usize, x: usize| ((z as f32 * 0.9).sin() + (y as f32 * 0.7).cos() + (x as f32 * 0.4).sin()) * 2.0;
    let voxels = Array3::from_shape_fn(size, |(z, y, x)| if z == 0 || x + 1 == size[2] { 0.0 } else { wave(z, y, x) });
    Scan::new(Geometry::axis_aligned(size, spacing), voxels)
}

fn tilted(patch: [usize; 3], slope: &[f32]) -> Affine {
    let mut network = Affine::new(patch, slope);
    network.tilt = 1.5;
    network
}

fn run(
    scan: Scan,
    plan: &InferencePlan,
    labels: &ModelLabels,
    folds: &mut [FoldRunner],
    options: SegmentOptions,
) -> Result<Segmentation, PipelineError> {
    segment(
        scan,
        plan,
        labels,
        folds,
        options,
        Hooks { progress: &mut |_| {}, cancelled: &|| false, probabilities: None, tiles: None, parts: None, recover: None },
    )
}

/// Inner network followed by its head, voxel by voxel.
struct Headed {
    inner: Affine,
    head: Head,
}

impl Runner for Headed {
    fn device(&self) -> &str {
        "test"
    }

    fn patch(&self) -> [usize; 3] {
        self.inner.patch()
    }

    fn channels(&self) -> usize {
        self.head.bias.len()
    }

    fn run(&mut self, input: &[f32], output: &mut [f32], cancelled: &dyn Fn() -> bool) -> Result<(), EngineError> {
        let (width, voxels) = (self.inner.channels(), self.patch().iter().product::<usize>());
        let mut features = vec![0.0; width * voxels];
        self.inner.run(input, &mut features, cancelled)?;
        for (k, channel) in output.chunks_exact_mut(voxels).enumerate() {
            for (i, value) in channel.iter_mut().enumerate() {
                *value = self.head.bias[k] + (0..width).map(|c| self.head.weight_kc[k * width + c] * features[c * voxels + i]).sum::<f32>();
            }
        }
        Ok(())
    }
}

/// Logits on the scan's grid in network axes, cropped: every array kept, everything in nnU-Net's order.
fn reference_logits(scan: Scan, plan: &InferencePlan, network: &mut Affine, mirror: bool) -> (Array4<f32>, crate::Frame) {
    let input = preprocess(vec![scan], plan).unwrap();
    let (size, patch) = (input.frame.size, plan.patch_size);
    let grid = TileGrid::new(size, patch, 0.5).unwrap();
    let weights = Array3::from_shape_vec(patch, gaussian(patch)).unwrap();
    let below: [usize; 3] = std::array::from_fn(|a| patch[a].saturating_sub(size[a]) / 2);
    let padded: [usize; 3] = std::array::from_fn(|a| size[a].max(patch[a]));
    let mut image = Array3::<f32>::zeros(padded);
    let inside = s![below[0]..below[0] + size[0], below[1]..below[1] + size[1], below[2]..below[2] + size[2]];
    image.slice_mut(inside).assign(&input.channels[0]);
    let mut sums = Array4::<f64>::zeros((network.channels(), padded[0], padded[1], padded[2]));
    let mut counts = Array3::<f64>::zeros(padded);
    let flips = mirrorings(if mirror { &plan.mirror_axes } else { &[] });
    for z in &grid.starts[0] {
        for y in &grid.starts[1] {
            for x in &grid.starts[2] {
                let at: [usize; 3] = [(*z, 0), (*y, 1), (*x, 2)].map(|(start, a)| (start + below[a] as isize) as usize);
                let cut = s![at[0]..at[0] + patch[0], at[1]..at[1] + patch[1], at[2]..at[2] + patch[2]];
                for flip in &flips {
                    let flipped = |array: ArrayView3<'_, f32>| -> Array3<f32> {
                        let mut view = array;
                        (0..3).filter(|a| flip[*a]).for_each(|a| view.invert_axis(Axis(a)));
                        view.as_standard_layout().into_owned()
                    };
                    let tile = flipped(image.slice(cut));
                    let mut output = Array4::<f32>::zeros((network.channels(), patch[0], patch[1], patch[2]));
                    network.run(tile.as_slice().unwrap(), output.as_slice_mut().unwrap(), &|| false).unwrap();
                    for (mut sum, output) in sums.outer_iter_mut().zip(output.outer_iter()) {
                        let weighted = &flipped(output) * &weights;
                        sum.slice_mut(cut).zip_mut_with(&weighted, |sum, v| *sum += f64::from(*v) / flips.len() as f64);
                    }
                }
                counts.slice_mut(cut).zip_mut_with(&weights, |sum, w| *sum += f64::from(*w));
            }
        }
    }
    let crop_size = input.frame.crop.size_zyx();
    let resampled: Vec<Array3<f32>> = sums
        .outer_iter()
        .map(|sum| {
            let mean = (&sum / &counts).slice(inside).mapv(|v| v as f32);
            resample_image(mean, crop_size, plan.spacing_mm, input.frame.scan_spacing_mm, &plan.resample_logits).unwrap()
        })
        .collect();
    let views: Vec<_> = resampled.iter().map(|channel| channel.view()).collect();
    (ndarray::stack(Axis(0), &views).unwrap(), input.frame)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Any size, spacing (thick axes included), axis order and mirroring: the streamed labels and probabilities are those
    /// of the plain computation.
    #[test]
    fn streaming_changes_nothing(
        size in prop::array::uniform3(3_usize..15),
        spacing in prop::array::uniform3(prop::sample::select(vec![0.7, 1.0, 1.3, 4.0])),
        plan_spacing in prop::array::uniform3(prop::sample::select(vec![0.8, 1.0, 1.6, 3.9])),
        patch in prop::array::uniform3(2_usize..8),
        order in 0_usize..6,
        mirror_axes in prop::sample::subsequence(vec![0_usize, 1, 2], 0..=3),
        ras in any::<bool>(),
    ) {
        let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        let mut plan = testkit::plan(patch);
        plan.spacing_mm = plan_spacing;
        plan.transpose_forward = orders[order];
        plan.transpose_backward = std::array::from_fn(|a| orders[order].iter().position(|b| *b == a).unwrap());
        plan.mirror_axes = mirror_axes;
        plan.reorient_to_ras = ras;
        let mut network = tilted(patch, &[1.0, -0.5, 0.25]);
        let options = SegmentOptions::default();
        let mut probabilities = Array4::<f32>::from_elem((3, size[0], size[1], size[2]), -1.0);
        let (mut handed, mut doubt, mut places) = (Array3::<u16>::zeros(size), Array3::<u8>::zeros(size), Vec::new());
        let found = {
            let mut sink = |slab: crate::ProbabilitySlab<'_>| {
                let at = slab.region;
                probabilities.slice_mut(s![.., at.range(0), at.range(1), at.range(2)]).assign(&slab.values);
                Ok(())
            };
            let mut part = |part: crate::FinishedPart<'_>| {
                let at = part.region;
                handed.slice_mut(s![at.range(0), at.range(1), at.range(2)]).assign(&part.labels);
                doubt.slice_mut(s![at.range(0), at.range(1), at.range(2)]).assign(&part.doubt);
                Ok(())
            };
            let mut tile = |tile: crate::TilePlace| places.push(tile);
            let hooks = Hooks {
                progress: &mut |_| {},
                cancelled: &|| false,
                probabilities: Some(&mut sink),
                tiles: Some(&mut tile),
                parts: Some(&mut part),
                recover: None,
            };
            segment(scan(size, spacing), &plan, &argmax_labels(3), &mut [affine_fold(network.clone())], options, hooks)
        };
        let found = match found {
            Err(PipelineError::TooThin { .. }) => return Ok(()),
            other => other.unwrap(),
        };
        let (logits, frame) = reference_logits(scan(size, spacing), &plan, &mut network, true);
        let LabelVoxels::U8(labels) = &found.labels.voxels else { panic!("three classes fit a byte") };
        prop_assert_eq!(&handed, &labels.mapv(u16::from), "what is handed on is what is kept");
        prop_assert_eq!((places[0].run, places.len()), (0, found.tiles));
        prop_assert!(places.iter().all(|tile| !tile.region.is_empty() && (0..3).all(|a| tile.region.end_zyx[a] <= size[a])));
        let seen = frame.order.view(labels.view());
        for ((z, y, x), label) in seen.indexed_iter() {
            if !frame.crop.contains([z, y, x]) {
                prop_assert_eq!(*label, 0);
            }
        }
        let cut = s![frame.crop.range(0), frame.crop.range(1), frame.crop.range(2)];
        for ((z, y, x), label) in seen.slice(cut).indexed_iter() {
            let at: Vec<f32> = logits.slice(s![.., z, y, x]).to_vec();
            let max = at.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            prop_assert!(max - at[usize::from(*label)] < 1e-4, "label {} of {:?}", label, at);
            let total: f32 = at.iter().map(|v| (v - max).exp()).sum();
            let second = at.iter().enumerate().filter(|(k, _)| *k != usize::from(*label)).map(|(_, v)| *v).fold(f32::NEG_INFINITY, f32::max);
            let doubt = f32::from(frame.order.view(doubt.view()).slice(cut)[(z, y, x)]);
            prop_assert!(((second - max).exp().min(1.0) * 255.0 - doubt).abs() < 0.6, "doubt {} of {:?}", doubt, at);
            for (k, logit) in at.iter().enumerate() {
                let found = frame.order.view(probabilities.index_axis(Axis(0), k)).slice(cut)[(z, y, x)];
                prop_assert!(((logit - max).exp() / total - found).abs() < 1e-4);
            }
        }
    }
}

/// The averaged channels of an image (channels, z, y, x), with tiles and bricks in one order of axes.
fn averages(image: &Array3<f32>, patch: [usize; 3], order: [usize; 3], mirror: &[usize]) -> Array4<f32> {
    let size: [usize; 3] = image.dim().into();
    let grid = TileGrid::new(size, patch, 0.5).unwrap();
    let layout = Layout::with_order(&grid, order);
    let window = Window { grid, mirrorings: mirrorings(mirror), labelling: None, device_bytes: None, handed_on: 0, cancelled: &|| false };
    let mut folds = [affine_fold(tilted(patch, &[1.0, -0.5])), affine_fold(tilted(patch, &[0.3, 0.8]))];
    let ensemble = Ensemble::new(&folds, patch).unwrap();
    let mut result = Array4::from_elem((2, size[0], size[1], size[2]), f32::NAN);
    let mut collect = |brick: Brick| {
        let at = brick.region;
        let mut part = result.slice_mut(s![.., at.range(0), at.range(1), at.range(2)]);
        assert!(part.iter().all(|v| v.is_nan()), "a voxel comes twice");
        part.assign(&brick.values.permuted_axes([1, 0, 2, 3]));
        Ok(())
    };
    window.predict_bricks(&layout, vec![image.clone()], &mut folds, &ensemble, &mut |_| {}, &mut collect).unwrap();
    result
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    /// Which axis runs outermost changes only the order of additions.
    #[test]
    fn the_order_of_axes_changes_nothing(
        size in prop::array::uniform3(1_usize..20),
        patch in prop::array::uniform3(2_usize..9),
        mirror in prop::sample::subsequence(vec![0_usize, 1, 2], 0..=3),
    ) {
        let image = scan(size, [1.0; 3]).voxels;
        let expected = averages(&image, patch, [0, 1, 2], &mirror);
        prop_assert!(expected.iter().all(|v| v.is_finite()));
        for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let found = averages(&image, patch, order, &mirror);
            let worst = found.iter().zip(&expected).fold(0.0_f32, |max, (a, b)| max.max((a - b).abs()));
            // Up to 128 additions of values up to 7, each rounded.
            prop_assert!(worst <= 3e-5, "{order:?}: {worst:e}");
        }
    }
}

#[test]
fn a_constant_network_gives_constant_labels() {
    let plan = testkit::plan([8, 8, 8]);
    for size in [[20, 20, 20], [5, 4, 30], [8, 8, 8]] {
        let head = Head { weight_kc: vec![0.0; 3], bias: vec![0.0, 3.0, 1.0] };
        let mut folds = [FoldRunner { runner: Box::new(Affine::new([8, 8, 8], &[1.0])), head: Some(head) }];
        let scan = Scan::new(Geometry::axis_aligned(size, [1.3, 0.8, 1.0]), Array3::ones(size));
        let found = run(scan, &plan, &argmax_labels(3), &mut folds, PLAIN).unwrap();
        assert_eq!(found.labels.voxels.counts(), [(1, size.iter().product::<usize>() as u64)]);
    }
}

#[test]
fn a_head_after_averaging_is_a_head_before() {
    let mut plan = testkit::plan([6, 8, 8]);
    plan.spacing_mm = [1.2, 0.9, 1.1];
    // Class k wins where the first feature is nearest to k - 2.
    let heads = [0.0_f32, 0.1].map(|shift| {
        let slopes: Vec<f32> = (0..5).map(|k| k as f32 - 2.0 + shift).collect();
        Head {
            weight_kc: slopes.iter().flat_map(|slope| [*slope, 0.05 * slope]).collect(),
            bias: slopes.iter().map(|slope| -slope * slope / 2.0).collect(),
        }
    });
    let inner = || tilted([6, 8, 8], &[1.0, -0.7]);
    let mut after = heads.clone().map(|head| FoldRunner { runner: Box::new(inner()), head: Some(head) });
    let mut before = heads.map(|head| FoldRunner { runner: Box::new(Headed { inner: inner(), head }), head: None });
    let options = SegmentOptions::default();
    let case = || scan([13, 17, 19], [1.0, 1.0, 1.0]);
    let a = run(case(), &plan, &argmax_labels(5), &mut after, options).unwrap();
    let b = run(case(), &plan, &argmax_labels(5), &mut before, options).unwrap();
    assert_eq!(a.labels.voxels.counts().len(), 5, "{:?}", a.labels.voxels.counts());
    let mut differing = 0;
    for (z, y, x) in ndarray::indices((13, 17, 19)) {
        differing += usize::from(a.labels.voxels.at([z, y, x]) != b.labels.voxels.at([z, y, x]));
    }
    assert!(differing <= 1, "{differing} voxels differ");
    assert_eq!(a.runs, a.tiles * 2 * 8);
}

#[test]
fn regions_are_painted_in_order() {
    let plan = testkit::plan([4, 4, 4]);
    let labels = ModelLabels { names: vec![], rule: LabelRule::Regions { values: vec![2, 300] } };
    let mut folds = [affine_fold(Affine::new([4, 4, 4], &[1.0, -1.0]))];
    let mut image = Scan::new(Geometry::axis_aligned([4, 4, 8], [1.0; 3]), Array3::ones((4, 4, 8)));
    image.voxels.slice_mut(s![.., .., 4..]).fill(-1.0);
    let found = run(image, &plan, &labels, &mut folds, PLAIN).unwrap();
    assert_eq!(found.labels.voxels.counts(), [(2, 64), (300, 64)]);
    assert!(matches!(found.labels.voxels, LabelVoxels::U16(_)));
}

#[test]
fn orientation_of_the_file_does_not_matter_to_a_reorienting_model() {
    let mut plan = testkit::plan([6, 6, 6]);
    plan.reorient_to_ras = true;
    let mut folds = [affine_fold(tilted([6, 6, 6], &[1.0, -0.5, 0.7]))];
    let mut home = scan([9, 10, 11], [1.0; 3]);
    home.geometry = testkit::oriented("RAS".parse().unwrap(), [9, 10, 11]);
    let expected = run(home.clone(), &plan, &argmax_labels(3), &mut folds, PLAIN).unwrap().labels;
    for orientation in Orientation::all() {
        let moved = reorient(&home, orientation);
        let geometry = moved.geometry.clone();
        let found = run(moved, &plan, &argmax_labels(3), &mut folds, PLAIN).unwrap().labels;
        assert_eq!(found.geometry, geometry, "{orientation}");
        let (LabelVoxels::U8(found), LabelVoxels::U8(expected)) = (found.voxels, &expected.voxels) else { panic!("bytes") };
        let back = reorient(&volume::Volume::new(geometry, found), "RAS".parse().unwrap());
        assert_eq!(back.voxels, *expected, "{orientation}");
    }
}

#[test]
fn an_empty_image_is_segmented_whole() {
    let plan = testkit::plan([4, 4, 4]);
    let image = Scan::new(Geometry::axis_aligned([5, 6, 7], [1.0; 3]), Array3::zeros((5, 6, 7)));
    let mut folds = [affine_fold(Affine::new([4, 4, 4], &[1.0, 2.0]))];
    let found = run(image, &plan, &argmax_labels(2), &mut folds, PLAIN).unwrap();
    assert_eq!(found.labels.voxels.counts(), [(0, 210)]);
}

#[test]
fn progress_counts_every_run_and_cancel_stops_at_once() {
    let plan = testkit::plan([8, 8, 8]);
    let mut folds = [affine_fold(Affine::new([8, 8, 8], &[1.0, 2.0]))];
    let mut steps = Vec::new();
    let case = || scan([12, 9, 20], [1.0; 3]);
    let hooks =
        Hooks { progress: &mut |p| steps.push(p), cancelled: &|| false, probabilities: None, tiles: None, parts: None, recover: None };
    let found = segment(case(), &plan, &argmax_labels(2), &mut folds, SegmentOptions::default(), hooks).unwrap();
    assert_eq!(steps, (1..=found.runs).map(|done| Progress { done, total: found.runs }).collect::<Vec<_>>());

    let runs = std::sync::atomic::AtomicUsize::new(0);
    let stop = || runs.fetch_add(1, std::sync::atomic::Ordering::Relaxed) > 3;
    let mut seen = 0;
    let hooks = Hooks { progress: &mut |p| seen = p.done, cancelled: &stop, probabilities: None, tiles: None, parts: None, recover: None };
    let stopped = segment(case(), &plan, &argmax_labels(2), &mut folds, PLAIN, hooks);
    assert!(matches!(stopped, Err(PipelineError::Cancelled(Cancelled))));
    assert_eq!(seen, 4);
}

#[test]
fn numbers_that_are_none_are_not_labelled() {
    let plan = testkit::plan([4, 4, 4]);
    let mut folds = [affine_fold(Affine::new([4, 4, 4], &[1.0, f32::INFINITY]))];
    let refused = run(scan([6, 6, 6], [1.0; 3]), &plan, &argmax_labels(2), &mut folds, PLAIN);
    assert!(matches!(refused, Err(PipelineError::NotFiniteOutput)));
}

#[test]
fn labels_without_a_head_are_refused() {
    let plan = testkit::plan([4, 4, 4]);
    let mut folds = [affine_fold(Affine::new([4, 4, 4], &[1.0, 2.0]))];
    let refused = run(scan([6, 6, 6], [1.0; 3]), &plan, &argmax_labels(4), &mut folds, PLAIN);
    assert!(matches!(refused, Err(PipelineError::Plan(_))));
    let regions = ModelLabels { names: vec![], rule: LabelRule::Regions { values: vec![1] } };
    assert!(matches!(run(scan([6, 6, 6], [1.0; 3]), &plan, &regions, &mut folds, PLAIN), Err(PipelineError::Plan(_))));
    let mut cubic = plan.clone();
    cubic.resample_logits.order = 3;
    assert!(matches!(run(scan([6, 6, 6], [1.0; 3]), &cubic, &argmax_labels(2), &mut folds, PLAIN), Err(PipelineError::Plan(_))));
}
