//! Reads the headers of JPEG and JPEG 2000 frames before a decoder does: sizes must agree with the DICOM header, so
//! that a decoder never reserves what a lie asks for, and a cut-off stream is refused instead of filled with grey.

use std::collections::BTreeMap;

use super::fault::Fault;

/// Tiles, packets and code blocks cost memory each; no scanner writes more.
const MAX_TILES: u64 = 4096;
const MAX_PRECINCTS: u64 = 1 << 16;
const MAX_LAYERS: u16 = 1024;

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from(be16(bytes, at)?) << 16 | u32::from(be16(bytes, at + 2)?))
}

fn size_lie(kind: &str, columns: u64, rows: u64, size_yx: [usize; 2]) -> Fault {
    Fault::bad(format!("the {kind} data is {columns} x {rows} pixels where the header says {} x {}", size_yx[1], size_yx[0]))
}

/// Checks a JPEG frame up to its start-of-frame marker (ITU-T T.81 B.2.2); returns its bits per sample.
pub(super) fn check_jpeg(bytes: &[u8], size_yx: [usize; 2]) -> Result<u32, Fault> {
    jpeg_frame_header(bytes).ok_or_else(|| Fault::bad("the JPEG data is damaged")).and_then(|frame| {
        if [frame.rows, frame.columns] != size_yx {
            return Err(size_lie("JPEG", frame.columns as u64, frame.rows as u64, size_yx));
        }
        if frame.components != 1 {
            return Err(Fault::bad(format!("the JPEG data has {} components instead of one", frame.components)));
        }
        match (frame.marker, frame.precision) {
            (0xC3, 2..=16) | (0xC0 | 0xC1, 8) => Ok(u32::from(frame.precision)),
            (0xC0 | 0xC1, bits) => Err(Fault::bad(format!("{bits}-bit lossy JPEG (process 2 and 4) is not supported"))),
            _ => Err(Fault::bad("this kind of JPEG (progressive, hierarchical or arithmetic) is not supported")),
        }
    })
}

struct JpegFrame {
    marker: u8,
    precision: u8,
    rows: usize,
    columns: usize,
    components: u8,
}

fn jpeg_frame_header(bytes: &[u8]) -> Option<JpegFrame> {
    if !bytes.starts_with(&[0xFF, 0xD8]) {
        return None;
    }
    let mut at = 2;
    loop {
        if *bytes.get(at)? != 0xFF {
            return None;
        }
        let marker = *bytes.get(at + 1)?;
        match marker {
            0xFF => at += 1,
            0x01 | 0xD0..=0xD7 => at += 2,
            0xD8..=0xDA => return None,
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => {
                return Some(JpegFrame {
                    marker,
                    precision: *bytes.get(at + 4)?,
                    rows: usize::from(be16(bytes, at + 5)?),
                    columns: usize::from(be16(bytes, at + 7)?),
                    components: *bytes.get(at + 9)?,
                });
            }
            _ => at += 2 + usize::from(be16(bytes, at + 2)?).max(2),
        }
    }
}

/// The bare codestream of a frame: some writers wrap it in a JP2 file, which PS3.5 A.4.4 forbids.
pub(super) fn jpeg2000_codestream(bytes: &[u8]) -> &[u8] {
    const JP2: [u8; 12] = [0, 0, 0, 12, b'j', b'P', b' ', b' ', 13, 10, 0x87, 10];
    if !bytes.starts_with(&JP2) {
        return bytes;
    }
    let mut at = JP2.len();
    while let (Some(length), Some(kind)) = (be32(bytes, at), bytes.get(at + 4..at + 8)) {
        if kind == b"jp2c" {
            let end = if length == 0 { bytes.len() } else { (at + length as usize).min(bytes.len()) };
            return bytes.get(at + 8..end).unwrap_or_default();
        }
        if length < 8 {
            break;
        }
        at += length as usize;
    }
    &[]
}

/// Checks a JPEG 2000 codestream: image and tile sizes, coding styles, and that all tile parts are there (T.800 A).
/// Returns its bits per sample.
pub(super) fn check_jpeg2000(bytes: &[u8], size_yx: [usize; 2]) -> Result<u32, Fault> {
    let damaged = || Fault::bad("the JPEG 2000 data is damaged");
    if !bytes.starts_with(&[0xFF, 0x4F, 0xFF, 0x51]) {
        return Err(damaged());
    }
    let siz = Siz::read(bytes).ok_or_else(damaged)?;
    siz.check(size_yx)?;
    let mut at = 2;
    loop {
        let marker = be16(bytes, at).ok_or_else(damaged)?;
        if marker == SOT {
            break;
        }
        let length = segment(bytes, at).ok_or_else(damaged)?;
        check_coding_style(marker, &bytes[at + 4..at + 2 + length], &siz)?;
        at += 2 + length;
    }
    check_tile_parts(bytes, at, &siz)?;
    Ok(siz.precision)
}

const SIZ_CAPABILITY: usize = 6;
const COD: u16 = 0xFF52;
const COC: u16 = 0xFF53;
const SOT: u16 = 0xFF90;
const SOD: u16 = 0xFF93;
const EOC: u16 = 0xFFD9;

/// Length of a marker segment that lies wholly inside the data.
fn segment(bytes: &[u8], at: usize) -> Option<usize> {
    let marker = be16(bytes, at)?;
    let length = usize::from(be16(bytes, at + 2)?);
    (marker >= 0xFF00 && length >= 2 && at + 2 + length <= bytes.len()).then_some(length)
}

/// Image and tile sizes (T.800 A.5.1).
struct Siz {
    image: [u64; 4],
    tile: [u64; 4],
    components: u16,
    precision: u32,
    subsampling: [u8; 2],
}

impl Siz {
    fn read(bytes: &[u8]) -> Option<Self> {
        let field = |index: usize| be32(bytes, SIZ_CAPABILITY + 2 + 4 * index).map(u64::from);
        let components = be16(bytes, SIZ_CAPABILITY + 34)?;
        let first = bytes.get(SIZ_CAPABILITY + 36..SIZ_CAPABILITY + 39)?;
        Some(Self {
            image: [field(0)?, field(1)?, field(2)?, field(3)?],
            tile: [field(4)?, field(5)?, field(6)?, field(7)?],
            components,
            precision: u32::from(first[0] & 0x7F) + 1,
            subsampling: [first[1], first[2]],
        })
    }

    fn check(&self, size_yx: [usize; 2]) -> Result<(), Fault> {
        let [x1, y1, x0, y0] = self.image;
        let [tile_x, tile_y, tile_x0, tile_y0] = self.tile;
        let (columns, rows) = (x1.saturating_sub(x0), y1.saturating_sub(y0));
        if [rows, columns] != size_yx.map(|size| size as u64) {
            return Err(size_lie("JPEG 2000", columns, rows, size_yx));
        }
        if self.components != 1 || self.subsampling != [1, 1] {
            return Err(Fault::bad(format!("the JPEG 2000 data has {} components instead of one", self.components)));
        }
        if self.precision > 16 {
            return Err(Fault::bad(format!("{}-bit JPEG 2000 is not supported", self.precision)));
        }
        if tile_x == 0 || tile_y == 0 || tile_x0 > x0 || tile_y0 > y0 {
            return Err(Fault::bad("the JPEG 2000 data is damaged"));
        }
        if self.tiles() > MAX_TILES {
            return Err(Fault::bad(format!("the JPEG 2000 data claims {} tiles", self.tiles())));
        }
        Ok(())
    }

    fn tiles(&self) -> u64 {
        let [x1, y1, ..] = self.image;
        let [tile_x, tile_y, tile_x0, tile_y0] = self.tile;
        (x1 - tile_x0).div_ceil(tile_x) * (y1 - tile_y0).div_ceil(tile_y)
    }
}

/// Bounds what a coding style makes a decoder reserve (T.800 A.6.1, A.6.2).
fn check_coding_style(marker: u16, body: &[u8], siz: &Siz) -> Result<(), Fault> {
    let damaged = || Fault::bad("the JPEG 2000 data is damaged");
    let (user_precincts, style) = match marker {
        COD => {
            if be16(body, 2).ok_or_else(damaged)? > MAX_LAYERS {
                return Err(Fault::bad("the JPEG 2000 data claims too many quality layers"));
            }
            (body[0] & 1 == 1, body.get(5..).ok_or_else(damaged)?)
        }
        COC => (*body.get(1).ok_or_else(damaged)? & 1 == 1, body.get(2..).ok_or_else(damaged)?),
        _ => return Ok(()),
    };
    let levels = usize::from(*style.first().ok_or_else(damaged)?);
    let (width, height) = (*style.get(1).ok_or_else(damaged)?, *style.get(2).ok_or_else(damaged)?);
    // Code blocks of 2^(2+n), at most 1024 a side and 4096 samples.
    if levels > 32 || width > 8 || height > 8 || width + height > 8 {
        return Err(damaged());
    }
    if !user_precincts {
        return Ok(());
    }
    let sizes = style.get(5..5 + levels + 1).ok_or_else(damaged)?;
    let [x1, y1, ..] = siz.image;
    let precincts: u64 = sizes
        .iter()
        .enumerate()
        .map(|(resolution, size)| {
            let shift = (levels - resolution) as u32;
            let count = |extent: u64, exponent: u8| (extent >> shift.min(63)).max(1).div_ceil(1 << exponent);
            count(x1, size & 0x0F) * count(y1, size >> 4)
        })
        .sum();
    if precincts > MAX_PRECINCTS {
        return Err(Fault::bad(format!("the JPEG 2000 data claims {precincts} precincts")));
    }
    Ok(())
}

/// Follows the tile parts to the end of the codestream: decoders fill what is missing with grey, without a word.
fn check_tile_parts(bytes: &[u8], mut at: usize, siz: &Siz) -> Result<(), Fault> {
    let cut = || Fault::bad("the JPEG 2000 data is cut off");
    // For each tile, parts seen and parts declared (0: not said).
    let mut tiles: BTreeMap<u16, (u32, u32)> = BTreeMap::new();
    while at < bytes.len() && be16(bytes, at).ok_or_else(cut)? != EOC {
        let part = TilePart::read(bytes, at).ok_or_else(cut)?;
        let tile = tiles.entry(part.tile).or_default();
        *tile = (tile.0 + 1, tile.1.max(part.parts));
        check_tile_header(bytes, at + 12, siz)?;
        at = part.end;
    }
    let ended = be16(bytes, at) == Some(EOC) || bytes.windows(2).rev().take(4).any(|pair| pair == EOC.to_be_bytes());
    let complete = tiles.values().all(|(seen, declared)| *declared == 0 || seen == declared);
    if ended && complete && tiles.len() as u64 == siz.tiles() { Ok(()) } else { Err(cut()) }
}

/// Start of a tile part (T.800 A.4.2).
struct TilePart {
    tile: u16,
    parts: u32,
    end: usize,
}

impl TilePart {
    fn read(bytes: &[u8], at: usize) -> Option<Self> {
        let length = be32(bytes, at + 6)? as usize;
        // Zero: the last tile part reaches to the end marker, which may be padded.
        let end = if length == 0 { bytes.len() } else { at + length };
        let sound = be16(bytes, at)? == SOT && (length == 0 || length >= 14) && end <= bytes.len();
        sound.then_some(Self { tile: be16(bytes, at + 4)?, parts: u32::from(*bytes.get(at + 11)?), end })
    }
}

fn check_tile_header(bytes: &[u8], mut at: usize, siz: &Siz) -> Result<(), Fault> {
    let cut = || Fault::bad("the JPEG 2000 data is cut off");
    loop {
        let marker = be16(bytes, at).ok_or_else(cut)?;
        if marker == SOD {
            return Ok(());
        }
        let length = segment(bytes, at).ok_or_else(cut)?;
        check_coding_style(marker, &bytes[at + 4..at + 2 + length], siz)?;
        at += 2 + length;
    }
}
