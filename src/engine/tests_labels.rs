//! Labels made on the device against those made from the same sums in host memory.

use crate::labelling::{Labelling, LinearHead, Pick, Tap};
use crate::plan::Limits;
use crate::selftest::noise;
use crate::selftest_window::{WindowCase, labels_off, tables};
use crate::tests_window::{self, folds, gpu};

/// Cases without mirrorings: what becomes of sums does not depend on how they came about.
fn cases() -> [WindowCase; 2] {
    tests_window::cases().map(|mut case| {
        case.runs.retain(|(_, run)| run.flips == [false; 3]);
        case
    })
}

/// Grids of all kinds: finer, coarser, as they are, nearest along an axis; logits and features; one byte and two; both rules.
fn all_tables(case: &WindowCase) -> Vec<Labelling> {
    let [z, y, x] = case.shape.size;
    let head = |classes: usize| {
        let weight_kc = noise(3).take(classes * case.shape.channels).collect();
        Some(LinearHead { weight_kc, bias: noise(4).take(classes).map(|v| v / 4.0).collect() })
    };
    let linear = |to: [usize; 3], head: Option<LinearHead>, pick: Pick, classes: usize| {
        let mut tables = tables(case.shape.size, to, head, pick, classes);
        let turned = tables_of_axis([y, z, x], to[0]);
        tables.taps[0] = turned;
        tables
    };
    let channels = case.shape.channels;
    vec![
        linear([z, y, x], None, Pick::Largest, channels),
        linear([2 * z - 1, y + 3, x / 2 + 1], None, Pick::Largest, channels),
        linear([z / 3 + 1, 2 * y, 3 * x], None, Pick::LastPositive, channels),
        tables(case.shape.size, [3 * z + 1, y / 2, x + 1], None, Pick::Largest, channels),
        tables(case.shape.size, [z / 2, y, 2 * x + 1], head(19), Pick::Largest, 19),
        linear([z + 5, 2 * y + 1, x], head(131), Pick::Largest, 131),
        linear([z, y - 2, x + 2], head(8), Pick::LastPositive, 8),
    ]
}

/// Linear taps along an axis of `size[1]` samples.
fn tables_of_axis(size: [usize; 3], to: usize) -> Vec<Tap> {
    tables(size, [1, to, 1], None, Pick::Largest, 1).taps[1].clone()
}

#[test]
fn labels_on_the_device_are_those_of_the_sums() {
    let gpu = gpu();
    let folds = folds(&gpu, gpu.limits());
    for case in cases() {
        let sums = case.on_device(&folds, gpu.limits(), 0).unwrap();
        for tables in all_tables(&case) {
            let (labels, finite, bytes) = case.labels_on_device(&folds, gpu.limits(), &tables, 0).unwrap();
            assert!(finite && labels.len() == tables.taps[0].len());
            let off = labels_off(&case.shape, &tables, &sums, &labels);
            let kinds = labels.iter().flatten().collect::<std::collections::BTreeSet<_>>().len();
            let voxels: usize = tables.size().iter().product();
            println!("{:?} {:?}: {kinds} labels, {off} off, {:.2} bytes a voxel", tables.size(), tables.pick, bytes as f64 / voxels as f64);
            assert_eq!(off, 0, "of {voxels}");
            assert!(kinds > 2, "labels that tell nothing");
        }
    }
}

#[test]
fn slabs_change_no_label() {
    let gpu = gpu();
    let folds = folds(&gpu, gpu.limits());
    let [large, small] = cases();
    let large_in: &[(u64, u64)] = &[(1, 1), (3, 1_000_000)];
    let small_in: &[(u64, u64)] = &[(2, 30_000_000), (1, 1)];
    for (case, cuts) in [(large, large_in), (small, small_in)] {
        let plane = (13 * case.shape.area() * 4).next_multiple_of(256) as u64;
        for (tables, (planes, dispatch_flops)) in all_tables(&case).into_iter().zip(cuts.iter().copied().cycle()) {
            let want = case.labels_on_device(&folds, gpu.limits(), &tables, 0).unwrap();
            let tight = Limits { binding_bytes: planes * plane, dispatch_flops, ..gpu.limits() };
            let got = case.labels_on_device(&folds, tight, &tables, 0).unwrap();
            assert!(got.0 == want.0, "{planes} planes in a binding, {dispatch_flops} operations in a dispatch");
        }
    }
}

/// What is done again after a loss.
#[test]
fn labels_may_begin_at_any_plane() {
    let gpu = gpu();
    let folds = folds(&gpu, gpu.limits());
    let [whole, _] = cases();
    for tables in all_tables(&whole) {
        let (want, _, _) = whole.labels_on_device(&folds, gpu.limits(), &tables, 0).unwrap();
        for first in [1, want.len() / 2, want.len() - 1] {
            let [mut case, _] = cases();
            let needed = tables.needed(first, case.shape.size[0]) as isize;
            case.runs.retain(|(_, run)| run.origin[0] + case.shape.patch[0] as isize > needed);
            let (got, _, _) = case.labels_on_device(&folds, gpu.limits(), &tables, first).unwrap();
            assert!(got == want[first..], "from {first} of {}", want.len());
        }
    }
}

#[test]
fn only_labels_come_back() {
    let gpu = gpu();
    let folds = folds(&gpu, gpu.limits());
    let [case, _] = cases();
    let voxels: usize = case.shape.size.iter().product();
    let sums: usize = case.on_device(&folds, gpu.limits(), 0).unwrap().iter().map(|plane| plane.len() * 4).sum();
    let [narrow, wide] = [12, 131].map(|classes| {
        let head = LinearHead { weight_kc: noise(3).take(classes * 12).collect(), bias: vec![0.0; classes] };
        let tables = tables(case.shape.size, case.shape.size, Some(head), Pick::Largest, classes);
        case.labels_on_device(&folds, gpu.limits(), &tables, 0).unwrap().2 as usize
    });
    println!("{voxels} voxels: {sums} bytes of sums, {narrow} of labels, {wide} of wide labels");
    // Rows are padded to four voxels, planes to 256 bytes.
    assert!(narrow < voxels * 5 / 4 && wide < voxels * 9 / 4 && sums == 13 * 4 * voxels);
}

#[test]
fn means_that_are_no_numbers_are_told() {
    let gpu = gpu();
    let folds = folds(&gpu, gpu.limits());
    let [mut case, _] = cases();
    let tables = tables(case.shape.size, [5, 5, 5], None, Pick::Largest, 12);
    assert!(case.labels_on_device(&folds, gpu.limits(), &tables, 0).unwrap().1);
    for share in [f32::INFINITY, f32::NAN] {
        case.runs.last_mut().unwrap().1.share = share;
        assert!(!case.labels_on_device(&folds, gpu.limits(), &tables, 0).unwrap().1, "{share}");
    }
}
