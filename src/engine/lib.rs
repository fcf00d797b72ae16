//! Runs a network graph: on the GPU through hand-written WGSL, or on the CPU through the twin of every kernel.
//!
//! A [`Graph`](mednext::Graph) becomes a plan (plain data), and the same plan runs on both executors behind [`Runner`].

mod cpu;
mod device;
mod gpu;
pub mod kernels;
mod memory;
mod params;
mod plan;
mod profile;
mod runner;
mod selftest;
#[cfg(test)]
mod tests_golden;
#[cfg(test)]
mod tests_kernels;
#[cfg(test)]
mod tests_shaders;

pub use cpu::CpuRunner;
pub use device::{Device, DeviceChoice, Opened};
pub use gpu::{AdapterReport, Gpu, GpuRunner, adapters};
pub use memory::available_memory_bytes;
pub use plan::{Heads, Limits, Plan, lower};
pub use profile::{KernelTime, Profile, profile};
pub use runner::{Cancelled, EngineError, Runner, TileOutput};
pub use selftest::{noise, noise_weights};
