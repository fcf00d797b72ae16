//! Small grey pictures of a scan, as radiologists look at it: patient's right on the left, front or head up.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use formats::FormatError;
use volume::{Geometry, Orientation, Scan, reorient_geometry};

/// Longest edge of a picture, pixels.
const LONGEST_PX: f64 = 384.0;

/// Values looked at to choose a window.
const SAMPLES: usize = 200_000;

/// Share of values left out at each end.
const LEFT_OUT: f64 = 0.005;

/// Window for CT where a picture cannot ask: soft tissue, width and level in HU.
const SOFT_TISSUE: [f32; 2] = [400.0, 40.0];

/// The plane of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plane {
    /// Front up.
    Axial,
    /// Head up.
    Coronal,
}

/// Smallest and largest value; 0 to 0 where none is a number.
pub(crate) fn value_range(scan: &Scan) -> [f32; 2] {
    let [low, high] = scan
        .voxels
        .iter()
        .filter(|value| value.is_finite())
        .fold([f32::INFINITY, f32::NEG_INFINITY], |[low, high], value| [low.min(*value), high.max(*value)]);
    if low <= high { [low, high] } else { [0.0; 2] }
}

/// Width and level of the window that holds most values. The most common value is left out where it is the smallest: the air or
/// padding around a patient.
pub(crate) fn auto_window(scan: &Scan) -> [f32; 2] {
    let [low, _] = value_range(scan);
    let step = scan.voxels.len().div_ceil(SAMPLES).max(1);
    let mut values: Vec<f32> = scan.voxels.iter().step_by(step).copied().filter(|value| value.is_finite() && *value > low).collect();
    if values.is_empty() {
        return [1.0, low];
    }
    values.sort_unstable_by(f32::total_cmp);
    let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
    let (low, high) = (at(LEFT_OUT), at(1.0 - LEFT_OUT));
    [(high - low).max(1e-3), f32::midpoint(low, high)]
}

/// The window a picture uses.
pub(crate) fn picture_window(scan: &Scan, modality: &str) -> [f32; 2] {
    if modality == "CT" { SOFT_TISSUE } else { auto_window(scan) }
}

/// Writes the middle slice of a plane as a PNG.
pub(crate) fn write(path: &Path, scan: &Scan, plane: Plane, [width, level]: [f32; 2]) -> Result<(), FormatError> {
    let (size, grey) = slice(scan, plane, |value| ((value - level) / width.max(1e-6) + 0.5).clamp(0.0, 1.0));
    let failed = |error: png::EncodingError| FormatError::io("write", path, std::io::Error::other(error));
    let file = File::create(path).map_err(|error| FormatError::io("write", path, error))?;
    let mut out = BufWriter::new(file);
    let mut encoder = png::Encoder::new(&mut out, size[0], size[1]);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(&grey).map_err(failed)?;
    writer.finish().map_err(failed)?;
    out.flush().map_err(|error| FormatError::io("write", path, error))
}

/// Width and height of the picture and its pixels, row by row from the top.
fn slice(scan: &Scan, plane: Plane, grey: impl Fn(f32) -> f32) -> ([u32; 2], Vec<u8>) {
    let lps: Orientation = "LPS".parse().expect("LPS is an orientation");
    let upright = reorient_geometry(&scan.geometry, lps);
    let [nz, ny, nx] = upright.size_zyx;
    let [sz, sy, sx] = upright.spacing_zyx_mm;
    let (columns, rows) = match plane {
        Plane::Axial => (nx as f64 * sx, ny as f64 * sy),
        Plane::Coronal => (nx as f64 * sx, nz as f64 * sz),
    };
    let scale = LONGEST_PX / columns.max(rows);
    let size = [columns, rows].map(|mm| ((mm * scale).round() as u32).max(1));
    let voxel_from_world = scan.geometry.world_from_voxel().inverse();
    let mut pixels = Vec::with_capacity((size[0] * size[1]) as usize);
    for row in 0..size[1] {
        for column in 0..size[0] {
            let across = (f64::from(column) + 0.5) / f64::from(size[0]) * nx as f64 - 0.5;
            let down = (f64::from(row) + 0.5) / f64::from(size[1]);
            let index_zyx = match plane {
                Plane::Axial => [(nz / 2) as f64, down * ny as f64 - 0.5, across],
                Plane::Coronal => [(1.0 - down) * nz as f64 - 0.5, (ny / 2) as f64, across],
            };
            let value = nearest(scan, &upright, voxel_from_world, index_zyx);
            pixels.push((grey(value) * 255.0).round() as u8);
        }
    }
    (size, pixels)
}

/// The value of the voxel of the scan nearest to an index of the upright grid.
fn nearest(scan: &Scan, upright: &Geometry, voxel_from_world: glam::DAffine3, index_zyx: [f64; 3]) -> f32 {
    let voxel_xyz = voxel_from_world.transform_point3(upright.pos_lps_mm(index_zyx));
    let size = scan.geometry.size_zyx;
    let index = |value: f64, count: usize| (value.round().max(0.0) as usize).min(count - 1);
    scan.voxels[[index(voxel_xyz.z, size[0]), index(voxel_xyz.y, size[1]), index(voxel_xyz.x, size[2])]]
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;
    use volume::reorient;

    use super::*;

    /// Bright at the patient's right, front and head.
    fn phantom() -> Scan {
        let voxels = Array3::from_shape_fn((8, 8, 8), |(z, y, x)| if x < 4 && y < 5 && z >= 4 { 100.0 } else { 0.0 });
        Scan::new(Geometry::axis_aligned([8; 3], [2.0, 1.0, 1.0]), voxels)
    }

    #[test]
    fn the_right_side_is_on_the_left_and_the_head_up_in_every_orientation() {
        for orientation in Orientation::all() {
            let scan = reorient(&phantom(), orientation);
            for (plane, rows_per_column) in [(Plane::Axial, 1.0), (Plane::Coronal, 2.0)] {
                let (size, pixels) = slice(&scan, plane, |value| value / 100.0);
                assert!((f64::from(size[1]) / f64::from(size[0]) - rows_per_column).abs() < 0.02, "{orientation} {plane:?} {size:?}");
                let at = |x: f64, y: f64| pixels[(y * f64::from(size[1])) as usize * size[0] as usize + (x * f64::from(size[0])) as usize];
                assert_eq!([at(0.25, 0.25), at(0.75, 0.25), at(0.25, 0.75)], [255, 0, 0], "{orientation} {plane:?}");
            }
        }
    }

    #[test]
    fn the_window_leaves_air_out() {
        let mut scan = phantom();
        scan.voxels.mapv_inplace(|value| if value == 0.0 { -1000.0 } else { value });
        let [width, level] = auto_window(&scan);
        assert!(level > 90.0 && width < 50.0, "{width} {level}");
        assert_eq!(value_range(&scan), [-1000.0, 100.0]);
    }
}
