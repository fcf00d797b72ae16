//! Every kernel with every set of constants: valid WGSL, accepted by all three shader languages, uniform blocks as Rust sees them.

use naga::back::{hlsl, msl, spv};
use naga::valid::{Capabilities, ValidationFlags, Validator};

use crate::kernels::{CATALOGUE, Gemm, Kernel, Tile, WORKGROUP_BYTES};
use crate::plan::Precision;

fn variants() -> Vec<Kernel> {
    let mut kernels = vec![Kernel::Pointwise, Kernel::NormPartial, Kernel::NormAffine, Kernel::GrnScale, Kernel::PeakFma, Kernel::PeakCopy];
    kernels.extend([Kernel::TileExtract, Kernel::TileAccumulate]);
    kernels.extend([Kernel::PlaneMean, Kernel::PlaneFeatures]);
    kernels.extend([false, true].into_iter().flat_map(|wide| [Kernel::PlaneLabel { wide }, Kernel::PlaneHead { wide }]));
    let subgroups = [4, 8, 16].map(|size| Gemm::subgroup(size).unwrap());
    kernels.extend([8, 64].map(|threads| Kernel::ColumnSum { threads }));
    for gemm in subgroups.into_iter().chain([Gemm::workgroup(64)]) {
        kernels.extend([Kernel::Expand(gemm), Kernel::Compress(gemm)]);
    }
    for kernel in [3, 5, 7] {
        let depthwise = |stride, subgroup| Kernel::Depthwise { kernel, stride, subgroup };
        kernels.extend([depthwise(1, None), depthwise(2, None), depthwise(1, Some(8)), Kernel::DepthwiseUp { kernel }]);
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

#[test]
fn every_variant_lowers_to_all_languages() {
    for (kernel, precision) in variants().into_iter().flat_map(|kernel| [(kernel, Precision::F32), (kernel, Precision::F16)]) {
        let module = naga::front::wgsl::parse_str(&kernel.wgsl(precision)).unwrap_or_else(|e| panic!("{kernel:?}: {e}"));
        let capabilities = Capabilities::default() | Capabilities::SUBGROUP;
        let capabilities = match precision {
            Precision::F32 => capabilities,
            Precision::F16 => capabilities | Capabilities::SHADER_FLOAT16,
        };
        let info = Validator::new(ValidationFlags::all(), capabilities).validate(&module).unwrap_or_else(|e| panic!("{kernel:?}: {e:?}"));
        let spirv = spv::write_vec(&module, &info, &spv::Options::default(), None);
        assert!(!spirv.unwrap_or_else(|e| panic!("{kernel:?}: {e}")).is_empty());
        let options = msl::Options { fake_missing_bindings: true, ..Default::default() };
        msl::write_string(&module, &info, &options, &msl::PipelineOptions::default()).unwrap_or_else(|e| panic!("{kernel:?}: {e}"));
        let mut text = String::new();
        let (options, pipeline) = (hlsl::Options::default(), hlsl::PipelineOptions::default());
        hlsl::Writer::new(&mut text, &options, &pipeline).write(&module, &info, None).unwrap_or_else(|e| panic!("{kernel:?}: {e}"));
    }
}

#[test]
fn uniform_blocks_equal_the_shaders() {
    for kernel in variants() {
        let row = CATALOGUE.iter().find(|row| row.name == kernel.name()).unwrap();
        let module = naga::front::wgsl::parse_str(&kernel.wgsl(Precision::F32)).unwrap();
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
