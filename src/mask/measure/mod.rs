//! Measures: every structure of a mask in one pass, how two masks of one structure agree, and whether left and right are swapped.

mod compare;
mod diameter;
mod sides;
mod structure;
mod surfels;

pub use compare::{Agreement, agreement};
pub use sides::{SwappedSides, swapped_sides};
pub use structure::{Measure, measure, measure_one};
