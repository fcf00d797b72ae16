//! Builds NIfTI files byte by byte, apart from the writer under test.

use std::io::Write;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

/// A file to build; the fields are the header's.
#[derive(Clone)]
pub(super) struct Spec {
    pub(super) version: u8,
    pub(super) little_endian: bool,
    pub(super) dim: [i64; 8],
    pub(super) datatype: i16,
    pub(super) bitpix: i16,
    pub(super) pixdim: [f64; 8],
    pub(super) scl: (f64, f64),
    pub(super) srow: [[f64; 4]; 3],
    pub(super) data: Vec<u8>,
}

impl Spec {
    /// 2 x 3 x 4 voxels of 16 bit, numbered from -3, spacing 1, 2, 3 mm.
    pub(super) fn numbered_i16() -> Self {
        Self {
            version: 1,
            little_endian: true,
            dim: [3, 2, 3, 4, 1, 1, 1, 1],
            datatype: 4,
            bitpix: 16,
            pixdim: [1.0, 1.0, 2.0, 3.0, 0.0, 0.0, 0.0, 0.0],
            scl: (0.0, 0.0),
            srow: [[-1.0, 0.0, 0.0, 10.0], [0.0, -2.0, 0.0, 20.0], [0.0, 0.0, 3.0, -30.0]],
            data: (-3..21_i16).flat_map(i16::to_le_bytes).collect(),
        }
    }

    pub(super) fn header_bytes(&self) -> usize {
        if self.version == 1 { 348 } else { 540 }
    }

    /// A single file: header, extender, voxels.
    pub(super) fn single(&self) -> Vec<u8> {
        let start = self.header_bytes() + 4;
        let mut bytes = self.header(start, b'+');
        bytes.extend([0; 4]);
        bytes.extend(&self.data);
        bytes
    }

    /// The header file of a pair.
    pub(super) fn pair_header(&self) -> Vec<u8> {
        self.header(0, b'i')
    }

    fn header(&self, vox_offset: usize, kind: u8) -> Vec<u8> {
        let mut out = Fields { bytes: vec![0; self.header_bytes()], little_endian: self.little_endian };
        let magic = if kind == b'+' { *b"n+" } else { *b"ni" };
        out.put(0, &(self.header_bytes() as i32).to_le_bytes());
        if self.version == 1 {
            self.dim.iter().enumerate().for_each(|(i, n)| out.put(40 + 2 * i, &(*n as i16).to_le_bytes()));
            out.put(70, &self.datatype.to_le_bytes());
            out.put(72, &self.bitpix.to_le_bytes());
            self.pixdim.iter().enumerate().for_each(|(i, v)| out.put(76 + 4 * i, &(*v as f32).to_le_bytes()));
            out.put(108, &(vox_offset as f32).to_le_bytes());
            out.put(112, &(self.scl.0 as f32).to_le_bytes());
            out.put(116, &(self.scl.1 as f32).to_le_bytes());
            out.put(254, &1_i16.to_le_bytes());
            self.srow.as_flattened().iter().enumerate().for_each(|(i, v)| out.put(280 + 4 * i, &(*v as f32).to_le_bytes()));
            out.bytes[344..346].copy_from_slice(&magic);
            out.bytes[346] = b'1';
        } else {
            out.bytes[4..6].copy_from_slice(&magic);
            out.bytes[6..12].copy_from_slice(b"2\0\r\n\x1a\n");
            out.put(12, &self.datatype.to_le_bytes());
            out.put(14, &self.bitpix.to_le_bytes());
            self.dim.iter().enumerate().for_each(|(i, n)| out.put(16 + 8 * i, &n.to_le_bytes()));
            self.pixdim.iter().enumerate().for_each(|(i, v)| out.put(104 + 8 * i, &v.to_le_bytes()));
            out.put(168, &(vox_offset as i64).to_le_bytes());
            out.put(176, &self.scl.0.to_le_bytes());
            out.put(184, &self.scl.1.to_le_bytes());
            out.put(348, &1_i32.to_le_bytes());
            self.srow.as_flattened().iter().enumerate().for_each(|(i, v)| out.put(400 + 8 * i, &v.to_le_bytes()));
        }
        out.bytes
    }
}

struct Fields {
    bytes: Vec<u8>,
    little_endian: bool,
}

impl Fields {
    fn put(&mut self, offset: usize, little: &[u8]) {
        let place = &mut self.bytes[offset..offset + little.len()];
        place.copy_from_slice(little);
        if !self.little_endian {
            place.reverse();
        }
    }
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A folder with one file in it.
pub(super) fn on_disk(name: &str, bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}
