//! Tests of the window.

mod gallery;
mod tokens;
mod widgets;
mod paint;
