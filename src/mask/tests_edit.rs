//! Edits as data: any edits undone give the same bytes back, stored edits read back the same, hostile bytes are refused.

use proptest::prelude::*;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use volume::{Geometry, LabelVoxels, Region};

use crate::draw::{Fill, Guard, Ink, Plane, Shape, Tip, fill, polygon, stroke};
use crate::ops::{Islands, grow, islands, relabel, shrink};
use crate::{Change, Delta, LabelGrid, MaskError, Touch, Watch};

pub(crate) fn grid(size: [usize; 3], spacing: [f64; 3], value: impl Fn([usize; 3]) -> u16) -> LabelGrid {
    let mut voxels = LabelVoxels::zeros(size, 9);
    for z in 0..size[0] {
        for y in 0..size[1] {
            (0..size[2]).for_each(|x| voxels.set([z, y, x], value([z, y, x])));
        }
    }
    LabelGrid::new(Geometry::axis_aligned(size, spacing), voxels).unwrap()
}

/// Labels 0 to 4 in blocks and noise.
pub(crate) fn noise(size: [usize; 3], spacing: [f64; 3], seed: u64) -> LabelGrid {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let salt: Vec<u16> = (0..size.iter().product()).map(|_| if rng.random_bool(0.2) { rng.random_range(0..5) } else { 9 }).collect();
    grid(size, spacing, |[z, y, x]| match salt[(z * size[1] + y) * size[2] + x] {
        9 => ((z / 3 + y / 4 + x / 5) % 4) as u16,
        value => value,
    })
}

/// One random edit of any kind; the same generator makes the same edit of the same mask.
pub(crate) fn random_edit(grid: &LabelGrid, rng: &mut impl Rng) -> Delta {
    let size = grid.size_zyx();
    let at = |rng: &mut dyn Rng| -> [f64; 3] { std::array::from_fn(|a| rng.random_range(-1.0..size[a] as f64)) };
    let locked = [rng.random_range(0..5_u16)];
    let guard = match rng.random_range(0..4) {
        0 => Guard::all(),
        1 => Guard::background(),
        2 => Guard::unlocked(&locked),
        _ => Guard::visible(&locked),
    };
    let ink = Ink { value: rng.random_range(0..5), guard: &guard, window: None };
    let axis = rng.random_range(0..3);
    let plane = Plane { axis, index: rng.random_range(0..size[axis]) };
    let watch = Watch::none();
    let shape = if rng.random_bool(0.5) { Shape::Round } else { Shape::Square };
    match rng.random_range(0..10) {
        0..3 => {
            let tip = Tip { shape, radius_mm: rng.random_range(0.2..6.0), plane: Some(plane) };
            let path: Vec<_> = (0..rng.random_range(1..4)).map(|_| at(rng)).collect();
            stroke(grid, &tip, &path, &ink).unwrap()
        }
        3 => stroke(grid, &Tip { shape, radius_mm: rng.random_range(0.2..6.0), plane: None }, &[at(rng), at(rng)], &ink).unwrap(),
        4 => polygon(grid, plane, &(0..rng.random_range(1..7)).map(|_| at(rng)).collect::<Vec<_>>(), &ink).unwrap(),
        5 => {
            let seed = std::array::from_fn(|a| rng.random_range(0..size[a]));
            let space = Fill::Space(Region::whole(size));
            fill(grid, if rng.random_bool(0.5) { Fill::Plane(Plane { axis, index: seed[axis] }) } else { space }, seed, &ink, watch)
                .unwrap()
        }
        6 => grow(grid, ink.value, rng.random_range(0.5..3.0), &guard, watch).unwrap(),
        7 => shrink(grid, ink.value, rng.random_range(0.5..3.0), 0, watch).unwrap(),
        8 => islands(grid, ink.value, Touch::Faces, &Islands::KeepLargest, watch).unwrap(),
        _ => relabel(grid, &locked, ink.value, &guard, watch).unwrap(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// N random edits and N undos give the same bytes; every edit survives being stored; it is what differs.
    #[test]
    fn edits_undo_to_the_same_bytes(seed in any::<u64>(), wide in any::<bool>()) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut grid = noise([5, 9, 11], [2.5, 0.8, 1.0], seed);
        if wide {
            grid.widen();
        }
        let first = grid.clone();
        let mut done = Vec::new();
        for _ in 0..12 {
            let before = grid.clone();
            let delta = random_edit(&grid, &mut rng);
            delta.apply(&mut grid).unwrap();
            prop_assert_eq!(&Delta::decode(&delta.encode(), grid.len()).unwrap(), &delta);
            prop_assert_eq!(&Delta::between(&before, &grid, Region::whole(grid.size_zyx())).unwrap(), &delta);
            if let Some(bounds) = delta.bounds(grid.size_zyx()) {
                prop_assert_eq!(&Delta::between(&before, &grid, bounds).unwrap(), &delta);
            }
            prop_assert_eq!(delta.voxels(), delta.touched().voxels());
            prop_assert_eq!(delta.gains().values().sum::<i64>(), 0);
            done.push(delta);
        }
        let last = grid.clone();
        done.iter().rev().for_each(|delta| delta.revert(&mut grid).unwrap());
        prop_assert_eq!(&grid, &first);
        done.iter().for_each(|delta| delta.apply(&mut grid).unwrap());
        prop_assert_eq!(&grid, &last);
    }

    /// Any bytes are answered; what is accepted is a proper edit that comes back the same.
    #[test]
    fn hostile_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..60), version in any::<bool>()) {
        let mut bytes = bytes;
        if version && !bytes.is_empty() {
            bytes[0] = 1;
        }
        if let Ok(delta) = Delta::decode(&bytes, 500) {
            prop_assert!(delta.changes().last().is_none_or(|last| last.range().end <= 500));
            prop_assert_eq!(&Delta::decode(&delta.encode(), 500).unwrap(), &delta);
        }
    }

    /// Real edits with one byte changed or cut short are answered as well.
    #[test]
    fn damaged_edits_are_answered(seed in any::<u64>(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let grid = noise([4, 6, 7], [1.0; 3], seed);
        let mut bytes = random_edit(&grid, &mut ChaCha8Rng::seed_from_u64(seed)).encode();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        if let Ok(delta) = Delta::decode(&bytes, grid.len()) {
            let mut copy = grid.clone();
            if delta.apply(&mut copy).is_err() {
                prop_assert_eq!(copy, grid);
            }
        }
    }
}

#[test]
fn edits_of_another_mask_change_nothing() {
    let mut here = grid([1, 1, 6], [1.0; 3], |_| 2);
    let before = here.clone();
    let change = |start, len, old, new| Change { start, len, old, new };
    let delta = Delta::from_changes(vec![change(0, 2, 2, 3), change(4, 1, 1, 3)], 6).unwrap();
    assert!(matches!(delta.apply(&mut here), Err(MaskError::NotThisMask { index: 4, found: 2, expected: 1 })));
    let wide = Delta::from_changes(vec![change(0, 2, 2, 300)], 6).unwrap();
    assert!(matches!(wide.apply(&mut here), Err(MaskError::TooWide { value: 300, max: 255 })));
    assert_eq!(here, before);
    here.widen();
    wide.apply(&mut here).unwrap();
    assert_eq!((here.get(1), here.get(2)), (300, 2));
    for bad in [vec![change(0, 2, 1, 2), change(1, 1, 1, 2)], vec![change(5, 2, 1, 2)], vec![change(0, 1, 1, 1)], vec![change(0, 0, 1, 2)]]
    {
        assert!(Delta::from_changes(bad, 6).is_err());
    }
    assert!(Delta::from_changes(vec![change(usize::MAX, 2, 1, 2)], 6).is_err());
}

#[test]
fn a_stroke_is_stored_in_few_bytes() {
    let grid = grid([40, 256, 256], [1.0; 3], |_| 0);
    let ink = Ink { value: 3, guard: &Guard::all(), window: None };
    let tip = Tip { shape: Shape::Round, radius_mm: 10.0, plane: Some(Plane { axis: 0, index: 20 }) };
    let delta = stroke(&grid, &tip, &[[20.0, 100.0, 100.0], [20.0, 120.0, 150.0]], &ink).unwrap();
    assert!(delta.voxels() > 1000);
    assert!(delta.encode().len() < 4 * delta.changes().len() + 16, "{} bytes, {} runs", delta.encode().len(), delta.changes().len());
}

#[test]
fn the_fingerprint_does_not_depend_on_width() {
    let mut a = noise([30, 40, 50], [1.0; 3], 4);
    let narrow = a.checksum();
    a.widen();
    assert_eq!(a.checksum(), narrow);
    let b = noise([30, 40, 50], [1.0; 3], 5);
    assert_ne!(b.checksum(), narrow);
}
