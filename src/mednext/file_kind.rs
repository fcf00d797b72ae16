//! What a file is, from its first bytes and never from its name.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::panic::catch_unwind;
use std::path::Path;

use zip::ZipArchive;
use zip::result::ZipError;

use crate::error::ModelError;

/// Magic number of `torch.save` before PyTorch 1.6 (`torch/serialization.py`, `MAGIC_NUMBER`), as protocol 2 writes it.
const LEGACY_MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// How far into a file that number may start.
const LEGACY_SEARCH: usize = 54;

/// Enough to see the mark of a TAR archive: PyTorch before 0.1.10 wrote those, which is before any MedNeXt.
const HEAD_BYTES: u64 = 262;

/// Containers that weights come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// Ours, or bare weights.
    Safetensors,
    /// An archive of an nnU-Net folder.
    Archive,
    /// A zip as `torch.save` has written it since 1.6.
    ZipCheckpoint,
    /// What it wrote before.
    LegacyCheckpoint,
}

impl FileKind {
    /// Looks at the file; `shown` names it in errors.
    pub(crate) fn of(path: &Path, shown: &Path) -> Result<Self, ModelError> {
        let unreadable = |e| ModelError::io("read", shown, e);
        let mut file = File::open(path).map_err(unreadable)?;
        let mut head = Vec::new();
        file.by_ref().take(HEAD_BYTES).read_to_end(&mut head).map_err(unreadable)?;
        if head.starts_with(b"PK\x03\x04") {
            file.rewind().map_err(unreadable)?;
            let damaged = |e| ModelError::invalid(shown, format!("this archive is damaged or cut short ({e})"));
            let zip = catch_unwind(|| ZipArchive::new(BufReader::new(file)));
            let zip = zip.map_err(|_| damaged(ZipError::InvalidArchive("contradictory".into())))?.map_err(damaged)?;
            return Ok(if holds_pickle(&zip) { Self::ZipCheckpoint } else { Self::Archive });
        }
        let is_tar = head.get(257..262) == Some(b"ustar");
        if !is_tar && head.windows(LEGACY_MAGIC.len()).take(LEGACY_SEARCH).any(|bytes| bytes == LEGACY_MAGIC) {
            return Ok(Self::LegacyCheckpoint);
        }
        if head.get(8) == Some(&b'{') {
            return Ok(Self::Safetensors);
        }
        Err(ModelError::invalid(
            shown,
            "this is no model: neither safetensors, nor an nnU-Net model folder or zip, nor a PyTorch checkpoint",
        ))
    }
}

/// `torch.save` puts `data.pkl` into one top folder; a model archive holds checkpoints, not their parts.
fn holds_pickle(zip: &ZipArchive<BufReader<File>>) -> bool {
    zip.file_names().flatten().any(|name| name.rsplit('/').next() == Some("data.pkl"))
}
