//! The CPU executor: runs a plan with one twin per kernel, on all threads.

mod depthwise;
mod gelu;
mod grn;
mod hidden;
mod mlp;
mod norm;
mod peak;
mod plane;
mod pointwise;
mod product;
mod same;
mod store;
mod tile;
mod window;

pub use plane::plane_mean;
pub(crate) use plane::{head_logits, plane_features, plane_head, plane_label};
pub use window::{output_plane, tile_accumulate, tile_extract};

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytemuck::pod_read_unaligned;

use self::depthwise::Outputs;
use crate::kernels::Kernel;
use crate::memory::{allocate, check_memory};
use crate::plan::{Buffer, Command, Dispatch, Plan, Range, Source, Tensor, Vec4};
use crate::runner::{Cancelled, EngineError, OutputPlanes, Runner};

/// Working buffers of one plan; runners of equal plans take turns in them.
type Arena = Arc<Mutex<Vec<Vec<Vec4>>>>;

/// Runs a plan on the processor.
pub struct CpuRunner {
    plan: Plan,
    arena: Arena,
    device: String,
}

impl CpuRunner {
    /// Allocates the plan's buffers.
    pub fn new(plan: Plan) -> Result<Self, EngineError> {
        check_memory(plan.buffers.iter().map(Buffer::bytes).sum())?;
        let buffers: Result<_, _> = plan.buffers.iter().map(|buffer| allocate(buffer.len)).collect();
        Ok(Self { plan, arena: Arc::new(Mutex::new(buffers?)), device: describe() })
    }

    /// A runner for another plan of the same buffers, which it shares: folds of an ensemble run one after another.
    pub(crate) fn sibling(&self, plan: Plan) -> Self {
        assert_eq!(plan.buffers, self.plan.buffers, "siblings differ in weights only");
        Self { plan, arena: Arc::clone(&self.arena), device: self.device.clone() }
    }

    /// Runs the plan and returns every output as a (channel, z, y, x) array.
    pub fn run_all(&mut self, input: &[f32], cancelled: &dyn Fn() -> bool) -> Result<Vec<Vec<f32>>, EngineError> {
        let buffers = self.execute(input, cancelled, &mut |_, _| {})?;
        let outputs = self.plan.outputs.iter().map(|tensor| {
            let mut values = vec![0.0; tensor.channels * tensor.voxels()];
            tensor.unpack(&buffers[tensor.buffer][..tensor.len()], 0, &mut values);
            values
        });
        Ok(outputs.collect())
    }

    /// Runs the plan and hands the time of every dispatch to `observe`.
    pub(crate) fn profile(&mut self, input: &[f32], observe: &mut dyn FnMut(&Dispatch, Duration)) -> Result<(), EngineError> {
        self.execute(input, &|| false, observe).map(drop)
    }

    /// Runs all commands; the buffers stay locked until the results are read.
    fn execute(
        &self,
        input: &[f32],
        cancelled: &dyn Fn() -> bool,
        observe: &mut dyn FnMut(&Dispatch, Duration),
    ) -> Result<MutexGuard<'_, Vec<Vec<Vec4>>>, EngineError> {
        let mut buffers = self.arena.lock().unwrap_or_else(PoisonError::into_inner);
        self.plan.input.pack(input, &mut buffers[self.plan.input.buffer]);
        for command in &self.plan.commands {
            if cancelled() {
                return Err(Cancelled.into());
            }
            match command {
                Command::Clear(buffer) => buffers[*buffer].fill(Vec4::default()),
                Command::Copy { from, to } => copy(from, to, &mut buffers),
                Command::Dispatch(dispatch) => {
                    let started = Instant::now();
                    dispatch_on(dispatch, &self.plan.weights, &mut buffers);
                    observe(dispatch, started.elapsed());
                }
            }
        }
        Ok(buffers)
    }
}

/// The processor as a user knows it.
pub(crate) fn describe() -> String {
    format!("CPU ({} threads)", rayon::current_num_threads())
}

impl Runner for CpuRunner {
    fn device(&self) -> &str {
        &self.device
    }

    fn patch(&self) -> [usize; 3] {
        self.plan.input.size_zyx
    }

    fn channels(&self) -> usize {
        self.plan.outputs[0].channels
    }

    fn run(&mut self, input: &[f32], output: &mut [f32], cancelled: &dyn Fn() -> bool) -> Result<(), EngineError> {
        let tensor = self.plan.outputs[0];
        let buffers = self.execute(input, cancelled, &mut |_, _| {})?;
        tensor.unpack(&buffers[tensor.buffer][..tensor.len()], 0, output);
        Ok(())
    }

    fn run_planes(
        &mut self,
        input: &[f32],
        on_planes: &mut dyn FnMut(OutputPlanes<'_>),
        cancelled: &dyn Fn() -> bool,
    ) -> Result<(), EngineError> {
        let tensor = self.plan.outputs[0];
        let buffers = self.execute(input, cancelled, &mut |_, _| {})?;
        let mut values = Vec::new();
        for (i, planes) in buffers[tensor.buffer][..tensor.len()].chunks(OUTPUT_PLANES * tensor.plane()).enumerate() {
            let slab = Tensor { size_zyx: [planes.len() / tensor.plane(), tensor.size_zyx[1], tensor.size_zyx[2]], ..tensor };
            values.resize(slab.channels * slab.voxels(), 0.0);
            slab.unpack(planes, 0, &mut values);
            on_planes(OutputPlanes { first: i * OUTPUT_PLANES, planes: slab.size_zyx[0], values: &values });
        }
        Ok(())
    }
}

/// Planes of a result handed on at once: with several bricks to each, enough to share among all threads.
const OUTPUT_PLANES: usize = 4;

/// The buffer a range that is written lies in.
fn written(range: &Range) -> usize {
    let Source::Buffer(buffer) = range.source else { unreachable!("weights are read-only") };
    buffer
}

fn copy(from: &Range, to: &Range, buffers: &mut [Vec<Vec4>]) {
    let mut target = std::mem::take(&mut buffers[written(to)]);
    target[to.start..][..to.len].copy_from_slice(slice(from, &[], buffers));
    buffers[written(to)] = target;
}

/// Calls the twin of a dispatch's kernel; its written buffers are taken out of the arena while it runs.
fn dispatch_on(dispatch: &Dispatch, weights: &[Vec4], buffers: &mut [Vec<Vec4>]) {
    let mut taken: Vec<Vec<Vec4>> = dispatch.writes.iter().map(|range| std::mem::take(&mut buffers[written(range)])).collect();
    let mut writes = taken.iter_mut().zip(&dispatch.writes).map(|(buffer, range)| &mut buffer[range.start..][..range.len]);
    call(dispatch, |i| slice(&dispatch.reads[i], weights, buffers), || writes.next().expect("kernels write what their dispatch names"));
    for (buffer, range) in taken.into_iter().zip(&dispatch.writes) {
        buffers[written(range)] = buffer;
    }
}

/// One twin, with the bindings it reads by number and those it writes in order.
fn call<'a, 'b>(dispatch: &Dispatch, read: impl Fn(usize) -> &'a [Vec4], mut write: impl FnMut() -> &'b mut [Vec4]) {
    let planes = dispatch.groups.map(|n| n as usize);
    let params = &dispatch.params;
    match dispatch.kernel {
        Kernel::Pointwise => pointwise::pointwise(&pod_read_unaligned(params), planes[2], read(0), read(1), read(2), write()),
        Kernel::Depthwise { kernel, .. } | Kernel::DepthwiseRolling { kernel, .. } => {
            let stride = if let Kernel::Depthwise { stride, .. } = dispatch.kernel { stride } else { 1 };
            let window = depthwise::Window { kernel: kernel as usize, stride: stride as usize };
            let inputs = depthwise::Inputs { x: read(0), weight: read(1), bias: read(2) };
            depthwise::depthwise(&pod_read_unaligned(params), window, inputs, Outputs { y: write(), partial: write(), tiles: planes[0] });
        }
        Kernel::DepthwiseUp { kernel, leaves, .. } => {
            let inputs = depthwise::Inputs { x: read(0), weight: read(1), bias: read(2) };
            let outputs = Outputs { y: write(), partial: write(), tiles: planes[0] };
            depthwise::depthwise_up(&pod_read_unaligned(params), kernel as usize, leaves, inputs, outputs);
        }
        Kernel::NormPlane { .. } => norm::norm_plane(&pod_read_unaligned(params), read(0), write()),
        Kernel::NormAffine { .. } => norm::norm_affine(&pod_read_unaligned(params), read(0), read(1), write()),
        Kernel::GrnPartial(tile) => grn::grn_partial(&pod_read_unaligned(params), tile, read(0), read(1), read(2), read(3), write()),
        Kernel::Expand(gemm) => {
            let inputs = store::ExpandInputs { d: read(0), affine: read(1), w1: read(2), b1: read(3) };
            store::expand(&pod_read_unaligned(params), gemm.voxels as usize, &inputs, write(), write());
        }
        Kernel::Compress(gemm) => {
            let inputs = store::CompressInputs { hidden: read(0), scale: read(1), w2: read(2), b2: read(3) };
            store::compress(&pod_read_unaligned(params), gemm.voxels as usize, &inputs, write());
        }
        Kernel::ColumnSum { .. } => grn::column_sum(&pod_read_unaligned(params), planes[1], read(0), write()),
        Kernel::GrnScale => grn::grn_scale(&pod_read_unaligned(params), read(0), read(1), write()),
        Kernel::Mlp(_) => {
            let weights = mlp::Weights { affine: read(1), w1: read(2), b1: read(3), scale: read(4), w2: read(5), b2: read(6) };
            mlp::mlp(&pod_read_unaligned(params), planes[1], read(0), &weights, write());
        }
        Kernel::PeakFma => peak::peak_fma(&pod_read_unaligned(params), read(0), write()),
        Kernel::PeakCopy => peak::peak_copy(read(0), write()),
        Kernel::TileExtract | Kernel::TileAccumulate => unreachable!("the sliding window's kernels are in no plan"),
        Kernel::PlaneMean | Kernel::PlaneLabel { .. } | Kernel::PlaneFeatures | Kernel::PlaneHead { .. } => {
            unreachable!("the sliding window's kernels are in no plan")
        }
    }
}

fn slice<'a>(range: &Range, weights: &'a [Vec4], buffers: &'a [Vec<Vec4>]) -> &'a [Vec4] {
    let source = match range.source {
        Source::Weights => weights,
        Source::Buffer(buffer) => &buffers[buffer],
    };
    &source[range.start..][..range.len]
}
