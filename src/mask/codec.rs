//! An edit as few bytes: LEB128 varints of gaps, lengths and values. Reading never trusts a length.
//!
//! `version, runs, { gap << 2 | same_old << 1 | same_new, len, [old], [new] }`: a brush stroke takes two or three bytes per row.

use crate::delta::{Change, Delta};
use crate::error::MaskError;

const VERSION: u8 = 1;
/// Head and length: what a run takes at least.
const LEAST_BYTES: usize = 2;

/// Appends an unsigned number, seven bits a byte, low bits first.
pub(crate) fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Takes a number off the front; none when the bytes end or the number has more than 64 bits.
pub(crate) fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        let part = u64::from(first & 0x7f);
        if shift == 63 && part > 1 {
            return None;
        }
        value |= part << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

impl Delta {
    /// The edit as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 + 3 * self.changes().len());
        bytes.push(VERSION);
        put_varint(&mut bytes, self.changes().len() as u64);
        let (mut at, mut old, mut new) = (0, 0, 0);
        for change in self.changes() {
            let same_old = u64::from(change.old == old);
            let same_new = u64::from(change.new == new);
            put_varint(&mut bytes, ((change.start - at) as u64) << 2 | same_old << 1 | same_new);
            put_varint(&mut bytes, change.len as u64);
            if same_old == 0 {
                put_varint(&mut bytes, u64::from(change.old));
            }
            if same_new == 0 {
                put_varint(&mut bytes, u64::from(change.new));
            }
            (at, old, new) = (change.range().end, change.old, change.new);
        }
        bytes
    }

    /// Reads an edit of a mask of `voxels` voxels; any bytes are answered, none are trusted.
    pub fn decode(mut bytes: &[u8], voxels: usize) -> Result<Self, MaskError> {
        const SHORT: MaskError = MaskError::BadDelta("it ends in the middle of a run");
        let bytes = &mut bytes;
        match bytes.split_first() {
            Some((&VERSION, rest)) => *bytes = rest,
            Some(_) => return Err(MaskError::BadDelta("it was written by a newer version")),
            None => return Err(SHORT),
        }
        let count = take_varint(bytes).ok_or(SHORT)?;
        if count > (bytes.len() / LEAST_BYTES) as u64 {
            return Err(SHORT);
        }
        let mut changes = Vec::with_capacity(count as usize);
        let (mut at, mut old, mut new) = (0_usize, 0, 0);
        for _ in 0..count {
            let head = take_varint(bytes).ok_or(SHORT)?;
            let len = take_varint(bytes).ok_or(SHORT)?;
            if head & 0b10 == 0 {
                old = take_value(bytes)?;
            }
            if head & 0b01 == 0 {
                new = take_value(bytes)?;
            }
            let outside = MaskError::BadDelta("it ends outside the mask");
            let start = usize::try_from(head >> 2).ok().and_then(|gap| at.checked_add(gap));
            let len = usize::try_from(len).ok();
            let (Some(start), Some(len)) = (start, len) else { return Err(outside) };
            at = start.checked_add(len).ok_or(outside)?;
            changes.push(Change { start, len, old, new });
        }
        if !bytes.is_empty() {
            return Err(MaskError::BadDelta("bytes are left over"));
        }
        Self::from_changes(changes, voxels)
    }
}

fn take_value(bytes: &mut &[u8]) -> Result<u16, MaskError> {
    let value = take_varint(bytes).ok_or(MaskError::BadDelta("it ends in the middle of a run"))?;
    u16::try_from(value).map_err(|_| MaskError::BadDelta("a label is above 65535"))
}
