//! Voxel files, read through memory maps.

use std::fs::File;
use std::io;
use std::path::Path;

use memmap2::Mmap;
#[cfg(unix)]
use memmap2::UncheckedAdvice;
use serde::{Deserialize, Serialize};

/// How voxels of a file are stored, little endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoxelType {
    /// Masks up to 255, and doubt.
    U8,
    /// Larger masks.
    U16,
    /// Images of whole numbers, as CT.
    I16,
    /// Other images.
    F32,
}

impl VoxelType {
    /// Bytes of one voxel.
    pub fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::F32 => 4,
        }
    }
}

/// How a mask is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelWidth {
    /// Up to 255 labels.
    U8,
    /// More.
    U16,
}

impl LabelWidth {
    /// The type of its voxels.
    pub fn voxel_type(self) -> VoxelType {
        match self {
            Self::U8 => VoxelType::U8,
            Self::U16 => VoxelType::U16,
        }
    }

    /// The narrowest for a largest value.
    pub fn for_max(max_value: u16) -> Self {
        if max_value <= 255 { Self::U8 } else { Self::U16 }
    }
}

/// The voxels of a file, axes z, y, x.
#[derive(Debug)]
pub struct MappedVoxels {
    map: Mmap,
    voxel_type: VoxelType,
    size_zyx: [usize; 3],
}

impl MappedVoxels {
    /// Maps a file that must hold exactly the voxels of a grid.
    pub fn open(path: &Path, voxel_type: VoxelType, size_zyx: [usize; 3]) -> io::Result<Self> {
        let file = File::open(path)?;
        let found = file.metadata()?.len();
        let wanted = size_zyx.iter().try_fold(voxel_type.bytes(), |bytes, n| bytes.checked_mul(*n));
        if cfg!(target_endian = "big") || wanted.map(|wanted| wanted as u64) != Some(found) {
            let text = format!("{found} bytes are not the voxels of {size_zyx:?} (z, y, x): {}", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(Self { map: map(&file)?, voxel_type, size_zyx })
    }

    /// Voxels along z, y, x.
    pub fn size_zyx(&self) -> [usize; 3] {
        self.size_zyx
    }

    /// How they are stored.
    pub fn voxel_type(&self) -> VoxelType {
        self.voxel_type
    }

    /// All bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// Lets the pages read so far go from this process; the system keeps the file in its cache, and reading maps them again.
    /// For whoever has read a whole volume to copy it elsewhere: a resident share is counted against the program.
    pub fn let_go(&self) -> io::Result<()> {
        #[cfg(unix)]
        forget(&self.map)?;
        Ok(())
    }

    /// The values, if they are u8.
    pub fn as_u8(&self) -> Option<&[u8]> {
        (self.voxel_type == VoxelType::U8).then_some(&self.map[..])
    }

    /// The values, if they are u16.
    pub fn as_u16(&self) -> Option<&[u16]> {
        if self.voxel_type == VoxelType::U16 { bytemuck::try_cast_slice(&self.map).ok() } else { None }
    }

    /// The values, if they are i16.
    pub fn as_i16(&self) -> Option<&[i16]> {
        if self.voxel_type == VoxelType::I16 { bytemuck::try_cast_slice(&self.map).ok() } else { None }
    }

    /// The values, if they are f32.
    pub fn as_f32(&self) -> Option<&[f32]> {
        if self.voxel_type == VoxelType::F32 { bytemuck::try_cast_slice(&self.map).ok() } else { None }
    }

    /// One value; 0 outside the grid.
    pub fn value(&self, index_zyx: [usize; 3]) -> f32 {
        let [nz, ny, nx] = self.size_zyx;
        let [z, y, x] = index_zyx;
        if z >= nz || y >= ny || x >= nx {
            return 0.0;
        }
        let at = ((z * ny + y) * nx + x) * self.voxel_type.bytes();
        let bytes = &self.map[at..at + self.voxel_type.bytes()];
        match (self.voxel_type, bytes) {
            (VoxelType::U8, [a]) => f32::from(*a),
            (VoxelType::U16, [a, b]) => f32::from(u16::from_le_bytes([*a, *b])),
            (VoxelType::I16, [a, b]) => f32::from(i16::from_le_bytes([*a, *b])),
            (VoxelType::F32, [a, b, c, d]) => f32::from_le_bytes([*a, *b, *c, *d]),
            _ => 0.0,
        }
    }
}

/// Maps a file.
#[allow(unsafe_code, reason = "a memory map is the one way two processes share a volume without copying it")]
fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: undefined if another process shortens the file while it is mapped. Voxel files lie in Voxelry's own data folder, are
    // written once under another name or at their full length before anybody maps them, and are only ever removed, which leaves
    // the pages of a map in place. While a run fills its labels in place their length is already final; a torn read shows an old
    // label for one frame.
    unsafe { Mmap::map(file) }
}

#[cfg(unix)]
#[allow(unsafe_code, reason = "a map has no other way to drop pages and stay where it is")]
fn forget(map: &Mmap) -> io::Result<()> {
    // SAFETY: the advice loses what was written to private or anonymous pages. This map is shared, read-only and of a file, so every
    // page comes back with the bytes of the file, as it would after the system dropped it by itself.
    unsafe { map.unchecked_advise(UncheckedAdvice::DontNeed) }
}
