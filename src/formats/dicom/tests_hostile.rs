//! Files that lie: bombs of every kind, and thousands of seeded mutations. Nothing may panic, hang or grow.

use std::time::Instant;

use dicom_core::Tag;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::dataset::DataSet;
use super::fault::Fault;
use super::header::read_header;
use super::pixels::{check_format, decode_frame};
use super::prescan::{Extent, walk};
use super::tests_encodings::to_rle;
use super::tests_support::*;

const CAP: u64 = 16 << 20;

fn walked(bytes: &[u8]) -> Result<DataSet, Fault> {
    walk(bytes, bytes.len() as u64, CAP, Extent::Pixels)
}

/// Reads a file as the loader does; whether all of its frames decode.
fn decodes(bytes: &[u8]) -> bool {
    let Ok(set) = walked(bytes) else { return false };
    let Ok(header) = read_header(&set, "mutant".into()) else { return false };
    let pixels = header.format.size_yx[0] * header.format.size_yx[1];
    if check_format(&header).is_err() || pixels * header.frames.len() > CAP as usize / 4 {
        return false;
    }
    let mut values = vec![0.0; pixels];
    header.frames.iter().all(|frame| decode_frame(&set, &header, frame, &mut values).is_ok())
}

/// A valid start: preamble, magic word, meta group with a transfer syntax.
fn start(transfer_syntax: &str) -> Vec<u8> {
    let mut bytes = vec![0; 128];
    bytes.extend_from_slice(b"DICM");
    bytes.extend_from_slice(&[2, 0, 0x10, 0, b'U', b'I', transfer_syntax.len() as u8, 0]);
    bytes.extend_from_slice(transfer_syntax.as_bytes());
    bytes
}

const EXPLICIT: &str = "1.2.840.10008.1.2.1\0";
const IMPLICIT: &str = "1.2.840.10008.1.2\0";

fn reason(bytes: &[u8]) -> String {
    walked(bytes).expect_err("should be refused").reason()
}

#[test]
fn a_declared_length_beyond_the_file_is_refused_at_once() {
    let mut bytes = start(EXPLICIT);
    bytes.extend_from_slice(&[9, 0, 0x10, 0, b'O', b'B', 0, 0, 0xF0, 0xFF, 0xFF, 0xFF]);
    bytes.resize(18_000, 0);
    let reason = reason(&bytes);
    assert!(reason.contains("(0009,0010) declares 4294967280 bytes but"), "{reason}");
}

#[test]
fn nesting_is_bounded() {
    let entry = |defined: bool| {
        let mut bytes = vec![8, 0, 0x40, 0x11, b'S', b'Q', 0, 0];
        bytes.extend_from_slice(if defined { &[0, 0, 0, 0x10] } else { &[0xFF; 4] });
        bytes.extend_from_slice(&[0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF]);
        bytes
    };
    let mut bytes = start(EXPLICIT);
    bytes.extend(entry(false).repeat(100_000));
    assert!(reason(&bytes).contains("nested more than 64 deep"));
    let mut bytes = start(EXPLICIT);
    bytes.extend(entry(false).repeat(60));
    assert!(reason(&bytes).contains("ends inside an element"));
}

#[test]
fn the_number_of_elements_is_bounded() {
    let mut bytes = start(IMPLICIT);
    bytes.extend([8, 0, 0x60, 0, 0, 0, 0, 0].repeat(1_000_001));
    assert!(reason(&bytes).contains("more than 1000000 elements"));
}

#[test]
fn items_may_not_reach_beyond_their_sequence() {
    let mut bytes = start(EXPLICIT);
    // A sequence of 8 bytes whose item claims 100, with enough bytes behind it.
    bytes.extend_from_slice(&[8, 0, 0x40, 0x11, b'S', b'Q', 0, 0, 8, 0, 0, 0, 0xFE, 0xFF, 0x00, 0xE0, 100, 0, 0, 0]);
    bytes.resize(bytes.len() + 200, 0);
    assert!(reason(&bytes).contains("declares 100 bytes but 0 are left"));
    let mut bytes = start(EXPLICIT);
    // An item too short for the element header in it.
    bytes.extend_from_slice(&[8, 0, 0x40, 0x11, b'S', b'Q', 0, 0, 12, 0, 0, 0, 0xFE, 0xFF, 0x00, 0xE0, 4, 0, 0, 0]);
    bytes.extend_from_slice(&[8, 0, 0x50, 0x11, b'U', b'I', 0, 0]);
    bytes.resize(bytes.len() + 200, 0);
    assert!(!reason(&bytes).is_empty());
}

#[test]
fn unknown_sequences_are_walked_as_implicit() {
    let mut bytes = start(EXPLICIT);
    bytes.extend_from_slice(&[9, 0, 0x10, 0x10, b'U', b'N', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]);
    bytes.extend_from_slice(&[0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF]);
    bytes.extend_from_slice(&[9, 0, 0x11, 0x10, 4, 0, 0, 0, 1, 2, 3, 4]);
    bytes.extend_from_slice(&[0xFE, 0xFF, 0x0D, 0xE0, 0, 0, 0, 0, 0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]);
    bytes.extend_from_slice(&[0x28, 0, 0x10, 0, b'U', b'S', 2, 0, 7, 0]);
    let set = walked(&bytes).unwrap();
    assert_eq!(set.root().count(Tag(0x28, 0x10), "Rows").unwrap(), Some(7));
    assert!(!set.root().has(Tag(0x0009, 0x1011)));
}

#[test]
fn mutations_never_panic_or_hang() {
    let folder = Folder::of(geometry([2, 32, 32]));
    folder.change(1, to_rle);
    let mut seeds: Vec<Vec<u8>> = folder.files.iter().map(|file| std::fs::read(file).unwrap()).collect();
    for name in ["jpeg2000_lossless.dcm", "jpeg2000_lossy.dcm", "jpeg_lossless.dcm", "jpeg_baseline.dcm"] {
        seeds.push(std::fs::read(fixture(name)).unwrap());
    }
    let mut rng = ChaCha8Rng::seed_from_u64(20_261_120);
    let began = Instant::now();
    let mut sound = 0;
    // A long run: VOXELRY_MUTATIONS=200000.
    let rounds = std::env::var("VOXELRY_MUTATIONS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(5_000);
    for round in 0..rounds {
        let seed = &seeds[round % seeds.len()];
        assert!(round >= seeds.len() || decodes(seed));
        sound += usize::from(decodes(&mutate(seed, &mut rng)));
    }
    assert!(sound > rounds / 20, "only {sound} of {rounds} mutants decode: the mutations test nothing but the first checks");
    assert!(began.elapsed().as_millis() < 60_000 + 10 * rounds as u128, "{:?}", began.elapsed());
}

/// One to four changes: bits, bytes, extreme words, cuts, copies; the preamble is left alone.
fn mutate(seed: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..rng.random_range(1..=4) {
        let at = rng.random_range(132..bytes.len());
        match rng.random_range(0..6) {
            0 => bytes[at] ^= 1 << rng.random_range(0..8),
            1 => bytes[at] = rng.random(),
            2 => {
                let word = [0_u32, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0xFFFF_FFFE][rng.random_range(0..6)];
                let end = bytes.len().min(at + 4);
                bytes[at..end].copy_from_slice(&word.to_le_bytes()[..end - at]);
            }
            3 => bytes.truncate(at.max(140)),
            4 => {
                let end = bytes.len().min(at + rng.random_range(1..40));
                bytes.drain(at..end);
            }
            _ => {
                let end = bytes.len().min(at + rng.random_range(1..40));
                let copy = bytes[at..end].to_vec();
                let to = rng.random_range(132..bytes.len());
                bytes.splice(to..to, copy);
            }
        }
        if bytes.len() < 200 {
            break;
        }
    }
    bytes
}
