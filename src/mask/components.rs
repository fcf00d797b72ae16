//! Connected pieces of labels: rows are cut into runs of one label, and runs that touch are joined (union-find).

use rayon::prelude::*;
use volume::Region;

use crate::grid::{LabelGrid, Value, linear, with_values, zyx};
use crate::runs::for_each_run;

/// When voxels of one label belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touch {
    /// They share a face (6 neighbours).
    Faces,
    /// They share a face, an edge or a corner (26 neighbours).
    Corners,
}

/// Part of a row inside one piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PieceRun {
    /// First linear index.
    pub start: usize,
    /// Number of voxels along x.
    pub len: u32,
    /// Which piece.
    pub piece: u32,
}

/// A connected piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Its label.
    pub value: u16,
    /// Its size.
    pub voxels: u64,
}

/// All pieces of some labels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pieces {
    /// By rising index.
    pub runs: Vec<PieceRun>,
    /// In order of their first voxel.
    pub pieces: Vec<Piece>,
}

/// A run of one label inside a row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowRun {
    pub(crate) start: usize,
    pub(crate) len: u32,
    pub(crate) value: u16,
}

/// The runs of a box's rows.
pub(crate) struct Rows {
    region: Region,
    pub(crate) runs: Vec<RowRun>,
    /// Where the runs of each row of the box begin, and the end.
    first: Vec<usize>,
}

impl Rows {
    /// The runs of all labels that `keep` names; rows are cut plane by plane on all threads.
    pub(crate) fn of(grid: &LabelGrid, region: Region, keep: impl Fn(u16) -> bool + Sync) -> Self {
        let size = grid.size_zyx();
        let region = region.intersect(&Region::whole(size));
        let plane = |z: usize| {
            let (mut runs, mut ends) = (Vec::new(), Vec::with_capacity(region.size_zyx()[1]));
            for y in region.range(1) {
                let row = linear(size, [z, y, region.start_zyx[2]])..linear(size, [z, y, 0]) + region.end_zyx[2];
                with_values!(grid, |values| for_each_run(&values[row.clone()], row.start, |run, value| {
                    if keep(value.wide()) {
                        runs.push(RowRun { start: run.start, len: run.len() as u32, value: value.wide() });
                    }
                }));
                ends.push(runs.len());
            }
            (runs, ends)
        };
        let planes: Vec<_> = region.range(0).into_par_iter().map(plane).collect();
        let mut rows = Self { region, runs: Vec::with_capacity(planes.iter().map(|p| p.0.len()).sum()), first: vec![0] };
        for (runs, ends) in planes {
            let before = rows.runs.len();
            rows.runs.extend(runs);
            rows.first.extend(ends.into_iter().map(|end| before + end));
        }
        rows
    }

    fn row(&self, z: usize, y: usize) -> std::ops::Range<usize> {
        let row = z * self.region.size_zyx()[1] + y;
        self.first[row]..self.first[row + 1]
    }

    /// Joins runs that touch.
    pub(crate) fn pieces(&self, grid_size_zyx: [usize; 3], touch: Touch) -> Pieces {
        let mut sets = Sets { parent: (0..self.runs.len() as u32).collect() };
        let [nz, ny, _] = self.region.size_zyx();
        let before: &[(usize, isize)] = match touch {
            Touch::Faces => &[(0, -1), (1, 0)],
            Touch::Corners => &[(0, -1), (1, -1), (1, 0), (1, 1)],
        };
        let reach = usize::from(touch == Touch::Corners);
        for z in 0..nz {
            for y in 0..ny {
                for (dz, dy) in before {
                    let Some(other_y) = y.checked_add_signed(*dy).filter(|other| *other < ny) else { continue };
                    if z >= *dz {
                        self.join_rows(self.row(z - dz, other_y), self.row(z, y), grid_size_zyx[2], reach, &mut sets);
                    }
                }
            }
        }
        self.number(&mut sets)
    }

    /// Two rows are walked side by side; runs of the same label whose columns overlap (or touch at corners) are joined.
    fn join_rows(&self, a: std::ops::Range<usize>, b: std::ops::Range<usize>, width: usize, reach: usize, sets: &mut Sets) {
        let (mut i, mut j) = (a.start, b.start);
        while i < a.end && j < b.end {
            let (one, two) = (self.runs[i], self.runs[j]);
            let (one_at, two_at) = (one.start % width, two.start % width);
            let (one_end, two_end) = (one_at + one.len as usize, two_at + two.len as usize);
            if one.value == two.value && one_at < two_end + reach && two_at < one_end + reach {
                sets.join(i as u32, j as u32);
            }
            // The run that ends first cannot touch what follows in the other row. With equal ends it can: at a corner.
            if one_end == two_end && reach == 1 && j + 1 < b.end {
                let next = self.runs[j + 1];
                if next.value == one.value && next.start % width == one_end {
                    sets.join(i as u32, j as u32 + 1);
                }
            }
            if one_end <= two_end {
                i += 1;
            } else {
                j += 1;
            }
        }
    }

    fn number(&self, sets: &mut Sets) -> Pieces {
        let mut number = vec![u32::MAX; self.runs.len()];
        let mut found = Pieces { runs: Vec::with_capacity(self.runs.len()), pieces: Vec::new() };
        for (i, run) in self.runs.iter().enumerate() {
            let root = sets.root(i as u32) as usize;
            if number[root] == u32::MAX {
                number[root] = found.pieces.len() as u32;
                found.pieces.push(Piece { value: run.value, voxels: 0 });
            }
            let piece = number[root];
            found.pieces[piece as usize].voxels += u64::from(run.len);
            found.runs.push(PieceRun { start: run.start, len: run.len, piece });
        }
        found
    }
}

/// The pieces of one label.
pub fn pieces(grid: &LabelGrid, value: u16, touch: Touch) -> Pieces {
    match grid.bounds(value) {
        None => Pieces::default(),
        Some(region) => Rows::of(grid, region, |v| v == value).pieces(grid.size_zyx(), touch),
    }
}

/// Union-find over runs; the root is the smallest index, so pieces are numbered by their first voxel.
struct Sets {
    parent: Vec<u32>,
}

impl Sets {
    fn root(&mut self, mut at: u32) -> u32 {
        while self.parent[at as usize] != at {
            let above = self.parent[self.parent[at as usize] as usize];
            self.parent[at as usize] = above;
            at = above;
        }
        at
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        self.parent[a.max(b) as usize] = a.min(b);
    }
}

impl Pieces {
    /// The piece that holds a voxel.
    pub fn piece_at(&self, index: usize) -> Option<u32> {
        let after = self.runs.partition_point(|run| run.start <= index);
        let run = self.runs.get(after.checked_sub(1)?)?;
        (index < run.start + run.len as usize).then_some(run.piece)
    }

    /// Pieces from the largest to the smallest; equal ones in order of their first voxel.
    pub fn by_size(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.pieces.len() as u32).collect();
        order.sort_by_key(|piece| std::cmp::Reverse(self.pieces[*piece as usize].voxels));
        order
    }

    /// A voxel of a piece, for jumping there: the middle of its longest run. Index z, y, x.
    pub fn voxel_of(&self, piece: u32, size_zyx: [usize; 3]) -> Option<[usize; 3]> {
        let run = self.runs.iter().filter(|run| run.piece == piece).max_by_key(|run| run.len)?;
        Some(zyx(size_zyx, run.start + run.len as usize / 2))
    }
}
