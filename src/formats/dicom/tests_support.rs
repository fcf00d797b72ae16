//! Small synthetic series for the tests of this module.

use std::fs;
use std::path::{Path, PathBuf};

use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::{DefaultDicomObject, InMemDicomObject, open_file};
use glam::{DMat3, DVec3};
use ndarray::Array3;
use tempfile::TempDir;
use volume::Geometry;

use super::{DicomStudy, SeriesTags, read, write_series};
use crate::{FormatError, WarningCode};

pub(super) const BUDGET: u64 = 1 << 30;

pub(super) fn geometry(size_zyx: [usize; 3]) -> Geometry {
    Geometry { size_zyx, spacing_zyx_mm: [2.5, 0.75, 0.5], origin_lps_mm: DVec3::new(-120.25, 33.5, -401.0), direction: DMat3::IDENTITY }
}

/// Every voxel differs from its neighbours and every slice from the others.
pub(super) fn voxels(size_zyx: [usize; 3]) -> Array3<i16> {
    Array3::from_shape_fn(size_zyx, |(z, y, x)| ((z * 977 + y * 31 + x * 7) % 3000) as i16 - 1000)
}

/// A folder with one series and the files in slice order.
pub(super) struct Folder {
    pub(super) dir: TempDir,
    pub(super) files: Vec<PathBuf>,
    pub(super) voxels: Array3<i16>,
    pub(super) geometry: Geometry,
}

impl Folder {
    /// A series of `slices` slices of 6 x 5 pixels.
    pub(super) fn new(slices: usize) -> Self {
        Self::of(geometry([slices, 6, 5]))
    }

    pub(super) fn of(geometry: Geometry) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let voxels = voxels(geometry.size_zyx);
        let folder = dir.path().join("series");
        write_series(&folder, voxels.view(), &geometry, &SeriesTags::synthetic("test", "CT")).unwrap();
        let mut files: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        Self { dir, files, voxels, geometry }
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Rewrites slice `z`.
    pub(super) fn change(&self, z: usize, change: impl FnOnce(&mut DefaultDicomObject)) {
        change_file(&self.files[z], change);
    }

    pub(super) fn change_all(&self, mut change: impl FnMut(usize, &mut DefaultDicomObject)) {
        for z in 0..self.files.len() {
            self.change(z, |object| change(z, object));
        }
    }

    /// Copies slice `z` under another name and changes the copy.
    pub(super) fn add_copy(&self, z: usize, name: &str, change: impl FnOnce(&mut DefaultDicomObject)) {
        let copy = self.path().join("series").join(name);
        fs::copy(&self.files[z], &copy).unwrap();
        change_file(&copy, change);
    }

    pub(super) fn remove(&self, z: usize) {
        fs::remove_file(&self.files[z]).unwrap();
    }

    pub(super) fn read(&self) -> Result<DicomStudy, FormatError> {
        read(self.path(), None, BUDGET)
    }

    pub(super) fn refusal(&self) -> String {
        self.read().expect_err("should be refused").to_string()
    }
}

pub(super) fn change_file(path: &Path, change: impl FnOnce(&mut DefaultDicomObject)) {
    let mut object = open_file(path).unwrap();
    change(&mut object);
    object.write_to_file(path).unwrap();
}

pub(super) fn put_text(object: &mut InMemDicomObject, tag: Tag, vr: VR, text: &str) {
    object.put(DataElement::new(tag, vr, PrimitiveValue::from(text)));
}

pub(super) fn put_position(object: &mut InMemDicomObject, pos_lps_mm: DVec3) {
    let text = pos_lps_mm.to_array().map(super::write::decimal_string).join("\\");
    put_text(object, tags::IMAGE_POSITION_PATIENT, VR::DS, &text);
}

pub(super) fn put_pixels(object: &mut InMemDicomObject, stored: Vec<u16>) {
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(stored.into())));
}

pub(super) fn codes(study: &DicomStudy) -> Vec<WarningCode> {
    let mut codes: Vec<_> = study.warnings.iter().map(|warning| warning.code).collect();
    codes.sort();
    codes
}

/// Whether a study holds slices `range` of a folder's series, at their places.
pub(super) fn assert_holds(study: &DicomStudy, folder: &Folder, range: std::ops::Range<usize>) {
    let expected = folder.voxels.slice(ndarray::s![range.clone(), .., ..]).mapv(f32::from);
    assert_eq!(study.scan.voxels, expected);
    let mut place = folder.geometry.clone();
    place.size_zyx[0] = range.len();
    place.origin_lps_mm = folder.geometry.pos_lps_mm([range.start as f64, 0.0, 0.0]);
    assert!(study.scan.geometry.same_place(&place, 0.01), "{:?}", study.scan.geometry);
    assert_eq!(study.sop_instance_uids.len(), range.len());
}

/// A committed file with one 32 x 32 frame of `tests_encodings::pattern`, compressed by OpenJPEG, libjpeg-turbo or CharLS.
pub(super) fn fixture(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/dicom_codecs")).join(name)
}
