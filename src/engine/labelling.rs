//! How finished planes of sums become labels: plain tables, so that a device needs to know nothing of scans and models.

use bytemuck::{Pod, Zeroable};

/// Two samples an output position reads, and the weight of the last.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
pub struct Tap {
    /// Index of the first sample.
    pub first: u32,
    /// Index of the last sample: the first or the one after.
    pub last: u32,
    /// Weight of the last; the first has what is missing to one.
    pub weight: f32,
}

impl Tap {
    /// The value between its two samples.
    pub fn blend(self, first: f32, last: f32) -> f32 {
        first * (1.0 - self.weight) + last * self.weight
    }
}

/// Which class gives a voxel its label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// The first class of largest logit.
    Largest,
    /// The last class of positive logit; label 0 where there is none.
    LastPositive,
}

/// A linear layer over summed channels.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearHead {
    /// Weights, (classes, channels).
    pub weight_kc: Vec<f32>,
    /// One bias per class.
    pub bias: Vec<f32>,
}

/// From planes of sums to planes of labels on another grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Labelling {
    /// What each position of the labels' grid reads, along z, y and x; rising.
    pub taps: [Vec<Tap>; 3],
    /// Turns summed channels into logits; absent where logits are summed.
    pub head: Option<LinearHead>,
    /// Which class gives the label.
    pub pick: Pick,
    /// Label of each class.
    pub values: Vec<u16>,
}

impl Labelling {
    /// Planes, rows and columns of labels.
    pub fn size(&self) -> [usize; 3] {
        std::array::from_fn(|a| self.taps[a].len())
    }

    /// Planes of labels that need no plane of sums from `end` on.
    pub fn ready(&self, end: usize) -> usize {
        self.taps[0].partition_point(|tap| (tap.last as usize) < end)
    }

    /// The first plane of sums that planes of labels from `plane` on read; `end` if there are none.
    pub fn needed(&self, plane: usize, end: usize) -> usize {
        self.taps[0].get(plane).map_or(end, |tap| tap.first as usize)
    }

    /// Whether a label takes two bytes.
    pub(crate) fn is_wide(&self) -> bool {
        self.values.iter().any(|value| *value > u16::from(u8::MAX))
    }

    /// Voxels of a row in fours, the last one padded.
    pub(crate) fn groups(&self) -> usize {
        self.taps[2].len().div_ceil(4)
    }

    /// Words of a plane of labels.
    pub(crate) fn words(&self) -> usize {
        self.taps[1].len() * self.groups() * if self.is_wide() { 2 } else { 1 }
    }

    /// A plane of labels from the words a device has written.
    pub(crate) fn unpack(&self, words: &[u32]) -> Vec<u16> {
        let [_, rows, columns] = self.size();
        let mut labels = Vec::with_capacity(rows * columns);
        let per_word = if self.is_wide() { 2 } else { 4 };
        let (bits, mask) = (32 / per_word, u32::MAX >> (32 - 32 / per_word));
        for row in words[..self.words()].chunks_exact(self.groups() * 4 / per_word) {
            labels.extend((0..columns).map(|x| (row[x / per_word] >> (x % per_word * bits) & mask) as u16));
        }
        labels
    }

    /// The head as `plane_head.wgsl` reads it: eight classes together, their biases and then their weights channel by channel.
    pub(crate) fn packed_head(&self) -> Option<Vec<f32>> {
        let LinearHead { weight_kc, bias } = self.head.as_ref()?;
        let channels = weight_kc.len() / bias.len();
        let mut packed = Vec::with_capacity(bias.len().next_multiple_of(8) * (channels + 1));
        for first in (0..bias.len()).step_by(8) {
            let classes = || (first..first + 8).map(|k| Some(k).filter(|k| *k < bias.len()));
            packed.extend(classes().map(|k| k.map_or(0.0, |k| bias[k])));
            for c in 0..channels {
                packed.extend(classes().map(|k| k.map_or(0.0, |k| weight_kc[k * channels + c])));
            }
        }
        Some(packed)
    }
}

/// What a window hands on.
#[derive(Debug, Clone, PartialEq)]
pub enum Finished {
    /// A plane of sums: (channels and sum of weights, rows, columns).
    Sums(Vec<f32>),
    /// A plane of labels, (rows, columns).
    Labels {
        /// The labels.
        labels: Vec<u16>,
        /// Whether all means so far are finite.
        finite: bool,
    },
}
