//! Process memory stays bounded, whatever the class count and the size of the study.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use mednext::{
    Channel, Config, Fold, Generation, InferencePlan, LabelRule, Model, ModelCard, ModelLabels, NamedLabel, Normalization, Preset,
    Provenance, Resampling, SourceKind, Tensor, Weights, graph,
};
use ndarray::Array3;
use volume::{Geometry, Volume};

/// A whole-body CT's size.
const SIZE_ZYX: [usize; 3] = [400, 512, 512];
const CLASSES: usize = 45;
const ALLOWED_KIB: u64 = 4 << 20;

#[test]
#[ignore = "takes minutes and 4 GiB; tests/long.sh runs it"]
fn forty_five_classes_on_a_whole_body_fit_four_gib() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    mednext::save(&many_class_model(), &path("model.safetensors")).unwrap();
    let voxels = Array3::from_shape_fn(SIZE_ZYX, |(z, y, x)| ((z * 31 + y * 17 + x * 13) % 1500) as i16 - 1000);
    let scan = Volume::new(Geometry::axis_aligned(SIZE_ZYX, [1.0; 3]), voxels);
    formats::nifti::write_i16(&path("scan.nii"), &scan, None).unwrap();
    drop(scan);

    let peak_kib = peak_of_segment(&path("scan.nii"), &path("model.safetensors"), &path("mask.nii.gz"));
    println!("peak resident memory: {} MiB", peak_kib >> 10);
    assert!(peak_kib <= ALLOWED_KIB, "{peak_kib} KiB");
}

/// Runs the program and watches the kernel's high-water mark of its resident memory.
fn peak_of_segment(scan: &Path, model: &Path, mask: &Path) -> u64 {
    let mut child = Command::new(env!("CARGO_BIN_EXE_voxelry"))
        .args(["segment", "--device", "cpu", "--disable-tta", "--step-size", "1", "-i"])
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

/// A small MedNeXt-v2 with many classes and the usual tile.
fn many_class_model() -> Model {
    let mut config = Config::preset(Preset::S, Generation::V2, 3, 8, 1, CLASSES);
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
            patch_size: [128; 3],
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
            names: (1..CLASSES as u16).map(|value| NamedLabel { name: format!("structure {value}"), value }).collect(),
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
