//! The desktop window.

pub mod render;
