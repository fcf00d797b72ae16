//! The codes of voxel types in NIfTI headers (field `datatype`); what is not a scan is refused by name.

use nifti::{NiftiHeader, NiftiType};

use crate::stored::Datatype;

/// The type behind a header's code, or why it cannot be a scan.
pub(super) fn from_code(code: i16) -> Result<Datatype, String> {
    let named = NiftiHeader { datatype: code, ..NiftiHeader::default() }.data_type();
    Ok(match named.map_err(|_| format!("datatype {code} is not one NIfTI knows"))? {
        NiftiType::Uint8 => Datatype::U8,
        NiftiType::Int8 => Datatype::I8,
        NiftiType::Uint16 => Datatype::U16,
        NiftiType::Int16 => Datatype::I16,
        NiftiType::Uint32 => Datatype::U32,
        NiftiType::Int32 => Datatype::I32,
        NiftiType::Uint64 => Datatype::U64,
        NiftiType::Int64 => Datatype::I64,
        NiftiType::Float32 => Datatype::F32,
        NiftiType::Float64 => Datatype::F64,
        NiftiType::Float128 => return Err(refusal("128-bit float", "convert it to 32- or 64-bit float")),
        NiftiType::Complex64 | NiftiType::Complex128 | NiftiType::Complex256 => {
            return Err(refusal("complex", "export the magnitude image"));
        }
        NiftiType::Rgb24 | NiftiType::Rgba32 => return Err(refusal("colour (RGB)", "export one channel as a grey image")),
    })
}

pub(super) fn code(datatype: Datatype) -> i16 {
    let named = match datatype {
        Datatype::U8 => NiftiType::Uint8,
        Datatype::I8 => NiftiType::Int8,
        Datatype::U16 => NiftiType::Uint16,
        Datatype::I16 => NiftiType::Int16,
        Datatype::U32 => NiftiType::Uint32,
        Datatype::I32 => NiftiType::Int32,
        Datatype::U64 => NiftiType::Uint64,
        Datatype::I64 => NiftiType::Int64,
        Datatype::F32 => NiftiType::Float32,
        Datatype::F64 => NiftiType::Float64,
    };
    named as i16
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
            let datatype = from_code(code).unwrap();
            assert_eq!((super::code(datatype), datatype.bytes()), (code, bytes));
        }
    }

    #[test]
    fn other_kinds_are_refused_by_name() {
        for (code, word) in [(32, "complex"), (1792, "complex"), (2048, "complex"), (128, "RGB"), (2304, "RGB"), (1536, "128-bit")] {
            let reason = from_code(code).unwrap_err();
            assert!(reason.contains(word), "{code}: {reason}");
        }
        // DT_BINARY (1 bit) and nonsense.
        for code in [0, 1, 3, -4, 32767] {
            assert!(from_code(code).unwrap_err().contains("datatype"), "{code}");
        }
    }
}
