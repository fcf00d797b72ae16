//! Islands: what to do with the separate pieces of a structure.

use crate::components::{Touch, pieces};
use crate::delta::{Delta, DeltaBuilder};
use crate::error::{MaskError, positive};
use crate::grid::LabelGrid;
use crate::watch::Watch;

/// What becomes of the pieces.
#[derive(Debug, Clone, PartialEq)]
pub enum Islands {
    /// Only the largest stays.
    KeepLargest,
    /// Pieces below this many cubic millimetres go.
    RemoveSmaller {
        /// The smallest size that stays.
        mm3: f64,
    },
    /// Only the piece at a voxel stays.
    KeepAt {
        /// A voxel of the piece, z, y, x.
        index_zyx: [usize; 3],
    },
    /// The largest keeps the label, the next largest get new ones in this order; pieces beyond the list keep the label.
    Split {
        /// Labels for the second, third, ... largest piece.
        new_values: Vec<u16>,
    },
}

/// Sorts the pieces of one label; pieces that go become background.
pub fn islands(grid: &LabelGrid, value: u16, touch: Touch, what: &Islands, watch: Watch<'_>) -> Result<Delta, MaskError> {
    watch.at(0.0)?;
    let pieces = pieces(grid, value, touch);
    watch.at(0.8)?;
    let order = pieces.by_size();
    let mut becomes = vec![value; pieces.pieces.len()];
    match what {
        Islands::KeepLargest => order.iter().skip(1).for_each(|piece| becomes[*piece as usize] = 0),
        Islands::RemoveSmaller { mm3 } => {
            let limit = positive("the smallest size", *mm3)? / grid.geometry().voxel_volume_mm3();
            for (piece, becomes) in pieces.pieces.iter().zip(&mut becomes) {
                if (piece.voxels as f64) < limit * (1.0 - 1e-9) {
                    *becomes = 0;
                }
            }
        }
        Islands::KeepAt { index_zyx } => {
            let kept = pieces.piece_at(grid.index_of(*index_zyx)?).ok_or(MaskError::Nothing("the structure is not at this voxel"))?;
            becomes.fill(0);
            becomes[kept as usize] = value;
        }
        Islands::Split { new_values } => {
            new_values.iter().try_for_each(|new| grid.fits(*new))?;
            order.iter().skip(1).zip(new_values).for_each(|(piece, new)| becomes[*piece as usize] = *new);
        }
    }
    let mut builder = DeltaBuilder::default();
    for run in &pieces.runs {
        builder.push_run(run.start..run.start + run.len as usize, value, becomes[run.piece as usize]);
    }
    Ok(builder.finish())
}
