//! Stored voxels to values, in pieces, so that memory holds the result and one small buffer.

use std::io;

use super::datatype::Datatype;
use super::stream::Stream;

const PIECE_BYTES: usize = 64 << 10;

/// How the voxels of one volume are stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Encoding {
    pub(crate) datatype: Datatype,
    pub(crate) little_endian: bool,
    /// Voxels of the volume wanted.
    pub(crate) voxels: usize,
    /// Values stored per voxel, one after the other, and which of them is wanted.
    pub(crate) per_voxel: usize,
    pub(crate) wanted: usize,
    /// Slope and intercept; `None` where stored values are meant.
    pub(crate) scaling: Option<(f64, f64)>,
}

/// Why voxels could not be decoded.
pub(super) enum DecodeError {
    /// The file ends early or its compression is damaged.
    Io(io::Error),
    /// `convert` refused a value, with this sentence.
    Value(String),
    /// The system has no memory for the result.
    Memory,
}

impl From<io::Error> for DecodeError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads one volume; `stream` stands at its first voxel. Values are scaled in f64, then handed to `convert`.
pub(super) fn decode<T>(
    stream: &mut Stream,
    encoding: &Encoding,
    mut convert: impl FnMut(f64) -> Result<T, String>,
) -> Result<Vec<T>, DecodeError> {
    let mut values = Vec::new();
    values.try_reserve_exact(encoding.voxels).map_err(|_| DecodeError::Memory)?;
    let (slope, inter) = encoding.scaling.unwrap_or((1.0, 0.0));
    let scaled = encoding.scaling.is_some();
    let little = encoding.little_endian;
    let mut place = 0;
    let mut push = |value: f64| {
        if place == encoding.wanted {
            values.push(convert(if scaled { value * slope + inter } else { value })?);
        }
        place = if place + 1 == encoding.per_voxel { 0 } else { place + 1 };
        Ok(())
    };
    let bytes = (encoding.voxels as u64) * (encoding.per_voxel as u64) * encoding.datatype.bytes() as u64;
    macro_rules! each {
        ($type:ty) => {
            each_element(stream, bytes, |raw| push((if little { <$type>::from_le_bytes(raw) } else { <$type>::from_be_bytes(raw) }) as f64))
        };
    }
    match encoding.datatype {
        Datatype::U8 => each!(u8),
        Datatype::I8 => each!(i8),
        Datatype::U16 => each!(u16),
        Datatype::I16 => each!(i16),
        Datatype::U32 => each!(u32),
        Datatype::I32 => each!(i32),
        Datatype::U64 => each!(u64),
        Datatype::I64 => each!(i64),
        Datatype::F32 => each!(f32),
        Datatype::F64 => each!(f64),
    }?;
    stream.verify_end()?;
    Ok(values)
}

/// Calls `visit` with each `N`-byte element of the next `total` bytes.
fn each_element<const N: usize>(
    stream: &mut Stream,
    total: u64,
    mut visit: impl FnMut([u8; N]) -> Result<(), String>,
) -> Result<(), DecodeError> {
    let mut piece = vec![0; PIECE_BYTES];
    let mut left = total;
    while left > 0 {
        let wanted = left.min(PIECE_BYTES as u64) as usize;
        if stream.fill(&mut piece[..wanted])? < wanted {
            return Err(DecodeError::Io(io::ErrorKind::UnexpectedEof.into()));
        }
        let (elements, _) = piece[..wanted].as_chunks::<N>();
        elements.iter().try_for_each(|element| visit(*element)).map_err(DecodeError::Value)?;
        left -= wanted as u64;
    }
    Ok(())
}
