//! The largest distance between two voxel centres of a structure, exactly.
//!
//! Only corners of the convex hull can be ends. A corner of the hull is a corner in every plane through it, so three sweeps of plane
//! hulls (one per axis) leave few points. Their pairs are tried from the outside inwards: with distances r from a centre, a pair is at
//! most `r_i + r_j` apart, so the search stops as soon as that cannot beat the best pair found.

use glam::{DAffine3, DVec3};

/// The distance in millimetres and the two ends (z, y, x), from points that include all corners of the hull.
pub(super) fn largest_distance(mut points_zyx: Vec<[i32; 3]>, world_from_voxel: DAffine3) -> (f64, [[usize; 3]; 2]) {
    for axis in 0..3 {
        points_zyx = plane_hulls(points_zyx, axis);
    }
    let place = |p: &[i32; 3]| world_from_voxel.transform_point3(DVec3::new(f64::from(p[2]), f64::from(p[1]), f64::from(p[0])));
    let centre = points_zyx.iter().map(place).sum::<DVec3>() / points_zyx.len().max(1) as f64;
    let mut points: Vec<(f64, DVec3, [i32; 3])> = points_zyx.iter().map(|p| (place(p).distance(centre), place(p), *p)).collect();
    points.sort_by(|a, b| b.0.total_cmp(&a.0));
    let Some(first) = points.first() else { return (0.0, [[0; 3]; 2]) };
    let (mut best, mut ends) = (0.0, [first.2; 2]);
    for (i, a) in points.iter().enumerate() {
        if 2.0 * a.0 <= best {
            break;
        }
        for b in &points[i + 1..] {
            if a.0 + b.0 <= best {
                break;
            }
            let distance = a.1.distance(b.1);
            if distance > best {
                (best, ends) = (distance, [a.2, b.2]);
            }
        }
    }
    (best, ends.map(|end| end.map(|i| i as usize)))
}

/// The corners of the convex hull in every plane across an axis (Andrew's monotone chain, in whole numbers).
fn plane_hulls(mut points: Vec<[i32; 3]>, axis: usize) -> Vec<[i32; 3]> {
    let [u, v] = [(axis + 1) % 3, (axis + 2) % 3];
    points.sort_unstable_by_key(|p| (p[axis], p[u], p[v]));
    points.dedup();
    let turn = |a: &[i32; 3], b: &[i32; 3], c: &[i32; 3]| {
        let d = |p: &[i32; 3], q: &[i32; 3], k: usize| i64::from(q[k]) - i64::from(p[k]);
        d(a, b, u) * d(a, c, v) - d(a, b, v) * d(a, c, u)
    };
    let mut corners = Vec::new();
    for plane in points.chunk_by(|a, b| a[axis] == b[axis]) {
        let mut chain = |points: &mut dyn Iterator<Item = &[i32; 3]>| {
            let start = corners.len();
            for point in points {
                while corners.len() >= start + 2 && turn(&corners[corners.len() - 2], &corners[corners.len() - 1], point) <= 0 {
                    corners.pop();
                }
                corners.push(*point);
            }
        };
        chain(&mut plane.iter());
        chain(&mut plane.iter().rev());
    }
    // Both chains of a plane hold its first and last point; the next sweep sorts and drops the doubles.
    corners
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DMat3;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_pair_is_farther_apart(
            points in prop::collection::vec(prop::array::uniform3(0_i32..9), 1..60),
            spacing in prop::array::uniform3(0.3_f64..4.0),
        ) {
            let place = DAffine3::from_mat3(DMat3::from_rotation_y(0.4) * DMat3::from_diagonal(DVec3::from_array(spacing)));
            let at = |p: &[i32; 3]| place.transform_point3(DVec3::new(f64::from(p[2]), f64::from(p[1]), f64::from(p[0])));
            let brute = points.iter().flat_map(|a| points.iter().map(move |b| at(a).distance(at(b)))).fold(0.0, f64::max);
            let (found, ends) = largest_distance(points.clone(), place);
            prop_assert!((found - brute).abs() < 1e-9, "{found} {brute}");
            let ends = ends.map(|e| e.map(|i| i as i32));
            prop_assert!(points.contains(&ends[0]) && points.contains(&ends[1]));
            prop_assert!((at(&ends[0]).distance(at(&ends[1])) - brute).abs() < 1e-9);
        }
    }
}
