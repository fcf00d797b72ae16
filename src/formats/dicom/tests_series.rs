//! Writer and reader together, the choice among series, and every doubt and refusal on small synthetic series.

use std::fs;

use dicom_core::VR;
use dicom_dictionary_std::tags;
use glam::{DMat3, DVec3};
use proptest::prelude::*;
use volume::Geometry;

use super::tests_support::*;
use super::{SeriesTags, read, scan, write_series};
use crate::WarningCode::*;
use crate::{FormatError, WarningCode};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Any orientation, any order of files: the same voxels at the same places.
    #[test]
    fn round_trip(
        angles in prop::array::uniform3(-3.1_f64..3.1),
        origin in prop::array::uniform3(-900.0_f64..900.0),
        spacing in prop::array::uniform3(0.2_f64..6.0),
        size in (2_usize..7, 1_usize..9, 1_usize..9),
        turn in 1_usize..7,
    ) {
        let direction = DMat3::from_euler(glam::EulerRot::XYZ, angles[0], angles[1], angles[2]);
        let folder = Folder::of(Geometry {
            size_zyx: [size.0, size.1, size.2],
            spacing_zyx_mm: spacing,
            origin_lps_mm: DVec3::from_array(origin),
            direction,
        });
        for (z, file) in folder.files.iter().enumerate() {
            let name = format!("{:08x}", (z + 1).wrapping_mul(turn * 2_654_435_761) as u32);
            fs::rename(file, folder.path().join(name)).unwrap();
        }
        fs::write(folder.path().join("notes.txt"), "not a scan").unwrap();
        fs::write(folder.path().join("empty"), "").unwrap();
        let study = folder.read().unwrap();
        prop_assert_eq!(study.warnings.len(), 0, "{:?}", study.warnings);
        assert_holds(&study, &folder, 0..size.0);
    }
}

#[test]
fn the_writer_refuses_what_it_cannot_store() {
    let dir = tempfile::tempdir().unwrap();
    let tags = SeriesTags::synthetic("test", "CT");
    let write = |name: &str, geometry: &Geometry, low: i16| {
        let mut voxels = voxels(geometry.size_zyx);
        voxels[[0, 0, 0]] = low;
        write_series(&dir.path().join(name), voxels.view(), geometry, &tags)
    };
    let mut mirrored = geometry([2, 3, 4]);
    mirrored.direction.z_axis = -mirrored.direction.z_axis;
    assert!(write("mirrored", &mirrored, 0).unwrap_err().to_string().contains("right-handed"));
    assert!(write("low", &geometry([2, 3, 4]), -1025).unwrap_err().to_string().contains("-1024"));
    write("good", &geometry([2, 3, 4]), -1024).unwrap();
    assert!(write("good", &geometry([2, 3, 4]), -1024).is_err(), "a folder with content was replaced");
    let mut names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["good"], "leftovers");
}

#[test]
fn several_series_need_a_choice() {
    let folder = Folder::new(5);
    let mut other = SeriesTags::synthetic("other", "CT");
    other.series_number = 7;
    write_series(&folder.path().join("other"), voxels([4, 3, 3]).view(), &geometry([4, 3, 3]), &other).unwrap();
    let Err(FormatError::SeveralSeries { series, .. }) = folder.read() else { panic!("not refused") };
    assert_eq!(series.len(), 2);
    assert_eq!(read(folder.path(), Some("7"), BUDGET).unwrap().scan.geometry.size_zyx, [4, 3, 3]);
    assert_eq!(read(folder.path(), Some(&other.series_uid), BUDGET).unwrap().series.uid, other.series_uid);
    let tail = &other.series_uid[other.series_uid.len() - 8..];
    assert_eq!(read(folder.path(), Some(tail), BUDGET).unwrap().series.uid, other.series_uid);
    for printed in [format!("...{tail}"), format!("uid …{tail}"), "series 7".to_owned()] {
        assert_eq!(read(folder.path(), Some(&printed), BUDGET).unwrap().series.uid, other.series_uid, "{printed}");
    }
    let unknown = read(folder.path(), Some("99"), BUDGET).unwrap_err().to_string();
    assert!(unknown.contains("no series has the number or UID 99; there are: series ") && unknown.contains(tail), "{unknown}");
    let scanned = scan(folder.path()).unwrap();
    assert_eq!((scanned.series.len(), scanned.image_files, scanned.ignored_files), (2, 9, 0));
    assert_eq!(scanned.series[0].spacing_zyx_mm, Some([2.5, 0.75, 0.5]));
}

#[test]
fn scouts_and_single_images_are_no_volumes() {
    let folder = Folder::new(5);
    for (name, number, kind) in [("scout", 2, "ORIGINAL\\PRIMARY\\LOCALIZER"), ("single", 3, "ORIGINAL\\PRIMARY\\AXIAL")] {
        folder.add_copy(0, name, |object| {
            put_text(object, tags::SERIES_INSTANCE_UID, VR::UI, &format!("1.2.{number}"));
            put_text(object, tags::IMAGE_TYPE, VR::CS, kind);
        });
    }
    assert_holds(&folder.read().unwrap(), &folder, 0..5);
    let alone = read(folder.path(), Some("1.2.3"), BUDGET).unwrap();
    assert_eq!(codes(&alone), [NonuniformSpacing]);
    assert_eq!(alone.scan.geometry.spacing_zyx_mm, [2.5, 0.75, 0.5]);
}

#[test]
fn one_series_uid_of_two_patients_is_two_series() {
    let folder = Folder::new(4);
    for z in 0..4 {
        folder.add_copy(z, &format!("copy{z}"), |object| put_text(object, tags::PATIENT_ID, VR::LO, "someone else"));
    }
    let refusal = folder.refusal();
    assert!(refusal.contains("2 parts share one series UID") && refusal.contains("split the folder"), "{refusal}");
}

#[test]
fn a_slice_of_the_series_that_names_another_owner_is_not_lost_in_silence() {
    let cases = [
        (tags::PATIENT_ID, VR::LO, "someone else", "patient"),
        (tags::STUDY_INSTANCE_UID, VR::UI, "1.2.3", "study"),
        (tags::MODALITY, VR::CS, "", "modality"),
    ];
    for (tag, vr, value, what) in cases {
        let folder = Folder::new(12);
        folder.change(11, |object| put_text(object, tag, vr, value));
        let uid = folder.read().unwrap().series.uid;
        for wanted in [None, Some(uid.as_str())] {
            let study = read(folder.path(), wanted, BUDGET).unwrap();
            assert_eq!(codes(&study), [OddSliceOut]);
            assert_eq!(study.warnings[0].text, format!("left out: 1 slice of the same series UID but another {what}"));
            assert_holds(&study, &folder, 0..11);
        }
    }
}

#[test]
fn a_single_image_that_continues_the_stack_is_named_and_others_are_not() {
    let with_single = |z: f64, change: &dyn Fn(&mut dicom_object::DefaultDicomObject)| {
        let folder = Folder::new(12);
        folder.add_copy(0, "single", |object| {
            put_text(object, tags::SERIES_INSTANCE_UID, VR::UI, "1.2.3");
            put_position(object, geometry([12, 6, 5]).pos_lps_mm([z, 0.0, 0.0]));
            change(object);
        });
        let study = folder.read().unwrap();
        assert_holds(&study, &folder, 0..12);
        codes(&study)
    };
    assert_eq!(with_single(12.0, &|_| {}), [OddSliceOut]);
    assert_eq!(with_single(5.2, &|_| {}), [], "the stack covers this place");
    assert_eq!(with_single(12.0, &|object| put_text(object, tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY\\LOCALIZER")), []);
    assert_eq!(with_single(12.0, &|object| put_text(object, tags::FRAME_OF_REFERENCE_UID, VR::UI, "1.2.4")), []);
}

#[test]
fn a_gap_near_the_end_crops_and_says_so() {
    let folder = Folder::new(12);
    folder.remove(9);
    let study = folder.read().unwrap();
    assert_eq!(codes(&study), [MissingSlice, Cropped]);
    assert_holds(&study, &folder, 0..9);
}

#[test]
fn a_gap_in_the_middle_is_refused_with_its_place() {
    let folder = Folder::new(12);
    folder.remove(6);
    let refusal = folder.refusal();
    assert!(refusal.contains("slices are missing between positions -388.50 and -383.50 mm"), "{refusal}");
}

#[test]
fn uneven_distances_are_tolerated_warned_or_refused() {
    let shifted = |part: f64| {
        let folder = Folder::new(8);
        let pos = folder.geometry.pos_lps_mm([3.0 + part, 0.0, 0.0]);
        folder.change(3, |object| put_position(object, pos));
        folder
    };
    let fine = shifted(0.005).read().unwrap();
    assert_eq!(codes(&fine), []);
    assert_eq!(codes(&shifted(0.05).read().unwrap()), [NonuniformSpacing]);
    assert!(shifted(0.3).refusal().contains("slice distances differ"));
}

#[test]
fn a_slow_drift_of_distances_is_not_hidden_by_small_steps() {
    let folder = Folder::new(60);
    folder.change_all(|z, object| {
        let stretched = z as f64 + if z > 30 { 0.008 * (z - 30) as f64 } else { 0.0 };
        put_position(object, geometry([60, 6, 5]).pos_lps_mm([stretched, 0.0, 0.0]));
    });
    assert!(folder.refusal().contains("slice distances differ"));
}

#[test]
fn slice_thickness_is_not_a_distance() {
    let folder = Folder::new(4);
    folder.change_all(|_, object| {
        put_text(object, tags::SLICE_THICKNESS, VR::DS, "9");
        put_text(object, tags::SPACING_BETWEEN_SLICES, VR::DS, "-3");
    });
    assert_holds(&folder.read().unwrap(), &folder, 0..4);
}

#[test]
fn tilt_is_refused_and_a_little_drift_named() {
    let tilted = |degrees: f64| {
        let folder = Folder::new(10);
        let step = DVec3::Y * 2.5 * degrees.to_radians().tan();
        folder.change_all(|z, object| put_position(object, geometry([10, 6, 5]).pos_lps_mm([z as f64, 0.0, 0.0]) + step * z as f64));
        folder
    };
    let refusal = tilted(15.0).refusal();
    assert!(refusal.contains("gantry tilt of 15.0 degrees"), "{refusal}");
    let slight = tilted(0.5).read().unwrap();
    assert_eq!(codes(&slight), [GantryTilt]);
    assert!((slight.scan.geometry.spacing_zyx_mm[0] - 2.5).abs() < 1e-9);
}

#[test]
fn copies_are_dropped() {
    let folder = Folder::new(5);
    folder.add_copy(2, "again", |_| {});
    folder.add_copy(2, "and again", |object| put_text(object, tags::SOP_INSTANCE_UID, VR::UI, "1.2.3"));
    let study = folder.read().unwrap();
    assert_eq!(codes(&study), [Duplicate]);
    assert_holds(&study, &folder, 0..5);
}

/// Adds a second volume with other content at the same places; `mark` tells it apart.
fn second_volume(folder: &Folder, mark: impl Fn(usize, &mut dicom_object::DefaultDicomObject)) {
    for z in 0..folder.files.len() {
        folder.add_copy(z, &format!("b{z}"), |object| {
            put_pixels(object, vec![500 + z as u16; 30]);
            mark(z, object);
        });
    }
}

#[test]
fn echoes_and_time_points_are_separated_never_interleaved() {
    for (tag, value) in [(tags::ECHO_NUMBERS, "2"), (tags::TEMPORAL_POSITION_IDENTIFIER, "2"), (tags::ACQUISITION_NUMBER, "2")] {
        let folder = Folder::new(5);
        folder.change_all(|_, object| put_text(object, tag, VR::IS, "1"));
        second_volume(&folder, |_, object| put_text(object, tag, VR::IS, value));
        let study = folder.read().unwrap();
        assert_eq!(codes(&study), [MultiVolume]);
        assert!(study.warnings[0].text.contains(" 1 of 1, 2 is used"), "{}", study.warnings[0].text);
        assert_holds(&study, &folder, 0..5);
    }
    let folder = Folder::new(5);
    folder.change_all(|_, object| put_text(object, tags::ECHO_TIME, VR::DS, "10"));
    second_volume(&folder, |_, object| put_text(object, tags::ECHO_TIME, VR::DS, "20"));
    let echoes = folder.read().unwrap();
    assert_eq!(echoes.warnings[0].text, "the series holds 2 volumes; the one with EchoTime 10 ms of 10, 20 ms is used");
}

/// Slices 0 to 8 of acquisition 1 and 8 to 11 of acquisition 2, which repeats one position.
fn overlapping(change: impl Fn(&mut dicom_object::DefaultDicomObject)) -> Folder {
    let folder = Folder::new(12);
    folder.change_all(|z, object| put_text(object, tags::ACQUISITION_NUMBER, VR::IS, if z <= 8 { "1" } else { "2" }));
    folder.add_copy(8, "again", |object| {
        put_text(object, tags::ACQUISITION_NUMBER, VR::IS, "2");
        change(object);
    });
    folder
}

#[test]
fn overlapping_acquisitions_are_joined_or_refused_never_cut() {
    let joined = overlapping(|_| {});
    let study = joined.read().unwrap();
    assert_eq!(codes(&study), [Duplicate]);
    assert_holds(&study, &joined, 0..12);
    let refusal = overlapping(|object| put_pixels(object, vec![9; 30])).refusal();
    let wanted = "1 position holds several different slices, and the parts that AcquisitionNumber tells apart (9 + 4 slices) overlap";
    assert!(refusal.contains(wanted) && refusal.contains("split the folder by AcquisitionNumber"), "{refusal}");
}

#[test]
fn a_volume_that_lacks_an_edge_says_so() {
    let folder = Folder::new(20);
    folder.change_all(|_, object| put_text(object, tags::ACQUISITION_NUMBER, VR::IS, "1"));
    second_volume(&folder, |_, object| put_text(object, tags::ACQUISITION_NUMBER, VR::IS, "2"));
    folder.remove(19);
    fs::remove_file(folder.path().join("series/b0")).unwrap();
    let study = folder.read().unwrap();
    assert_eq!(codes(&study), [MultiVolume, Cropped]);
    assert_holds(&study, &folder, 0..19);
}

#[test]
fn a_cut_off_second_time_point_does_not_disturb_the_first() {
    let folder = Folder::new(6);
    second_volume(&folder, |_, object| put_text(object, tags::ACQUISITION_NUMBER, VR::IS, "2"));
    fs::remove_file(folder.path().join("series/b5")).unwrap();
    let study = folder.read().unwrap();
    assert_eq!(codes(&study), [MultiVolume]);
    assert!(study.warnings[0].text.ends_with("of 1, 2, the fullest, is used"), "{}", study.warnings[0].text);
    assert_holds(&study, &folder, 0..6);
}

#[test]
fn without_marks_instance_numbers_decide_and_without_them_it_is_refused() {
    let folder = Folder::new(5);
    second_volume(&folder, |z, object| put_text(object, tags::INSTANCE_NUMBER, VR::IS, &(z + 6).to_string()));
    let study = folder.read().unwrap();
    assert_eq!(codes(&study), [MultiVolume]);
    assert_holds(&study, &folder, 0..5);

    let folder = Folder::new(5);
    second_volume(&folder, |_, _| {});
    assert!(
        folder.refusal().contains("5 positions hold several different slices and nothing in the headers tells them apart; keep one slice")
    );
}

#[test]
fn odd_slices_are_left_out_and_mixed_stacks_refused() {
    let turned = |count: usize| {
        let folder = Folder::new(12);
        for z in 0..count {
            folder.add_copy(z, &format!("odd{z}"), |object| {
                put_text(object, tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "0\\1\\0\\0\\0\\-1");
            });
        }
        folder
    };
    let study = turned(1).read().unwrap();
    assert_eq!(codes(&study), [OddSliceOut]);
    let twelve = Folder::new(12);
    assert_holds(&study, &twelve, 0..12);
    assert!(turned(6).refusal().contains("mixes 2 kinds of slices (size, spacing, orientation"));
}

#[test]
fn missing_or_senseless_geometry_is_refused_by_name() {
    let cases: [(dicom_core::Tag, Option<&str>, &str); 9] = [
        (tags::IMAGE_POSITION_PATIENT, None, "ImagePositionPatient is missing"),
        (tags::IMAGE_ORIENTATION_PATIENT, None, "ImageOrientationPatient is missing"),
        (tags::PIXEL_SPACING, None, "PixelSpacing is missing"),
        (tags::PIXEL_SPACING, Some("0\\0"), "PixelSpacing is not positive"),
        (tags::PIXEL_SPACING, Some("-1\\1"), "PixelSpacing is not positive"),
        (tags::PIXEL_SPACING, Some("NaN\\1"), "PixelSpacing is not finite"),
        (tags::PIXEL_SPACING, Some("1"), "PixelSpacing has 1 values instead of 2"),
        (tags::IMAGE_ORIENTATION_PATIENT, Some("1\\0\\0\\1\\0\\0"), "two unit vectors at right angles"),
        (tags::IMAGE_POSITION_PATIENT, Some("a\\b\\c"), "ImagePositionPatient is not a number"),
    ];
    for (tag, text, sentence) in cases {
        let folder = Folder::new(4);
        folder.change_all(|_, object| {
            object.remove_element(tag);
            if let Some(text) = text {
                put_text(object, tag, VR::DS, text);
            }
            put_text(object, tags::IMAGER_PIXEL_SPACING, VR::DS, "1\\1");
        });
        let refusal = folder.refusal();
        assert!(refusal.contains(sentence), "{refusal}");
    }
}

#[test]
fn damaged_and_foreign_files_are_named_or_passed_over() {
    let folder = Folder::new(8);
    let bytes = fs::read(&folder.files[7]).unwrap();
    fs::write(&folder.files[7], &bytes[..bytes.len() - 20]).unwrap();
    fs::write(folder.path().join("DICOMDIR"), &bytes).unwrap();
    fs::write(folder.path().join("promise.dcm"), "no").unwrap();
    folder.add_copy(0, "segmentation", |object| put_text(object, tags::SOP_CLASS_UID, VR::UI, "1.2.840.10008.5.1.4.1.1.66.4"));
    folder.add_copy(0, "report", |object| {
        for tag in [tags::PIXEL_DATA, tags::ROWS, tags::COLUMNS] {
            object.remove_element(tag);
        }
    });
    let study = folder.read().unwrap();
    assert_eq!(codes(&study), [BadSlice, BadSlice]);
    let texts: Vec<&str> = study.warnings.iter().map(|warning| warning.text.as_str()).collect();
    assert!(texts.iter().any(|text| text.starts_with("IM0008.dcm: the file is cut off")), "{texts:?}");
    assert!(texts.iter().any(|text| text.starts_with("promise.dcm: this is not a DICOM file")), "{texts:?}");
    assert_holds(&study, &folder, 0..7);
    assert_eq!(scan(folder.path()).unwrap().ignored_files, 2);
    let alone = read(&folder.path().join("series/segmentation"), None, BUDGET).unwrap_err().to_string();
    assert!(alone.contains("this DICOM object is a segmentation, not a scan"), "{alone}");
}

#[test]
fn a_slice_without_pixels_is_a_bad_slice() {
    let folder = Folder::new(8);
    folder.change(7, |object| {
        object.remove_element(tags::PIXEL_DATA);
    });
    let study = folder.read().unwrap();
    assert_eq!(codes(&study), [BadSlice]);
    assert_eq!(study.warnings[0].text, "IM0008.dcm: the image has no pixel data");
    assert_eq!(study.warnings[0].stored(), "one file: the image has no pixel data");
    assert_holds(&study, &folder, 0..7);
    assert_eq!(scan(folder.path()).unwrap().ignored_files, 0);
}

#[test]
fn a_rescale_is_never_guessed_beside_stated_ones() {
    for (z, left) in [(7, 0..7), (0, 1..8)] {
        let folder = Folder::new(8);
        folder.change(z, |object| {
            object.remove_element(tags::RESCALE_INTERCEPT);
        });
        let study = folder.read().unwrap();
        assert_eq!(codes(&study), [BadSlice]);
        assert!(study.warnings[0].text.contains("the rescale that other slices of the series state is missing"));
        assert_holds(&study, &folder, left);
    }
    let folder = Folder::new(8);
    for z in 0..4 {
        folder.change(z, |object| {
            object.remove_element(tags::RESCALE_SLOPE);
            object.remove_element(tags::RESCALE_INTERCEPT);
        });
    }
    assert!(folder.refusal().contains("4 of 8 slices cannot be used"));
}

#[test]
fn values_keep_their_meaning() {
    let only = |study: &super::DicomStudy, code: WarningCode| assert_eq!(codes(study), [code]);
    let folder = Folder::new(3);
    folder.change_all(|_, object| {
        object.remove_element(tags::RESCALE_SLOPE);
        object.remove_element(tags::RESCALE_INTERCEPT);
    });
    let study = folder.read().unwrap();
    only(&study, NoRescale);
    assert_eq!(study.scan.voxels, folder.voxels.mapv(|value| f32::from(value) + 1024.0));

    let folder = Folder::new(3);
    folder.change_all(|z, object| {
        put_text(object, tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME1");
        put_text(object, tags::RESCALE_SLOPE, VR::DS, &format!("{}", z + 1));
        put_text(object, tags::LOSSY_IMAGE_COMPRESSION, VR::CS, "01");
    });
    let study = folder.read().unwrap();
    only(&study, LossySource);
    for ((z, y, x), value) in study.scan.voxels.indexed_iter() {
        let stored = f32::from(folder.voxels[[z, y, x]]) + 1024.0;
        assert_eq!(*value, stored * (z + 1) as f32 - 1024.0);
    }
}

#[test]
fn kinds_that_are_not_grey_integers_are_refused_by_name() {
    let cases: [(dicom_core::Tag, VR, &str, &str); 3] = [
        (tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "RGB", "images in RGB"),
        (tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "PALETTE COLOR", "images in PALETTE COLOR"),
        (tags::RESCALE_SLOPE, VR::DS, "0", "RescaleSlope is zero"),
    ];
    for (tag, vr, text, sentence) in cases {
        let folder = Folder::new(3);
        folder.change_all(|_, object| put_text(object, tag, vr, text));
        let refusal = folder.refusal();
        assert!(refusal.contains(sentence), "{refusal}");
    }
}

#[test]
fn the_budget_holds() {
    let folder = Folder::new(40);
    assert!(matches!(read(folder.path(), None, 4000), Err(FormatError::TooLarge { .. })));
    assert!(matches!(read(&folder.path().join("nothing"), None, BUDGET), Err(FormatError::NotFound(_))));
}
