//! The GPU executor: the only code that touches wgpu.

mod adapter;
mod context;
mod half;
mod labels;
mod matrices;
mod planes;
mod readback;
mod runner;
mod submit;
mod window;
mod window_steps;

pub(crate) use adapter::SOFTWARE;
pub use adapter::{AdapterReport, adapters};
pub use context::Gpu;
pub use runner::GpuRunner;
pub use window::GpuWindow;
