//! What runs where: half precision, little device memory, and the plan as text.

use crate::support::{Ran, golden, golden_model, read_mask, run, voxelry};

fn segment(output: &std::path::Path, extra: &[&str]) -> Ran {
    let (scan, model) = (golden("testA_0000.nii.gz"), golden_model());
    let paths = ["segment", "-i", scan.to_str().unwrap(), "-m", model.to_str().unwrap(), "-o", output.to_str().unwrap()];
    voxelry(paths.iter().chain(&["--disable-tta", "--json"]).chain(extra)).ok()
}

/// Dice of the voxels that carry any label, and of each label, at least.
fn worst_dice(a: &std::path::Path, b: &std::path::Path) -> f64 {
    let labels = [a, b].map(|path| {
        let mut values = Vec::new();
        read_mask(path).voxels.for_each(|value| values.push(value));
        values
    });
    let highest = labels.iter().flatten().copied().max().unwrap();
    assert!(highest > 0, "there must be something to compare");
    (1..=highest).fold(1.0, |worst, label| {
        let count = |values: &[u16]| values.iter().filter(|v| **v == label).count();
        let both = labels[0].iter().zip(&labels[1]).filter(|(a, b)| **a == label && **b == label).count();
        worst.min(2.0 * both as f64 / (count(&labels[0]) + count(&labels[1])) as f64)
    })
}

#[test]
fn half_precision_agrees_with_single() {
    let folder = tempfile::tempdir().unwrap();
    let (single, half) = (folder.path().join("f32.nii.gz"), folder.path().join("f16.nii.gz"));
    segment(&single, &["--device", "gpu"]);
    let ran = segment(&half, &["--device", "gpu", "--precision", "f16"]);
    assert_eq!(ran.json()["report"]["cases"][0]["provenance"]["parameters"]["precision"], "f16");
    let dice = worst_dice(&single, &half);
    assert!(dice >= 0.999, "{dice}");
}

#[test]
fn a_model_too_large_for_the_device_runs_on_the_processor_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (roomy, tight) = (folder.path().join("roomy.nii.gz"), folder.path().join("tight.nii.gz"));
    segment(&roomy, &["--device", "cpu"]);
    let document = segment(&tight, &["--device", "gpu", "--device-memory", "1"]).json();
    let warning = &document["warnings"][0];
    assert_eq!(warning["code"], "MEMORY", "{document}");
    assert!(warning["text"].as_str().unwrap().contains("runs on the processor"), "{document}");
    assert!(document["report"]["device"].as_str().unwrap().starts_with("CPU"), "{document}");
    assert!(worst_dice(&roomy, &tight) == 1.0);
}

#[test]
fn the_plan_of_a_network_is_text() {
    let ran = voxelry(["bench", "--preset", "v2-s", "--patch", "32", "--device", "cpu", "--plan"]).ok();
    assert!(ran.stdout.contains("enc_block_0") && ran.stdout.contains("depthwise") && ran.stdout.contains("GFLOP"), "{}", ran.stdout);
}

#[cfg(target_os = "linux")]
#[test]
fn a_tuning_is_kept_for_the_next_run() {
    let cache = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_voxelry"));
    let tuned = run(command.args(["doctor", "--device", "gpu", "--tune", "--json"]).env("XDG_CACHE_HOME", cache.path())).ok().json();
    let kept: Vec<_> = std::fs::read_dir(cache.path().join("voxelry/tuning")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [kept] = kept.as_slice() else { panic!("{kept:?}") };
    let kept: serde_json::Value = serde_json::from_slice(&std::fs::read(kept).unwrap()).unwrap();
    assert!(kept["tuning"]["gemm"]["voxels"].as_u64().unwrap() > 0, "{kept}");
    assert!(tuned["report"]["tuning"].as_str().unwrap().contains("voxels a tile"), "{tuned}");
}
