//! The desktop window: drop a study, get a mask, review it, correct it, export it.
//!
//! The window draws and edits; a worker process reads files and computes. State is plain data, changed in one place by commands
//! that widgets send; what the worker says and what background threads finish arrive the same way.

mod allocator;
mod app;
mod apply;
mod command;
mod core;
mod frames;
mod link;
pub mod look;
mod panes;
pub mod render;
mod screens;
pub mod state;
mod surfaces;
mod tasks;

pub use allocator::give_back_freed_memory;
pub use app::{VoxelryApp, run};
pub use command::Command;
pub use core::{Core, Places};
