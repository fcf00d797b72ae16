//! The sliding window with its sums in bricks, for networks that compute in host memory: tiles run in the order that keeps the
//! fewest voxels open, and a brick leaves as soon as no later tile touches it.

use std::collections::HashMap;

use engine::{Cancelled, OutputPlanes, TileRun, WindowShape, output_plane, plane_mean, tile_accumulate, tile_extract};
use ndarray::{Array4, s};
use rayon::prelude::*;
use volume::Region;

use crate::error::PipelineError;
use crate::layout::Layout;
use crate::predict::{Ensemble, FoldRunner};
use crate::tiles::gaussian;
use crate::window::{Window, refuse_beyond_memory};

/// A finished part of the image.
pub(crate) struct Brick {
    /// Its place among the bricks, along each axis.
    pub(crate) index: [usize; 3],
    /// Its voxels.
    pub(crate) region: Region,
    /// Means, (planes, channels, rows, columns); every plane is one piece of memory.
    pub(crate) values: Array4<f32>,
}

/// Receives finished bricks, each after those before it along any axis.
pub(crate) type BrickSink<'a> = dyn FnMut(Brick) -> Result<(), PipelineError> + 'a;

impl Window<'_> {
    /// Runs every tile and hands on every brick.
    pub(crate) fn predict_bricks(
        &self,
        layout: &Layout,
        folds: &mut [FoldRunner],
        ensemble: &Ensemble,
        on_run: &mut dyn FnMut(usize),
        on_brick: &mut BrickSink<'_>,
    ) -> Result<(), PipelineError> {
        self.check_memory(layout, ensemble.channels)?;
        let shape = WindowShape { patch: self.grid.patch, size: self.grid.size, channels: ensemble.channels };
        let image: Vec<&[f32]> =
            self.image.iter().map(|channel| channel.as_slice().expect("network images are in standard layout")).collect();
        let mut sums = OpenBricks { layout, shape, gaussian: gaussian(shape.patch), open: HashMap::new() };
        let voxels: usize = shape.patch.iter().product();
        let mut input = vec![0.0; image.len() * voxels];
        let mut done = 0;

        for tile in layout.tiles() {
            let origin = std::array::from_fn(|a| self.grid.starts[a][tile[a]]);
            for (fold, FoldRunner { runner, .. }) in folds.iter_mut().enumerate() {
                for flips in self.mirrorings.iter().copied() {
                    if (self.cancelled)() {
                        return Err(Cancelled.into());
                    }
                    let run = self.tile_run(ensemble, fold, origin, flips);
                    tile_extract(&shape, &run, &image, &mut input);
                    sums.open(tile);
                    runner.run_planes(&input, &mut |output| sums.add(&run, output), &self.cancelled)?;
                    done += 1;
                    on_run(done);
                }
            }
            for brick in layout.finished(tile) {
                on_brick(sums.close(brick)?)?;
            }
        }
        Ok(())
    }

    /// Refuses what would not fit: the sums, one tile and its weights.
    fn check_memory(&self, layout: &Layout, channels: usize) -> Result<(), PipelineError> {
        let voxels: usize = self.grid.patch.iter().product();
        let values = layout.peak_voxels() * (channels + 1) + (self.image.len() + 1) * voxels;
        refuse_beyond_memory((values * size_of::<f32>()) as u64)
    }
}

/// Weighted sums of the bricks that some tile has touched and another will.
struct OpenBricks<'a> {
    layout: &'a Layout,
    shape: WindowShape,
    gaussian: Vec<f32>,
    /// (planes, channels and sum of weights, rows, columns).
    open: HashMap<[usize; 3], Vec<f32>>,
}

impl OpenBricks<'_> {
    /// Makes room for what a tile touches.
    fn open(&mut self, tile: [usize; 3]) {
        for brick in self.layout.touched(tile) {
            let voxels: usize = self.layout.region(brick).size_zyx().iter().product();
            self.open.entry(brick).or_insert_with(|| vec![0.0; (self.shape.channels + 1) * voxels]);
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
            let run = TileRun { origin: std::array::from_fn(|a| run.origin[a] - region.start_zyx[a] as isize), ..*run };
            let mut rest = sums.chunks_exact_mut((shape.channels + 1) * shape.area());
            let inside = shape.inside(0, run.origin[0]);
            let first = (run.origin[0] + inside.start as isize) as usize;
            let touched = rest.by_ref().skip(first).zip(inside).map(|(plane, z)| (shape, run, z, plane));
            planes.extend(touched.filter(|(shape, run, z, _)| held.contains(&output_plane(shape, run, *z))));
        }
        planes.into_par_iter().for_each(|(shape, run, z, plane)| tile_accumulate(&shape, &run, z, output, &self.gaussian, plane));
    }

    /// Takes a brick out: weighted sums become means.
    fn close(&mut self, index: [usize; 3]) -> Result<Brick, PipelineError> {
        let region = self.layout.region(index);
        let [planes, rows, columns] = region.size_zyx();
        let (channels, area) = (self.shape.channels, rows * columns);
        let mut sums = self.open.remove(&index).expect("only open bricks are closed");
        let finite = sums.par_chunks_mut((channels + 1) * area).all(|plane| plane_mean(plane, channels));
        if !finite {
            return Err(PipelineError::NotFiniteOutput);
        }
        let sums = Array4::from_shape_vec((planes, channels + 1, rows, columns), sums).expect("a brick has its size");
        Ok(Brick { index, region, values: sums.slice_move(s![.., ..channels, .., ..]) })
    }
}
