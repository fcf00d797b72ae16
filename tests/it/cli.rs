//! The program on good input: masks equal nnU-Net's, conversions keep every voxel, reports say what is there.

use std::fs;
use std::path::Path;

use formats::nifti;

use crate::support::{
    PATIENT, agreement, golden, golden_model, names_in, read_mask, small_scan, voxelry, write_ct_series, write_small_scan,
};

/// Segments the golden study and compares with nnU-Net's mask.
fn check_golden(device: &str, extra: &[&str], expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("mask.nii.gz");
    let (input, model) = (golden("testA_0000.nii.gz"), golden_model());
    let mut args = vec!["segment", "-i", input.to_str().unwrap(), "-m", model.to_str().unwrap(), "-o", output.to_str().unwrap()];
    args.extend(["--device", device]);
    args.extend(extra);
    voxelry(args).ok();
    let (found, expected) = (read_mask(&output), read_mask(&golden(expected)));
    assert!(found.geometry.same_place(&expected.geometry, 1e-5), "{:?}", found.geometry);
    let agreement = agreement(&found, &expected);
    assert!(agreement >= 0.9999, "{device}: only {agreement} of the voxels agree with nnU-Net");
    assert_eq!(names_in(folder.path()), ["mask.json", "mask.nii.gz"]);
}

#[test]
fn the_cpu_writes_nnunets_mask() {
    check_golden("cpu", &["--disable-tta"], "seg_nomirror.nii.gz");
}

#[test]
fn the_gpu_writes_nnunets_mask() {
    check_golden("gpu", &["--disable-tta"], "seg_nomirror.nii.gz");
}

#[test]
fn the_gpu_writes_nnunets_mask_with_mirroring() {
    check_golden("gpu", &[], "seg_mirror.nii.gz");
}

#[test]
fn an_imported_model_gives_the_same_mask_and_says_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (model, scan) = (golden_model(), golden("testA_0000.nii.gz"));
    let imported =
        voxelry(["import", model.to_str().unwrap(), "-o", &path("m.safetensors"), "--licence", "CC-BY-4.0", "--json"]).ok().json();
    let inspected = voxelry(["inspect-weights", &path("m.safetensors"), "--json"]).ok().json();
    assert_eq!(inspected["report"]["model"], imported["report"]["model"]["model"]);
    assert_eq!(inspected["report"]["model"]["licence"], "CC-BY-4.0");
    assert_eq!(inspected["report"]["model"]["plan"]["patch_size"], serde_json::json!([32, 64, 64]));

    let checkpoint = model.join("fold_0/checkpoint_final.pth");
    let from_checkpoint = voxelry(["import", checkpoint.to_str().unwrap(), "-o", &path("c.safetensors"), "--json"]).ok().json();
    for hash in ["sha256", "weights_sha256"] {
        assert_eq!(from_checkpoint["report"]["model"]["model"][hash], inspected["report"]["model"][hash]);
    }
    assert_eq!(from_checkpoint["warnings"][0]["code"], "NO_LICENCE");

    let segment = |model: &str, output: &str| {
        let args = ["segment", "-i", scan.to_str().unwrap(), "-m", model, "-o", output, "--disable-tta", "--device", "cpu", "--json"];
        voxelry(args).ok().json()
    };
    let direct = segment(model.to_str().unwrap(), &path("direct.nii.gz"));
    let through = segment(&path("m.safetensors"), &path("through.nii.gz"));
    assert_eq!(fs::read(path("direct.nii.gz")).unwrap(), fs::read(path("through.nii.gz")).unwrap());
    let sha256 = |document: &serde_json::Value| document["report"]["cases"][0]["provenance"]["model"]["sha256"].clone();
    assert_eq!(sha256(&direct), sha256(&through));
    assert_eq!(sha256(&direct), inspected["report"]["model"]["sha256"]);
    let sidecar: serde_json::Value = serde_json::from_slice(&fs::read(path("through.json")).unwrap()).unwrap();
    assert_eq!(sidecar, through["report"]["cases"][0]["provenance"]);
}

#[test]
fn the_grn_reduction_of_an_import_is_kept_and_makes_another_model() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sum.safetensors");
    let (model, path) = (golden_model(), path.to_str().unwrap());
    let report = |args: &[&str]| voxelry(args.iter().copied().chain(["--json"])).ok().json()["report"].clone();
    let by_mean = report(&["inspect-weights", model.to_str().unwrap()]);
    report(&["import", model.to_str().unwrap(), "-o", path, "--grn-reduction", "sum"]);
    let by_sum = report(&["inspect-weights", path]);
    assert!(by_sum["network"].as_str().unwrap().ends_with("by sum"), "{}", by_sum["network"]);
    assert_eq!(by_sum["model"]["weights_sha256"], by_mean["model"]["weights_sha256"]);
    assert_ne!(by_sum["model"]["sha256"], by_mean["model"]["sha256"]);
    assert!(by_sum["model"]["memory_mib_per_tile"].as_u64().unwrap() >= 1);
    assert!(voxelry(["inspect-weights", path]).ok().stdout.contains("MiB per tile at least"));
}

/// nnU-Net accumulates in half precision, Voxelry in single: a label may differ only where two classes tie.
#[test]
fn with_mirroring_voxels_differ_from_nnunets_only_at_ties_of_the_probabilities() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("mask.nii.gz");
    let (model, scan) = (golden_model(), golden("testA_0000.nii.gz"));
    let (scan, model, out) = (scan.to_str().unwrap(), model.to_str().unwrap(), output.to_str().unwrap());
    let args = ["segment", "-i", scan, "-m", model, "-o", out, "--device", "cpu", "--save-probabilities"];
    voxelry(args).ok();
    let expected = read_mask(&golden("seg_mirror.nii.gz"));
    let probabilities = folder.path().join("mask_probabilities");
    assert_eq!(names_in(&probabilities), ["background.nii.gz", "fatpad.nii.gz", "organ.nii.gz", "tumor.nii.gz"]);
    let by_value = ["background", "organ", "fatpad", "tumor"].map(|name| probabilities.join(format!("{name}.nii.gz")));
    let mask = read_mask(&output);
    assert!(agreement(&mask, &expected) >= 0.9999);
    let volumes = by_value.map(|path| nifti::read_scan(&path, &nifti::ReadOptions::default()).unwrap().scan.voxels);
    for (index, _) in volumes[0].indexed_iter() {
        let values: Vec<f32> = volumes.iter().map(|volume| volume[index]).collect();
        let sum: f32 = values.iter().sum();
        assert!((sum - 1.0).abs() < 1e-3, "{values:?}");
        let best = (0..4).max_by(|a, b| values[*a].total_cmp(&values[*b])).unwrap();
        let label = usize::from(mask.voxels.at([index.0, index.1, index.2]));
        assert!(values[best] - values[label] < 1e-3, "label {label} of {values:?}");
        let theirs = usize::from(expected.voxels.at([index.0, index.1, index.2]));
        assert!(values[best] - values[theirs] < 1e-3, "nnU-Net says {theirs} where the probabilities are {values:?}");
    }
}

#[test]
fn converting_nifti_keeps_values_and_place() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("a.nii"), folder.path().join("b.nii.gz"));
    write_small_scan(&from);
    voxelry([Path::new("convert"), &from, &to]).ok();
    let back = nifti::read_scan(&to, &nifti::ReadOptions::default()).unwrap().scan;
    assert_eq!(back.voxels, small_scan().voxels);
    assert!(back.geometry.same_place(&small_scan().geometry, 1e-4));
}

#[test]
fn converting_a_dicom_folder_gives_hounsfield_units() {
    let folder = tempfile::tempdir().unwrap();
    let (series, to) = (folder.path().join("study/a/b"), folder.path().join("ct.nii.gz"));
    write_ct_series(&series, "1.2.826.0.1.3680043.9.9999.10", 4);
    fs::write(series.join("README"), "not an image").unwrap();
    let ran = voxelry([Path::new("convert"), &folder.path().join("study"), &to, Path::new("--json")]).ok();
    assert!(!ran.stdout.contains(PATIENT) && !ran.stderr.contains(PATIENT));
    assert_eq!(ran.json()["report"]["series_uid"], "1.2.826.0.1.3680043.9.9999.10");
    let scan = nifti::read_scan(&to, &nifti::ReadOptions::default()).unwrap().scan;
    assert_eq!(scan.geometry.size_zyx, [4, 6, 5]);
    assert_eq!(scan.geometry.spacing_zyx_mm, [2.5, 0.75, 0.5]);
    assert_eq!(scan.voxels[[3, 2, 1]], (1000 + 30 * 3 + 5 * 2 + 1 - 1024) as f32);
    assert!(scan.geometry.origin_lps_mm.distance(glam::DVec3::new(-10.0, 20.0, 100.0)) < 1e-4);
}

#[test]
fn inspect_lists_the_series_of_a_folder_without_the_patient() {
    let folder = tempfile::tempdir().unwrap();
    write_ct_series(folder.path(), "1.2.826.0.1.3680043.9.9999.10", 4);
    write_ct_series(folder.path(), "1.2.826.0.1.3680043.9.9999.20", 3);
    let ran = voxelry([Path::new("inspect"), folder.path(), Path::new("--json")]).ok();
    assert!(!ran.stdout.contains(PATIENT), "{}", ran.stdout);
    let document = ran.json();
    let series = document["report"]["series"].as_array().unwrap();
    let images: Vec<_> = series.iter().map(|series| (series["number"].as_u64(), series["images"].as_u64())).collect();
    assert_eq!(images, [(Some(10), Some(4)), (Some(20), Some(3))]);
    assert_eq!(series[0]["placement"]["orientation"], "LPS");
    assert_eq!(series[0]["is_volume"], true);
    assert_eq!(document["exit_code"], 0);
}

#[test]
fn inspect_describes_a_nifti_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.nii.gz");
    write_small_scan(&path);
    let document = voxelry([Path::new("inspect"), &path, Path::new("--json")]).ok().json();
    let file = &document["report"]["files"][0];
    assert_eq!(file["placement"]["size_zyx"], serde_json::json!([5, 6, 7]));
    assert_eq!(file["value_range"], serde_json::json!([-100.0, 109.0]));
}

#[test]
fn inspect_names_the_file_of_every_doubt() {
    let folder = tempfile::tempdir().unwrap();
    let mut scan = small_scan();
    scan.voxels[[0, 0, 0]] = f32::NAN;
    for name in ["a.nii.gz", "b.nii.gz"] {
        nifti::write_scan(&folder.path().join(name), &scan, None).unwrap();
    }
    let ran = voxelry([Path::new("inspect"), folder.path()]).ok();
    for name in ["a.nii.gz", "b.nii.gz"] {
        assert!(ran.stderr.contains(&format!("WARN NAN_VOXELS {name}: ")), "{}", ran.stderr);
    }
}

#[test]
fn help_shows_examples_and_exit_codes() {
    let help = voxelry(["--help"]).ok().stdout;
    assert!(help.contains("voxelry demo") && help.contains("Exit codes") && help.contains("not a medical device"), "{help}");
    assert!(voxelry(["segment", "--help"]).ok().stdout.contains("case_0001.nii.gz"));
    assert_eq!(voxelry(["segment"]).code, Some(2));
}

#[test]
fn the_doctor_says_what_will_run_and_that_kernels_are_right() {
    let document = voxelry(["doctor", "--json"]).ok().json();
    assert_eq!(document["report"]["self_test_failure"], serde_json::Value::Null);
    assert!(!document["report"]["chosen"].as_str().unwrap().is_empty());
    let cpu = voxelry(["doctor", "--device", "cpu", "--json"]).ok().json();
    assert!(cpu["report"]["chosen"].as_str().unwrap().contains("CPU"));
}
