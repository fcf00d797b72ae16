//! Mask resampling (batchgenerators 0.25.5 `resize_segmentation`, called slice by slice where an axis is thick).

use mednext::Resampling;
use ndarray::{Array3, ArrayView3};
use rayon::prelude::*;

use crate::error::PipelineError;
use crate::resample::thick_axis;
use crate::spline::Taps;

/// Resamples a mask: every label's indicator is interpolated and the largest wins.
///
/// Ties go to the nearest voxel's label where it is one of the tied, else to the smallest. Orders 0 and 1 in plane and 0
/// across thick slices exist, which is all that nnU-Net plans use for masks.
pub fn resample_labels<T: Copy + Ord + Default + Send + Sync>(
    labels: &ArrayView3<'_, T>,
    size: [usize; 3],
    spacing_mm: [f64; 3],
    new_spacing_mm: [f64; 3],
    resampling: &Resampling,
) -> Result<Array3<T>, PipelineError> {
    let thick = thick_axis(resampling.force_separate_z, spacing_mm, new_spacing_mm);
    if resampling.order > 1 || thick.is_some() && resampling.order_z > 0 {
        return Err(PipelineError::Plan("masks are resampled with spline order 0 or 1, and 0 across thick slices, only".to_owned()));
    }
    let old_size: [usize; 3] = labels.dim().into();
    if old_size == size {
        return Ok(labels.to_owned());
    }
    let order = |axis: usize| if thick == Some(axis) { resampling.order_z } else { resampling.order };
    let taps: [Taps; 3] = std::array::from_fn(|a| Taps::new(old_size[a], size[a], order(a)));
    let nearest: [Taps; 3] = std::array::from_fn(|a| Taps::new(old_size[a], size[a], 0));

    let mut result = Array3::from_elem(size, T::default());
    let planes = result.as_slice_mut().expect("a new array is contiguous").par_chunks_mut(size[1] * size[2]);
    planes.enumerate().for_each_init(
        || Vec::with_capacity(8),
        |scores, (z, plane)| {
            for (i, value) in plane.iter_mut().enumerate() {
                let at = [z, i / size[2], i % size[2]];
                score(labels, &taps, at, scores);
                *value = winner(scores, labels[std::array::from_fn(|a| nearest[a].index[at[a]])]);
            }
        },
    );
    Ok(result)
}

/// Interpolated indicator of every label around a position, in double precision and scipy's order of operations: ties are
/// decided by exact equality.
fn score<T: Copy + Ord>(labels: &ArrayView3<'_, T>, taps: &[Taps; 3], at: [usize; 3], scores: &mut Vec<(T, f64)>) {
    scores.clear();
    let span = |axis: usize| at[axis] * taps[axis].per_output..(at[axis] + 1) * taps[axis].per_output;
    for i in span(0) {
        for j in span(1) {
            for k in span(2) {
                let label = labels[[taps[0].index[i], taps[1].index[j], taps[2].index[k]]];
                let weight = taps[0].weight[i] * taps[1].weight[j] * taps[2].weight[k];
                match scores.iter_mut().find(|(known, _)| *known == label) {
                    Some((_, sum)) => *sum += weight,
                    None => scores.push((label, weight)),
                }
            }
        }
    }
}

fn winner<T: Copy + Ord>(scores: &[(T, f64)], nearest: T) -> T {
    // Rounding must not lift one label's sum of one above another's: skimage clips indicators to their range.
    let best = scores.iter().fold(0.0, |best: f64, (_, score)| best.max(score.min(1.0)));
    let tied = || scores.iter().filter(|(_, score)| score.min(1.0) == best).map(|(label, _)| *label);
    if tied().any(|label| label == nearest) { nearest } else { tied().min().unwrap_or(nearest) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{arr3, s};

    const LINEAR: Resampling = Resampling { order: 1, order_z: 0, force_separate_z: None };

    #[test]
    fn no_label_is_invented_between_two() {
        let labels = arr3(&[[[0_u8, 0, 2, 2]]]);
        let fine = resample_labels(&labels.view(), [1, 1, 11], [1.0; 3], [1.0, 1.0, 4.0 / 11.0], &LINEAR).unwrap();
        assert!(fine.iter().all(|v| *v == 0 || *v == 2));
        assert_eq!(fine.slice(s![0, 0, ..5]).iter().filter(|v| **v != 0).count(), 0);
    }

    #[test]
    fn ties_go_to_the_nearest_voxel() {
        // Halving puts every output exactly between two voxels; scipy's nearest then is the upper one.
        let labels = arr3(&[[[5_i16, 1, -1, 3]]]);
        let coarse = resample_labels(&labels.view(), [1, 1, 2], [1.0; 3], [1.0, 1.0, 2.0], &LINEAR).unwrap();
        assert_eq!(coarse, arr3(&[[[1, 3]]]));
    }

    #[test]
    fn higher_orders_are_refused() {
        let cubic = Resampling { order: 3, ..LINEAR };
        assert!(resample_labels(&Array3::<u8>::zeros((2, 2, 2)).view(), [3, 3, 3], [1.0; 3], [1.0; 3], &cubic).is_err());
    }
}
