//! Voxelry's own model file: one safetensors container with every fold, and one text entry that describes the rest.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::error::ModelError;
use crate::graph::graph;
use crate::model::{Fold, Model, ModelCard};
use crate::nnunet::fold_name;
use crate::plan::{InferencePlan, ModelLabels};
use crate::safetensors_io::{Header, read_header, read_tensors, write};
use crate::weights::{Weights, WeightsError};

/// The text entry.
const ENTRY: &str = "voxelry";

/// What this program writes, and the newest it reads.
const FORMAT_VERSION: u32 = 1;

#[derive(Deserialize)]
struct Version {
    format_version: u32,
}

#[derive(Serialize, Deserialize)]
struct Description {
    format_version: u32,
    name: String,
    config: Config,
    plan: InferencePlan,
    labels: ModelLabels,
    folds: Vec<String>,
    card: ModelCard,
    /// [`Model::sha256`].
    sha256: String,
}

/// Writes a model, replacing the file only once the new one is complete on disk.
pub fn save(model: &Model, path: &Path) -> Result<(), ModelError> {
    check(model).map_err(|reason| ModelError::invalid(path, reason))?;
    let description = Description {
        format_version: FORMAT_VERSION,
        name: model.name.clone(),
        config: model.config.clone(),
        plan: model.plan.clone(),
        labels: model.labels.clone(),
        folds: model.folds.iter().map(|fold| fold.name.clone()).collect(),
        card: model.card.clone(),
        sha256: model.sha256(),
    };
    let write = || -> io::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut temporary = new_file(folder)?;
        let mut writer = BufWriter::new(temporary.as_file_mut());
        write(&mut writer, (ENTRY, serde_json::to_string(&description)?), &model.tensors().collect::<Vec<_>>())?;
        writer.flush()?;
        drop(writer);
        temporary.as_file().sync_all()?;
        temporary.persist(path).map_err(|e| e.error)?;
        sync_folder(folder)
    };
    write().map_err(|e| ModelError::io("write", path, e))
}

/// Reads a model file and verifies its checksum; `folds` chooses by name (`0` or `fold_0`), all when absent.
pub fn load(path: &Path, folds: Option<&[String]>) -> Result<Model, ModelError> {
    let invalid = |reason: String| ModelError::invalid(path, reason);
    let (mut reader, header) = open(path)?;
    let description = describe(&header).map_err(invalid)?;
    let tensors = read_tensors(&mut reader, &header).map_err(|e| invalid(e.to_string()))?;
    let mut by_fold: BTreeMap<&str, Weights> = description.folds.iter().map(|name| (name.as_str(), Weights::default())).collect();
    for (name, tensor) in tensors {
        let weights = name.split_once('/').and_then(|(fold, name)| Some((by_fold.get_mut(fold)?, name)));
        let Some((weights, name)) = weights else { return Err(invalid(format!("the tensor {name} belongs to no fold of this model"))) };
        weights.insert(name, tensor);
    }
    let weights_of = |name: &String| by_fold.remove(name.as_str()).unwrap_or_default();
    let all: Vec<Weights> = description.folds.iter().map(weights_of).collect();
    let Description { name, config, plan, labels, card, folds: names, sha256, .. } = description;
    let all = names.into_iter().zip(all).map(|(name, weights)| Fold { name, weights }).collect();
    let mut model = Model { name, config, plan, labels, folds: all, card };
    if model.sha256() != sha256 {
        return Err(invalid("the checksum of this model file does not match: it is damaged, fetch or export it again".to_owned()));
    }
    check(&model).map_err(invalid)?;
    if let Some(wanted) = folds {
        model.folds = choose(model.folds, wanted).map_err(invalid)?;
    }
    Ok(model)
}

fn choose(mut folds: Vec<Fold>, wanted: &[String]) -> Result<Vec<Fold>, String> {
    let names: Vec<String> = folds.iter().map(|fold| fold.name.clone()).collect();
    let mut chosen: Vec<Fold> = Vec::new();
    for name in wanted.iter().map(|fold| fold_name(fold)) {
        if let Some(index) = folds.iter().position(|fold| fold.name == name) {
            chosen.push(folds.swap_remove(index));
        } else if !names.contains(&name) {
            return Err(format!("there is no {name} in this model, only {}", names.join(", ")));
        }
    }
    if chosen.is_empty() { Err("no fold was chosen".to_owned()) } else { Ok(chosen) }
}

/// Whether a safetensors file is one of ours.
pub(crate) fn is_model(path: &Path) -> Result<bool, ModelError> {
    Ok(open(path)?.1.text.contains_key(ENTRY))
}

fn open(path: &Path) -> Result<(BufReader<File>, Header), ModelError> {
    let file = File::open(path).map_err(|e| ModelError::io("read", path, e))?;
    let size = file.metadata().map_err(|e| ModelError::io("read", path, e))?.len();
    let mut reader = BufReader::new(file);
    let header = read_header(&mut reader, size).map_err(|e| ModelError::invalid(path, e.to_string()))?;
    Ok((reader, header))
}

/// The description of a container that has one.
fn describe(header: &Header) -> Result<Description, String> {
    let text = header.text.get(ENTRY).ok_or(
        "this file holds weights only; a model also says how scans are prepared, so give the nnU-Net model folder the weights came from",
    )?;
    let version: Version = serde_json::from_str(text).map_err(|e| format!("the description of this model cannot be read ({e})"))?;
    if version.format_version != FORMAT_VERSION {
        return Err(format!(
            "this model file has format version {}, and this program reads version {FORMAT_VERSION}; update the program",
            version.format_version
        ));
    }
    serde_json::from_str(text).map_err(|e| format!("the description of this model cannot be read ({e})"))
}

/// What holds for every model, written or read.
fn check(model: &Model) -> Result<(), String> {
    let graph = graph(&model.config).map_err(|e| e.to_string())?;
    model.plan.check(&model.config).map_err(|e| e.to_string())?;
    model.labels.check(&model.config).map_err(|e| e.to_string())?;
    if model.folds.is_empty() {
        return Err(WeightsError::Empty.to_string());
    }
    for fold in &model.folds {
        if !fold.name.starts_with("fold_") || fold.name.contains('/') {
            return Err(format!("{} is not the name of a fold", fold.name));
        }
        fold.weights.check(&graph).map_err(|e| format!("{}: {e}", fold.name))?;
    }
    Ok(())
}

/// Readable like any file the user makes; `tempfile` alone would let only the owner read it.
#[cfg(unix)]
fn new_file(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    use std::os::unix::fs::PermissionsExt;
    tempfile::Builder::new().prefix(".voxelry-").permissions(std::fs::Permissions::from_mode(0o666)).tempfile_in(folder)
}

#[cfg(not(unix))]
fn new_file(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new().prefix(".voxelry-").tempfile_in(folder)
}

/// Makes the rename itself durable; Windows has no such call and needs none.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
