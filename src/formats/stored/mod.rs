//! Voxels as files store them: type and byte order, compression, scaling, and turning them into scans and masks.

mod datatype;
mod decode;
mod stream;
mod voxels;

pub(crate) use datatype::Datatype;
pub(crate) use decode::Encoding;
pub(crate) use stream::{Stream, read_up_to};
pub(crate) use voxels::{cut_off, label_voxels, numbered, scan_voxels, too_large, unreadable};
