//! The sliding window (nnU-Net `inference/predict_from_raw_data.py`), streamed along the first axis.
//!
//! nnU-Net accumulates in half precision; here it is f32, which stays within 99.99 % of its labels and has less noise.

use std::time::{Duration, Instant};

use engine::{Cancelled, Runner, TileOutput, available_memory_bytes};
use ndarray::Array3;

use crate::accumulate::{Band, Contribution};
use crate::error::PipelineError;
use crate::tiles::{TileGrid, gaussian};

/// The 1x1x1 convolution `out_0`, applied after averaging.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// Weights, (classes, features).
    pub weight_kc: Vec<f32>,
    /// One bias per class.
    pub bias: Vec<f32>,
}

/// One trained network of an ensemble.
pub struct FoldRunner {
    /// Yields logits, or features when `head` is there.
    pub runner: Box<dyn Runner>,
    /// Turns features into logits; absent when the runner yields logits.
    pub head: Option<Head>,
}

/// What runners should yield for the smallest accumulators: features when all folds' together are fewer than the classes.
pub fn preferred_output(classes: usize, width: usize, folds: usize) -> TileOutput {
    if classes > width * folds { TileOutput::Features } else { TileOutput::Logits }
}

/// Where one fold's output enters the sum.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Slot {
    first_channel: usize,
    share: f32,
}

/// Whose features or logits are accumulated in which channels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ensemble {
    /// Channels accumulated.
    pub(crate) channels: usize,
    /// Class channels in the end.
    pub(crate) classes: usize,
    /// One head over the features of all folds, already divided by their number; absent when logits are accumulated.
    pub(crate) head: Option<Head>,
    slots: Vec<Slot>,
}

impl Ensemble {
    /// Joins the folds. Averaging logits over folds is linear, so all heads become one over the folds' features side by side.
    pub(crate) fn new(folds: &[FoldRunner], patch: [usize; 3]) -> Result<Self, PipelineError> {
        check_folds(folds, patch)?;
        let classes = classes_of(&folds[0]);
        let share = 1.0 / folds.len() as f32;
        if folds[0].head.is_none() {
            let slots = vec![Slot { first_channel: 0, share }; folds.len()];
            return Ok(Self { channels: classes, classes, head: None, slots });
        }
        let mut channels = 0;
        let mut slots = Vec::with_capacity(folds.len());
        for fold in folds {
            slots.push(Slot { first_channel: channels, share: 1.0 });
            channels += fold.runner.channels();
        }
        Ok(Self { channels, classes, head: Some(join_heads(folds, classes, share)), slots })
    }
}

fn classes_of(fold: &FoldRunner) -> usize {
    fold.head.as_ref().map_or(fold.runner.channels(), |head| head.bias.len())
}

fn check_folds(folds: &[FoldRunner], patch: [usize; 3]) -> Result<(), PipelineError> {
    let refuse = |reason: String| Err(PipelineError::Folds(reason));
    let Some(first) = folds.first() else {
        return refuse("there is no network".to_owned());
    };
    for fold in folds {
        if fold.runner.patch() != patch {
            return refuse(format!("a network takes tiles of {:?}, the plan has {patch:?}", fold.runner.patch()));
        }
        if classes_of(fold) != classes_of(first) || classes_of(fold) == 0 {
            return refuse("they have different numbers of classes, or none".to_owned());
        }
        if fold.head.is_some() != first.head.is_some() {
            return refuse("some yield features and some logits".to_owned());
        }
        if fold.head.as_ref().is_some_and(|head| head.weight_kc.len() != head.bias.len() * fold.runner.channels()) {
            return refuse("a head does not have classes x features weights".to_owned());
        }
    }
    Ok(())
}

fn join_heads(folds: &[FoldRunner], classes: usize, share: f32) -> Head {
    let mut joined = Head { weight_kc: Vec::new(), bias: vec![0.0; classes] };
    for k in 0..classes {
        for fold in folds {
            let width = fold.runner.channels();
            let head = fold.head.as_ref().expect("all folds have heads");
            joined.weight_kc.extend(head.weight_kc[k * width..(k + 1) * width].iter().map(|w| w * share));
            joined.bias[k] += head.bias[k] * share;
        }
    }
    joined
}

/// What the window needs to know besides the networks.
pub(crate) struct Window<'a> {
    /// Normalised image channels on the network's grid, standard layout.
    pub(crate) image: &'a [Array3<f32>],
    /// Tile places.
    pub(crate) grid: TileGrid,
    /// Flips to average over, the plain tile first.
    pub(crate) mirrorings: Vec<[bool; 3]>,
    /// Asked between network runs, and by the networks during them.
    pub(crate) cancelled: &'a (dyn Fn() -> bool + Sync),
}

/// Receives finished planes in order, (channels, rows, columns); returns memory it no longer needs.
pub(crate) type PlaneSink<'a> = dyn FnMut(Vec<f32>) -> Result<Option<Vec<f32>>, PipelineError> + 'a;

impl Window<'_> {
    /// Network runs in all.
    pub(crate) fn runs(&self, folds: usize) -> usize {
        self.grid.count() * folds * self.mirrorings.len()
    }

    /// Bytes of the sums, one tile in and out, its weights, and the planes on their way out.
    fn bytes(&self, widest: usize, channels: usize) -> u64 {
        let [patch_z, _, _] = self.grid.patch;
        let voxels: usize = self.grid.patch.iter().product();
        let area = self.grid.size[1] * self.grid.size[2];
        let sums = (patch_z.min(self.grid.size[0]) + 2) * (channels + 1) * area;
        ((sums + (self.image.len() + widest + 1) * voxels) * size_of::<f32>()) as u64
    }

    /// Runs every tile and hands on every plane; returns the time spent inside the networks.
    pub(crate) fn predict(
        &self,
        folds: &mut [FoldRunner],
        ensemble: &Ensemble,
        on_run: &mut dyn FnMut(),
        on_plane: &mut PlaneSink<'_>,
    ) -> Result<Duration, PipelineError> {
        let patch = self.grid.patch;
        let voxels: usize = patch.iter().product();
        let widest = folds.iter().map(|fold| fold.runner.channels()).max().unwrap_or(0);
        let needed = self.bytes(widest, ensemble.channels);
        if let Some(available) = available_memory_bytes().filter(|available| needed > *available) {
            return Err(PipelineError::Memory { needed_mib: needed >> 20, available_mib: available >> 20 });
        }
        let mut band = Band::new(&self.grid, gaussian(patch), ensemble.channels);
        let mut input = vec![0.0; self.image.len() * voxels];
        let mut output = vec![0.0; widest * voxels];
        let mut in_network = Duration::ZERO;

        for (i, z) in self.grid.starts[0].iter().enumerate() {
            band.reach(self.grid.size[0].min((z + patch[0] as isize) as usize));
            for (fold, (runner, slot)) in folds.iter_mut().map(|fold| &mut fold.runner).zip(&ensemble.slots).enumerate() {
                let output = &mut output[..runner.channels() * voxels];
                for (origin, flips) in self.runs_at(*z) {
                    if (self.cancelled)() {
                        return Err(Cancelled.into());
                    }
                    extract(self.image, patch, origin, flips, &mut input);
                    let started = Instant::now();
                    runner.run(&input, output, &self.cancelled)?;
                    in_network += started.elapsed();
                    let share = slot.share / self.mirrorings.len() as f32;
                    let counts = fold == 0 && flips == [false; 3];
                    band.add(&Contribution { output, origin, flips, first_channel: slot.first_channel, share, counts });
                    on_run();
                }
            }
            let next = self.grid.starts[0].get(i + 1).map_or(self.grid.size[0], |next| *next as usize);
            while band.first() < next {
                if let Some(spare) = on_plane(band.retire()?)? {
                    band.recycle(spare);
                }
            }
        }
        Ok(in_network)
    }

    /// Every tile that starts at plane `z`, in every mirroring.
    fn runs_at(&self, z: isize) -> impl Iterator<Item = ([isize; 3], [bool; 3])> {
        let [_, rows, columns] = &self.grid.starts;
        rows.iter().flat_map(move |y| columns.iter().flat_map(move |x| self.mirrorings.iter().map(move |flips| ([z, *y, *x], *flips))))
    }
}

/// Copies a tile, mirrored, with zeros where it leaves the image.
fn extract(image: &[Array3<f32>], patch: [usize; 3], origin: [isize; 3], flips: [bool; 3], tile: &mut [f32]) {
    tile.fill(0.0);
    let volume: usize = patch.iter().product();
    for (channel, tile) in image.iter().zip(tile.chunks_exact_mut(volume)) {
        let size: [usize; 3] = channel.dim().into();
        let voxels = channel.as_slice().expect("network images are in standard layout");
        let at = |axis: usize, index: usize| {
            let index = if flips[axis] { patch[axis] - 1 - index } else { index };
            usize::try_from(origin[axis] + index as isize).ok().filter(|index| *index < size[axis])
        };
        let first = origin[2].max(0) as usize;
        let last = size[2].min((origin[2] + patch[2] as isize) as usize);
        let offset = (first as isize - origin[2]) as usize;
        for (i, row) in tile.chunks_exact_mut(patch[2]).enumerate() {
            let Some((z, y)) = at(0, i / patch[1]).zip(at(1, i % patch[1])) else { continue };
            let source = &voxels[(z * size[1] + y) * size[2]..][first..last];
            row[offset..offset + source.len()].copy_from_slice(source);
            if flips[2] {
                row.reverse();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{Affine, affine_fold};

    #[test]
    fn extracted_tiles_are_padded_and_mirrored() {
        let image = [Array3::from_shape_fn((2, 1, 3), |(z, _, x)| (10 * z + x + 1) as f32)];
        let mut tile = vec![9.0; 8];
        extract(&image, [2, 1, 4], [0, 0, -1], [false; 3], &mut tile);
        assert_eq!(tile, [0.0, 1.0, 2.0, 3.0, 0.0, 11.0, 12.0, 13.0]);
        extract(&image, [2, 1, 4], [0, 0, 1], [true, false, true], &mut tile);
        assert_eq!(tile, [0.0, 0.0, 13.0, 12.0, 0.0, 0.0, 3.0, 2.0]);
    }

    #[test]
    fn features_win_only_when_they_are_fewer() {
        assert_eq!(preferred_output(45, 32, 1), TileOutput::Features);
        assert_eq!(preferred_output(45, 32, 2), TileOutput::Logits);
        assert_eq!(preferred_output(32, 32, 1), TileOutput::Logits);
    }

    #[test]
    fn unfit_folds_are_refused() {
        let patch = [16, 16, 32];
        let refused = |folds: &[FoldRunner]| matches!(Ensemble::new(folds, patch), Err(PipelineError::Folds(_)));
        assert!(refused(&[]));
        assert!(refused(&[affine_fold(Affine::new([32; 3], &[1.0]))]));
        assert!(refused(&[affine_fold(Affine::new(patch, &[1.0])), affine_fold(Affine::new(patch, &[1.0, 2.0]))]));
        let mut headed = affine_fold(Affine::new(patch, &[1.0, 2.0]));
        headed.head = Some(Head { weight_kc: vec![1.0; 5], bias: vec![0.0; 3] });
        assert!(refused(&[headed]));
    }
}
