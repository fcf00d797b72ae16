//! The image under the sliding window, in strips along the axis that tiles walk slowest: each leaves with the last tile that reads it.
//!
//! Where few values occur, as in a CT that needed no resampling, a strip holds their numbers in half the memory.

use std::collections::{HashMap, VecDeque};

use engine::TileRun;
use ndarray::{Array3, ArrayView3, ArrayViewMut3, Axis, Slice};
use rayon::prelude::*;
use volume::Region;

use crate::tiles::TileGrid;

/// What a number of 16 bits can tell apart.
const MOST_VALUES: usize = 1 << 16;

/// Normalised image channels on the network's grid.
pub(crate) struct Strips {
    axis: usize,
    patch: [usize; 3],
    channels: usize,
    strips: VecDeque<Strip>,
}

struct Strip {
    region: Region,
    channels: Vec<Voxels>,
}

/// The voxels of a strip, in standard layout.
enum Voxels {
    Plain(Array3<f32>),
    Numbered { numbers: Array3<u16>, values: Vec<f32> },
}

impl Strips {
    /// Cuts an image where tiles begin along `axis`. Each channel is freed as soon as it is cut.
    pub(crate) fn new(image: Vec<Array3<f32>>, grid: &TileGrid, axis: usize) -> Self {
        let starts = grid.starts[axis].iter().filter_map(|start| usize::try_from(*start).ok().filter(|start| *start > 0));
        let mut cuts: Vec<usize> = [0].into_iter().chain(starts).chain([grid.size[axis]]).collect();
        // Rows of tiles begin together where half a patch is less than a voxel.
        cuts.dedup();
        let region = |cut: &[usize]| {
            let mut region = Region::whole(grid.size);
            (region.start_zyx[axis], region.end_zyx[axis]) = (cut[0], cut[1]);
            region
        };
        let mut strips: VecDeque<Strip> = cuts.windows(2).map(|cut| Strip { region: region(cut), channels: Vec::new() }).collect();
        let channels = image.len();
        for channel in image {
            strips.par_iter_mut().for_each(|strip| {
                let part = channel.slice_axis(Axis(axis), Slice::from(strip.region.range(axis)));
                strip.channels.push(Voxels::new(part));
            });
        }
        Self { axis, patch: grid.patch, channels, strips }
    }

    /// How many channels there are.
    pub(crate) fn channels(&self) -> usize {
        self.channels
    }

    /// Frees what only tiles before one at `origin` read.
    pub(crate) fn advance(&mut self, origin: [isize; 3]) {
        while self.strips.front().is_some_and(|strip| strip.region.end_zyx[self.axis] as isize <= origin[self.axis]) {
            self.strips.pop_front();
        }
    }

    /// Copies a tile out, mirrored, with zeros where it leaves the image. `tile` is (channels, patch).
    pub(crate) fn extract(&self, run: &TileRun, tile: &mut [f32]) {
        tile.fill(0.0);
        let covered = Region {
            start_zyx: run.origin.map(|start| start.max(0) as usize),
            end_zyx: std::array::from_fn(|a| (run.origin[a] + self.patch[a] as isize).max(0) as usize),
        };
        for (channel, tile) in tile.chunks_exact_mut(self.patch.iter().product()).enumerate() {
            let mut tile = ArrayViewMut3::from_shape(self.patch, tile).expect("a tile has its size");
            (0..3).filter(|a| run.flips[*a]).for_each(|a| tile.invert_axis(Axis(a)));
            for strip in &self.strips {
                let common = strip.region.intersect(&covered);
                if common.is_empty() {
                    continue;
                }
                let of_strip = |a: usize| common.start_zyx[a] - strip.region.start_zyx[a]..common.end_zyx[a] - strip.region.start_zyx[a];
                let of_tile = |a: usize| {
                    let at = |index: usize| (index as isize - run.origin[a]) as usize;
                    at(common.start_zyx[a])..at(common.end_zyx[a])
                };
                let to = tile.slice_each_axis_mut(|axis| Slice::from(of_tile(axis.axis.index())));
                strip.channels[channel].copy(of_strip, to);
            }
        }
    }
}

impl Voxels {
    fn new(part: ArrayView3<'_, f32>) -> Self {
        // Numbers and values together must be worth it.
        let most = MOST_VALUES.min(part.len() / 4);
        let mut values = Vec::new();
        let mut known = HashMap::new();
        let mut last = (0, 0);
        let mut numbers = Vec::with_capacity(part.len());
        for value in part {
            // By its bits: the image comes back as it was, negative zeros included.
            let bits = value.to_bits();
            if values.is_empty() || bits != last.0 {
                let number = *known.entry(bits).or_insert_with(|| {
                    values.push(*value);
                    (values.len() - 1) as u16
                });
                last = (bits, number);
            }
            if values.len() > most {
                return Self::Plain(part.as_standard_layout().into_owned());
            }
            numbers.push(last.1);
        }
        Self::Numbered { numbers: Array3::from_shape_vec(part.dim(), numbers).expect("every voxel has a number"), values }
    }

    fn copy(&self, part: impl Fn(usize) -> std::ops::Range<usize>, mut to: ArrayViewMut3<'_, f32>) {
        match self {
            Self::Plain(voxels) => to.assign(&voxels.slice_each_axis(|axis| Slice::from(part(axis.axis.index())))),
            Self::Numbered { numbers, values } => {
                let numbers = numbers.slice_each_axis(|axis| Slice::from(part(axis.axis.index())));
                to.zip_mut_with(&numbers, |voxel, number| *voxel = values[usize::from(*number)]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use engine::{WindowShape, tile_extract};
    use proptest::prelude::*;

    use super::*;

    fn is_numbered(strips: &Strips) -> Vec<bool> {
        strips.strips.iter().flat_map(|strip| &strip.channels).map(|voxels| matches!(voxels, Voxels::Numbered { .. })).collect()
    }

    proptest! {
        /// Every tile is what it would be cut from the whole image, and what no tile reads any more is gone.
        #[test]
        fn tiles_are_those_of_the_whole_image(
            size in prop::array::uniform3(1_usize..20),
            patch in prop::array::uniform3(1_usize..12),
            axis in 0_usize..3,
            flips in prop::array::uniform3(any::<bool>()),
            few in any::<bool>(),
        ) {
            let grid = TileGrid::new(size, patch, 0.5).unwrap();
            let value = |c: usize, i: usize| if few { [-0.0, 0.0, 1.5][i * (c + 3) % 7 % 3] } else { (i + c) as f32 };
            let voxels: usize = size.iter().product();
            let image: Vec<Vec<f32>> = (0..2).map(|c| (0..voxels).map(|i| value(c, i)).collect()).collect();
            let whole: Vec<&[f32]> = image.iter().map(Vec::as_slice).collect();
            let channels = image.iter().map(|channel| Array3::from_shape_vec(size, channel.clone()).unwrap()).collect();
            let mut strips = Strips::new(channels, &grid, axis);
            prop_assert!(few || is_numbered(&strips).iter().all(|numbered| !numbered));
            let shape = WindowShape { patch, size, channels: 2 };
            let volume: usize = patch.iter().product();
            let (mut found, mut expected) = (vec![f32::NAN; 2 * volume], vec![f32::NAN; 2 * volume]);
            for slow in &grid.starts[axis] {
                for middle in &grid.starts[(axis + 1) % 3] {
                    for fast in &grid.starts[(axis + 2) % 3] {
                        let mut origin = [0; 3];
                        [origin[axis], origin[(axis + 1) % 3], origin[(axis + 2) % 3]] = [*slow, *middle, *fast];
                        let run = TileRun { origin, flips, first_channel: 0, share: 1.0, counts: true };
                        strips.advance(origin);
                        strips.extract(&run, &mut found);
                        tile_extract(&shape, &run, &whole, &mut expected);
                        prop_assert!(found.iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits()), "{:?}", origin);
                    }
                }
                prop_assert!(strips.strips[0].region.end_zyx[axis] as isize > *slow);
            }
            prop_assert_eq!(strips.strips.len(), 1);
        }
    }

    #[test]
    fn few_values_take_half_the_memory_and_many_stay_as_they_are() {
        let grid = TileGrid::new([8, 40, 300], [4, 40, 300], 1.0).unwrap();
        let few = Array3::from_shape_fn(grid.size, |(z, y, x)| ((z * 31 + y * 17 + x) % 1500) as f32);
        let many = Array3::from_shape_fn(grid.size, |(z, y, x)| (z * 12_000 + y * 300 + x) as f32);
        assert_eq!(is_numbered(&Strips::new(vec![few, many], &grid, 0)), [true, false, true, false]);
    }
}
