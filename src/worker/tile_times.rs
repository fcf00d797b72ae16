//! How long a tile took on a device, kept in the user's cache folder, so that later runs can say how long they will take.
//!
//! A time belongs to an architecture, a tile size, a device and a precision; weights do not change it, so all folds and all models of
//! one architecture share it. Whoever deletes the file pays one tile.

use std::fs;
use std::path::{Path, PathBuf};

use directories::ProjectDirs;
use engine::Precision;
use formats::write_atomically;
use mednext::Config;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What is known.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    device: String,
    network: String,
    precision: String,
    seconds: f64,
}

/// What a time belongs to.
#[derive(Debug, Clone)]
pub(crate) struct TileKind {
    network: String,
    device: String,
    precision: String,
    identity: String,
}

impl TileKind {
    pub(crate) fn new(config: &Config, patch: [usize; 3], device: &str, precision: Precision) -> Self {
        // The JSON names every width and depth, the display only the size.
        let identity = serde_json::to_string(config).unwrap_or_default();
        let network = format!("{config}, {patch:?}");
        Self { network, device: device.to_owned(), precision: precision.to_string(), identity }
    }

    /// Seconds of a tile, if one was measured.
    pub(crate) fn read(&self) -> Option<f64> {
        self.read_in(&folder()?)
    }

    /// Keeps a measured time. Without a cache folder it is measured again next time.
    pub(crate) fn keep(&self, seconds: f64) {
        if let Some(folder) = folder() {
            self.keep_in(&folder, seconds);
        }
    }

    fn read_in(&self, folder: &Path) -> Option<f64> {
        let kept: Kept = serde_json::from_slice(&fs::read(self.path(folder)).ok()?).ok()?;
        let same = kept.device == self.device && kept.network == self.network && kept.precision == self.precision;
        (same && kept.seconds.is_finite() && kept.seconds > 0.0).then_some(kept.seconds)
    }

    fn keep_in(&self, folder: &Path, seconds: f64) {
        let Self { network, device, precision, .. } = self.clone();
        let path = self.path(folder);
        let written = fs::create_dir_all(folder).map_err(|error| error.to_string()).and_then(|()| {
            let kept = Kept { device, network, precision, seconds };
            write_atomically(&path, |file| Ok(serde_json::to_writer_pretty(file, &kept)?)).map_err(|error| error.to_string())
        });
        if let Err(error) = written {
            tracing::info!("the time of a tile cannot be kept: {error}");
        }
    }

    fn path(&self, folder: &Path) -> PathBuf {
        let mut hash = Sha256::new();
        for part in [&self.identity, &self.network, &self.device, &self.precision] {
            hash.update(part);
            hash.update([0]);
        }
        let name: String = hash.finalize().iter().take(12).map(|byte| format!("{byte:02x}")).collect();
        folder.join(format!("{name}.json"))
    }
}

/// `None` where the system has no cache folder.
fn folder() -> Option<PathBuf> {
    // Times of unoptimised tests must not be believed by the program.
    if cfg!(test) {
        return Some(std::env::temp_dir().join(format!("voxelry-test-tiles-{}", std::process::id())));
    }
    Some(ProjectDirs::from("", "", "voxelry")?.cache_dir().join("tiles"))
}

#[cfg(test)]
mod tests {
    use mednext::{Generation, Preset};

    use super::*;

    #[test]
    fn a_time_belongs_to_network_device_and_precision() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::preset(Preset::S, Generation::V2, 3, 32, 1, 3);
        let kind = |patch: usize, device: &str, precision| TileKind::new(&config, [patch; 3], device, precision);
        kind(64, "a", Precision::F32).keep_in(folder.path(), 2.5);
        assert_eq!(kind(64, "a", Precision::F32).read_in(folder.path()), Some(2.5));
        for other in [kind(32, "a", Precision::F32), kind(64, "b", Precision::F32), kind(64, "a", Precision::F16)] {
            assert_eq!(other.read_in(folder.path()), None);
        }
        fs::write(kind(64, "a", Precision::F32).path(folder.path()), b"{").unwrap();
        assert_eq!(kind(64, "a", Precision::F32).read_in(folder.path()), None);
    }
}
