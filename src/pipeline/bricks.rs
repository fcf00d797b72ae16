//! The sliding window with its sums in bricks, for networks that compute in host memory: tiles run in the order that keeps the
//! fewest voxels open, and a brick leaves as soon as no later tile touches it.

use std::collections::{HashMap, HashSet};

use engine::{Cancelled, OutputPlanes, TileRun, WindowShape, output_plane, plane_mean, tile_accumulate};
use ndarray::{Array3, Array4};
use rayon::prelude::*;
use volume::Region;

use crate::error::PipelineError;
use crate::layout::Layout;
use crate::predict::{Ensemble, FoldRunner};
use crate::strips::Strips;
use crate::tiles::gaussian;
use crate::window::{Window, refuse_beyond_memory};

/// A finished part of the image.
pub(crate) struct Brick {
    /// Its place among the bricks, along each axis.
    pub(crate) index: [usize; 3],
    /// How many bricks become final before it.
    pub(crate) number: usize,
    /// Its voxels.
    pub(crate) region: Region,
    /// Means, (planes, channels, rows, columns); every plane is one piece of memory.
    pub(crate) values: Array4<f32>,
}

/// Receives finished bricks, each after those before it along any axis.
pub(crate) type BrickSink<'a> = dyn FnMut(Brick) -> Result<(), PipelineError> + 'a;

impl Window<'_> {
    /// Runs every tile that is needed and hands on every brick; bricks that were handed on before come again where others need them.
    /// `on_run` is told at once how far an earlier run has come. `image` holds the normalised channels on the network's grid, which are freed as soon
    /// as no later tile reads them.
    pub(crate) fn predict_bricks(
        &self,
        layout: &Layout,
        image: Vec<Array3<f32>>,
        folds: &mut [FoldRunner],
        ensemble: &Ensemble,
        on_run: &mut dyn FnMut(usize),
        on_brick: &mut BrickSink<'_>,
    ) -> Result<(), PipelineError> {
        let shape = WindowShape { patch: self.grid.patch, size: self.grid.size, channels: ensemble.channels };
        let voxels: usize = shape.patch.iter().product();
        // The sums, one tile and its weights.
        let values = layout.peak_voxels() * ensemble.channels + (image.len() + 1) * voxels;
        refuse_beyond_memory((values * size_of::<f32>()) as u64)?;
        let mut image = Strips::new(image, &self.grid, layout.order[0]);
        let mut sums = OpenBricks { layout, shape, starts: &self.grid.starts, gaussian: gaussian(shape.patch), open: HashMap::new() };
        let mut input = vec![0.0; image.channels() * voxels];
        let needed = layout.needed(self.handed_on);
        let (mut done, mut number, mut skipped) = (0, 0, false);

        for tile in layout.tiles() {
            if !layout.touched(tile).any(|brick| needed.contains(&brick)) {
                number += layout.finished(tile).count();
                done += folds.len() * self.mirrorings.len();
                skipped = true;
                continue;
            }
            if std::mem::take(&mut skipped) {
                on_run(done);
            }
            let origin = std::array::from_fn(|a| self.grid.starts[a][tile[a]]);
            image.advance(origin);
            for (fold, FoldRunner { runner, .. }) in folds.iter_mut().enumerate() {
                for flips in self.mirrorings.iter().copied() {
                    if (self.cancelled)() {
                        return Err(Cancelled.into());
                    }
                    let run = self.tile_run(ensemble, fold, origin, flips);
                    image.extract(&run, &mut input);
                    sums.open(tile, &needed);
                    runner.run_planes(&input, &mut |output| sums.add(&run, output), &self.cancelled)?;
                    done += 1;
                    on_run(done);
                }
            }
            for brick in layout.finished(tile) {
                if needed.contains(&brick) {
                    on_brick(sums.close(brick, number)?)?;
                }
                number += 1;
            }
        }
        Ok(())
    }
}

/// Values from which an allocator asks the system for memory of its own and gives it back at once (glibc's largest threshold, 32 MiB).
const MAPPED: usize = (32 << 20) / size_of::<f32>() + 1;

/// Below this many values a hole in the heap does no harm.
const SMALL: usize = (1 << 20) / size_of::<f32>();

/// Zeros for a brick. Bricks of many sizes come and go, and would leave holes in the heap that no later one fits; reserved memory that
/// is never touched costs nothing.
fn mapped_zeros(values: usize) -> Vec<f32> {
    let mut zeros = vec![0.0; if values < SMALL { values } else { values.max(MAPPED) }];
    zeros.truncate(values);
    zeros
}

/// Weighted sums of the bricks that some tile has touched and another will. The sums of weights are made when a brick is closed: they
/// follow from the places of tiles.
struct OpenBricks<'a> {
    layout: &'a Layout,
    shape: WindowShape,
    /// Of the tiles, along each axis.
    starts: &'a [Vec<isize>; 3],
    gaussian: Vec<f32>,
    /// (planes, channels, rows, columns).
    open: HashMap<[usize; 3], Vec<f32>>,
}

impl OpenBricks<'_> {
    /// Makes room for what a tile touches and somebody needs.
    fn open(&mut self, tile: [usize; 3], needed: &HashSet<[usize; 3]>) {
        for brick in self.layout.touched(tile).filter(|brick| needed.contains(brick)) {
            let voxels: usize = self.layout.region(brick).size_zyx().iter().product();
            self.open.entry(brick).or_insert_with(|| mapped_zeros(self.shape.channels * voxels));
        }
    }

    /// Adds planes of a network's output; parts that lie on padding are dropped.
    fn add(&mut self, run: &TileRun, output: OutputPlanes<'_>) {
        let held = output.first..output.first + output.planes;
        let covered = Region {
            start_zyx: run.origin.map(|start| start.max(0) as usize),
            end_zyx: std::array::from_fn(|a| (run.origin[a] + self.shape.patch[a] as isize) as usize),
        };
        let mut planes = Vec::new();
        for (brick, sums) in &mut self.open {
            let region = self.layout.region(*brick);
            if region.intersect(&covered).is_empty() {
                continue;
            }
            // A brick is an image of its own, in which the tile lies elsewhere.
            let shape = WindowShape { size: region.size_zyx(), ..self.shape };
            let run = TileRun { origin: within(&region, run.origin), counts: false, ..*run };
            let mut rest = sums.chunks_exact_mut(shape.channels * shape.area());
            let inside = shape.inside(0, run.origin[0]);
            let first = (run.origin[0] + inside.start as isize) as usize;
            let touched = rest.by_ref().skip(first).zip(inside).map(|(plane, z)| (shape, run, z, plane));
            planes.extend(touched.filter(|(shape, run, z, _)| held.contains(&output_plane(shape, run, *z))));
        }
        planes.into_par_iter().for_each(|(shape, run, z, plane)| tile_accumulate(&shape, &run, z, output, &self.gaussian, plane));
    }

    /// Takes a brick out: weighted sums become means.
    fn close(&mut self, index: [usize; 3], number: usize) -> Result<Brick, PipelineError> {
        let region = self.layout.region(index);
        let [planes, rows, columns] = region.size_zyx();
        let channels = self.shape.channels;
        let mut sums = self.open.remove(&index).expect("only open bricks are closed");
        let planes_of_sums = sums.par_chunks_mut(channels * rows * columns).enumerate();
        let finite = planes_of_sums.map(|(z, plane)| plane_mean(plane, &self.weights(index, &region, z))).all(|finite| finite);
        if !finite {
            return Err(PipelineError::NotFiniteOutput);
        }
        let values = Array4::from_shape_vec((planes, channels, rows, columns), sums).expect("a brick has its size");
        Ok(Brick { index, number, region, values })
    }

    /// The sums of weights of plane `plane` of a brick, added in the order of tiles.
    fn weights(&self, index: [usize; 3], region: &Region, plane: usize) -> Vec<f32> {
        let shape = WindowShape { size: region.size_zyx(), channels: 0, ..self.shape };
        let nothing = OutputPlanes { first: 0, planes: shape.patch[0], values: &[] };
        let mut weights = vec![0.0; shape.area()];
        for tile in self.layout.covering(index) {
            let origin = within(region, std::array::from_fn(|a| self.starts[a][tile[a]]));
            let run = TileRun { origin, flips: [false; 3], first_channel: 0, share: 1.0, counts: true };
            let z = usize::try_from(plane as isize - origin[0]);
            if let Some(z) = z.ok().filter(|z| shape.inside(0, origin[0]).contains(z)) {
                tile_accumulate(&shape, &run, z, nothing, &self.gaussian, &mut weights);
            }
        }
        weights
    }
}

/// A place in the image, counted from the first voxel of a part of it.
fn within(region: &Region, origin: [isize; 3]) -> [isize; 3] {
    std::array::from_fn(|a| origin[a] - region.start_zyx[a] as isize)
}
