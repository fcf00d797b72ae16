//! Against what nnU-Net 2.8.1, scipy and scikit-image computed.

use mednext::{Channel, InferencePlan, IntensityStats, Normalization, Resampling};
use ndarray::{Array3, ArrayView3, ArrayViewD, Axis, Ix3, s};
use safetensors::SafeTensors;
use volume::{Geometry, Region, Scan};

use crate::crop::{nonzero_box, nonzero_mask};
use crate::export::Exporter;
use crate::normalize::normalize;
use crate::predict::Ensemble;
use crate::preprocess::{Preprocessed, preprocess};
use crate::resample::{resample_image, resampled_size};
use crate::resample_labels::resample_labels;
use crate::testkit::{self, Affine, affine_fold, golden_bytes, golden_json, nifti_voxels, tensor};
use crate::tiles::{TileGrid, gaussian};
use crate::window::Plane;

fn three(array: &ArrayViewD<'_, f32>) -> Array3<f32> {
    array.to_owned().into_dimensionality::<Ix3>().unwrap()
}

fn assert_close(found: ArrayView3<'_, f32>, expected: ArrayView3<'_, f32>, tolerance: f32, what: &str) {
    assert_eq!(found.dim(), expected.dim(), "{what}");
    let scale = expected.iter().fold(0.0_f32, |max, v| max.max(v.abs()));
    let worst = found.iter().zip(&expected).fold(0.0_f32, |max, (a, b)| max.max((a - b).abs()));
    assert!(worst <= tolerance * scale, "{what}: {worst} on a scale of {scale}");
}

#[test]
fn resampling_of_seven_spacings() {
    let bytes = golden_bytes("misc/resample.safetensors");
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let image = tensor(&file, "img");
    let mask = tensor(&file, "seg").index_axis(Axis(0), 0).into_dimensionality::<Ix3>().unwrap().mapv(|v| v as i8);
    let cases = golden_json("misc/misc.json")["resample"].as_object().unwrap().clone();
    assert_eq!(cases.len(), 7);
    for (name, case) in cases {
        let numbers = |key: &str| -> [f64; 3] { serde_json::from_value(case[key].clone()).unwrap() };
        let (current, new) = (numbers("cur"), numbers("new"));
        let size = resampled_size([13, 22, 19], current, new).unwrap();
        assert_eq!(size.map(|n| n as f64), numbers("shape"), "{name}");
        let linear = Resampling { order: 1, order_z: 0, force_separate_z: None };
        for (order, key) in [(1, "img_o1"), (3, "img_o3")] {
            let expected = tensor(&file, &format!("{name}.{key}"));
            for (channel, expected) in image.outer_iter().zip(expected.outer_iter()) {
                let found = resample_image(three(&channel), size, current, new, &Resampling { order, ..linear.clone() }).unwrap();
                assert_close(found.view(), three(&expected).view(), 1e-6, &format!("{name} order {order}"));
            }
        }
        let found = resample_labels(&mask.view(), size, current, new, &linear).unwrap();
        let expected = tensor(&file, &format!("{name}.seg_o1"));
        assert_eq!(found.mapv(f32::from), three(&expected.index_axis(Axis(0), 0)), "{name} labels");
    }
}

#[test]
fn cropping_and_normalisation() {
    let bytes = golden_bytes("misc/normalize_crop.safetensors");
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let load = |name: &str| {
        let array = tensor(&file, name);
        three(&if array.ndim() == 4 { array.index_axis(Axis(0), 0) } else { array.view() })
    };
    let raw = load("raw");
    let region = nonzero_box(&[raw.view()]);
    assert_eq!(region, Region { start_zyx: [2, 0, 0], end_zyx: [7, 9, 7] });
    let cropped = raw.slice(s![region.range(0), region.range(1), region.range(2)]).to_owned();
    assert_eq!(cropped, load("cropped"));
    let mask = nonzero_mask(&[cropped.view()]);
    assert_eq!(mask, load("crop_seg").mapv(|v| v >= 0.0));

    let hole = load("hole_raw");
    let region = nonzero_box(&[hole.view()]);
    assert_eq!(region, Region { start_zyx: [1; 3], end_zyx: [6; 3] });
    assert_eq!(nonzero_mask(&[hole.slice(s![1..6, 1..6, 1..6])]), load("hole_seg").mapv(|v| v >= 0.0));

    let intensity = Some(IntensityStats { mean: 50.5, std: 71.25, percentile_00_5: -120.0, percentile_99_5: 240.0 });
    for (normalization, use_mask, input, key) in [
        (Normalization::Ct, false, &raw, "ct"),
        (Normalization::ZScore, false, &cropped, "zscore_nomask"),
        (Normalization::ZScore, true, &cropped, "zscore_mask"),
    ] {
        let channel = Channel { name: key.to_owned(), normalization, use_mask, intensity: intensity.clone() };
        let mut found = input.clone();
        normalize(&mut found, Some(&mask).filter(|_| use_mask), &channel, 0).unwrap();
        assert_close(found.view(), load(key).view(), 1e-6, key);
    }
}

#[test]
fn gaussian_weights() {
    let bytes = golden_bytes("misc/gaussian.safetensors");
    let file = SafeTensors::deserialize(&bytes).unwrap();
    for patch in [[32, 64, 64], [64, 64, 64], [128, 128, 128], [16, 96, 160]] {
        let weights = Array3::from_shape_vec(patch, gaussian(patch)).unwrap();
        let corner = tensor(&file, &format!("corner8_f16_{}_{}_{}", patch[0], patch[1], patch[2]));
        assert_eq!(weights.slice(s![..8, ..8, ..8]), three(&corner.view()), "{patch:?}");
    }
    let bytes = golden_bytes("e2e/nomirror.safetensors");
    let expected = tensor(&SafeTensors::deserialize(&bytes).unwrap(), "gaussian_fp16");
    assert_eq!(Array3::from_shape_vec((32, 64, 64), gaussian([32, 64, 64])).unwrap(), three(&expected.view()));
}

/// The plan of the end-to-end model (`plans.json`) and its scan.
pub(crate) fn end_to_end() -> (InferencePlan, Preprocessed, Geometry) {
    let mut plan = testkit::plan([32, 64, 64]);
    plan.spacing_mm = [3.0, 0.800000011920929, 0.800000011920929];
    plan.channels[0].normalization = Normalization::Ct;
    plan.channels[0].intensity =
        Some(IntensityStats { mean: 60.503257751464844, std: 81.81822967529297, percentile_00_5: -99.0, percentile_99_5: 224.0 });
    let spacing: [f64; 3] = serde_json::from_value(golden_json("e2e/properties.json")["spacing"].clone()).unwrap();
    let voxels = nifti_voxels("e2e/testA_0000.nii.gz");
    let geometry = Geometry::axis_aligned(voxels.dim().into(), spacing);
    let ready = preprocess(vec![Scan::new(geometry.clone(), voxels)], &plan).unwrap();
    (plan, ready, geometry)
}

#[test]
fn end_to_end_preprocessing_and_tiles() {
    let (plan, ready, _) = end_to_end();
    assert_eq!(ready.frame.crop, Region { start_zyx: [3, 4, 0], end_zyx: [40, 80, 90] });
    let bytes = golden_bytes("e2e/nomirror.safetensors");
    let expected = tensor(&SafeTensors::deserialize(&bytes).unwrap(), "preprocessed");
    assert_close(ready.channels[0].view(), three(&expected.index_axis(Axis(0), 0)).view(), 1e-5, "preprocessed");

    let grid = TileGrid::new(ready.frame.size, plan.patch_size, 0.5).unwrap();
    let tiles: Vec<[[isize; 2]; 3]> = serde_json::from_value(golden_json("e2e/e2e_meta.json")["tiles"].clone()).unwrap();
    assert_eq!(grid.count(), tiles.len());
    for (axis, starts) in grid.starts.iter().enumerate() {
        let mut expected: Vec<isize> = tiles.iter().map(|tile| tile[axis][0]).collect();
        expected.sort_unstable();
        expected.dedup();
        assert_eq!(*starts, expected, "axis {axis}");
    }
}

#[test]
fn end_to_end_export_of_nnunets_logits() {
    let (plan, ready, geometry) = end_to_end();
    let bytes = golden_bytes("e2e/nomirror.safetensors");
    let logits = tensor(&SafeTensors::deserialize(&bytes).unwrap(), "logits_fp16");
    let folds = [affine_fold(Affine::new(plan.patch_size, &[0.0; 4]))];
    let ensemble = Ensemble::new(&folds, plan.patch_size).unwrap();
    let labels = testkit::argmax_labels(4);
    let mut exporter = Exporter::new(&ready.frame, &ensemble, &labels, &plan, None).unwrap();
    for (z, plane) in logits.axis_iter(Axis(1)).enumerate() {
        exporter.push(z, Plane::Means(plane.iter().copied().collect())).unwrap();
    }
    let found = exporter.finish();
    let expected = nifti_voxels("e2e/seg_nomirror.nii.gz");
    assert_eq!(found.size_zyx(), geometry.size_zyx);
    let differing = expected.indexed_iter().filter(|((z, y, x), v)| f32::from(found.at([*z, *y, *x])) != **v).count();
    // nnU-Net resamples to half precision before its argmax: near-ties may differ.
    assert!(differing * 10_000 <= expected.len(), "{differing} of {} voxels differ", expected.len());
}
