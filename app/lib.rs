//! The desktop window.

pub mod look;
