//! Stored samples to modality units: masking, sign, rescale. Values are otherwise left as they are.

use std::hash::{DefaultHasher, Hash, Hasher};

use dicom_dictionary_std::tags;

use super::codec::{Samples, samples};
use super::dataset::DataSet;
use super::fault::Fault;
use super::frame::{Frame, Rescale};
use super::header::{Header, PixelFormat};

/// Refuses by name what is not a grey image of integers.
pub(super) fn check_format(header: &Header) -> Result<(), String> {
    let format = &header.format;
    if format.pixel_tag != tags::PIXEL_DATA {
        return Err("floating point pixel data is not supported".to_owned());
    }
    if format.samples != 1 || !matches!(format.photometric.as_str(), "MONOCHROME1" | "MONOCHROME2") {
        let kind = if format.photometric.is_empty() { "without PhotometricInterpretation" } else { &format.photometric };
        return Err(format!("images in {kind} with {} samples per pixel are not supported, only grey images are", format.samples));
    }
    if !matches!(format.bits_allocated, 8 | 16 | 32) {
        return Err(format!("images with {} bits allocated per pixel are not supported", format.bits_allocated));
    }
    if header.modality_lut {
        return Err("images with a modality lookup table are not supported".to_owned());
    }
    Ok(())
}

/// Decodes one frame of a loaded file into `values` (rows × columns, row by row).
pub(super) fn decode_frame(set: &DataSet, header: &Header, frame: &Frame, values: &mut [f32]) -> Result<(), Fault> {
    let stored = samples(set, &header.format, frame.index, header.frames.len())?;
    to_modality(&stored, &header.format, &frame.rescale, values);
    if values.iter().all(|value| value.is_finite()) { Ok(()) } else { Err(Fault::bad("rescaled values are too large")) }
}

/// Equal for frames with the same stored samples and rescale.
pub(super) fn fingerprint(set: &DataSet, header: &Header, frame: &Frame) -> Result<u64, Fault> {
    let mut hasher = DefaultHasher::new();
    samples(set, &header.format, frame.index, header.frames.len())?.bytes.hash(&mut hasher);
    [frame.rescale.slope, frame.rescale.intercept].map(f64::to_bits).hash(&mut hasher);
    Ok(hasher.finish())
}

/// The bits of a sample that carry its value (PS3.5 8.1.1).
#[derive(Clone, Copy)]
struct ValueBits {
    shift: u32,
    bits: u32,
    signed: bool,
}

impl ValueBits {
    fn of(format: &PixelFormat, precision: Option<u32>) -> Self {
        let shift = format.high_bit + 1 - format.bits_stored;
        match precision {
            // Where a codestream holds fewer bits than the header says, the sign sits in the codestream's top bit.
            Some(precision) if precision < format.bits_stored => Self { shift: 0, bits: precision, signed: format.signed },
            // Codecs of at most 8 bits give bytes: the header's shift cannot apply to them.
            Some(_) if format.bits_stored <= 8 => Self { shift: 0, bits: format.bits_stored, signed: format.signed },
            _ => Self { shift, bits: format.bits_stored, signed: format.signed },
        }
    }

    fn value(self, raw: u32) -> f64 {
        // Moving the top bit to bit 31 and back drops foreign bits above and extends the sign.
        let unused = 32 - self.bits;
        let aligned = (raw >> self.shift) << unused;
        if self.signed { f64::from(aligned.cast_signed() >> unused) } else { f64::from(aligned >> unused) }
    }
}

fn to_modality(stored: &Samples<'_>, format: &PixelFormat, rescale: &Rescale, values: &mut [f32]) {
    let bits = ValueBits::of(format, stored.precision);
    // The product is formed in double precision: 16 bits times a fractional slope do not fit single.
    let convert = |raw: u32| (bits.value(raw) * rescale.slope + rescale.intercept) as f32;
    let big = stored.big_endian;
    match stored.bytes_per_sample {
        1 => values.iter_mut().zip(stored.bytes.iter()).for_each(|(value, byte)| *value = convert(u32::from(*byte))),
        2 => values.iter_mut().zip(stored.bytes.as_chunks::<2>().0).for_each(|(value, pair)| {
            *value = convert(u32::from(if big { u16::from_be_bytes(*pair) } else { u16::from_le_bytes(*pair) }));
        }),
        _ => values.iter_mut().zip(stored.bytes.as_chunks::<4>().0).for_each(|(value, word)| {
            *value = convert(if big { u32::from_be_bytes(*word) } else { u32::from_le_bytes(*word) });
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    fn modality(bytes: &[u8], bits_stored: u32, high_bit: u32, signed: bool, rescale: Rescale) -> Vec<f32> {
        let format = PixelFormat {
            size_yx: [1, bytes.len() / 2],
            samples: 1,
            bits_allocated: 16,
            bits_stored,
            high_bit,
            signed,
            photometric: "MONOCHROME2".to_owned(),
            pixel_tag: tags::PIXEL_DATA,
        };
        let stored = Samples { bytes: Cow::Borrowed(bytes), bytes_per_sample: 2, big_endian: false, precision: None };
        let mut values = vec![0.0; bytes.len() / 2];
        to_modality(&stored, &format, &rescale, &mut values);
        values
    }

    #[test]
    fn overlay_bits_are_masked_and_signs_extended() {
        // 12 bits stored: 0xF801 is -2047 when signed; the top nibble belongs to an overlay.
        assert_eq!(modality(&[0x01, 0xF8], 12, 11, true, Rescale::default()), [-2047.0]);
        assert_eq!(modality(&[0x01, 0xF8], 12, 11, false, Rescale::default()), [2049.0]);
        // Left-aligned: high bit 15.
        assert_eq!(modality(&[0x10, 0x80], 12, 15, false, Rescale::default()), [2049.0]);
    }

    #[test]
    fn rescale_is_not_limited_to_16_bits() {
        let rescale = Rescale { slope: 20.5, intercept: -1024.0, stated: [true; 2] };
        assert_eq!(modality(&[0xFF, 0xFF], 16, 15, false, rescale), [65535.0 * 20.5 - 1024.0]);
    }
}
