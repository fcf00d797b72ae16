//! Bytes of a file, inflated on the fly where it is gzip by content, never more than asked for.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::Path;

use flate2::bufread::GzDecoder;

use crate::FormatError;

/// Deflate cannot shrink data further than this, so a short file that claims much more is damaged or a bomb.
const DEFLATE_MAX_RATIO: u64 = 1032;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const BUFFER_BYTES: usize = 256 << 10;

/// A readable file with an upper bound of what it can hold.
pub(crate) struct Stream {
    reader: Box<dyn Read>,
    /// No more than this many bytes can come out.
    pub(crate) at_most_bytes: u64,
    /// Whether the end carries a checksum that vouches for the content.
    gzip: bool,
}

impl Stream {
    /// Opens a regular file.
    pub(crate) fn open(path: &Path) -> Result<Self, FormatError> {
        let failed = |source| FormatError::io("read", path, source);
        // Opening a pipe or device could wait for ever.
        if !fs::metadata(path).map_err(failed)?.is_file() {
            return Err(FormatError::invalid(path, "not a regular file"));
        }
        let mut file = File::open(path).map_err(failed)?;
        let file_bytes = file.metadata().map_err(failed)?.len();
        let mut start = [0; 2];
        let gzip = read_up_to(&mut file, &mut start).map_err(failed)? == 2 && start == GZIP_MAGIC;
        file.rewind().map_err(failed)?;
        Ok(Self::over(BufReader::with_capacity(BUFFER_BYTES, file), file_bytes, gzip))
    }

    /// The rest of a file whose compression is known; at most `rest_bytes` are left in it.
    pub(crate) fn over(reader: impl BufRead + 'static, rest_bytes: u64, gzip: bool) -> Self {
        if gzip {
            let at_most_bytes = rest_bytes.saturating_mul(DEFLATE_MAX_RATIO);
            Self { reader: Box::new(GzMembers { member: Some(GzDecoder::new(reader)) }), at_most_bytes, gzip }
        } else {
            Self { reader: Box::new(reader), at_most_bytes: rest_bytes, gzip }
        }
    }

    /// Fills as much of `buffer` as the file allows; returns how much.
    pub(crate) fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        read_up_to(&mut self.reader, buffer)
    }

    /// Passes over bytes; an early end is an error.
    pub(crate) fn skip(&mut self, bytes: u64) -> io::Result<()> {
        let skipped = io::copy(&mut self.reader.by_ref().take(bytes), &mut io::sink())?;
        if skipped == bytes { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    /// Looks whether gzip data that should now be complete are: asking for one byte more makes the decoder compare the checksum.
    pub(crate) fn verify_end(&mut self) -> io::Result<()> {
        if self.gzip { self.fill(&mut [0]).map(|_| ()) } else { Ok(()) }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

pub(crate) fn read_up_to(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// All members of a gzip file, one after the other (pigz and bgzip write several).
///
/// Unlike flate2's own multi-member decoder it ends at padding after the last member, as gzip(1) does.
struct GzMembers<R> {
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Read for GzMembers<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let n = member.read(buffer)?;
            if n > 0 || buffer.is_empty() {
                return Ok(n);
            }
            let mut rest = self.member.take().expect("a member was just read").into_inner();
            if rest.fill_buf()?.first() == Some(&GZIP_MAGIC[0]) {
                self.member = Some(GzDecoder::new(rest));
            }
        }
        Ok(0)
    }
}
