//! An activation in a buffer, and its translation from and to plain channel-first arrays.

use super::{ALIGN, Range, Source, Vec4};

/// `[z][channel/4][y][x]` of vec4 at the start of a buffer; planes are padded to [`ALIGN`] so that each can be bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tensor {
    /// Index into the plan's buffers.
    pub buffer: usize,
    /// Channels that mean something; the rest of the last vec4 is zero.
    pub channels: usize,
    /// Voxels along z, y, x.
    pub size_zyx: [usize; 3],
}

impl Tensor {
    /// Groups of four channels.
    pub fn channels4(&self) -> usize {
        self.channels.div_ceil(4)
    }

    /// Voxels of one plane.
    pub fn plane_voxels(&self) -> usize {
        self.size_zyx[1] * self.size_zyx[2]
    }

    /// Distance between planes, in vec4.
    pub fn plane(&self) -> usize {
        (self.channels4() * self.plane_voxels()).next_multiple_of(ALIGN)
    }

    /// Whole extent, in vec4.
    pub fn len(&self) -> usize {
        self.size_zyx[0] * self.plane()
    }

    /// Voxels.
    pub fn voxels(&self) -> usize {
        self.size_zyx.iter().product()
    }

    /// The planes `start..end` as a binding.
    pub fn planes(&self, start: usize, end: usize) -> Range {
        Range { source: Source::Buffer(self.buffer), start: start * self.plane(), len: (end - start) * self.plane() }
    }

    /// Fills `to` (whole tensor) from a (channel, z, y, x) array.
    pub fn pack(&self, from: &[f32], to: &mut [Vec4]) {
        let (volume, area) = (self.voxels(), self.plane_voxels());
        for (z, plane) in to.chunks_mut(self.plane()).take(self.size_zyx[0]).enumerate() {
            if !self.channels.is_multiple_of(4) {
                // What the buffer held before may be infinite, and zero weights would not undo that.
                plane[self.channels / 4 * area..][..area].fill(Vec4::default());
            }
            for (c, values) in (0..self.channels).map(|c| (c, &from[c * volume + z * area..][..area])) {
                for (to, value) in plane[c / 4 * area..][..area].iter_mut().zip(values) {
                    to.0[c % 4] = *value;
                }
            }
        }
    }

    /// Fills a (channel, z, y, x) array from planes `first_plane..` of this tensor.
    pub fn unpack(&self, from: &[Vec4], first_plane: usize, to: &mut [f32]) {
        let (volume, area) = (self.voxels(), self.plane_voxels());
        for (z, plane) in from.chunks_exact(self.plane()).enumerate() {
            for c in 0..self.channels {
                let values = &mut to[c * volume + (first_plane + z) * area..][..area];
                for (value, from) in values.iter_mut().zip(&plane[c / 4 * area..]) {
                    *value = from.0[c % 4];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_round_trips_with_padding() {
        let tensor = Tensor { buffer: 0, channels: 6, size_zyx: [3, 2, 5] };
        let values: Vec<f32> = (0..6 * 30).map(|i| i as f32).collect();
        let mut packed = vec![Vec4([f32::NAN; 4]); tensor.len()];
        tensor.pack(&values, &mut packed);
        assert_eq!(packed[tensor.plane() + 10 + 3].0, [133.0, 163.0, 0.0, 0.0], "plane 1, channels 4 and 5, voxel 3");
        let mut back = vec![0.0; values.len()];
        tensor.unpack(&packed[..tensor.plane()], 0, &mut back);
        tensor.unpack(&packed[tensor.plane()..], 1, &mut back);
        assert_eq!(back, values);
    }
}
