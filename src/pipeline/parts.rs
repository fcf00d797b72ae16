//! Finished parts of a mask, handed on while later tiles run, and how sure the model is of them.

use mednext::LabelRule;
use ndarray::{ArrayView2, ArrayView3, Axis};
use volume::Region;

use crate::preprocess::Frame;

/// Final labels of a one-voxel thick part of the scan. Voxels that no part covers lie outside the non-zero region: background.
#[derive(Debug)]
pub struct FinishedPart<'a> {
    /// Voxels covered, in the scan's indices.
    pub region: Region,
    /// Values, (z, y, x) along the scan's axes.
    pub labels: ArrayView3<'a, u16>,
    /// 0 (certain) to 255 (undecided), of the same shape.
    pub doubt: ArrayView3<'a, u8>,
    /// Whether no other part follows before more of the model's grid is finished.
    pub last: bool,
    /// How much is handed on with this part.
    pub handed_on: HandedOn,
}

/// How much of a mask was handed on, so that another run of the same networks on the same scan can go on from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandedOn {
    /// Whether the model's grid is finished plane by plane, as graphics devices do it, or brick by brick, as the CPU does.
    pub in_planes: bool,
    /// Planes or bricks of which every part was handed on.
    pub count: usize,
}

/// Receives finished parts. What it does counts as a part of the run.
pub type PartSink<'a> = dyn FnMut(FinishedPart<'_>) -> Result<(), Box<dyn std::error::Error + Send + Sync>> + 'a;

/// A tile that is about to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TilePlace {
    /// The network run it begins with, from 0.
    pub run: usize,
    /// Network runs in all.
    pub runs: usize,
    /// Where it lies, in the scan's indices.
    pub region: Region,
}

/// Told before tiles run, once where several networks and mirrorings follow one another at the same place.
pub type TileSink<'a> = dyn FnMut(TilePlace) + 'a;

/// Knows where every network run lies.
pub(crate) struct Tiles<'a> {
    pub(crate) sink: Option<&'a mut TileSink<'a>>,
    pub(crate) frame: &'a Frame,
    pub(crate) patch: [usize; 3],
    /// First voxel of every run's tile on the network's grid; empty where nobody listens.
    pub(crate) origins: Vec<[isize; 3]>,
}

impl Tiles<'_> {
    /// Tells where run `run` lies, unless it follows another at the same place.
    pub(crate) fn next(&mut self, run: usize) {
        let (Some(sink), Some(origin)) = (&mut self.sink, self.origins.get(run)) else { return };
        if run == 0 || self.origins[run - 1] != *origin {
            sink(TilePlace { run, runs: self.origins.len(), region: place(self.frame, self.patch, *origin) });
        }
    }
}

/// The voxels of the scan below a tile.
fn place(frame: &Frame, patch: [usize; 3], origin: [isize; 3]) -> Region {
    let crop = frame.crop.size_zyx();
    let clamped = |axis: usize, index: isize| index.clamp(0, frame.size[axis] as isize) as usize;
    let part = Region {
        start_zyx: std::array::from_fn(|a| frame.crop.start_zyx[a] + clamped(a, origin[a]) * crop[a] / frame.size[a]),
        end_zyx: std::array::from_fn(|a| {
            frame.crop.start_zyx[a] + (clamped(a, origin[a] + patch[a] as isize) * crop[a]).div_ceil(frame.size[a])
        }),
    };
    frame.order.region_back(part, frame.scan_size)
}

/// One plane of the crop, `part` in the network's axes, as the scan has it.
pub(crate) fn finished<'a>(
    frame: &Frame,
    part: Region,
    labels: ArrayView2<'a, u16>,
    doubt: ArrayView2<'a, u8>,
    last: bool,
    handed_on: HandedOn,
) -> FinishedPart<'a> {
    fn back<'a, T>(frame: &Frame, plane: ArrayView2<'a, T>) -> ArrayView3<'a, T> {
        frame.order.view_back(plane.insert_axis(Axis(0)).insert_axis(Axis(0))).index_axis_move(Axis(0), 0)
    }
    let region = frame.order.region_back(part, frame.scan_size);
    FinishedPart { region, labels: back(frame, labels), doubt: back(frame, doubt), last, handed_on }
}

/// How close the decision was, from logits (classes, columns). Of classes: the ratio of the second largest probability to the largest,
/// which needs no sum over classes. Of regions: twice the smaller of p and 1 - p, of the least certain region.
pub(crate) fn doubt(rule: &LabelRule, logits: &[f32], labels: &[u16], second: &mut Vec<f32>, doubt: &mut [u8]) {
    let columns = labels.len();
    match rule {
        LabelRule::Argmax => {
            second.clear();
            second.resize(columns, f32::NEG_INFINITY);
            for (class, logits) in logits.chunks_exact(columns).enumerate() {
                for ((second, label), logit) in second.iter_mut().zip(labels).zip(logits) {
                    if usize::from(*label) != class && logit > second {
                        *second = *logit;
                    }
                }
            }
            for (column, (doubt, label)) in doubt.iter_mut().zip(labels).enumerate() {
                *doubt = to_byte((second[column] - logits[usize::from(*label) * columns + column]).exp());
            }
        }
        LabelRule::Regions { .. } => {
            for logits in logits.chunks_exact(columns) {
                for (doubt, logit) in doubt.iter_mut().zip(logits) {
                    *doubt = (*doubt).max(to_byte(2.0 / (1.0 + logit.abs().exp())));
                }
            }
        }
    }
}

fn to_byte(share: f32) -> u8 {
    (share * 255.0).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubt_of_classes_is_the_ratio_of_the_two_likeliest() {
        // Two columns: a clear one, and one between classes 1 and 2.
        let logits = [0.0, 0.0, 9.0, 1.0, -3.0, 1.0 - std::f32::consts::LN_2];
        let (mut second, mut found) = (Vec::new(), [0; 2]);
        doubt(&LabelRule::Argmax, &logits, &[1, 1], &mut second, &mut found);
        assert_eq!(found, [0, 128]);
        let mut alone = [7; 2];
        doubt(&LabelRule::Argmax, &logits[..2], &[0, 0], &mut second, &mut alone);
        assert_eq!(alone, [0; 2]);
    }

    #[test]
    fn doubt_of_regions_is_that_of_the_least_certain() {
        let logits = [8.0, 0.0, -20.0, 30.0];
        let mut found = [0; 2];
        doubt(&LabelRule::Regions { values: vec![1, 2] }, &logits, &[1, 2], &mut Vec::new(), &mut found);
        assert_eq!(found, [0, 255]);
    }
}
