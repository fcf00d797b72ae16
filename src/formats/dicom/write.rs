//! Writes a scan as a classic CT or MR image series: explicit little endian, one file per slice.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use glam::DVec3;
use ndarray::{ArrayView2, ArrayView3, Axis};
use volume::Geometry;

use crate::FormatError;

/// Stored value = modality value + 1024, so that air (-1024 HU) is stored as 0 as scanners do.
const INTERCEPT: i16 = -1024;
/// Identifies this program as the writer (PS3.7 D.3.3.2), under the UUID root (PS3.5 B.2).
const IMPLEMENTATION_CLASS_UID: &str = "2.25.152415787532388367501905199875019052100";

/// What a written series says about itself. Synthetic data only: none of it comes from a patient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesTags {
    /// PatientID.
    pub patient_id: String,
    /// PatientName, e.g. "Phantom^Synthetic".
    pub patient_name: String,
    /// StudyInstanceUID, e.g. from [`uid_of`].
    pub study_uid: String,
    /// SeriesInstanceUID; the instances' UIDs are derived from it.
    pub series_uid: String,
    /// SeriesNumber.
    pub series_number: u32,
    /// "CT" or "MR".
    pub modality: String,
    /// SeriesDescription.
    pub description: String,
}

impl SeriesTags {
    /// Tags of a synthetic series; equal names give equal UIDs.
    pub fn synthetic(name: &str, modality: &str) -> Self {
        Self {
            patient_id: name.chars().take(64).collect(),
            patient_name: "Phantom^Synthetic".to_owned(),
            study_uid: uid_of(&format!("{name}/study")),
            series_uid: uid_of(&format!("{name}/series/{modality}")),
            series_number: 1,
            modality: modality.to_owned(),
            description: "Synthetic phantom".to_owned(),
        }
    }
}

/// A UID that depends on `name` only, under the UUID root 2.25 (PS3.5 B.2).
pub fn uid_of(name: &str) -> String {
    // FNV-1a, 128 bit: stable across versions, which the standard library's hashers are not.
    let hash = name.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    });
    format!("2.25.{hash}")
}

/// Writes all slices into a new folder `dir`, which appears only when the whole series is on disk.
pub fn write_series(dir: &Path, voxels: ArrayView3<'_, i16>, geometry: &Geometry, series: &SeriesTags) -> Result<(), FormatError> {
    let refuse = |reason: &str| FormatError::invalid(dir, reason);
    geometry.check().map_err(|source| FormatError::Geometry { path: dir.to_owned(), source })?;
    let sop_class = match series.modality.as_str() {
        "CT" => uids::CT_IMAGE_STORAGE,
        "MR" => uids::MR_IMAGE_STORAGE,
        _ => return Err(refuse("only CT and MR series can be written")),
    };
    if voxels.dim() != geometry.size_zyx.into() {
        return Err(refuse("voxels and geometry disagree on the size"));
    }
    if geometry.size_zyx[1..].iter().any(|size| *size > usize::from(u16::MAX)) {
        return Err(refuse("slices of more than 65535 rows or columns cannot be stored"));
    }
    let normal = geometry.direction.x_axis.cross(geometry.direction.y_axis);
    if geometry.direction.z_axis.distance(normal) > 1e-6 {
        return Err(refuse("slices must be stacked along the right-handed normal of their plane; reorient the volume first"));
    }
    if voxels.iter().any(|value| *value < INTERCEPT) {
        return Err(refuse("values below -1024 cannot be stored"));
    }
    let writer = SeriesWriter { geometry, series, sop_class, bits_stored: bits_stored(voxels) };
    writer.write(dir, voxels)
}

/// 12 bits as scanners write where they suffice, 16 otherwise.
fn bits_stored(voxels: ArrayView3<'_, i16>) -> u16 {
    let largest = voxels.iter().copied().max().unwrap_or(INTERCEPT);
    if i32::from(largest) - i32::from(INTERCEPT) < 1 << 12 { 12 } else { 16 }
}

struct SeriesWriter<'a> {
    geometry: &'a Geometry,
    series: &'a SeriesTags,
    sop_class: &'static str,
    bits_stored: u16,
}

impl SeriesWriter<'_> {
    fn write(&self, dir: &Path, voxels: ArrayView3<'_, i16>) -> Result<(), FormatError> {
        let io = |source| FormatError::io("write", dir, source);
        let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(parent).map_err(io)?;
        let fresh = tempfile::Builder::new().prefix(".series-").tempdir_in(parent).map_err(io)?;
        // Temporary folders are private; one inside has the permissions people expect.
        let complete = fresh.path().join("series");
        fs::create_dir(&complete).map_err(io)?;
        for (z, slice) in voxels.axis_iter(Axis(0)).enumerate() {
            let path = complete.join(format!("IM{:04}.dcm", z + 1));
            let mut file = File::create_new(&path).map_err(io)?;
            file.write_all(&self.encode(z, slice, dir)?).map_err(io)?;
            file.sync_all().map_err(io)?;
        }
        // An empty target may stand in the way; a folder with content is never replaced.
        if dir.is_dir() {
            fs::remove_dir(dir).map_err(io)?;
        }
        sync_folder(&complete).map_err(io)?;
        fs::rename(&complete, dir).map_err(io)?;
        sync_folder(parent).map_err(io)
    }

    fn encode(&self, z: usize, slice: ArrayView2<'_, i16>, dir: &Path) -> Result<Vec<u8>, FormatError> {
        let fail = |reason: String| FormatError::invalid(dir, reason);
        let sop_instance = uid_of(&format!("{}/{z}", self.series.series_uid));
        let meta = FileMetaTableBuilder::new()
            .media_storage_sop_class_uid(self.sop_class)
            .media_storage_sop_instance_uid(sop_instance.as_str())
            .transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN)
            .implementation_class_uid(IMPLEMENTATION_CLASS_UID)
            .implementation_version_name("VOXELRY");
        let object = self
            .slice_object(z, slice, &sop_instance)
            .with_meta(meta)
            .map_err(|source| fail(format!("the DICOM header cannot be built ({source})")))?;
        let mut bytes = Vec::new();
        object.write_all(&mut bytes).map_err(|source| fail(format!("the DICOM data set cannot be encoded ({source})")))?;
        Ok(bytes)
    }

    fn slice_object(&self, z: usize, slice: ArrayView2<'_, i16>, sop_instance: &str) -> InMemDicomObject {
        let mut object = InMemDicomObject::new_empty();
        self.put_identity(&mut object, sop_instance);
        self.put_plane(&mut object, z);
        self.put_pixels(&mut object, slice);
        object
    }

    fn put_identity(&self, object: &mut InMemDicomObject, sop_instance: &str) {
        let series = self.series;
        let frame_of_reference = uid_of(&format!("{}/frame of reference", series.study_uid));
        let texts: [(Tag, VR, &str); 14] = [
            (tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192"),
            (tags::IMAGE_TYPE, VR::CS, "DERIVED\\SECONDARY\\AXIAL"),
            (tags::SOP_CLASS_UID, VR::UI, self.sop_class),
            (tags::SOP_INSTANCE_UID, VR::UI, sop_instance),
            (tags::MODALITY, VR::CS, &series.modality),
            (tags::MANUFACTURER, VR::LO, "Voxelry"),
            (tags::SERIES_DESCRIPTION, VR::LO, &series.description),
            (tags::PATIENT_NAME, VR::PN, &series.patient_name),
            (tags::PATIENT_ID, VR::LO, &series.patient_id),
            (tags::STUDY_INSTANCE_UID, VR::UI, &series.study_uid),
            (tags::SERIES_INSTANCE_UID, VR::UI, &series.series_uid),
            (tags::FRAME_OF_REFERENCE_UID, VR::UI, &frame_of_reference),
            (tags::PATIENT_POSITION, VR::CS, "HFS"),
            (tags::STUDY_ID, VR::SH, "1"),
        ];
        for (tag, vr, text) in texts {
            object.put(DataElement::new(tag, vr, PrimitiveValue::from(text)));
        }
        // Type 2 attributes: present, but nothing is known (PS3.5 7.4.3).
        let unknown: [(Tag, VR); 8] = [
            (tags::STUDY_DATE, VR::DA),
            (tags::STUDY_TIME, VR::TM),
            (tags::ACCESSION_NUMBER, VR::SH),
            (tags::REFERRING_PHYSICIAN_NAME, VR::PN),
            (tags::PATIENT_BIRTH_DATE, VR::DA),
            (tags::PATIENT_SEX, VR::CS),
            (tags::POSITION_REFERENCE_INDICATOR, VR::LO),
            (tags::KVP, VR::DS),
        ];
        for (tag, vr) in unknown {
            object.put(DataElement::new(tag, vr, PrimitiveValue::Empty));
        }
        object.put(DataElement::new(tags::SERIES_NUMBER, VR::IS, PrimitiveValue::from(series.series_number.to_string())));
    }

    fn put_plane(&self, object: &mut InMemDicomObject, z: usize) {
        let [sz, sy, sx] = self.geometry.spacing_zyx_mm;
        let pos = self.geometry.pos_lps_mm([z as f64, 0.0, 0.0]);
        let [row, column] = [self.geometry.direction.x_axis, self.geometry.direction.y_axis];
        let decimals: [(Tag, Vec<f64>); 6] = [
            (tags::IMAGE_POSITION_PATIENT, pos.to_array().to_vec()),
            (tags::IMAGE_ORIENTATION_PATIENT, [row.to_array(), column.to_array()].concat()),
            (tags::PIXEL_SPACING, vec![sy, sx]),
            (tags::SLICE_THICKNESS, vec![sz]),
            (tags::SPACING_BETWEEN_SLICES, vec![sz]),
            (tags::SLICE_LOCATION, vec![pos.dot(DVec3::cross(row, column))]),
        ];
        for (tag, values) in decimals {
            let text: Vec<String> = values.into_iter().map(decimal_string).collect();
            object.put(DataElement::new(tag, VR::DS, PrimitiveValue::from(text.join("\\"))));
        }
        let number = (z + 1).to_string();
        object.put(DataElement::new(tags::INSTANCE_NUMBER, VR::IS, PrimitiveValue::from(number)));
        object.put(DataElement::new(tags::ACQUISITION_NUMBER, VR::IS, PrimitiveValue::from("1")));
    }

    fn put_pixels(&self, object: &mut InMemDicomObject, slice: ArrayView2<'_, i16>) {
        let numbers: [(Tag, u16); 7] = [
            (tags::SAMPLES_PER_PIXEL, 1),
            (tags::ROWS, self.geometry.size_zyx[1] as u16),
            (tags::COLUMNS, self.geometry.size_zyx[2] as u16),
            (tags::BITS_ALLOCATED, 16),
            (tags::BITS_STORED, self.bits_stored),
            (tags::HIGH_BIT, self.bits_stored - 1),
            (tags::PIXEL_REPRESENTATION, 0),
        ];
        for (tag, number) in numbers {
            object.put(DataElement::new(tag, VR::US, PrimitiveValue::from(number)));
        }
        object.put(DataElement::new(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, PrimitiveValue::from("MONOCHROME2")));
        object.put(DataElement::new(tags::RESCALE_INTERCEPT, VR::DS, PrimitiveValue::from(INTERCEPT.to_string())));
        object.put(DataElement::new(tags::RESCALE_SLOPE, VR::DS, PrimitiveValue::from("1")));
        if self.series.modality == "CT" {
            object.put(DataElement::new(tags::RESCALE_TYPE, VR::LO, PrimitiveValue::from("HU")));
        }
        let stored: Vec<u16> = slice.iter().map(|value| (i32::from(*value) - i32::from(INTERCEPT)) as u16).collect();
        object.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(stored.into())));
    }
}

/// A decimal string of at most 16 characters (PS3.5 6.2), as precise as fits.
pub(super) fn decimal_string(value: f64) -> String {
    for digits in (0..=14).rev() {
        let text = format!("{value:.digits$}");
        if text.len() <= 16 {
            let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
            return if text == "-0" { "0".to_owned() } else { text.to_owned() };
        }
    }
    format!("{value:.8e}")
}

/// Makes a rename durable; only Unix can open folders.
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_strings_fit_and_keep_their_value() {
        for value in [0.0, -0.0, 1.0, -1024.0, 0.123_456_789_012_345, -0.707_106_781_186_547_5, -231.337_5, 1e-7, 123_456.789_012_345, 1e20]
        {
            let text = decimal_string(value);
            assert!(text.len() <= 16, "{text}");
            assert!((text.parse::<f64>().unwrap() - value).abs() <= 1e-9 * value.abs().max(1.0), "{value} {text}");
        }
    }

    #[test]
    fn uids_are_stable_and_valid() {
        assert_eq!(uid_of("a"), uid_of("a"));
        assert_ne!(uid_of("a"), uid_of("b"));
        assert!(uid_of("phantom").len() <= 64);
    }
}
