//! Masks: one integer per voxel, with a table that says what the integers mean.

use ndarray::{Array3, ArrayView3};
use serde::{Deserialize, Serialize};

use crate::geometry::Geometry;

/// One structure of a mask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// Voxel value.
    pub value: u16,
    /// Name as the model or the user gave it.
    pub name: String,
    /// Display colour, sRGB.
    pub color: [u8; 3],
}

/// The structures of a mask, ordered by value. Value 0 is background and not listed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelTable {
    labels: Vec<Label>,
}

impl LabelTable {
    /// Names values and gives each a distinguishable colour; duplicates keep the first name, background is dropped.
    pub fn from_names(names: impl IntoIterator<Item = (u16, String)>) -> Self {
        let mut named: Vec<(u16, String)> = names.into_iter().filter(|(value, _)| *value != 0).collect();
        named.sort_by_key(|(value, _)| *value);
        named.dedup_by_key(|(value, _)| *value);
        let labels = named.into_iter().enumerate().map(|(i, (value, name))| Label { value, name, color: distinct_color(i) }).collect();
        Self { labels }
    }

    /// Labels with the colours they have; duplicates keep the first, background is dropped.
    pub fn from_labels(labels: impl IntoIterator<Item = Label>) -> Self {
        let mut labels: Vec<Label> = labels.into_iter().filter(|label| label.value != 0).collect();
        labels.sort_by_key(|label| label.value);
        labels.dedup_by_key(|label| label.value);
        Self { labels }
    }

    /// All labels, by rising value.
    pub fn iter(&self) -> impl Iterator<Item = &Label> {
        self.labels.iter()
    }

    /// Looks a value up.
    pub fn get(&self, value: u16) -> Option<&Label> {
        self.labels.binary_search_by_key(&value, |label| label.value).ok().map(|i| &self.labels[i])
    }

    /// Gives a structure another name; nothing happens to values that are not there.
    pub fn rename(&mut self, value: u16, name: String) {
        if let Some(label) = self.labels.iter_mut().find(|label| label.value == value) {
            label.name = name;
        }
    }

    /// Gives a structure another colour; nothing happens to values that are not there.
    pub fn recolor(&mut self, value: u16, color: [u8; 3]) {
        if let Some(label) = self.labels.iter_mut().find(|label| label.value == value) {
            label.color = color;
        }
    }

    /// Adds a structure in its place, or replaces the one of the same value. Background is not listed.
    pub fn insert(&mut self, label: Label) {
        if label.value == 0 {
            return;
        }
        match self.labels.binary_search_by_key(&label.value, |known| known.value) {
            Ok(at) => self.labels[at] = label,
            Err(at) => self.labels.insert(at, label),
        }
    }

    /// The largest value named, 0 for an empty table.
    pub fn max_value(&self) -> u16 {
        self.labels.last().map_or(0, |label| label.value)
    }
}

/// Colours that are told apart at a glance, for the few structures most models have.
const FIRST_COLORS: [[u8; 3]; 12] = [
    [228, 84, 80],
    [250, 218, 70],
    [172, 112, 232],
    [240, 150, 60],
    [96, 200, 250],
    [238, 124, 190],
    [110, 205, 90],
    [104, 134, 245],
    [40, 180, 150],
    [200, 162, 112],
    [192, 212, 60],
    [190, 196, 210],
];

/// Chosen colours first, then golden-angle hues, so that any part of the sequence is spread over the colour circle.
fn distinct_color(index: usize) -> [u8; 3] {
    if let Some(color) = FIRST_COLORS.get(index) {
        return *color;
    }
    let hue = (index as f64 * 137.507_764).rem_euclid(360.0) / 60.0;
    let value = if index.is_multiple_of(2) { 0.95 } else { 0.75 };
    let chroma = value * 0.65;
    let second = chroma * (1.0 - (hue.rem_euclid(2.0) - 1.0).abs());
    let (r, g, b) = match hue as u32 {
        0 => (chroma, second, 0.0),
        1 => (second, chroma, 0.0),
        2 => (0.0, chroma, second),
        3 => (0.0, second, chroma),
        4 => (second, 0.0, chroma),
        _ => (chroma, 0.0, second),
    };
    [r, g, b].map(|c| ((c + value - chroma) * 255.0).round() as u8)
}

/// Mask values at the width nnU-Net would store them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelVoxels {
    /// Up to 255 labels.
    U8(Array3<u8>),
    /// More.
    U16(Array3<u16>),
}

impl LabelVoxels {
    /// Zeros, wide enough for `max_value`: u8 below 255, as nnU-Net decides it.
    pub fn zeros(size_zyx: [usize; 3], max_value: u16) -> Self {
        if max_value < 255 { Self::U8(Array3::zeros(size_zyx)) } else { Self::U16(Array3::zeros(size_zyx)) }
    }

    /// The same values as u8 where all are below 255: nnU-Net's writer decides by the values found, not by the table.
    pub fn narrowed(self) -> Self {
        match self {
            Self::U16(voxels) if voxels.iter().all(|v| *v < 255) => Self::U8(voxels.mapv(|v| v as u8)),
            other => other,
        }
    }

    /// Size along z, y, x.
    pub fn size_zyx(&self) -> [usize; 3] {
        match self {
            Self::U8(voxels) => voxels.dim().into(),
            Self::U16(voxels) => voxels.dim().into(),
        }
    }

    /// The value at an index z, y, x.
    pub fn at(&self, index_zyx: [usize; 3]) -> u16 {
        match self {
            Self::U8(voxels) => u16::from(voxels[index_zyx]),
            Self::U16(voxels) => voxels[index_zyx],
        }
    }

    /// Stores a value.
    ///
    /// # Panics
    /// If a u8 mask is given a value above 255: the width is chosen from the label table.
    pub fn set(&mut self, index_zyx: [usize; 3], value: u16) {
        match self {
            Self::U8(voxels) => voxels[index_zyx] = u8::try_from(value).expect("mask width fits its label table"),
            Self::U16(voxels) => voxels[index_zyx] = value,
        }
    }

    /// Calls `visit` with every value in z, y, x order.
    pub fn for_each(&self, mut visit: impl FnMut(u16)) {
        match self {
            Self::U8(voxels) => voxels.iter().for_each(|v| visit(u16::from(*v))),
            Self::U16(voxels) => voxels.iter().for_each(|v| visit(*v)),
        }
    }

    /// Number of voxels per value, as (value, count) by rising value; absent values are left out.
    pub fn counts(&self) -> Vec<(u16, u64)> {
        let mut counts = vec![0_u64; usize::from(u16::MAX) + 1];
        self.for_each(|v| counts[usize::from(v)] += 1);
        (0..=u16::MAX).zip(counts).filter(|(_, n)| *n > 0).collect()
    }
}

impl From<ArrayView3<'_, u16>> for LabelVoxels {
    fn from(values: ArrayView3<'_, u16>) -> Self {
        let max_value = values.iter().copied().max().unwrap_or(0);
        if max_value <= 255 { Self::U8(values.mapv(|v| v as u8)) } else { Self::U16(values.to_owned()) }
    }
}

/// A mask with its place and its meaning.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelMap {
    /// Size and placement.
    pub geometry: Geometry,
    /// One value per voxel.
    pub voxels: LabelVoxels,
    /// What the values mean.
    pub table: LabelTable,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_looks_up_by_value() {
        let table = LabelTable::from_names([(7, "liver".to_owned()), (0, "background".to_owned()), (2, "spleen".to_owned())]);
        assert_eq!(table.iter().map(|l| l.value).collect::<Vec<_>>(), [2, 7]);
        assert_eq!(table.get(7).map(|l| l.name.as_str()), Some("liver"));
        assert_eq!(table.get(0), None);
        assert_eq!(table.max_value(), 7);
    }

    #[test]
    fn structures_are_added_in_order() {
        let mut table = LabelTable::from_names([(2, "spleen".to_owned()), (7, "liver".to_owned())]);
        table.insert(Label { value: 5, name: "stomach".to_owned(), color: [1, 2, 3] });
        table.insert(Label { value: 0, name: "background".to_owned(), color: [0; 3] });
        table.rename(7, "left liver".to_owned());
        table.recolor(2, [9; 3]);
        assert_eq!(table.iter().map(|l| l.value).collect::<Vec<_>>(), [2, 5, 7]);
        assert_eq!((table.get(7).unwrap().name.as_str(), table.get(2).unwrap().color), ("left liver", [9; 3]));
    }

    #[test]
    fn given_colours_are_kept() {
        let label = |value: u16, name: &str, color| Label { value, name: name.to_owned(), color };
        let table =
            LabelTable::from_labels([label(9, "b", [1, 2, 3]), label(0, "x", [0; 3]), label(4, "a", [7; 3]), label(9, "c", [0; 3])]);
        assert_eq!(table.iter().cloned().collect::<Vec<_>>(), [label(4, "a", [7; 3]), label(9, "b", [1, 2, 3])]);
    }

    #[test]
    fn neighbouring_colours_differ() {
        let table = LabelTable::from_names((1..=60).map(|v| (v, v.to_string())));
        let colors: Vec<_> = table.iter().map(|l| l.color).collect();
        let distance = |a: [u8; 3], b: [u8; 3]| (0..3).map(|c| (i32::from(a[c]) - i32::from(b[c])).abs()).sum::<i32>();
        for pair in colors.windows(2) {
            assert!(distance(pair[0], pair[1]) > 60, "{pair:?}");
        }
        for (i, first) in FIRST_COLORS.into_iter().enumerate() {
            for second in &FIRST_COLORS[i + 1..] {
                assert!(distance(first, *second) > 60, "{first:?} {second:?}");
            }
        }
    }

    #[test]
    fn wide_masks_of_small_values_are_stored_narrow() {
        let mut voxels = LabelVoxels::zeros([1, 1, 2], 300);
        voxels.set([0, 0, 1], 40);
        assert!(matches!(voxels.clone().narrowed(), LabelVoxels::U8(_)));
        voxels.set([0, 0, 0], 300);
        assert!(matches!(voxels.narrowed(), LabelVoxels::U16(_)));
    }

    #[test]
    fn width_follows_nnunet() {
        assert!(matches!(LabelVoxels::zeros([1, 1, 1], 254), LabelVoxels::U8(_)));
        assert!(matches!(LabelVoxels::zeros([1, 1, 1], 255), LabelVoxels::U16(_)));
    }
}
