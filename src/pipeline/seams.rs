//! The faces of finished bricks: resampling reads one voxel beyond a brick's lower ends.

use std::collections::HashMap;

use ndarray::{Array3, Array4, ArrayView3, ArrayViewMut3, Axis, CowArray, Ix3, Slice};
use volume::Region;

use crate::bricks::Brick;

/// For each array axis (z, y, x), the axis of [`Brick::values`].
const VALUE_AXIS: [Axis; 3] = [Axis(0), Axis(2), Axis(3)];

/// The last voxels of finished bricks along each axis, as long as a later brick may read them.
pub(crate) struct Seams {
    /// Network axes from the slowest to the fastest loop over bricks.
    order: [usize; 3],
    size: [usize; 3],
    /// By the axis it is the end of, and by brick: (planes, channels, rows, columns), one voxel thick.
    faces: HashMap<(usize, [usize; 3]), Array4<f32>>,
}

impl Seams {
    pub(crate) fn new(order: [usize; 3], size: [usize; 3]) -> Self {
        Self { order, size, faces: HashMap::new() }
    }

    /// Keeps a brick's faces, and drops those that only it and bricks before it read; returns memory that is free now.
    pub(crate) fn keep(&mut self, brick: Brick) -> Option<Vec<f32>> {
        let Brick { index, region, values, .. } = brick;
        let mut free = None;
        for at in (0..3).rev() {
            free = self.drop_read(index, &region, at);
        }
        let keeps = |axis: usize| region.end_zyx[axis] < self.size[axis];
        for axis in [1, 2].into_iter().filter(|axis| keeps(*axis)) {
            let face = values.slice_axis(VALUE_AXIS[axis], Slice::from(-1..)).to_owned();
            self.faces.insert((axis, index), face);
        }
        if keeps(0) {
            // A brick of one plane is its own face.
            let face = if values.dim().0 == 1 { values } else { values.slice_axis(Axis(0), Slice::from(-1..)).to_owned() };
            self.faces.insert((0, index), face);
        }
        free.map(|face| face.into_raw_vec_and_offset().0)
    }

    /// Drops the faces towards the axis of rank `at` whose last reader the brick is.
    ///
    /// A face is read by the next brick along its axis, and by that one's next along all faster axes.
    fn drop_read(&mut self, brick: [usize; 3], region: &Region, at: usize) -> Option<Array4<f32>> {
        let before = |mut index: [usize; 3], axis: usize| {
            index[axis] = index[axis].checked_sub(1)?;
            Some(index)
        };
        let mut read: Vec<[usize; 3]> = before(brick, self.order[at]).into_iter().collect();
        for axis in &self.order[at + 1..] {
            let is_last = region.end_zyx[*axis] == self.size[*axis];
            read = read.into_iter().flat_map(|index| is_last.then_some(index).into_iter().chain(before(index, *axis))).collect();
        }
        read.into_iter().filter_map(|index| self.faces.remove(&(self.order[at], index))).last()
    }

    /// One plane of a brick (channels, rows, columns), with the row and the column before its first where the image has them.
    ///
    /// `z` counts from the first plane of the brick; -1 is the plane before.
    pub(crate) fn plane<'b>(&'b self, brick: &'b Brick, z: isize) -> CowArray<'b, f32, Ix3> {
        let [before_y, before_x] = [1, 2].map(|a| usize::from(brick.region.start_zyx[a] > 0));
        if before_y + before_x == 0 {
            return self.source(brick, z, [false; 2]).into();
        }
        let (_, channels, rows, columns) = brick.values.dim();
        let mut plane = Array3::zeros((channels, rows + before_y, columns + before_x));
        for outside_y in 0..=before_y {
            for outside_x in 0..=before_x {
                let outside = [outside_y > 0, outside_x > 0];
                part(plane.view_mut(), [before_y, before_x], outside).assign(&self.source(brick, z, outside));
            }
        }
        plane.into()
    }

    /// The part of a plane that lies in the brick, or before it along rows or columns.
    fn source<'b>(&'b self, brick: &'b Brick, z: isize, outside: [bool; 2]) -> ArrayView3<'b, f32> {
        let outside = [z < 0, outside[0], outside[1]];
        let Some(axis) = self.order.into_iter().find(|a| outside[*a]) else {
            return brick.values.index_axis(Axis(0), z as usize);
        };
        // Of the faces of that neighbour, the one towards the slowest axis lives longest.
        let neighbour = std::array::from_fn(|a| brick.index[a] - usize::from(outside[a]));
        let mut face = self.faces[&(axis, neighbour)].view();
        for a in (0..3).filter(|a| outside[*a]) {
            face.slice_axis_inplace(VALUE_AXIS[a], Slice::from(-1..));
        }
        face.index_axis_move(Axis(0), z.max(0) as usize)
    }
}

/// The part of a padded plane that is the brick's own, or the padding, along rows and columns.
fn part(mut plane: ArrayViewMut3<'_, f32>, before: [usize; 2], outside: [bool; 2]) -> ArrayViewMut3<'_, f32> {
    for a in 0..2 {
        let slice = if outside[a] { Slice::from(..1) } else { Slice::from(before[a]..) };
        plane.slice_axis_inplace(Axis(a + 1), slice);
    }
    plane
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Layout;
    use crate::tiles::TileGrid;

    #[test]
    fn planes_are_padded_from_the_bricks_before_and_nothing_stays() {
        let size = [20, 25, 31];
        let value = |c: usize, z: usize, y: usize, x: usize| (c * 100_000 + z * 10_000 + y * 100 + x) as f32;
        for order in [[0, 1, 2], [1, 2, 0], [2, 0, 1]] {
            let layout = Layout::with_order(&TileGrid::new(size, [8, 10, 9], 0.5).unwrap(), order);
            let mut seams = Seams::new(order, size);
            for index in layout.tiles().flat_map(|tile| layout.finished(tile)) {
                let region = layout.region(index);
                let [from_z, from_y, from_x] = region.start_zyx;
                let [planes, rows, columns] = region.size_zyx();
                let values = Array4::from_shape_fn((planes, 2, rows, columns), |(z, c, y, x)| value(c, from_z + z, from_y + y, from_x + x));
                let brick = Brick { index, number: 0, region, values };
                for z in from_z.saturating_sub(1)..region.end_zyx[0] {
                    let plane = seams.plane(&brick, z as isize - from_z as isize);
                    let (first_y, first_x) = (from_y.saturating_sub(1), from_x.saturating_sub(1));
                    assert_eq!(plane.dim(), (2, region.end_zyx[1] - first_y, region.end_zyx[2] - first_x));
                    assert!(plane.indexed_iter().all(|((c, y, x), v)| *v == value(c, z, first_y + y, first_x + x)), "{order:?} {index:?}");
                }
                seams.keep(brick);
            }
            assert!(seams.faces.is_empty(), "{order:?}: {} faces stay", seams.faces.len());
        }
    }
}
