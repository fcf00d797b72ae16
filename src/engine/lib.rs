//! Runs a network graph: on the GPU through hand-written WGSL, or on the CPU through the twin of every kernel.
//!
//! A [`Graph`](mednext::Graph) becomes a plan (plain data), and the same plan runs on both executors behind [`Runner`].

mod runner;

pub use runner::{Cancelled, EngineError, Runner, TileOutput};
