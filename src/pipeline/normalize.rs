//! Intensity normalisation (nnU-Net `preprocessing/normalization/default_normalization_schemes.py`).

use mednext::{Channel, Normalization};
use ndarray::{Array3, Zip};

use crate::error::PipelineError;

/// nnU-Net's guard against division by zero for float32 images.
const EPSILON: f32 = 1e-8;

/// Normalises one cropped channel in place; `mask` is the filled non-zero region that `use_mask` refers to.
pub fn normalize(image: &mut Array3<f32>, mask: Option<&Array3<bool>>, plan: &Channel, channel: usize) -> Result<(), PipelineError> {
    match plan.normalization {
        Normalization::Ct => ct(image, plan)?,
        Normalization::ZScore => z_score(image, mask.filter(|_| plan.use_mask)),
        Normalization::None => {}
        Normalization::RescaleTo01 => rescale_to_01(image),
        Normalization::RgbTo01 => {
            let (min, max) = range(image);
            if min < 0.0 || max > 255.0 {
                return Err(PipelineError::NotRgb { channel, min, max });
            }
            image.par_mapv_inplace(|v| v / 255.0);
        }
    }
    Ok(())
}

fn ct(image: &mut Array3<f32>, plan: &Channel) -> Result<(), PipelineError> {
    let stats = plan
        .intensity
        .as_ref()
        .ok_or_else(|| PipelineError::Plan(format!("channel \"{}\" is normalised as CT but has no intensity statistics", plan.name)))?;
    let (low, high) = (stats.percentile_00_5 as f32, stats.percentile_99_5 as f32);
    let (mean, std) = (stats.mean as f32, (stats.std as f32).max(EPSILON));
    // max before min is numpy's clip, and unlike `clamp` accepts bounds in the wrong order.
    image.par_mapv_inplace(|v| (v.max(low).min(high) - mean) / std);
    Ok(())
}

/// By the image's own mean and population deviation; with a mask, only inside it (outside stays as it is).
fn z_score(image: &mut Array3<f32>, mask: Option<&Array3<bool>>) {
    let Some(mask) = mask else {
        let (mean, std) = mean_and_std(|visit| image.iter().for_each(|v| visit(*v)));
        image.par_mapv_inplace(|v| (v - mean) / std);
        return;
    };
    let (mean, std) = mean_and_std(|visit| {
        Zip::from(&*image).and(mask).for_each(|v, inside| {
            if *inside {
                visit(*v);
            }
        });
    });
    Zip::from(image).and(mask).par_for_each(|v, inside| {
        if *inside {
            *v = (*v - mean) / std;
        }
    });
}

/// Two passes in double precision, rounded once: closer to the exact value than numpy's own float32 sums.
fn mean_and_std(each: impl Fn(&mut dyn FnMut(f32))) -> (f32, f32) {
    let (mut count, mut sum) = (0_u64, 0.0_f64);
    each(&mut |v| {
        count += 1;
        sum += f64::from(v);
    });
    if count == 0 {
        return (0.0, 1.0);
    }
    let mean = sum / count as f64;
    let mut squares = 0.0_f64;
    each(&mut |v| squares += (f64::from(v) - mean).powi(2));
    (mean as f32, ((squares / count as f64).sqrt() as f32).max(EPSILON))
}

fn rescale_to_01(image: &mut Array3<f32>) {
    let (min, max) = range(image);
    let span = (max - min).max(EPSILON);
    image.par_mapv_inplace(|v| (v - min) / span);
}

fn range(image: &Array3<f32>) -> (f32, f32) {
    image.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(min, max), v| (min.min(*v), max.max(*v)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mednext::IntensityStats;

    fn channel(normalization: Normalization) -> Channel {
        let intensity = Some(IntensityStats { mean: 10.0, std: 5.0, percentile_00_5: -20.0, percentile_99_5: 30.0 });
        Channel { name: "x".to_owned(), normalization, use_mask: true, intensity }
    }

    fn line(values: &[f32]) -> Array3<f32> {
        Array3::from_shape_vec((1, 1, values.len()), values.to_vec()).unwrap()
    }

    #[test]
    fn ct_clips_then_standardises() {
        let mut image = line(&[-1000.0, 10.0, 15.0, 1000.0]);
        normalize(&mut image, None, &channel(Normalization::Ct), 0).unwrap();
        assert_eq!(image.into_raw_vec_and_offset().0, [-6.0, 0.0, 1.0, 4.0]);
        let mut plan = channel(Normalization::Ct);
        plan.intensity = None;
        assert!(matches!(normalize(&mut line(&[0.0]), None, &plan, 0), Err(PipelineError::Plan(_))));
    }

    #[test]
    fn constant_and_empty_images_stay_finite() {
        let mut image = line(&[3.0, 3.0]);
        normalize(&mut image, None, &channel(Normalization::ZScore), 0).unwrap();
        assert_eq!(image, line(&[0.0, 0.0]));
        let mut image = line(&[0.0, 0.0]);
        let nowhere = Array3::from_elem((1, 1, 2), false);
        normalize(&mut image, Some(&nowhere), &channel(Normalization::ZScore), 0).unwrap();
        assert_eq!(image, line(&[0.0, 0.0]));
        normalize(&mut image, None, &channel(Normalization::RescaleTo01), 0).unwrap();
        assert_eq!(image, line(&[0.0, 0.0]));
    }

    #[test]
    fn colours_must_be_bytes() {
        let mut image = line(&[0.0, 51.0, 255.0]);
        normalize(&mut image, None, &channel(Normalization::RgbTo01), 0).unwrap();
        assert_eq!(image, line(&[0.0, 0.2, 1.0]));
        let refused = normalize(&mut line(&[0.0, 256.0]), None, &channel(Normalization::RgbTo01), 2);
        assert!(matches!(refused, Err(PipelineError::NotRgb { channel: 2, .. })));
    }

    #[test]
    fn rescale_reaches_both_ends() {
        let mut image = line(&[-2.0, 0.0, 2.0]);
        normalize(&mut image, None, &channel(Normalization::RescaleTo01), 0).unwrap();
        assert_eq!(image, line(&[0.0, 0.5, 1.0]));
    }
}
