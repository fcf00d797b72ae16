//! One voxel while tissues are laid over each other, deepest last.

use glam::DVec3;

use crate::label::Structure;

/// Hounsfield value and structure of the point being painted.
///
/// Coverage falls linearly from 1 to 0 across `edge_mm` around a surface: the share of a voxel of that width inside it,
/// which is what partial volume is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint {
    pub(crate) hu: f64,
    pub(crate) structure: Option<Structure>,
    edge_mm: f64,
}

impl Paint {
    pub(crate) fn new(hu: f64, edge_mm: f64) -> Self {
        Self { hu, structure: None, edge_mm }
    }

    /// Lays a tissue over what is there; its inside becomes `structure` (or no structure).
    pub(crate) fn lay(&mut self, distance_mm: f64, hu: f64, structure: Option<Structure>) {
        self.tint(distance_mm, hu);
        if distance_mm < 0.0 {
            self.structure = structure;
        }
    }

    /// Changes the value only: vessels, walls and contents of what is already there.
    pub(crate) fn tint(&mut self, distance_mm: f64, hu: f64) {
        let coverage = (0.5 - distance_mm / self.edge_mm).clamp(0.0, 1.0);
        self.hu += (hu - self.hu) * coverage;
    }
}

/// A point in the body and what every part needs to know about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// Position in the body's own frame, LPS millimetres, after the warp.
    pub(crate) p: DVec3,
    /// Millimetres below the skin.
    pub(crate) depth: f64,
    /// Distance to the wall of the trunk's cavity, negative inside.
    pub(crate) cavity: f64,
    /// Distance above the diaphragm, negative below.
    pub(crate) above_diaphragm: f64,
    /// Coarse texture (about 22 mm), -1 to 1.
    pub(crate) coarse: f64,
    /// Fine texture (about 9 mm), -1 to 1.
    pub(crate) fine: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_surface_through_the_voxel_mixes_both_tissues() {
        let mut paint = Paint::new(-100.0, 4.0);
        paint.lay(0.0, 100.0, Some(Structure::Liver));
        assert_eq!((paint.hu, paint.structure), (0.0, None));
        paint.lay(-3.0, 60.0, Some(Structure::Lesion));
        assert_eq!((paint.hu, paint.structure), (60.0, Some(Structure::Lesion)));
    }
}
