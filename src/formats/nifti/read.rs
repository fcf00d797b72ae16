//! NIfTI files to scans and masks.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use volume::{Geometry, Label, LabelMap, LabelTable, Scan};

use super::affine::NiftiPlacement;
use super::header::{self, Header, NIFTI1_BYTES, NIFTI2_BYTES};
use super::names;
use crate::stored::{self, Stream, cut_off, too_large, unreadable};
use crate::{FormatError, Warning, WarningCode};

/// Memory a volume may take unless the caller says otherwise: 16 GiB.
pub const DEFAULT_BUDGET_BYTES: u64 = 16 << 30;

/// How to read.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// Which volume of a 4D file, counted from 0. Without a choice such a file is refused.
    pub volume: Option<usize>,
    /// The most memory the result may take; checked before voxels are read.
    pub budget_bytes: u64,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { volume: None, budget_bytes: DEFAULT_BUDGET_BYTES }
    }
}

/// A scan as read.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Voxels and place.
    pub scan: Scan,
    /// What is doubtful.
    pub warnings: Vec<Warning>,
    /// The placing fields as stored, for writing masks with the same ones.
    pub placement: NiftiPlacement,
}

/// Whether the file is NIfTI (or Analyze, which reading refuses with its reason) by content.
pub fn is_nifti(path: &Path) -> Result<bool, FormatError> {
    let mut start = [0; 4];
    // Damaged compression is not NIfTI; reading reports the damage if the name says otherwise.
    let filled = Stream::open(&header_path(path))?.fill(&mut start).unwrap_or(0);
    Ok(header::sniff(&start[..filled]).is_some())
}

/// Whether the file's name promises NIfTI.
pub fn is_nifti_name(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let bare = name.strip_suffix(".gz").unwrap_or(&name);
    [".nii", ".hdr", ".img"].iter().any(|extension| bare.ends_with(extension))
}

/// Reads a scan: values scaled as the header says, NaN and infinity replaced by 0 with a warning.
pub fn read_scan(path: &Path, options: &ReadOptions) -> Result<Loaded, FormatError> {
    let mut source = Source::open(path, options, size_of::<f32>())?;
    let size_zyx = source.geometry.size_zyx;
    let (voxels, doubt) = stored::scan_voxels(path, &mut source.stream, &source.header.encoding(), size_zyx, options.budget_bytes)?;
    let mut warnings = source.warnings;
    warnings.extend(doubt);
    Ok(Loaded { scan: Scan::new(source.geometry, voxels), warnings, placement: source.header.placement })
}

/// Reads a mask: whole numbers from 0 to 65535, named as the file's label table says, otherwise by their number.
pub fn read_labels(path: &Path, options: &ReadOptions) -> Result<LabelMap, FormatError> {
    // Values are collected at 16 bits, then narrowed where possible.
    let mut source = Source::open(path, options, 2 * size_of::<u16>())?;
    let size_zyx = source.geometry.size_zyx;
    let voxels = stored::label_voxels(path, &mut source.stream, &source.header.encoding(), size_zyx, options.budget_bytes)?;
    let table = LabelTable::from_labels(source.names.into_iter().chain(stored::numbered(&voxels).iter().cloned()));
    Ok(LabelMap { geometry: source.geometry, voxels, table })
}

/// A checked header with a stream that stands at the first voxel wanted.
struct Source {
    header: Header,
    geometry: Geometry,
    warnings: Vec<Warning>,
    stream: Stream,
    /// What the header's label table names, if it has one.
    names: Vec<Label>,
}

impl Source {
    fn open(path: &Path, options: &ReadOptions, bytes_per_voxel: usize) -> Result<Self, FormatError> {
        let header_path = header_path(path);
        let mut stream = Stream::open(&header_path)?;
        let (header, mut position) = read_header(&mut stream, &header_path)?;
        let (geometry, mut warnings) =
            header.placement.geometry(header.size_xyz).map_err(|source| FormatError::Geometry { path: path.to_owned(), source })?;
        let volume = choose_volume(&header, options.volume).map_err(|reason| FormatError::invalid(path, reason))?;
        if header.volumes > 1 {
            let text = format!("volume {volume} of {} (counted from 0) was read", header.volumes);
            warnings.push(Warning::new(WarningCode::MultiVolume, text));
        }
        let needed = (header.voxels() as u64).saturating_mul(bytes_per_voxel as u64);
        if needed > options.budget_bytes {
            return Err(too_large(path, needed, options.budget_bytes));
        }
        if !header.single_file {
            stream = Stream::open(&image_path(&header_path)?)?;
            position = 0;
        }
        let start = header.volume_bytes().checked_mul(volume as u64).and_then(|bytes| bytes.checked_add(header.vox_offset));
        let end = start.and_then(|start| start.checked_add(header.volume_bytes()));
        let (Some(start), Some(_)) = (start, end.filter(|end| *end <= stream.at_most_bytes)) else {
            return Err(cut_off(path));
        };
        let mut names = Vec::new();
        if header.single_file {
            let (found, taken) =
                names::read(&mut stream, header.little_endian, start - position).map_err(|error| unreadable(path, error))?;
            names = found;
            position += taken;
        }
        stream.skip(start - position).map_err(|error| unreadable(path, error))?;
        Ok(Self { header, geometry, warnings, stream, names })
    }
}

/// The header, and how many bytes of the stream it took.
fn read_header(stream: &mut Stream, path: &Path) -> Result<(Header, u64), FormatError> {
    let mut bytes = [0; NIFTI2_BYTES];
    let mut filled = stream.fill(&mut bytes[..NIFTI1_BYTES]).map_err(|error| unreadable(path, error))?;
    if header::sniff(&bytes[..filled]).is_some_and(|(header_bytes, _)| header_bytes == NIFTI2_BYTES) {
        filled += stream.fill(&mut bytes[filled..]).map_err(|error| unreadable(path, error))?;
    }
    let header = header::parse(&bytes[..filled]).map_err(|reason| FormatError::invalid(path, reason))?;
    Ok((header, filled as u64))
}

fn choose_volume(header: &Header, wanted: Option<usize>) -> Result<usize, String> {
    let last = header.volumes - 1;
    match wanted {
        Some(volume) if volume > last => Err(format!("there is no volume {volume}; the last is {last} (counted from 0)")),
        Some(volume) => Ok(volume),
        None if last > 0 => Err(format!("the file holds {} volumes (4D); choose one from 0 to {last} with --volume", header.volumes)),
        None => Ok(0),
    }
}

/// The file that holds the header: `.hdr` beside an `.img`, otherwise the file itself.
fn header_path(path: &Path) -> PathBuf {
    sibling(path, "img", "hdr").unwrap_or_else(|| path.to_owned())
}

fn image_path(header_path: &Path) -> Result<PathBuf, FormatError> {
    sibling(header_path, "hdr", "img")
        .ok_or_else(|| FormatError::invalid(header_path, "the header belongs to an .img file that is not beside it"))
}

/// The existing file with the other extension of a pair, compressed or not, in the same letter case.
fn sibling(path: &Path, from: &str, to: &str) -> Option<PathBuf> {
    let has = |path: &Path, extension: &str| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension));
    let bare = if has(path, "gz") { path.with_file_name(path.file_stem()?) } else { path.to_owned() };
    if !has(&bare, from) {
        return None;
    }
    let upper = bare.extension().and_then(OsStr::to_str).is_some_and(|e| e.chars().all(char::is_uppercase));
    let to = if upper { to.to_uppercase() } else { to.to_owned() };
    [bare.with_extension(&to), bare.with_extension(format!("{to}.gz"))].into_iter().find(|candidate| candidate.is_file())
}
