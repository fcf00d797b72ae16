//! Masks and scans to `.nii` and `.nii.gz`: NIfTI-1, or NIfTI-2 where NIfTI-1 cannot hold size or placement.

use std::io::{self, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use ndarray::Array3;
use volume::{Geometry, LabelMap, LabelVoxels, Scan, Volume};

use super::affine::NiftiPlacement;
use super::datatype;
use super::header::{EXTENDER_BYTES, MAGIC1_SINGLE, MAGIC2_SINGLE, NIFTI1_BYTES, NIFTI2_BYTES};
use super::names;
use crate::stored::Datatype;
use crate::{FormatError, write_atomically};

/// zlib level: masks shrink well at any, and scans barely gain beyond this.
const GZIP_LEVEL: u32 = 3;
/// Voxels turned into bytes at a time.
const PIECE_VOXELS: usize = 64 << 10;
/// A source's placement is copied only where it means the same place.
const SAME_PLACE_MM: f64 = 1e-3;

/// Writes a mask. `source` is the placement of the scan it belongs to, if that came from a NIfTI file: it is then copied bit by bit.
pub fn write_labels(path: &Path, labels: &LabelMap, source: Option<&NiftiPlacement>) -> Result<(), FormatError> {
    write_mask(path, labels, source, &[])
}

/// The same with names and colours in a header extension, as TotalSegmentator and nibabel read them.
pub fn write_labels_named(path: &Path, labels: &LabelMap, source: Option<&NiftiPlacement>) -> Result<(), FormatError> {
    write_mask(path, labels, source, &names::extension(&labels.table))
}

fn write_mask(path: &Path, labels: &LabelMap, source: Option<&NiftiPlacement>, extension: &[u8]) -> Result<(), FormatError> {
    match &labels.voxels {
        LabelVoxels::U8(voxels) => write(path, &labels.geometry, voxels, source, extension),
        LabelVoxels::U16(voxels) => write(path, &labels.geometry, voxels, source, extension),
    }
}

/// Writes 32-bit float voxels: a scan, or the probability of one structure.
pub fn write_scan(path: &Path, scan: &Scan, source: Option<&NiftiPlacement>) -> Result<(), FormatError> {
    write(path, &scan.geometry, &scan.voxels, source, &[])
}

/// Writes 16-bit voxels, e.g. a CT in Hounsfield units.
pub fn write_i16(path: &Path, volume: &Volume<i16>, source: Option<&NiftiPlacement>) -> Result<(), FormatError> {
    write(path, &volume.geometry, &volume.voxels, source, &[])
}

/// A voxel type that is written as it is.
trait Stored: Copy {
    const DATATYPE: Datatype;
    fn put(self, bytes: &mut Vec<u8>);
}

macro_rules! stored {
    ($($type:ty => $datatype:ident),+) => {$(
        impl Stored for $type {
            const DATATYPE: Datatype = Datatype::$datatype;
            fn put(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }
        }
    )+};
}
stored!(u8 => U8, u16 => U16, i16 => I16, f32 => F32);

/// `extension` is one header extension, or empty.
fn write<T: Stored>(
    path: &Path,
    geometry: &Geometry,
    voxels: &Array3<T>,
    source: Option<&NiftiPlacement>,
    extension: &[u8],
) -> Result<(), FormatError> {
    let gzip = is_gzip_name(path)?;
    geometry.check().map_err(|source| FormatError::Geometry { path: path.to_owned(), source })?;
    let header = header(geometry, T::DATATYPE, &placement(geometry, source), extension);
    write_atomically(path, |out| {
        if !gzip {
            return put_all(out, &header, voxels);
        }
        let mut encoder = GzEncoder::new(out, Compression::new(GZIP_LEVEL));
        put_all(&mut encoder, &header, voxels)?;
        encoder.finish().map(|_| ())
    })
}

/// Whether the name asks for compression; names of other formats are refused.
fn is_gzip_name(path: &Path) -> Result<bool, FormatError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    if name.ends_with(".nii.gz") {
        Ok(true)
    } else if name.ends_with(".nii") {
        Ok(false)
    } else {
        Err(FormatError::invalid(path, "a NIfTI file's name must end in .nii or .nii.gz"))
    }
}

/// The source's own fields where they place this grid (it may have been cropped or turned since), otherwise new ones.
fn placement(geometry: &Geometry, source: Option<&NiftiPlacement>) -> NiftiPlacement {
    let [nz, ny, nx] = geometry.size_zyx;
    let same = |source: &&NiftiPlacement| source.geometry([nx, ny, nz]).is_ok_and(|(there, _)| there.same_place(geometry, SAME_PLACE_MM));
    source.filter(same).cloned().unwrap_or_else(|| NiftiPlacement::from_geometry(geometry))
}

fn put_all<T: Stored>(out: &mut impl Write, header: &[u8], voxels: &Array3<T>) -> io::Result<()> {
    out.write_all(header)?;
    let voxels = voxels.as_standard_layout();
    let mut bytes = Vec::with_capacity(PIECE_VOXELS * T::DATATYPE.bytes());
    for piece in voxels.as_slice().expect("standard layout is contiguous").chunks(PIECE_VOXELS) {
        bytes.clear();
        piece.iter().for_each(|value| value.put(&mut bytes));
        out.write_all(&bytes)?;
    }
    Ok(())
}

/// Header, extender and extension bytes, little-endian.
fn header(geometry: &Geometry, datatype: Datatype, placement: &NiftiPlacement, extension: &[u8]) -> Vec<u8> {
    let fits = geometry.size_zyx.iter().all(|n| *n <= i16::MAX as usize) && placement.is_exact_in_f32();
    let extended = extension.len();
    let mut bytes =
        if fits { header_1(geometry, datatype, placement, extended) } else { header_2(geometry, datatype, placement, extended) };
    if !extension.is_empty() {
        let extender = bytes.len() - EXTENDER_BYTES;
        bytes[extender] = 1;
        bytes.extend_from_slice(extension);
    }
    bytes
}

fn dims(geometry: &Geometry) -> [i64; 8] {
    let [nz, ny, nx] = geometry.size_zyx.map(|n| n as i64);
    [3, nx, ny, nz, 1, 1, 1, 1]
}

/// Offsets as in nifti1.h.
fn header_1(geometry: &Geometry, datatype: Datatype, placement: &NiftiPlacement, extended: usize) -> Vec<u8> {
    let start = NIFTI1_BYTES + EXTENDER_BYTES;
    let mut bytes = vec![0; start];
    let mut put = |offset: usize, value: &[u8]| bytes[offset..offset + value.len()].copy_from_slice(value);
    put(0, &(NIFTI1_BYTES as i32).to_le_bytes());
    for (i, n) in dims(geometry).into_iter().enumerate() {
        put(40 + 2 * i, &(n as i16).to_le_bytes());
    }
    put(70, &datatype::code(datatype).to_le_bytes());
    put(72, &((datatype.bytes() * 8) as i16).to_le_bytes());
    for i in 0..8 {
        put(76 + 4 * i, &(placement.pixdim.get(i).map_or(1.0, |v| *v as f32)).to_le_bytes());
    }
    put(108, &((start + extended) as f32).to_le_bytes());
    put(112, &1.0_f32.to_le_bytes());
    put(123, &[placement.xyzt_units]);
    put(252, &(placement.qform_code as i16).to_le_bytes());
    put(254, &(placement.sform_code as i16).to_le_bytes());
    let transforms = placement.quatern_bcd.iter().chain(&placement.qoffset_xyz).chain(placement.srow_xyz.as_flattened());
    for (i, v) in transforms.enumerate() {
        put(256 + 4 * i, &(*v as f32).to_le_bytes());
    }
    put(344, &MAGIC1_SINGLE);
    bytes
}

/// Offsets as in nifti2.h.
fn header_2(geometry: &Geometry, datatype: Datatype, placement: &NiftiPlacement, extended: usize) -> Vec<u8> {
    let start = NIFTI2_BYTES + EXTENDER_BYTES;
    let mut bytes = vec![0; start];
    let mut put = |offset: usize, value: &[u8]| bytes[offset..offset + value.len()].copy_from_slice(value);
    put(0, &(NIFTI2_BYTES as i32).to_le_bytes());
    put(4, &MAGIC2_SINGLE);
    put(12, &datatype::code(datatype).to_le_bytes());
    put(14, &((datatype.bytes() * 8) as i16).to_le_bytes());
    for (i, n) in dims(geometry).into_iter().enumerate() {
        put(16 + 8 * i, &n.to_le_bytes());
    }
    for i in 0..8 {
        put(104 + 8 * i, &placement.pixdim.get(i).copied().unwrap_or(1.0).to_le_bytes());
    }
    put(168, &((start + extended) as i64).to_le_bytes());
    put(176, &1.0_f64.to_le_bytes());
    put(344, &placement.qform_code.to_le_bytes());
    put(348, &placement.sform_code.to_le_bytes());
    let transforms = placement.quatern_bcd.iter().chain(&placement.qoffset_xyz).chain(placement.srow_xyz.as_flattened());
    for (i, v) in transforms.enumerate() {
        put(352 + 8 * i, &v.to_le_bytes());
    }
    put(500, &i32::from(placement.xyzt_units).to_le_bytes());
    bytes
}
