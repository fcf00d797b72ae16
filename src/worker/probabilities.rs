//! Class probabilities on disk, one float volume per label, without ever holding more than one of them in memory.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use formats::nifti::{self, NiftiPlacement};
use jobs::Failure;
use mednext::{LabelRule, ModelLabels};
use ndarray::{Array3, ArrayView4, Axis, s};
use volume::{Geometry, Region, Scan};

use crate::cases::stem;
use crate::failure;
use crate::files::create_folder;

/// Collects slabs in unnamed temporary files, one per class, in the order they come: slabs may cut the scan along any axis.
pub(crate) struct ProbabilityStore {
    classes: Vec<File>,
    slabs: Vec<Region>,
}

impl ProbabilityStore {
    /// Space for `classes` volumes beside the results, so that a full disk shows early and nothing is copied twice.
    pub(crate) fn new(folder: &Path, classes: usize) -> io::Result<Self> {
        let classes = (0..classes).map(|_| tempfile::tempfile_in(folder)).collect::<io::Result<_>>()?;
        Ok(Self { classes, slabs: Vec::new() })
    }

    /// Keeps one slab, (classes, z, y, x).
    pub(crate) fn push(&mut self, region: Region, values: &ArrayView4<'_, f32>) -> io::Result<()> {
        for (file, class) in self.classes.iter_mut().zip(values.axis_iter(Axis(0))) {
            let bytes: Vec<u8> = class.iter().flat_map(|value| value.to_le_bytes()).collect();
            file.write_all(&bytes)?;
        }
        self.slabs.push(region);
        Ok(())
    }

    /// Writes one NIfTI file per class into `folder`.
    pub(crate) fn write(
        mut self,
        folder: &Path,
        labels: &ModelLabels,
        geometry: &Geometry,
        placement: Option<&NiftiPlacement>,
    ) -> Result<Vec<PathBuf>, Failure> {
        create_folder(folder)?;
        let paths = paths(folder, labels, self.classes.len());
        for (class, path) in paths.iter().enumerate() {
            // Voxels no slab covers are background with certainty.
            let is_background = class == 0 && labels.rule == LabelRule::Argmax;
            let mut voxels = Array3::from_elem(geometry.size_zyx, f32::from(u8::from(is_background)));
            read_class(&mut self.classes[class], &self.slabs, &mut voxels)
                .map_err(|error| failure::writing(&formats::FormatError::io("write", path, error)))?;
            nifti::write_scan(path, &Scan::new(geometry.clone(), voxels), placement).map_err(|error| failure::writing(&error))?;
        }
        Ok(paths)
    }
}

/// Where the probabilities of a mask lie.
pub(crate) fn folder_beside(mask: &Path) -> PathBuf {
    let mut name = stem(mask).unwrap_or_default().to_owned();
    name.push("_probabilities");
    mask.with_file_name(name)
}

/// One file per class.
pub(crate) fn paths(folder: &Path, labels: &ModelLabels, classes: usize) -> Vec<PathBuf> {
    class_names(labels, classes).into_iter().map(|name| folder.join(format!("{name}.nii.gz"))).collect()
}

fn read_class(file: &mut File, slabs: &[Region], voxels: &mut Array3<f32>) -> io::Result<()> {
    file.rewind()?;
    for slab in slabs {
        let mut bytes = vec![0; slab.size_zyx().iter().product::<usize>() * size_of::<f32>()];
        file.read_exact(&mut bytes)?;
        let mut values = bytes.chunks_exact(size_of::<f32>()).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let mut target = voxels.slice_mut(s![slab.range(0), slab.range(1), slab.range(2)]);
        target.iter_mut().for_each(|voxel| *voxel = values.next().unwrap_or_default());
    }
    Ok(())
}

/// A file name per class: the label's name where it has one, made safe for every file system, unique.
fn class_names(labels: &ModelLabels, classes: usize) -> Vec<String> {
    let name_of = |value: u16| labels.names.iter().find(|label| label.value == value).map(|label| label.name.clone());
    let mut names: Vec<String> = Vec::with_capacity(classes);
    for class in 0..classes {
        let value = match &labels.rule {
            LabelRule::Argmax => class as u16,
            LabelRule::Regions { values } => values.get(class).copied().unwrap_or_default(),
        };
        let fallback = if class == 0 && labels.rule == LabelRule::Argmax { "background".to_owned() } else { format!("class_{class}") };
        let name: String =
            name_of(value).unwrap_or(fallback).chars().map(|c| if c.is_alphanumeric() || c == '-' { c } else { '_' }).collect();
        let taken = names.iter().any(|other| other.eq_ignore_ascii_case(&name));
        names.push(if taken || name.is_empty() { format!("{name}_{class}") } else { name });
    }
    names
}

#[cfg(test)]
mod tests {
    use mednext::NamedLabel;
    use ndarray::Array4;

    use super::*;

    fn labels(names: &[(&str, u16)], rule: LabelRule) -> ModelLabels {
        ModelLabels { names: names.iter().map(|(name, value)| NamedLabel { name: (*name).to_owned(), value: *value }).collect(), rule }
    }

    #[test]
    fn slabs_across_any_axis_come_back_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let geometry = Geometry::axis_aligned([3, 4, 5], [1.0; 3]);
        let truth = |k: usize, [z, y, x]: [usize; 3]| (k * 60 + z * 20 + y * 5 + x) as f32 / 120.0;
        let mut store = ProbabilityStore::new(folder.path(), 2).unwrap();
        // Sagittal slabs, the first left out as if it were cropped away.
        for x in 1..5 {
            let values = Array4::from_shape_fn((2, 3, 4, 1), |(k, z, y, _)| truth(k, [z, y, x]));
            store.push(Region { start_zyx: [0, 0, x], end_zyx: [3, 4, x + 1] }, &values.view()).unwrap();
        }
        let written = store.write(&folder.path().join("p"), &labels(&[("liver", 1)], LabelRule::Argmax), &geometry, None).unwrap();
        let names: Vec<_> = written.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["background.nii.gz", "liver.nii.gz"]);
        for (k, path) in written.iter().enumerate() {
            let scan = nifti::read_scan(path, &nifti::ReadOptions::default()).unwrap().scan;
            for ((z, y, x), value) in scan.voxels.indexed_iter() {
                let expected = if x == 0 { 1.0 - k as f32 } else { truth(k, [z, y, x]) };
                assert!((value - expected).abs() < 1e-6, "class {k} at {z} {y} {x}: {value} instead of {expected}");
            }
        }
    }

    #[test]
    fn names_are_safe_and_unique() {
        let odd = labels(&[("left/right", 1), ("left right", 2), ("Œsophage", 3)], LabelRule::Regions { values: vec![1, 2, 3, 9] });
        assert_eq!(class_names(&odd, 4), ["left_right", "left_right_1", "Œsophage", "class_3"]);
    }
}
