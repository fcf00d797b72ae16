//! Damaged and lying files: a clear refusal or a bounded result, never a panic.

use std::path::Path;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::tests_support::{Spec, gzip, on_disk};
use super::*;
use crate::{FormatError, WarningCode};

fn refusal(bytes: &[u8]) -> String {
    let (_folder, path) = on_disk("case.nii", bytes);
    read_scan(&path, &ReadOptions::default()).unwrap_err().to_string()
}

/// The valid file with some header bytes (NIfTI-1, little-endian) replaced.
fn patched(offset: usize, value: &[u8]) -> Vec<u8> {
    let mut bytes = Spec::numbered_i16().single();
    bytes[offset..offset + value.len()].copy_from_slice(value);
    bytes
}

#[test]
fn cut_and_corrupt_files_say_so() {
    let whole = Spec::numbered_i16().single();
    assert!(refusal(&whole[..whole.len() - 1]).contains("cut off"));
    assert!(refusal(&whole[..100]).contains("ends within the NIfTI header"));
    assert!(refusal(&[]).contains("not a NIfTI header"));
    let packed = gzip(&whole);
    for end in [packed.len() / 2, packed.len() - 9, packed.len() - 1] {
        assert!(refusal(&packed[..end]).contains("cut off"), "{end}");
    }
    let mut wrong_checksum = packed.clone();
    let crc = packed.len() - 8;
    wrong_checksum[crc] ^= 1;
    assert!(refusal(&wrong_checksum).contains("compression is damaged"));
}

#[test]
fn impossible_headers_say_what_is_wrong() {
    let cases: [(usize, Vec<u8>, &str); 15] = [
        (0, 347_i32.to_le_bytes().into(), "not a NIfTI header"),
        (344, b"\0\0\0\0".into(), "Analyze"),
        (40, 0_i16.to_le_bytes().into(), "claims 0 dimensions"),
        (40, 8_i16.to_le_bytes().into(), "claims 8 dimensions"),
        (40, (-3_i16).to_le_bytes().into(), "claims -3 dimensions"),
        (42, 0_i16.to_le_bytes().into(), "dimension 1 is 0"),
        (44, (-7_i16).to_le_bytes().into(), "dimension 2 is -7"),
        (70, 128_i16.to_le_bytes().into(), "RGB"),
        (72, 32_i16.to_le_bytes().into(), "bitpix"),
        (108, f32::NAN.to_le_bytes().into(), "vox_offset"),
        (108, f32::INFINITY.to_le_bytes().into(), "vox_offset"),
        (108, 100_f32.to_le_bytes().into(), "vox_offset"),
        (108, (-352_f32).to_le_bytes().into(), "vox_offset"),
        (108, 1e9_f32.to_le_bytes().into(), "cut off"),
        (280, f32::NAN.to_le_bytes().into(), "spacing"),
    ];
    for (offset, value, wanted) in cases {
        let text = refusal(&patched(offset, &value));
        assert!(text.contains(wanted) && text.contains("case.nii"), "{offset}: {text}");
    }
    let endless = Spec { version: 2, dim: [7, i64::MAX, i64::MAX, i64::MAX, 9, 9, 9, 9], ..Spec::numbered_i16() };
    assert!(refusal(&endless.single()).contains("beyond any memory"));
}

#[test]
fn a_zero_offset_means_right_after_the_header() {
    let (_folder, path) = on_disk("case.nii", &patched(108, &0_f32.to_le_bytes()));
    assert_eq!(read_scan(&path, &ReadOptions::default()).unwrap().scan.voxels[[0, 0, 0]], -3.0);
}

#[test]
fn memory_is_bounded_before_voxels_are_read() {
    let huge = Spec { dim: [3, 30_000, 30_000, 30_000, 1, 1, 1, 1], ..Spec::numbered_i16() };
    let (_folder, path) = on_disk("huge.nii", &huge.single());
    assert!(matches!(read_scan(&path, &ReadOptions::default()), Err(FormatError::TooLarge { .. })));
    // Bytes as stored fit 64 bits, voxels as f32 do not.
    let wide = Spec { version: 2, dim: [1, i64::MAX, 1, 1, 1, 1, 1, 1], datatype: 2, bitpix: 8, ..Spec::numbered_i16() };
    let (_folder, path) = on_disk("wide.nii", &wide.single());
    assert!(matches!(read_scan(&path, &ReadOptions::default()), Err(FormatError::TooLarge { .. })));
    // Inside the budget, but more than this file could possibly inflate to.
    let liar = Spec { dim: [3, 1000, 1000, 1000, 1, 1, 1, 1], ..Spec::numbered_i16() };
    assert!(refusal(&liar.single()).contains("cut off"));
    assert!(refusal(&gzip(&liar.single())).contains("cut off"));
    // A budget one byte too small for 24 voxels of f32.
    let (_folder, path) = on_disk("case.nii", &Spec::numbered_i16().single());
    assert!(read_scan(&path, &ReadOptions { volume: None, budget_bytes: 95 }).is_err());
    assert!(read_scan(&path, &ReadOptions { volume: None, budget_bytes: 96 }).is_ok());
}

/// Whatever is packed behind the last voxel is not inflated: here it could not be.
#[test]
fn inflation_stops_at_the_last_voxel() {
    let mut bytes = Spec::numbered_i16().single();
    bytes.resize(8 << 20, 0);
    let packed = gzip(&bytes);
    let (_folder, path) = on_disk("bomb.nii.gz", &packed[..packed.len() / 2]);
    assert_eq!(read_scan(&path, &ReadOptions::default()).unwrap().scan.voxels.len(), 24);
}

#[test]
fn nan_voxels_become_zero_with_a_warning() {
    let values = [1.0, f64::NAN, f64::INFINITY, 1e300, -2.0, 0.5, 0.0, 3.0];
    let data = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let spec = Spec { dim: [3, 2, 2, 2, 1, 1, 1, 1], datatype: 64, bitpix: 64, data, ..Spec::numbered_i16() };
    let (_folder, path) = on_disk("case.nii", &spec.single());
    let loaded = read_scan(&path, &ReadOptions::default()).unwrap();
    assert_eq!(loaded.scan.voxels.as_slice().unwrap(), [1.0, 0.0, 0.0, 0.0, -2.0, 0.5, 0.0, 3.0]);
    assert_eq!(loaded.warnings[0].code, WarningCode::NanVoxels);
    assert!(loaded.warnings[0].text.starts_with("3 of 8 voxels"));
}

#[test]
fn an_image_without_a_single_number_is_refused() {
    let data = [f64::NAN, f64::INFINITY, f64::NAN, 1e300].iter().flat_map(|v| v.to_le_bytes()).collect();
    let spec = Spec { dim: [3, 2, 2, 1, 1, 1, 1, 1], datatype: 64, bitpix: 64, data, ..Spec::numbered_i16() };
    assert!(refusal(&spec.single()).contains("not one voxel is a finite number"));
}

#[test]
fn endings_count_in_any_letter_case() {
    for name in ["A.NII.GZ", "a.Nii", "B.HDR", "b.Img.gz"] {
        assert!(is_nifti_name(Path::new(name)), "{name}");
    }
    let (_folder, path) = on_disk("CASE.NII.GZ", &gzip(&Spec::numbered_i16().single()));
    assert_eq!(read_scan(&path, &ReadOptions::default()).unwrap().scan.voxels.len(), 24);
}

#[test]
fn masks_hold_whole_numbers_only() {
    for bad in [0.5_f32, -1.0, 65536.0, f32::NAN] {
        let data = [0.0, 2.0, 65535.0, bad].iter().flat_map(|v| v.to_le_bytes()).collect();
        let spec = Spec { dim: [2, 2, 2, 1, 1, 1, 1, 1], datatype: 16, bitpix: 32, data, ..Spec::numbered_i16() };
        let (_folder, path) = on_disk("mask.nii", &spec.single());
        let text = read_labels(&path, &ReadOptions::default()).unwrap_err().to_string();
        assert!(text.contains("not a label"), "{text}");
    }
}

/// Reads a mutated file and checks what must hold of any result; panics of the reader fail the test.
fn read_checked(path: &Path, options: &ReadOptions) -> Option<Loaded> {
    let loaded = read_scan(path, options).ok()?;
    assert!((loaded.scan.voxels.len() * 4) as u64 <= options.budget_bytes);
    assert!(loaded.scan.voxels.iter().all(|v| v.is_finite()));
    loaded.scan.geometry.check().unwrap();
    Some(loaded)
}

fn rewrites_the_same(loaded: &Loaded, path: &Path, options: &ReadOptions) -> bool {
    write_scan(path, &loaded.scan, Some(&loaded.placement)).unwrap();
    read_scan(path, options).unwrap().scan.voxels == loaded.scan.voxels
}

/// Changes a few bytes, mostly in the header; sometimes cuts or repeats a part.
fn mutate(bytes: &mut Vec<u8>, header_bytes: usize, rng: &mut ChaCha8Rng) {
    const ODD: [u8; 8] = [0, 1, 0x7f, 0x80, 0xff, 0xfe, 0x40, 0x1f];
    for _ in 0..rng.random_range(1..5_u32) {
        let end = if rng.random_bool(0.8) { header_bytes.min(bytes.len()) } else { bytes.len() };
        let at = rng.random_range(0..end);
        bytes[at] = if rng.random_bool(0.5) { ODD[rng.random_range(0..ODD.len())] } else { rng.random() };
    }
    match rng.random_range(0..20_u32) {
        0 => bytes.truncate(rng.random_range(1..bytes.len())),
        1 => bytes.extend_from_within(rng.random_range(0..bytes.len())..),
        _ => {}
    }
}

#[test]
fn five_thousand_mutations_are_refused_or_read_within_bounds() {
    let options = ReadOptions { volume: Some(0), budget_bytes: 1 << 20 };
    let folder = tempfile::tempdir().unwrap();
    let mut read = 0;
    for n in 0..5_000_u64 {
        let mut rng = ChaCha8Rng::seed_from_u64(n);
        let spec = Spec { version: 1 + (n % 2) as u8, little_endian: n % 3 != 0, ..Spec::numbered_i16() };
        let mut bytes = spec.single();
        let path = folder.path().join(if n % 4 < 2 { "case.nii" } else { "case.nii.gz" });
        match n % 4 {
            0 | 1 => mutate(&mut bytes, spec.header_bytes(), &mut rng),
            2 => {
                mutate(&mut bytes, spec.header_bytes(), &mut rng);
                bytes = gzip(&bytes);
            }
            _ => {
                bytes = gzip(&bytes);
                let all = bytes.len();
                mutate(&mut bytes, all, &mut rng);
            }
        }
        std::fs::write(&path, &bytes).unwrap();
        if let Some(loaded) = read_checked(&path, &options) {
            read += 1;
            // Each write waits for the disk, so only some are tried.
            assert!(read % 50 != 0 || rewrites_the_same(&loaded, &folder.path().join("copy.nii"), &options));
        }
        // Overwriting would wait for the disk (ext4 flushes a truncated file when it is closed).
        std::fs::remove_file(&path).unwrap();
    }
    // A test where everything is refused, or nothing, would test nothing.
    assert!((500..4_500).contains(&read), "{read} of 5000 were read");
}
