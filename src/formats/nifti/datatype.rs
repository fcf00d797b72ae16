//! Voxel types a scan or mask can have; the others are refused by name.

use nifti::{NiftiHeader, NiftiType};

/// A real-valued voxel type (header field `datatype`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Datatype {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
}

impl Datatype {
    /// The type behind a header's code, or why it cannot be a scan.
    pub(super) fn from_code(code: i16) -> Result<Self, String> {
        let named = NiftiHeader { datatype: code, ..NiftiHeader::default() }.data_type();
        Ok(match named.map_err(|_| format!("datatype {code} is not one NIfTI knows"))? {
            NiftiType::Uint8 => Self::U8,
            NiftiType::Int8 => Self::I8,
            NiftiType::Uint16 => Self::U16,
            NiftiType::Int16 => Self::I16,
            NiftiType::Uint32 => Self::U32,
            NiftiType::Int32 => Self::I32,
            NiftiType::Uint64 => Self::U64,
            NiftiType::Int64 => Self::I64,
            NiftiType::Float32 => Self::F32,
            NiftiType::Float64 => Self::F64,
            NiftiType::Float128 => return Err(refusal("128-bit float", "convert it to 32- or 64-bit float")),
            NiftiType::Complex64 | NiftiType::Complex128 | NiftiType::Complex256 => {
                return Err(refusal("complex", "export the magnitude image"));
            }
            NiftiType::Rgb24 | NiftiType::Rgba32 => return Err(refusal("colour (RGB)", "export one channel as a grey image")),
        })
    }

    pub(super) fn code(self) -> i16 {
        let named = match self {
            Self::U8 => NiftiType::Uint8,
            Self::I8 => NiftiType::Int8,
            Self::U16 => NiftiType::Uint16,
            Self::I16 => NiftiType::Int16,
            Self::U32 => NiftiType::Uint32,
            Self::I32 => NiftiType::Int32,
            Self::U64 => NiftiType::Uint64,
            Self::I64 => NiftiType::Int64,
            Self::F32 => NiftiType::Float32,
            Self::F64 => NiftiType::Float64,
        };
        named as i16
    }

    pub(super) fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }
}

fn refusal(kind: &str, remedy: &str) -> String {
    format!("{kind} voxels are not a scan; {remedy}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_follow_the_standard() {
        let codes = [(2, 1), (4, 2), (8, 4), (16, 4), (64, 8), (256, 1), (512, 2), (768, 4), (1024, 8), (1280, 8)];
        for (code, bytes) in codes {
            let datatype = Datatype::from_code(code).unwrap();
            assert_eq!((datatype.code(), datatype.bytes()), (code, bytes));
        }
    }

    #[test]
    fn other_kinds_are_refused_by_name() {
        for (code, word) in [(32, "complex"), (1792, "complex"), (2048, "complex"), (128, "RGB"), (2304, "RGB"), (1536, "128-bit")] {
            let reason = Datatype::from_code(code).unwrap_err();
            assert!(reason.contains(word), "{code}: {reason}");
        }
        // DT_BINARY (1 bit) and nonsense.
        for code in [0, 1, 3, -4, 32767] {
            assert!(Datatype::from_code(code).unwrap_err().contains("datatype"), "{code}");
        }
    }
}
