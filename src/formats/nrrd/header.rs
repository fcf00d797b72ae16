//! The text header: fields (`name: value`) and key/value pairs (`key:=value`), checked before any voxel is read.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};

use crate::stored::Datatype;

/// Headers end within this many bytes; 65535 segments with tags need less.
const MAX_BYTES: u64 = 32 << 20;
const MAGIC: &[u8] = b"NRRD000";

/// Why a header cannot be used.
pub(super) enum HeaderError {
    Io(io::Error),
    /// A sentence without the file's name.
    Invalid(String),
}

impl From<String> for HeaderError {
    fn from(reason: String) -> Self {
        Self::Invalid(reason)
    }
}

/// Whether the voxels are stored as they are or as gzip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    Raw,
    Gzip,
}

/// Where voxels start in their file, as the header counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Skip {
    /// Lines before decompression, then bytes after it.
    Start { lines: u64, bytes: u64 },
    /// Raw voxels are the last bytes of their file.
    FromEnd,
}

/// What the header of a readable file says.
#[derive(Debug, Clone)]
pub(super) struct Header {
    /// As stored, fastest axis first.
    pub(super) sizes: Vec<usize>,
    pub(super) datatype: Datatype,
    pub(super) little_endian: bool,
    pub(super) compression: Compression,
    pub(super) skip: Skip,
    /// Name of the data file; `None` where voxels follow the header.
    pub(super) data_file: Option<String>,
    /// Fields as text, by name in lower case.
    pub(super) fields: BTreeMap<String, String>,
    /// Key/value pairs.
    pub(super) pairs: BTreeMap<String, String>,
}

/// Whether a file that starts like this is NRRD.
pub(super) fn sniff(start: &[u8]) -> bool {
    start.starts_with(MAGIC)
}

/// Reads a header; afterwards the reader stands behind the empty line that ends it. Returns it and its bytes.
pub(super) fn read(reader: &mut impl BufRead) -> Result<(Header, u64), HeaderError> {
    let mut limited = reader.take(MAX_BYTES);
    let mut fields = BTreeMap::new();
    let mut pairs = BTreeMap::new();
    let mut line = Vec::new();
    let mut first = true;
    loop {
        line.clear();
        limited.read_until(b'\n', &mut line).map_err(HeaderError::Io)?;
        let ended = !line.ends_with(b"\n");
        if ended && limited.limit() == 0 {
            return Err(format!("the NRRD header does not end within {} MiB", MAX_BYTES >> 20).into());
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\n', '\r']);
        if first {
            version(text)?;
            first = false;
        } else if !text.is_empty() && !text.starts_with('#') {
            note(text, &mut fields, &mut pairs)?;
        }
        // A detached header may end without an empty line.
        if text.is_empty() || ended {
            break;
        }
    }
    let header_bytes = MAX_BYTES - limited.limit();
    Ok((check(fields, pairs)?, header_bytes))
}

fn version(text: &str) -> Result<(), String> {
    let version = text.as_bytes().strip_prefix(MAGIC).ok_or("not a NRRD file (it does not begin with NRRD000)")?;
    if matches!(version, [b'1'..=b'5']) { Ok(()) } else { Err(format!("{text:?} is not a version of NRRD that Voxelry knows (1 to 5)")) }
}

/// Takes one line up. The separator that comes first decides: values may hold the other one.
fn note(text: &str, fields: &mut BTreeMap<String, String>, pairs: &mut BTreeMap<String, String>) -> Result<(), String> {
    let field = text.find(": ");
    match (text.find(":="), field) {
        (Some(at), field) if field.is_none_or(|field| at < field) => {
            pairs.insert(text[..at].to_owned(), unescaped(&text[at + 2..]));
        }
        (_, Some(at)) => {
            fields.insert(canonical(&text[..at]), text[at + 2..].trim().to_owned());
        }
        // Some writers leave the blank out where the value is empty.
        _ if text.ends_with(':') => {}
        _ => return Err(format!("the NRRD header has a line that is neither field nor key: {:?}", shortened(text))),
    }
    Ok(())
}

/// Long lines, and lines of a file that is no header, are not repeated in full.
fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

/// Names have synonyms.
fn canonical(name: &str) -> String {
    let name = name.trim().to_ascii_lowercase();
    match name.as_str() {
        "datafile" => "data file",
        "lineskip" => "line skip",
        "byteskip" => "byte skip",
        "centerings" => "centers",
        other => other,
    }
    .to_owned()
}

/// Line ends and backslashes are escaped in the values of pairs.
fn unescaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('n') => text.push('\n'),
                Some('\\') => text.push('\\'),
                Some(other) => text.extend(['\\', other]),
                None => text.push('\\'),
            },
            _ => text.push(c),
        }
    }
    text
}

fn check(fields: BTreeMap<String, String>, pairs: BTreeMap<String, String>) -> Result<Header, String> {
    let field = |name: &str| fields.get(name).map(String::as_str).ok_or_else(|| format!("the NRRD header does not say its {name}"));
    let sizes = sizes(field("dimension")?, field("sizes")?)?;
    let datatype = datatype(field("type")?)?;
    let compression = compression(field("encoding")?)?;
    let little_endian = match fields.get("endian").map(|text| text.to_ascii_lowercase()).as_deref() {
        Some("little") => true,
        Some("big") => false,
        None if datatype.bytes() == 1 => true,
        None => return Err("the NRRD header does not say the byte order (endian), so the values cannot be known".into()),
        Some(other) => return Err(format!("{:?} is not a byte order; endian is little or big", shortened(other))),
    };
    let total = sizes
        .iter()
        .chain([&datatype.bytes()])
        .try_fold(1_u64, |product, n| product.checked_mul(*n as u64))
        .filter(|total| usize::try_from(*total).is_ok());
    if total.is_none() {
        return Err(format!("the sizes {sizes:?} are beyond any memory"));
    }
    let skip = skip(&fields, compression)?;
    let data_file = fields.get("data file").map(|name| data_file(name)).transpose()?;
    Ok(Header { sizes, datatype, little_endian, compression, skip, data_file, fields, pairs })
}

fn sizes(dimension: &str, sizes: &str) -> Result<Vec<usize>, String> {
    let wanted: usize = dimension.parse().map_err(|_| format!("{:?} is not a number of dimensions", shortened(dimension)))?;
    if !(3..=4).contains(&wanted) {
        return Err(format!("the file has {wanted} dimensions; a scan or mask has 3, or 4 with several volumes or layers"));
    }
    let sizes: Option<Vec<usize>> = sizes.split_whitespace().map(|n| n.parse().ok().filter(|n| *n > 0)).collect();
    let sizes = sizes.ok_or("the sizes in the NRRD header are not all positive whole numbers")?;
    if sizes.len() != wanted {
        return Err(format!("the header contradicts itself: {wanted} dimensions, but {} sizes", sizes.len()));
    }
    Ok(sizes)
}

/// Every spelling the standard allows.
fn datatype(text: &str) -> Result<Datatype, String> {
    Ok(match text {
        "uchar" | "unsigned char" | "uint8" | "uint8_t" => Datatype::U8,
        "signed char" | "int8" | "int8_t" => Datatype::I8,
        "ushort" | "unsigned short" | "unsigned short int" | "uint16" | "uint16_t" => Datatype::U16,
        "short" | "short int" | "signed short" | "signed short int" | "int16" | "int16_t" => Datatype::I16,
        "uint" | "unsigned int" | "uint32" | "uint32_t" => Datatype::U32,
        "int" | "signed int" | "int32" | "int32_t" => Datatype::I32,
        "ulonglong" | "unsigned long long" | "unsigned long long int" | "uint64" | "uint64_t" => Datatype::U64,
        "longlong" | "long long" | "long long int" | "signed long long" | "signed long long int" | "int64" | "int64_t" => Datatype::I64,
        "float" => Datatype::F32,
        "double" => Datatype::F64,
        "block" => return Err("voxels of type block are not a scan".into()),
        other => return Err(format!("{:?} is not a voxel type NRRD knows", shortened(other))),
    })
}

fn compression(text: &str) -> Result<Compression, String> {
    match text.to_ascii_lowercase().as_str() {
        "raw" => Ok(Compression::Raw),
        "gzip" | "gz" => Ok(Compression::Gzip),
        "txt" | "text" | "ascii" | "hex" | "bzip2" | "bz2" => {
            Err(format!("voxels in {text} encoding are not read; save the file again with gzip or raw encoding"))
        }
        other => Err(format!("{:?} is not an encoding NRRD knows", shortened(other))),
    }
}

fn skip(fields: &BTreeMap<String, String>, compression: Compression) -> Result<Skip, String> {
    let number = |name: &str| -> Result<i64, String> {
        let text = fields.get(name).map_or("0", String::as_str);
        text.parse().map_err(|_| format!("{:?} is not a number ({name})", shortened(text)))
    };
    let (lines, bytes) = (number("line skip")?, number("byte skip")?);
    if bytes == -1 && lines == 0 && compression == Compression::Raw {
        return Ok(Skip::FromEnd);
    }
    match (u64::try_from(lines), u64::try_from(bytes)) {
        (Ok(lines), Ok(bytes)) => Ok(Skip::Start { lines, bytes }),
        _ => Err(format!("the voxels cannot start {lines} lines and {bytes} bytes into their file")),
    }
}

/// A header must not make a program read any file of the machine: only names beside it are followed.
fn data_file(name: &str) -> Result<String, String> {
    if name.starts_with("LIST") || name.contains('%') {
        return Err("its voxels lie in several data files; join them into one .nrrd".into());
    }
    let bare = name.strip_prefix("./").unwrap_or(name);
    if bare.is_empty() || bare == ".." || bare == "." || bare.contains(['/', '\\', ':', '\0']) {
        return Err("its data file lies in another folder; put both into one folder and name it without a path".into());
    }
    Ok(bare.to_owned())
}
