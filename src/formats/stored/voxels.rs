//! Stored voxels to scans and masks: what counts as a value, and what is said when the file does not hold them.

use std::io;
use std::path::Path;

use ndarray::Array3;
use volume::{LabelTable, LabelVoxels};

use super::decode::{DecodeError, Encoding, decode};
use super::stream::Stream;
use crate::{FormatError, Warning, WarningCode};

/// Values of a scan: scaled, NaN and infinity replaced by 0 with a warning.
pub(crate) fn scan_voxels(
    path: &Path,
    stream: &mut Stream,
    encoding: &Encoding,
    size_zyx: [usize; 3],
    budget_bytes: u64,
) -> Result<(Array3<f32>, Option<Warning>), FormatError> {
    let mut not_finite = 0_u64;
    let voxels = collect(path, stream, encoding, size_zyx, budget_bytes, |value| {
        let value = value as f32;
        if value.is_finite() {
            return Ok(value);
        }
        not_finite += 1;
        Ok(0.0)
    })?;
    let all = voxels.len() as u64;
    if not_finite == all {
        return Err(FormatError::invalid(path, "not one voxel is a finite number; export the scan again"));
    }
    let text = || format!("{not_finite} of {all} voxels were no finite number and are now 0");
    Ok((voxels, (not_finite > 0).then(|| Warning::new(WarningCode::NanVoxels, text()))))
}

/// Values of a mask: whole numbers from 0 to 65535, as narrow as they fit.
pub(crate) fn label_voxels(
    path: &Path,
    stream: &mut Stream,
    encoding: &Encoding,
    size_zyx: [usize; 3],
    budget_bytes: u64,
) -> Result<LabelVoxels, FormatError> {
    let voxels = collect(path, stream, encoding, size_zyx, budget_bytes, |value| {
        if (0.0..=f64::from(u16::MAX)).contains(&value) && value.fract() == 0.0 {
            Ok(value as u16)
        } else {
            Err(format!("voxel value {value} is not a label; labels are whole numbers from 0 to 65535"))
        }
    })?;
    Ok(LabelVoxels::from(voxels.view()))
}

/// A table in which every value that occurs is named by its number.
pub(crate) fn numbered(voxels: &LabelVoxels) -> LabelTable {
    LabelTable::from_names(voxels.counts().into_iter().map(|(value, _)| (value, value.to_string())))
}

fn collect<T>(
    path: &Path,
    stream: &mut Stream,
    encoding: &Encoding,
    size_zyx: [usize; 3],
    budget_bytes: u64,
    convert: impl FnMut(f64) -> Result<T, String>,
) -> Result<Array3<T>, FormatError> {
    let values = decode(stream, encoding, convert).map_err(|error| match error {
        DecodeError::Io(error) => unreadable(path, error),
        DecodeError::Value(reason) => FormatError::invalid(path, reason),
        DecodeError::Memory => too_large(path, (encoding.voxels as u64).saturating_mul(size_of::<T>() as u64), budget_bytes),
    })?;
    Ok(Array3::from_shape_vec(size_zyx, values).expect("as many values as voxels were decoded"))
}

/// The refusal of a volume beyond the budget.
pub(crate) fn too_large(path: &Path, needed_bytes: u64, budget_bytes: u64) -> FormatError {
    FormatError::TooLarge { path: path.to_owned(), needed_mib: needed_bytes.div_ceil(1 << 20), allowed_mib: budget_bytes >> 20 }
}

/// The refusal of a file that cannot hold what its header promises.
pub(crate) fn cut_off(path: &Path) -> FormatError {
    unreadable(path, io::ErrorKind::UnexpectedEof.into())
}

/// Says what a failed read means: a short file, damaged compression, or the system's own reason.
pub(crate) fn unreadable(path: &Path, error: io::Error) -> FormatError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => FormatError::invalid(path, "the file ends before its last voxel; it was cut off, copy it again"),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            FormatError::invalid(path, format!("the gzip compression is damaged ({error}); copy the file again"))
        }
        _ => FormatError::io("read", path, error),
    }
}
