//! The sliding window (nnU-Net `inference/predict_from_raw_data.py`), streamed along the first axis.
//!
//! nnU-Net accumulates in half precision; here it is f32, which stays within 99.99 % of its labels and has less noise.
//! A device may be lost at any tile: planes that were handed on stay, tiles that touch others run again elsewhere.

use engine::{Cancelled, EngineError, Finished, GpuWindow, Labelling, TileRun, WindowShape, available_memory_bytes};
use ndarray::Array3;

use crate::accumulate::{Band, Sums, finish_plane};
use crate::error::PipelineError;
use crate::predict::{Ensemble, FoldRunner};
use crate::tiles::{TileGrid, gaussian};

/// What the window needs to know besides the networks.
pub(crate) struct Window<'a> {
    /// Tile places.
    pub(crate) grid: TileGrid,
    /// Flips to average over, the plain tile first.
    pub(crate) mirrorings: Vec<[bool; 3]>,
    /// How planes of sums become labels, where labels are all that is wanted and the device is to make them.
    pub(crate) labelling: Option<Labelling>,
    /// Bytes that image and sums may take of a graphics device.
    pub(crate) device_bytes: Option<u64>,
    /// Planes, or bricks, that somebody has from an earlier run. Not where labels are made on a device.
    pub(crate) handed_on: usize,
    /// Asked between network runs, and by the networks during them.
    pub(crate) cancelled: &'a (dyn Fn() -> bool + Sync),
}

/// A device that failed while networks ran on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceFailure {
    /// What it said.
    pub reason: String,
    /// The network run it failed at, counted from 1.
    pub run: usize,
    /// Network runs in all.
    pub runs: usize,
}

/// Puts the networks on another device; none when there is nothing left to try.
pub type Recover<'a> = dyn FnMut(&DeviceFailure) -> Option<Vec<FoldRunner>> + 'a;

/// A finished plane.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Plane {
    /// Means, (channels, rows, columns).
    Means(Vec<f32>),
    /// Labels, (rows, columns) of the scan's grid.
    Labels(Vec<u16>),
}

/// Receives finished planes with their index, and returns memory it no longer needs.
pub(crate) type PlaneSink<'a> = dyn FnMut(usize, Plane) -> Result<Option<Vec<f32>>, PipelineError> + 'a;

/// What the window reports to and asks.
pub(crate) struct Callbacks<'a> {
    /// Told how many network runs are done; never less than before.
    pub(crate) on_run: &'a mut dyn FnMut(usize),
    /// Receives planes in order. Where another device goes on with means after labels, or the other way round, planes of means that
    /// labels still need come again.
    pub(crate) on_plane: &'a mut PlaneSink<'a>,
    /// Asked when the device failed.
    pub(crate) recover: Option<&'a mut Recover<'a>>,
}

/// How far a window is.
struct Position {
    /// The next network run.
    run: usize,
    /// Planes of means that are not needed any more, or were handed on.
    planes: usize,
    /// Planes of labels handed on, or that follow from what was.
    labels: usize,
    /// Most runs ever done.
    most: usize,
}

impl Window<'_> {
    /// Network runs in all.
    pub(crate) fn runs(&self, folds: usize) -> usize {
        self.grid.count() * folds * self.mirrorings.len()
    }

    /// Runs every tile that is needed and hands on every plane. `image` holds the normalised channels on the network's grid, in standard layout.
    pub(crate) fn predict(
        &self,
        image: &[Array3<f32>],
        folds: &mut [FoldRunner],
        ensemble: &Ensemble,
        mut callbacks: Callbacks<'_>,
    ) -> Result<(), PipelineError> {
        if self.handed_on >= self.grid.size[0] {
            return Ok(());
        }
        // The last of the planes that were handed on is read by the first that was not.
        let planes = self.handed_on.saturating_sub(1);
        let run = self.first_run_at(planes, folds.len());
        let mut position = Position { run, planes, labels: 0, most: run };
        if run > 0 {
            (callbacks.on_run)(run);
        }
        let mut sums = None;
        loop {
            let failure = match self.advance(image, folds, ensemble, &mut sums, &mut position, &mut callbacks) {
                Ok(()) => return Ok(()),
                Err(PipelineError::Engine(EngineError::Device(reason))) => reason,
                Err(other) => return Err(other),
            };
            let runs = self.runs(folds.len());
            let failure = DeviceFailure { reason: failure, run: runs.min(position.run + 1), runs };
            // What is lost goes before anything new is made.
            if sums.as_ref().is_some_and(|sums| !sums.survive()) {
                sums = None;
                if let Some(labelling) = &self.labelling {
                    position.planes = position.planes.min(labelling.needed(position.labels, self.grid.size[0]));
                }
                position.run = self.first_run_at(position.planes, folds.len());
            }
            let fresh = callbacks.recover.as_mut().and_then(|recover| recover(&failure));
            let fresh = fresh.ok_or(PipelineError::Engine(EngineError::Device(failure.reason)))?;
            if Ensemble::new(&fresh, self.grid.patch)? != *ensemble {
                return Err(PipelineError::Folds("they changed while they ran".to_owned()));
            }
            folds.iter_mut().zip(fresh).for_each(|(fold, fresh)| *fold = fresh);
        }
    }

    /// Goes on from a position to the end.
    fn advance<'s>(
        &'s self,
        image: &'s [Array3<f32>],
        folds: &mut [FoldRunner],
        ensemble: &Ensemble,
        sums: &mut Option<Box<dyn Sums + 's>>,
        position: &mut Position,
        callbacks: &mut Callbacks<'_>,
    ) -> Result<(), PipelineError> {
        let sums = match sums {
            Some(sums) => sums,
            None => sums.insert(self.sums(image, folds, ensemble.channels, position)?),
        };
        let per_row = self.runs(folds.len()) / self.grid.starts[0].len();
        while position.run < self.runs(folds.len()) {
            if (self.cancelled)() {
                return Err(Cancelled.into());
            }
            let (fold, run) = self.run_at(position.run, ensemble);
            sums.add(&mut *folds[fold].runner, &run, &self.cancelled)?;
            position.run += 1;
            if position.run > position.most {
                position.most = position.run;
                (callbacks.on_run)(position.run);
            }
            if position.run.is_multiple_of(per_row) {
                let next = self.grid.starts[0].get(position.run / per_row);
                sums.close(next.map_or(self.grid.size[0], |next| *next as usize));
            }
            self.hand_on(&mut **sums, ensemble.channels, position, callbacks)?;
        }
        // A device may fail after the last tile was queued.
        self.hand_on(&mut **sums, ensemble.channels, position, callbacks)?;
        tracing::debug!(bytes = sums.read_bytes(), planes = position.planes, labelled = position.labels, "read back");
        Ok(())
    }

    /// Hands on the planes that are finished.
    fn hand_on(
        &self,
        sums: &mut dyn Sums,
        channels: usize,
        position: &mut Position,
        callbacks: &mut Callbacks<'_>,
    ) -> Result<(), PipelineError> {
        while let Some(finished) = sums.take(&self.cancelled)? {
            let spare = match finished {
                Finished::Sums(plane) => {
                    position.planes += 1;
                    position.labels = self.labelling.as_ref().map_or(0, |labelling| labelling.ready(position.planes));
                    (callbacks.on_plane)(position.planes - 1, Plane::Means(finish_plane(plane, channels)?))?
                }
                Finished::Labels { finite: false, .. } => return Err(PipelineError::NotFiniteOutput),
                Finished::Labels { labels, finite: true } => {
                    position.labels += 1;
                    position.planes = self.labelling.as_ref().map_or(0, |labelling| labelling.needed(position.labels, self.grid.size[0]));
                    (callbacks.on_plane)(position.labels - 1, Plane::Labels(labels))?
                }
            };
            if let Some(spare) = spare {
                sums.recycle(spare);
            }
        }
        Ok(())
    }

    /// Tile and network of a run: rows of tiles by rising first plane, in each fold by fold, every place in all mirrorings.
    pub(crate) fn run_at(&self, index: usize, ensemble: &Ensemble) -> (usize, TileRun) {
        let [planes, rows, columns] = &self.grid.starts;
        let mut rest = index;
        let mut digit = |base: usize| {
            let digit = rest % base;
            rest /= base;
            digit
        };
        let flips = self.mirrorings[digit(self.mirrorings.len())];
        let (x, y) = (columns[digit(columns.len())], rows[digit(rows.len())]);
        let fold = digit(ensemble.slots.len());
        (fold, self.tile_run(ensemble, fold, [planes[rest], y, x], flips))
    }

    /// How a network's output on one mirrored tile enters the sums.
    pub(crate) fn tile_run(&self, ensemble: &Ensemble, fold: usize, origin: [isize; 3], flips: [bool; 3]) -> TileRun {
        let slot = &ensemble.slots[fold];
        let share = slot.share / self.mirrorings.len() as f32;
        let counts = fold == 0 && flips == [false; 3];
        TileRun { origin, flips, first_channel: slot.first_channel, share, counts }
    }

    /// The first run whose tile reaches plane `plane`.
    fn first_run_at(&self, plane: usize, folds: usize) -> usize {
        let starts = &self.grid.starts[0];
        let before = starts.iter().filter(|start| **start + self.grid.patch[0] as isize <= plane as isize).count();
        before * self.runs(folds) / starts.len()
    }

    /// Sums on the device of the networks where it holds them all and has room, else in host memory.
    fn sums<'s>(
        &'s self,
        image: &'s [Array3<f32>],
        folds: &mut [FoldRunner],
        channels: usize,
        position: &Position,
    ) -> Result<Box<dyn Sums + 's>, PipelineError> {
        let shape = WindowShape { patch: self.grid.patch, size: self.grid.size, channels };
        let image = image.iter().map(|channel| channel.as_slice().expect("network images are in standard layout")).collect::<Vec<_>>();
        let gaussian = gaussian(self.grid.patch);
        let ways = [self.labelling.as_ref().map(|labelling| (Some(labelling), position.labels)), Some((None, position.planes))];
        for (labelling, first) in ways.into_iter().flatten() {
            match self.on_device(folds, shape, &image, &gaussian, labelling, first) {
                Ok(Some(window)) => return Ok(Box::new(window)),
                Ok(None) => break,
                Err(EngineError::DoesNotFit(reason)) => tracing::debug!(reason, labels = labelling.is_some(), "no sums on the device"),
                Err(error) => return Err(error.into()),
            }
        }
        let widest = folds.iter().map(|fold| fold.runner.channels()).max().unwrap_or(0);
        refuse_beyond_memory(self.host_bytes(image.len(), widest, channels))?;
        Ok(Box::new(Band::new(shape, image, gaussian, position.planes)))
    }

    /// A window on the graphics device that all networks run on, if they do.
    fn on_device(
        &self,
        folds: &mut [FoldRunner],
        shape: WindowShape,
        image: &[&[f32]],
        gaussian: &[f32],
        labelling: Option<&Labelling>,
        first: usize,
    ) -> Result<Option<GpuWindow>, EngineError> {
        let Some((one, others)) = folds.split_first_mut() else { return Ok(None) };
        let Some(one) = one.runner.gpu() else { return Ok(None) };
        let bytes = GpuWindow::bytes(one, &shape, image.len(), labelling);
        if self.device_bytes.is_some_and(|allowed| bytes > allowed) {
            return Err(EngineError::DoesNotFit(format!("image and sums would take {} MiB", bytes >> 20)));
        }
        let window = GpuWindow::new(one, shape, image, gaussian, labelling, first)?;
        let together = others.iter_mut().all(|fold| fold.runner.gpu().is_some_and(|runner| window.shares_device(runner)));
        Ok(together.then_some(window))
    }

    /// Bytes of the sums in host memory, one tile in and out, its weights, and the planes on their way out.
    fn host_bytes(&self, inputs: usize, widest: usize, channels: usize) -> u64 {
        let [patch_z, _, _] = self.grid.patch;
        let voxels: usize = self.grid.patch.iter().product();
        let area = self.grid.size[1] * self.grid.size[2];
        let sums = (patch_z.min(self.grid.size[0]) + 2) * (channels + 1) * area;
        ((sums + (inputs + widest + 1) * voxels) * size_of::<f32>()) as u64
    }
}

/// Refuses what would not fit host memory.
pub(crate) fn refuse_beyond_memory(needed: u64) -> Result<(), PipelineError> {
    match available_memory_bytes().filter(|available| needed > *available) {
        Some(available) => Err(PipelineError::Memory { needed_mib: needed >> 20, available_mib: available >> 20 }),
        None => Ok(()),
    }
}
