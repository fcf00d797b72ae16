//! A model: network, weights of every fold, what happens around it, and where it comes from.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::Config;
use crate::error::ModelError;
use crate::file_kind::FileKind;
use crate::hash::hex;
use crate::model_file;
use crate::nnunet::{NnunetOptions, open_nnunet_archive, open_nnunet_folder};
use crate::plan::{InferencePlan, ModelLabels};
use crate::weights::{Tensor, Weights};

/// One trained set of weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Fold {
    /// nnU-Net's folder name: `fold_0`, `fold_all`.
    pub name: String,
    /// Tensors of the network.
    pub weights: Weights,
}

/// Where a model was read from first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// An nnU-Net v2 result folder or archive.
    NnunetV2,
    /// Trained or fine-tuned here.
    Voxelry,
}

/// A file that went into a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// Name below the model folder.
    pub name: String,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
}

/// How a model came to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// Kind of source.
    pub source: SourceKind,
    /// nnU-Net trainer class.
    pub trainer: Option<String>,
    /// nnU-Net configuration, e.g. `3d_fullres`.
    pub configuration: Option<String>,
    /// Files it was made from.
    pub files: Vec<SourceFile>,
    /// Program and version that wrote this card.
    pub created_by: String,
}

/// What a person should know before using a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelCard {
    /// Terms of use, as the source states them.
    pub licence: Option<String>,
    /// Imaging modality or channel names.
    pub modality: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// Origin.
    pub provenance: Provenance,
}

/// Ready for inference.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Name for people, e.g. the nnU-Net dataset name.
    pub name: String,
    /// The network, the same for all folds.
    pub config: Config,
    /// Preprocessing, tiling and export.
    pub plan: InferencePlan,
    /// Output structures.
    pub labels: ModelLabels,
    /// At least one set of weights; logits are averaged over them.
    pub folds: Vec<Fold>,
    /// Licence, modality, origin.
    pub card: ModelCard,
}

/// What decides a mask besides the weights, in this order.
#[derive(Serialize)]
struct Behaviour<'a> {
    config: &'a Config,
    plan: &'a InferencePlan,
    labels: &'a ModelLabels,
}

impl Model {
    /// SHA-256 over everything that decides a mask, hexadecimal: network, plan and labels as JSON, then all weights as in
    /// [`Model::weights_sha256`]. The same whatever file the model was read from; name and card do not count.
    ///
    /// Model files hold this value, so the JSON of networks, plans and labels must not change: a field added later is left
    /// out where it has its default.
    pub fn sha256(&self) -> String {
        let behaviour = Behaviour { config: &self.config, plan: &self.plan, labels: &self.labels };
        let json = serde_json::to_vec(&behaviour).expect("plain data is always JSON");
        self.hash_weights(Sha256::new_with_prefix(json))
    }

    /// SHA-256 over all weights (folds in order, tensors by name, little-endian f32), hexadecimal.
    pub fn weights_sha256(&self) -> String {
        self.hash_weights(Sha256::new())
    }

    fn hash_weights(&self, mut hash: Sha256) -> String {
        for (_, tensor) in self.tensors() {
            for chunk in tensor.data.chunks(1 << 16) {
                hash.update(crate::safetensors_io::encode(chunk));
            }
        }
        hex(&hash.finalize())
    }

    /// Every tensor under its name in the model file, folds in order.
    pub(crate) fn tensors(&self) -> impl Iterator<Item = (String, &Tensor)> {
        self.folds.iter().flat_map(|fold| fold.weights.iter().map(|(name, tensor)| (format!("{}/{name}", fold.name), tensor)))
    }

    /// Opens a Voxelry model file, an nnU-Net v2 model folder, a folder that holds exactly one, or a zip of either.
    ///
    /// `folds` chooses by name (`0`, `fold_0`, `all`); all that are there when absent.
    pub fn open(path: &Path, folds: Option<&[String]>) -> Result<Self, ModelError> {
        let metadata = path.metadata().map_err(|e| ModelError::io("read", path, e))?;
        let options = NnunetOptions { folds: folds.map(<[String]>::to_vec), prefer_best: false };
        if metadata.is_dir() {
            return open_nnunet_folder(path, &options);
        }
        match FileKind::of(path, path)? {
            FileKind::Safetensors => model_file::load(path, folds),
            FileKind::Archive => open_nnunet_archive(path, &options),
            FileKind::ZipCheckpoint | FileKind::LegacyCheckpoint => {
                let reason = "this checkpoint holds weights only; give the nnU-Net model folder it lies in, or import it with --plans FOLDER (plans.json, dataset.json)";
                Err(ModelError::invalid(path, reason))
            }
        }
    }
}

/// Program and version, for cards.
pub(crate) fn created_by() -> String {
    format!("voxelry {}", env!("CARGO_PKG_VERSION"))
}
