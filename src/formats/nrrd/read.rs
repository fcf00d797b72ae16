//! NRRD files to scans and masks.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use volume::{Geometry, LabelMap, LabelTable, Scan};

use super::header::{self, Compression, Header, HeaderError, Skip};
use super::place::{self, Axes, PlaceError};
use super::segments::{self, Status};
use crate::nifti::ReadOptions;
use crate::stored::{self, Encoding, Stream, cut_off, read_up_to, too_large, unreadable};
use crate::{FormatError, Warning, WarningCode};

const BUFFER_BYTES: usize = 256 << 10;
/// Lines before the voxels of a data file are at most this long in all.
const MAX_SKIPPED_LINE_BYTES: u64 = 1 << 20;

/// A scan as read.
#[derive(Debug, Clone)]
pub struct LoadedScan {
    /// Voxels and place.
    pub scan: Scan,
    /// What is doubtful.
    pub warnings: Vec<Warning>,
}

/// A mask as read.
#[derive(Debug, Clone)]
pub struct LoadedLabels {
    /// Voxels, place and names.
    pub labels: LabelMap,
    /// How far each structure has been looked at, by value, where Slicer says it.
    pub status: BTreeMap<u16, Status>,
    /// What is doubtful.
    pub warnings: Vec<Warning>,
}

/// Whether the file is NRRD by content.
pub fn is_nrrd(path: &Path) -> Result<bool, FormatError> {
    let mut file = open_regular(path)?.0;
    let mut start = [0; 8];
    let filled = read_up_to(&mut file, &mut start).map_err(|error| FormatError::io("read", path, error))?;
    Ok(header::sniff(&start[..filled]))
}

/// Whether the file's name promises NRRD.
pub fn is_nrrd_name(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("nrrd") || e.eq_ignore_ascii_case("nhdr"))
}

/// The file itself and, for a detached header, its data file: what a result must refer to.
pub fn files_of(path: &Path) -> Result<Vec<PathBuf>, FormatError> {
    let (header, ..) = read_header(path)?;
    Ok([path.to_owned()].into_iter().chain(header.data_file.map(|name| path.with_file_name(name))).collect())
}

/// Reads a scan: NaN and infinity are replaced by 0 with a warning. One volume of several must be chosen.
pub fn read_scan(path: &Path, options: &ReadOptions) -> Result<LoadedScan, FormatError> {
    let mut source = Source::open(path, size_of::<f32>(), options, |several, wanted| match wanted {
        None if several > 1 => Err(format!("the file holds {several} volumes; choose one from 0 to {} with --volume", several - 1)),
        wanted => Ok(wanted.unwrap_or(0)),
    })?;
    let size_zyx = source.geometry.size_zyx;
    let (voxels, doubt) = stored::scan_voxels(path, &mut source.stream, &source.encoding, size_zyx, options.budget_bytes)?;
    let mut warnings = source.warnings;
    if source.axes.several > 1 {
        let text = format!("volume {} of {} (counted from 0) was read", source.chosen, source.axes.several);
        warnings.push(Warning::new(WarningCode::MultiVolume, text));
    }
    warnings.extend(doubt);
    Ok(LoadedScan { scan: Scan::new(source.geometry, voxels), warnings })
}

/// Reads a mask with the names a `.seg.nrrd` has; values without a name are named by their number.
///
/// Of several layers the first is read, or the one chosen as volume; structures of others are left out with a warning.
pub fn read_labels(path: &Path, options: &ReadOptions) -> Result<LoadedLabels, FormatError> {
    // Values are collected at 16 bits, then narrowed where possible.
    let mut source = Source::open(path, 2 * size_of::<u16>(), options, |_, wanted| Ok(wanted.unwrap_or(0)))?;
    let size_zyx = source.geometry.size_zyx;
    let voxels = stored::label_voxels(path, &mut source.stream, &source.encoding, size_zyx, options.budget_bytes)?;
    let layers = source.axes.several;
    let all = segments::from_pairs(&source.header.pairs, layers).unwrap_or_default();
    let (segments, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|segment| layers == 1 || segment.layer == source.chosen);
    let mut warnings = source.warnings;
    if layers > 1 {
        let (chosen, left_out) = (source.chosen, others.len());
        let text = format!(
            "the file keeps overlapping structures in {layers} layers; layer {chosen} (counted from 0) was read, \
             {left_out} structures of other layers were left out"
        );
        warnings.push(Warning::new(WarningCode::MultiVolume, text));
    }
    let status = segments.iter().filter_map(|segment| Some((segment.label.value, segment.status?))).collect();
    let named = segments.into_iter().map(|segment| segment.label);
    let table = LabelTable::from_labels(named.chain(stored::numbered(&voxels).iter().cloned()));
    Ok(LoadedLabels { labels: LabelMap { geometry: source.geometry, voxels, table }, status, warnings })
}

/// A checked header with a stream that stands at the first voxel wanted.
struct Source {
    header: Header,
    axes: Axes,
    /// Which of several volumes or layers.
    chosen: usize,
    geometry: Geometry,
    warnings: Vec<Warning>,
    encoding: Encoding,
    stream: Stream,
}

impl Source {
    fn open(
        path: &Path,
        bytes_per_voxel: usize,
        options: &ReadOptions,
        choose: impl FnOnce(usize, Option<usize>) -> Result<usize, String>,
    ) -> Result<Self, FormatError> {
        let invalid = |reason: String| FormatError::invalid(path, reason);
        let (header, reader, rest_bytes) = read_header(path)?;
        let axes = place::axes(&header).map_err(invalid)?;
        let (geometry, warnings) = place::geometry(&header, &axes).map_err(|error| match error {
            PlaceError::Geometry(source) => FormatError::Geometry { path: path.to_owned(), source },
            PlaceError::Invalid(reason) => invalid(reason),
        })?;
        let chosen = choose(axes.several, options.volume).map_err(invalid)?;
        if chosen >= axes.several {
            return Err(invalid(format!("there is no volume {chosen}; the last is {} (counted from 0)", axes.several - 1)));
        }
        let voxels: usize = axes.size_xyz.iter().product();
        let needed = (voxels as u64).saturating_mul(bytes_per_voxel as u64);
        if needed > options.budget_bytes {
            return Err(too_large(path, needed, options.budget_bytes));
        }
        let (per_voxel, wanted) = if axes.interleaved { (axes.several, chosen) } else { (1, 0) };
        let encoding =
            Encoding { datatype: header.datatype, little_endian: header.little_endian, voxels, per_voxel, wanted, scaling: None };
        let stored_bytes = voxels as u64 * axes.several as u64 * header.datatype.bytes() as u64;
        let before = if axes.interleaved { 0 } else { stored_bytes / axes.several as u64 * chosen as u64 };
        let stream = voxels_at(path, &header, (reader, rest_bytes), stored_bytes, before)?;
        Ok(Self { header, axes, chosen, geometry, warnings, encoding, stream })
    }
}

/// The header, and the reader behind it with the bytes that are left.
fn read_header(path: &Path) -> Result<(Header, BufReader<File>, u64), FormatError> {
    let (file, file_bytes) = open_regular(path)?;
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, file);
    let (header, header_bytes) = header::read(&mut reader).map_err(|error| match error {
        HeaderError::Io(error) => FormatError::io("read", path, error),
        HeaderError::Invalid(reason) => FormatError::invalid(path, reason),
    })?;
    Ok((header, reader, file_bytes.saturating_sub(header_bytes)))
}

/// A stream `before` bytes into the voxels, which take `stored_bytes` in all.
fn voxels_at(
    path: &Path,
    header: &Header,
    attached: (BufReader<File>, u64),
    stored_bytes: u64,
    before: u64,
) -> Result<Stream, FormatError> {
    let (mut reader, mut rest_bytes) = attached;
    let mut data_path = path.to_owned();
    if let Some(name) = &header.data_file {
        data_path.set_file_name(name);
        if !data_path.is_file() {
            return Err(FormatError::invalid(path, "the header belongs to a data file that is not beside it"));
        }
        let (file, file_bytes) = open_regular(&data_path)?;
        (reader, rest_bytes) = (BufReader::with_capacity(BUFFER_BYTES, file), file_bytes);
    }
    let path = data_path.as_path();
    let mut skip_bytes = match header.skip {
        Skip::FromEnd => rest_bytes.checked_sub(stored_bytes).ok_or_else(|| cut_off(path))?,
        Skip::Start { lines, bytes } => {
            rest_bytes -= skip_lines(&mut reader, lines, path)?.min(rest_bytes);
            bytes
        }
    };
    let mut stream = Stream::over(reader, rest_bytes, header.compression == Compression::Gzip);
    let end = skip_bytes.checked_add(stored_bytes);
    if end.is_none_or(|end| end > stream.at_most_bytes) {
        return Err(cut_off(path));
    }
    skip_bytes += before;
    stream.skip(skip_bytes).map_err(|error| unreadable(path, error))?;
    Ok(stream)
}

/// Returns how many bytes the lines took.
fn skip_lines(reader: &mut BufReader<File>, lines: u64, path: &Path) -> Result<u64, FormatError> {
    let mut limited = reader.by_ref().take(MAX_SKIPPED_LINE_BYTES);
    for _ in 0..lines {
        let mut line = Vec::new();
        let read = limited.read_until(b'\n', &mut line).map_err(|error| FormatError::io("read", path, error))?;
        if read == 0 {
            return Err(FormatError::invalid(path, "the voxels start behind more lines than the file has (line skip)"));
        }
    }
    Ok(MAX_SKIPPED_LINE_BYTES - limited.limit())
}

/// Opening a pipe or device could wait for ever.
fn open_regular(path: &Path) -> Result<(File, u64), FormatError> {
    let failed = |source| FormatError::io("read", path, source);
    let about = fs::metadata(path).map_err(failed)?;
    if !about.is_file() {
        return Err(FormatError::invalid(path, "not a regular file"));
    }
    Ok((File::open(path).map_err(failed)?, about.len()))
}
