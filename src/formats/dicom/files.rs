//! Finding DICOM files under a folder, whatever they are called, and reading their headers in parallel.

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::dataset::DataSet;
use super::fault::Fault;
use super::header::{Header, read_header};
use super::prescan::{Extent, walk};
use crate::error::model_instead_of_scan;
use crate::{FormatError, Warning, WarningCode};

/// No header needs more; an enhanced image with thousands of frames needs some 20 MiB.
const HEADER_CAP: u64 = 64 << 20;
/// Folders nested deeper than this are not searched.
const MAX_FOLDER_DEPTH: usize = 32;

/// A DICOM file that could not be used.
#[derive(Debug, Clone)]
pub(super) struct BadFile {
    pub(super) path: PathBuf,
    pub(super) reason: String,
}

impl BadFile {
    /// For the screen: the file's name and the reason. The folders above it are not named.
    pub(super) fn sentence(&self) -> String {
        self.warning().text
    }

    pub(super) fn warning(&self) -> Warning {
        let name = self.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        Warning::of_file(WarningCode::BadSlice, &name, &self.reason)
    }
}

/// All headers under a path.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    /// In the order of their paths.
    pub(super) headers: Vec<Header>,
    pub(super) bad: Vec<BadFile>,
    /// Files that are not DICOM, and DICOM objects that are not scans.
    pub(super) ignored: usize,
}

/// Reads the headers of one file or of all files under a folder.
pub(super) fn catalogue(path: &Path) -> Result<Catalogue, FormatError> {
    let about = fs::metadata(path).map_err(|source| FormatError::io("read", path, source))?;
    let single = about.is_file();
    let files = if single { vec![path.to_owned()] } else { find_files(path)? };
    let read: Vec<_> = files.into_par_iter().map(|file| (header_of(&file), file)).collect();
    let mut all = Catalogue::default();
    for (header, file) in read {
        match header {
            Ok(header) => all.headers.push(header),
            Err(fault) if single => return Err(model_instead_of_scan(&file).unwrap_or_else(|| fault.at(&file))),
            Err(Fault::NotScan(_)) => all.ignored += 1,
            Err(Fault::NotDicom) if !named_dicom(&file) => all.ignored += 1,
            Err(fault) => all.bad.push(BadFile { reason: fault.reason(), path: file }),
        }
    }
    Ok(all)
}

/// Whether a file starts like DICOM: with the magic word or a plausible first element.
pub(super) fn looks_like_dicom(path: &Path) -> bool {
    !matches!(open(path, HEADER_CAP, Extent::Header), Err(Fault::NotDicom | Fault::Io(_)))
}

/// Loads a whole file, walked and checked. Twice what its frames need is enough for any codec's data; a bomb stops there.
pub(super) fn load(header: &Header, budget_bytes: u64) -> Result<DataSet, Fault> {
    let frame = header.format.size_yx.iter().fold(u64::from(header.format.bits_allocated / 8), |bytes, size| bytes * *size as u64);
    let cap = HEADER_CAP.saturating_add(frame.saturating_mul(2 * header.frames.len() as u64));
    open(&header.path, budget_bytes.min(cap), Extent::Pixels)
}

fn header_of(path: &Path) -> Result<Header, Fault> {
    read_header(&open(path, HEADER_CAP, Extent::Header)?, path.to_owned())
}

fn open(path: &Path, cap: u64, extent: Extent) -> Result<DataSet, Fault> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    walk(file, size, cap, extent)
}

/// A name that promises DICOM: such a file is reported when it holds none.
fn named_dicom(path: &Path) -> bool {
    path.extension().is_some_and(|extension| ["dcm", "ima", "dicom"].iter().any(|known| extension.eq_ignore_ascii_case(known)))
}

/// All regular files under a folder, sorted; each folder is entered once, so links cannot loop.
fn find_files(folder: &Path) -> Result<Vec<PathBuf>, FormatError> {
    let mut files = Vec::new();
    let mut entered = HashSet::new();
    let mut pending = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = pending.pop() {
        let real = folder.canonicalize().map_err(|source| FormatError::io("read", &folder, source))?;
        if depth > MAX_FOLDER_DEPTH || !entered.insert(real) {
            continue;
        }
        let entries = fs::read_dir(&folder).map_err(|source| FormatError::io("read", &folder, source))?;
        for entry in entries {
            let path = entry.map_err(|source| FormatError::io("read", &folder, source))?.path();
            // Links that lead nowhere, sockets and devices are not scans.
            match fs::metadata(&path) {
                Ok(about) if about.is_dir() => pending.push((path, depth + 1)),
                Ok(about) if about.is_file() && path.file_name().is_some_and(|name| name != "DICOMDIR") => files.push(path),
                _ => {}
            }
        }
    }
    files.sort();
    Ok(files)
}
