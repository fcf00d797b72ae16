//! The GPU executor: the only code that touches wgpu.

mod adapter;
mod context;
mod half;
mod runner;

pub(crate) use adapter::SOFTWARE;
pub use adapter::{AdapterReport, adapters};
pub use context::Gpu;
pub use runner::GpuRunner;
