//! One opened graphics device: compiled kernels, and the errors drivers report late.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::adapter::{driver_warning, enumerate};
use super::matrices;
use crate::kernels::{DEPTHWISE_RUN, Gemm, Kernel, WORKGROUP_BYTES};
use crate::matrix::Matrix;
use crate::plan::{Limits, Precision, STORE_HIDDEN_BYTES, STORE_HIDDEN_CHANNELS, STORE_UP_BYTES};
use crate::runner::EngineError;
use crate::tune::Tuning;

/// Offset alignment of bindings that every adapter accepts.
pub(super) const ALIGN_BYTES: usize = 256;

/// Most bytes the driver stages at once.
const UPLOAD_BYTES: usize = 64 << 20;
/// A submission takes about 50 ms; a device that is silent for so long does not come back.
pub(super) const HUNG: Duration = Duration::from_secs(60);

/// Of software drivers, whose speed depends little on it: a plane of a wide patch must fit.
const SLAB_HIDDEN_BYTES: u64 = 16 << 20;

/// A device with its queue and pipelines; shared by all models that run on it.
pub struct Gpu {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    description: String,
    /// Name, backend, driver and our own version: what a tuning belongs to.
    identity: String,
    limits: Mutex<Limits>,
    warning: Option<String>,
    shares_host_memory: bool,
    is_software: bool,
    /// Position among the adapters.
    pub(super) index: usize,
    /// What the adapter's matrix units offer; whether they may be used is a feature of the device.
    pub(super) offered: Vec<Matrix>,
    pub(super) subgroup_sizes: [u32; 2],
    /// Ways of computing that have agreed with the CPU engine.
    passed: Mutex<HashSet<Variant>>,
    pipelines: Mutex<HashMap<(Kernel, Precision), wgpu::ComputePipeline>>,
    failure: Arc<Mutex<Option<String>>>,
}

/// What changes the text of the kernels: precision, shape of products, edge of the depthwise kernel.
pub(crate) type Variant = (Precision, Gemm, usize);

impl Gpu {
    /// Opens the adapter at `index` of [`adapters`](super::adapters), or the best one.
    pub fn open(index: Option<usize>) -> Result<Self, EngineError> {
        Self::open_with(index, false)
    }

    /// The same, with matrix units if wanted and offered.
    pub(super) fn open_with(index: Option<usize>, matrix_units: bool) -> Result<Self, EngineError> {
        let adapters = enumerate();
        let count = adapters.len();
        let adapter = adapters.into_iter().nth(index.unwrap_or(0)).ok_or_else(|| {
            EngineError::NoAdapter(match index {
                Some(index) if count > 0 => format!("there is no adapter {index}; `voxelry doctor` lists the {count} found"),
                _ => "no Vulkan, Metal or DX12 driver was found; install the graphics driver, or use --device cpu".to_owned(),
            })
        })?;
        let info = adapter.get_info();
        let limits = adapter.limits();
        if limits.max_compute_workgroup_storage_size < WORKGROUP_BYTES || limits.max_storage_buffers_per_shader_stage < 8 {
            return Err(EngineError::NoAdapter(format!("{} is below WebGPU's minimum limits", info.name)));
        }
        let offered = matrices::offered(&adapter);
        let mut features = adapter.features() & (wgpu::Features::SHADER_F16 | wgpu::Features::SUBGROUP);
        let mut experimental_features = wgpu::ExperimentalFeatures::disabled();
        if matrix_units && !offered.is_empty() {
            features |= matrices::feature();
            experimental_features = matrices::consent();
        }
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("voxelry"),
            required_features: features,
            experimental_features,
            required_limits: limits.clone(),
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))
            .map_err(|error| EngineError::NoAdapter(format!("{} could not be opened: {error}", info.name)))?;

        let failure = Arc::new(Mutex::new(None));
        let record = {
            let failure = Arc::clone(&failure);
            move |reason: String| {
                failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(reason);
            }
        };
        let on_lost = record.clone();
        device.set_device_lost_callback(move |_, message| {
            let what = if message.is_empty() { "the device was lost".to_owned() } else { format!("the device was lost: {message}") };
            on_lost(what);
        });
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| record(error.to_string())));

        Ok(Self {
            description: format!("{} ({})", info.name, info.backend),
            identity: format!("{} {} {} {} {}", info.name, info.backend, info.driver, info.driver_info, env!("CARGO_PKG_VERSION")),
            limits: Mutex::new(plan_limits(&info, &limits, device.features())),
            shares_host_memory: matches!(info.device_type, wgpu::DeviceType::Cpu | wgpu::DeviceType::IntegratedGpu),
            is_software: info.device_type == wgpu::DeviceType::Cpu,
            warning: driver_warning(info.device_type, &info.driver_info),
            index: index.unwrap_or(0),
            offered,
            subgroup_sizes: [info.subgroup_min_size, info.subgroup_max_size],
            device,
            queue,
            passed: Mutex::new(HashSet::new()),
            pipelines: Mutex::new(HashMap::new()),
            failure,
        })
    }

    /// Name and backend, e.g. "NVIDIA H200 (vulkan)".
    pub fn description(&self) -> &str {
        &self.description
    }

    /// What plans for this device must respect.
    pub fn limits(&self) -> Limits {
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Name, backend, driver and our own version: what a tuning belongs to.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Plans from now on prefer `tuning`.
    pub(crate) fn set_tuning(&self, tuning: Tuning) {
        let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        *limits = tuning.apply(*limits);
    }

    /// Whether activations can be stored in half precision.
    pub fn has_f16(&self) -> bool {
        self.device.features().contains(wgpu::Features::SHADER_F16)
    }

    /// Whether its memory is the processor's.
    pub(crate) fn shares_host_memory(&self) -> bool {
        self.shares_host_memory
    }

    /// Whether it computes on the processor.
    pub(crate) fn is_software(&self) -> bool {
        self.is_software
    }

    /// What to know before trusting this driver.
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// The pipeline of a kernel, compiled on first use.
    pub(super) fn pipeline(&self, kernel: Kernel, precision: Precision) -> wgpu::ComputePipeline {
        let mut pipelines = self.pipelines.lock().unwrap_or_else(PoisonError::into_inner);
        pipelines
            .entry((kernel, precision))
            .or_insert_with(|| {
                let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor {
                    label: Some(kernel.name()),
                    source: wgpu::ShaderSource::Wgsl(self.text(kernel, precision).into()),
                });
                self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                    label: Some(kernel.name()),
                    layout: None,
                    module: &module,
                    entry_point: Some("main"),
                    compilation_options: wgpu::PipelineCompilationOptions::default(),
                    cache: None,
                })
            })
            .clone()
    }

    #[cfg(not(test))]
    fn text(&self, kernel: Kernel, precision: Precision) -> String {
        kernel.wgsl(precision)
    }

    /// In tests, matrix units may be played by ordinary arithmetic.
    #[cfg(test)]
    fn text(&self, kernel: Kernel, precision: Precision) -> String {
        crate::tests_matrix::without_matrix_units(self.matrices(), kernel, kernel.wgsl(precision))
    }

    /// A buffer kernels read and write, copied from and to.
    pub(super) fn storage_buffer(&self, label: &'static str, bytes: u64) -> wgpu::Buffer {
        self.buffer(label, bytes, wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC)
    }

    /// A buffer of uniform blocks.
    pub(super) fn uniform_buffer(&self, label: &'static str, bytes: u64) -> wgpu::Buffer {
        self.buffer(label, bytes, wgpu::BufferUsages::UNIFORM)
    }

    fn buffer(&self, label: &'static str, bytes: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
        self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size: bytes.max(ALIGN_BYTES as u64),
            usage: usage | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        })
    }

    /// What `allocate` makes, or a sentence with `what` and the megabytes it would have taken.
    pub(super) fn allocated<T>(&self, what: &str, bytes: u64, allocate: impl FnOnce() -> T) -> Result<T, EngineError> {
        self.check()?;
        let out_of_memory = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let made = allocate();
        match pollster::block_on(out_of_memory.pop()) {
            None => Ok(made),
            Some(error) => Err(EngineError::DoesNotFit(format!("{} MiB of {what} could not be allocated ({error})", bytes >> 20))),
        }
    }

    /// Sends values to a buffer in pieces, so that the driver never holds a second copy of them all.
    pub(super) fn upload(&self, buffer: &wgpu::Buffer, bytes: &[u8]) -> Result<(), EngineError> {
        for (i, piece) in bytes.chunks(UPLOAD_BYTES).enumerate() {
            self.queue.write_buffer(buffer, (i * UPLOAD_BYTES) as u64, piece);
            self.queue.submit([]);
            self.wait(None)?;
        }
        Ok(())
    }

    /// Does something that a driver may refuse; a refusal leaves the device as it was.
    pub(crate) fn trial<T>(&self, attempt: impl FnOnce() -> T) -> Option<T> {
        let filters = [wgpu::ErrorFilter::Internal, wgpu::ErrorFilter::Validation, wgpu::ErrorFilter::OutOfMemory];
        let scopes = filters.map(|filter| self.device.push_error_scope(filter));
        let made = attempt();
        // Scopes close in the opposite order.
        let errors = scopes.into_iter().rev().filter_map(|scope| pollster::block_on(scope.pop())).count();
        (errors == 0).then_some(made)
    }

    /// Whether a way of computing has agreed with the CPU engine.
    pub(crate) fn has_passed(&self, variant: Variant) -> bool {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner).contains(&variant)
    }

    /// Remembers that it has.
    pub(crate) fn passed(&self, variant: Variant) {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner).insert(variant);
    }

    /// Waits for a submission, or for all of them.
    pub(super) fn wait(&self, submission: Option<wgpu::SubmissionIndex>) -> Result<(), EngineError> {
        let poll = wgpu::PollType::Wait { submission_index: submission, timeout: Some(HUNG) };
        // Where waiting itself finds the device lost, wgpu tells the callback and then panics.
        let polled = catch_unwind(AssertUnwindSafe(|| self.device.poll(poll)));
        self.check()?;
        match polled {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(EngineError::Device(error.to_string())),
            Err(_) => Err(EngineError::Device("waiting for it failed".to_owned())),
        }
    }

    /// Gives the device up and frees what it holds; everything on it fails from now on.
    pub(crate) fn abandon(&self) {
        self.device.destroy();
        // The memory goes when the queue is empty. The failure this reports is the one asked for.
        let _ = self.wait(None);
    }

    /// Fails if the driver has reported an error since the device was opened.
    pub(crate) fn check(&self) -> Result<(), EngineError> {
        match &*self.failure.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(()),
            Some(reason) => Err(EngineError::Device(reason.clone())),
        }
    }
}

/// What plans for a device must respect, and the ways of computing that suit its class.
fn plan_limits(info: &wgpu::AdapterInfo, limits: &wgpu::Limits, features: wgpu::Features) -> Limits {
    let hardware = Limits {
        binding_bytes: limits.max_storage_buffer_binding_size,
        buffer_bytes: limits.max_buffer_size,
        dispatch_flops: dispatch_flops(info.device_type),
        groups: limits.max_compute_workgroups_per_dimension,
        tile_bytes: WORKGROUP_BYTES,
        store_up_bytes: STORE_UP_BYTES,
        precision: Precision::F32,
        store_hidden_channels: STORE_HIDDEN_CHANNELS,
        store_hidden_bytes: STORE_HIDDEN_BYTES,
        slab_hidden_bytes: 0,
        subgroup: None,
        depthwise_run: DEPTHWISE_RUN,
        gemm: Gemm::workgroup(64),
        half_gemm: None,
    };
    let software = info.device_type == wgpu::DeviceType::Cpu && features.contains(wgpu::Features::SUBGROUP);
    let subgroup = (software && info.subgroup_min_size == info.subgroup_max_size).then_some(info.subgroup_min_size);
    match subgroup.and_then(Gemm::subgroup) {
        // The kernels that keep hidden values in workgroup memory are several times slower there, and traffic is cheap.
        Some(gemm) => Limits {
            store_hidden_channels: 0,
            slab_hidden_bytes: SLAB_HIDDEN_BYTES,
            subgroup,
            depthwise_run: 2 * DEPTHWISE_RUN,
            gemm,
            ..hardware
        },
        None => hardware,
    }
}

/// Arithmetic that ends within about 100 ms on a slow member of each class.
fn dispatch_flops(kind: wgpu::DeviceType) -> u64 {
    match kind {
        wgpu::DeviceType::DiscreteGpu => 100_000_000_000,
        wgpu::DeviceType::IntegratedGpu | wgpu::DeviceType::VirtualGpu => 20_000_000_000,
        wgpu::DeviceType::Other | wgpu::DeviceType::Cpu => 4_000_000_000,
    }
}
