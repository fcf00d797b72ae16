//! Learning from corrected cases, through burn: on a graphics device, on CUDA, on the processor.
//!
//! What nnU-Net v2 decides while it trains is decided alike here: splits, patches, learning rates, losses.

mod block;
mod depthwise;
mod depthwise_cube;
mod loss;
mod network;
mod optimizer;
mod patch;
mod residual;
mod schedule;
mod split;
mod targets;
#[cfg(test)]
mod testkit;
#[cfg(test)]
mod tests_network;

pub use block::{BlockBackend, Params, Shape, block};
pub use depthwise::{DepthwiseBackend, Window};
pub use loss::{Criterion, DeepSupervision, Loss, Target};
pub use network::{Network, Values};
pub use optimizer::{Optimizer, Rule, clip};
pub use patch::loader_patch;
pub use residual::{pointwise, residual_block};
pub use schedule::Schedule;
pub use split::{Split, TooFew, random_split, splits};
pub use targets::nearest_exact;
