//! Image resampling (nnU-Net `preprocessing/resampling/default_resampling.py`, `resample_data_or_seg_to_shape`).

use mednext::Resampling;
use ndarray::{Array3, Axis};
use rayon::prelude::*;

use crate::error::PipelineError;
use crate::spline::{MAX_ORDER, resample_axis};

/// nnU-Net's `ANISO_THRESHOLD`: beyond this ratio of spacings, thick slices are not interpolated through.
const ANISOTROPY_THRESHOLD: f64 = 3.0;
/// 16 GiB of f32: no real scan at a model's spacing comes near, a wrong spacing in a header does.
const MAX_VOXELS: f64 = (1_u64 << 32) as f64;

/// Size at another spacing: rounded half to even like Python (`compute_new_shape`).
pub fn resampled_size(size: [usize; 3], spacing_mm: [f64; 3], new_spacing_mm: [f64; 3]) -> Result<[usize; 3], PipelineError> {
    let exact: [f64; 3] = std::array::from_fn(|a| (spacing_mm[a] / new_spacing_mm[a] * size[a] as f64).round_ties_even());
    let size = exact.map(|n| n as usize);
    if size.contains(&0) {
        return Err(PipelineError::TooThin { size });
    }
    if exact.iter().product::<f64>() > MAX_VOXELS {
        return Err(PipelineError::TooLarge { size });
    }
    Ok(size)
}

/// The axis that is resampled on its own, if any (`determine_do_sep_z_and_axis`).
///
/// The current spacing is asked first, then the new one; the axis is the single one of largest spacing, compared exactly.
pub fn thick_axis(force_separate_z: Option<bool>, spacing_mm: [f64; 3], new_spacing_mm: [f64; 3]) -> Option<usize> {
    let max = |spacing: [f64; 3]| spacing.into_iter().fold(f64::NEG_INFINITY, f64::max);
    let anisotropic = |spacing: [f64; 3]| max(spacing) / spacing.into_iter().fold(f64::INFINITY, f64::min) > ANISOTROPY_THRESHOLD;
    let decisive = match force_separate_z {
        Some(false) => return None,
        Some(true) => spacing_mm,
        None if anisotropic(spacing_mm) => spacing_mm,
        None if anisotropic(new_spacing_mm) => new_spacing_mm,
        None => return None,
    };
    let thickest: Vec<usize> = (0..3).filter(|a| max(decisive) / decisive[*a] == 1.0).collect();
    if let [axis] = thickest[..] { Some(axis) } else { None }
}

/// Refuses spline orders beyond cubic.
pub(crate) fn check_orders(resampling: &Resampling) -> Result<(), PipelineError> {
    let order = resampling.order.max(resampling.order_z);
    if order > MAX_ORDER {
        return Err(PipelineError::Plan(format!("resampling of spline order {order} is not supported, only 0 to {MAX_ORDER}")));
    }
    Ok(())
}

/// Resamples one image channel to `size`.
///
/// Peak memory is the larger of the sizes on the way, twice: each axis goes from one array to the next.
pub fn resample_image(
    image: Array3<f32>,
    size: [usize; 3],
    spacing_mm: [f64; 3],
    new_spacing_mm: [f64; 3],
    resampling: &Resampling,
) -> Result<Array3<f32>, PipelineError> {
    check_orders(resampling)?;
    let old_size: [usize; 3] = image.dim().into();
    if old_size == size {
        return Ok(image);
    }
    let thick = thick_axis(resampling.force_separate_z, spacing_mm, new_spacing_mm);
    // skimage clips each call's result to its input's range: a call sees the whole image, or one thick slice.
    let ranges = ranges(&image, thick);
    let mut in_plane: Vec<usize> = (0..3).filter(|a| Some(*a) != thick).collect();
    // Shrinking axes first keeps what lies between small.
    in_plane.sort_by(|a, b| (size[*a] * old_size[*b]).cmp(&(size[*b] * old_size[*a])));
    let mut image = image;
    for axis in in_plane {
        if size[axis] != old_size[axis] {
            image = resample_axis(&image.view(), axis, size[axis], resampling.order);
        }
    }
    if resampling.order > 1 {
        clip(&mut image, thick, &ranges);
    }
    if let Some(axis) = thick.filter(|axis| size[*axis] != old_size[*axis]) {
        image = resample_axis(&image.view(), axis, size[axis], resampling.order_z);
    }
    Ok(image)
}

fn ranges(image: &Array3<f32>, thick: Option<usize>) -> Vec<(f32, f32)> {
    let range =
        |values: &mut dyn Iterator<Item = &f32>| values.fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), v| (a.min(*v), b.max(*v)));
    match thick {
        None => vec![range(&mut image.iter())],
        Some(axis) => image.axis_iter(Axis(axis)).map(|slice| range(&mut slice.iter())).collect(),
    }
}

fn clip(image: &mut Array3<f32>, thick: Option<usize>, ranges: &[(f32, f32)]) {
    let Some(axis) = thick else {
        let (min, max) = ranges[0];
        image.par_mapv_inplace(|v| v.clamp(min, max));
        return;
    };
    let slices: Vec<_> = image.axis_iter_mut(Axis(axis)).zip(ranges).collect();
    slices.into_par_iter().for_each(|(mut slice, (min, max))| slice.mapv_inplace(|v| v.clamp(*min, *max)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_round_half_to_even() {
        assert_eq!(resampled_size([5, 5, 7], [1.0; 3], [2.0; 3]).unwrap(), [2, 2, 4]);
        assert!(matches!(resampled_size([1, 5, 5], [1.0; 3], [3.0, 1.0, 1.0]), Err(PipelineError::TooThin { .. })));
        assert!(matches!(resampled_size([9, 9, 9], [1e6; 3], [1.0; 3]), Err(PipelineError::TooLarge { .. })));
    }

    #[test]
    fn thick_axis_needs_a_single_largest_spacing() {
        let iso = [1.0; 3];
        assert_eq!(thick_axis(None, [0.9, 0.9, 4.0], iso), Some(2));
        assert_eq!(thick_axis(None, [1.0, 3.0, 1.0], iso), None, "the threshold itself is not enough");
        assert_eq!(thick_axis(None, iso, [1.0, 3.1, 1.0]), Some(1), "the new spacing decides when the current one does not");
        assert_eq!(thick_axis(None, [0.24, 1.25, 1.25], [5.0, 1.0, 1.0]), None, "the current spacing is asked first");
        assert_eq!(thick_axis(Some(true), [1.1, 1.0, 1.0], iso), Some(0));
        assert_eq!(thick_axis(Some(false), [9.0, 1.0, 1.0], iso), None);
    }

    #[test]
    fn unknown_orders_are_refused() {
        let resampling = Resampling { order: 4, order_z: 0, force_separate_z: None };
        let refused = resample_image(Array3::zeros((2, 2, 2)), [3, 3, 3], [1.0; 3], [1.0; 3], &resampling);
        assert!(matches!(refused, Err(PipelineError::Plan(_))));
    }
}
