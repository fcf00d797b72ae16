//! A grid of values with its place in the patient.

use ndarray::Array3;

use crate::geometry::Geometry;

/// Voxels of type `T`, axes z, y, x, standard (C) layout, with their geometry.
#[derive(Debug, Clone, PartialEq)]
pub struct Volume<T> {
    /// Size and placement; `geometry.size_zyx` equals the shape of `voxels`.
    pub geometry: Geometry,
    /// Values, axes z, y, x.
    pub voxels: Array3<T>,
}

/// One image channel in modality units (Hounsfield for CT), already rescaled.
pub type Scan = Volume<f32>;

impl<T> Volume<T> {
    /// Joins values and placement.
    ///
    /// # Panics
    /// If the shapes differ: callers decide the size once and build both from it.
    pub fn new(geometry: Geometry, voxels: Array3<T>) -> Self {
        assert_eq!(voxels.dim(), geometry.size_zyx.into(), "voxels and geometry disagree on the size");
        Self { geometry, voxels }
    }
}
