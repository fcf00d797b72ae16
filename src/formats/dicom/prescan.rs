//! The walk over untrusted DICOM bytes. It never recurses, never trusts a length, and is the only parser: what was
//! checked is what is read.
//!
//! General-purpose parsers reserve what a length field asks for and recurse into sequences; a file of a few kilobytes
//! then costs gigabytes or the stack. Here a declared length must fit into what encloses it before anything is loaded.

use std::io::Read;

use dicom_core::{Tag, VR};
use dicom_dictionary_std::{tags, uids};

use super::dataset::{DataSet, Element, Item, PixelBytes};
use super::fault::Fault;
use super::heads::{EXPLICIT_LE, Encoding, Head, Heads, IMPLICIT_LE, UNDEFINED};
use super::source::Source;

/// Deeper nesting than any real object has.
const MAX_DEPTH: usize = 64;
/// Retired in 2006 and still found in archives.
pub(super) const EXPLICIT_VR_BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";

const ITEM: Tag = Tag(0xFFFE, 0xE000);
const ITEM_END: Tag = Tag(0xFFFE, 0xE00D);
const SEQUENCE_END: Tag = Tag(0xFFFE, 0xE0DD);

/// How far a walk goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// Stop in front of the pixel data: enough to list a folder.
    Header,
    /// Load the pixel data too.
    Pixels,
}

/// Walks a file: `total` bytes from `reader`, of which (inflated) at most `cap` are held.
pub(super) fn walk<'r>(reader: impl Read + 'r, total: u64, cap: u64, extent: Extent) -> Result<DataSet, Fault> {
    let mut source = Source::new(reader, total, cap);
    let start = start_of_elements(&mut source)?;
    let mut walker = Walker::new(source, start);
    let transfer_syntax = walker.meta_group()?;
    let transfer_syntax = match transfer_syntax {
        Some(uid) => uid,
        None => walker.recognise_bare_data_set()?.to_owned(),
    };
    match transfer_syntax.as_str() {
        uids::IMPLICIT_VR_LITTLE_ENDIAN => walker.encoding.implicit = true,
        EXPLICIT_VR_BIG_ENDIAN => walker.encoding.big_endian = true,
        uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN => walker = Walker::new(walker.at.source.inflate_from(walker.at.pos), 0),
        _ => walker.encoding.implicit = walker.is_implicit_after_all()?,
    }
    walker.data_set(extent)?;
    Ok(walker.finish(transfer_syntax))
}

/// After the preamble and "DICM" (PS3.10 7.1), or 0 where a file plausibly starts with its first element.
fn start_of_elements(source: &mut Source) -> Result<usize, Fault> {
    if source.load(132)? && &source.bytes()[128..132] == b"DICM" {
        return Ok(132);
    }
    if source.load(4)? && source.bytes().starts_with(b"DICM") {
        return Ok(4);
    }
    // Without the magic word only a first element of group 2 or 8 with a low number is taken for DICOM.
    if source.load(8)? && matches!(source.bytes()[..4], [2 | 8, 0, 0..=0x18, 0]) {
        return Ok(0);
    }
    Err(Fault::NotDicom)
}

#[derive(Debug, Clone, Copy)]
enum Inside {
    /// A sequence: only items may follow.
    Sequence { tag: Tag },
    /// An item: only elements may follow.
    Item,
}

#[derive(Debug, Clone, Copy)]
struct Level {
    inside: Inside,
    /// Number of the data set that elements (or, in a sequence, its items) belong to.
    owner: u32,
    /// Where it ends if its length was given.
    end: Option<usize>,
    /// Nothing inside may reach beyond this.
    bound: Option<usize>,
    encoding: Encoding,
    /// Private and unknown sequences are walked, not kept.
    kept: bool,
}

struct Walker<'r> {
    at: Heads<'r>,
    encoding: Encoding,
    levels: Vec<Level>,
    elements: Vec<Element>,
    items: Vec<Item>,
    next_item: u32,
    pixel_tag: Option<Tag>,
    pixels: PixelBytes,
}

impl<'r> Walker<'r> {
    fn new(source: Source<'r>, pos: usize) -> Self {
        Self {
            at: Heads::new(source, pos),
            encoding: EXPLICIT_LE,
            levels: Vec::new(),
            elements: Vec::new(),
            items: Vec::new(),
            next_item: 1,
            pixel_tag: None,
            pixels: PixelBytes::NotLoaded,
        }
    }

    fn finish(self, transfer_syntax: String) -> DataSet {
        let mut set = DataSet::new(self.at.source.into_bytes(), transfer_syntax, self.elements, self.items);
        set.big_endian = self.encoding.big_endian;
        set.pixel_tag = self.pixel_tag;
        set.pixels = self.pixels;
        set
    }

    /// Group 2, always explicit little endian; its own length field is not trusted. Returns the transfer syntax.
    fn meta_group(&mut self) -> Result<Option<String>, Fault> {
        let mut transfer_syntax = None;
        while self.at.source.load(self.at.pos + 8)? && self.at.u16_at(self.at.pos, false) == 2 {
            let head = self.at.head(EXPLICIT_LE)?;
            let end = self.at.end_of(head, self.at.source.total())?;
            self.at.need(end)?;
            if head.tag == tags::TRANSFER_SYNTAX_UID {
                let text = String::from_utf8_lossy(&self.at.source.bytes()[self.at.pos..end]);
                transfer_syntax = Some(text.trim_matches(['\0', ' ']).to_owned());
            }
            self.at.pos = end;
        }
        Ok(transfer_syntax)
    }

    /// A data set without meta group: explicit where the first element names a VR, implicit otherwise.
    fn recognise_bare_data_set(&mut self) -> Result<&'static str, Fault> {
        if !self.at.source.load(self.at.pos + 8)? || self.at.u16_at(self.at.pos, false) != 8 {
            return Err(Fault::bad("the file does not name its transfer syntax"));
        }
        let vr = [self.at.source.bytes()[self.at.pos + 4], self.at.source.bytes()[self.at.pos + 5]];
        if VR::from_binary(vr).is_some() { Ok(uids::EXPLICIT_VR_LITTLE_ENDIAN) } else { Ok(uids::IMPLICIT_VR_LITTLE_ENDIAN) }
    }

    /// Some writers announce an explicit data set and write an implicit one; their first element names no VR.
    fn is_implicit_after_all(&mut self) -> Result<bool, Fault> {
        let at = self.at.pos;
        Ok(self.at.source.load(at + 8)? && !self.at.source.bytes()[at + 4..at + 6].iter().all(u8::is_ascii_uppercase))
    }

    fn data_set(&mut self, extent: Extent) -> Result<(), Fault> {
        loop {
            while self.levels.last().is_some_and(|level| level.end == Some(self.at.pos)) {
                self.levels.pop();
            }
            if self.levels.last().is_some_and(|level| level.end.is_some_and(|end| self.at.pos > end)) {
                return Err(Fault::bad("an element reaches beyond the end of its sequence"));
            }
            let at_end = match self.levels.last().copied() {
                None => self.root_element(extent)?,
                Some(level) => {
                    match level.inside {
                        Inside::Sequence { tag } => self.sequence_entry(level, tag)?,
                        Inside::Item => self.item_element(level)?,
                    }
                    false
                }
            };
            if at_end {
                return Ok(());
            }
        }
    }

    /// Returns true after the last element that matters.
    fn root_element(&mut self, extent: Extent) -> Result<bool, Fault> {
        if !self.at.source.load(self.at.pos + 8)? {
            let rest = &self.at.source.bytes()[self.at.pos.min(self.at.source.bytes().len())..];
            return if rest.iter().all(|byte| *byte == 0) { Ok(true) } else { Err(Fault::bad("the file ends inside an element")) };
        }
        let head = self.at.head(self.encoding)?;
        if matches!(head.tag, tags::PIXEL_DATA | tags::FLOAT_PIXEL_DATA | tags::DOUBLE_FLOAT_PIXEL_DATA) {
            self.pixel_tag = Some(head.tag);
            self.pixel_data(head, extent)?;
            return Ok(true);
        }
        let root = Level { inside: Inside::Item, owner: 0, end: None, bound: self.at.source.total(), encoding: self.encoding, kept: true };
        self.element(head, root)?;
        Ok(false)
    }

    fn pixel_data(&mut self, head: Head, extent: Extent) -> Result<(), Fault> {
        if head.length == UNDEFINED {
            if extent == Extent::Pixels {
                self.pixels = self.fragments(self.at.source.total())?;
            }
            return Ok(());
        }
        let end = self.at.end_of(head, self.at.source.total())?;
        if extent == Extent::Pixels {
            self.at.need(end)?;
            self.pixels = PixelBytes::Native { value: self.at.pos..end, vr: head.vr };
        }
        Ok(())
    }

    fn item_element(&mut self, level: Level) -> Result<(), Fault> {
        let head = self.at.head(level.encoding)?;
        if head.tag == ITEM_END {
            if level.end.is_some() || head.length != 0 {
                return Err(Fault::bad("a sequence item ends where it should not"));
            }
            self.levels.pop();
            return Ok(());
        }
        self.element(head, level)
    }

    /// One element of the data set that `level` describes; sequences are entered, values are noted and passed.
    fn element(&mut self, head: Head, level: Level) -> Result<(), Fault> {
        if head.tag.group() == 0xFFFE {
            return Err(Fault::bad("a sequence delimiter stands outside a sequence"));
        }
        if head.length == UNDEFINED && matches!(head.vr, VR::OB | VR::OW) && head.tag == tags::PIXEL_DATA {
            self.fragments(level.bound)?;
            return Ok(());
        }
        let nested = head.vr == VR::SQ || (head.length == UNDEFINED && (head.vr == VR::UN || level.encoding.implicit));
        if nested {
            return self.enter_sequence(head, level);
        }
        let end = self.at.end_of(head, level.bound)?;
        self.at.need(end)?;
        if level.kept {
            self.elements.push(Element { owner: level.owner, tag: head.tag, vr: head.vr, value: self.at.pos..end });
        }
        self.at.pos = end;
        Ok(())
    }

    fn enter_sequence(&mut self, head: Head, parent: Level) -> Result<(), Fault> {
        let end = if head.length == UNDEFINED { None } else { Some(self.at.end_of(head, parent.bound)?) };
        // A sequence of unknown VR is written implicit little endian, whatever surrounds it (PS3.5 6.2.2).
        let unknown = head.vr == VR::UN && !parent.encoding.implicit;
        self.push(Level {
            inside: Inside::Sequence { tag: head.tag },
            owner: parent.owner,
            end,
            bound: end.or(parent.bound),
            encoding: if unknown { IMPLICIT_LE } else { parent.encoding },
            kept: parent.kept && !unknown && head.tag.group().is_multiple_of(2),
        })
    }

    fn sequence_entry(&mut self, level: Level, sequence: Tag) -> Result<(), Fault> {
        let head = self.at.item_head(level.encoding.big_endian)?;
        match head.tag {
            SEQUENCE_END if level.end.is_none() && head.length == 0 => {
                self.levels.pop();
                Ok(())
            }
            ITEM => {
                let end = if head.length == UNDEFINED { None } else { Some(self.at.end_of(head, level.bound)?) };
                let id = self.next_item;
                self.next_item += 1;
                if level.kept {
                    self.items.push(Item { owner: level.owner, sequence, id });
                }
                self.push(Level { inside: Inside::Item, owner: id, end, bound: end.or(level.bound), ..level })
            }
            other => Err(Fault::bad(format!("a sequence holds {other} where an item should start"))),
        }
    }

    fn push(&mut self, level: Level) -> Result<(), Fault> {
        if self.levels.len() >= 2 * MAX_DEPTH {
            return Err(Fault::bad(format!("sequences are nested more than {MAX_DEPTH} deep")));
        }
        self.levels.push(level);
        Ok(())
    }

    /// Encapsulated pixel data: offset table, fragments, delimiter (PS3.5 A.4).
    fn fragments(&mut self, bound: Option<usize>) -> Result<PixelBytes, Fault> {
        let mut all = Vec::new();
        loop {
            let head = self.at.item_head(self.encoding.big_endian)?;
            match head.tag {
                SEQUENCE_END => break,
                ITEM if head.length != UNDEFINED => {
                    let end = self.at.end_of(head, bound)?;
                    self.at.need(end)?;
                    all.push(self.at.pos..end);
                    self.at.pos = end;
                }
                other => return Err(Fault::bad(format!("compressed pixel data holds {other} where a fragment should start"))),
            }
        }
        if all.is_empty() {
            return Err(Fault::bad("compressed pixel data has no fragments"));
        }
        let table = all.remove(0);
        let offsets = self.at.source.bytes()[table].as_chunks::<4>().0.iter().map(|chunk| u32::from_le_bytes(*chunk)).collect();
        Ok(PixelBytes::Fragments { offsets, fragments: all })
    }
}
