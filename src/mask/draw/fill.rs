//! Flood fill from a voxel through its own label, on a plane or in space, in runs along the grid's rows.

use volume::Region;

use super::{Ink, Plane};
use crate::delta::{Delta, DeltaBuilder};
use crate::error::MaskError;
use crate::grid::{LabelGrid, linear, zyx};
use crate::watch::Watch;

/// Where a fill may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// Neighbours by edge on one plane.
    Plane(Plane),
    /// Neighbours by face inside a box.
    Space(Region),
}

/// Replaces the label around `seed_zyx`, as far as voxels of that label touch, by the ink; with a window, only through voxels inside it.
pub fn fill(grid: &LabelGrid, fill: Fill, seed_zyx: [usize; 3], ink: &Ink<'_>, watch: Watch<'_>) -> Result<Delta, MaskError> {
    grid.fits(ink.value)?;
    let seed = grid.index_of(seed_zyx)?;
    let size = grid.size_zyx();
    let region = match fill {
        Fill::Space(region) => region.intersect(&Region::whole(size)),
        Fill::Plane(plane) => {
            plane.check(size)?;
            let mut region = Region::whole(size);
            (region.start_zyx[plane.axis], region.end_zyx[plane.axis]) = (plane.index, plane.index + 1);
            region
        }
    };
    let old = grid.get(seed);
    if !region.contains(seed_zyx) || old == ink.value || !ink.takes(seed, old) {
        return Ok(Delta::default());
    }
    let mut flood = Flood { grid, ink, region, old, seen: Bits::new(region) };
    flood.run(seed_zyx, watch)?;
    Ok(flood.seen.delta(grid, old, ink.value))
}

struct Flood<'a> {
    grid: &'a LabelGrid,
    ink: &'a Ink<'a>,
    region: Region,
    old: u16,
    seen: Bits,
}

impl Flood<'_> {
    fn open(&self, at: [usize; 3]) -> bool {
        let index = linear(self.grid.size_zyx(), at);
        self.grid.get(index) == self.old && !self.seen.get(at) && self.ink.in_window(index)
    }

    /// Takes whole runs off a stack; each puts the starts of open runs in the four rows beside it back on.
    fn run(&mut self, seed: [usize; 3], watch: Watch<'_>) -> Result<(), MaskError> {
        let (mut stack, mut taken) = (vec![seed], 0_usize);
        let all = self.region.size_zyx().iter().product::<usize>();
        let columns = self.region.range(2);
        while let Some([z, y, x]) = stack.pop() {
            if !self.open([z, y, x]) {
                continue;
            }
            let (mut first, mut end) = (x, x + 1);
            while first > columns.start && self.open([z, y, first - 1]) {
                first -= 1;
            }
            while end < columns.end && self.open([z, y, end]) {
                end += 1;
            }
            (first..end).for_each(|x| self.seen.set([z, y, x]));
            let before = taken;
            taken += end - first;
            if before >> 20 != taken >> 20 {
                watch.at(taken as f32 / all as f32)?;
            }
            let rows = [(z.wrapping_sub(1), y), (z + 1, y), (z, y.wrapping_sub(1)), (z, y + 1)];
            for (z, y) in rows.into_iter().filter(|(z, y)| self.region.range(0).contains(z) && self.region.range(1).contains(y)) {
                let mut was_open = false;
                for x in first..end {
                    let open = self.open([z, y, x]);
                    if open && !was_open {
                        stack.push([z, y, x]);
                    }
                    was_open = open;
                }
            }
        }
        Ok(())
    }
}

/// One bit per voxel of a box.
struct Bits {
    region: Region,
    words: Vec<u64>,
}

impl Bits {
    fn new(region: Region) -> Self {
        Self { region, words: vec![0; region.size_zyx().iter().product::<usize>().div_ceil(64)] }
    }

    fn place(&self, at: [usize; 3]) -> usize {
        linear(self.region.size_zyx(), std::array::from_fn(|a| at[a] - self.region.start_zyx[a]))
    }

    fn get(&self, at: [usize; 3]) -> bool {
        let place = self.place(at);
        self.words[place / 64] >> (place % 64) & 1 == 1
    }

    fn set(&mut self, at: [usize; 3]) {
        let place = self.place(at);
        self.words[place / 64] |= 1 << (place % 64);
    }

    fn delta(&self, grid: &LabelGrid, old: u16, new: u16) -> Delta {
        let mut builder = DeltaBuilder::default();
        for (w, word) in self.words.iter().enumerate() {
            let mut rest = *word;
            while rest != 0 {
                let place = w * 64 + rest.trailing_zeros() as usize;
                rest &= rest - 1;
                let inner = zyx(self.region.size_zyx(), place);
                let at = std::array::from_fn(|a| inner[a] + self.region.start_zyx[a]);
                builder.push(linear(grid.size_zyx(), at), old, new);
            }
        }
        builder.finish()
    }
}
