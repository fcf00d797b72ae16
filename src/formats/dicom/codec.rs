//! One frame's stored samples out of its file: native, RLE, JPEG or JPEG 2000; everything else is refused by name.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use dicom_core::VR;
use dicom_dictionary_std::uids;
use dicom_encoding::TransferSyntax;
use dicom_encoding::adapters::{PixelDataObject, RawPixelData};
use dicom_encoding::transfer_syntax::TransferSyntaxIndex;
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

use super::codestream::{check_jpeg, check_jpeg2000, jpeg2000_codestream};
use super::dataset::{DataSet, PixelBytes};
use super::fault::Fault;
use super::header::PixelFormat;
use super::prescan::EXPLICIT_VR_BIG_ENDIAN;
use super::rle;

/// How frames are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    Native,
    Rle,
    Jpeg,
    Jpeg2000,
}

impl Codec {
    /// The codec of a transfer syntax, or a refusal that names it.
    pub(super) fn of(transfer_syntax: &str) -> Result<Self, String> {
        match transfer_syntax {
            uids::IMPLICIT_VR_LITTLE_ENDIAN
            | uids::EXPLICIT_VR_LITTLE_ENDIAN
            | EXPLICIT_VR_BIG_ENDIAN
            | uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN => Ok(Self::Native),
            uids::RLE_LOSSLESS => Ok(Self::Rle),
            uids::JPEG_BASELINE8_BIT | uids::JPEG_EXTENDED12_BIT | uids::JPEG_LOSSLESS | uids::JPEG_LOSSLESS_SV1 => Ok(Self::Jpeg),
            uids::JPEG2000_LOSSLESS | uids::JPEG2000 => Ok(Self::Jpeg2000),
            other => {
                let name = TransferSyntaxRegistry.get(other).map_or("an unknown transfer syntax", |syntax| syntax.name());
                Err(format!("pixel data in {name} ({other}) is not supported; convert it to an uncompressed transfer syntax"))
            }
        }
    }

    /// A transfer syntax of the decoder's family.
    fn uid(self) -> &'static str {
        match self {
            Self::Native => uids::EXPLICIT_VR_LITTLE_ENDIAN,
            Self::Rle => uids::RLE_LOSSLESS,
            Self::Jpeg => uids::JPEG_LOSSLESS_SV1,
            Self::Jpeg2000 => uids::JPEG2000_LOSSLESS,
        }
    }
}

/// Whether voxels of this transfer syntax went through a lossy codec, as far as the file says.
pub(super) fn is_lossy(transfer_syntax: &str, lossy_flag: bool) -> bool {
    lossy_flag || matches!(transfer_syntax, uids::JPEG_BASELINE8_BIT | uids::JPEG_EXTENDED12_BIT | uids::JPEG2000)
}

/// Stored samples of one frame.
#[derive(Debug)]
pub(super) struct Samples<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    pub(super) bytes_per_sample: usize,
    pub(super) big_endian: bool,
    /// Bits that carry the value, counted from the lowest; none where the header decides.
    pub(super) precision: Option<u32>,
}

/// The stored samples of frame `index` of `frames`.
pub(super) fn samples<'a>(set: &'a DataSet, format: &PixelFormat, index: usize, frames: usize) -> Result<Samples<'a>, Fault> {
    let codec = Codec::of(&set.transfer_syntax).map_err(Fault::Bad)?;
    let pixels = format.size_yx[0] * format.size_yx[1];
    let bytes_per_sample = format.bits_allocated as usize / 8;
    match (codec, &set.pixels) {
        (Codec::Native, PixelBytes::Native { value, vr }) => {
            let all = &set.bytes[value.clone()];
            let frame = native_frame(all, pixels * bytes_per_sample, index, frames)?;
            // Big-endian OW swaps bytes within 16-bit words, even when samples are bytes (PS3.5 A.3, 8.2).
            let swapped = set.big_endian && bytes_per_sample == 1 && *vr == VR::OW;
            let bytes = if swapped { Cow::Owned(swap_pairs(frame)) } else { Cow::Borrowed(frame) };
            Ok(Samples { bytes, bytes_per_sample, big_endian: set.big_endian, precision: None })
        }
        (Codec::Native, PixelBytes::Fragments { .. }) => Err(Fault::bad("compressed fragments in an uncompressed transfer syntax")),
        (_, PixelBytes::Native { .. }) => Err(Fault::bad("uncompressed pixel data in a compressed transfer syntax")),
        (_, PixelBytes::NotLoaded) => Err(Fault::bad("the file has no pixel data")),
        (_, PixelBytes::Fragments { offsets, fragments }) => {
            let parts = frame_fragments(offsets, fragments, index, frames)?;
            let frame = match parts {
                [only] => Cow::Borrowed(&set.bytes[only.clone()]),
                parts => Cow::Owned(parts.iter().flat_map(|part| &set.bytes[part.clone()]).copied().collect()),
            };
            decompress(codec, &frame, format, pixels, bytes_per_sample)
        }
    }
}

fn native_frame(all: &[u8], frame_bytes: usize, index: usize, frames: usize) -> Result<&[u8], Fault> {
    let wanted = frame_bytes.saturating_mul(frames);
    // Too short is cut off; room for one more frame means that the header lies about size or number.
    if all.len() < wanted || all.len() - wanted >= frame_bytes {
        return Err(Fault::bad(format!("the pixel data has {} bytes where the header describes {wanted}", all.len())));
    }
    Ok(&all[index * frame_bytes..(index + 1) * frame_bytes])
}

fn swap_pairs(bytes: &[u8]) -> Vec<u8> {
    let mut swapped = bytes.to_vec();
    swapped.chunks_exact_mut(2).for_each(|pair| pair.swap(0, 1));
    swapped
}

type Range = std::ops::Range<usize>;

/// The fragments of one frame: one each, or all of a single frame, or as the offset table says (PS3.5 A.4).
fn frame_fragments<'a>(offsets: &[u32], fragments: &'a [Range], index: usize, frames: usize) -> Result<&'a [Range], Fault> {
    if frames == 1 {
        return Ok(fragments);
    }
    if fragments.len() == frames {
        return Ok(&fragments[index..=index]);
    }
    let unassigned = || Fault::bad(format!("{} fragments cannot be assigned to {frames} frames", fragments.len()));
    if offsets.len() != frames {
        return Err(unassigned());
    }
    // Offsets count from the first fragment's item tag, 8 bytes before its value.
    let base = fragments[0].start;
    let at_offset = |offset: u32| fragments.iter().position(|fragment| fragment.start - base == offset as usize);
    let first = at_offset(offsets[index]).ok_or_else(unassigned)?;
    let last = match offsets.get(index + 1) {
        Some(offset) => at_offset(*offset).ok_or_else(unassigned)?,
        None => fragments.len(),
    };
    fragments.get(first..last).filter(|parts| !parts.is_empty()).ok_or_else(unassigned)
}

fn decompress(codec: Codec, frame: &[u8], format: &PixelFormat, pixels: usize, bytes_per_sample: usize) -> Result<Samples<'static>, Fault> {
    if codec == Codec::Rle {
        let bytes = rle::decode(frame, pixels, bytes_per_sample)?;
        return Ok(Samples { bytes: Cow::Owned(bytes), bytes_per_sample, big_endian: false, precision: None });
    }
    let frame = if codec == Codec::Jpeg2000 { jpeg2000_codestream(frame) } else { frame };
    let precision = if codec == Codec::Jpeg2000 { check_jpeg2000(frame, format.size_yx)? } else { check_jpeg(frame, format.size_yx)? };
    if precision > format.bits_allocated {
        return Err(Fault::bad(format!("{precision}-bit samples do not fit into {} allocated bits", format.bits_allocated)));
    }
    // Decoders give bytes for up to 8 bits, whatever the header allocates.
    let bytes_per_sample = if precision <= 8 { 1 } else { 2 };
    let object = OneFrame { frame, size_yx: format.size_yx, bits_allocated: 8 * bytes_per_sample as u16 };
    let mut bytes = Vec::new();
    let decoder = TransferSyntaxRegistry.get(codec.uid()).and_then(TransferSyntax::pixel_data_reader);
    let decoder = decoder.ok_or_else(|| Fault::bad("this build lacks the decoder"))?;
    // The decoders are not ours: what they panic about is a damaged file, not a crash.
    let result = catch_unwind(AssertUnwindSafe(|| decoder.decode_frame(&object, 0, &mut bytes)));
    let damaged = || Fault::bad("the compressed pixel data is damaged");
    result.map_err(|_| damaged())?.map_err(|_| damaged())?;
    if bytes.len() != pixels * bytes_per_sample {
        return Err(damaged());
    }
    Ok(Samples { bytes: Cow::Owned(bytes), bytes_per_sample, big_endian: false, precision: Some(precision) })
}

/// A single frame as the decoders want to see it.
struct OneFrame<'a> {
    frame: &'a [u8],
    size_yx: [usize; 2],
    bits_allocated: u16,
}

impl PixelDataObject for OneFrame<'_> {
    fn transfer_syntax_uid(&self) -> &str {
        ""
    }
    fn rows(&self) -> Option<u16> {
        u16::try_from(self.size_yx[0]).ok()
    }
    fn cols(&self) -> Option<u16> {
        u16::try_from(self.size_yx[1]).ok()
    }
    fn samples_per_pixel(&self) -> Option<u16> {
        Some(1)
    }
    fn bits_allocated(&self) -> Option<u16> {
        Some(self.bits_allocated)
    }
    fn bits_stored(&self) -> Option<u16> {
        Some(self.bits_allocated)
    }
    fn photometric_interpretation(&self) -> Option<&str> {
        Some("MONOCHROME2")
    }
    fn number_of_frames(&self) -> Option<u32> {
        Some(1)
    }
    fn number_of_fragments(&self) -> Option<u32> {
        Some(1)
    }
    fn fragment(&self, fragment: usize) -> Option<Cow<'_, [u8]>> {
        (fragment == 0).then_some(Cow::Borrowed(self.frame))
    }
    fn offset_table(&self) -> Option<Cow<'_, [u32]>> {
        None
    }
    fn raw_pixel_data(&self) -> Option<RawPixelData> {
        Some(RawPixelData { fragments: vec![self.frame.to_vec()].into(), offset_table: Vec::new().into() })
    }
}
