//! Tests of the window.

mod gallery;
mod paint;
mod tokens;
mod widgets;
