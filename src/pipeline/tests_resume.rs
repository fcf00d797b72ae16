//! Cases that go on where an earlier run was stopped.

use engine::{Device, TileOutput};
use mednext::InferencePlan;
use ndarray::{Array3, s};
use proptest::prelude::*;
use volume::{Geometry, Region, Scan};

use crate::error::PipelineError;
use crate::parts::{FinishedPart, HandedOn};
use crate::predict::FoldRunner;
use crate::segment::{Hooks, Progress, SegmentOptions, prepare, segment_prepared};
use crate::testkit::{self, Affine, affine_fold, argmax_labels};
use crate::tests_window::{PATCH, folds, gpu};

struct Part {
    region: Region,
    labels: Array3<u16>,
    doubt: Array3<u8>,
    handed_on: HandedOn,
}

fn scans(size: [usize; 3], channels: usize) -> Vec<Scan> {
    let wave = |c: usize, z: usize, y: usize, x: usize| ((z * 5 + y * 3 + x * 7 + c * 11) % 13) as f32 * 0.3 - 1.5;
    let voxels = |c| Array3::from_shape_fn(size, |(z, y, x)| if y == 0 { 0.0 } else { wave(c, z, y, x) });
    (0..channels).map(|c| Scan::new(Geometry::axis_aligned(size, [1.0; 3]), voxels(c))).collect()
}

/// The parts of a case, and the network runs that were told.
fn parts(
    scans: Vec<Scan>,
    plan: &InferencePlan,
    classes: usize,
    mut folds: Vec<FoldRunner>,
    resume: Option<HandedOn>,
) -> Result<(Vec<Part>, Vec<Progress>), PipelineError> {
    let (mut parts, mut steps) = (Vec::new(), Vec::new());
    let mut sink = |part: FinishedPart<'_>| {
        let FinishedPart { region, handed_on, .. } = part;
        parts.push(Part { region, labels: part.labels.to_owned(), doubt: part.doubt.to_owned(), handed_on });
        Ok(())
    };
    let hooks = Hooks {
        progress: &mut |step| steps.push(step),
        cancelled: &|| false,
        probabilities: None,
        tiles: None,
        parts: Some(&mut sink),
        recover: None,
    };
    let options = SegmentOptions { resume, ..SegmentOptions::default() };
    segment_prepared(prepare(scans, plan)?, plan, &argmax_labels(classes), &mut folds, &options, hooks)?;
    Ok((parts, steps))
}

fn joined<'a>(size: [usize; 3], parts: impl Iterator<Item = &'a Part>) -> (Array3<u16>, Array3<u8>) {
    let (mut labels, mut doubt) = (Array3::zeros(size), Array3::zeros(size));
    for part in parts {
        let at = s![part.region.range(0), part.region.range(1), part.region.range(2)];
        labels.slice_mut(at).assign(&part.labels);
        doubt.slice_mut(at).assign(&part.doubt);
    }
    (labels, doubt)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Wherever it was stopped, in bricks of any order: both runs' parts are the one run's, and late stops leave little to do.
    #[test]
    fn both_halves_are_the_whole(
        size in prop::array::uniform3(4_usize..22),
        spacing in prop::array::uniform3(prop::sample::select(vec![0.7, 1.0, 1.6])),
        patch in prop::array::uniform3(2_usize..8),
        mirror_axes in prop::sample::subsequence(vec![0_usize, 1, 2], 0..=1),
        stop in 0.0_f64..1.0,
    ) {
        let mut plan = testkit::plan(patch);
        plan.spacing_mm = spacing;
        plan.mirror_axes = mirror_axes;
        let mut network = Affine::new(patch, &[1.0, -0.5, 0.25]);
        network.tilt = 1.5;
        let run = |resume| parts(scans(size, 1), &plan, 3, vec![affine_fold(network.clone())], resume);
        let (whole, steps) = match run(None) {
            Err(PipelineError::TooThin { .. }) => return Ok(()),
            other => other.unwrap(),
        };
        let stopped = &whole[..=((whole.len() - 1) as f64 * stop) as usize];
        let mark = stopped.last().unwrap().handed_on;
        prop_assert!(!mark.in_planes);
        let (rest, later) = run(Some(mark)).unwrap();
        prop_assert_eq!(joined(size, stopped.iter().chain(&rest)), joined(size, whole.iter()));
        // Only what the last part did not finish comes again.
        let again = rest.iter().filter(|part| stopped.iter().any(|had| had.region == part.region));
        prop_assert!(again.clone().all(|part| part.handed_on.count >= mark.count), "{} parts came again", again.count());
        let bricks = whole.last().unwrap().handed_on.count;
        prop_assert!(later.len() <= steps.len());
        prop_assert!(mark.count < bricks || later.is_empty(), "nothing was left to do");
        prop_assert!(later.iter().all(|step| step.total == steps.len()));
    }
}

/// What is left of a long scan is computed, and the two rows of tiles that what is left reads: no more.
#[test]
fn little_is_computed_twice() {
    let size = [60, 9, 8];
    let plan = testkit::plan([8; 3]);
    let run = |resume| parts(scans(size, 1), &plan, 2, vec![affine_fold(Affine::new([8; 3], &[1.0, 0.5]))], resume).unwrap();
    let (whole, steps) = run(None);
    let rows = 14;
    assert_eq!(steps.len() % rows, 0);
    let row = steps.len() / rows;
    for finished in [12, 30, 48] {
        let stopped = whole.iter().rfind(|part| part.region.end_zyx[0] <= finished).unwrap();
        let (_, later) = run(Some(stopped.handed_on));
        // A row begins every four planes and reaches eight.
        let needed = rows - (finished / 4 - 2);
        assert!(later.len() <= (needed + 1) * row + 1, "{} runs of {row} a row after {finished} planes", later.len());
    }
}

/// The same on a device, where the grid is finished in planes.
#[test]
fn a_device_goes_on_at_any_plane() {
    let device = gpu();
    let size = [40, 20, 36];
    let mut plan = testkit::plan(PATCH);
    plan.channels.push(plan.channels[0].clone());
    plan.mirror_axes = vec![2];
    plan.spacing_mm = [1.25, 1.0, 1.0];
    let run = |device: &Device, resume| parts(scans(size, 2), &plan, 3, folds(device, TileOutput::Logits), resume).unwrap();
    let (whole, steps) = run(&device, None);
    assert!(whole.iter().all(|part| part.handed_on.in_planes));
    let expected = joined(size, whole.iter());
    assert!(expected.0.iter().any(|label| *label > 0));
    for stop in [0, whole.len() / 3, whole.len() / 2, whole.len() - 2, whole.len() - 1] {
        let stopped = &whole[..=stop];
        let mark = stopped[stop].handed_on;
        let (rest, later) = run(&device, Some(mark));
        assert_eq!(joined(size, stopped.iter().chain(&rest)), expected, "stopped at {stop}");
        assert!(later.len() < steps.len() || stop == 0 || mark.count < PATCH[0], "{} runs again after {mark:?}", later.len());
    }
    // Another kind of device finishes the grid in another way, and begins anew.
    let mark = whole.last().unwrap().handed_on;
    let (rest, _) = run(&Device::Cpu, Some(mark));
    assert_eq!(rest.iter().map(|part| part.labels.len()).sum::<usize>(), whole.iter().map(|part| part.labels.len()).sum::<usize>());
}
