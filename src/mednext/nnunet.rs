//! nnU-Net v2 result folders: plans, dataset and one checkpoint per fold become a [`Model`].

use std::collections::BTreeSet;
use std::path::Path;

use crate::checkpoint::{Checkpoint, NnunetTraining, read_checkpoint_as};
use crate::config::Config;
use crate::error::ModelError;
use crate::hash::sha256_file;
use crate::model::{Fold, Model, ModelCard, Provenance, SourceFile, SourceKind, created_by};
use crate::nnunet_plan::{Dataset, Plans, inference_plan, model_labels, parse};
use crate::source::Source;

const FINAL: &str = "checkpoint_final.pth";
const BEST: &str = "checkpoint_best.pth";

/// Which parts of a result folder to take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NnunetOptions {
    /// Folds by number or `all`, with or without `fold_`, each with the checkpoint it has. When absent, every numbered one
    /// that has the wanted checkpoint, as nnU-Net does, or the other checkpoint where no fold has the wanted one.
    pub folds: Option<Vec<String>>,
    /// Wants `checkpoint_best.pth` instead of `checkpoint_final.pth`.
    pub prefer_best: bool,
}

/// Reads a model folder, or a folder that holds exactly one.
pub fn open_nnunet_folder(path: &Path, options: &NnunetOptions) -> Result<Model, ModelError> {
    read(&mut Source::folder(path), path, options)
}

/// Reads a zip of either kind of folder.
pub fn open_nnunet_archive(path: &Path, options: &NnunetOptions) -> Result<Model, ModelError> {
    read(&mut Source::archive(path)?, path, options)
}

/// Reads a checkpoint that lies outside a result folder (MedNeXt v1's `.model`, a bare state dictionary) with the `plans.json`
/// and `dataset.json` of a folder. What the checkpoint does not say is taken as `3d_fullres`, mirrored along all axes, the
/// defaults of nnU-Net v1 and v2.
pub fn open_checkpoint(path: &Path, plans_folder: &Path) -> Result<Model, ModelError> {
    let description = describe(&mut Source::folder(plans_folder), "")?;
    let mut checkpoint = read_checkpoint_as(path, path)?;
    let training = checkpoint.nnunet.take();
    let (trainer, configuration, mirror_axes) = match training {
        Some(training) => (Some(training.trainer), training.configuration, training.mirror_axes),
        None => (None, "3d_fullres".to_owned(), vec![0, 1, 2]),
    };
    let mut files = description.files.clone();
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    files.push(SourceFile { name, sha256: sha256_file(path).map_err(|e| ModelError::io("read", path, e))? });
    let fold = Fold { name: "fold_0".to_owned(), weights: checkpoint.weights };
    let origin = Origin { trainer, configuration, mirror_axes, files };
    assemble(path, description, checkpoint.config, vec![fold], origin)
}

/// The two JSON files of a model.
struct Description {
    plans: Plans,
    dataset: Dataset,
    files: Vec<SourceFile>,
}

fn describe(source: &mut Source, root: &str) -> Result<Description, ModelError> {
    let (plans_name, dataset_name) = (format!("{root}plans.json"), format!("{root}dataset.json"));
    let plans_bytes = source.read_json(&plans_name)?;
    let plans: Plans = parse(&plans_bytes).map_err(|e| ModelError::invalid(&source.shown(&plans_name), e.to_string()))?;
    let dataset_bytes = source.read_json(&dataset_name)?;
    let dataset: Dataset = parse(&dataset_bytes).map_err(|e| ModelError::invalid(&source.shown(&dataset_name), e.to_string()))?;
    let files = vec![json_file("plans.json", &plans_bytes), json_file("dataset.json", &dataset_bytes)];
    Ok(Description { plans, dataset, files })
}

/// What the first checkpoint says of its training, and every file that was read.
struct Origin {
    trainer: Option<String>,
    configuration: String,
    mirror_axes: Vec<usize>,
    files: Vec<SourceFile>,
}

fn assemble(path: &Path, description: Description, config: Config, folds: Vec<Fold>, origin: Origin) -> Result<Model, ModelError> {
    let Description { plans, dataset, .. } = description;
    let plan = inference_plan(&plans, &dataset, &origin.configuration, &origin.mirror_axes, &config);
    let plan = plan.map_err(|reason| ModelError::invalid(path, reason))?;
    let labels = model_labels(&plans, &dataset, &config).map_err(|reason| ModelError::invalid(path, reason))?;
    let card = card(&dataset, origin);
    let name = plans.dataset_name.or(dataset.name()).unwrap_or_else(|| "unnamed".to_owned());
    Ok(Model { name, config, plan, labels, folds, card })
}

fn read(source: &mut Source, path: &Path, options: &NnunetOptions) -> Result<Model, ModelError> {
    let names = source.names()?;
    let root = find_model(&names).map_err(|reason| ModelError::invalid(path, reason))?;
    let description = describe(source, &root)?;

    let chosen = match &options.folds {
        Some(wanted) => choose_folds(&folds_with(&names, &root, &[FINAL, BEST]), wanted),
        None => Ok(detect_folds(&names, &root, options.prefer_best)),
    };
    let chosen = chosen.map_err(|reason| ModelError::invalid(path, reason))?;
    let mut files = description.files.clone();
    let mut read: Vec<(Fold, Checkpoint)> = Vec::new();
    for name in chosen {
        let file_name = checkpoint_name(&names, &root, &name, options.prefer_best);
        let file = source.checkpoint(&format!("{root}{file_name}"))?;
        let mut checkpoint = read_checkpoint_as(&file.path, &file.shown)?;
        if let Some((_, first)) = read.first()
            && first.config != checkpoint.config
        {
            return Err(ModelError::invalid(&file.shown, "this fold is another network than the first"));
        }
        files.push(SourceFile { name: file_name, sha256: sha256_file(&file.path).map_err(|e| ModelError::io("read", &file.shown, e))? });
        let weights = std::mem::take(&mut checkpoint.weights);
        read.push((Fold { name, weights }, checkpoint));
    }

    // nnU-Net takes these from the first fold's checkpoint, not from the folder's name (`predict_from_raw_data.py`).
    let Some((_, first)) = read.first() else { return Err(ModelError::invalid(path, "no fold was chosen")) };
    let training = first.nnunet.clone().ok_or_else(|| {
        ModelError::invalid(path, "the first fold's checkpoint names no trainer and configuration, so it is not nnU-Net v2's own")
    })?;
    let config = first.config.clone();
    let NnunetTraining { trainer, configuration, mirror_axes, .. } = training;
    let origin = Origin { trainer: Some(trainer), configuration, mirror_axes, files };
    assemble(path, description, config, read.into_iter().map(|(fold, _)| fold).collect(), origin)
}

fn card(dataset: &Dataset, origin: Origin) -> ModelCard {
    ModelCard {
        licence: dataset.licence(),
        modality: dataset.modality(),
        description: dataset.description(),
        provenance: Provenance {
            source: SourceKind::NnunetV2,
            trainer: origin.trainer,
            configuration: Some(origin.configuration),
            files: origin.files,
            created_by: created_by(),
        },
    }
}

fn json_file(name: &str, bytes: &[u8]) -> SourceFile {
    SourceFile { name: name.to_owned(), sha256: crate::hash::sha256(bytes) }
}

/// The one prefix that has plans, dataset and a fold.
fn find_model(names: &[String]) -> Result<String, String> {
    let has = |name: String| names.contains(&name);
    let candidates: Vec<&str> = names
        .iter()
        .filter_map(|name| name.strip_suffix("plans.json"))
        .filter(|root| root.is_empty() || root.ends_with('/'))
        .filter(|root| has(format!("{root}dataset.json")) && !folds_with(names, root, &[FINAL, BEST]).is_empty())
        .collect();
    match candidates[..] {
        [root] => Ok(root.to_owned()),
        [] => Err("there is no nnU-Net v2 model here: a folder with plans.json, dataset.json and fold_0/checkpoint_final.pth".to_owned()),
        _ => Err(format!("there are {} models here; choose one of {}", candidates.len(), listed(&candidates))),
    }
}

fn listed(candidates: &[&str]) -> String {
    let shown = candidates.iter().take(10).map(|root| if root.is_empty() { "." } else { root.trim_end_matches('/') });
    shown.collect::<Vec<_>>().join(", ") + if candidates.len() > 10 { ", ..." } else { "" }
}

/// Folds below the model that hold one of these files.
fn folds_with(names: &[String], root: &str, files: &[&str]) -> BTreeSet<String> {
    let folds = names.iter().filter_map(|name| {
        let (fold, file) = name.strip_prefix(root)?.split_once('/')?;
        (fold.starts_with("fold_") && files.contains(&file)).then(|| fold.to_owned())
    });
    folds.collect()
}

/// The numbered folds that have the wanted checkpoint (`predict_from_raw_data.py`, `auto_detect_available_folds`). Where
/// nnU-Net would find nothing, `fold_all` and then the other checkpoint serve.
fn detect_folds(names: &[String], root: &str, prefer_best: bool) -> Vec<String> {
    let files = if prefer_best { [BEST, FINAL] } else { [FINAL, BEST] };
    let available = files.map(|file| folds_with(names, root, &[file])).into_iter().find(|folds| !folds.is_empty()).unwrap_or_default();
    let number = |name: &String| name.strip_prefix("fold_").and_then(|n| n.parse::<u64>().ok());
    let mut numbered: Vec<String> = available.iter().filter(|name| number(name).is_some()).cloned().collect();
    numbered.sort_by_key(number);
    if numbered.is_empty() { available.into_iter().take(1).collect() } else { numbered }
}

fn choose_folds(available: &BTreeSet<String>, wanted: &[String]) -> Result<Vec<String>, String> {
    let mut chosen = Vec::new();
    for fold in wanted {
        let name = fold_name(fold);
        if !available.contains(&name) {
            let list = available.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            return Err(format!("there is no {name} here, only {list}"));
        }
        if !chosen.contains(&name) {
            chosen.push(name);
        }
    }
    Ok(chosen)
}

/// `0` and `fold_0` mean the same.
pub(crate) fn fold_name(fold: &str) -> String {
    if fold.starts_with("fold_") { fold.to_owned() } else { format!("fold_{fold}") }
}

fn checkpoint_name(names: &[String], root: &str, fold: &str, prefer_best: bool) -> String {
    let [last, best] = [FINAL, BEST].map(|file| format!("{fold}/{file}"));
    let has = |name: &str| names.contains(&format!("{root}{name}"));
    if has(&best) && (prefer_best || !has(&last)) { best } else { last }
}
