//! Tests of the window.

mod edit;
mod folder;
mod gallery;
mod paint;
mod review;
mod screens;
mod stories;
mod tokens;
mod viewer;
mod widgets;
mod window;
