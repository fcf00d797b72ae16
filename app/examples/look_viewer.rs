//! Scratch.
#![allow(dead_code, missing_docs)]
#[path = "/tmp/w/window.rs"]
mod window;
#[path = "/work/main/app/tests/viewer.rs"]
mod viewer;
fn main() {}
