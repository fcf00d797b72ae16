//! What a scan and a mask are, with no I/O and no GPU.
//!
//! Voxels are stored z-y-x (x fastest). World coordinates are LPS millimetres, the convention of DICOM and ITK;
//! RAS exists only at the NIfTI edge. Every name that holds a coordinate says its space and axis order.

mod geometry;
mod labels;
mod orientation;
mod region;
mod scan;

pub use geometry::{Geometry, GeometryError};
pub use labels::{Label, LabelMap, LabelTable, LabelVoxels};
pub use orientation::{AxisCode, Orientation, orientation_of, reorient, reorient_geometry};
pub use region::Region;
pub use scan::{Scan, Volume};
