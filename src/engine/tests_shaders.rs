//! Every kernel with every set of constants: valid WGSL, accepted by all three shader languages, uniform blocks as Rust sees them.

use naga::back::{hlsl, msl, spv};
use naga::valid::{Capabilities, ValidationFlags, Validator};

use crate::kernels::{CATALOGUE, Gemm, Kernel, Leaves, Tile, WORKGROUP_BYTES};
use crate::matrix::Matrix;
use crate::plan::Precision;

fn variants() -> Vec<Kernel> {
    let mut kernels = vec![Kernel::Pointwise, Kernel::GrnScale, Kernel::PeakFma, Kernel::PeakCopy];
    kernels.extend([Kernel::TileExtract, Kernel::TileAccumulate]);
    kernels.extend([Kernel::PlaneMean, Kernel::PlaneFeatures]);
    kernels.extend([false, true].into_iter().flat_map(|wide| [Kernel::PlaneLabel { wide }, Kernel::PlaneHead { wide }]));
    let subgroups = [4, 8, 16].map(|size| Gemm::subgroup(size).unwrap());
    for threads in [8, 64] {
        kernels.extend([Kernel::ColumnSum { threads }, Kernel::NormPlane { threads }, Kernel::NormAffine { threads }]);
    }
    let matrices = [(8, false), (8, true), (16, true)].map(|(edge, half)| Matrix { edge, half });
    let cooperative = matrices.into_iter().flat_map(|matrix| matrix.shapes([8, 64]));
    for gemm in subgroups.into_iter().chain([Gemm::workgroup(64)]).chain(cooperative) {
        kernels.extend([Kernel::Expand(gemm), Kernel::Compress(gemm), Kernel::Compress(gemm.for_outputs(1))]);
    }
    for kernel in [3, 5, 7] {
        kernels.extend([None, Some(8)].map(|subgroup| Kernel::DepthwiseRolling { kernel, run: 8, subgroup }));
        for threads in [8, 64] {
            kernels.extend([1, 2].map(|stride| Kernel::Depthwise { kernel, stride, threads }));
            kernels.extend([Leaves::Values, Leaves::Moments, Leaves::Both].map(|leaves| Kernel::DepthwiseUp { kernel, leaves, threads }));
        }
    }
    for in4 in [1, 2, 8, 16, 128, 256] {
        for out4 in [1, 8, 32, 128] {
            kernels.push(Kernel::Mlp(Tile::mlp(in4, out4, WORKGROUP_BYTES)));
        }
        for hidden4 in [2, 24, 1024] {
            kernels.push(Kernel::GrnPartial(Tile::grn_partial(in4, hidden4, WORKGROUP_BYTES)));
        }
    }
    kernels
}

/// The precisions a kernel is made for: operands of matrix units follow what is stored.
fn precisions(kernel: Kernel) -> impl Iterator<Item = Precision> {
    [Precision::F32, Precision::F16].into_iter().filter(move |precision| kernel.matrix().is_none_or(|matrix| matrix.serves(*precision)))
}

/// A kernel as naga reads and validates it.
pub(crate) fn validated(kernel: Kernel, precision: Precision) -> (naga::Module, naga::valid::ModuleInfo) {
    let text = kernel.wgsl(precision);
    let module = naga::front::wgsl::parse_str(&text).unwrap_or_else(|e| panic!("{kernel:?}: {}", e.emit_to_string(&text)));
    let mut capabilities = Capabilities::default() | Capabilities::SUBGROUP;
    capabilities.set(Capabilities::SHADER_FLOAT16, precision == Precision::F16);
    capabilities.set(Capabilities::COOPERATIVE_MATRIX, kernel.matrix().is_some());
    let info = Validator::new(ValidationFlags::all(), capabilities).validate(&module);
    let info = info.unwrap_or_else(|e| panic!("{kernel:?}: {}", e.emit_to_string(&text)));
    (module, info)
}

pub(crate) fn lowered_to_spirv(module: &naga::Module, info: &naga::valid::ModuleInfo, kernel: Kernel) -> Vec<u32> {
    // As wgpu does on Vulkan 1.3.
    let options = spv::Options { lang_version: (1, 6), ..Default::default() };
    spv::write_vec(module, info, &options, None).unwrap_or_else(|e| panic!("{kernel:?}: {e}"))
}

#[test]
fn every_variant_lowers_to_all_languages() {
    for (kernel, precision) in variants().into_iter().flat_map(|kernel| precisions(kernel).map(move |precision| (kernel, precision))) {
        let (module, info) = validated(kernel, precision);
        assert!(!lowered_to_spirv(&module, &info, kernel).is_empty());
        let lang_version = if kernel.matrix().is_some() { (2, 3) } else { msl::Options::default().lang_version };
        let options = msl::Options { fake_missing_bindings: true, lang_version, ..Default::default() };
        msl::write_string(&module, &info, &options, &msl::PipelineOptions::default()).unwrap_or_else(|e| panic!("{kernel:?}: {e}"));
        let mut text = String::new();
        let (options, pipeline) = (hlsl::Options::default(), hlsl::PipelineOptions::default());
        let mut writer = hlsl::Writer::new(&mut text, &options, &pipeline);
        if kernel.matrix().is_some() {
            // The one exception: naga has no matrix units in HLSL, and no DX12 adapter offers them.
            assert!(writer.write(&module, &info, None).is_err(), "{kernel:?} can be had on DX12 now");
        } else {
            writer.write(&module, &info, None).unwrap_or_else(|e| panic!("{kernel:?}: {e}"));
        }
    }
}

#[test]
fn uniform_blocks_equal_the_shaders() {
    for kernel in variants() {
        let row = CATALOGUE.iter().find(|row| row.name == kernel.name()).unwrap();
        let (module, _) = validated(kernel, precisions(kernel).next().unwrap());
        let (_, params) = module.types.iter().find(|(_, t)| t.name.as_deref() == Some("Params")).unwrap();
        let naga::TypeInner::Struct { members, span } = &params.inner else { panic!("Params is not a struct") };
        let shader: Vec<(&str, usize)> = members.iter().map(|m| (m.name.as_deref().unwrap(), m.offset as usize)).collect();
        assert_eq!(shader, row.params.0, "{}", row.name);
        assert_eq!(*span as usize, row.params.1, "{}", row.name);
    }
}

#[test]
fn every_shader_file_has_a_row() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shaders");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "wgsl") {
            let name = path.file_stem().unwrap().to_str().unwrap();
            assert!(CATALOGUE.iter().any(|row| row.name == name), "{name}.wgsl has no row in the catalogue");
            assert!(variants().iter().any(|kernel| kernel.name() == name), "{name}.wgsl is in no variant");
        }
    }
}
