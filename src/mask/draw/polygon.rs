//! Polygon and lasso: the voxels of a plane whose centres lie inside a closed line, by the even-odd rule.

use super::{Ink, Plane};
use crate::delta::Delta;
use crate::error::MaskError;
use crate::grid::{LabelGrid, linear};
use crate::runs::Runs;

/// Draws inside a polygon on a plane; the last corner is joined to the first, and the corners' index across the plane is ignored.
///
/// Centres exactly on a line belong to the side of smaller coordinates' neighbour only once, so polygons that share an edge
/// neither overlap nor leave a gap.
pub fn polygon(grid: &LabelGrid, plane: Plane, corners_zyx: &[[f64; 3]], ink: &Ink<'_>) -> Result<Delta, MaskError> {
    let size = grid.size_zyx();
    grid.fits(ink.value)?;
    plane.check(size)?;
    if let Some(bad) = corners_zyx.iter().flatten().find(|at| !at.is_finite()) {
        return Err(MaskError::BadNumber { what: "the corner", value: *bad });
    }
    // Rows of the plane run along its faster axis.
    let [row_axis, column_axis] = match plane.axis {
        0 => [1, 2],
        1 => [0, 2],
        _ => [0, 1],
    };
    let corners: Vec<[f64; 2]> = corners_zyx.iter().map(|corner| [corner[row_axis], corner[column_axis]]).collect();
    let (low, high) = corners.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), c| (low.min(c[0]), high.max(c[0])));
    let mut runs = Runs::default();
    if corners.len() < 3 || high < 0.0 {
        return Ok(Delta::default());
    }
    let rows = low.max(0.0).ceil() as usize..(high.floor() + 1.0).min(size[row_axis] as f64) as usize;
    for row in rows {
        let crossings = crossings(&corners, row as f64);
        for pair in crossings.chunks_exact(2) {
            // Half-open: a centre on the left line is in, on the right line out.
            let (first, end) = (pair[0].max(0.0).ceil() as usize, pair[1].max(0.0).ceil() as usize);
            for column in first..end.min(size[column_axis]) {
                let mut at = [plane.index; 3];
                (at[row_axis], at[column_axis]) = (row, column);
                let index = linear(size, at);
                runs.push(index..index + 1);
            }
        }
    }
    Ok(ink.draw_all(grid, runs.iter()))
}

/// Where the polygon crosses a row, rising. A corner on the row counts for the edge that goes on to larger rows.
fn crossings(corners: &[[f64; 2]], row: f64) -> Vec<f64> {
    let next = corners.iter().cycle().skip(1);
    let mut found: Vec<f64> = corners
        .iter()
        .zip(next)
        .filter(|(a, b)| (a[0] <= row) != (b[0] <= row))
        .map(|(a, b)| {
            // The same corner order for both directions, so that shared edges cross at the same place to the last bit.
            let (a, b) = if a[0] <= b[0] { (a, b) } else { (b, a) };
            a[1] + (row - a[0]) / (b[0] - a[0]) * (b[1] - a[1])
        })
        .collect();
    found.sort_by(f64::total_cmp);
    found
}
