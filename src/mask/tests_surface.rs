//! Surfaces: closed, outside out in every orientation, of the right size and place, bounded for display.

use std::collections::BTreeMap;

use glam::{DMat3, DVec3};
use proptest::prelude::*;
use volume::Geometry;

use crate::surface::{Surface, SurfaceOptions, surface, surfaces};
use crate::tests_edit::{grid, noise};
use crate::{LabelGrid, Watch};

fn corner(surface: &Surface, i: u32) -> DVec3 {
    DVec3::from_array(surface.positions_lps_mm[i as usize].map(f64::from))
}

/// Enclosed volume by the divergence theorem; positive when triangles face outwards.
fn volume_mm3(surface: &Surface) -> f64 {
    let triangle = |t: &[u32; 3]| corner(surface, t[0]).dot(corner(surface, t[1]).cross(corner(surface, t[2]))) / 6.0;
    surface.triangles.iter().map(triangle).sum()
}

/// Every directed edge has its opposite as often: no holes, no flipped triangles.
fn is_closed(surface: &Surface) -> bool {
    let mut edges = BTreeMap::<(u32, u32), i32>::new();
    for [a, b, c] in &surface.triangles {
        for (from, to) in [(*a, *b), (*b, *c), (*c, *a)] {
            *edges.entry((from.min(to), from.max(to))).or_default() += if from < to { 1 } else { -1 };
        }
    }
    edges.values().all(|balance| *balance == 0)
}

fn sphere(spacing: [f64; 3], radius: f64) -> LabelGrid {
    let size = spacing.map(|s| (2.0 * radius / s) as usize + 7);
    let centre = size.map(|n| (n - 1) as f64 / 2.0);
    grid(size, spacing, |at| u16::from((0..3).map(|a| ((at[a] as f64 - centre[a]) * spacing[a]).powi(2)).sum::<f64>() <= radius * radius))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Any mask, cut by the image or not, and any block size.
    #[test]
    fn surfaces_are_closed_and_face_outwards(seed in any::<u64>(), rounds in 0_u32..4) {
        let grid = noise([5, 7, 8], [2.0, 0.7, 1.0], seed);
        let plain = SurfaceOptions { rounds: 0, ..SurfaceOptions::default() };
        let all = surfaces(&grid, &[1, 0, 2, 3, 7], &plain, Watch::none()).unwrap();
        prop_assert!(all.iter().all(|s| [1, 2, 3].contains(&s.value)));
        for surface in &all {
            prop_assert!(is_closed(surface) && volume_mm3(surface) > 0.0);
            prop_assert_eq!(surface.normals.len(), surface.positions_lps_mm.len());
        }
        let smooth = surfaces(&grid, &[1], &SurfaceOptions { rounds, ..SurfaceOptions::default() }, Watch::none()).unwrap();
        prop_assert!(smooth.iter().all(is_closed));
        prop_assert!(smooth.iter().flat_map(|s| &s.positions_lps_mm).flatten().all(|v| v.is_finite()));
    }
}

#[test]
fn a_sphere_keeps_size_place_and_normals_in_every_orientation() {
    let spacing = [2.0, 0.8, 1.0];
    let body = sphere(spacing, 20.0);
    for mirror in 0..8 {
        let sign = |bit: usize| if mirror >> bit & 1 == 1 { -1.0 } else { 1.0 };
        let mut geometry = Geometry::axis_aligned(body.size_zyx(), spacing);
        geometry.direction = DMat3::from_rotation_z(0.5) * DMat3::from_diagonal(DVec3::new(sign(0), sign(1), sign(2)));
        geometry.origin_lps_mm = DVec3::new(-150.0, 80.0, 900.0);
        let centre = geometry.pos_lps_mm(body.size_zyx().map(|n| (n - 1) as f64 / 2.0));
        let grid = LabelGrid::new(geometry, body.voxels().clone()).unwrap();
        let ball = surface(&grid, 1, &SurfaceOptions::default()).unwrap();
        assert!(is_closed(&ball));
        let expected = 4.0 / 3.0 * std::f64::consts::PI * 8000.0;
        let found = volume_mm3(&ball);
        assert!((found / expected - 1.0).abs() < 0.02, "mirror {mirror}: {found} {expected}");
        let mut facing = Vec::new();
        for (p, n) in ball.positions_lps_mm.iter().zip(&ball.normals) {
            let out = DVec3::from_array(p.map(f64::from)) - centre;
            assert!((out.length() - 20.0).abs() < 1.2, "{}", out.length());
            facing.push(out.normalize().dot(DVec3::from_array(n.map(f64::from))));
        }
        let least = facing.iter().copied().fold(1.0, f64::min);
        let mean = facing.iter().sum::<f64>() / facing.len() as f64;
        // The least is at the poles, where slices of 2 mm make terraces wider than fairing reaches.
        assert!(least > 0.5 && mean > 0.99, "{least} {mean}");
    }
}

#[test]
fn surfaces_for_display_are_bounded() {
    let body = sphere([2.0, 0.5, 0.5], 20.0);
    let whole = surface(&body, 1, &SurfaceOptions::default()).unwrap();
    let few = surface(&body, 1, &SurfaceOptions { rounds: 10, max_triangles: Some(5000), ..SurfaceOptions::default() }).unwrap();
    assert!(whole.triangles.len() > 20_000 && few.triangles.len() <= 5000, "{} {}", whole.triangles.len(), few.triangles.len());
    assert_eq!(whole.stride_zyx, [1, 1, 1]);
    assert!(few.stride_zyx[1] > few.stride_zyx[0]);
    assert!(is_closed(&few));
    assert!((volume_mm3(&few) / volume_mm3(&whole) - 1.0).abs() < 0.03);
    let centre = |s: &Surface| (0..s.positions_lps_mm.len() as u32).map(|i| corner(s, i)).sum::<DVec3>() / s.positions_lps_mm.len() as f64;
    assert!(centre(&few).distance(centre(&whole)) < 0.4, "{} {}", centre(&few), centre(&whole));
}
