//! A mask at rest: the edit that would paint it on an empty one, as bytes. A few megabytes where the voxels take hundreds.

use volume::{Geometry, LabelVoxels};

use crate::delta::{Delta, DeltaBuilder};
use crate::error::MaskError;
use crate::grid::{LabelGrid, Value as _, with_values};
use crate::runs::for_each_run;

/// A mask that nobody looks at for a while.
#[derive(Debug, Clone)]
pub struct Packed {
    geometry: Geometry,
    wide: bool,
    painted: Vec<u8>,
}

impl Packed {
    /// Packs a mask.
    pub fn new(grid: &LabelGrid) -> Self {
        let mut builder = DeltaBuilder::default();
        with_values!(grid, |values| for_each_run(values, 0, |run, value| builder.push_run(run, 0, value.wide())));
        let mut painted = builder.finish().encode();
        painted.shrink_to_fit();
        Self { geometry: grid.geometry().clone(), wide: matches!(grid.voxels(), LabelVoxels::U16(_)), painted }
    }

    /// The mask again, as wide as it was.
    pub fn unpack(&self) -> Result<LabelGrid, MaskError> {
        let empty = LabelVoxels::zeros(self.geometry.size_zyx, if self.wide { u16::MAX } else { 0 });
        let mut grid = LabelGrid::new(self.geometry.clone(), empty)?;
        Delta::decode(&self.painted, grid.len())?.apply(&mut grid)?;
        Ok(grid)
    }

    /// Bytes it takes.
    pub fn bytes(&self) -> usize {
        self.painted.len()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_mask_comes_back_as_it_was(values in proptest::collection::vec(0_u16..4, 60), wide: bool) {
            let size = [3, 4, 5];
            let voxels = if wide {
                LabelVoxels::U16(Array3::from_shape_vec(size, values.iter().map(|v| v * 300).collect()).unwrap())
            } else {
                LabelVoxels::U8(Array3::from_shape_vec(size, values.iter().map(|v| *v as u8).collect()).unwrap())
            };
            let grid = LabelGrid::new(Geometry::axis_aligned(size, [1.0, 2.0, 3.0]), voxels).unwrap();
            prop_assert_eq!(Packed::new(&grid).unpack().unwrap(), grid);
        }
    }

    #[test]
    fn long_runs_take_few_bytes() {
        let voxels = Array3::from_shape_fn((40, 50, 60), |(z, y, _)| u8::from(z > 10) + u8::from(y > 30));
        let grid = LabelGrid::new(Geometry::axis_aligned([40, 50, 60], [1.0; 3]), LabelVoxels::U8(voxels)).unwrap();
        assert!(Packed::new(&grid).bytes() < 600, "{} bytes", Packed::new(&grid).bytes());
    }
}
