//! Volumes longer than a 3D texture may be: bricks of voxels, laid side by side in one texture.
//!
//! Devices allow 2048 texels per side at least; whole-body scans have more slices and radiographs more columns. One texture with
//! its bricks rearranged needs one binding and an index computation, where several textures would need a branch at every read.

use volume::Region;

/// How a volume lies in its texture. `slice.wgsl` has the same arithmetic in `texel`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bricks {
    /// Voxels of a brick along z, y, x.
    pub(crate) brick_zyx: [usize; 3],
    /// Bricks of the volume.
    pub(crate) count_zyx: [usize; 3],
    /// Bricks of the texture.
    pub(crate) slots_zyx: [usize; 3],
}

impl Bricks {
    /// The least rearranged way a volume fits; `None` if it is larger than a cube of `limit` texels.
    pub(crate) fn new(size_zyx: [usize; 3], limit: usize) -> Option<Self> {
        let count_zyx = size_zyx.map(|n| n.div_ceil(limit));
        let brick_zyx: [usize; 3] = std::array::from_fn(|a| size_zyx[a].div_ceil(count_zyx[a]));
        let bricks: usize = count_zyx.iter().product();
        let room = brick_zyx.map(|n| limit / n);
        let x = bricks.min(room[2]);
        let y = bricks.div_ceil(x).min(room[1]);
        let z = bricks.div_ceil(x * y);
        let slots_zyx = [z, y, x];
        (z <= room[0]).then_some(Self { brick_zyx, count_zyx, slots_zyx })
    }

    /// Whether texel and voxel differ at all.
    pub(crate) fn is_rearranged(&self) -> bool {
        self.count_zyx != [1; 3]
    }

    /// Size of the texture.
    pub(crate) fn texture_zyx(&self) -> [usize; 3] {
        std::array::from_fn(|a| self.slots_zyx[a] * self.brick_zyx[a])
    }

    /// Cuts a box of voxels along bricks: each piece with the texel z, y, x of its first voxel.
    pub(crate) fn pieces(&self, region: &Region) -> Vec<(Region, [usize; 3])> {
        let [first, end]: [[usize; 3]; 2] = [
            std::array::from_fn(|a| region.start_zyx[a] / self.brick_zyx[a]),
            std::array::from_fn(|a| region.end_zyx[a].div_ceil(self.brick_zyx[a])),
        ];
        let mut pieces = Vec::new();
        for z in first[0]..end[0] {
            for y in first[1]..end[1] {
                for x in first[2]..end[2] {
                    let start_zyx: [usize; 3] = std::array::from_fn(|a| [z, y, x][a] * self.brick_zyx[a]);
                    let brick = Region { start_zyx, end_zyx: std::array::from_fn(|a| start_zyx[a] + self.brick_zyx[a]) };
                    let piece = region.intersect(&brick);
                    if piece.is_empty() {
                        continue;
                    }
                    let number = x + self.count_zyx[2] * (y + self.count_zyx[1] * z);
                    let row = number / self.slots_zyx[2];
                    let slot_zyx = [row / self.slots_zyx[1], row % self.slots_zyx[1], number % self.slots_zyx[2]];
                    pieces.push((piece, std::array::from_fn(|a| slot_zyx[a] * self.brick_zyx[a] + piece.start_zyx[a] - start_zyx[a])));
                }
            }
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_volumes_stay_as_they_are() {
        let bricks = Bricks::new([400, 512, 512], 2048).unwrap();
        assert!(!bricks.is_rearranged());
        assert_eq!(bricks.texture_zyx(), [400, 512, 512]);
    }

    /// Every voxel has a texel of its own inside the texture, whichever box it is written with.
    #[test]
    fn every_voxel_has_one_texel() {
        for (size, limit) in [([7, 2, 2], 4), ([2, 9, 2], 4), ([1, 1, 17], 5), ([4, 4, 4], 4), ([11, 3, 2], 6)] {
            let bricks = Bricks::new(size, limit).unwrap();
            let texture = bricks.texture_zyx();
            assert!(texture.iter().all(|n| *n <= limit), "{texture:?}");
            let mut seen = std::collections::BTreeSet::new();
            for (piece, texel) in bricks.pieces(&Region::whole(size)) {
                let [d, h, w] = piece.size_zyx();
                for at in (0..d).flat_map(|z| (0..h).flat_map(move |y| (0..w).map(move |x| [z, y, x]))) {
                    let place: [usize; 3] = std::array::from_fn(|a| texel[a] + at[a]);
                    assert!((0..3).all(|a| place[a] < texture[a]) && seen.insert(place));
                    // A box of one voxel goes to the same texel.
                    let start_zyx: [usize; 3] = std::array::from_fn(|a| piece.start_zyx[a] + at[a]);
                    let one = Region { start_zyx, end_zyx: start_zyx.map(|i| i + 1) };
                    assert_eq!(bricks.pieces(&one), [(one, place)]);
                }
            }
            assert_eq!(seen.len(), size.iter().product::<usize>());
        }
        assert_eq!(Bricks::new([9, 9, 9], 8), None, "eight bricks of 5 do not fit a cube of 8");
    }
}
