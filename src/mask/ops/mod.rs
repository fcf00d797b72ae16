//! Operations on whole structures. They may take seconds: each reports how far it is, can be stopped, and answers with an edit.

mod grow;
mod interpolate;
mod islands;
mod relabel;
mod smooth;

pub use grow::{grow, shrink};
pub use interpolate::{Between, interpolate};
pub use islands::{Islands, islands};
pub use relabel::relabel;
pub use smooth::smooth;
