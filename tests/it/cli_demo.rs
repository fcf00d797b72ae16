//! The README's first command: the sample study through the sample model.

use std::fs;

use crate::support::{names_in, read_mask, voxelry};

#[test]
fn the_demo_finds_every_structure_and_draws_it() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("demo");
    let document = voxelry(["demo", "--device", "cpu", "--json", "-o", output.to_str().unwrap()]).ok().json();
    let structures = document["report"]["structures"].as_array().unwrap();
    assert!(structures.len() >= 5, "{structures:?}");
    for structure in structures {
        // The lesion is small: a voxel at its rim weighs more.
        let is_lesion = structure["name"].as_str().unwrap().contains("lesion");
        assert!(structure["dice"].as_f64().unwrap() >= if is_lesion { 0.7 } else { 0.9 }, "{structure}");
    }
    assert_eq!(names_in(&output), ["mask.json", "mask.nii.gz", "preview.png"]);
    assert!(fs::read(output.join("preview.png")).unwrap().starts_with(b"\x89PNG\r\n\x1a\n"));
    assert_eq!(read_mask(&output.join("mask.nii.gz")).voxels.counts().len(), structures.len() + 1);
}
