//! The fixed header: NIfTI-1 (348 bytes) and NIfTI-2 (540 bytes), either byte order, checked before any voxel is read.

use nifti::{Endianness, NiftiHeader};

use super::affine::NiftiPlacement;
use super::datatype;
use crate::stored::{Datatype, Encoding};

/// Bytes of a NIfTI-1 header (field `sizeof_hdr`).
pub(super) const NIFTI1_BYTES: usize = 348;
/// Bytes of a NIfTI-2 header.
pub(super) const NIFTI2_BYTES: usize = 540;
/// The four "extension" bytes between header and voxels in a single file.
pub(super) const EXTENDER_BYTES: usize = 4;

pub(super) const MAGIC1_SINGLE: [u8; 4] = *b"n+1\0";
const MAGIC1_PAIR: [u8; 4] = *b"ni1\0";
pub(super) const MAGIC2_SINGLE: [u8; 8] = *b"n+2\0\r\n\x1a\n";
const MAGIC2_PAIR: [u8; 8] = *b"ni2\0\r\n\x1a\n";

/// What the header of a readable file says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Header {
    pub(super) little_endian: bool,
    /// Voxels along x, y, z.
    pub(super) size_xyz: [usize; 3],
    /// Product of the dimensions above the third.
    pub(super) volumes: usize,
    pub(super) datatype: Datatype,
    /// Whether the voxels follow in the same file (magic `n+`), not in an `.img` beside it (`ni`).
    pub(super) single_file: bool,
    /// Where the voxels start.
    pub(super) vox_offset: u64,
    /// `scl_slope` and `scl_inter`; `None` where the file asks for no scaling.
    pub(super) scaling: Option<(f64, f64)>,
    pub(super) placement: NiftiPlacement,
}

impl Header {
    /// Voxels of one volume; the product was checked when the header was parsed.
    pub(super) fn voxels(&self) -> usize {
        self.size_xyz.iter().product()
    }

    /// How one volume is stored.
    pub(super) fn encoding(&self) -> Encoding {
        Encoding {
            datatype: self.datatype,
            little_endian: self.little_endian,
            voxels: self.voxels(),
            per_voxel: 1,
            wanted: 0,
            scaling: self.scaling,
        }
    }

    /// Bytes of one volume as stored.
    pub(super) fn volume_bytes(&self) -> u64 {
        self.voxels() as u64 * self.datatype.bytes() as u64
    }
}

/// Fields as stored, before any is believed.
struct Fields {
    little_endian: bool,
    single_file: bool,
    header_bytes: usize,
    dim: [i64; 8],
    datatype: i16,
    bitpix: i16,
    vox_offset: f64,
    scl_slope: f64,
    scl_inter: f64,
    placement: NiftiPlacement,
}

/// The version and byte order that `sizeof_hdr`, the first field of both versions, tells: header bytes and little-endian.
pub(super) fn sniff(start: &[u8]) -> Option<(usize, bool)> {
    let sizeof_hdr: [u8; 4] = start.get(..4)?.try_into().ok()?;
    [NIFTI1_BYTES, NIFTI2_BYTES].into_iter().find_map(|bytes| {
        let wanted = bytes as i32;
        if i32::from_le_bytes(sizeof_hdr) == wanted {
            Some((bytes, true))
        } else if i32::from_be_bytes(sizeof_hdr) == wanted {
            Some((bytes, false))
        } else {
            None
        }
    })
}

/// Parses and checks a header. The error is a sentence without the file's name.
pub(super) fn parse(bytes: &[u8]) -> Result<Header, String> {
    let (header_bytes, little_endian) = sniff(bytes).ok_or("not a NIfTI header (its first field is neither 348 nor 540)")?;
    let bytes = bytes.get(..header_bytes).ok_or("the file ends within the NIfTI header")?;
    let fields = if header_bytes == NIFTI1_BYTES { fields_1(bytes, little_endian)? } else { fields_2(bytes, little_endian)? };
    check(fields)
}

fn fields_1(bytes: &[u8], little_endian: bool) -> Result<Fields, String> {
    let magic = &bytes[344..348];
    let single_file = magic == MAGIC1_SINGLE;
    if !single_file && magic != MAGIC1_PAIR {
        return Err(
            "no NIfTI magic after a 348-byte header: an Analyze 7.5 file does not say which side is left; convert it to NIfTI".into()
        );
    }
    let raw = NiftiHeader::from_reader(bytes).map_err(|error| format!("the NIfTI header cannot be parsed ({error})"))?;
    // The crate tells the byte order from dim[0] alone; a dim[0] out of 0..=7 makes it guess wrong.
    if (raw.endianness == Endianness::Little) != little_endian {
        return Err(dimension_count_error(i64::from(raw.dim[0].swap_bytes() as i16)));
    }
    Ok(Fields {
        little_endian,
        single_file,
        header_bytes: NIFTI1_BYTES,
        dim: raw.dim.map(|d| i64::from(d as i16)),
        datatype: raw.datatype,
        bitpix: raw.bitpix,
        vox_offset: f64::from(raw.vox_offset),
        scl_slope: f64::from(raw.scl_slope),
        scl_inter: f64::from(raw.scl_inter),
        placement: NiftiPlacement {
            qform_code: i32::from(raw.qform_code),
            sform_code: i32::from(raw.sform_code),
            quatern_bcd: [raw.quatern_b, raw.quatern_c, raw.quatern_d].map(f64::from),
            qoffset_xyz: [raw.quatern_x, raw.quatern_y, raw.quatern_z].map(f64::from),
            srow_xyz: [raw.srow_x, raw.srow_y, raw.srow_z].map(|row| row.map(f64::from)),
            pixdim: std::array::from_fn(|i| f64::from(raw.pixdim[i])),
            xyzt_units: raw.xyzt_units,
        },
    })
}

/// NIfTI-2 stores doubles and 64-bit dimensions at its own offsets (nifti2.h).
fn fields_2(bytes: &[u8], little_endian: bool) -> Result<Fields, String> {
    let magic = &bytes[4..12];
    let single_file = magic == MAGIC2_SINGLE;
    if !single_file && magic != MAGIC2_PAIR {
        return Err("no NIfTI-2 magic after its header size: damaged, perhaps by a text-mode transfer".into());
    }
    let at = |offset: usize| Bytes { bytes, offset, little_endian };
    let doubles = |offset: usize| move |i: usize| at(offset + 8 * i).f64();
    Ok(Fields {
        little_endian,
        single_file,
        header_bytes: NIFTI2_BYTES,
        dim: std::array::from_fn(|i| at(16 + 8 * i).i64()),
        datatype: at(12).i16(),
        bitpix: at(14).i16(),
        vox_offset: at(168).i64() as f64,
        scl_slope: at(176).f64(),
        scl_inter: at(184).f64(),
        placement: NiftiPlacement {
            qform_code: at(344).i32(),
            sform_code: at(348).i32(),
            quatern_bcd: std::array::from_fn(doubles(352)),
            qoffset_xyz: std::array::from_fn(doubles(376)),
            srow_xyz: std::array::from_fn(|row| std::array::from_fn(doubles(400 + 32 * row))),
            pixdim: std::array::from_fn(doubles(104)),
            xyzt_units: at(500).i32() as u8,
        },
    })
}

/// A place in a header whose length was checked.
struct Bytes<'a> {
    bytes: &'a [u8],
    offset: usize,
    little_endian: bool,
}

impl Bytes<'_> {
    /// The next `N` bytes in little-endian order.
    fn take<const N: usize>(&self) -> [u8; N] {
        let mut value: [u8; N] = self.bytes[self.offset..self.offset + N].try_into().expect("the slice is N long");
        if !self.little_endian {
            value.reverse();
        }
        value
    }

    fn i16(&self) -> i16 {
        i16::from_le_bytes(self.take())
    }

    fn i32(&self) -> i32 {
        i32::from_le_bytes(self.take())
    }

    fn i64(&self) -> i64 {
        i64::from_le_bytes(self.take())
    }

    fn f64(&self) -> f64 {
        f64::from_le_bytes(self.take())
    }
}

fn check(fields: Fields) -> Result<Header, String> {
    let (size_xyz, volumes) = sizes(&fields.dim)?;
    let datatype = datatype::from_code(fields.datatype)?;
    let bits = datatype.bytes() * 8;
    if i64::from(fields.bitpix) != bits as i64 {
        return Err(format!("the header contradicts itself: {bits}-bit voxels by datatype, {} by bitpix", fields.bitpix));
    }
    let total = [size_xyz[0], size_xyz[1], size_xyz[2], volumes, datatype.bytes()]
        .into_iter()
        .try_fold(1_u64, |product, n| product.checked_mul(n as u64))
        .filter(|total| usize::try_from(*total).is_ok());
    if total.is_none() {
        return Err(format!("the dimensions {size_xyz:?} with {volumes} volumes are beyond any memory"));
    }
    Ok(Header {
        little_endian: fields.little_endian,
        size_xyz,
        volumes,
        datatype,
        single_file: fields.single_file,
        vox_offset: vox_offset(&fields)?,
        scaling: scaling(fields.scl_slope, fields.scl_inter)?,
        placement: fields.placement,
    })
}

/// Size x, y, z and number of volumes; dimensions above `dim[0]` are ignored, as the standard says.
fn sizes(dim: &[i64; 8]) -> Result<([usize; 3], usize), String> {
    let rank = usize::try_from(dim[0]).ok().filter(|rank| (1..=7).contains(rank)).ok_or_else(|| dimension_count_error(dim[0]))?;
    let mut size = [1_usize; 7];
    for axis in 0..rank {
        let n = dim[axis + 1];
        size[axis] =
            usize::try_from(n).ok().filter(|n| *n > 0).ok_or_else(|| format!("dimension {} is {n}; it must be positive", axis + 1))?;
    }
    let volumes = size[3..].iter().try_fold(1_usize, |product, n| product.checked_mul(*n));
    Ok(([size[0], size[1], size[2]], volumes.ok_or("the number of volumes is beyond any memory")?))
}

fn dimension_count_error(stored: i64) -> String {
    format!("the header claims {stored} dimensions; 1 to 7 are possible")
}

/// Where voxels start. A single file that says 0 means "right after the header", as nifti_clib reads it.
fn vox_offset(fields: &Fields) -> Result<u64, String> {
    let offset = fields.vox_offset;
    let whole = offset.is_finite() && (0.0..9e15).contains(&offset) && offset.fract() == 0.0;
    let least = if fields.single_file { fields.header_bytes } else { 0 } as u64;
    if fields.single_file && offset == 0.0 {
        return Ok((fields.header_bytes + EXTENDER_BYTES) as u64);
    }
    if !whole || (offset as u64) < least {
        return Err(format!("the voxels cannot start at byte {offset} (vox_offset)"));
    }
    Ok(offset as u64)
}

/// Scaling as NIfTI-1 defines it: a slope of 0 (or none at all) means stored values are meant.
fn scaling(slope: f64, inter: f64) -> Result<Option<(f64, f64)>, String> {
    if slope == 0.0 || !slope.is_finite() || (slope == 1.0 && inter == 0.0) {
        return Ok(None);
    }
    if !inter.is_finite() {
        return Err(format!("the scaling {slope} * value + {inter} has no meaning (scl_inter)"));
    }
    Ok(Some((slope, inter)))
}
