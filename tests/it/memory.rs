//! Process memory stays bounded, whatever the class count and the size of the study.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mednext::{
    Channel, Config, Fold, Generation, InferencePlan, LabelRule, Model, ModelCard, ModelLabels, NamedLabel, Normalization, Preset,
    Provenance, Resampling, SourceKind, Tensor, Weights, graph,
};
use ndarray::Array3;
use volume::{Geometry, Volume};

/// A whole-body CT's size.
const SIZE_ZYX: [usize; 3] = [400, 512, 512];

/// A model and how it is run.
struct Case {
    classes: usize,
    width: usize,
    patch: [usize; 3],
    step: &'static str,
}

#[test]
#[ignore = "takes minutes and gibibytes; tests/long.sh runs it"]
fn forty_five_classes_on_a_whole_body_fit_four_gib() {
    fits(4 << 10, &Case { classes: 45, width: 8, patch: [128; 3], step: "1" });
}

#[test]
#[ignore = "takes minutes and gibibytes; tests/long.sh runs it"]
fn a_hundred_and_eighteen_classes_on_a_whole_body_fit_three_gib() {
    for patch in [[128; 3], [96, 160, 160]] {
        fits(3 << 10, &Case { classes: 118, width: 32, patch, step: "1" });
    }
}

#[test]
#[ignore = "takes many minutes and gibibytes; tests/long.sh runs it"]
fn a_hundred_and_eighteen_classes_with_overlapping_tiles_fit_three_gib() {
    fits(3 << 10, &Case { classes: 118, width: 32, patch: [128; 3], step: "0.5" });
}

fn fits(allowed_mib: u64, case: &Case) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    mednext::save(&many_class_model(case), &path("model.safetensors")).unwrap();
    let voxels = Array3::from_shape_fn(SIZE_ZYX, |(z, y, x)| ((z * 31 + y * 17 + x * 13) % 1500) as i16 - 1000);
    let scan = Volume::new(Geometry::axis_aligned(SIZE_ZYX, [1.0; 3]), voxels);
    formats::nifti::write_i16(&path("scan.nii"), &scan, None).unwrap();
    drop(scan);

    let started = Instant::now();
    let peak_mib = peak_of_segment(&path("scan.nii"), &path("model.safetensors"), &path("mask.nii.gz"), case.step) >> 10;
    let Case { classes, width, patch, step } = case;
    let seconds = started.elapsed().as_secs();
    println!("{classes} classes, width {width}, tiles of {patch:?}, step {step}: {peak_mib} MiB at most, {seconds} s");
    assert!(peak_mib <= allowed_mib);
}

/// Runs the program and watches the kernel's high-water mark of its resident memory.
fn peak_of_segment(scan: &Path, model: &Path, mask: &Path, step: &str) -> u64 {
    let mut child = Command::new(env!("CARGO_BIN_EXE_voxelry"))
        .args(["segment", "--device", "cpu", "--disable-tta", "--step-size", step, "-i"])
        .args([scan, Path::new("-m"), model, Path::new("-o"), mask])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak_kib = 0;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak_kib = line.and_then(|l| l.split_whitespace().next()?.parse().ok()).unwrap_or(peak_kib);
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            assert!(mask.is_file() && peak_kib > 0);
            return peak_kib;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A shallow MedNeXt-v2.
fn many_class_model(case: &Case) -> Model {
    let mut config = Config::preset(Preset::S, Generation::V2, 3, case.width, 1, case.classes);
    config.blocks = [1; 9];
    let weights: Weights = graph(&config)
        .unwrap()
        .params()
        .into_iter()
        .enumerate()
        .map(|(seed, param)| {
            let values: Vec<f32> = (0..param.numel()).map(|i| ((i * 7919 + seed * 104_729) % 1000) as f32 / 1000.0 - 0.5).collect();
            (param.name, Tensor::new(param.shape, values))
        })
        .collect();
    let linear = Resampling { order: 1, order_z: 0, force_separate_z: None };
    Model {
        name: "many classes".to_owned(),
        config,
        plan: InferencePlan {
            patch_size: case.patch,
            spacing_mm: [1.0; 3],
            transpose_forward: [0, 1, 2],
            transpose_backward: [0, 1, 2],
            channels: vec![Channel { name: "CT".to_owned(), normalization: Normalization::ZScore, use_mask: false, intensity: None }],
            resample_data: Resampling { order: 3, ..linear.clone() },
            resample_logits: linear,
            mirror_axes: vec![],
            reorient_to_ras: false,
        },
        labels: ModelLabels {
            names: (1..case.classes as u16).map(|value| NamedLabel { name: format!("structure {value}"), value }).collect(),
            rule: LabelRule::Argmax,
        },
        folds: vec![Fold { name: "fold_0".to_owned(), weights }],
        card: ModelCard {
            licence: None,
            modality: None,
            description: None,
            provenance: Provenance {
                source: SourceKind::Voxelry,
                trainer: None,
                configuration: None,
                files: vec![],
                created_by: "a test".to_owned(),
            },
        },
    }
}
