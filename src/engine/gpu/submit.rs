//! Work on its way to the device: short submissions, few at a time, so that a desktop stays usable and a wish to stop is heard.

use std::collections::VecDeque;
use std::iter::Peekable;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::context::Gpu;
use crate::kernels::Kernel;
use crate::plan::Precision;
use crate::runner::{Cancelled, EngineError};

/// Time one submission should take; drivers reset a device that is busy for two seconds, and the desktop shares it.
const SUBMISSION_SECONDS: f64 = 0.05;
/// Submissions the device may have queued, so that it never waits for the host.
const IN_FLIGHT: usize = 2;
/// Arithmetic a device does in the time it moves a byte, roughly the same on all: the cost of steps that compute little.
pub(super) const FLOPS_PER_BYTE: u64 = 8;

/// One thing the device does.
pub(super) enum Step {
    Dispatch { pipeline: wgpu::ComputePipeline, bindings: wgpu::BindGroup, groups: [u32; 3], flops: u64 },
    Clear { buffer: wgpu::Buffer, bytes: Range<u64> },
    Copy { from: wgpu::Buffer, bytes: Range<u64>, to: wgpu::Buffer, offset: u64 },
}

impl Step {
    pub(super) fn dispatch(
        gpu: &Gpu,
        kernel: Kernel,
        precision: Precision,
        bindings: &[wgpu::BindingResource<'_>],
        groups: [u32; 3],
        flops: u64,
    ) -> Self {
        let pipeline = gpu.pipeline(kernel, precision);
        let entries: Vec<wgpu::BindGroupEntry<'_>> = bindings
            .iter()
            .enumerate()
            .map(|(i, resource)| wgpu::BindGroupEntry { binding: i as u32, resource: resource.clone() })
            .collect();
        let bindings = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(kernel.name()),
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        Self::Dispatch { pipeline, bindings, groups, flops }
    }

    fn flops(&self) -> u64 {
        match self {
            Self::Dispatch { flops, .. } => *flops,
            Self::Clear { bytes, .. } => (bytes.end - bytes.start) * FLOPS_PER_BYTE,
            Self::Copy { bytes, .. } => 2 * (bytes.end - bytes.start) * FLOPS_PER_BYTE,
        }
    }
}

/// A part of a buffer.
pub(super) fn binding(buffer: &wgpu::Buffer, bytes: Range<usize>) -> wgpu::BindingResource<'_> {
    let size = Some(wgpu::BufferSize::new(bytes.len() as u64).expect("bindings are not empty"));
    wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset: bytes.start as u64, size })
}

/// Submissions the device has not finished, and how much a submission may hold.
pub(super) struct Pace {
    in_flight: VecDeque<(wgpu::SubmissionIndex, u64)>,
    /// Arithmetic that fits [`SUBMISSION_SECONDS`].
    budget: u64,
    /// When the device began with the oldest submission.
    since: Instant,
    measured_flops: u64,
    measured_time: Duration,
}

impl Pace {
    pub(super) fn new(budget: u64) -> Self {
        Self { in_flight: VecDeque::new(), budget, since: Instant::now(), measured_flops: 0, measured_time: Duration::ZERO }
    }

    /// Submits steps in order; the last of them may still run when this returns.
    pub(super) fn run<'a>(
        &mut self,
        gpu: &Gpu,
        steps: impl Iterator<Item = &'a Step>,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<(), EngineError> {
        self.adapt();
        let mut steps = steps.peekable();
        while steps.peek().is_some() {
            if cancelled() {
                self.finish(gpu)?;
                return Err(Cancelled.into());
            }
            let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            let flops = encode(&mut steps, self.budget, &mut encoder);
            if self.in_flight.is_empty() {
                self.since = Instant::now();
            }
            self.in_flight.push_back((gpu.queue.submit([encoder.finish()]), flops));
            if self.in_flight.len() > IN_FLIGHT {
                self.wait_for_oldest(gpu)?;
            }
        }
        Ok(())
    }

    /// Waits until the device has done everything.
    pub(super) fn finish(&mut self, gpu: &Gpu) -> Result<(), EngineError> {
        while !self.in_flight.is_empty() {
            self.wait_for_oldest(gpu)?;
        }
        gpu.wait(None)
    }

    fn wait_for_oldest(&mut self, gpu: &Gpu) -> Result<(), EngineError> {
        let Some((submission, flops)) = self.in_flight.pop_front() else { return Ok(()) };
        gpu.wait(Some(submission))?;
        let now = Instant::now();
        self.measured_flops += flops;
        self.measured_time += now - self.since;
        self.since = now;
        Ok(())
    }

    /// Sets the budget by what was measured since the last call.
    fn adapt(&mut self) {
        if self.measured_flops > 0 {
            let rate = self.measured_flops as f64 / self.measured_time.as_secs_f64().max(1e-3);
            self.budget = (rate * SUBMISSION_SECONDS).max(1e8) as u64;
            (self.measured_flops, self.measured_time) = (0, Duration::ZERO);
        }
    }
}

/// Encodes steps until `budget` is spent, at least one; returns what they hold.
fn encode<'a>(steps: &mut Peekable<impl Iterator<Item = &'a Step>>, budget: u64, encoder: &mut wgpu::CommandEncoder) -> u64 {
    let mut spent = 0;
    let mut pass: Option<wgpu::ComputePass<'static>> = None;
    while let Some(step) = steps.next_if(|step| spent == 0 || spent + step.flops() <= budget) {
        spent += step.flops();
        match step {
            Step::Dispatch { pipeline, bindings, groups, .. } => {
                let pass =
                    pass.get_or_insert_with(|| encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()).forget_lifetime());
                pass.set_pipeline(pipeline);
                pass.set_bind_group(0, bindings, &[]);
                pass.dispatch_workgroups(groups[0], groups[1], groups[2]);
            }
            Step::Clear { buffer, bytes } => {
                pass = None;
                encoder.clear_buffer(buffer, bytes.start, Some(bytes.end - bytes.start));
            }
            Step::Copy { from, bytes, to, offset } => {
                pass = None;
                encoder.copy_buffer_to_buffer(from, bytes.start, to, *offset, bytes.end - bytes.start);
            }
        }
    }
    spent
}
