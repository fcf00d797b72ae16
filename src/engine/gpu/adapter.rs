//! Which graphics adapters there are, and which comes first.

use serde::Serialize;

use super::matrices;

/// Kind of drivers that compute on the processor.
pub(crate) const SOFTWARE: &str = "software";

/// One adapter, as `voxelry doctor` prints it.
#[derive(Debug, Clone, Serialize)]
pub struct AdapterReport {
    /// Position, as in `--device gpu:N`.
    pub index: usize,
    /// Marketing name.
    pub name: String,
    /// "discrete", "integrated", "virtual", "software" or "other".
    pub kind: &'static str,
    /// Vulkan, Metal or Dx12.
    pub backend: String,
    /// Driver name and version.
    pub driver: String,
    /// Largest storage binding, MiB.
    pub max_binding_mib: u64,
    /// Largest buffer, MiB.
    pub max_buffer_mib: u64,
    /// Half-precision arithmetic.
    pub f16: bool,
    /// Subgroup operations.
    pub subgroups: bool,
    /// Block products of its matrix units that our kernels can use, e.g. "16x16x16 f16->f32".
    pub matrices: Vec<String>,
    /// What to know before trusting it.
    pub warning: Option<String>,
}

/// All adapters with compute, best first: discrete, integrated, virtual, other, software.
pub(super) fn enumerate() -> Vec<wgpu::Adapter> {
    let backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = backends;
    // An allocation that would not fit becomes an error we can report, not a lost device.
    descriptor.memory_budget_thresholds = wgpu::MemoryBudgetThresholds { for_resource_creation: Some(90), for_device_loss: Some(97) };
    let instance = wgpu::Instance::new(descriptor);
    let mut adapters = pollster::block_on(instance.enumerate_adapters(backends));
    adapters.retain(|adapter| adapter.get_downlevel_capabilities().flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS));
    // Stable: Vulkan is listed before DX12, and both may show the same card.
    adapters.sort_by_key(|adapter| rank(adapter.get_info().device_type));
    adapters
}

fn rank(kind: wgpu::DeviceType) -> u8 {
    match kind {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    }
}

/// Every usable adapter, best first.
pub fn adapters() -> Vec<AdapterReport> {
    enumerate().iter().enumerate().map(|(index, adapter)| report(index, adapter)).collect()
}

fn report(index: usize, adapter: &wgpu::Adapter) -> AdapterReport {
    let (info, limits, features) = (adapter.get_info(), adapter.limits(), adapter.features());
    AdapterReport {
        index,
        kind: match info.device_type {
            wgpu::DeviceType::DiscreteGpu => "discrete",
            wgpu::DeviceType::IntegratedGpu => "integrated",
            wgpu::DeviceType::VirtualGpu => "virtual",
            wgpu::DeviceType::Cpu => SOFTWARE,
            wgpu::DeviceType::Other => "other",
        },
        backend: info.backend.to_string(),
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
        max_binding_mib: limits.max_storage_buffer_binding_size >> 20,
        max_buffer_mib: limits.max_buffer_size >> 20,
        f16: features.contains(wgpu::Features::SHADER_F16),
        subgroups: features.contains(wgpu::Features::SUBGROUP),
        matrices: matrices::offered(adapter).iter().map(ToString::to_string).collect(),
        warning: driver_warning(info.device_type, &info.driver_info),
        name: info.name,
    }
}

/// Software drivers of Mesa before 23 silently stop loops after 65,535 iterations per invocation.
pub(super) fn driver_warning(kind: wgpu::DeviceType, driver_info: &str) -> Option<String> {
    let version = driver_info.split("Mesa ").nth(1)?;
    let major: u32 = version.split('.').next()?.parse().ok()?;
    (kind == wgpu::DeviceType::Cpu && major < 23).then(|| {
        let version = version.split_whitespace().next().unwrap_or(version);
        format!("Mesa {version}'s software driver computes long loops wrongly; install Mesa 23 or newer, or use --device cpu")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_software_mesa_is_named() {
        let warning = driver_warning(wgpu::DeviceType::Cpu, "Mesa 22.3.6 (LLVM 15.0.6)").unwrap();
        assert!(warning.contains("22.3.6"), "{warning}");
        assert_eq!(driver_warning(wgpu::DeviceType::Cpu, "Mesa 25.0.7-2~bpo12+1 (LLVM 15.0.6)"), None);
        assert_eq!(driver_warning(wgpu::DeviceType::DiscreteGpu, "Mesa 22.3.6"), None);
        assert_eq!(driver_warning(wgpu::DeviceType::Cpu, "580.95"), None);
    }
}
