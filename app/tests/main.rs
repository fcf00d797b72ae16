//! Tests of the window.

mod paint;
