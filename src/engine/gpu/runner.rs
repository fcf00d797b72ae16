//! Encodes a plan's commands and reads results back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::context::{ALIGN_BYTES, Gpu};
use super::half;
use super::readback::{READBACK_BYTES, Readback, readback_buffer};
use super::submit::{Pace, Step, binding};
use crate::plan::{Command, Dispatch, Plan, Precision, Range, Source, Tensor, Vec4};
use crate::runner::{EngineError, Runner};

/// Runs a plan on a graphics device.
pub struct GpuRunner {
    gpu: Arc<Gpu>,
    plan: Plan,
    steps: Vec<Step>,
    arena: Arc<Arena>,
    staging: Vec<Vec4>,
}

/// Working buffers of one plan; runners of equal plans take turns in them.
pub(super) struct Arena {
    buffers: Vec<wgpu::Buffer>,
    /// Held from the upload of a tile until its result is read, or until what reads it is queued behind.
    pace: Mutex<Pace>,
}

impl Arena {
    pub(super) fn turn(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl GpuRunner {
    /// Compiles kernels, uploads weights and allocates the plan's buffers.
    pub fn new(gpu: Arc<Gpu>, plan: Plan) -> Result<Self, EngineError> {
        let buffers = gpu.allocated("working memory", plan.bytes(), || {
            plan.buffers.iter().map(|buffer| gpu.storage_buffer(buffer.name, buffer.bytes())).collect()
        })?;
        let pace = Mutex::new(Pace::new(gpu.limits().dispatch_flops));
        Self::with_arena(gpu, plan, Arc::new(Arena { buffers, pace }))
    }

    /// A runner for another plan of the same buffers, which it shares: folds of an ensemble run one after another.
    pub(crate) fn sibling(&self, plan: Plan) -> Result<Self, EngineError> {
        assert_eq!(plan.buffers, self.plan.buffers, "siblings differ in weights only");
        Self::with_arena(Arc::clone(&self.gpu), plan, Arc::clone(&self.arena))
    }

    fn with_arena(gpu: Arc<Gpu>, mut plan: Plan, arena: Arc<Arena>) -> Result<Self, EngineError> {
        let weight_bytes = (plan.weights.len() * size_of::<Vec4>()) as u64;
        let weights = gpu.allocated("weights", weight_bytes, || gpu.storage_buffer("weights", weight_bytes))?;
        gpu.upload(&weights, bytemuck::cast_slice(&plan.weights))?;
        // The device has them now.
        plan.weights = Vec::new();
        let params = params_buffer(&gpu, &plan);

        let mut dispatches = 0;
        let steps = plan
            .commands
            .iter()
            .map(|command| match command {
                Command::Clear(buffer) => Step::Clear { buffer: arena.buffers[*buffer].clone(), bytes: 0..arena.buffers[*buffer].size() },
                Command::Copy { from, to } => copy(&plan, from, to, &arena.buffers),
                Command::Dispatch(dispatch) => {
                    dispatches += 1;
                    let offset = (dispatches - 1) * ALIGN_BYTES;
                    step(&gpu, &plan, dispatch, &params, offset, &arena.buffers, &weights)
                }
            })
            .collect();
        gpu.check()?;
        Ok(Self { gpu, plan, steps, arena, staging: Vec::new() })
    }

    /// Device it runs on.
    pub(super) fn gpu_device(&self) -> &Arc<Gpu> {
        &self.gpu
    }

    /// Buffers it works in.
    pub(super) fn arena(&self) -> &Arc<Arena> {
        &self.arena
    }

    /// Whether it should make labels of sums, too: software drivers leave that to the host's own code.
    pub fn labels_fast(&self) -> bool {
        !self.gpu.is_software()
    }

    /// How activations are stored.
    pub(super) fn precision(&self) -> Precision {
        self.plan.precision
    }

    /// Where a tile goes, and the buffer it lies in.
    pub(super) fn input(&self) -> (Tensor, &wgpu::Buffer) {
        (self.plan.input, &self.arena.buffers[self.plan.input.buffer])
    }

    /// Where the result lies when all steps are done.
    pub(super) fn output(&self) -> (Tensor, &wgpu::Buffer) {
        (self.plan.outputs[0], &self.arena.buffers[self.plan.outputs[0].buffer])
    }

    /// Queues the network between steps that write its input and steps that read its output.
    pub(super) fn queue(&self, before: &[Step], after: &[Step], cancelled: &dyn Fn() -> bool) -> Result<(), EngineError> {
        self.arena.turn().run(&self.gpu, before.iter().chain(&self.steps).chain(after), cancelled)
    }

    /// Runs the plan and returns every output as a (channel, z, y, x) array.
    pub fn run_all(&mut self, input: &[f32], cancelled: &dyn Fn() -> bool) -> Result<Vec<Vec<f32>>, EngineError> {
        let arena = Arc::clone(&self.arena);
        let mut turn = arena.turn();
        self.execute(input, &mut turn, cancelled)?;
        let outputs = self.plan.outputs.iter().map(|tensor| {
            let mut values = vec![0.0; tensor.channels * tensor.voxels()];
            self.read(*tensor, &mut turn, &mut values)?;
            Ok(values)
        });
        outputs.collect()
    }

    /// Time of one run on what the buffers hold, without upload and reading back.
    pub(crate) fn time(&self) -> Result<Duration, EngineError> {
        let mut turn = self.arena.turn();
        let started = Instant::now();
        turn.run(&self.gpu, self.steps.iter(), &|| false)?;
        turn.finish(&self.gpu)?;
        Ok(started.elapsed())
    }

    /// Runs every dispatch in a submission of its own and hands its time, waiting included, to `observe`.
    pub(crate) fn profile(&mut self, input: &[f32], observe: &mut dyn FnMut(&Dispatch, Duration)) -> Result<(), EngineError> {
        let arena = Arc::clone(&self.arena);
        let mut turn = arena.turn();
        self.upload(input);
        turn.finish(&self.gpu)?;
        for (step, command) in self.steps.iter().zip(&self.plan.commands) {
            let started = Instant::now();
            turn.run(&self.gpu, std::iter::once(step), &|| false)?;
            turn.finish(&self.gpu)?;
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

    fn execute(&mut self, input: &[f32], pace: &mut Pace, cancelled: &dyn Fn() -> bool) -> Result<(), EngineError> {
        self.upload(input);
        pace.run(&self.gpu, self.steps.iter(), cancelled)?;
        pace.finish(&self.gpu)
    }

    /// Copies a tensor to the host piece by piece.
    fn read(&self, tensor: Tensor, pace: &mut Pace, output: &mut [f32]) -> Result<(), EngineError> {
        let plane_bytes = tensor.plane() * self.plan.precision.vec4_bytes() as usize;
        let step = (READBACK_BYTES / plane_bytes).clamp(1, tensor.size_zyx[0]);
        let mut buffer = readback_buffer(&self.gpu, step * plane_bytes);
        for z in (0..tensor.size_zyx[0]).step_by(step) {
            let planes = step.min(tensor.size_zyx[0] - z);
            let from = self.arena.buffers[tensor.buffer].clone();
            let bytes = (z * plane_bytes) as u64..((z + planes) * plane_bytes) as u64;
            let copy = Step::Copy { from, bytes, to: buffer.clone(), offset: 0 };
            pace.run(&self.gpu, std::iter::once(&copy), &|| false)?;
            let mut readback = Readback::new(buffer, planes * plane_bytes);
            pace.finish(&self.gpu)?;
            readback.arrive(&self.gpu)?;
            readback.read(0..planes * plane_bytes, |bytes| match self.plan.precision {
                Precision::F32 => tensor.unpack(bytemuck::cast_slice(bytes), z, output),
                Precision::F16 => tensor.unpack(&half::widen(bytemuck::cast_slice(bytes)), z, output),
            })?;
            buffer = readback.release();
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
        let mut turn = arena.turn();
        self.execute(input, &mut turn, cancelled)?;
        self.read(self.plan.outputs[0], &mut turn, output)
    }

    fn gpu(&mut self) -> Option<&mut GpuRunner> {
        Some(self)
    }
}

/// All uniform blocks, one per dispatch.
fn params_buffer(gpu: &Gpu, plan: &Plan) -> wgpu::Buffer {
    let mut bytes = Vec::new();
    for command in &plan.commands {
        if let Command::Dispatch(dispatch) = command {
            bytes.extend_from_slice(&dispatch.params);
            bytes.resize(bytes.len().next_multiple_of(ALIGN_BYTES), 0);
        }
    }
    let buffer = gpu.uniform_buffer("params", bytes.len() as u64);
    gpu.queue.write_buffer(&buffer, 0, &bytes);
    buffer
}

fn copy(plan: &Plan, from: &Range, to: &Range, buffers: &[wgpu::Buffer]) -> Step {
    let place = |range: &Range| {
        let Source::Buffer(buffer) = range.source else { unreachable!("weights are never copied") };
        let bytes = plan.range_bytes(range);
        (buffers[buffer].clone(), bytes.start as u64..bytes.end as u64)
    };
    let ((from, bytes), (to, target)) = (place(from), place(to));
    Step::Copy { from, bytes, to, offset: target.start }
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
    let storage = |range: &Range| {
        let buffer = match range.source {
            Source::Weights => weights,
            Source::Buffer(buffer) => &buffers[buffer],
        };
        binding(buffer, plan.range_bytes(range))
    };
    let params = binding(params, offset..offset + dispatch.params.len());
    let bindings: Vec<_> = std::iter::once(params).chain(dispatch.reads.iter().chain(&dispatch.writes).map(storage)).collect();
    Step::dispatch(gpu, dispatch.kernel, plan.precision, &bindings, dispatch.groups, dispatch.flops)
}
