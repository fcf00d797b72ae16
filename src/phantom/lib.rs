//! Synthetic CT studies of an upper abdomen with known truth.
//!
//! A [`Phantom`] is a patient drawn from a seed: trunk, lungs, heart, spine, liver with a lesion, spleen, kidneys, stomach,
//! bowel and vessels, written as signed distances in patient millimetres, bent by a smooth random warp and scanned with
//! partial volume, noise and a slow intensity drift. It carries no patient data, and its mask is exact by construction.
//!
//! The same seed gives the same bits on the same platform; `sin` and `exp` may differ in the last place between platforms.

mod anatomy;
mod label;
mod organs;
mod paint;
mod random;
mod scanner;
mod shapes;
mod spine;
mod trunk;
mod viscera;

#[cfg(test)]
mod tests_anatomy;

pub use label::Structure;
pub use scanner::{Phantom, Shape};
