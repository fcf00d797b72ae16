//! One opened graphics device: compiled kernels, and the errors drivers report late.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::adapter::{driver_warning, enumerate};
use crate::kernels::{Kernel, WORKGROUP_BYTES};
use crate::plan::{Limits, Precision, STORE_HIDDEN_BYTES, STORE_HIDDEN_CHANNELS, STORE_UP_BYTES};
use crate::runner::EngineError;

/// A device with its queue and pipelines; shared by all models that run on it.
pub struct Gpu {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    description: String,
    limits: Limits,
    warning: Option<String>,
    pipelines: Mutex<HashMap<(Kernel, Precision), wgpu::ComputePipeline>>,
    failure: Arc<Mutex<Option<String>>>,
}

impl Gpu {
    /// Opens the adapter at `index` of [`adapters`](super::adapters), or the best one.
    pub fn open(index: Option<usize>) -> Result<Self, EngineError> {
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
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("voxelry"),
            required_features: adapter.features() & wgpu::Features::SHADER_F16,
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
        device.set_device_lost_callback(move |reason, message| {
            if reason != wgpu::DeviceLostReason::Destroyed {
                on_lost(format!("the device was lost: {message}"));
            }
        });
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| record(error.to_string())));

        Ok(Self {
            description: format!("{} ({})", info.name, info.backend),
            limits: Limits {
                binding_bytes: limits.max_storage_buffer_binding_size,
                buffer_bytes: limits.max_buffer_size,
                dispatch_flops: dispatch_flops(info.device_type),
                groups: limits.max_compute_workgroups_per_dimension,
                tile_bytes: WORKGROUP_BYTES,
                store_up_bytes: STORE_UP_BYTES,
                precision: Precision::F32,
                store_hidden_channels: STORE_HIDDEN_CHANNELS,
                store_hidden_bytes: STORE_HIDDEN_BYTES,
                tile_voxels: 64,
            },
            warning: driver_warning(info.device_type, &info.driver_info),
            device,
            queue,
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
        self.limits
    }

    /// Whether activations can be stored in half precision.
    pub fn has_f16(&self) -> bool {
        self.device.features().contains(wgpu::Features::SHADER_F16)
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
                    source: wgpu::ShaderSource::Wgsl(kernel.wgsl(precision).into()),
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

    /// Fails if the driver has reported an error since the device was opened.
    pub(super) fn check(&self) -> Result<(), EngineError> {
        match &*self.failure.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(()),
            Some(reason) => Err(EngineError::Device(reason.clone())),
        }
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
