//! What a MedNeXt is: configuration, graph, parameters, weights and the files they come from. No GPU, no training.
//!
//! The network is specified once, in [`graph()`]: plans, CPU twin, trainer, shape checks, names and costs all read it.

mod checkpoint;
mod config;
mod costs;
mod error;
mod file_kind;
mod graph;
mod hash;
mod infer;
mod inspect;
mod model;
mod model_file;
mod names;
mod nnunet;
mod nnunet_plan;
mod pickle_scan;
mod plan;
mod safetensors_io;
mod source;
mod upkern;
mod weights;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests_checkpoint;
#[cfg(test)]
mod tests_golden;
#[cfg(test)]
mod tests_hostile;
#[cfg(test)]
mod tests_model;

pub use checkpoint::{Checkpoint, NnunetTraining, read_checkpoint};
pub use config::{Config, ConfigError, Generation, GrnReduction, Preset};
pub use costs::Macs;
pub use error::ModelError;
pub use graph::{Block, BlockKind, Graph, Node, NodeId, Op, Param, graph};
pub use infer::{InferError, infer};
pub use inspect::{InspectedKind, InspectedModel, InspectedTensor, Inspection, inspect};
pub use model::{Fold, Model, ModelCard, Provenance, SourceFile, SourceKind};
pub use model_file::{load, save};
pub use nnunet::{NnunetOptions, open_checkpoint, open_nnunet_archive, open_nnunet_folder};
pub use plan::{Channel, InferencePlan, IntensityStats, LabelRule, ModelLabels, NamedLabel, Normalization, PlanError, Resampling};
pub use upkern::upkern;
pub use weights::{MAX_WEIGHT_VALUES, Tensor, Weights, WeightsError};
