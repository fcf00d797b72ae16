//! The folder of an opened case: what the worker writes and the window reads.
//!
//! ```text
//! <cases>/<id>/case.json            CaseFile
//!              image.raw            voxels of the first channel, little endian, z-y-x
//!              thumb.png
//!              layers/<n>/layer.json     LayerFile
//!                         labels.raw     mask, u8 or u16 little endian, z-y-x
//!                         current.raw    the mask with edits, for jobs
//!                         doubt.raw      u8 per voxel, 0 certain to 255 undecided; only of model results
//!                         review.json    ReviewFile
//!                         journal.vxj    edits since labels.raw, written by the window
//! ```
//!
//! Voxel files are written once and then only read, by memory map; the journal holds every later change.

mod layer;
mod voxels;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use volume::Geometry;

use crate::event::Notice;
use crate::provenance::SourceIdentity;

pub use layer::{Decision, LayerFile, LayerKind, LayerState, ReviewFile, StructureReview, Swap, Unfinished};
pub use voxels::{LabelWidth, MappedVoxels, VoxelType};

/// Where a case came from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseSource {
    /// What the user pointed at: one path, or one per channel.
    pub paths: Vec<PathBuf>,
    /// Series instance UID in a DICOM folder.
    #[serde(default)]
    pub series: Option<String>,
    /// Volume of a 4D file.
    #[serde(default)]
    pub volume: Option<usize>,
    /// Identifiers that do not name the patient.
    #[serde(default)]
    pub identity: SourceIdentity,
}

/// How far a person has come with a case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseState {
    /// Nothing decided.
    #[default]
    Opened,
    /// Some structures decided.
    InReview,
    /// Accepted as a whole.
    Accepted,
    /// Rejected as a whole.
    Rejected,
    /// Put aside for a second look.
    Flagged,
}

/// `case.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseFile {
    /// Layout of the folder; 1.
    pub format: u32,
    /// What people call it: series description or file name.
    pub title: String,
    /// Patient identifier and study date as the files give them. Shown on screen, never sent in events or logs.
    #[serde(default)]
    pub subtitle: String,
    /// Where it came from.
    pub source: CaseSource,
    /// "CT", "MR", ...; empty where the files do not say.
    #[serde(default)]
    pub modality: String,
    /// Grid of image and masks.
    pub geometry: Geometry,
    /// How image voxels are stored.
    pub voxel_type: VoxelType,
    /// Smallest and largest value.
    pub value_range: [f32; 2],
    /// Window that shows most of the image, as width and level.
    pub auto_window: [f32; 2],
    /// Doubts about the study.
    #[serde(default)]
    pub warnings: Vec<Notice>,
    /// RFC 3339 UTC.
    pub opened_at: String,
    /// Decision about the whole.
    #[serde(default)]
    pub state: CaseState,
    /// What the reader noted about the whole.
    #[serde(default)]
    pub note: String,
}

/// The folder itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseFolder {
    path: PathBuf,
}

impl CaseFolder {
    /// Layout this version writes.
    pub const FORMAT: u32 = 1;

    /// Points at a folder, which need not be there yet.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The image voxels.
    pub fn image_path(&self) -> PathBuf {
        self.path.join("image.raw")
    }

    /// The small picture.
    pub fn thumbnail_path(&self) -> PathBuf {
        self.path.join("thumb.png")
    }

    /// Reads `case.json`.
    pub fn read(&self) -> io::Result<CaseFile> {
        let case: CaseFile = read_json(&self.path.join("case.json"))?;
        if case.format != Self::FORMAT {
            return Err(invalid(format!("written by another version of Voxelry (layout {}): {}", case.format, self.path.display())));
        }
        case.geometry.check().map_err(|error| invalid(format!("{error}: {}", self.path.display())))?;
        Ok(case)
    }

    /// Writes `case.json`.
    pub fn write(&self, case: &CaseFile) -> io::Result<()> {
        write_json(&self.path.join("case.json"), case)
    }

    /// Maps the image voxels.
    pub fn map_image(&self, case: &CaseFile) -> io::Result<MappedVoxels> {
        MappedVoxels::open(&self.image_path(), case.voxel_type, case.geometry.size_zyx)
    }

    /// The folder of one layer.
    pub fn layer(&self, number: u32) -> LayerFolder {
        LayerFolder { path: self.path.join("layers").join(number.to_string()), number }
    }

    /// All layers there are, oldest first.
    pub fn layers(&self) -> io::Result<Vec<LayerFolder>> {
        let entries = match fs::read_dir(self.path.join("layers")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut numbers = Vec::new();
        for entry in entries {
            numbers.extend(entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()));
        }
        numbers.sort_unstable();
        Ok(numbers.into_iter().map(|number| self.layer(number)).collect())
    }

    /// Makes the folder of a layer that is not there yet.
    pub fn create_layer(&self) -> io::Result<LayerFolder> {
        fs::create_dir_all(self.path.join("layers"))?;
        let mut number = self.layers()?.last().map_or(1, |last| last.number + 1);
        loop {
            let layer = self.layer(number);
            match fs::create_dir(&layer.path) {
                Ok(()) => return Ok(layer),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(error),
            }
        }
    }
}

/// The folder of one layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerFolder {
    path: PathBuf,
    number: u32,
}

impl LayerFolder {
    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its number in the case, from 1.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The mask as it was made.
    pub fn labels_path(&self) -> PathBuf {
        self.path.join("labels.raw")
    }

    /// The mask with its edits, as the window last wrote it for a job; the journal itself stays the window's.
    pub fn current_path(&self) -> PathBuf {
        self.path.join("current.raw")
    }

    /// Doubt of a model's result.
    pub fn doubt_path(&self) -> PathBuf {
        self.path.join("doubt.raw")
    }

    /// Edits.
    pub fn journal_path(&self) -> PathBuf {
        self.path.join("journal.vxj")
    }

    /// Reads `layer.json`.
    pub fn read(&self) -> io::Result<LayerFile> {
        read_json(&self.path.join("layer.json"))
    }

    /// Writes `layer.json`.
    pub fn write(&self, layer: &LayerFile) -> io::Result<()> {
        write_json(&self.path.join("layer.json"), layer)
    }

    /// Reads `review.json`; nothing where there is none.
    pub fn read_review(&self) -> io::Result<Option<ReviewFile>> {
        match read_json(&self.path.join("review.json")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            review => review.map(Some),
        }
    }

    /// Writes `review.json`.
    pub fn write_review(&self, review: &ReviewFile) -> io::Result<()> {
        write_json(&self.path.join("review.json"), review)
    }

    /// Maps the mask.
    pub fn map_labels(&self, layer: &LayerFile, size_zyx: [usize; 3]) -> io::Result<MappedVoxels> {
        MappedVoxels::open(&self.labels_path(), layer.width.voxel_type(), size_zyx)
    }

    /// Maps the mask with its edits, where the window wrote them down; else as it was made.
    pub fn map_current(&self, layer: &LayerFile, size_zyx: [usize; 3]) -> io::Result<MappedVoxels> {
        let path = self.current_path();
        let Ok(about) = fs::metadata(&path) else { return self.map_labels(layer, size_zyx) };
        let is_wide = about.len() > size_zyx.iter().product::<usize>() as u64;
        MappedVoxels::open(&path, if is_wide { VoxelType::U16 } else { VoxelType::U8 }, size_zyx)
    }

    /// Maps the doubt; nothing where there is none.
    pub fn map_doubt(&self, size_zyx: [usize; 3]) -> io::Result<Option<MappedVoxels>> {
        match MappedVoxels::open(&self.doubt_path(), VoxelType::U8, size_zyx) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            mapped => mapped.map(Some),
        }
    }
}

fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    let text = fs::read(path)?;
    serde_json::from_slice(&text).map_err(|error| invalid(format!("damaged, {error}: {}", path.display())))
}

/// Replaces a small file as a whole.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    replace_file(path, |file| Ok(serde_json::to_writer_pretty(file, value)?))
}

/// Replaces a file as a whole or not at all: written beside it, synced, renamed.
pub fn replace_file(path: &Path, write: impl FnOnce(&mut fs::File) -> io::Result<()>) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".voxelry-").tempfile_in(folder)?;
    write(file.as_file_mut())?;
    file.as_file().sync_all()?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case() -> CaseFile {
        CaseFile {
            format: CaseFolder::FORMAT,
            title: "CT".to_owned(),
            subtitle: String::new(),
            source: CaseSource::default(),
            modality: "CT".to_owned(),
            geometry: Geometry::axis_aligned([2, 3, 4], [3.0, 1.0, 1.0]),
            voxel_type: VoxelType::I16,
            value_range: [-5.0, 18.0],
            auto_window: [23.0, 6.5],
            warnings: Vec::new(),
            opened_at: String::new(),
            state: CaseState::Opened,
            note: String::new(),
        }
    }

    #[test]
    fn a_case_and_its_voxels_come_back() {
        let root = tempfile::tempdir().unwrap();
        let folder = CaseFolder::at(root.path());
        folder.write(&case()).unwrap();
        assert_eq!(folder.read().unwrap(), case());
        let values: Vec<i16> = (-5..19).collect();
        fs::write(folder.image_path(), values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>()).unwrap();
        let mapped = folder.map_image(&case()).unwrap();
        assert_eq!(mapped.as_i16().unwrap(), values);
        assert_eq!(mapped.value([1, 2, 3]), 18.0);
    }

    #[test]
    fn layers_are_numbered_and_never_reused_while_there() {
        let root = tempfile::tempdir().unwrap();
        let folder = CaseFolder::at(root.path());
        assert_eq!(folder.layers().unwrap(), []);
        assert_eq!(folder.create_layer().unwrap().number(), 1);
        assert_eq!(folder.create_layer().unwrap().number(), 2);
        assert_eq!(folder.layers().unwrap().len(), 2);
    }

    #[test]
    fn other_layouts_and_damage_are_sentences() {
        let root = tempfile::tempdir().unwrap();
        let folder = CaseFolder::at(root.path());
        folder.write(&CaseFile { format: 9, ..case() }).unwrap();
        assert!(folder.read().unwrap_err().to_string().contains("another version"));
        fs::write(root.path().join("case.json"), b"{").unwrap();
        assert!(folder.read().unwrap_err().to_string().starts_with("damaged"));
        fs::write(folder.image_path(), [0; 7]).unwrap();
        assert!(folder.map_image(&case()).unwrap_err().to_string().contains("7 bytes"));
    }
}
