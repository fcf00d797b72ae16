//! What is written reads back the same, by this module and by the `nifti` crate; what others may write reads right.

use glam::{DMat3, DVec3};
use ndarray::{Array3, Ix3};
use nifti::{IntoNdArray, NiftiObject, ReaderOptions};
use proptest::prelude::*;
use volume::{Geometry, Label, LabelMap, LabelTable, LabelVoxels, Scan, Volume};

use super::tests_support::{Spec, gzip, on_disk};
use super::*;
use crate::{FormatError, WarningCode};

fn any_geometry() -> impl Strategy<Value = Geometry> {
    let small = || prop::array::uniform3(1_usize..7);
    (
        small(),
        prop::array::uniform3(0.1_f64..6.0),
        prop::array::uniform3(-400.0_f64..400.0),
        prop::array::uniform3(-3.1_f64..3.1),
        any::<bool>(),
    )
        .prop_map(|(size_zyx, spacing_zyx_mm, origin, turns, left_handed)| {
            let mut direction = DMat3::from_rotation_x(turns[0]) * DMat3::from_rotation_y(turns[1]) * DMat3::from_rotation_z(turns[2]);
            if left_handed {
                direction.x_axis *= -1.0;
            }
            Geometry { size_zyx, spacing_zyx_mm, origin_lps_mm: DVec3::from_array(origin), direction }
        })
}

fn filled<T>(size_zyx: [usize; 3], seed: u32, value: impl Fn(u32) -> T) -> Array3<T> {
    let mut state = seed;
    Array3::from_shape_simple_fn(size_zyx, || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        value(state >> 8)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn scans_and_masks_round_trip(geometry in any_geometry(), seed: u32, compress: bool) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(if compress { "case.nii.gz" } else { "case.nii" });

        let scan = Scan::new(geometry.clone(), filled(geometry.size_zyx, seed, |n| n as f32 / 7.0 - 9000.0));
        write_scan(&path, &scan, None).unwrap();
        let loaded = read_scan(&path, &ReadOptions::default()).unwrap();
        prop_assert_eq!(&loaded.scan.voxels, &scan.voxels);
        prop_assert!(loaded.scan.geometry.same_place(&geometry, 1e-4));
        prop_assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);

        let shorts = Volume::new(geometry.clone(), filled(geometry.size_zyx, seed, |n| n as i16));
        write_i16(&path, &shorts, Some(&loaded.placement)).unwrap();
        let back = read_scan(&path, &ReadOptions::default()).unwrap();
        prop_assert_eq!(back.scan.voxels, shorts.voxels.mapv(f32::from));
        prop_assert_eq!(&back.placement, &loaded.placement);

        for voxels in [
            LabelVoxels::U8(filled(geometry.size_zyx, seed, |n| n as u8)),
            LabelVoxels::U16(filled(geometry.size_zyx, seed, |n| n as u16 | 256)),
        ] {
            let table = LabelTable::from_names(voxels.counts().into_iter().map(|(value, _)| (value, value.to_string())));
            let labels = LabelMap { geometry: geometry.clone(), voxels, table };
            write_labels(&path, &labels, None).unwrap();
            let back = read_labels(&path, &ReadOptions::default()).unwrap();
            prop_assert_eq!(&back.voxels, &labels.voxels);
            prop_assert_eq!(&back.table, &labels.table);
            prop_assert!(back.geometry.same_place(&geometry, 1e-4));
        }
    }
}

#[test]
fn the_nifti_crate_reads_what_is_written() {
    let geometry = Geometry::axis_aligned([4, 3, 5], [2.5, 0.5, 0.75]);
    let scan = Scan::new(geometry.clone(), filled(geometry.size_zyx, 3, |n| n as f32 - 8e6));
    let folder = tempfile::tempdir().unwrap();
    for name in ["case.nii", "case.nii.gz"] {
        let path = folder.path().join(name);
        write_scan(&path, &scan, None).unwrap();
        let object = ReaderOptions::new().read_file(&path).unwrap();
        let header = object.header();
        assert_eq!((header.sform_code, header.qform_code, header.xyzt_units), (1, 1, 2));
        assert_eq!(header.pixdim[..4], [1.0, 0.75, 0.5, 2.5]);
        assert_eq!(header.srow_x, [-0.75, 0.0, 0.0, 0.0]);
        let voxels = object.into_volume().into_ndarray::<f32>().unwrap().into_dimensionality::<Ix3>().unwrap();
        assert_eq!(voxels.reversed_axes(), scan.voxels);
    }
}

#[test]
fn every_datatype_byte_order_and_version_reads_right() {
    // Values every type holds, except where signed or wide ones show that sign and width are right.
    let plain = [0.0, 1.0, 2.0, 3.0, 100.0, 127.0];
    type Row = (i16, i16, fn(f64) -> Vec<u8>, f64);
    let rows: [Row; 10] = [
        (2, 8, |v| vec![v as u8], 255.0),
        (256, 8, |v| (v as i8).to_le_bytes().into(), -128.0),
        (512, 16, |v| (v as u16).to_le_bytes().into(), 65535.0),
        (4, 16, |v| (v as i16).to_le_bytes().into(), -32768.0),
        (768, 32, |v| (v as u32).to_le_bytes().into(), 4_294_967_040.0),
        (8, 32, |v| (v as i32).to_le_bytes().into(), -2_147_483_648.0),
        (1280, 64, |v| (v as u64).to_le_bytes().into(), 18_446_742_974_197_923_840.0),
        (1024, 64, |v| (v as i64).to_le_bytes().into(), -9_223_372_036_854_775_808.0),
        (16, 32, |v| (v as f32).to_le_bytes().into(), -0.333_333_34),
        (64, 64, |v| v.to_le_bytes().into(), 1.5e-40),
    ];
    for (datatype, bitpix, encode, extreme) in rows {
        let values: Vec<f64> = plain.into_iter().chain([extreme, 7.0]).collect();
        for version in [1, 2] {
            for little_endian in [true, false] {
                let swap = |mut bytes: Vec<u8>| {
                    if !little_endian {
                        bytes.reverse();
                    }
                    bytes
                };
                let data = values.iter().flat_map(|v| swap(encode(*v))).collect();
                let spec = Spec { version, little_endian, dim: [3, 2, 2, 2, 1, 1, 1, 1], datatype, bitpix, data, ..Spec::numbered_i16() };
                let (_folder, path) = on_disk("case.nii", &spec.single());
                let loaded = read_scan(&path, &ReadOptions::default()).unwrap();
                let wanted: Vec<f32> = values.iter().map(|v| *v as f32).collect();
                assert_eq!(loaded.scan.voxels.as_slice().unwrap(), wanted, "datatype {datatype} version {version} little {little_endian}");
                assert_eq!(loaded.scan.geometry.spacing_zyx_mm, [3.0, 2.0, 1.0]);
                assert_eq!(loaded.scan.geometry.origin_lps_mm, DVec3::new(-10.0, -20.0, -30.0));
                assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
            }
        }
    }
}

#[test]
fn x_runs_fastest() {
    let (_folder, path) = on_disk("case.nii", &Spec::numbered_i16().single());
    let scan = read_scan(&path, &ReadOptions::default()).unwrap().scan;
    assert_eq!(scan.voxels.dim(), (4, 3, 2));
    assert_eq!((scan.voxels[[0, 0, 1]], scan.voxels[[0, 1, 0]], scan.voxels[[1, 0, 0]]), (-2.0, -1.0, 3.0));
}

#[test]
fn scaling_applies_where_the_slope_is_a_number_other_than_zero() {
    let first = |scl: (f64, f64)| {
        let (_folder, path) = on_disk("case.nii", &Spec { scl, ..Spec::numbered_i16() }.single());
        read_scan(&path, &ReadOptions::default()).map(|loaded| loaded.scan.voxels[[0, 0, 0]])
    };
    assert_eq!(first((2.0, -1000.0)).unwrap(), -1006.0);
    assert_eq!(first((1.0, 0.5)).unwrap(), -2.5);
    assert_eq!(first((0.0, 500.0)).unwrap(), -3.0);
    assert_eq!(first((f64::NAN, f64::NAN)).unwrap(), -3.0);
    assert!(first((1.0, f64::NAN)).is_err());
}

#[test]
fn one_volume_of_several_must_be_chosen() {
    let spec = Spec { dim: [4, 2, 3, 2, 2, 1, 1, 1], ..Spec::numbered_i16() };
    for (name, bytes) in [("case.nii", spec.single()), ("case.nii.gz", gzip(&spec.single()))] {
        let (_folder, path) = on_disk(name, &bytes);
        let refused = read_scan(&path, &ReadOptions::default()).unwrap_err().to_string();
        assert!(refused.contains("2 volumes"), "{refused}");
        for (volume, first) in [(0, -3.0), (1, 9.0)] {
            let loaded = read_scan(&path, &ReadOptions { volume: Some(volume), ..ReadOptions::default() }).unwrap();
            assert_eq!(loaded.scan.voxels[[0, 0, 0]], first);
            assert_eq!(loaded.warnings[0].code, WarningCode::MultiVolume);
        }
        assert!(read_scan(&path, &ReadOptions { volume: Some(2), ..ReadOptions::default() }).is_err());
    }
    let single = Spec { dim: [7, 2, 3, 4, 1, 1, 1, 1], ..Spec::numbered_i16() };
    let (_folder, path) = on_disk("case.nii", &single.single());
    assert!(read_scan(&path, &ReadOptions::default()).unwrap().warnings.is_empty());
}

#[test]
fn header_and_image_pairs_read_from_either_name() {
    let spec = Spec::numbered_i16();
    for (header_name, image_name, compress) in
        [("a.hdr", "a.img", false), ("a.HDR", "a.IMG", false), ("a.hdr", "a.img.gz", true), ("a.hdr.gz", "a.img.gz", true)]
    {
        let header = if header_name.ends_with("gz") { gzip(&spec.pair_header()) } else { spec.pair_header() };
        let (folder, header_path) = on_disk(header_name, &header);
        assert!(read_scan(&header_path, &ReadOptions::default()).unwrap_err().to_string().contains(".img"));
        let image_path = folder.path().join(image_name);
        std::fs::write(&image_path, if compress { gzip(&spec.data) } else { spec.data.clone() }).unwrap();
        for path in [&header_path, &image_path] {
            assert!(is_nifti(path).unwrap());
            assert_eq!(read_scan(path, &ReadOptions::default()).unwrap().scan.voxels[[3, 2, 1]], 20.0);
        }
    }
}

#[test]
fn content_decides_and_gzip_may_come_in_members_with_padding() {
    let bytes = Spec::numbered_i16().single();
    let mut members = gzip(&bytes[..200]);
    members.extend(gzip(&[]));
    members.extend(gzip(&bytes[200..]));
    members.extend([0; 512]);
    let (_folder, path) = on_disk("misnamed.nii", &members);
    assert_eq!(read_scan(&path, &ReadOptions::default()).unwrap().scan.voxels[[3, 2, 1]], 20.0);
}

#[test]
fn a_mask_takes_over_the_placement_only_where_it_is_its_own() {
    let mut spec = Spec { version: 2, ..Spec::numbered_i16() };
    spec.srow[0][3] = 10.000_000_123;
    let (folder, path) = on_disk("scan.nii", &spec.single());
    let loaded = read_scan(&path, &ReadOptions::default()).unwrap();
    let mask_path = folder.path().join("mask.nii");
    let mask = |geometry: Geometry| LabelMap { voxels: LabelVoxels::zeros(geometry.size_zyx, 1), table: LabelTable::default(), geometry };

    // Doubles that NIfTI-1 cannot hold are kept by writing NIfTI-2.
    write_labels(&mask_path, &mask(loaded.scan.geometry.clone()), Some(&loaded.placement)).unwrap();
    assert_eq!(read_scan(&mask_path, &ReadOptions::default()).unwrap().placement, loaded.placement);

    let mut moved = loaded.scan.geometry.clone();
    moved.origin_lps_mm.x += 1.0;
    write_labels(&mask_path, &mask(moved.clone()), Some(&loaded.placement)).unwrap();
    assert!(read_labels(&mask_path, &ReadOptions::default()).unwrap().geometry.same_place(&moved, 1e-4));
}

/// Names are an extension between header and voxels; without them not one byte is different from before there were names.
#[test]
fn names_travel_in_an_extension_and_change_nothing_else() {
    let label = |value: u16, name: &str, color| Label { value, name: name.to_owned(), color };
    let folder = tempfile::tempdir().unwrap();
    let (plain, named) = (folder.path().join("plain.nii"), folder.path().join("named.nii"));
    // NIfTI-1, and NIfTI-2 because of its size.
    for (size_zyx, start, offset_at) in [([2, 3, 4], 352, 108), ([1, 1, 40_000], 544, 168)] {
        let voxels = filled(size_zyx, 1, |n| (n % 4) as u8);
        let table = LabelTable::from_labels([label(2, "kidney_left <&>", [10, 0, 255]), label(7, "absent", [1, 2, 3])]);
        let mask = LabelMap { geometry: Geometry::axis_aligned(size_zyx, [1.0; 3]), voxels: LabelVoxels::U8(voxels), table };
        write_labels(&plain, &mask, None).unwrap();
        write_labels_named(&named, &mask, None).unwrap();
        let (without, with) = (std::fs::read(&plain).unwrap(), std::fs::read(&named).unwrap());
        let extension = with.len() - without.len();
        assert!(extension > 200 && extension.is_multiple_of(16));
        assert_eq!((with[start - 4], without[start - 4]), (1, 0));
        let mut stripped = [&with[..start], &with[start + extension..]].concat();
        stripped[offset_at..offset_at + 8].copy_from_slice(&without[offset_at..offset_at + 8]);
        stripped[start - 4] = 0;
        assert!(stripped == without);

        let back = read_labels(&named, &ReadOptions::default()).unwrap();
        assert_eq!(back.voxels, mask.voxels);
        let names: Vec<_> = back.table.iter().map(|label| (label.value, label.name.as_str(), label.color)).collect();
        assert_eq!((names[0].0, names[0].1), (1, "1"));
        assert_eq!(names[1], (2, "kidney_left <&>", [10, 0, 255]));
        assert_eq!((names[2].0, names[2].1, names[3]), (3, "3", (7, "absent", [1, 2, 3])));
        assert_eq!(read_labels(&plain, &ReadOptions::default()).unwrap().table.get(2).unwrap().name, "2");
    }
    // No labels, no less a file.
    let empty = LabelMap {
        geometry: Geometry::axis_aligned([1, 1, 1], [1.0; 3]),
        voxels: LabelVoxels::zeros([1, 1, 1], 1),
        table: LabelTable::default(),
    };
    write_labels_named(&named, &empty, None).unwrap();
    assert_eq!(read_labels(&named, &ReadOptions::default()).unwrap(), empty);
}

#[test]
fn sizes_beyond_nifti_1_are_written_as_nifti_2() {
    let geometry = Geometry::axis_aligned([1, 2, 40_000], [1.0; 3]);
    let scan = Scan::new(geometry.clone(), filled(geometry.size_zyx, 5, |n| n as f32));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wide.nii.gz");
    write_scan(&path, &scan, None).unwrap();
    let back = read_scan(&path, &ReadOptions::default()).unwrap().scan;
    assert_eq!(back.voxels, scan.voxels);
    assert!(back.geometry.same_place(&geometry, 1e-9));
}

#[test]
fn other_names_are_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let scan = Scan::new(Geometry::axis_aligned([1, 1, 1], [1.0; 3]), Array3::zeros([1, 1, 1]));
    let refused = write_scan(&folder.path().join("case.png"), &scan, None);
    assert!(matches!(refused, Err(FormatError::Invalid { .. })));
}
