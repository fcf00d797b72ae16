//! Drawing: brushes are the analytic sets, fast strokes have no gaps, fills and polygons agree with brute force, guards hold.

use proptest::prelude::*;

use crate::draw::{Fill, Guard, Ink, Plane, Shape, Tip, Window, fill, polygon, segment, stroke};
use crate::tests_edit::{grid, noise};
use crate::{LabelGrid, Watch};
use volume::Region;

fn voxels(grid: &LabelGrid) -> impl Iterator<Item = [usize; 3]> {
    let grid_size = grid.size_zyx();
    (0..grid.len()).map(move |index| crate::grid::zyx(grid_size, index))
}

/// Distance of a voxel to a path in millimetres, by definition; the largest coordinate difference for squares, by fine sampling.
fn distance(shape: Shape, at: [usize; 3], from: [f64; 3], to: [f64; 3], spacing: [f64; 3]) -> f64 {
    let norm = |t: f64| {
        let off: [f64; 3] = std::array::from_fn(|a| (at[a] as f64 - from[a] - t * (to[a] - from[a])) * spacing[a]);
        match shape {
            Shape::Round => off.iter().map(|d| d * d).sum::<f64>().sqrt(),
            Shape::Square => off.iter().fold(0.0, |m: f64, d| m.max(d.abs())),
        }
    };
    // Both norms are convex in t: golden-section is not needed, ternary search is.
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..200 {
        let (a, b) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
        if norm(a) <= norm(b) { high = b } else { low = a }
    }
    norm(0.5 * (low + high))
}

/// Whether the path runs through the voxel's own box (with a little room for rounding).
fn on_path(at: [usize; 3], from: [f64; 3], to: [f64; 3]) -> bool {
    distance(Shape::Square, at, from, to, [1.0; 3]) <= 0.5 + 1e-9
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    /// A stroke is the set of voxels within the radius of the path, and those the path runs through; on a plane and in space.
    #[test]
    fn brushes_are_the_analytic_sets(
        spacing in prop::array::uniform3(0.4_f64..3.0),
        from in prop::array::uniform3(-3.0_f64..14.0),
        to in prop::array::uniform3(-3.0_f64..14.0),
        dab in any::<bool>(),
        radius_mm in 0.3_f64..6.0,
        square in any::<bool>(),
        axis in 0_usize..4,
    ) {
        let grid = grid([7, 12, 10], spacing, |_| 0);
        let shape = if square { Shape::Square } else { Shape::Round };
        let plane = (axis < 3).then_some(Plane { axis, index: 3 });
        let ink = Ink { value: 1, guard: &Guard::all(), window: None };
        let (mut from, mut to) = (from, if dab { from } else { to });
        let drawn = segment(&grid, &Tip { shape, radius_mm, plane }, from, to, &ink).unwrap().touched();
        if let Some(plane) = plane {
            (from[plane.axis], to[plane.axis]) = (3.0, 3.0);
        }
        for at in voxels(&grid) {
            let there = drawn.contains(grid.index_of(at).unwrap());
            if plane.is_some_and(|plane| at[plane.axis] != plane.index) {
                prop_assert!(!there);
                continue;
            }
            let distance = distance(shape, at, from, to, spacing);
            if (distance - radius_mm).abs() < 1e-6 {
                continue;
            }
            if distance < radius_mm {
                prop_assert!(there, "{at:?} at {distance} of {radius_mm}");
            } else if there {
                // Beyond the radius only what the path runs through, and what lies between that and the shape in its row.
                let reach = 0.5 * spacing.iter().map(|s| s * s).sum::<f64>().sqrt();
                prop_assert!(distance <= radius_mm.max(reach) + 1e-6, "{at:?} at {distance} of {radius_mm}");
                prop_assert!(on_path(at, from, to) || radius_mm < reach, "{at:?} at {distance} of {radius_mm}");
            }
        }
    }

    /// However small the brush and fast the pointer: a stroke is one piece.
    #[test]
    fn fast_strokes_have_no_gaps(
        path in prop::collection::vec(prop::array::uniform3(0.0_f64..19.0), 2..5),
        spacing in prop::array::uniform3(0.4_f64..5.0),
        axis in 0_usize..4,
    ) {
        let mut grid = grid([20, 20, 20], spacing, |_| 0);
        let ink = Ink { value: 1, guard: &Guard::all(), window: None };
        let plane = (axis < 3).then_some(Plane { axis, index: 7 });
        stroke(&grid, &Tip { shape: Shape::Round, radius_mm: 0.1, plane }, &path, &ink).unwrap().apply(&mut grid).unwrap();
        prop_assert_eq!(crate::pieces(&grid, 1, crate::Touch::Corners).pieces.len(), 1);
    }

    #[test]
    fn polygons_are_even_odd_at_centres(
        corners in prop::collection::vec(prop::array::uniform3(-4_i32..24), 3..9),
        axis in 0_usize..3,
    ) {
        let grid = grid([9, 10, 11], [1.0; 3], |_| 0);
        // Off the centres by irrational amounts, so that no centre lies on an edge and the definition is beyond doubt.
        let corners: Vec<[f64; 3]> = corners.iter().map(|c| std::array::from_fn(|a| f64::from(c[a]) / 2.0 + 0.1 * [2.0_f64, 3.0, 5.0][a].sqrt())).collect();
        let plane = Plane { axis, index: 4 };
        let ink = Ink { value: 1, guard: &Guard::all(), window: None };
        let drawn = polygon(&grid, plane, &corners, &ink).unwrap().touched();
        let [u, v] = [(axis + 1) % 3, (axis + 2) % 3];
        for at in voxels(&grid) {
            // A ray along u, counted edge by edge.
            let crossed = corners.iter().zip(corners.iter().cycle().skip(1)).filter(|(a, b)| {
                let (p, q) = (at[u] as f64, at[v] as f64);
                (a[v] > q) != (b[v] > q) && p < a[u] + (q - a[v]) / (b[v] - a[v]) * (b[u] - a[u])
            });
            let inside = at[axis] == 4 && crossed.count() % 2 == 1;
            prop_assert_eq!(drawn.contains(grid.index_of(at).unwrap()), inside, "{:?}", at);
        }
    }

    /// Against repeated dilation.
    #[test]
    fn fills_reach_what_is_connected(seed in any::<u64>(), start in any::<prop::sample::Index>(), flat in 0_usize..4) {
        let grid = noise([5, 7, 8], [1.0; 3], seed);
        let start = grid.zyx_of(start.index(grid.len()));
        let area = if flat < 3 { Fill::Plane(Plane { axis: flat, index: start[flat] }) } else { Fill::Space(Region::whole(grid.size_zyx())) };
        let image = |index: usize| (index % 17) as f32;
        let window = Window { image: &image, low: 1.0, high: 15.0 };
        let ink = Ink { value: 7, guard: &Guard::all(), window: Some(window) };
        let filled = fill(&grid, area, start, &ink, Watch::none()).unwrap();
        let old = grid.get(grid.index_of(start).unwrap());
        let open = |at: [usize; 3]| {
            let index = grid.index_of(at).unwrap();
            grid.get(index) == old && (1.0..=15.0).contains(&image(index)) && (flat == 3 || at[flat] == start[flat])
        };
        let mut reached: std::collections::BTreeSet<[usize; 3]> = std::iter::once(start).filter(|at| open(*at)).collect();
        loop {
            let more: Vec<_> = voxels(&grid).filter(|at| open(*at) && !reached.contains(at)).filter(|at| {
                reached.iter().any(|r| (0..3).map(|a| r[a].abs_diff(at[a])).sum::<usize>() == 1)
            }).collect();
            if more.is_empty() {
                break;
            }
            reached.extend(more);
        }
        let touched = filled.touched();
        for at in voxels(&grid) {
            prop_assert_eq!(touched.contains(grid.index_of(at).unwrap()), reached.contains(&at));
        }
    }
}

/// A disc whose rim passes exactly through centres, at a spacing that rounds.
#[test]
fn centres_on_the_rim_are_inside() {
    let grid = grid([1, 21, 21], [3.0, 0.7, 0.7], |_| 0);
    let ink = Ink { value: 1, guard: &Guard::all(), window: None };
    let tip = Tip { shape: Shape::Round, radius_mm: 3.5, plane: Some(Plane { axis: 0, index: 0 }) };
    let drawn = stroke(&grid, &tip, &[[0.0, 10.0, 10.0]], &ink).unwrap();
    // Gauss's circle problem: 81 lattice points within radius 5.
    assert_eq!(drawn.voxels(), 81);
}

#[test]
fn guards_and_windows_hold() {
    let before = grid([1, 1, 6], [1.0; 3], |[_, _, x]| x as u16 % 3);
    let draw = |value: u16, guard: Guard, window: Option<Window<'_>>| {
        let mut grid = before.clone();
        let tip = Tip { shape: Shape::Square, radius_mm: 50.0, plane: None };
        stroke(&grid, &tip, &[[0.0; 3]], &Ink { value, guard: &guard, window }).unwrap().apply(&mut grid).unwrap();
        (0..6).map(|i| grid.get(i)).collect::<Vec<_>>()
    };
    assert_eq!(draw(5, Guard::background(), None), [5, 1, 2, 5, 1, 2]);
    assert_eq!(draw(5, Guard::unlocked(&[1]), None), [5, 1, 5, 5, 1, 5]);
    assert_eq!(draw(5, Guard::visible(&[1]), None), [5, 5, 2, 5, 5, 2]);
    assert_eq!(draw(0, Guard::only(2), None), [0, 1, 0, 0, 1, 0]);
    assert_eq!(draw(5, Guard::visible(&[1, 2]).and(&Guard::unlocked(&[2])), None), [5, 5, 2, 5, 5, 2]);
    let image = |index: usize| [10.0, f32::NAN, 30.0, 40.0, 50.0, f32::INFINITY][index];
    assert_eq!(draw(5, Guard::all(), Some(Window { image: &image, low: 10.0, high: 40.0 })), [5, 1, 5, 5, 1, 2]);
}

#[test]
fn impossible_gestures_are_refused() {
    let grid = grid([2, 3, 4], [1.0; 3], |_| 0);
    let guard = Guard::all();
    let ink = |value| Ink { value, guard: &guard, window: None };
    let tip = |radius_mm, plane| Tip { shape: Shape::Round, radius_mm, plane };
    assert!(stroke(&grid, &tip(1.0, None), &[[0.0; 3]], &ink(300)).is_err());
    assert!(stroke(&grid, &tip(f64::NAN, None), &[[0.0; 3]], &ink(1)).is_err());
    assert!(stroke(&grid, &tip(-1.0, None), &[[0.0; 3]], &ink(1)).is_err());
    assert!(stroke(&grid, &tip(1.0, None), &[[0.0, f64::INFINITY, 0.0]], &ink(1)).is_err());
    assert!(stroke(&grid, &tip(1.0, Some(Plane { axis: 0, index: 2 })), &[[0.0; 3]], &ink(1)).is_err());
    assert!(stroke(&grid, &tip(1.0, Some(Plane { axis: 3, index: 0 })), &[[0.0; 3]], &ink(1)).is_err());
    assert!(fill(&grid, Fill::Plane(Plane { axis: 0, index: 0 }), [0, 3, 0], &ink(1), Watch::none()).is_err());
    // Far outside, and huge: nothing, and everything.
    assert!(stroke(&grid, &tip(1.0, None), &[[1e300, -1e300, 0.0]], &ink(1)).unwrap().is_empty());
    assert_eq!(stroke(&grid, &tip(1e9, None), &[[0.0; 3], [1.0; 3]], &ink(1)).unwrap().voxels(), 24);
    assert!(stroke(&grid, &tip(1.0, None), &[], &ink(1)).unwrap().is_empty());
    assert!(polygon(&grid, Plane { axis: 0, index: 0 }, &[[0.0; 3], [1.0; 3]], &ink(1)).unwrap().is_empty());
    let corners = [[0.0, -1e200, -1e200], [0.0, 1e200, -1e200], [0.0, 1e200, 1e200], [0.0, -1e200, 1e200]];
    assert_eq!(polygon(&grid, Plane { axis: 0, index: 0 }, &corners, &ink(1)).unwrap().voxels(), 12);
}
