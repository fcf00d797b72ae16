//! Results on their way to host memory.

use std::ops::Range;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::Instant;

use super::context::{Gpu, HUNG};
use crate::runner::EngineError;

/// Largest piece of a result copied to host memory at once.
pub(super) const READBACK_BYTES: usize = 64 << 20;

/// Readback buffers a window may have; further finished planes wait on the device.
pub(super) const READBACKS: usize = 8;

/// A buffer that results are copied to.
pub(super) fn readback_buffer(gpu: &Gpu, bytes: usize) -> wgpu::Buffer {
    gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("readback"),
        size: bytes as u64,
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    })
}

/// A buffer whose content host memory will see once the device has done what was submitted before.
pub(super) struct Readback {
    buffer: wgpu::Buffer,
    mapping: Receiver<Result<(), wgpu::BufferAsyncError>>,
    mapped: bool,
}

impl Readback {
    /// Asks for the first `bytes` of a buffer; the copy into it has been submitted.
    pub(super) fn new(buffer: wgpu::Buffer, bytes: usize) -> Self {
        let (sender, mapping) = sync_channel(1);
        buffer.slice(..bytes as u64).map_async(wgpu::MapMode::Read, move |result| {
            // The receiver is gone only when nobody wants the result any more.
            let _ = sender.send(result);
        });
        Self { buffer, mapping, mapped: false }
    }

    /// Whether the content is here.
    pub(super) fn is_here(&mut self) -> Result<bool, EngineError> {
        if !self.mapped {
            match self.mapping.try_recv() {
                Ok(result) => result.map_err(|e| EngineError::Device(e.to_string()))?,
                Err(TryRecvError::Empty) => return Ok(false),
                Err(error @ TryRecvError::Disconnected) => return Err(EngineError::Device(error.to_string())),
            }
            self.mapped = true;
        }
        Ok(true)
    }

    /// Waits for the content. Once may not do: where several threads wait for one device, one of them hears of all that has
    /// arrived, and passes it on when the others may have gone on.
    pub(super) fn arrive(&mut self, gpu: &Gpu) -> Result<(), EngineError> {
        let started = Instant::now();
        while !self.is_here()? {
            if started.elapsed() > HUNG {
                return Err(EngineError::Device("a result did not arrive".to_owned()));
            }
            gpu.wait(None)?;
            std::thread::yield_now();
        }
        Ok(())
    }

    /// Shows a part of the content; it must be here.
    pub(super) fn read(&self, bytes: Range<usize>, look: impl FnOnce(&[u8])) -> Result<(), EngineError> {
        let view = self.buffer.slice(bytes.start as u64..bytes.end as u64).get_mapped_range();
        look(&view.map_err(|e| EngineError::Device(e.to_string()))?);
        Ok(())
    }

    /// Gives the buffer back for the next copy.
    pub(super) fn release(self) -> wgpu::Buffer {
        self.buffer.unmap();
        self.buffer
    }
}

/// Finished planes in one readback buffer.
pub(super) struct Arrival {
    pub(super) readback: Readback,
    planes: usize,
    /// The next one to hand on.
    pub(super) next: usize,
}

impl Arrival {
    /// Asks for `bytes` with so many planes; the copy has been submitted.
    pub(super) fn new(buffer: wgpu::Buffer, bytes: usize, planes: usize) -> Self {
        Self { readback: Readback::new(buffer, bytes), planes, next: 0 }
    }

    /// Counts a plane as handed on; whether it was the last.
    pub(super) fn advance(&mut self) -> bool {
        self.next += 1;
        self.next == self.planes
    }
}
