//! Where the sliding window's sum is cut into bricks, and in which order tiles fill them.
//!
//! Every axis is cut where tiles begin and end, so a brick is touched by whole tiles only: it is opened by the first that
//! covers it, final after the last, and the sums in memory are little more than what consecutive tiles share. Which axis
//! runs outermost decides how much that is: the order of the smallest peak is taken.

use std::collections::HashSet;
use std::ops::Range;

use volume::Region;

use crate::tiles::TileGrid;

/// Cuts closer than this part of the patch are left out: thin bricks cost more time than they save memory.
const THINNEST: usize = 16;

/// An interval of one axis, and the tiles that cover it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    voxels: Range<usize>,
    first_tile: usize,
    last_tile: usize,
}

/// Bricks and the order of tiles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Network axes from the slowest to the fastest loop over tiles.
    pub(crate) order: [usize; 3],
    pieces: [Vec<Piece>; 3],
    tiles: [usize; 3],
}

impl Layout {
    /// The order that keeps the fewest voxels open; the natural one where that does not matter.
    pub(crate) fn new(grid: &TileGrid) -> Self {
        let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        orders.into_iter().map(|order| Self::with_order(grid, order)).min_by_key(Self::peak_voxels).expect("there are orders")
    }

    pub(crate) fn with_order(grid: &TileGrid, order: [usize; 3]) -> Self {
        let pieces = std::array::from_fn(|a| pieces(grid.size[a], grid.patch[a], &grid.starts[a]));
        Self { order, pieces, tiles: std::array::from_fn(|a| grid.starts[a].len()) }
    }

    /// Indices of all tiles, in the order they run.
    pub(crate) fn tiles(&self) -> impl Iterator<Item = [usize; 3]> {
        self.in_order(self.tiles.map(|count| 0..count))
    }

    /// Indices of the bricks a tile adds to.
    pub(crate) fn touched(&self, tile: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
        self.in_order(self.ranges(|piece, a| piece.last_tile < tile[a], |piece, a| piece.first_tile <= tile[a]))
    }

    /// Indices of the bricks that are final after a tile. Each comes after all bricks before it along any axis.
    pub(crate) fn finished(&self, tile: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
        self.in_order(self.ranges(|piece, a| piece.last_tile < tile[a], |piece, a| piece.last_tile <= tile[a]))
    }

    /// The bricks to be made where the first `handed_on` that become final were handed on before: the others, and those whose faces
    /// they read.
    pub(crate) fn needed(&self, handed_on: usize) -> HashSet<[usize; 3]> {
        let finished = self.tiles().flat_map(|tile| self.finished(tile)).skip(handed_on);
        let read = |brick: [usize; 3]| {
            let corners = (0..8).map(|corner| [corner >> 2 & 1, corner >> 1 & 1, corner & 1]);
            corners.map(move |back| std::array::from_fn(|a| brick[a].saturating_sub(back[a])))
        };
        finished.flat_map(read).collect()
    }

    /// Indices of the tiles that cover a brick, in the order they run.
    pub(crate) fn covering(&self, brick: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
        self.in_order(std::array::from_fn(|a| {
            let piece = &self.pieces[a][brick[a]];
            piece.first_tile..piece.last_tile + 1
        }))
    }

    /// The voxels of a brick.
    pub(crate) fn region(&self, brick: [usize; 3]) -> Region {
        let voxels = |a: usize| &self.pieces[a][brick[a]].voxels;
        Region { start_zyx: std::array::from_fn(|a| voxels(a).start), end_zyx: std::array::from_fn(|a| voxels(a).end) }
    }

    /// Most voxels in open bricks at any time.
    pub(crate) fn peak_voxels(&self) -> usize {
        let rank = |tile: [usize; 3]| self.order.iter().fold(0, |rank, a| rank * self.tiles[*a] + tile[*a]);
        let mut events: Vec<(usize, bool, isize)> = Vec::new();
        for brick in self.in_order(self.ranges(|_, _| false, |_, _| true)) {
            let volume = self.region(brick).size_zyx().iter().product::<usize>() as isize;
            events.push((rank(std::array::from_fn(|a| self.pieces[a][brick[a]].first_tile)), false, volume));
            events.push((rank(std::array::from_fn(|a| self.pieces[a][brick[a]].last_tile)), true, -volume));
        }
        // A tile opens bricks before it closes others.
        events.sort_unstable();
        let mut open = 0;
        events
            .iter()
            .map(|(_, _, change)| {
                open += change;
                open
            })
            .max()
            .unwrap_or(0) as usize
    }

    /// Brick indices along each axis from the first not `before` to the last that is `within`.
    fn ranges(&self, before: impl Fn(&Piece, usize) -> bool, within: impl Fn(&Piece, usize) -> bool) -> [Range<usize>; 3] {
        std::array::from_fn(|a| {
            let count = |test: &dyn Fn(&Piece, usize) -> bool| self.pieces[a].partition_point(|piece| test(piece, a));
            count(&before)..count(&within)
        })
    }

    fn in_order(&self, ranges: [Range<usize>; 3]) -> impl Iterator<Item = [usize; 3]> + use<> {
        let order = self.order;
        let [slow, middle, fast] = order.map(|a| ranges[a].clone());
        slow.flat_map(move |i| {
            let fast = fast.clone();
            middle.clone().flat_map(move |j| fast.clone().map(move |k| [i, j, k]))
        })
        .map(move |at| {
            let mut index = [0; 3];
            order.iter().zip(at).for_each(|(a, i)| index[*a] = i);
            index
        })
    }
}

fn pieces(size: usize, patch: usize, starts: &[isize]) -> Vec<Piece> {
    let thinnest = (patch / THINNEST).max(1);
    let ends = starts.iter().map(|start| start + patch as isize);
    let mut places: Vec<usize> = starts.iter().copied().chain(ends).filter_map(|at| usize::try_from(at).ok()).collect();
    places.sort_unstable();
    let mut cuts = vec![0];
    for at in places {
        if at >= cuts[cuts.len() - 1] + thinnest && at + thinnest <= size {
            cuts.push(at);
        }
    }
    cuts.push(size);
    let between = cuts.windows(2).map(|cut| cut[0]..cut[1]);
    between
        .map(|voxels| Piece {
            first_tile: starts.partition_point(|start| start + patch as isize <= voxels.start as isize),
            last_tile: starts.partition_point(|start| *start < voxels.end as isize) - 1,
            voxels,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cuts_are_where_tiles_begin_and_end() {
        let grid = TileGrid::new([400, 64, 64], [128, 64, 64], 1.0).unwrap();
        assert_eq!(grid.starts[0], [0, 91, 181, 272]);
        let cuts: Vec<_> =
            Layout::new(&grid).pieces[0].iter().map(|piece| (piece.voxels.clone(), piece.first_tile, piece.last_tile)).collect();
        let expected =
            [(0..91, 0, 0), (91..128, 0, 1), (128..181, 1, 1), (181..219, 1, 2), (219..272, 2, 2), (272..309, 2, 3), (309..400, 3, 3)];
        assert_eq!(cuts, expected);
    }

    #[test]
    fn a_whole_body_needs_less_than_half_a_patch_of_planes() {
        let size = [400, 512, 512];
        for patch in [[128; 3], [96, 160, 160]] {
            let layout = Layout::new(&TileGrid::new(size, patch, 0.5).unwrap());
            assert!(layout.peak_voxels() * 2 < 512 * 512 * 128, "{patch:?} {:?}", layout.order);
        }
    }

    proptest! {
        /// Bricks partition the image; every tile finds its bricks open; bricks come after their lower neighbours.
        #[test]
        fn bricks_live_from_their_first_tile_to_their_last(
            size in prop::array::uniform3(1_usize..90),
            patch in prop::array::uniform3(1_usize..40),
            step in 0.2_f64..=1.0,
            order in prop::sample::select(vec![[0, 1, 2], [1, 2, 0], [2, 1, 0]]),
        ) {
            let grid = TileGrid::new(size, patch, step).unwrap();
            let layout = Layout::with_order(&grid, order);
            let (mut open, mut closed) = (HashSet::new(), HashSet::new());
            let (mut volume, mut most, mut total) = (0, 0, 0);
            let voxels = |brick| layout.region(brick).size_zyx().iter().product::<usize>();
            for tile in layout.tiles() {
                for brick in layout.touched(tile) {
                    prop_assert!(!closed.contains(&brick));
                    volume += if open.insert(brick) { voxels(brick) } else { 0 };
                }
                most = most.max(volume);
                for brick in layout.finished(tile) {
                    prop_assert!(open.remove(&brick));
                    for a in (0..3).filter(|a| brick[*a] > 0) {
                        let mut before = brick;
                        before[a] -= 1;
                        prop_assert!(closed.contains(&before));
                    }
                    closed.insert(brick);
                    volume -= voxels(brick);
                    total += voxels(brick);
                }
            }
            prop_assert!(open.is_empty());
            prop_assert_eq!(total, size.iter().product::<usize>());
            prop_assert_eq!(most, layout.peak_voxels());
        }
    }
}
