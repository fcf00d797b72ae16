//! Binary STL: one structure per file, because the format has neither names nor colours.
//!
//! 80 bytes of header, number of triangles, then normal, three corners and two unused bytes each, little-endian.

use std::io::Write;
use std::path::Path;

use super::{MeshView, check, check_ending};
use crate::{FormatError, write_atomically};

/// Must not begin with "solid", which text files begin with. Slicer looks for the space here.
const HEADER: &str = "Voxelry binary STL. SPACE=LPS";
const HEADER_BYTES: usize = 80;

/// Writes one surface.
pub fn write_stl(path: &Path, mesh: &MeshView<'_>) -> Result<(), FormatError> {
    check_ending(path, "stl")?;
    check(path, std::slice::from_ref(mesh))?;
    let mut header = [b' '; HEADER_BYTES];
    header[..HEADER.len()].copy_from_slice(HEADER.as_bytes());
    write_atomically(path, |out| {
        out.write_all(&header)?;
        out.write_all(&(mesh.triangles.len() as u32).to_le_bytes())?;
        for triangle in mesh.triangles {
            let corners = triangle.map(|index| mesh.positions_lps_mm[index as usize]);
            let mut bytes = [0; 50];
            let numbers = std::iter::once(normal(corners)).chain(corners).flatten();
            bytes.as_chunks_mut::<4>().0.iter_mut().zip(numbers).for_each(|(place, v)| *place = v.to_le_bytes());
            out.write_all(&bytes)?;
        }
        Ok(())
    })
}

/// Unit normal by the right-hand rule; zero for a triangle without area, which the format allows.
fn normal(corners: [[f32; 3]; 3]) -> [f32; 3] {
    let [a, b, c] = corners.map(|corner| glam::DVec3::from_array(corner.map(f64::from)));
    (b - a).cross(c - a).normalize_or_zero().to_array().map(|v| v as f32)
}
