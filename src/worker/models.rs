//! `models`: which models there are, and how well they suit a case.

use std::fs;
use std::path::{Path, PathBuf};

use jobs::case::{CaseFile, CaseFolder};
use jobs::{Failure, FailureKind, Fit, ModelCard, ModelsJob, ModelsReport, Stage};
use mednext::{InspectedModel, Normalization};

use crate::demo;
use crate::run::Run;

/// Looks at every model in every place; one that cannot be read is listed with the reason.
pub(crate) fn models(job: &ModelsJob, run: &mut Run<'_>) -> Result<ModelsReport, Failure> {
    run.stage(Stage::LoadingModel)?;
    let case = job.case.as_ref().map(|case| CaseFolder::at(case).read()).transpose();
    let case = case.map_err(|error| Failure::new(FailureKind::InputMissing, format!("the case cannot be read: {error}")))?;
    let mut paths: Vec<PathBuf> = demo::sample_model().into_iter().collect();
    for place in &job.places {
        for path in models_in(place) {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
    }
    let mut models = Vec::with_capacity(paths.len());
    for path in paths {
        run.check_cancelled()?;
        models.push(card(&path, case.as_ref()));
    }
    models.sort_by_key(|model| match model.fit {
        Fit::Fits => 0,
        Fit::Unknown => 1,
        Fit::Doubtful { .. } => 2,
        Fit::Refused { .. } => 3,
    });
    Ok(ModelsReport { models })
}

/// A place is a model, or a folder of models; nnU-Net's result folders lie at any depth of three below it.
fn models_in(place: &Path) -> Vec<PathBuf> {
    const DEPTH: usize = 3;
    if is_model(place) { vec![place.to_owned()] } else { search(place, DEPTH) }
}

fn search(folder: &Path, depth: usize) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    let mut found = Vec::new();
    for path in entries {
        if is_model(&path) {
            found.push(path);
        } else if depth > 1 && path.is_dir() {
            found.extend(search(&path, depth - 1));
        }
    }
    found
}

/// By name only; what is inside is looked at later.
fn is_model(path: &Path) -> bool {
    if path.is_dir() {
        return path.join("plans.json").is_file() && path.join("dataset.json").is_file();
    }
    path.is_file() && path.extension().is_some_and(|ending| ending == "safetensors" || ending == "zip")
}

fn card(path: &Path, case: Option<&CaseFile>) -> ModelCard {
    let inspected = mednext::inspect(path).map_err(|error| error.to_string());
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let mut card = ModelCard {
        path: path.to_owned(),
        name,
        modality: String::new(),
        labels: Vec::new(),
        bytes: size_of(path),
        licence: None,
        sha256: None,
        folds: 0,
        network: String::new(),
        patch_zyx: [0; 3],
        spacing_zyx_mm: [0.0; 3],
        fit: Fit::Unknown,
    };
    let refuse = |card: &mut ModelCard, reason: String| card.fit = Fit::Refused { reason };
    match inspected {
        Err(reason) => refuse(&mut card, reason),
        Ok(inspection) => {
            card.network = inspection.config.as_ref().map(ToString::to_string).unwrap_or_default();
            match inspection.model {
                Some(model) => describe(&mut card, &model, case),
                None => refuse(&mut card, inspection.not_a_network.unwrap_or_else(|| "weights without a plan and labels".to_owned())),
            }
        }
    }
    card
}

fn describe(card: &mut ModelCard, model: &InspectedModel, case: Option<&CaseFile>) {
    card.name.clone_from(&model.name);
    card.modality = modality_of(model);
    card.labels = model.labels.names.iter().map(|label| (label.value, label.name.clone())).collect();
    card.licence.clone_from(&model.card.licence);
    card.sha256 = Some(model.sha256.clone());
    card.folds = model.folds.len();
    card.patch_zyx = model.plan.patch_size;
    card.spacing_zyx_mm = model.plan.spacing_mm;
    if let Some(case) = case {
        card.fit = fit(model, &card.modality, case);
    }
}

/// What the model says, else what its normalisation implies.
fn modality_of(model: &InspectedModel) -> String {
    let said = model.card.modality.clone().unwrap_or_default();
    let is_ct = model.plan.channels.iter().all(|channel| channel.normalization == Normalization::Ct);
    if said.is_empty() && is_ct { "CT".to_owned() } else { said }
}

fn fit(model: &InspectedModel, modality: &str, case: &CaseFile) -> Fit {
    let (wanted, given) = (model.plan.channels.len(), case.source.paths.len());
    if wanted != given {
        let reason = format!("it needs {wanted} images of the same patient, this case has {given}");
        return Fit::Refused { reason };
    }
    match (modality, case.modality.as_str()) {
        ("", _) | (_, "") => Fit::Unknown,
        (trained, is) if trained == is => Fit::Fits,
        (trained, is) => Fit::Doubtful { reason: format!("Trained on {trained}; this is {is}") },
    }
}

fn size_of(path: &Path) -> u64 {
    if path.is_dir() {
        fs::read_dir(path).into_iter().flatten().flatten().map(|entry| size_of(&entry.path())).sum()
    } else {
        fs::metadata(path).map_or(0, |about| about.len())
    }
}
