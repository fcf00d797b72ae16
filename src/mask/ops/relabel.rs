//! Giving structures another label: renumbering one, merging several.

use rayon::prelude::*;

use crate::delta::{Delta, DeltaBuilder};
use crate::draw::Guard;
use crate::error::MaskError;
use crate::grid::{LabelGrid, Value, with_values};
use crate::runs::for_each_run;
use crate::watch::{Steps, Watch};

/// Gives every voxel of the labels `from` that the guard lets go the label `to`.
pub fn relabel(grid: &LabelGrid, from: &[u16], to: u16, guard: &Guard, watch: Watch<'_>) -> Result<Delta, MaskError> {
    grid.fits(to)?;
    let [nz, ny, nx] = grid.size_zyx();
    let moves = Guard::from_fn(|v| v != to && from.contains(&v)).and(guard);
    let steps = Steps::new(watch, nz);
    let planes: Result<Vec<DeltaBuilder>, MaskError> = with_values!(grid, |values| {
        let plane = |(z, plane): (usize, &[_])| {
            let mut builder = DeltaBuilder::default();
            for_each_run(plane, z * ny * nx, |run, value| {
                let old = Value::wide(value);
                if moves.allows(old) {
                    builder.push_run(run, old, to);
                }
            });
            steps.step()?;
            Ok(builder)
        };
        values.par_chunks_exact(ny * nx).enumerate().map(plane).collect()
    });
    let mut all = DeltaBuilder::default();
    planes?.into_iter().for_each(|plane| all.append(plane));
    Ok(all.finish())
}
