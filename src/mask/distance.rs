//! Exact Euclidean distances on an anisotropic grid.
//!
//! One pass per axis over the lower envelope of parabolas (Felzenszwalb and Huttenlocher, Theory of Computing 8, 2012):
//! `d(p) = min_q ((p - q) * spacing)^2 + f(q)`, linear in the number of voxels.

use ndarray::{Array3, ArrayViewMut2, Axis};
use rayon::prelude::*;

/// Squared distance in mm2 from every voxel to the nearest voxel of the set; infinite when the set is empty. Axes z, y, x.
pub(crate) fn squared_distances(set: &Array3<bool>, spacing_zyx_mm: [f64; 3]) -> Array3<f32> {
    let mut distances = set.mapv(|inside| if inside { 0.0 } else { f32::INFINITY });
    let planes: Vec<_> = distances.axis_iter_mut(Axis(0)).collect();
    planes.into_par_iter().for_each(|mut plane| {
        let mut envelope = Envelope::default();
        plane.axis_iter_mut(Axis(0)).for_each(|mut row| {
            let sites = row.iter().copied();
            envelope.set(sites, spacing_zyx_mm[2]);
            envelope.write(row.iter_mut());
        });
        columns(&mut plane, &mut envelope, spacing_zyx_mm[1]);
    });
    let across: Vec<_> = distances.axis_iter_mut(Axis(1)).collect();
    across.into_par_iter().for_each(|mut plane| columns(&mut plane, &mut Envelope::default(), spacing_zyx_mm[0]));
    distances
}

fn columns(plane: &mut ArrayViewMut2<'_, f32>, envelope: &mut Envelope, spacing: f64) {
    for mut column in plane.axis_iter_mut(Axis(1)) {
        envelope.set(column.iter().copied(), spacing);
        envelope.write(column.iter_mut());
    }
}

/// The parabolas that are lowest somewhere, left to right.
#[derive(Default)]
struct Envelope {
    /// Place (mm) and height (mm2) of each apex.
    apex: Vec<(f64, f64)>,
    /// From where on each is the lowest.
    from: Vec<f64>,
    spacing: f64,
}

impl Envelope {
    fn set(&mut self, heights: impl Iterator<Item = f32>, spacing: f64) {
        self.apex.clear();
        self.from.clear();
        self.spacing = spacing;
        for (i, height) in heights.enumerate().filter(|(_, height)| height.is_finite()) {
            let (at, height) = (i as f64 * spacing, f64::from(height));
            let mut from = f64::NEG_INFINITY;
            while let Some((last_at, last_height)) = self.apex.last() {
                from = ((height + at * at) - (last_height + last_at * last_at)) / (2.0 * (at - last_at));
                if from > *self.from.last().expect("one start per apex") {
                    break;
                }
                self.apex.pop();
                self.from.pop();
                from = f64::NEG_INFINITY;
            }
            self.apex.push((at, height));
            self.from.push(from);
        }
    }

    fn write<'a>(&self, out: impl Iterator<Item = &'a mut f32>) {
        if self.apex.is_empty() {
            return;
        }
        let mut k = 0;
        for (i, out) in out.enumerate() {
            let at = i as f64 * self.spacing;
            while k + 1 < self.apex.len() && self.from[k + 1] < at {
                k += 1;
            }
            let (apex, height) = self.apex[k];
            *out = (height + (at - apex) * (at - apex)) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Every voxel against every member of the set.
        #[test]
        fn distances_are_exact(
            size in prop::array::uniform3(1_usize..7),
            spacing in prop::array::uniform3(0.3_f64..4.0),
            seed in prop::collection::vec(prop::bool::weighted(0.1), 216),
        ) {
            let set = Array3::from_shape_vec(size, seed[..size.iter().product()].to_vec()).unwrap();
            let found = squared_distances(&set, spacing);
            for (p, distance) in found.indexed_iter() {
                let p: [usize; 3] = p.into();
                let brute = set.indexed_iter().filter(|(_, inside)| **inside).map(|(q, _)| {
                    let q: [usize; 3] = q.into();
                    (0..3).map(|a| ((p[a] as f64 - q[a] as f64) * spacing[a]).powi(2)).sum::<f64>()
                });
                let brute = brute.fold(f64::INFINITY, f64::min);
                prop_assert!(brute == f64::from(*distance) || (brute - f64::from(*distance)).abs() <= 1e-6 * brute, "{brute} {distance}");
            }
        }
    }
}
