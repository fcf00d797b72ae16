//! Tests of the window.

mod gallery;
mod paint;
mod stories;
mod tokens;
mod widgets;
mod window;
