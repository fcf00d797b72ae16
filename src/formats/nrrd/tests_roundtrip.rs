//! What is written reads back the same in every orientation; the header is Slicer's; what others may write reads right.

use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use glam::{DMat3, DVec3};
use ndarray::Array3;
use proptest::prelude::*;
use tempfile::TempDir;
use volume::{Geometry, Label, LabelMap, LabelTable, LabelVoxels, Orientation, orientation_of};

use super::*;
use crate::WarningCode;
use crate::nifti::ReadOptions;

fn label(value: u16, name: &str, color: [u8; 3]) -> Label {
    Label { value, name: name.to_owned(), color }
}

fn filled<T>(size_zyx: [usize; 3], seed: u32, value: impl Fn(u32) -> T) -> Array3<T> {
    let mut state = seed;
    Array3::from_shape_simple_fn(size_zyx, || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        value(state >> 8)
    })
}

fn direction(orientation: Orientation, turn: DMat3) -> DMat3 {
    let columns = orientation.axes_xyz().map(|axis| {
        let mut unit = DVec3::ZERO;
        unit[axis.lps_axis] = if axis.flipped { -1.0 } else { 1.0 };
        turn * unit
    });
    DMat3::from_cols(columns[0], columns[1], columns[2])
}

pub(super) fn on_disk(name: &str, header: &str, data: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, [header.as_bytes(), data].concat()).unwrap();
    (folder, path)
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

fn scan(path: &Path) -> LoadedScan {
    read_scan(path, &ReadOptions::default()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// All 48 orientations in every case, a little oblique: same values, same places, same names and colours.
    #[test]
    fn segmentations_round_trip_in_all_orientations(
        size in prop::array::uniform3(1_usize..6),
        spacing in prop::array::uniform3(0.2_f64..5.0),
        origin in prop::array::uniform3(-300.0_f64..300.0),
        angles in prop::array::uniform3(-0.3_f64..0.3),
        names in prop::collection::vec("\\PC{1,12}", 1..4),
        seed: u32,
        wide: bool,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mask.seg.nrrd");
        let turn = DMat3::from_rotation_x(angles[0]) * DMat3::from_rotation_y(angles[1]) * DMat3::from_rotation_z(angles[2]);
        let count = names.len() as u32;
        let value = |n: u32| (n % (count + 1)) as u16 * if wide { 300 } else { 2 };
        let labels = (1_u32..).zip(&names).map(|(n, name)| label(value(n), name.trim(), [n as u8, (seed % 256) as u8, 255]));
        let table = LabelTable::from_labels(labels.filter(|label| !label.name.is_empty()));
        for orientation in Orientation::all() {
            let geometry = Geometry {
                size_zyx: size,
                spacing_zyx_mm: spacing,
                origin_lps_mm: DVec3::from_array(origin),
                direction: direction(orientation, turn),
            };
            let voxels = if wide {
                LabelVoxels::U16(filled(size, seed, value))
            } else {
                LabelVoxels::U8(filled(size, seed, |n| value(n) as u8))
            };
            let mask = LabelMap { geometry, voxels, table: table.clone() };
            write_segmentation(&path, &mask, &SegmentationInfo::default()).unwrap();
            let back = read_labels(&path, &ReadOptions::default()).unwrap();
            prop_assert_eq!(orientation_of(&back.labels.geometry), orientation);
            prop_assert!(back.labels.geometry.same_place(&mask.geometry, 1e-9));
            prop_assert!(back.warnings.is_empty(), "{:?}", back.warnings);
            for (value, count) in mask.voxels.counts() {
                prop_assert!(back.labels.voxels.counts().contains(&(value, count)));
            }
            for ((z, y, x), _) in Array3::<u8>::zeros(size).indexed_iter() {
                prop_assert_eq!(back.labels.voxels.at([z, y, x]), mask.voxels.at([z, y, x]));
            }
            for label in table.iter() {
                prop_assert_eq!(back.labels.table.get(label.value), Some(label));
            }
        }
    }
}

#[test]
fn the_header_is_the_one_slicer_writes() {
    let geometry = Geometry {
        origin_lps_mm: DVec3::new(-119.5, 7.25, 0.0),
        direction: DMat3::from_diagonal(DVec3::new(1.0, -1.0, 1.0)),
        ..Geometry::axis_aligned([2, 3, 4], [1.5, 0.9375, 0.5])
    };
    let mut voxels = Array3::<u8>::zeros([2, 3, 4]);
    voxels[[1, 0, 2]] = 7;
    voxels[[0, 2, 3]] = 7;
    let table = LabelTable::from_labels([label(7, "kidney\nleft", [177, 122, 101]), label(9, "empty", [255, 0, 0])]);
    let mask = LabelMap { geometry, voxels: LabelVoxels::U8(voxels), table };
    let info = SegmentationInfo {
        status: vec![(7, Status::Completed), (9, Status::Flagged)],
        provenance: vec![("model sha256".into(), "ab12".into())],
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mask.seg.nrrd");
    write_segmentation(&path, &mask, &info).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let end = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap() + 2;
    let wanted = "\
NRRD0004
# Complete NRRD file format specification at:
# http://teem.sourceforge.net/nrrd/format.html
type: unsigned char
dimension: 3
space: left-posterior-superior
sizes: 4 3 2
space directions: (0.5,0,0) (0,-0.9375,0) (0,0,1.5)
kinds: domain domain domain
encoding: gzip
space origin: (-119.5,7.25,0)
Segment0_Color:=0.694118 0.478431 0.396078
Segment0_ColorAutoGenerated:=0
Segment0_Extent:=2 3 0 2 0 1
Segment0_ID:=Segment_7
Segment0_LabelValue:=7
Segment0_Layer:=0
Segment0_Name:=kidney\\nleft
Segment0_NameAutoGenerated:=0
Segment0_Tags:=Segmentation.Status:completed|
Segment1_Color:=1 0 0
Segment1_ColorAutoGenerated:=0
Segment1_Extent:=0 -1 0 -1 0 -1
Segment1_ID:=Segment_9
Segment1_LabelValue:=9
Segment1_Layer:=0
Segment1_Name:=empty
Segment1_NameAutoGenerated:=0
Segment1_Tags:=Segmentation.Status:flagged|
Segmentation_ContainedRepresentationNames:=Binary labelmap|
Segmentation_ConversionParameters:=
Segmentation_MasterRepresentation:=Binary labelmap
Segmentation_ReferenceImageExtentOffset:=0 0 0
Voxelry_model_sha256:=ab12

";
    assert_eq!(std::str::from_utf8(&bytes[..end]).unwrap(), wanted);
    let back = read_labels(&path, &ReadOptions::default()).unwrap();
    assert_eq!(back.labels, mask);
    assert_eq!(back.status.into_iter().collect::<Vec<_>>(), info.status);
}

const PLACED: &str = "space: left-posterior-superior\nspace directions: (1,0,0) (0,2,0) (0,0,3)\nspace origin: (10,20,30)\n";

#[test]
fn every_type_byte_order_and_encoding_reads_right() {
    type Row = (&'static str, fn(f64) -> Vec<u8>, f64);
    let rows: [Row; 10] = [
        ("unsigned char", |v| vec![v as u8], 255.0),
        ("int8", |v| (v as i8).to_le_bytes().into(), -128.0),
        ("ushort", |v| (v as u16).to_le_bytes().into(), 65535.0),
        ("signed short int", |v| (v as i16).to_le_bytes().into(), -32768.0),
        ("uint32", |v| (v as u32).to_le_bytes().into(), 4_294_967_040.0),
        ("int", |v| (v as i32).to_le_bytes().into(), -2_147_483_648.0),
        ("uint64_t", |v| (v as u64).to_le_bytes().into(), 18_446_742_974_197_923_840.0),
        ("long long", |v| (v as i64).to_le_bytes().into(), -9_223_372_036_854_775_808.0),
        ("float", |v| (v as f32).to_le_bytes().into(), -0.333_333_34),
        ("double", |v| v.to_le_bytes().into(), 1.5e-40),
    ];
    for (name, encode, extreme) in rows {
        let values = [0.0, 1.0, 2.0, 3.0, 100.0, 127.0, extreme, 7.0];
        for endian in ["little", "big"] {
            let bytes = |v: &f64| if endian == "big" { encode(*v).into_iter().rev().collect() } else { encode(*v) };
            let data: Vec<u8> = values.iter().flat_map(bytes).collect();
            for (encoding, data) in [("raw", data.clone()), ("gzip", gzip(&data)), ("GZ", gzip(&data))] {
                let header =
                    format!("NRRD0005\ntype: {name}\ndimension: 3\nsizes: 2 2 2\nendian: {endian}\nencoding: {encoding}\n{PLACED}\n");
                let (_folder, path) = on_disk("case.nrrd", &header, &data);
                let loaded = scan(&path);
                assert_eq!(loaded.scan.voxels.as_slice().unwrap(), values.map(|v| v as f32), "{name} {endian} {encoding}");
                assert_eq!(loaded.scan.geometry.spacing_zyx_mm, [3.0, 2.0, 1.0]);
                assert_eq!(loaded.scan.geometry.origin_lps_mm, DVec3::new(10.0, 20.0, 30.0));
                assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
            }
        }
    }
}

#[test]
fn spaces_are_turned_into_lps_and_doubt_is_named() {
    let place = |lines: &str| {
        let header = format!("NRRD0004\r\ntype: uint8\r\ndimension: 3\r\nsizes: 1 2 1\r\nencoding: raw\r\n{lines}\r\n");
        let (_folder, path) = on_disk("case.nrrd", &header, &[4, 5]);
        let loaded = scan(&path);
        let codes: Vec<_> = loaded.warnings.iter().map(|warning| warning.code).collect();
        (loaded.scan.geometry.pos_lps_mm([0.0, 1.0, 0.0]).to_array(), codes)
    };
    let directions = "space directions: (1,0,0) (0,2,0) (0,0,3)\nspace origin: (10, 20, 30)\n";
    assert_eq!(place(&format!("space: left-posterior-superior\n{directions}")), ([10.0, 22.0, 30.0], vec![]));
    assert_eq!(place(&format!("space: right-anterior-superior\n{directions}")), ([-10.0, -22.0, 30.0], vec![]));
    assert_eq!(place(&format!("space: LAS\n{directions}")), ([10.0, -22.0, 30.0], vec![]));
    let centimetres = format!("space: LPS\nspace units: \"cm\" \"cm\" \"cm\"\n{directions}");
    assert_eq!(place(&centimetres), ([100.0, 220.0, 300.0], vec![WarningCode::Units]));
    let unknown = vec![WarningCode::OrientationUnknown];
    assert_eq!(place(&format!("space: scanner-xyz\n{directions}")), ([10.0, 22.0, 30.0], unknown.clone()));
    assert_eq!(place(&format!("space dimension: 3\n{directions}")), ([10.0, 22.0, 30.0], unknown.clone()));
    assert_eq!(place("space: LPS\nspace directions: (1,0,0) (0,2,0) (0,0,3)\n"), ([0.0, 2.0, 0.0], unknown.clone()));
    assert_eq!(place("spacings: 1 2.5 3\n"), ([0.0, 2.5, 0.0], unknown));
    let sheared = place("space: LPS\nspace directions: (1,0,0) (0.5,2,0) (0,0,3)\nspace origin: (0,0,0)\n");
    assert_eq!(sheared, ([0.5, 2.0, 0.0], vec![WarningCode::Shear]));
}

#[test]
fn data_files_beside_the_header_are_read() {
    let header = |rest: &str| format!("NRRD0004\ntype: uint8\ndimension: 3\nsizes: 2 1 1\n{PLACED}{rest}");
    for (rest, data) in [
        ("encoding: raw\ndata file: scan.raw\n", b"\x01\x02".to_vec()),
        ("encoding: raw\ndatafile: ./scan.raw\nbyte skip: 3\n", b"abc\x01\x02".to_vec()),
        ("encoding: raw\ndata file: scan.raw\nbyte skip: -1\n", b"any length\x01\x02".to_vec()),
        ("encoding: raw\ndata file: scan.raw\nline skip: 2\nbyteskip: 1", b"one\ntwo\n_\x01\x02".to_vec()),
        ("encoding: gzip\ndata file: scan.raw\nbyte skip: 2\n", gzip(b"__\x01\x02")),
        ("encoding: gzip\ndata file: scan.raw\nlineskip: 1\n", [b"line\n".to_vec(), gzip(b"\x01\x02")].concat()),
    ] {
        let (folder, path) = on_disk("scan.nhdr", &header(rest), &[]);
        let missing = read_scan(&path, &ReadOptions::default()).unwrap_err().to_string();
        assert!(missing.contains("not beside it"), "{missing}");
        std::fs::write(folder.path().join("scan.raw"), data).unwrap();
        assert_eq!(scan(&path).scan.voxels.as_slice().unwrap(), [1.0, 2.0], "{rest}");
    }
}

#[test]
fn one_volume_of_several_must_be_chosen() {
    let start = "NRRD0004\ntype: uint8\ndimension: 4\nencoding: raw\nspace: LPS\nspace origin: (0,0,0)\n";
    let first = "sizes: 2 3 1 1\nkinds: list domain domain domain\nspace directions: none (1,0,0) (0,1,0) (0,0,1)\n\n";
    let last = "sizes: 3 1 1 2\nspace directions: (1,0,0) (0,1,0) (0,0,1) (nan,nan,nan)\n\n";
    for (axes, data) in [(first, [1, 4, 2, 5, 3, 6]), (last, [1, 2, 3, 4, 5, 6])] {
        let (_folder, path) = on_disk("case.nrrd", &format!("{start}{axes}"), &data);
        let refused = read_scan(&path, &ReadOptions::default()).unwrap_err().to_string();
        assert!(refused.contains("2 volumes"), "{refused}");
        for (volume, wanted) in [(0, [1.0, 2.0, 3.0]), (1, [4.0, 5.0, 6.0])] {
            let loaded = read_scan(&path, &ReadOptions { volume: Some(volume), ..ReadOptions::default() }).unwrap();
            assert_eq!(loaded.scan.voxels.as_slice().unwrap(), wanted);
            assert_eq!(loaded.warnings[0].code, WarningCode::MultiVolume);
        }
        assert!(read_scan(&path, &ReadOptions { volume: Some(2), ..ReadOptions::default() }).is_err());
    }
}

#[test]
fn of_overlapping_layers_one_is_read_and_the_user_hears_it() {
    let segment = |n: usize, name: &str, value: u16, layer: usize| {
        format!("Segment{n}_Name:={name}\nSegment{n}_LabelValue:={value}\nSegment{n}_Layer:={layer}\nSegment{n}_Color:=1 0.5 0\n")
    };
    let axes = "NRRD0004\ntype: uint8\ndimension: 4\nencoding: raw\nspace: LPS\nspace origin: (0,0,0)\nsizes: 2 3 1 1\n\
                kinds: list domain domain domain\nspace directions: none (1,0,0) (0,1,0) (0,0,1)\n";
    let named = format!("{axes}{}{}\n", segment(0, "Head", 2, 0), segment(1, "Mass", 1, 1));
    let (_folder, path) = on_disk("case.seg.nrrd", &named, &[2, 0, 2, 1, 3, 1]);
    let read = |volume| read_labels(&path, &ReadOptions { volume, ..ReadOptions::default() }).unwrap();
    let head = read(None);
    assert_eq!(head.labels.voxels.counts(), [(2, 2), (3, 1)]);
    let names: Vec<_> = head.labels.table.iter().map(|label| (label.value, label.name.as_str(), label.color)).collect();
    assert_eq!(names[0], (2, "Head", [255, 128, 0]));
    assert_eq!((names[1].0, names[1].1), (3, "3"));
    assert_eq!(head.warnings[0].code, WarningCode::MultiVolume);
    assert!(head.warnings[0].text.contains("2 layers; layer 0") && head.warnings[0].text.contains("1 structures"), "{:?}", head.warnings);
    let mass = read(Some(1));
    assert_eq!((mass.labels.voxels.counts(), mass.labels.table.get(1).unwrap().name.as_str()), (vec![(0, 1), (1, 2)], "Mass"));

    // Slicer before 4.11: each structure is 1 in a layer of its own.
    let old = format!("{axes}Segment0_Name:=A\nSegment1_Name:=B\n\n");
    let (_folder, path) = on_disk("case.seg.nrrd", &old, &[1, 0, 0, 1, 1, 1]);
    let table = read_labels(&path, &ReadOptions { volume: Some(1), ..ReadOptions::default() }).unwrap().labels.table;
    assert_eq!(table.iter().map(|label| (label.value, label.name.as_str())).collect::<Vec<_>>(), [(1, "B")]);
}
