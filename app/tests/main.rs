//! Tests of the window.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test, also in helpers")]

mod edit;
mod folder;
mod gallery;
mod madeup;
mod order;
mod paint;
mod pictures;
mod pictures_case;
mod review;
mod screens;
mod sizes;
mod stories;
mod tokens;
mod viewer;
mod widgets;
mod window;
