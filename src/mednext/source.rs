//! A folder or a zip archive that holds an nnU-Net v2 model, seen as a list of named files.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use zip::ZipArchive;

use crate::error::ModelError;

/// Files a model needs; all others are ignored.
const WANTED: [&str; 4] = ["plans.json", "dataset.json", "checkpoint_final.pth", "checkpoint_best.pth"];

/// Folders between the one given and a fold: dataset, model, fold.
const MAX_DEPTH: usize = 3;

/// Directory entries looked at before the user is asked to point closer.
const MAX_VISITED: usize = 20_000;

/// Largest JSON file.
const MAX_JSON_BYTES: u64 = 16 << 20;

/// Largest checkpoint inside an archive: MedNeXt-L of width 64 with optimiser state has 3 GB.
const MAX_CHECKPOINT_BYTES: u64 = 16 << 30;

/// How far a checkpoint in an archive may inflate. Trained weights hardly compress.
const MAX_INFLATION: u64 = 20;

/// Where files come from.
pub(crate) enum Source {
    Folder(PathBuf),
    Archive { path: PathBuf, zip: Box<ZipArchive<BufReader<File>>> },
}

/// A file on disk, perhaps a temporary copy that goes with this value.
pub(crate) struct LocalFile {
    pub(crate) path: PathBuf,
    /// What to call it in messages.
    pub(crate) shown: PathBuf,
    _copy: Option<NamedTempFile>,
}

impl Source {
    pub(crate) fn folder(path: &Path) -> Self {
        Self::Folder(path.to_owned())
    }

    pub(crate) fn archive(path: &Path) -> Result<Self, ModelError> {
        let file = File::open(path).map_err(|e| ModelError::io("read", path, e))?;
        let zip = ZipArchive::new(BufReader::new(file)).map_err(|e| ModelError::invalid(path, format!("this archive is damaged ({e})")))?;
        Ok(Self::Archive { path: path.to_owned(), zip: Box::new(zip) })
    }

    /// Names of the wanted files, with `/` between components.
    pub(crate) fn names(&self) -> Result<Vec<String>, ModelError> {
        let mut names = match self {
            Self::Folder(root) => {
                let mut names = Vec::new();
                walk(root, root, "", 0, &mut 0, &mut names)?;
                names
            }
            Self::Archive { path, zip } => archive_names(path, zip)?,
        };
        names.sort();
        Ok(names)
    }

    /// The content of a JSON file.
    pub(crate) fn read_json(&mut self, name: &str) -> Result<Vec<u8>, ModelError> {
        let shown = self.shown(name);
        let too_long = || ModelError::invalid(&shown, format!("this file is longer than {} MiB", MAX_JSON_BYTES >> 20));
        let mut bytes = Vec::new();
        match self {
            Self::Folder(root) => {
                let path = root.join(name);
                let file = File::open(&path).map_err(|e| ModelError::io("read", &path, e))?;
                file.take(MAX_JSON_BYTES + 1).read_to_end(&mut bytes).map_err(|e| ModelError::io("read", &path, e))?;
            }
            Self::Archive { path, zip } => {
                let entry = zip.by_name(name).map_err(|e| damaged(path, name, &e))?;
                if entry.size() > MAX_JSON_BYTES {
                    return Err(too_long());
                }
                entry.take(MAX_JSON_BYTES + 1).read_to_end(&mut bytes).map_err(|e| damaged(path, name, &e))?;
            }
        }
        if bytes.len() as u64 > MAX_JSON_BYTES { Err(too_long()) } else { Ok(bytes) }
    }

    /// A checkpoint as a file of its own: its reader needs to seek.
    pub(crate) fn checkpoint(&mut self, name: &str) -> Result<LocalFile, ModelError> {
        let shown = self.shown(name);
        match self {
            Self::Folder(root) => Ok(LocalFile { path: root.join(name), shown, _copy: None }),
            Self::Archive { path, zip } => {
                let mut entry = zip.by_name(name).map_err(|e| damaged(path, name, &e))?;
                let size = entry.size();
                let allowed = MAX_CHECKPOINT_BYTES.min(entry.compressed_size().saturating_mul(MAX_INFLATION));
                if size > allowed {
                    return Err(ModelError::invalid(&shown, format!("this checkpoint claims to inflate to {} MiB", size >> 20)));
                }
                let mut copy = NamedTempFile::new().map_err(|e| ModelError::io("unpack", &shown, e))?;
                let copied = io::copy(&mut entry.by_ref().take(size + 1), &mut copy).map_err(|e| damaged(path, name, &e))?;
                if copied != size {
                    return Err(ModelError::invalid(&shown, format!("this checkpoint has {copied} bytes where {size} were announced")));
                }
                Ok(LocalFile { path: copy.path().to_owned(), shown, _copy: Some(copy) })
            }
        }
    }

    /// A name with the folder or archive it lies in.
    pub(crate) fn shown(&self, name: &str) -> PathBuf {
        match self {
            Self::Folder(path) | Self::Archive { path, .. } => path.join(name),
        }
    }
}

fn damaged(archive: &Path, name: &str, error: &dyn std::fmt::Display) -> ModelError {
    ModelError::invalid(archive, format!("the entry {name} of this archive cannot be read ({error})"))
}

fn is_wanted(file: &str) -> bool {
    WANTED.contains(&file)
}

fn walk(root: &Path, folder: &Path, prefix: &str, depth: usize, visited: &mut usize, names: &mut Vec<String>) -> Result<(), ModelError> {
    let entries = fs::read_dir(folder).map_err(|e| ModelError::io("read", folder, e))?;
    for entry in entries {
        let entry = entry.map_err(|e| ModelError::io("read", folder, e))?;
        *visited += 1;
        if *visited > MAX_VISITED {
            return Err(ModelError::invalid(root, "this folder holds too many files to search; choose the model folder itself"));
        }
        let Ok(file) = entry.file_name().into_string() else { continue };
        let name = format!("{prefix}{file}");
        if is_wanted(&file) {
            names.push(name);
        } else if depth < MAX_DEPTH && !prefix_is_fold(prefix) && entry.path().is_dir() {
            walk(root, &entry.path(), &format!("{name}/"), depth + 1, visited, names)?;
        }
    }
    Ok(())
}

/// Folds hold validation results, which can be many files and are of no use here.
fn prefix_is_fold(prefix: &str) -> bool {
    prefix.trim_end_matches('/').rsplit('/').next().is_some_and(|folder| folder.starts_with("fold_"))
}

/// Refuses archives whose names climb out of it: an honest packer does not write them.
fn archive_names(path: &Path, zip: &ZipArchive<BufReader<File>>) -> Result<Vec<String>, ModelError> {
    let mut names = Vec::new();
    for name in zip.file_names() {
        let name = name.map_err(|e| ModelError::invalid(path, format!("this archive is damaged ({e})")))?;
        let climbs = name.starts_with(['/', '\\']) || name.contains(':') || name.split(['/', '\\']).any(|part| part == "..");
        if climbs {
            return Err(ModelError::invalid(path, "this archive has entries that point outside of it, as attacks do, and is refused"));
        }
        if name.rsplit('/').next().is_some_and(is_wanted) {
            names.push(name.into_owned());
        }
    }
    Ok(names)
}
