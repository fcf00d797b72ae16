//! What any weights file or model folder holds, for people and for `--json`.

use std::path::Path;

use serde::Serialize;

use crate::checkpoint::{NnunetTraining, read_checkpoint};
use crate::config::Config;
use crate::error::ModelError;
use crate::file_kind::FileKind;
use crate::hash::sha256_file;
use crate::infer::infer;
use crate::model::{Model, ModelCard};
use crate::model_file;
use crate::plan::{InferencePlan, ModelLabels};
use crate::weights::Weights;

/// What was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InspectedKind {
    /// A Voxelry model file.
    Model,
    /// An nnU-Net v2 folder.
    NnunetFolder,
    /// A zip of one.
    NnunetArchive,
    /// A PyTorch checkpoint.
    Checkpoint,
    /// Bare weights.
    Safetensors,
}

/// One tensor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InspectedTensor {
    /// Published name, after `fold_k/` in models.
    pub name: String,
    /// Shape as PyTorch stores it.
    pub shape: Vec<usize>,
}

/// The part only whole models have.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InspectedModel {
    /// Name for people.
    pub name: String,
    /// Folds in order.
    pub folds: Vec<String>,
    /// [`Model::sha256`].
    pub sha256: String,
    /// [`Model::weights_sha256`].
    pub weights_sha256: String,
    /// Output structures.
    pub labels: ModelLabels,
    /// Preprocessing, tiling and export.
    pub plan: InferencePlan,
    /// Licence, modality, origin.
    pub card: ModelCard,
}

/// Everything known about a file or folder.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    /// What it is.
    pub kind: InspectedKind,
    /// SHA-256 of the file; a folder has none, its files are in the card.
    pub sha256: Option<String>,
    /// The network, where the tensors are one.
    pub config: Option<Config>,
    /// Why they are none.
    pub not_a_network: Option<String>,
    /// Values in one set of weights.
    pub parameters: usize,
    /// What an nnU-Net checkpoint says about its training.
    pub training: Option<NnunetTraining>,
    /// Present for whole models.
    pub model: Option<InspectedModel>,
    /// All tensors by name.
    pub tensors: Vec<InspectedTensor>,
}

/// Reads a file or folder completely and describes it; whatever could not be used is refused.
pub fn inspect(path: &Path) -> Result<Inspection, ModelError> {
    let metadata = path.metadata().map_err(|e| ModelError::io("read", path, e))?;
    if metadata.is_dir() {
        return Ok(of_model(InspectedKind::NnunetFolder, None, &Model::open(path, None)?));
    }
    let kind = FileKind::of(path, path)?;
    let sha256 = Some(sha256_file(path).map_err(|e| ModelError::io("read", path, e))?);
    match kind {
        FileKind::Archive => Ok(of_model(InspectedKind::NnunetArchive, sha256, &Model::open(path, None)?)),
        FileKind::Safetensors if model_file::is_model(path)? => Ok(of_model(InspectedKind::Model, sha256, &model_file::load(path, None)?)),
        FileKind::Safetensors => {
            let weights = Weights::read_safetensors(path)?;
            weights.check_finite().map_err(|e| ModelError::invalid(path, e.to_string()))?;
            let (config, not_a_network) = match infer(&weights) {
                Ok(config) => (Some(config), None),
                Err(reason) => (None, Some(reason.to_string())),
            };
            Ok(Inspection { config, not_a_network, ..of_weights(InspectedKind::Safetensors, sha256, &weights) })
        }
        FileKind::ZipCheckpoint | FileKind::LegacyCheckpoint => {
            let checkpoint = read_checkpoint(path)?;
            let inspection = of_weights(InspectedKind::Checkpoint, sha256, &checkpoint.weights);
            Ok(Inspection { config: Some(checkpoint.config), training: checkpoint.nnunet, ..inspection })
        }
    }
}

fn of_weights(kind: InspectedKind, sha256: Option<String>, weights: &Weights) -> Inspection {
    let tensors = weights.shapes().map(|(name, shape)| InspectedTensor { name: name.to_owned(), shape: shape.to_vec() });
    Inspection {
        kind,
        sha256,
        config: None,
        not_a_network: None,
        parameters: weights.numel(),
        training: None,
        model: None,
        tensors: tensors.collect(),
    }
}

fn of_model(kind: InspectedKind, sha256: Option<String>, model: &Model) -> Inspection {
    Inspection {
        kind,
        sha256,
        config: Some(model.config.clone()),
        not_a_network: None,
        parameters: model.folds.first().map_or(0, |fold| fold.weights.numel()),
        training: None,
        model: Some(InspectedModel {
            name: model.name.clone(),
            folds: model.folds.iter().map(|fold| fold.name.clone()).collect(),
            sha256: model.sha256(),
            weights_sha256: model.weights_sha256(),
            labels: model.labels.clone(),
            plan: model.plan.clone(),
            card: model.card.clone(),
        }),
        tensors: model.tensors().map(|(name, tensor)| InspectedTensor { name, shape: tensor.shape.clone() }).collect(),
    }
}
