//! OBJ text with a group and a material per structure; the colours are in an `.mtl` file beside it.

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::Path;

use super::{MeshView, check, check_ending, word};
use crate::{FormatError, write_atomically};

/// Writes all surfaces into one `.obj`, and the `.mtl` of the same name with their colours.
pub fn write_obj(path: &Path, meshes: &[MeshView<'_>]) -> Result<(), FormatError> {
    check_ending(path, "obj")?;
    check(path, meshes)?;
    // Readers split at blanks, so the name of the second file has none.
    let materials = format!("{}.mtl", word(&path.file_stem().unwrap_or_default().to_string_lossy()));
    let names = names(meshes);
    // The materials first: an .obj must never name a file that is not there.
    write_atomically(&path.with_file_name(&materials), |out| put_materials(out, meshes, &names))?;
    write_atomically(path, |out| put_surfaces(out, &materials, meshes, &names))
}

/// One word per structure, each only once.
fn names(meshes: &[MeshView<'_>]) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut unique = |name: &str| {
        let first = word(name);
        let mut candidates = std::iter::once(first.clone()).chain((2..).map(|n| format!("{first}_{n}")));
        candidates.find(|candidate| seen.insert(candidate.clone())).expect("some number is free")
    };
    meshes.iter().map(|mesh| unique(mesh.name)).collect()
}

fn put_materials(out: &mut impl Write, meshes: &[MeshView<'_>], names: &[String]) -> io::Result<()> {
    writeln!(out, "# Voxelry")?;
    for (mesh, name) in meshes.iter().zip(names) {
        let [r, g, b] = mesh.color.map(|c| f64::from(c) / 255.0);
        writeln!(out, "newmtl {name}\nKa 0 0 0\nKd {r:.6} {g:.6} {b:.6}\nKs 0 0 0\nd 1\nillum 1")?;
    }
    Ok(())
}

fn put_surfaces(out: &mut impl Write, materials: &str, meshes: &[MeshView<'_>], names: &[String]) -> io::Result<()> {
    writeln!(out, "# Voxelry. SPACE=LPS. Millimetres.\nmtllib {materials}")?;
    // Indices count from 1 and go on through the whole file.
    let mut first = 1_u64;
    for (mesh, name) in meshes.iter().zip(names) {
        writeln!(out, "o {name}\ng {name}\nusemtl {name}")?;
        for [x, y, z] in mesh.positions_lps_mm {
            writeln!(out, "v {x} {y} {z}")?;
        }
        for triangle in mesh.triangles {
            let [a, b, c] = triangle.map(|index| first + u64::from(index));
            writeln!(out, "f {a} {b} {c}")?;
        }
        first += mesh.positions_lps_mm.len() as u64;
    }
    Ok(())
}
