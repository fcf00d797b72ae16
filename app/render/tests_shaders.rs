//! Every shader of the window: valid, accepted by all three shader languages, its blocks as Rust sees them.

use std::mem::offset_of;

use naga::back::{hlsl, spv};
use naga::valid::{Capabilities, ValidationFlags, Validator};

use super::mesh_gpu::{MESH_WGSL, PICTURE_WGSL, StructureUniform, ViewUniform};
use super::pane::{PaneUniform, StyleRow, slice_wgsl};

fn shaders() -> [(&'static str, String); 4] {
    [("slice", slice_wgsl(false)), ("slice", slice_wgsl(true)), ("mesh", MESH_WGSL.to_owned()), ("picture", PICTURE_WGSL.to_owned())]
}

#[test]
fn every_shader_lowers_to_all_languages() {
    for (name, text) in shaders() {
        let module = naga::front::wgsl::parse_str(&text).unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(&text)));
        let info = Validator::new(ValidationFlags::all(), Capabilities::default()).validate(&module);
        let info = info.unwrap_or_else(|e| panic!("{name}: {e:?}"));
        let constants = naga::back::PipelineConstants::default();
        let (module, info) = naga::back::pipeline_constants::process_overrides(&module, &info, None, &constants).unwrap();
        let spirv = spv::write_vec(&module, &info, &spv::Options::default(), None);
        assert!(!spirv.unwrap_or_else(|e| panic!("{name}: {e}")).is_empty());
        let mut text = String::new();
        let (options, pipeline) = (hlsl::Options::default(), hlsl::PipelineOptions::default());
        hlsl::Writer::new(&mut text, &options, &pipeline).write(&module, &info, None).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}

macro_rules! fields {
    ($type:ty: $($field:ident),*) => { (vec![$((stringify!($field), offset_of!($type, $field))),*], size_of::<$type>()) };
}

#[test]
fn blocks_equal_the_shaders() {
    let rust = [
        (
            "slice",
            "Pane",
            fields!(PaneUniform: corner, right, down, place, value, axis_right, axis_down, through, size, brick, bricks, slots, focus, ramp),
        ),
        ("slice", "Style", fields!(StyleRow: color, line)),
        ("mesh", "View", fields!(ViewUniform: clip_from_lps, right, up, ahead)),
        ("mesh", "Structure", fields!(StructureUniform: color, shade)),
    ];
    let shaders = shaders();
    let mut structs = 0;
    for (shader, name, (fields, size)) in rust {
        for (_, text) in shaders.iter().filter(|(file, _)| *file == shader) {
            let module = naga::front::wgsl::parse_str(text).unwrap();
            let (_, block) = module.types.iter().find(|(_, t)| t.name.as_deref() == Some(name)).unwrap();
            let naga::TypeInner::Struct { members, span } = &block.inner else { panic!("{name} is not a struct") };
            let members: Vec<(&str, usize)> = members.iter().map(|m| (m.name.as_deref().unwrap(), m.offset as usize)).collect();
            assert_eq!(members, fields, "{name}");
            assert_eq!(*span as usize, size, "{name}");
        }
        structs += 1;
    }
    // A struct of a shader that no row above compares would go unnoticed; `Corner` never leaves the shader.
    let texts: std::collections::BTreeSet<&str> = shaders.iter().map(|(_, text)| text.as_str()).collect();
    let declared: std::collections::BTreeSet<&str> =
        texts.iter().flat_map(|text| text.lines()).filter_map(|line| line.strip_prefix("struct ")).collect();
    assert_eq!(declared.len(), structs + 1, "{declared:?}");
}

#[test]
fn every_shader_file_is_checked() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/render/shaders");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(shaders().iter().any(|(known, _)| *known == name), "{name}.wgsl is not tested");
    }
}
