//! Surfaces to STL, OBJ and PLY, in LPS millimetres.
//!
//! None of the three formats has a field for the space. Like 3D Slicer, every file says `SPACE=LPS` in its header or a comment;
//! Slicer takes files without it as LPS too.

mod obj;
mod ply;
mod stl;

#[cfg(test)]
mod tests;

use std::path::Path;

pub use obj::write_obj;
pub use ply::write_ply;
pub use stl::write_stl;

use crate::FormatError;

/// The surface of one structure; triangles turn counter-clockwise when seen from outside.
#[derive(Debug, Clone, Copy)]
pub struct MeshView<'a> {
    /// The structure's name.
    pub name: &'a str,
    /// sRGB.
    pub color: [u8; 3],
    /// Vertices.
    pub positions_lps_mm: &'a [[f32; 3]],
    /// Three indices into the vertices each.
    pub triangles: &'a [[u32; 3]],
}

/// Refuses surfaces that no program could open: indices without a vertex, positions that are no numbers.
fn check(path: &Path, meshes: &[MeshView<'_>]) -> Result<(), FormatError> {
    let (mut vertices, mut triangles) = (0, 0);
    for mesh in meshes {
        let name = mesh.name;
        let count = mesh.positions_lps_mm.len();
        if mesh.triangles.as_flattened().iter().any(|index| *index as usize >= count) {
            return Err(FormatError::invalid(
                path,
                format!("the surface of {name} refers to a vertex it does not have; nothing was written"),
            ));
        }
        if mesh.positions_lps_mm.as_flattened().iter().any(|v| !v.is_finite()) {
            return Err(FormatError::invalid(path, format!("the surface of {name} has a vertex without a position; nothing was written")));
        }
        vertices += count;
        triangles += mesh.triangles.len();
    }
    // PLY indices are signed 32-bit, STL counts triangles in 32 bits.
    if i32::try_from(vertices).is_err() || u32::try_from(triangles).is_err() {
        return Err(FormatError::invalid(
            path,
            format!("{vertices} vertices and {triangles} triangles are more than a surface file can count"),
        ));
    }
    Ok(())
}

fn check_ending(path: &Path, ending: &str) -> Result<(), FormatError> {
    if path.extension().is_some_and(|e| e.eq_ignore_ascii_case(ending)) {
        return Ok(());
    }
    Err(FormatError::invalid(path, format!("the file's name must end in .{ending}")))
}

/// A name as one word, as groups and materials need it.
fn word(name: &str) -> String {
    let word: String = name.chars().map(|c| if c.is_whitespace() || c.is_control() { '_' } else { c }).collect();
    if word.is_empty() { "_".to_owned() } else { word }
}
