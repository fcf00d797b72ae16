//! Binary PLY: all structures in one file, told apart by the colour of their vertices; comments say which vertices are whose.

use std::io::Write;
use std::path::Path;

use super::{MeshView, check, check_ending};
use crate::{FormatError, write_atomically};

/// Writes all surfaces into one file.
pub fn write_ply(path: &Path, meshes: &[MeshView<'_>]) -> Result<(), FormatError> {
    check_ending(path, "ply")?;
    check(path, meshes)?;
    let vertices: usize = meshes.iter().map(|mesh| mesh.positions_lps_mm.len()).sum();
    let triangles: usize = meshes.iter().map(|mesh| mesh.triangles.len()).sum();
    write_atomically(path, |out| {
        write!(out, "ply\nformat binary_little_endian 1.0\ncomment Voxelry. SPACE=LPS\ncomment unit mm\n")?;
        let mut first = 0;
        for mesh in meshes {
            let name: String = mesh.name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            let count = mesh.positions_lps_mm.len();
            writeln!(out, "comment structure {name}: {count} vertices from {first}")?;
            first += count;
        }
        writeln!(out, "element vertex {vertices}\nproperty float x\nproperty float y\nproperty float z")?;
        writeln!(out, "property uchar red\nproperty uchar green\nproperty uchar blue")?;
        writeln!(out, "element face {triangles}\nproperty list uchar int vertex_indices\nend_header")?;
        for mesh in meshes {
            for position in mesh.positions_lps_mm {
                position.iter().try_for_each(|v| out.write_all(&v.to_le_bytes()))?;
                out.write_all(&mesh.color)?;
            }
        }
        let mut first = 0;
        for mesh in meshes {
            for triangle in mesh.triangles {
                out.write_all(&[3])?;
                triangle.iter().try_for_each(|index| out.write_all(&(first + index).to_le_bytes()))?;
            }
            // The total fits 31 bits: it was checked.
            first += mesh.positions_lps_mm.len() as u32;
        }
        Ok(())
    })
}
