//! An opened case: its image, its layers, and how it is looked at.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jobs::case::{CaseFile, CaseFolder, LayerFile, LayerFolder, MappedVoxels, ReviewFile};
use jobs::structure_words;
use mask::History;
use volume::{LabelTable, Region};

use super::{EditState, ReviewState, View};

/// The voxels of a layer.
pub enum LayerVoxels {
    /// As made: mapped from its file.
    Mapped(MappedVoxels),
    /// Open for editing, with every step since.
    Edited(Box<History>),
    /// Not loaded yet.
    Absent,
}

impl std::fmt::Debug for LayerVoxels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Mapped(_) => "Mapped",
            Self::Edited(_) => "Edited",
            Self::Absent => "Absent",
        })
    }
}

impl LayerVoxels {
    /// The value of a voxel.
    pub fn at(&self, index_zyx: [usize; 3]) -> u16 {
        match self {
            Self::Mapped(voxels) => voxels.value(index_zyx) as u16,
            Self::Edited(history) => history.grid().voxels().at(index_zyx),
            Self::Absent => 0,
        }
    }
}

/// Changed boxes that are kept apart.
const MOST_BOXES: usize = 256;

/// The box around two boxes.
fn around(a: &Region, b: &Region) -> Region {
    Region {
        start_zyx: std::array::from_fn(|axis| a.start_zyx[axis].min(b.start_zyx[axis])),
        end_zyx: std::array::from_fn(|axis| a.end_zyx[axis].max(b.end_zyx[axis])),
    }
}

/// A mask of the case.
#[derive(Debug)]
pub struct Layer {
    /// Where it lies.
    pub folder: LayerFolder,
    /// What it is.
    pub file: LayerFile,
    /// Its mask.
    pub voxels: LayerVoxels,
    /// Doubt of a model's result.
    pub doubt: Option<MappedVoxels>,
    /// Measures and decisions; absent until measured.
    pub review: Option<ReviewFile>,
    /// Edit steps that came back after the last session did not end in order.
    pub recovered: Option<usize>,
    /// Rises whenever the mask changes, with the box that changed; pictures and surfaces follow it.
    pub revision: u64,
    /// Boxes changed, each with the revision it made. Pictures and surfaces remember the revision they have seen.
    pub dirty: Vec<(u64, Region)>,
}

impl Layer {
    /// Marks a box as changed.
    pub fn touch(&mut self, region: Region) {
        self.revision += 1;
        if self.dirty.len() == MOST_BOXES {
            // Who has not followed for so long takes one box around all of them.
            let all = self.dirty.drain(..).reduce(|a, b| (b.0, around(&a.1, &b.1)));
            self.dirty.extend(all);
        }
        self.dirty.push((self.revision, region));
    }
}

/// "Brush, Kidney left" for a step that is kept as "Brush, kidney_left".
pub fn step_words(name: &str) -> String {
    name.split_once(", ").map_or_else(|| name.to_owned(), |(what, structure)| format!("{what}, {}", structure_words(structure)))
}

/// What a person set for a structure; by name, so that it holds over layers of the same model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StructureView {
    /// Shown.
    pub visible: bool,
    /// Kept from being drawn over.
    pub locked: bool,
}

impl Default for StructureView {
    fn default() -> Self {
        Self { visible: true, locked: false }
    }
}

/// The case on screen.
#[derive(Debug)]
pub struct Case {
    /// Where it lies.
    pub folder: CaseFolder,
    /// What it is.
    pub file: CaseFile,
    /// First channel.
    pub image: Arc<MappedVoxels>,
    /// Masks, oldest first.
    pub layers: Vec<Layer>,
    /// Index of the layer shown.
    pub shown: Option<usize>,
    /// How it is looked at.
    pub view: View,
    /// What was set per structure, by value of the layer shown.
    pub structures: HashMap<u16, StructureView>,
    /// Decisions and their order.
    pub review: ReviewState,
    /// Tools.
    pub edit: EditState,
}

impl Case {
    /// The layer shown.
    pub fn layer(&self) -> Option<&Layer> {
        self.layers.get(self.shown?)
    }

    /// The layer shown.
    pub fn layer_mut(&mut self) -> Option<&mut Layer> {
        self.layers.get_mut(self.shown?)
    }

    /// The layer of a number.
    pub fn layer_numbered(&mut self, number: u32) -> Option<&mut Layer> {
        self.layers.iter_mut().find(|layer| layer.folder.number() == number)
    }

    /// What the values of the layer shown mean.
    pub fn table(&self) -> Option<&LabelTable> {
        self.layer().map(|layer| &layer.file.table)
    }

    /// Name of a value of the layer shown.
    pub fn name_of(&self, value: u16) -> Option<&str> {
        self.table()?.get(value).map(|label| label.name.as_str())
    }

    /// What people read for a value of the layer shown: "Kidney left" where the table has `kidney_left`.
    pub fn words_of(&self, value: u16) -> Option<String> {
        self.name_of(value).map(structure_words)
    }

    /// Label of the layer shown at a voxel.
    pub fn label_at(&self, index_zyx: [usize; 3]) -> u16 {
        self.layer().map_or(0, |layer| layer.voxels.at(index_zyx))
    }

    /// What was set for a structure.
    pub fn structure(&self, value: u16) -> StructureView {
        self.structures.get(&value).copied().unwrap_or_default()
    }

    /// Values that may not be drawn over.
    pub fn locked(&self) -> HashSet<u16> {
        self.structures.iter().filter(|(_, view)| view.locked).map(|(value, _)| *value).collect()
    }

    /// Whether a structure is drawn now.
    pub fn is_visible(&self, value: u16) -> bool {
        self.structure(value).visible && (!self.view.only_selected || self.view.selected.is_none_or(|selected| selected == value))
    }

    /// The nearest voxel of a continuous index, if it lies inside.
    pub fn voxel_of(&self, index_zyx: [f64; 3]) -> Option<[usize; 3]> {
        let size = self.file.geometry.size_zyx;
        let rounded = index_zyx.map(f64::round);
        let inside = (0..3).all(|axis| rounded[axis] >= 0.0 && rounded[axis] < size[axis] as f64);
        inside.then(|| rounded.map(|index| index as usize))
    }
}
