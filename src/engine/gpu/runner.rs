//! Encodes a plan's commands and reads results back.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use wgpu::util::DeviceExt as _;

use super::context::Gpu;
use super::half;
use crate::plan::{Command, Dispatch, Plan, Precision, Range, Source, Tensor, Vec4};
use crate::runner::{Cancelled, EngineError, Runner};

/// Time one submission should take; drivers reset a device that is busy for two seconds, and the desktop shares it.
const SUBMISSION_SECONDS: f64 = 0.05;
/// Submissions the device may have queued, so that it never waits for the host.
const IN_FLIGHT: usize = 2;
/// Largest piece of a result copied to host memory at once.
const READBACK_BYTES: usize = 64 << 20;
/// Offset alignment of uniform bindings that every adapter accepts.
const UNIFORM_ALIGN: usize = 256;

/// Runs a plan on a graphics device.
pub struct GpuRunner {
    gpu: Arc<Gpu>,
    plan: Plan,
    steps: Vec<Step>,
    arena: Arc<Arena>,
    staging: Vec<Vec4>,
    submission_flops: u64,
}

/// Working buffers of one plan; runners of equal plans take turns in them.
struct Arena {
    buffers: Vec<wgpu::Buffer>,
    /// Held from the upload of a tile until its result is read.
    turn: Mutex<()>,
}

enum Step {
    Dispatch { pipeline: wgpu::ComputePipeline, bindings: wgpu::BindGroup, groups: [u32; 3], flops: u64 },
    Clear(usize),
}

impl GpuRunner {
    /// Compiles kernels, uploads weights and allocates the plan's buffers.
    pub fn new(gpu: Arc<Gpu>, plan: Plan) -> Result<Self, EngineError> {
        gpu.check()?;
        let out_of_memory = gpu.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let buffers: Vec<wgpu::Buffer> = plan.buffers.iter().map(|buffer| storage_buffer(&gpu, buffer.name, buffer.bytes())).collect();
        if let Some(error) = pollster::block_on(out_of_memory.pop()) {
            let mib = plan.bytes() >> 20;
            return Err(EngineError::DoesNotFit(format!("{mib} MiB could not be allocated ({error})")));
        }
        Self::with_arena(gpu, plan, Arc::new(Arena { buffers, turn: Mutex::new(()) }))
    }

    /// A runner for another plan of the same buffers, which it shares: folds of an ensemble run one after another.
    pub(crate) fn sibling(&self, plan: Plan) -> Result<Self, EngineError> {
        assert_eq!(plan.buffers, self.plan.buffers, "siblings differ in weights only");
        Self::with_arena(Arc::clone(&self.gpu), plan, Arc::clone(&self.arena))
    }

    fn with_arena(gpu: Arc<Gpu>, mut plan: Plan, arena: Arc<Arena>) -> Result<Self, EngineError> {
        let out_of_memory = gpu.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let weight_bytes = (plan.weights.len() * size_of::<Vec4>()) as u64;
        let weights = storage_buffer(&gpu, "weights", weight_bytes);
        if let Some(error) = pollster::block_on(out_of_memory.pop()) {
            let mib = weight_bytes >> 20;
            return Err(EngineError::DoesNotFit(format!("{mib} MiB of weights could not be allocated ({error})")));
        }
        gpu.queue.write_buffer(&weights, 0, bytemuck::cast_slice(&plan.weights));
        // The device has them now.
        plan.weights = Vec::new();
        let params = params_buffer(&gpu, &plan);

        let mut dispatches = 0;
        let steps = plan
            .commands
            .iter()
            .map(|command| match command {
                Command::Clear(buffer) => Step::Clear(*buffer),
                Command::Dispatch(dispatch) => {
                    dispatches += 1;
                    let offset = (dispatches - 1) * UNIFORM_ALIGN;
                    step(&gpu, &plan, dispatch, &params, offset, &arena.buffers, &weights)
                }
            })
            .collect();
        gpu.check()?;
        let submission_flops = gpu.limits().dispatch_flops;
        Ok(Self { gpu, plan, steps, arena, staging: Vec::new(), submission_flops })
    }

    /// Runs the plan and returns every output as a (channel, z, y, x) array.
    pub fn run_all(&mut self, input: &[f32], cancelled: &dyn Fn() -> bool) -> Result<Vec<Vec<f32>>, EngineError> {
        let arena = Arc::clone(&self.arena);
        let _turn = arena.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.execute(input, cancelled)?;
        let outputs = self.plan.outputs.iter().map(|tensor| {
            let mut values = vec![0.0; tensor.channels * tensor.voxels()];
            self.read(*tensor, &mut values)?;
            Ok(values)
        });
        outputs.collect()
    }

    /// Runs every dispatch in a submission of its own and hands its time, waiting included, to `observe`.
    pub(crate) fn profile(&mut self, input: &[f32], observe: &mut dyn FnMut(&Dispatch, Duration)) -> Result<(), EngineError> {
        let arena = Arc::clone(&self.arena);
        let _turn = arena.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.upload(input);
        wait(&self.gpu, None)?;
        for (step, command) in self.plan.commands.iter().enumerate() {
            let started = Instant::now();
            let mut encoder = self.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            encode(&self.steps[..=step], step, 0, &self.arena.buffers, &mut encoder);
            self.gpu.queue.submit([encoder.finish()]);
            wait(&self.gpu, None)?;
            if let Command::Dispatch(dispatch) = command {
                observe(dispatch, started.elapsed());
            }
        }
        Ok(())
    }

    fn upload(&mut self, input: &[f32]) {
        self.staging.resize(self.plan.input.len(), Vec4::default());
        self.plan.input.pack(input, &mut self.staging);
        let buffer = &self.arena.buffers[self.plan.input.buffer];
        match self.plan.precision {
            Precision::F32 => self.gpu.queue.write_buffer(buffer, 0, bytemuck::cast_slice(&self.staging)),
            Precision::F16 => self.gpu.queue.write_buffer(buffer, 0, bytemuck::cast_slice(&half::narrow(&self.staging))),
        }
    }

    fn execute(&mut self, input: &[f32], cancelled: &dyn Fn() -> bool) -> Result<(), EngineError> {
        self.upload(input);
        let Self { gpu, plan, steps, arena, submission_flops, .. } = self;
        let started = Instant::now();
        let mut in_flight = VecDeque::new();
        let mut next = 0;
        while next < steps.len() {
            if cancelled() {
                wait(gpu, None)?;
                return Err(Cancelled.into());
            }
            let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            next = encode(steps, next, *submission_flops, &arena.buffers, &mut encoder);
            in_flight.push_back(gpu.queue.submit([encoder.finish()]));
            if in_flight.len() > IN_FLIGHT {
                wait(gpu, in_flight.pop_front())?;
            }
        }
        wait(gpu, None)?;
        let rate = plan.flops() as f64 / started.elapsed().as_secs_f64().max(1e-3);
        *submission_flops = (rate * SUBMISSION_SECONDS).max(1e8) as u64;
        Ok(())
    }

    /// Copies a tensor to the host piece by piece.
    fn read(&self, tensor: Tensor, output: &mut [f32]) -> Result<(), EngineError> {
        let plane_bytes = tensor.plane() * self.plan.precision.vec4_bytes() as usize;
        let step = (READBACK_BYTES / plane_bytes).clamp(1, tensor.size_zyx[0]);
        let readback = self.gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("readback"),
            size: (step * plane_bytes) as u64,
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        for z in (0..tensor.size_zyx[0]).step_by(step) {
            let planes = step.min(tensor.size_zyx[0] - z);
            let bytes = (planes * plane_bytes) as u64;
            let mut encoder = self.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            encoder.copy_buffer_to_buffer(&self.arena.buffers[tensor.buffer], (z * plane_bytes) as u64, &readback, 0, bytes);
            self.gpu.queue.submit([encoder.finish()]);
            let (sender, receiver) = mpsc::sync_channel(1);
            readback.slice(..bytes).map_async(wgpu::MapMode::Read, move |result| {
                // The receiver is gone only if waiting failed, which is reported there.
                let _ = sender.send(result);
            });
            wait(&self.gpu, None)?;
            let mapped = receiver.recv().map_err(|e| EngineError::Device(e.to_string()))?;
            mapped.map_err(|e| EngineError::Device(e.to_string()))?;
            {
                let view = readback.slice(..bytes).get_mapped_range().map_err(|e| EngineError::Device(e.to_string()))?;
                match self.plan.precision {
                    Precision::F32 => tensor.unpack(bytemuck::cast_slice(&view), z, output),
                    Precision::F16 => tensor.unpack(&half::widen(bytemuck::cast_slice(&view)), z, output),
                }
            }
            readback.unmap();
        }
        self.gpu.check()
    }
}

impl Runner for GpuRunner {
    fn device(&self) -> &str {
        self.gpu.description()
    }

    fn patch(&self) -> [usize; 3] {
        self.plan.input.size_zyx
    }

    fn channels(&self) -> usize {
        self.plan.outputs[0].channels
    }

    fn run(&mut self, input: &[f32], output: &mut [f32], cancelled: &dyn Fn() -> bool) -> Result<(), EngineError> {
        let arena = Arc::clone(&self.arena);
        let _turn = arena.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.execute(input, cancelled)?;
        self.read(self.plan.outputs[0], output)
    }
}

fn storage_buffer(gpu: &Gpu, label: &'static str, bytes: u64) -> wgpu::Buffer {
    gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: Some(label),
        size: bytes.max(UNIFORM_ALIGN as u64),
        usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    })
}

/// All uniform blocks, one per dispatch.
fn params_buffer(gpu: &Gpu, plan: &Plan) -> wgpu::Buffer {
    let mut bytes = Vec::new();
    for command in &plan.commands {
        if let Command::Dispatch(dispatch) = command {
            bytes.extend_from_slice(&dispatch.params);
            bytes.resize(bytes.len().next_multiple_of(UNIFORM_ALIGN), 0);
        }
    }
    let contents = &bytes;
    gpu.device.create_buffer_init(&wgpu::util::BufferInitDescriptor { label: Some("params"), contents, usage: wgpu::BufferUsages::UNIFORM })
}

fn step(
    gpu: &Gpu,
    plan: &Plan,
    dispatch: &Dispatch,
    params: &wgpu::Buffer,
    offset: usize,
    buffers: &[wgpu::Buffer],
    weights: &wgpu::Buffer,
) -> Step {
    let pipeline = gpu.pipeline(dispatch.kernel, plan.precision);
    let binding = |buffer, offset: usize, size: usize| {
        let size = Some(wgpu::BufferSize::new(size as u64).expect("bindings are not empty"));
        wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset: offset as u64, size })
    };
    let storage = |range: &Range| {
        let buffer = match range.source {
            Source::Weights => weights,
            Source::Buffer(buffer) => &buffers[buffer],
        };
        let bytes = plan.range_bytes(range);
        binding(buffer, bytes.start, bytes.len())
    };
    let resources =
        std::iter::once(binding(params, offset, dispatch.params.len())).chain(dispatch.reads.iter().chain(&dispatch.writes).map(storage));
    let entries: Vec<wgpu::BindGroupEntry<'_>> =
        resources.enumerate().map(|(i, resource)| wgpu::BindGroupEntry { binding: i as u32, resource }).collect();
    let bindings = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: Some(dispatch.kernel.name()),
        layout: &pipeline.get_bind_group_layout(0),
        entries: &entries,
    });
    Step::Dispatch { pipeline, bindings, groups: dispatch.groups, flops: dispatch.flops }
}

/// Encodes steps from `next` on until `budget` is spent; returns the first step left.
fn encode(steps: &[Step], mut next: usize, budget: u64, buffers: &[wgpu::Buffer], encoder: &mut wgpu::CommandEncoder) -> usize {
    if let Step::Clear(buffer) = &steps[next] {
        encoder.clear_buffer(&buffers[*buffer], 0, None);
        return next + 1;
    }
    let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
    let mut spent = 0;
    while let Some(Step::Dispatch { pipeline, bindings, groups, flops }) = steps.get(next) {
        if spent > 0 && spent + flops > budget {
            break;
        }
        pass.set_pipeline(pipeline);
        pass.set_bind_group(0, bindings, &[]);
        pass.dispatch_workgroups(groups[0], groups[1], groups[2]);
        spent += flops;
        next += 1;
    }
    next
}

/// Waits for a submission, or for all of them.
fn wait(gpu: &Gpu, submission: Option<wgpu::SubmissionIndex>) -> Result<(), EngineError> {
    let poll = wgpu::PollType::Wait { submission_index: submission, timeout: None };
    gpu.device.poll(poll).map_err(|e| EngineError::Device(e.to_string()))?;
    gpu.check()
}
