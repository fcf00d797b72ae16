//! Untrusted bytes read on demand: a file's header costs its header, and nothing ever grows past a cap.

use std::io::{self, Cursor, Read};

use flate2::read::DeflateDecoder;

use super::fault::Fault;

/// Read at least this much at once; the header of a classic slice fits.
const CHUNK: usize = 1 << 16;

/// The bytes of a data set as far as they were needed so far.
pub(super) struct Source<'r> {
    reader: Box<dyn Read + 'r>,
    bytes: Vec<u8>,
    /// Size of the whole input where it is known: a file's, not an inflated stream's.
    total: Option<usize>,
    cap: usize,
    ended: bool,
}

impl<'r> Source<'r> {
    /// `total` is the input's size; at most `cap` bytes of it will be held.
    pub(super) fn new(reader: impl Read + 'r, total: u64, cap: u64) -> Self {
        let limit = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        Self { reader: Box::new(reader), bytes: Vec::new(), total: Some(limit(total)), cap: limit(cap), ended: false }
    }

    /// What was loaded so far.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Gives up the loaded bytes.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Size of the input where it is known.
    pub(super) fn total(&self) -> Option<usize> {
        self.total
    }

    /// Loads up to `end`; false when the input ends before it.
    pub(super) fn load(&mut self, end: usize) -> Result<bool, Fault> {
        if end <= self.bytes.len() {
            return Ok(true);
        }
        if self.ended || self.total.is_some_and(|total| end > total) {
            return Ok(false);
        }
        if end > self.cap {
            return Err(Fault::TooLarge { needed: end as u64, allowed: self.cap as u64 });
        }
        let wanted = (end - self.bytes.len()).max(CHUNK).min(self.cap - self.bytes.len());
        if self.total.is_some() && self.bytes.try_reserve_exact(wanted).is_err() {
            return Err(Fault::TooLarge { needed: end as u64, allowed: self.bytes.len() as u64 });
        }
        let read = match self.reader.by_ref().take(wanted as u64).read_to_end(&mut self.bytes) {
            Ok(read) => read,
            // A damaged deflate stream is a damaged file, not a failing disk.
            Err(source) if matches!(source.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => {
                return Err(Fault::bad("the deflated data set is damaged"));
            }
            Err(source) => return Err(source.into()),
        };
        self.ended = read < wanted;
        Ok(end <= self.bytes.len())
    }

    /// Everything after `pos`, inflated (PS3.5 A.5), under the same cap.
    pub(super) fn inflate_from(self, pos: usize) -> Self {
        let rest = Cursor::new(self.bytes[pos..].to_vec()).chain(self.reader);
        Self { reader: Box::new(DeflateDecoder::new(rest)), bytes: Vec::new(), total: None, cap: self.cap, ended: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn loads_no_more_than_needed_and_knows_the_end() {
        let data = vec![7; 3 * CHUNK];
        let mut source = Source::new(&data[..], data.len() as u64, 1 << 30);
        assert!(source.load(10).unwrap());
        assert_eq!(source.bytes().len(), CHUNK);
        assert!(source.load(data.len()).unwrap());
        assert!(!source.load(data.len() + 1).unwrap());
    }

    #[test]
    fn an_inflated_bomb_stops_at_the_cap() {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&vec![0; 8 << 20]).unwrap();
        let bomb = encoder.finish().unwrap();
        let mut source = Source::new(&bomb[..], bomb.len() as u64, 1 << 20).inflate_from(0);
        assert!(source.load(1 << 20).unwrap());
        assert!(matches!(source.load((1 << 20) + 1), Err(Fault::TooLarge { .. })));
        assert!(source.bytes().len() <= 1 << 20);
    }
}
