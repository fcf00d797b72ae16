//! Half-open boxes of voxel indices.

use serde::{Deserialize, Serialize};

/// Voxels with `start <= index < end` on each axis (z, y, x).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Region {
    /// First index along z, y, x.
    pub start_zyx: [usize; 3],
    /// One past the last index along z, y, x.
    pub end_zyx: [usize; 3],
}

impl Region {
    /// The whole of a grid.
    pub fn whole(size_zyx: [usize; 3]) -> Self {
        Self { start_zyx: [0; 3], end_zyx: size_zyx }
    }

    /// Extent along z, y, x; 0 where the box is empty.
    pub fn size_zyx(&self) -> [usize; 3] {
        std::array::from_fn(|axis| self.end_zyx[axis].saturating_sub(self.start_zyx[axis]))
    }

    /// Whether no voxel lies inside.
    pub fn is_empty(&self) -> bool {
        self.size_zyx().contains(&0)
    }

    /// The common part; empty boxes come back with `end == start`.
    pub fn intersect(&self, other: &Self) -> Self {
        let start_zyx: [usize; 3] = std::array::from_fn(|a| self.start_zyx[a].max(other.start_zyx[a]));
        let end_zyx = std::array::from_fn(|a| self.end_zyx[a].min(other.end_zyx[a]).max(start_zyx[a]));
        Self { start_zyx, end_zyx }
    }

    /// Whether the index lies inside.
    pub fn contains(&self, index_zyx: [usize; 3]) -> bool {
        (0..3).all(|a| (self.start_zyx[a]..self.end_zyx[a]).contains(&index_zyx[a]))
    }

    /// The index range along one axis.
    pub fn range(&self, axis: usize) -> std::ops::Range<usize> {
        self.start_zyx[axis]..self.end_zyx[axis]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intersection_of_disjoint_boxes_is_empty() {
        let a = Region { start_zyx: [0, 0, 0], end_zyx: [2, 2, 2] };
        let b = Region { start_zyx: [1, 3, 0], end_zyx: [5, 5, 1] };
        assert!(a.intersect(&b).is_empty());
        assert_eq!(a.intersect(&Region::whole([9, 9, 9])), a);
        assert!(a.contains([1, 1, 1]) && !a.contains([2, 0, 0]));
    }
}
