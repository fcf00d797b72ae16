//! A walked data set: where each element's value lies, and typed access to the few that matter here.

use std::ops::Range;

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;
use dicom_encoding::text::{SpecificCharacterSet, TextCodec};

use super::fault::Fault;

/// One element: its owner, its name, its type and where its value lies.
#[derive(Debug, Clone)]
pub(super) struct Element {
    /// 0 for the root data set, otherwise a sequence item's number.
    pub(super) owner: u32,
    pub(super) tag: Tag,
    pub(super) vr: VR,
    pub(super) value: Range<usize>,
}

/// One item of a sequence.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    /// The data set that holds the sequence.
    pub(super) owner: u32,
    pub(super) sequence: Tag,
    /// The item's own number.
    pub(super) id: u32,
}

/// How pixel data lies in the file.
#[derive(Debug, Clone)]
pub(super) enum PixelBytes {
    /// Declared but not loaded: the walk stopped in front of it.
    NotLoaded,
    /// All frames one after another.
    Native { value: Range<usize>, vr: VR },
    /// Compressed fragments (PS3.5 A.4) and the basic offset table.
    Fragments { offsets: Vec<u32>, fragments: Vec<Range<usize>> },
}

/// A walked data set.
#[derive(Debug)]
pub(super) struct DataSet {
    pub(super) bytes: Vec<u8>,
    pub(super) big_endian: bool,
    pub(super) transfer_syntax: String,
    /// Which of the three pixel data elements there is, if any.
    pub(super) pixel_tag: Option<Tag>,
    pub(super) pixels: PixelBytes,
    elements: Vec<Element>,
    items: Vec<Item>,
}

impl DataSet {
    /// Joins the results of a walk; `elements` and `items` come in file order.
    pub(super) fn new(bytes: Vec<u8>, transfer_syntax: String, mut elements: Vec<Element>, mut items: Vec<Item>) -> Self {
        elements.sort_by_key(|element| (element.owner, element.tag));
        items.sort_by_key(|item| (item.owner, item.sequence));
        Self { bytes, big_endian: false, transfer_syntax, pixel_tag: None, pixels: PixelBytes::NotLoaded, elements, items }
    }

    /// The outermost data set.
    pub(super) fn root(&self) -> Node<'_> {
        Node { set: self, id: 0 }
    }
}

/// The data set or one item of one of its sequences.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    set: &'a DataSet,
    id: u32,
}

impl<'a> Node<'a> {
    fn element(self, tag: Tag) -> Option<(VR, &'a [u8])> {
        let at = self.set.elements.partition_point(|e| (e.owner, e.tag) < (self.id, tag));
        let element = self.set.elements.get(at).filter(|e| e.owner == self.id && e.tag == tag)?;
        Some((element.vr, self.set.bytes.get(element.value.clone())?))
    }

    /// The items of a sequence, in file order.
    pub(super) fn items(self, sequence: Tag) -> impl Iterator<Item = Node<'a>> {
        let items = &self.set.items;
        let first = items.partition_point(|item| (item.owner, item.sequence) < (self.id, sequence));
        let owner = self.id;
        items[first..]
            .iter()
            .take_while(move |item| item.owner == owner && item.sequence == sequence)
            .map(move |item| Node { set: self.set, id: item.id })
    }

    /// The first item of a sequence.
    pub(super) fn item(self, sequence: Tag) -> Option<Node<'a>> {
        self.items(sequence).next()
    }

    /// Whether the element is there, empty or not.
    pub(super) fn has(self, tag: Tag) -> bool {
        self.element(tag).is_some() || self.item(tag).is_some()
    }

    /// Text in the default repertoire (codes, identifiers, numbers); none where absent or blank.
    pub(super) fn text(self, tag: Tag) -> Option<String> {
        let (_, bytes) = self.element(tag)?;
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// Text that people wrote, in the character set the root data set names (PS3.3 C.12.1.1.2).
    pub(super) fn written_text(self, tag: Tag) -> Option<String> {
        let (_, bytes) = self.element(tag)?;
        let code = self.set.root().text(tags::SPECIFIC_CHARACTER_SET).unwrap_or_default();
        let first = code.split('\\').find(|part| !part.trim().is_empty()).unwrap_or("ISO_IR 6").trim().to_owned();
        let codec = SpecificCharacterSet::from_code(&first).unwrap_or_default();
        let text = codec.decode(bytes).unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned());
        let text: String = text.chars().filter(|c| !c.is_control()).collect();
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// All values of a numeric element; none where absent or empty.
    pub(super) fn numbers(self, tag: Tag, name: &str) -> Result<Option<Vec<f64>>, Fault> {
        let Some((vr, bytes)) = self.element(tag) else { return Ok(None) };
        let big = self.set.big_endian;
        let numbers: Vec<f64> = match vr {
            VR::US => fixed(bytes, big, |b| f64::from(u16::from_le_bytes(b))),
            VR::SS => fixed(bytes, big, |b| f64::from(i16::from_le_bytes(b))),
            VR::UL => fixed(bytes, big, |b| f64::from(u32::from_le_bytes(b))),
            VR::SL => fixed(bytes, big, |b| f64::from(i32::from_le_bytes(b))),
            VR::FL => fixed(bytes, big, |b| f64::from(f32::from_le_bytes(b))),
            VR::FD => fixed(bytes, big, f64::from_le_bytes),
            _ => {
                let text = self.text(tag).unwrap_or_default();
                let parse = |part: &str| part.trim().parse().map_err(|_| Fault::bad(format!("{name} is not a number")));
                if text.is_empty() { Vec::new() } else { text.split('\\').map(parse).collect::<Result<_, _>>()? }
            }
        };
        Ok((!numbers.is_empty()).then_some(numbers))
    }

    /// The first value of a numeric element.
    pub(super) fn number(self, tag: Tag, name: &str) -> Result<Option<f64>, Fault> {
        Ok(self.numbers(tag, name)?.map(|numbers| numbers[0]))
    }

    /// Exactly `N` finite values, or a refusal by name.
    pub(super) fn finite<const N: usize>(self, tag: Tag, name: &str) -> Result<Option<[f64; N]>, Fault> {
        let Some(numbers) = self.numbers(tag, name)? else { return Ok(None) };
        let numbers: [f64; N] =
            numbers.try_into().map_err(|all: Vec<f64>| Fault::bad(format!("{name} has {} values instead of {N}", all.len())))?;
        if numbers.iter().all(|number| number.is_finite()) { Ok(Some(numbers)) } else { Err(Fault::bad(format!("{name} is not finite"))) }
    }

    /// A small unsigned number such as Rows.
    pub(super) fn count(self, tag: Tag, name: &str) -> Result<Option<u32>, Fault> {
        let Some(number) = self.number(tag, name)? else { return Ok(None) };
        if number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number) {
            return Ok(Some(number as u32));
        }
        Err(Fault::bad(format!("{name} is not a whole number")))
    }
}

/// Reads fixed-size binary numbers; a torn last one is dropped.
fn fixed<const N: usize>(bytes: &[u8], big_endian: bool, read: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    bytes
        .as_chunks::<N>()
        .0
        .iter()
        .map(|chunk| {
            let mut chunk = *chunk;
            if big_endian {
                chunk.reverse();
            }
            read(chunk)
        })
        .collect()
}
