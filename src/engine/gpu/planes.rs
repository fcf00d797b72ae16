//! Planes of 32-bit values in device memory: an image, weights, sums, packed labels.

use std::ops::Range;

use super::context::{ALIGN_BYTES, Gpu};
use super::submit::{Step, binding};
use crate::plan::Limits;
use crate::runner::EngineError;

/// Planes of equal size, each at an offset that can be bound, in as many buffers as limits on bindings ask for.
pub(super) struct Planes {
    buffers: Vec<wgpu::Buffer>,
    per_buffer: usize,
    /// Planes in all.
    pub(super) count: usize,
    /// Distance between planes, in values.
    pub(super) stride: usize,
}

impl Planes {
    /// Allocates `count` planes of `len` values, all zero.
    pub(super) fn new(gpu: &Gpu, limits: &Limits, what: &'static str, count: usize, len: usize) -> Result<Self, EngineError> {
        let bytes = plane_bytes(len) as u64;
        let per_buffer = (limits.binding_bytes.min(limits.buffer_bytes) / bytes).min(count as u64) as usize;
        if per_buffer == 0 {
            let have = limits.binding_bytes >> 10;
            return Err(EngineError::DoesNotFit(format!(
                "a plane of {what} needs a {} KiB binding, the device allows {have} KiB",
                bytes >> 10
            )));
        }
        let buffers = gpu.allocated(what, count as u64 * bytes, || {
            let starts = (0..count).step_by(per_buffer);
            starts.map(|start| gpu.storage_buffer(what, (count - start).min(per_buffer) as u64 * bytes)).collect()
        })?;
        Ok(Self { buffers, per_buffer, count, stride: plane_bytes(len) / size_of::<f32>() })
    }

    /// Bytes of a plane, padding included.
    pub(super) fn plane_bytes(&self) -> usize {
        self.stride * size_of::<f32>()
    }

    /// How many of `wanted` planes from `first` on can be bound together.
    pub(super) fn together(&self, first: usize, wanted: usize) -> usize {
        wanted.min(self.per_buffer - first % self.per_buffer).min(self.count - first)
    }

    /// Planes that lie [`together`](Self::together).
    pub(super) fn binding(&self, first: usize, planes: usize) -> wgpu::BindingResource<'_> {
        binding(self.buffer(first), self.bytes(first, planes))
    }

    /// Copies planes that lie together to the start of a buffer.
    pub(super) fn copy(&self, first: usize, planes: usize, to: &wgpu::Buffer, offset: usize) -> Step {
        let bytes = self.bytes(first, planes);
        Step::Copy { from: self.buffer(first).clone(), bytes: bytes.start as u64..bytes.end as u64, to: to.clone(), offset: offset as u64 }
    }

    /// Fills planes that lie together with zeros.
    pub(super) fn clear(&self, first: usize, planes: usize) -> Step {
        let bytes = self.bytes(first, planes);
        Step::Clear { buffer: self.buffer(first).clone(), bytes: bytes.start as u64..bytes.end as u64 }
    }

    /// Sends one plane to the device.
    pub(super) fn write(&self, gpu: &Gpu, plane: usize, values: &[f32]) {
        gpu.queue.write_buffer(self.buffer(plane), self.bytes(plane, 1).start as u64, bytemuck::cast_slice(values));
    }

    fn buffer(&self, plane: usize) -> &wgpu::Buffer {
        &self.buffers[plane / self.per_buffer]
    }

    fn bytes(&self, first: usize, planes: usize) -> Range<usize> {
        let start = first % self.per_buffer;
        start * self.plane_bytes()..(start + planes) * self.plane_bytes()
    }
}

/// Bytes of a plane of `len` values, padding included.
pub(super) fn plane_bytes(len: usize) -> usize {
    (len * size_of::<f32>()).next_multiple_of(ALIGN_BYTES)
}
