//! Matrix units of graphics adapters: what they offer, and asking for them.
//!
//! wgpu calls the feature experimental, and on Vulkan it also switches every shader of the device to another memory model, so it is
//! asked for only on a device of its own, only where a measurement may need it or has found it faster, and never on the device a scan
//! would otherwise run on. What can go wrong on a user's machine, and what follows:
//! - the device cannot be created: the ordinary one stays in use;
//! - a shader is refused, or computes wrongly: its shape is no candidate (`tune`, `selftest`), because every shape is compared with
//!   the CPU engine before it meets a scan;
//! - the driver loses the device in the middle of a scan: it is opened again without matrix units (`worker/networks.rs`);
//! - the driver takes the process down: a mark in the cache folder says that the attempt had begun, and later runs leave it
//!   (`worker/tuning.rs`).

use super::context::Gpu;
use crate::kernels::Gemm;
use crate::matrix::Matrix;
use crate::runner::EngineError;
use crate::tune::Tuning;

/// Block products of an adapter that our kernels are written for, largest first; none where a feature they need is missing.
pub(super) fn offered(adapter: &wgpu::Adapter) -> Vec<Matrix> {
    let features = adapter.features();
    if !features.contains(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX | wgpu::Features::SUBGROUP) {
        return Vec::new();
    }
    usable(&adapter.cooperative_matrix_properties(), features.contains(wgpu::Features::SHADER_F16))
}

fn usable(listed: &[wgpu::CooperativeMatrixProperties], has_f16: bool) -> Vec<Matrix> {
    let mut matrices: Vec<Matrix> = listed
        .iter()
        .filter(|p| p.m_size == p.n_size && p.m_size == p.k_size && [8, 16].contains(&p.m_size))
        .filter(|p| p.cr_type == wgpu::CooperativeScalarType::F32 && !p.saturating_accumulation)
        .filter_map(|p| match p.ab_type {
            wgpu::CooperativeScalarType::F16 if has_f16 => Some(Matrix { edge: p.m_size, half: true }),
            wgpu::CooperativeScalarType::F32 => Some(Matrix { edge: p.m_size, half: false }),
            _ => None,
        })
        .collect();
    matrices.sort_by_key(|matrix| std::cmp::Reverse((matrix.half, matrix.edge)));
    matrices.dedup();
    matrices
}

/// The feature for a device that wants it.
pub(super) fn feature() -> wgpu::Features {
    wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX
}

/// wgpu's consent to experimental features.
#[allow(unsafe_code, reason = "wgpu asks for consent to experimental features this way and no other")]
pub(super) fn consent() -> wgpu::ExperimentalFeatures {
    // SAFETY: the contract asks the caller to accept that wgpu may hold undefined behaviour that safe calls of these features can
    // reach, and to report it; it puts no condition on our calls. We accept it for devices that were opened to use matrix units and
    // for nothing else: their shaders are this program's own and fixed, pass naga's validation and SPIR-V's in tests, keep indices
    // in bounds, and run a self-test on the user's driver before a scan. No bytes from outside become shader text.
    unsafe { wgpu::ExperimentalFeatures::enabled() }
}

impl Gpu {
    /// The same adapter once more, with its matrix units.
    pub(crate) fn again_with_matrices(&self) -> Result<Self, EngineError> {
        if self.offered.is_empty() {
            return Err(EngineError::NoAdapter(format!("{} offers no matrix units", self.description())));
        }
        let again = Self::open_with(Some(self.index), true)?;
        if again.identity() != self.identity() {
            return Err(EngineError::NoAdapter(format!("{} is no longer there", self.description())));
        }
        Ok(again)
    }

    /// Block products the adapter lists, whether or not this device may use them.
    pub(crate) fn offered(&self) -> &[Matrix] {
        &self.offered
    }

    /// Block products this device may use.
    pub(crate) fn matrices(&self) -> &[Matrix] {
        if self.device.features().contains(feature()) { &self.offered } else { &[] }
    }

    /// Prefers shapes without matrix units from now on; `false` if none was preferred.
    pub(crate) fn leave_matrices(&self) -> bool {
        let tuning = Tuning::of(&self.limits());
        let plain = tuning.without_matrices(Gemm::workgroup(64));
        self.set_tuning(plain);
        plain != tuning
    }

    /// Least and most threads of a subgroup.
    pub(crate) fn subgroup_sizes(&self) -> [u32; 2] {
        self.subgroup_sizes
    }
}

#[cfg(test)]
mod tests {
    use wgpu::CooperativeScalarType::{F16, F32};

    use super::*;

    #[test]
    fn only_square_products_with_single_precision_sums_are_used() {
        let listed = |sizes: [u32; 3], ab_type, cr_type, saturating_accumulation| {
            let [m_size, n_size, k_size] = sizes;
            wgpu::CooperativeMatrixProperties { m_size, n_size, k_size, ab_type, cr_type, saturating_accumulation }
        };
        // As NVIDIA and Metal list them, and some that no kernel is written for.
        let all = [
            listed([8; 3], F32, F32, false),
            listed([16, 8, 16], F16, F32, false),
            listed([16; 3], F16, F16, false),
            listed([16; 3], F16, F32, true),
            listed([16; 3], F16, F32, false),
            listed([8; 3], F16, F32, false),
            listed([16; 3], F16, F32, false),
        ];
        let matrix = |edge, half| Matrix { edge, half };
        assert_eq!(usable(&all, true), [matrix(16, true), matrix(8, true), matrix(8, false)]);
        assert_eq!(usable(&all, false), [matrix(8, false)]);
        assert_eq!(usable(&[], true), []);
    }
}
