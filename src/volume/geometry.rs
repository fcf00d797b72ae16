//! Where voxels lie in the patient: size, spacing, origin and direction, in LPS millimetres.

use glam::{DAffine3, DMat3, DVec3};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a geometry cannot be used.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum GeometryError {
    /// An axis has no voxels.
    #[error("the volume has no voxels (size z,y,x = {0:?})")]
    Empty([usize; 3]),
    /// Spacing must be positive and finite.
    #[error("the voxel spacing is not a positive number (z,y,x = {0:?} mm)")]
    BadSpacing([f64; 3]),
    /// The three axis directions do not span space.
    #[error("the direction matrix is singular, so voxel positions are undefined")]
    SingularDirection,
    /// The origin is NaN or infinite.
    #[error("the origin is not a finite position")]
    BadOrigin,
}

/// Size and placement of a voxel grid.
///
/// Array axes are z, y, x; the columns of `direction` belong to the voxel axes x, y, z in that order, as in ITK.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Geometry {
    /// Number of voxels along z, y, x.
    pub size_zyx: [usize; 3],
    /// Distance between voxel centres along z, y, x, in millimetres.
    pub spacing_zyx_mm: [f64; 3],
    /// Centre of voxel (0, 0, 0), LPS millimetres.
    pub origin_lps_mm: DVec3,
    /// Unit direction of the voxel axes x, y, z (columns) in LPS.
    pub direction: DMat3,
}

impl Geometry {
    /// An axis-aligned grid at the world origin.
    pub fn axis_aligned(size_zyx: [usize; 3], spacing_zyx_mm: [f64; 3]) -> Self {
        Self { size_zyx, spacing_zyx_mm, origin_lps_mm: DVec3::ZERO, direction: DMat3::IDENTITY }
    }

    /// Splits an affine (voxel x,y,z to LPS mm) into spacing, direction and origin.
    pub fn from_affine(size_zyx: [usize; 3], world_from_voxel: DAffine3) -> Result<Self, GeometryError> {
        let columns = [world_from_voxel.matrix3.x_axis, world_from_voxel.matrix3.y_axis, world_from_voxel.matrix3.z_axis];
        let spacing_xyz = columns.map(DVec3::length);
        let spacing_zyx_mm = [spacing_xyz[2], spacing_xyz[1], spacing_xyz[0]];
        if spacing_zyx_mm.iter().any(|s| !s.is_finite() || *s <= 0.0) {
            return Err(GeometryError::BadSpacing(spacing_zyx_mm));
        }
        let direction = DMat3::from_cols(columns[0] / spacing_xyz[0], columns[1] / spacing_xyz[1], columns[2] / spacing_xyz[2]);
        let geometry = Self { size_zyx, spacing_zyx_mm, origin_lps_mm: world_from_voxel.translation, direction };
        geometry.check()?;
        Ok(geometry)
    }

    /// Refuses empty sizes, non-positive spacing, NaN and singular directions.
    pub fn check(&self) -> Result<(), GeometryError> {
        if self.size_zyx.contains(&0) {
            return Err(GeometryError::Empty(self.size_zyx));
        }
        if self.spacing_zyx_mm.iter().any(|s| !s.is_finite() || *s <= 0.0) {
            return Err(GeometryError::BadSpacing(self.spacing_zyx_mm));
        }
        if !self.origin_lps_mm.is_finite() {
            return Err(GeometryError::BadOrigin);
        }
        let determinant = self.direction.determinant();
        if !determinant.is_finite() || determinant.abs() < 1e-6 {
            return Err(GeometryError::SingularDirection);
        }
        Ok(())
    }

    /// Volume of one voxel in cubic millimetres.
    pub fn voxel_volume_mm3(&self) -> f64 {
        self.spacing_zyx_mm.iter().product::<f64>() * self.direction.determinant().abs()
    }

    /// Maps voxel indices (x, y, z) to LPS millimetres.
    pub fn world_from_voxel(&self) -> DAffine3 {
        let [sz, sy, sx] = self.spacing_zyx_mm;
        let matrix3 = self.direction * DMat3::from_diagonal(DVec3::new(sx, sy, sz));
        DAffine3 { matrix3, translation: self.origin_lps_mm }
    }

    /// Position of the voxel at a (possibly fractional) index z, y, x.
    pub fn pos_lps_mm(&self, index_zyx: [f64; 3]) -> DVec3 {
        self.world_from_voxel().transform_point3(DVec3::new(index_zyx[2], index_zyx[1], index_zyx[0]))
    }

    /// The eight corner voxel centres, for comparing placements.
    pub fn corners_lps_mm(&self) -> [DVec3; 8] {
        std::array::from_fn(|corner| {
            let at = |axis: usize| if corner >> axis & 1 == 1 { (self.size_zyx[axis] - 1) as f64 } else { 0.0 };
            self.pos_lps_mm([at(0), at(1), at(2)])
        })
    }

    /// Whether all corners of two grids of the same size agree within `tolerance_mm`.
    pub fn same_place(&self, other: &Self, tolerance_mm: f64) -> bool {
        self.size_zyx == other.size_zyx
            && self.corners_lps_mm().iter().zip(other.corners_lps_mm()).all(|(a, b)| a.distance(b) <= tolerance_mm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn affine_round_trips() {
        let geometry = Geometry {
            size_zyx: [4, 5, 6],
            spacing_zyx_mm: [3.0, 0.5, 0.75],
            origin_lps_mm: DVec3::new(-10.0, 20.0, 30.0),
            direction: DMat3::from_rotation_z(0.3) * DMat3::from_rotation_x(-0.2),
        };
        let back = Geometry::from_affine(geometry.size_zyx, geometry.world_from_voxel()).unwrap();
        assert!(geometry.same_place(&back, 1e-9));
        assert!((geometry.voxel_volume_mm3() - 3.0 * 0.5 * 0.75).abs() < 1e-12);
    }

    #[test]
    fn impossible_grids_are_refused() {
        let mut geometry = Geometry::axis_aligned([1, 1, 1], [1.0, 1.0, f64::NAN]);
        assert!(matches!(geometry.check(), Err(GeometryError::BadSpacing(_))));
        geometry.spacing_zyx_mm = [1.0; 3];
        geometry.direction = DMat3::ZERO;
        assert_eq!(geometry.check(), Err(GeometryError::SingularDirection));
        geometry.size_zyx = [0, 1, 1];
        assert!(matches!(geometry.check(), Err(GeometryError::Empty(_))));
    }
}
