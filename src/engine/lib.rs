//! Runs a network graph: on the GPU through hand-written WGSL, or on the CPU through the twin of every kernel.
//!
//! A [`Graph`](mednext::Graph) becomes a plan (plain data), and the same plan runs on both executors behind [`Runner`].

mod cpu;
mod device;
mod fit;
mod gpu;
pub mod kernels;
mod labelling;
pub mod matrix;
mod memory;
mod params;
mod peak;
mod plan;
mod profile;
mod runner;
mod selftest;
mod selftest_window;
#[cfg(test)]
mod tests_golden;
#[cfg(test)]
mod tests_kernels;
#[cfg(test)]
mod tests_labels;
#[cfg(test)]
mod tests_limits;
#[cfg(test)]
mod tests_matrix;
#[cfg(test)]
mod tests_shaders;
#[cfg(test)]
mod tests_window;
mod tune;

pub use cpu::{CpuRunner, output_plane, plane_mean, tile_accumulate, tile_extract};
pub use device::{Device, DeviceChoice, Opened};
pub use fit::{Allowance, Memory, PrecisionChoice, Prepared};
pub use gpu::{AdapterReport, Gpu, GpuRunner, GpuWindow, adapters};
pub use labelling::{Finished, Labelling, LinearHead, Pick, Tap};
pub use memory::{available_memory_bytes, total_memory_bytes};
pub use peak::{Peak, peak};
pub use plan::{Heads, Limits, Plan, Precision, lower, plan_bytes};
pub use profile::{KernelTime, Profile, profile};
pub use runner::{Cancelled, EngineError, OutputPlanes, Runner, TileOutput, TileRun, WindowShape};
pub use selftest::{noise, noise_weights};
pub use tune::Tuning;
