//! The journal's bytes.
//!
//! Header, 32 bytes, little-endian: magic (8), version u16, zero u16, size z, y, x (3 x u32), checksum of the base mask u32
//! ([`LabelGrid::checksum`]), CRC-32 of the 28 bytes before.
//! Then records: payload length u32, CRC-32 of length and payload u32, payload. Payload: sequence (varint, from 0), time (varint,
//! milliseconds since 1970 UTC), kind u8, count (varint, for undo and redo), name and detail (varint length and UTF-8 each), and the
//! rest is the edit ([`crate::Delta::encode`]).

use crate::codec::{put_varint, take_varint};
use crate::error::MaskError;
use crate::grid::LabelGrid;

const MAGIC: &[u8; 8] = b"VXJRNL\r\n";
const VERSION: u16 = 1;
pub(super) const HEADER_BYTES: usize = 32;
/// Length and checksum before each payload.
pub(super) const HEAD_BYTES: usize = 8;

/// The header of the journal of a mask.
pub(crate) fn header(base: &LabelGrid) -> Result<[u8; HEADER_BYTES], MaskError> {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
    for (axis, size) in base.size_zyx().into_iter().enumerate() {
        let size = u32::try_from(size).map_err(|_| MaskError::Outside { what: "axis", index: axis })?;
        bytes[12 + 4 * axis..16 + 4 * axis].copy_from_slice(&size.to_le_bytes());
    }
    bytes[24..28].copy_from_slice(&base.checksum().to_le_bytes());
    let crc = crc32fast::hash(&bytes[..28]);
    bytes[28..].copy_from_slice(&crc.to_le_bytes());
    Ok(bytes)
}

/// What keeps a file from being the journal of the mask whose header is `expected`.
pub(super) fn header_fault(found: &[u8; HEADER_BYTES], expected: &[u8; HEADER_BYTES]) -> Option<&'static str> {
    if found[..8] != MAGIC[..] {
        return Some("this is not an edit journal");
    }
    if found[8..10] != expected[8..10] {
        return Some("the edit journal was written by another version of this program");
    }
    if found[28..] != crc32fast::hash(&found[..28]).to_le_bytes() {
        return Some("the beginning of the edit journal is damaged");
    }
    (found != expected).then_some("the edit journal belongs to another mask")
}

/// What a record does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A new step.
    Edit,
    /// More of the last step: a stroke that goes on.
    More,
    /// Takes back this many steps.
    Undo(u64),
    /// Makes this many steps again.
    Redo(u64),
    /// Words without an edit.
    Note,
}

/// A record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) sequence: u64,
    pub(super) time_utc_ms: u64,
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) detail: String,
    /// The edit, encoded.
    pub(super) delta: Vec<u8>,
}

impl Record {
    /// Length, checksum and payload, to be written at once.
    pub(super) fn encode(&self) -> Result<Vec<u8>, MaskError> {
        let mut bytes = vec![0; HEAD_BYTES];
        put_varint(&mut bytes, self.sequence);
        put_varint(&mut bytes, self.time_utc_ms);
        let (kind, count) = match self.kind {
            Kind::Edit => (1, None),
            Kind::More => (2, None),
            Kind::Undo(count) => (3, Some(count)),
            Kind::Redo(count) => (4, Some(count)),
            Kind::Note => (5, None),
        };
        bytes.push(kind);
        if let Some(count) = count {
            put_varint(&mut bytes, count);
        }
        for text in [&self.name, &self.detail] {
            put_varint(&mut bytes, text.len() as u64);
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes.extend_from_slice(&self.delta);
        let length = u32::try_from(bytes.len() - HEAD_BYTES).map_err(|_| MaskError::BadDelta("it is larger than 4 GB"))?;
        bytes[..4].copy_from_slice(&length.to_le_bytes());
        let crc = checksum(length, &bytes[HEAD_BYTES..]);
        bytes[4..8].copy_from_slice(&crc.to_le_bytes());
        Ok(bytes)
    }

    /// Reads a payload; none for anything this version does not write.
    pub(super) fn decode(mut payload: &[u8]) -> Option<Self> {
        let bytes = &mut payload;
        let sequence = take_varint(bytes)?;
        let time_utc_ms = take_varint(bytes)?;
        let (kind, rest) = bytes.split_first()?;
        *bytes = rest;
        let kind = match kind {
            1 => Kind::Edit,
            2 => Kind::More,
            3 => Kind::Undo(take_varint(bytes)?),
            4 => Kind::Redo(take_varint(bytes)?),
            5 => Kind::Note,
            _ => return None,
        };
        let (name, detail) = (take_text(bytes)?, take_text(bytes)?);
        Some(Self { sequence, time_utc_ms, kind, name, detail, delta: bytes.to_vec() })
    }
}

/// Splits the bytes before a payload into its length and checksum.
pub(super) fn head(bytes: [u8; HEAD_BYTES]) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = bytes;
    (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]))
}

pub(super) fn checksum(length: u32, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

fn take_text(bytes: &mut &[u8]) -> Option<String> {
    let length = usize::try_from(take_varint(bytes)?).ok()?;
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    String::from_utf8(text.to_vec()).ok()
}
