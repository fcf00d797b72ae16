//! Transfer syntaxes, codecs and multi-frame objects.

use std::fs;
use std::io::Write;

use dicom_core::value::{DataSetSequence, PixelFragmentSequence, Value};
use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_encoding::transfer_syntax::TransferSyntaxIndex;
use dicom_object::{InMemDicomObject, open_file};
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;
use ndarray::Array2;

use super::prescan::EXPLICIT_VR_BIG_ENDIAN;
use super::tests_support::*;
use super::{DicomStudy, read};
use crate::WarningCode::*;

#[test]
fn native_encodings_agree() {
    for uid in [uids::IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN] {
        let folder = Folder::new(3);
        let syntax = TransferSyntaxRegistry.get(uid).unwrap();
        folder.change_all(|_, object| object.update_meta(|meta| meta.set_transfer_syntax(syntax)));
        assert_holds(&folder.read().unwrap(), &folder, 0..3);
    }
}

/// The data set without preamble and meta group.
fn bare(path: &std::path::Path, uid: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let object = open_file(path).unwrap();
    object.into_inner().write_dataset_with_ts(&mut bytes, TransferSyntaxRegistry.get(uid).unwrap()).unwrap();
    bytes
}

#[test]
fn files_without_preamble_are_recognised() {
    for uid in [uids::IMPLICIT_VR_LITTLE_ENDIAN, uids::EXPLICIT_VR_LITTLE_ENDIAN] {
        let folder = Folder::new(3);
        for file in &folder.files {
            fs::write(file, bare(file, uid)).unwrap();
        }
        assert_holds(&folder.read().unwrap(), &folder, 0..3);
    }
}

#[test]
fn deflated_data_sets_are_inflated() {
    let folder = Folder::new(3);
    for file in &folder.files {
        fs::write(file, deflated(&bare(file, uids::EXPLICIT_VR_LITTLE_ENDIAN))).unwrap();
    }
    assert_holds(&folder.read().unwrap(), &folder, 0..3);
}

#[test]
fn an_implicit_data_set_announced_as_explicit_is_read() {
    let folder = Folder::new(3);
    for file in &folder.files {
        let mut bytes = meta_of(uids::EXPLICIT_VR_LITTLE_ENDIAN);
        bytes.extend(bare(file, uids::IMPLICIT_VR_LITTLE_ENDIAN));
        fs::write(file, bytes).unwrap();
    }
    assert_holds(&folder.read().unwrap(), &folder, 0..3);
}

/// Preamble, magic word and meta group.
fn meta_of(transfer_syntax: &str) -> Vec<u8> {
    let meta = dicom_object::FileMetaTableBuilder::new()
        .media_storage_sop_class_uid(uids::CT_IMAGE_STORAGE)
        .media_storage_sop_instance_uid("1.2.3")
        .transfer_syntax(transfer_syntax)
        .build()
        .unwrap();
    let mut bytes = vec![0; 128];
    bytes.extend_from_slice(b"DICM");
    meta.write(&mut bytes).unwrap();
    bytes
}

fn deflated(data_set: &[u8]) -> Vec<u8> {
    let bytes = meta_of(uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN);
    let mut encoder = flate2::write::DeflateEncoder::new(bytes, flate2::Compression::best());
    encoder.write_all(data_set).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_deflate_bomb_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::new(1);
    let mut data_set = bare(&folder.files[0], uids::EXPLICIT_VR_LITTLE_ENDIAN);
    data_set.extend_from_slice(&vec![0; 64 << 20]);
    // The bomb sits in the pixel data's length: everything before it is sound.
    let at = data_set.windows(4).position(|tag| tag == [0xE0, 0x7F, 0x10, 0x00]).unwrap();
    data_set[at + 8..at + 12].copy_from_slice(&(60_u32 << 20).to_le_bytes());
    let path = dir.path().join("bomb.dcm");
    fs::write(&path, deflated(&data_set)).unwrap();
    let refusal = read(&path, None, 8 << 20).unwrap_err().to_string();
    assert!(refusal.contains("more than the 8 MiB allowed"), "{refusal}");
}

/// A byte plane in PackBits: runs as runs, single bytes as literals.
fn pack_bits(plane: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    for run in plane.chunk_by(|a, b| a == b).flat_map(|run| run.chunks(128)) {
        match run.len() {
            1 => packed.extend([0, run[0]]),
            count => packed.extend([(257 - count) as u8, run[0]]),
        }
    }
    if packed.len() % 2 == 1 {
        packed.push(128);
    }
    packed
}

/// Compresses a file's 16-bit frame.
pub(super) fn to_rle(object: &mut dicom_object::DefaultDicomObject) {
    let bytes = object.element(tags::PIXEL_DATA).unwrap().to_bytes().unwrap().into_owned();
    let plane = |offset: usize| pack_bits(&bytes.iter().copied().skip(offset).step_by(2).collect::<Vec<u8>>());
    let [high, low] = [plane(1), plane(0)];
    let mut frame = vec![0; 64];
    for (index, word) in [2, 64, 64 + high.len() as u32].into_iter().enumerate() {
        frame[4 * index..4 * index + 4].copy_from_slice(&word.to_le_bytes());
    }
    frame.extend(high);
    frame.extend(low);
    let fragments = PixelFragmentSequence::new_fragments(vec![frame]);
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, Value::PixelSequence(fragments)));
    object.update_meta(|meta| meta.set_transfer_syntax(TransferSyntaxRegistry.get(uids::RLE_LOSSLESS).unwrap()));
}

#[test]
fn rle_is_lossless() {
    let folder = Folder::new(3);
    folder.change_all(|_, object| to_rle(object));
    assert_holds(&folder.read().unwrap(), &folder, 0..3);
}

/// The pattern of the committed files: 12-bit values.
fn pattern() -> Array2<f32> {
    Array2::from_shape_fn((32, 32), |(y, x)| ((7 * y * y + 13 * x) % 4096) as f32)
}

fn stored(study: &DicomStudy) -> Array2<f32> {
    study.scan.voxels.index_axis(ndarray::Axis(0), 0).mapv(|value| value + 1024.0)
}

#[test]
fn lossless_codecs_are_exact() {
    for name in ["jpeg2000_lossless.dcm", "jpeg_lossless.dcm"] {
        let study = read(&fixture(name), None, BUDGET).unwrap();
        assert_eq!(stored(&study), pattern(), "{name}");
        assert_eq!(codes(&study), [NonuniformSpacing]);
    }
}

#[test]
fn lossy_codecs_are_named() {
    let study = read(&fixture("jpeg2000_lossy.dcm"), None, BUDGET).unwrap();
    let error = (stored(&study) - pattern()).mapv(f32::abs).mean().unwrap();
    assert!(error > 0.0 && error < 40.0, "{error}");
    assert!(codes(&study).contains(&LossySource));
    let study = read(&fixture("jpeg_baseline.dcm"), None, BUDGET).unwrap();
    let error = (stored(&study) - pattern().mapv(|value| (value / 16.0).floor())).mapv(f32::abs).mean().unwrap();
    assert!(error < 3.0, "{error}");
    assert!(codes(&study).contains(&LossySource));
}

#[test]
fn other_codecs_are_refused_by_name() {
    let refusal = |name: &str| read(&fixture(name), None, BUDGET).unwrap_err().to_string();
    assert!(refusal("jpeg_ls.dcm").contains("JPEG-LS"), "{}", refusal("jpeg_ls.dcm"));
    assert!(refusal("jpeg_12_bit.dcm").contains("12-bit lossy JPEG"), "{}", refusal("jpeg_12_bit.dcm"));
}

#[test]
fn lies_about_compressed_sizes_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let lie = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = fs::read(fixture(name)).unwrap();
        change(&mut bytes);
        let path = dir.path().join("lie.dcm");
        fs::write(&path, bytes).unwrap();
        read(&path, None, BUDGET).unwrap_err().to_string()
    };
    let siz = |bytes: &[u8]| bytes.windows(4).position(|mark| mark == [0xFF, 0x4F, 0xFF, 0x51]).unwrap();
    // Xsiz and Ysiz of 60,000 (T.800 A.5.1) would cost a decoder 14 GiB.
    let refusal = lie("jpeg2000_lossless.dcm", &|bytes| {
        let at = siz(bytes);
        for field in [8, 12] {
            bytes[at + field..at + field + 4].copy_from_slice(&60_000_u32.to_be_bytes());
        }
    });
    assert!(refusal.contains("60000 x 60000 pixels where the header says 32 x 32"), "{refusal}");
    let refusal = lie("jpeg2000_lossless.dcm", &|bytes| {
        let at = siz(bytes);
        bytes[at + 24..at + 32].copy_from_slice(&[0, 0, 0, 1, 0, 0, 0, 1]);
    });
    assert!(refusal.contains("JPEG 2000"), "{refusal}");
    let refusal = lie("jpeg_lossless.dcm", &|bytes| {
        let at = bytes.windows(2).position(|mark| mark == [0xFF, 0xC3]).unwrap();
        bytes[at + 5..at + 9].copy_from_slice(&[0xFF; 4]);
    });
    assert!(refusal.contains("65535 x 65535 pixels"), "{refusal}");
}

#[test]
fn a_cut_off_codestream_is_not_filled_with_grey() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cut.dcm");
    fs::copy(fixture("jpeg2000_lossless.dcm"), &path).unwrap();
    change_file(&path, |object| {
        let whole = object.element(tags::PIXEL_DATA).unwrap().fragments().unwrap()[0].clone();
        let cut = PixelFragmentSequence::new_fragments(vec![whole[..(whole.len() / 2) & !1].to_vec()]);
        object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, Value::PixelSequence(cut)));
    });
    let refusal = read(&path, None, BUDGET).unwrap_err().to_string();
    assert!(refusal.contains("JPEG 2000 data is cut off"), "{refusal}");
}

fn item(elements: impl IntoIterator<Item = DataElement<InMemDicomObject>>) -> InMemDicomObject {
    InMemDicomObject::from_element_iter(elements)
}

fn sequence(tag: dicom_core::Tag, items: Vec<InMemDicomObject>) -> DataElement<InMemDicomObject> {
    DataElement::new(tag, VR::SQ, DataSetSequence::from(items))
}

fn text(tag: dicom_core::Tag, text: &str) -> DataElement<InMemDicomObject> {
    DataElement::new(tag, VR::DS, PrimitiveValue::from(text))
}

/// Joins a folder's slices into one enhanced CT, frames in the order given.
fn enhance(folder: &Folder, order: &[usize]) -> std::path::PathBuf {
    let mut object = open_file(&folder.files[0]).unwrap();
    for tag in
        [tags::IMAGE_POSITION_PATIENT, tags::IMAGE_ORIENTATION_PATIENT, tags::PIXEL_SPACING, tags::RESCALE_SLOPE, tags::RESCALE_INTERCEPT]
    {
        object.remove_element(tag);
    }
    let frames = order.iter().map(|z| {
        let pos = folder.geometry.pos_lps_mm([*z as f64, 0.0, 0.0]).to_array().map(super::write::decimal_string).join("\\");
        let transform = item([text(tags::RESCALE_SLOPE, &format!("{}", z + 1)), text(tags::RESCALE_INTERCEPT, "-1024")]);
        item([
            sequence(tags::PLANE_POSITION_SEQUENCE, vec![item([text(tags::IMAGE_POSITION_PATIENT, &pos)])]),
            sequence(tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE, vec![transform]),
        ])
    });
    object.put(sequence(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, frames.collect()));
    let shared = item([
        sequence(tags::PLANE_ORIENTATION_SEQUENCE, vec![item([text(tags::IMAGE_ORIENTATION_PATIENT, "1\\0\\0\\0\\1\\0")])]),
        sequence(tags::PIXEL_MEASURES_SEQUENCE, vec![item([text(tags::PIXEL_SPACING, "0.75\\0.5"), text(tags::SLICE_THICKNESS, "1")])]),
    ]);
    object.put(sequence(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![shared]));
    put_text(&mut object, tags::NUMBER_OF_FRAMES, VR::IS, &order.len().to_string());
    put_text(&mut object, tags::SOP_CLASS_UID, VR::UI, uids::ENHANCED_CT_IMAGE_STORAGE);
    let stored = order.iter().flat_map(|z| folder.voxels.index_axis(ndarray::Axis(0), *z).mapv(|value| (value + 1024) as u16));
    put_pixels(&mut object, stored.collect());
    let path = folder.path().join("enhanced.dcm");
    object.write_to_file(&path).unwrap();
    path
}

#[test]
fn enhanced_frames_are_placed_and_scaled_one_by_one() {
    let folder = Folder::new(4);
    let study = read(&enhance(&folder, &[2, 0, 3, 1]), None, BUDGET).unwrap();
    assert_eq!(codes(&study), []);
    assert!(study.scan.geometry.same_place(&folder.geometry, 0.01));
    for ((z, y, x), value) in study.scan.voxels.indexed_iter() {
        assert_eq!(*value, (f32::from(folder.voxels[[z, y, x]]) + 1024.0) * (z + 1) as f32 - 1024.0);
    }
}

#[test]
fn an_enhanced_object_with_a_missing_frame_is_refused() {
    let folder = Folder::new(5);
    let refusal = read(&enhance(&folder, &[0, 1, 3, 4]), None, BUDGET).unwrap_err().to_string();
    assert!(refusal.contains("slices are missing"), "{refusal}");
    let path = enhance(&folder, &[0, 1, 2]);
    change_file(&path, |object| put_text(object, tags::NUMBER_OF_FRAMES, VR::IS, "7"));
    let refusal = read(&path, None, BUDGET).unwrap_err().to_string();
    assert!(refusal.contains("describes 3 frames but declares 7"), "{refusal}");
}

#[test]
fn frames_without_a_place_are_refused() {
    let folder = Folder::new(2);
    folder.change(0, |object| put_text(object, tags::NUMBER_OF_FRAMES, VR::IS, "2"));
    let refusal = read(&folder.files[0], None, BUDGET).unwrap_err().to_string();
    assert!(refusal.contains("multi-frame image without a position"), "{refusal}");
}
