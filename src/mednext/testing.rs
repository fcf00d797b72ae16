//! What several test modules share: paths to fixtures, small models, archives made on the spot.

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

use crate::weights::Weights;

pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data")).join(name)
}

/// The model folder nnU-Net itself saved.
pub(crate) fn golden_folder() -> PathBuf {
    data("golden/e2e/model/nnUNetTrainer_MedNeXtV2Tiny__nnUNetPlans__3d_fullres")
}

pub(crate) fn weights(name: &str) -> Weights {
    Weights::read_safetensors(&data(name)).unwrap()
}

pub(crate) fn zip_of(entries: &[(String, Vec<u8>)], method: CompressionMethod) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(name.as_str(), SimpleFileOptions::default().compression_method(method)).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Every entry of an archive.
pub(crate) fn unzip(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(fs::File::open(path).unwrap()).unwrap();
    let entries = (0..archive.len()).map(|index| {
        let mut entry = archive.by_index(index).unwrap();
        let mut bytes = Vec::new();
        std::io::copy(&mut entry, &mut bytes).unwrap();
        (entry.name().unwrap().into_owned(), bytes)
    });
    entries.collect()
}

/// Writes bytes below a folder, making the folders between.
pub(crate) fn write_below(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014): enough for seeded damage.
pub(crate) struct SplitMix(pub(crate) u64);

impl SplitMix {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    /// Damages a file in one to four places; half of the hits go to the ends, where containers keep their structure.
    pub(crate) fn damage(&mut self, original: &[u8]) -> Vec<u8> {
        let mut bytes = original.to_vec();
        for _ in 0..=self.below(4) {
            let n = bytes.len();
            let at = match self.below(4) {
                0 => self.below(n.min(8192)),
                1 => n.saturating_sub(1 + self.below(16384)),
                _ => self.below(n),
            };
            match self.below(8) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at.min(n), self.next() as u8),
                2 => {
                    let end = (at + 1 + self.below(16)).min(n);
                    bytes[at.min(end)..end].fill(0xff);
                }
                3 => {
                    let end = (at + 8).min(n);
                    bytes.drain(at.min(end)..end);
                }
                _ => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte ^= 1 << self.below(8);
                    }
                }
            }
            if bytes.is_empty() {
                break;
            }
        }
        bytes
    }
}
