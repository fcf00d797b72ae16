//! The sample study through the sample model, measured against its known truth.

use std::fs;
use std::path::{Path, PathBuf};

use formats::nifti::{self, ReadOptions};
use formats::study::OpenOptions;
use jobs::{DemoJob, DemoReport, Failure, FailureKind, Report, Stage, StructureScore};
use pipeline::label_overlaps;
use volume::LabelMap;

use crate::files::{Existing, check_mask_replaceable, create_folder, write_bytes};
use crate::run::Run;
use crate::session::{Session, Settings, load_model};
use crate::{Ending, failure, preview, study};

/// DICOM series and truth below the assets.
const SAMPLE: &str = "sample";
const TRUTH: &str = "sample/truth.nii.gz";
/// Holds one `.safetensors`.
const MODELS: &str = "models";

/// Stands under the picture, which may travel without the words around it.
const CAPTION: &str = "synthetic study, not for diagnosis";

/// Below this overlap the program computes something else than it should on this machine.
const PLAUSIBLE_DICE: f64 = 0.6;

/// Segments, compares, draws.
pub(crate) fn demo(job: &DemoJob, run: &mut Run<'_>) -> Result<Ending, Failure> {
    let assets = assets(job.assets.as_deref())?;
    let model_path = only_model(&assets)?;
    let settings = Settings {
        model: &model_path,
        folds: None,
        step_size: 0.5,
        disable_tta: true,
        device: &job.device,
        precision: "f32",
        device_memory_mib: None,
    };
    settings.check()?;
    let mask_path = job.output.join("mask.nii.gz");
    create_folder(&job.output)?;
    check_mask_replaceable(&mask_path, Existing::Keep)?;

    let study = study::read(&[assets.join(SAMPLE)], &OpenOptions::default(), run)?;
    let truth = nifti::read_labels(&assets.join(TRUTH), &ReadOptions::default()).map_err(|error| failure::reading(&error))?;
    let scan = study.scans[0].clone();
    let mut session = Session::open(load_model(&settings, run)?, &settings, run)?;
    let finished = session.segment(study, &mask_path, false, run)?;

    run.stage(Stage::Writing)?;
    let picture = preview::png(&scan, &finished.mask, CAPTION).map_err(|error| Failure::new(FailureKind::Internal, error.to_string()))?;
    let preview_path = job.output.join("preview.png");
    write_bytes(&preview_path, &picture)?;
    let structures = scores(&finished.mask, &truth)?;
    let failure = implausible(&structures, session.device());
    let report = DemoReport {
        device: session.device().to_owned(),
        mask: mask_path,
        preview: preview_path,
        structures,
        seconds: finished.provenance.seconds,
    };
    Ok(Ending { report: Report::Demo(report), failure })
}

/// The folder asked for, or the one that comes with the program.
fn assets(wanted: Option<&Path>) -> Result<PathBuf, Failure> {
    let has_sample = |folder: &Path| folder.join(TRUTH).is_file();
    if let Some(folder) = wanted {
        let sentence = format!("there is no sample study in {}; it should hold {TRUTH}", folder.display());
        return if has_sample(folder) { Ok(folder.to_owned()) } else { Err(Failure::new(FailureKind::InputMissing, sentence)) };
    }
    jobs::find_assets(TRUTH)
        .ok_or_else(|| Failure::new(FailureKind::InputMissing, "the sample study was not found; name its folder with --assets"))
}

/// The model that comes with the program.
pub(crate) fn sample_model() -> Option<PathBuf> {
    only_model(&assets(None).ok()?).ok()
}

fn only_model(assets: &Path) -> Result<PathBuf, Failure> {
    let folder = assets.join(MODELS);
    let entries = fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut models: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|extension| extension == "safetensors")).collect();
    models.sort();
    models
        .into_iter()
        .next()
        .ok_or_else(|| Failure::new(FailureKind::InputMissing, format!("there is no .safetensors model in {}", folder.display())))
}

fn scores(mask: &LabelMap, truth: &LabelMap) -> Result<Vec<StructureScore>, Failure> {
    let refuse = |sentence: String| Failure::new(FailureKind::InputRefused, sentence);
    if !mask.geometry.same_place(&truth.geometry, 0.01) {
        return Err(refuse("the sample's scan and truth do not lie in the same place".to_owned()));
    }
    let overlaps = label_overlaps(mask, truth).map_err(|error| refuse(error.to_string()))?;
    let voxel_ml = mask.geometry.voxel_volume_mm3() / 1000.0;
    let named = overlaps.iter().map(|overlap| StructureScore {
        name: mask.table.get(overlap.value).map_or_else(|| overlap.value.to_string(), |label| label.name.clone()),
        dice: overlap.dice(),
        volume_ml: overlap.predicted as f64 * voxel_ml,
        true_volume_ml: overlap.reference as f64 * voxel_ml,
    });
    Ok(named.collect())
}

fn implausible(structures: &[StructureScore], device: &str) -> Option<Failure> {
    let worst = structures.iter().filter(|score| score.dice.is_some_and(|dice| dice < PLAUSIBLE_DICE)).map(|score| score.name.as_str());
    let names = worst.collect::<Vec<_>>().join(", ");
    let sentence = format!("{names} came out wrong on {device}; run `voxelry doctor`, or try --device cpu");
    (!names.is_empty()).then(|| Failure::new(FailureKind::CheckFailed, sentence))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_result_is_not_presented_as_a_success() {
        let score = |name: &str, dice| StructureScore { name: name.to_owned(), dice, volume_ml: 1.0, true_volume_ml: 1.0 };
        assert_eq!(implausible(&[score("liver", Some(0.95)), score("cyst", None)], "CPU"), None);
        let failure = implausible(&[score("liver", Some(0.3)), score("spleen", Some(0.9))], "CPU").unwrap();
        assert!(failure.kind == FailureKind::CheckFailed && failure.sentence.starts_with("liver came out wrong"));
    }

    #[test]
    fn missing_assets_are_named() {
        let folder = tempfile::tempdir().unwrap();
        assert!(assets(Some(folder.path())).unwrap_err().sentence.contains("truth.nii.gz"));
        assert!(only_model(folder.path()).unwrap_err().sentence.contains(".safetensors"));
    }
}
