//! Operations on whole structures against brute force and known shapes; cancelling; locks.

use proptest::prelude::*;

use crate::draw::Guard;
use crate::ops::{Between, Islands, grow, interpolate, islands, relabel, shrink, smooth};
use crate::tests_edit::{grid, noise};
use crate::{Delta, LabelGrid, MaskError, Touch, Watch};

fn applied(grid: &LabelGrid, delta: &Delta) -> LabelGrid {
    let mut grid = grid.clone();
    delta.apply(&mut grid).unwrap();
    grid
}

fn count(grid: &LabelGrid, value: u16) -> usize {
    (0..grid.len()).filter(|i| grid.get(*i) == value).count()
}

fn ball(at: [usize; 3], centre: [f64; 3], radius_mm: f64, spacing: [f64; 3]) -> bool {
    (0..3).map(|a| ((at[a] as f64 - centre[a]) * spacing[a]).powi(2)).sum::<f64>() <= radius_mm * radius_mm
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// By definition: every voxel within the distance of one of the label; nothing that is guarded.
    #[test]
    fn growing_and_shrinking_are_exact(
        seed in any::<u64>(),
        spacing in prop::array::uniform3(0.5_f64..3.0),
        mm in 0.4_f64..5.0,
        locked in 0_u16..5,
    ) {
        let grid = noise([4, 6, 7], spacing, seed);
        let nearest = |at: usize, is: &dyn Fn(u16) -> bool| {
            let at = grid.zyx_of(at);
            let others = (0..grid.len()).filter(|i| is(grid.get(*i))).map(|i| grid.zyx_of(i));
            others.map(|o| (0..3).map(|a| ((o[a] as f64 - at[a] as f64) * spacing[a]).powi(2)).sum::<f64>().sqrt()).fold(f64::INFINITY, f64::min)
        };
        let guard = Guard::unlocked(&[locked]);
        let grown = applied(&grid, &grow(&grid, 2, mm, &guard, Watch::none()).unwrap());
        let shrunk = applied(&grid, &shrink(&grid, 2, mm, 4, Watch::none()).unwrap());
        for i in 0..grid.len() {
            let old = grid.get(i);
            let (to, from) = (nearest(i, &|v| v == 2), nearest(i, &|v| v != 2));
            if (to - mm).abs() > 1e-5 {
                prop_assert_eq!(grown.get(i), if to <= mm && old != locked { 2 } else { old });
            }
            if (from - mm).abs() > 1e-5 {
                prop_assert_eq!(shrunk.get(i), if old == 2 && from <= mm { 4 } else { old });
            }
        }
    }

    /// Closing: growing and then shrinking by the same distance never loses a voxel.
    #[test]
    fn growing_then_shrinking_contains_the_original(seed in any::<u64>(), spacing in prop::array::uniform3(0.5_f64..3.0), mm in 0.4_f64..4.0) {
        let grid = noise([5, 7, 9], spacing, seed);
        let grown = applied(&grid, &grow(&grid, 1, mm, &Guard::all(), Watch::none()).unwrap());
        let closed = applied(&grown, &shrink(&grown, 1, mm, 0, Watch::none()).unwrap());
        prop_assert!((0..grid.len()).all(|i| grid.get(i) != 1 || closed.get(i) == 1));
    }

    /// What is locked keeps every voxel and gains none; what was not asked for keeps its borders; the rest stays a label that was there.
    #[test]
    fn smoothing_leaves_what_it_must(seed in any::<u64>(), sigma in 0.3_f64..3.0, locked in 0_u16..5) {
        let grid = noise([20, 8, 9], [1.0, 1.5, 0.8], seed);
        let smoothed = applied(&grid, &smooth(&grid, &[1, 3], sigma, &Guard::unlocked(&[locked]), Watch::none()).unwrap());
        for i in 0..grid.len() {
            let (old, new) = (grid.get(i), smoothed.get(i));
            if old != new {
                prop_assert!(old != locked && new != locked);
                prop_assert!([1, 3].contains(&old) || [1, 3].contains(&new));
            }
        }
    }

    /// Slabs change nothing: the strongest label by a plain sum over the whole volume.
    #[test]
    fn smoothing_takes_the_strongest_label(seed in any::<u64>(), sigma in 0.5_f64..1.6) {
        let spacing = [1.0, 1.5, 0.8];
        let grid = noise([19, 4, 5], spacing, seed);
        let labels = [1, 2, 3, 4];
        let smoothed = applied(&grid, &smooth(&grid, &labels, sigma, &Guard::all(), Watch::none()).unwrap());
        let weight = |a: [usize; 3], b: [usize; 3]| -> f64 {
            (0..3).map(|k| {
                let (d, s) = (a[k].abs_diff(b[k]), sigma / spacing[k]);
                if d as f64 > (3.0 * s).ceil() { 0.0 } else { (-0.5 * (d as f64 / s).powi(2)).exp() }
            }).product()
        };
        for i in 0..grid.len() {
            let at = grid.zyx_of(i);
            let mut strength = [0.0; 5];
            (0..grid.len()).for_each(|j| strength[usize::from(grid.get(j))] += weight(at, grid.zyx_of(j)));
            let whole: f64 = strength.iter().sum();
            let new = smoothed.get(i);
            let best = strength.iter().copied().fold(0.0, f64::max);
            prop_assert!(strength[usize::from(new)] >= best - 1e-4 * whole, "{at:?} {new} {strength:?}");
        }
    }

    #[test]
    fn relabelling_changes_exactly_the_named(seed in any::<u64>(), to in 0_u16..5) {
        let grid = noise([4, 6, 7], [1.0; 3], seed);
        let merged = applied(&grid, &relabel(&grid, &[1, 3, 4], to, &Guard::unlocked(&[4]), Watch::none()).unwrap());
        for i in 0..grid.len() {
            let old = grid.get(i);
            prop_assert_eq!(merged.get(i), if [1, 3].contains(&old) { to } else { old });
        }
    }
}

#[test]
fn smoothing_removes_steps_and_keeps_size() {
    let spacing = [2.0, 1.0, 1.0];
    let rough = grid([24, 48, 48], spacing, |at| {
        let bumps = (at[0] * 7 + at[1] * 3 + at[2] * 5) % 4;
        u16::from(ball(at, [12.0, 24.0, 24.0], 16.0 + bumps as f64 * 0.7, spacing))
    });
    let smoothed = applied(&rough, &smooth(&rough, &[1], 2.0, &Guard::all(), Watch::none()).unwrap());
    let (before, after) = (count(&rough, 1) as f64, count(&smoothed, 1) as f64);
    // A Gaussian takes sigma^2 / r off the radius of a ball: 0.24 mm of 16.8 mm, 4.2 % of the volume.
    assert!((after / before - 0.958).abs() < 0.015, "{before} {after}");
    let faces = |grid: &LabelGrid| (0..grid.len()).filter(|i| i % 48 != 47 && grid.get(*i) != grid.get(i + 1)).count();
    assert!(faces(&smoothed) < faces(&rough));
    assert_eq!(crate::pieces(&smoothed, 1, Touch::Faces).pieces.len(), 1);
}

/// A slanted cone, drawn on every fifth slice: what comes back is the cone.
#[test]
fn interpolation_restores_a_slanted_cone() {
    let spacing = [2.0, 1.0, 0.7];
    for axis in 0..3 {
        let mut size = [50; 3];
        size[axis] = 21;
        let [rows, columns] = [[1, 2], [0, 2], [0, 1]][axis];
        let cone = |at: [usize; 3]| {
            let t = at[axis] as f64;
            let (r, c) = (at[rows] as f64 - 14.0 - t, at[columns] as f64 - 34.0 + 0.8 * t);
            (r * spacing[rows]).powi(2) + (c * spacing[columns]).powi(2) <= (5.0 + 0.2 * t).powi(2)
        };
        let whole = grid(size, spacing, |at| u16::from(cone(at)));
        let drawn = grid(size, spacing, |at| u16::from(cone(at) && at[axis] % 5 == 0));
        let delta = interpolate(&drawn, axis, &[1], Between::Drawn, &Guard::background(), Watch::none()).unwrap();
        let filled = applied(&drawn, &delta);
        let wrong = (0..whole.len()).filter(|i| whole.get(*i) != filled.get(*i)).count() as f64;
        let (all, again) = (count(&whole, 1) as f64, count(&filled, 1) as f64);
        assert!(wrong < 0.05 * all && (again / all - 1.0).abs() < 0.03, "axis {axis}: {wrong} of {all}, {again}");
        // Drawn slices stay as they are.
        assert!(delta.changes().iter().flat_map(crate::Change::range).all(|i| drawn.zyx_of(i)[axis] % 5 != 0));
        // The same from chosen slices of a mask that has something else between.
        let spoilt = grid(size, spacing, |at| if at[axis] % 5 == 0 { u16::from(cone(at)) } else { u16::from(at[rows] < 6) });
        let keys = [0, 5, 10, 15, 20];
        let delta = interpolate(&spoilt, axis, &[1], Between::Slices(&keys), &Guard::background(), Watch::none()).unwrap();
        let near = |i: usize| whole.zyx_of(i)[rows] >= 6;
        let again = applied(&spoilt, &delta);
        let wrong = (0..whole.len()).filter(|i| near(*i) && again.get(*i) != filled.get(*i)).count();
        assert_eq!(wrong, 0, "axis {axis}");
    }
}

#[test]
fn interpolation_respects_guards_and_neighbours() {
    let drawn = grid([5, 20, 20], [1.0; 3], |[z, y, x]| match (z, y, x) {
        (0 | 4, 3..10, 3..10) => 1,
        (0 | 4, 10..17, 3..10) => 2,
        (2, 5, 5) => 3,
        _ => 0,
    });
    let filled = applied(&drawn, &interpolate(&drawn, 0, &[1, 2, 7], Between::Drawn, &Guard::background(), Watch::none()).unwrap());
    for z in 0..5 {
        for (y, x) in (0..20).flat_map(|y| (0..20).map(move |x| (y, x))) {
            let expected = if (z, y, x) == (2, 5, 5) { 3 } else { drawn.get(y * 20 + x) };
            assert_eq!(filled.get((z * 20 + y) * 20 + x), expected, "{z} {y} {x}");
        }
    }
    assert!(interpolate(&drawn, 3, &[1], Between::Drawn, &Guard::all(), Watch::none()).is_err());
    assert!(interpolate(&drawn, 0, &[1], Between::Slices(&[5]), &Guard::all(), Watch::none()).is_err());
}

#[test]
fn islands_are_sorted() {
    let line = grid([1, 1, 12], [2.0, 1.0, 1.0], |[_, _, x]| [1, 0, 1, 1, 0, 1, 1, 1, 0, 2, 0, 1][x]);
    let after = |what: Islands| {
        let grid = applied(&line, &islands(&line, 1, Touch::Faces, &what, Watch::none()).unwrap());
        (0..12).map(|i| grid.get(i)).collect::<Vec<_>>()
    };
    assert_eq!(after(Islands::KeepLargest), [0, 0, 0, 0, 0, 1, 1, 1, 0, 2, 0, 0]);
    assert_eq!(after(Islands::RemoveSmaller { mm3: 4.0 }), [0, 0, 1, 1, 0, 1, 1, 1, 0, 2, 0, 0]);
    assert_eq!(after(Islands::KeepAt { index_zyx: [0, 0, 2] }), [0, 0, 1, 1, 0, 0, 0, 0, 0, 2, 0, 0]);
    assert_eq!(after(Islands::Split { new_values: vec![5, 6] }), [6, 0, 5, 5, 0, 1, 1, 1, 0, 2, 0, 1]);
    let nowhere = Islands::KeepAt { index_zyx: [0, 0, 1] };
    assert!(islands(&line, 1, Touch::Faces, &nowhere, Watch::none()).is_err());
    assert!(islands(&line, 1, Touch::Faces, &Islands::Split { new_values: vec![300] }, Watch::none()).is_err());
    assert!(islands(&line, 8, Touch::Faces, &Islands::KeepLargest, Watch::none()).unwrap().is_empty());
}

#[test]
fn everything_long_can_be_cancelled() {
    let grid = noise([20, 12, 12], [1.0; 3], 1);
    let stop = |_: f32| false;
    let watch = Watch::new(&stop);
    let guard = Guard::all();
    let results = [
        grow(&grid, 1, 2.0, &guard, watch),
        shrink(&grid, 1, 2.0, 0, watch),
        smooth(&grid, &[1], 1.0, &guard, watch),
        interpolate(&grid, 0, &[1], Between::Drawn, &guard, watch),
        islands(&grid, 1, Touch::Faces, &Islands::KeepLargest, watch),
        relabel(&grid, &[1], 2, &guard, watch),
    ];
    assert!(results.iter().all(|result| matches!(result, Err(MaskError::Cancelled))));
    assert!(matches!(crate::measure::measure(&grid, None, watch), Err(MaskError::Cancelled)));
    assert!(matches!(crate::surface::surfaces(&grid, &[1], &Default::default(), watch), Err(MaskError::Cancelled)));
}
