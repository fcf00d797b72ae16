//! Damaged and lying files: a clear refusal or a bounded result, never a panic, never a file from elsewhere.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::tests_roundtrip::{gzip, on_disk};
use super::*;
use crate::FormatError;
use crate::nifti::ReadOptions;

const HEADER: &str = "NRRD0004\ntype: short\ndimension: 3\nspace: left-posterior-superior\nsizes: 2 3 4\n\
                      space directions: (1,0,0) (0,2,0) (0,0,3)\nkinds: domain domain domain\nendian: little\nencoding: raw\n\
                      space origin: (10,20,30)\nSegment0_Name:=liver\nSegment0_LabelValue:=3\n\n";

fn data() -> Vec<u8> {
    (0..24_i16).flat_map(i16::to_le_bytes).collect()
}

fn refusal(header: &str, data: &[u8]) -> String {
    let (_folder, path) = on_disk("case.nrrd", header, data);
    read_scan(&path, &ReadOptions::default()).unwrap_err().to_string()
}

#[test]
fn impossible_headers_say_what_is_wrong() {
    let cases = [
        ("NRRD0004", "MRRD0004", "not a NRRD file"),
        ("NRRD0004", "NRRD0009", "not a version of NRRD"),
        ("type: short", "type: block", "type block"),
        ("type: short", "type: shorts", "not a voxel type"),
        ("type: short\n", "", "does not say its type"),
        ("dimension: 3", "dimension: 2", "has 2 dimensions"),
        ("dimension: 3", "dimension: 1e9", "not a number of dimensions"),
        ("sizes: 2 3 4", "sizes: 2 3", "3 dimensions, but 2 sizes"),
        ("sizes: 2 3 4", "sizes: 2 0 4", "positive whole numbers"),
        ("sizes: 2 3 4", "sizes: 2 -3 4", "positive whole numbers"),
        ("sizes: 2 3 4", "sizes: 9999999999 9999999999 9999999999", "beyond any memory"),
        ("endian: little\n", "", "byte order"),
        ("endian: little", "endian: middle", "byte order"),
        ("encoding: raw", "encoding: bzip2", "bzip2 encoding are not read"),
        ("encoding: raw", "encoding: zip", "not an encoding"),
        ("space: left", "space: right", "not a space"),
        ("(0,2,0)", "(0,2)", "not three numbers"),
        ("(0,2,0)", "0,2,0", "vectors look like"),
        ("(0,2,0)", "none", "has no direction"),
        ("(0,2,0)", "(0,0,0)", "spacing"),
        ("(0,2,0)", "(2,0,0)", "singular"),
        ("(0,2,0)", "(inf,0,0)", "spacing"),
        ("(10,20,30)", "(10,nan,30)", "origin"),
        ("(10,20,30)", "none", "origin"),
        ("kinds: domain domain domain", "kinds: domain domain", "not as many"),
        ("kinds: domain", "content", "neither field nor key"),
        ("encoding: raw", "encoding: raw\nbyte skip: -2", "cannot start"),
        ("encoding: raw", "encoding: raw\nbyte skip: x", "not a number"),
        ("encoding: raw", "encoding: raw\nbyte skip: 99999999999999999", "cut off"),
        ("encoding: raw", "encoding: raw\nline skip: 99", "more lines than the file has"),
        ("encoding: raw", "encoding: raw\nspace units: \"inch\" \"inch\" \"inch\"", "unit of length"),
    ];
    for (old, new, wanted) in cases {
        assert!(HEADER.contains(old));
        let text = refusal(&HEADER.replacen(old, new, 1), &data());
        assert!(text.contains(wanted) && text.contains("case.nrrd"), "{new}: {text}");
    }
    let colour = HEADER.replace("dimension: 3", "dimension: 4").replace("sizes: ", "sizes: 3 ").replace("kinds: ", "kinds: RGB-color ");
    let colour = colour.replace("directions: ", "directions: none ");
    assert!(refusal(&colour, &data()).contains("rgb-color"), "{}", refusal(&colour, &data()));
    assert!(refusal("", &[]).contains("not a NRRD file"));
}

#[test]
fn cut_and_corrupt_files_say_so() {
    assert!(refusal(HEADER, &data()[..47]).contains("cut off"));
    let header = HEADER.replace("raw", "gzip");
    let packed = gzip(&data());
    for end in [0, packed.len() / 2, packed.len() - 9, packed.len() - 1] {
        assert!(refusal(&header, &packed[..end]).contains("cut off"), "{end}");
    }
    let mut wrong_checksum = packed.clone();
    let crc = packed.len() - 8;
    wrong_checksum[crc] ^= 1;
    assert!(refusal(&header, &wrong_checksum).contains("compression is damaged"));
    assert!(refusal(&header, &data()).contains("compression is damaged"));
}

#[test]
fn only_files_of_the_same_folder_are_followed() {
    let names = ["/etc/hostname", "../secret.raw", "sub/x.raw", "..", ".", "C:\\x.raw", "\\\\host\\x", "a\0b"];
    for name in names {
        let text = refusal(&HEADER.replace("encoding: raw", &format!("encoding: raw\ndata file: {name}")), &data());
        assert!(text.contains("another folder"), "{name}: {text}");
    }
    for name in ["LIST", "x%03d.raw 1 10 1"] {
        let text = refusal(&HEADER.replace("encoding: raw", &format!("encoding: raw\ndata file: {name}")), &data());
        assert!(text.contains("several data files"), "{name}: {text}");
    }
    let (folder, path) = on_disk("scan.nhdr", &HEADER.replace("encoding: raw", "encoding: raw\ndata file: sub"), &[]);
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    assert!(read_scan(&path, &ReadOptions::default()).unwrap_err().to_string().contains("not beside it"));
}

#[test]
fn memory_is_bounded_before_voxels_are_read() {
    let huge = HEADER.replace("2 3 4", "30000 30000 30000");
    let (_folder, path) = on_disk("huge.nrrd", &huge, &data());
    assert!(matches!(read_scan(&path, &ReadOptions::default()), Err(FormatError::TooLarge { .. })));
    let liar = HEADER.replace("2 3 4", "1000 1000 1000");
    assert!(refusal(&liar, &data()).contains("cut off"));
    assert!(refusal(&liar.replace("raw", "gzip"), &gzip(&data())).contains("cut off"));
    let (_folder, path) = on_disk("case.nrrd", HEADER, &data());
    assert!(read_scan(&path, &ReadOptions { volume: None, budget_bytes: 95 }).is_err());
    assert!(read_scan(&path, &ReadOptions { volume: None, budget_bytes: 96 }).is_ok());
    // A first line that never ends is given up, not gathered.
    let endless = format!("NRRD0004\ncontent: {}", "x".repeat(33 << 20));
    assert!(refusal(&endless, &[]).contains("does not end within 32 MiB"));
}

#[test]
fn masks_hold_whole_numbers_only() {
    let mut bytes = data();
    bytes[2..4].copy_from_slice(&(-1_i16).to_le_bytes());
    let (_folder, path) = on_disk("mask.nrrd", HEADER, &bytes);
    let text = read_labels(&path, &ReadOptions::default()).unwrap_err().to_string();
    assert!(text.contains("not a label"), "{text}");
    assert!(read_scan(&path, &ReadOptions::default()).is_ok());
}

#[test]
fn three_thousand_mutations_are_refused_or_read_within_bounds() {
    let options = ReadOptions { volume: Some(0), budget_bytes: 1 << 20 };
    let folder = tempfile::tempdir().unwrap();
    let mut read = 0;
    for n in 0..3_000_u64 {
        let mut rng = ChaCha8Rng::seed_from_u64(n);
        let mut bytes = if n % 2 == 0 {
            [HEADER.as_bytes(), &data()].concat()
        } else {
            [HEADER.replace("raw", "gzip").as_bytes(), &gzip(&data())].concat()
        };
        for _ in 0..rng.random_range(1..4_u32) {
            let at = rng.random_range(0..bytes.len());
            bytes[at] = if rng.random_bool(0.7) { b"0123456789-(),:= \n%"[rng.random_range(0..19)] } else { rng.random() };
        }
        match rng.random_range(0..20_u32) {
            0 => bytes.truncate(rng.random_range(1..bytes.len())),
            1 => bytes.extend_from_within(rng.random_range(0..bytes.len())..),
            _ => {}
        }
        let path = folder.path().join("case.nrrd");
        std::fs::write(&path, &bytes).unwrap();
        if let Ok(loaded) = read_scan(&path, &options) {
            read += 1;
            assert!(loaded.scan.voxels.len() * 4 <= 1 << 20);
            loaded.scan.geometry.check().unwrap();
        }
        let _ = read_labels(&path, &options);
        std::fs::remove_file(&path).unwrap();
    }
    // A test where everything is refused, or nothing, would test nothing.
    assert!((300..2_700).contains(&read), "{read} of 3000 were read");
}
