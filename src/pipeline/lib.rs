//! Scan in, labels out, voxel for voxel as nnU-Net v2 does it: transpose, crop, normalise, resample, sliding window with
//! Gaussian weights and mirroring, ensemble, export to the scan's grid.
//!
//! Memory stays bounded whatever the class count: class channels exist only where tiles have been and will be again, at the
//! model's spacing; every finished plane or brick is resampled, labelled and dropped.

mod accumulate;
mod bricks;
mod crop;
mod error;
mod export;
mod grid;
mod head;
mod layout;
mod metrics;
mod normalize;
mod parts;
mod predict;
mod preprocess;
mod resample;
mod resample_labels;
mod seams;
mod segment;
mod spline;
mod strips;
#[cfg(test)]
mod testkit;
#[cfg(test)]
mod tests_golden;
#[cfg(test)]
mod tests_labels;
#[cfg(test)]
mod tests_resume;
#[cfg(test)]
mod tests_segment;
#[cfg(test)]
mod tests_window;
mod tiles;
mod window;

pub use crop::{nonzero_box, nonzero_mask};
pub use error::PipelineError;
pub use export::{ProbabilitySink, ProbabilitySlab};
pub use grid::AxisOrder;
pub use metrics::{LabelOverlap, MetricsError, label_overlaps, label_volumes_ml};
pub use normalize::normalize;
pub use parts::{FinishedPart, HandedOn, PartSink, TilePlace, TileSink};
pub use predict::{FoldRunner, Head, preferred_output};
pub use preprocess::{Frame, Preprocessed, preprocess};
pub use resample::{resample_image, resampled_size, thick_axis};
pub use resample_labels::resample_labels;
pub use segment::{Hooks, PreparedCase, Progress, SegmentOptions, Segmentation, prepare, segment_prepared};
pub use spline::MAX_ORDER;
pub use tiles::{MIN_STEP, TileGrid, gaussian, mirrorings};
pub use window::{DeviceFailure, Recover};
