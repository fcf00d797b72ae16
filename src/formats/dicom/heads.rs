//! Element heads in untrusted bytes: tag, representation and length, each checked before anything relies on it.

use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::StandardDataDictionary;

use super::fault::Fault;
use super::source::Source;

/// More elements than any real object has (a 2,000-frame enhanced CT has some 200,000).
const MAX_ELEMENTS: usize = 1_000_000;
/// Undefined length (PS3.5 7.1.1).
pub(super) const UNDEFINED: u32 = 0xFFFF_FFFF;

/// How elements are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Encoding {
    pub(super) implicit: bool,
    pub(super) big_endian: bool,
}

pub(super) const EXPLICIT_LE: Encoding = Encoding { implicit: false, big_endian: false };
pub(super) const IMPLICIT_LE: Encoding = Encoding { implicit: true, big_endian: false };

/// What stands before a value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) tag: Tag,
    pub(super) vr: VR,
    pub(super) length: u32,
}

/// A place in the bytes, moved past each head that is read.
pub(super) struct Heads<'r> {
    pub(super) source: Source<'r>,
    pub(super) pos: usize,
    seen: usize,
}

impl<'r> Heads<'r> {
    pub(super) fn new(source: Source<'r>, pos: usize) -> Self {
        Self { source, pos, seen: 0 }
    }

    /// An item or delimiter: tag and length, in every encoding.
    pub(super) fn item_head(&mut self, big_endian: bool) -> Result<Head, Fault> {
        self.count_one()?;
        self.need(self.pos + 8)?;
        let tag = self.tag_at(self.pos, big_endian);
        let length = self.u32_at(self.pos + 4, big_endian);
        self.pos += 8;
        Ok(Head { tag, vr: VR::UN, length })
    }

    pub(super) fn head(&mut self, encoding: Encoding) -> Result<Head, Fault> {
        self.need(self.pos + 8)?;
        let tag = self.tag_at(self.pos, encoding.big_endian);
        if tag.group() == 0xFFFE || encoding.implicit {
            let head = self.item_head(encoding.big_endian)?;
            return Ok(Head { vr: vr_of(tag), ..head });
        }
        self.count_one()?;
        let code = [self.source.bytes()[self.pos + 4], self.source.bytes()[self.pos + 5]];
        if !code.iter().all(u8::is_ascii_uppercase) {
            return Err(Fault::bad(format!("element {tag} has no valid value representation")));
        }
        // Representations newer than this table have the long form (PS3.5 7.1.2).
        let vr = VR::from_binary(code).unwrap_or(VR::UN);
        let long = matches!(
            vr,
            VR::OB | VR::OD | VR::OF | VR::OL | VR::OV | VR::OW | VR::SQ | VR::SV | VR::UC | VR::UN | VR::UR | VR::UT | VR::UV
        );
        let length = if long {
            self.need(self.pos + 12)?;
            self.u32_at(self.pos + 8, encoding.big_endian)
        } else {
            u32::from(self.u16_at(self.pos + 6, encoding.big_endian))
        };
        self.pos += if long { 12 } else { 8 };
        // A known element that passed through a system which did not know it keeps its value but loses its VR.
        let vr = if vr == VR::UN && length != UNDEFINED && vr_of(tag) != VR::SQ { vr_of(tag) } else { vr };
        Ok(Head { tag, vr, length })
    }

    fn count_one(&mut self) -> Result<(), Fault> {
        self.seen += 1;
        if self.seen > MAX_ELEMENTS { Err(Fault::bad(format!("the file has more than {MAX_ELEMENTS} elements"))) } else { Ok(()) }
    }

    /// Where a value ends, if what encloses it is long enough.
    pub(super) fn end_of(&self, head: Head, bound: Option<usize>) -> Result<usize, Fault> {
        if head.length == UNDEFINED {
            return Err(Fault::bad(format!("element {} must not have an undefined length", head.tag)));
        }
        let left = bound.map_or(usize::MAX, |bound| bound.saturating_sub(self.pos));
        let length = head.length as usize;
        if length > left {
            return Err(Fault::bad(format!(
                "the file is cut off or damaged: element {} declares {length} bytes but {left} are left",
                head.tag
            )));
        }
        Ok(self.pos + length)
    }

    pub(super) fn need(&mut self, end: usize) -> Result<(), Fault> {
        if self.source.load(end)? { Ok(()) } else { Err(Fault::bad("the file is cut off or damaged: it ends inside an element")) }
    }

    fn tag_at(&self, at: usize, big_endian: bool) -> Tag {
        Tag(self.u16_at(at, big_endian), self.u16_at(at + 2, big_endian))
    }

    pub(super) fn u16_at(&self, at: usize, big_endian: bool) -> u16 {
        let bytes = [self.source.bytes()[at], self.source.bytes()[at + 1]];
        if big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    fn u32_at(&self, at: usize, big_endian: bool) -> u32 {
        let bytes = std::array::from_fn(|i| self.source.bytes()[at + i]);
        if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }
}

/// The dictionary's representation; unknown and private elements are opaque.
fn vr_of(tag: Tag) -> VR {
    StandardDataDictionary.by_tag(tag).map_or(VR::UN, |entry| entry.vr().relaxed())
}
