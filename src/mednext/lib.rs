//! What a MedNeXt is: configuration, graph, parameters, weights and the files they come from. No GPU, no training.
//!
//! The network is specified once, in [`graph()`]: plans, CPU twin, trainer, shape checks, names and costs all read it.

mod config;
mod graph;
mod plan;

pub use config::{Config, ConfigError, Generation, GrnReduction, Preset};
pub use graph::{Block, BlockKind, Graph, Node, NodeId, Op, Param, graph};
pub use plan::{Channel, InferencePlan, IntensityStats, LabelRule, ModelLabels, NamedLabel, Normalization, Resampling};
