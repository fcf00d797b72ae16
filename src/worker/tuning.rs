//! What is fastest on an adapter, found when it is first used and kept in the user's cache folder.
//!
//! The file holds the adapter's name and numbers, nothing else; whoever deletes it loses three seconds.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use directories::ProjectDirs;
use engine::{Device, DeviceChoice, EngineError, Tuning};
use formats::write_atomically;
use serde::{Deserialize, Serialize};

/// How long the first use of an adapter may take longer.
const BUDGET: Duration = Duration::from_secs(3);

/// What the cache holds of one adapter.
#[derive(Serialize, Deserialize)]
struct Kept {
    adapter: String,
    tuning: Tuning,
}

/// Whether to measure when nothing is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    /// On hardware only: what suits software drivers is known.
    IfUnknown,
    /// Now, on any adapter.
    Again,
}

/// Lets a device run as is fastest on it; if looking for that makes it fail, it is opened again as it was, and not tried again.
pub(crate) fn apply(device: Device, choice: DeviceChoice, measure: Measure) -> Result<Device, EngineError> {
    let Some(adapter) = device.tuning_identity() else { return Ok(device) };
    let path = path(&adapter);
    let known = path.as_ref().filter(|_| measure == Measure::IfUnknown).and_then(|path| read(path, &adapter));
    if known.is_some_and(|tuning| device.use_tuning(tuning)) || (measure == Measure::IfUnknown && device.is_software()) {
        return Ok(device);
    }
    let (device, tuning) = match device.tune(BUDGET) {
        Ok(tuning) => (device, tuning),
        Err(error) => {
            tracing::warn!("{adapter} could not be tuned: {error}");
            let untouched = device.tuning();
            device.abandon();
            (Device::open(choice)?.device, untouched)
        }
    };
    tracing::info!(?tuning, "tuned {adapter}");
    if let (Some(path), Some(tuning)) = (path, tuning)
        && let Err(error) = write(&path, Kept { adapter, tuning })
    {
        tracing::info!("the tuning cannot be kept in {}: {error}", path.display());
    }
    Ok(device)
}

/// `None` where the system has no cache folder.
fn path(adapter: &str) -> Option<PathBuf> {
    let name: String = adapter.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(120).collect();
    Some(ProjectDirs::from("", "", "voxelry")?.cache_dir().join("tuning").join(format!("{name}.json")))
}

fn read(path: &Path, adapter: &str) -> Option<Tuning> {
    let kept: Kept = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    (kept.adapter == adapter).then_some(kept.tuning)
}

fn write(path: &Path, kept: Kept) -> Result<(), Box<dyn std::error::Error>> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    write_atomically(path, |file| Ok(serde_json::to_writer_pretty(file, &kept)?))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_files() {
        let path = path("NVIDIA H200 / vulkan ../x").unwrap();
        assert!(path.ends_with("tuning/NVIDIA-H200---vulkan----x.json"), "{}", path.display());
    }

    #[test]
    fn what_belongs_to_another_driver_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("adapter.json");
        let tuning = serde_json::json!({"gemm": {"voxels": 64, "lanes": 4, "rows": 4, "sharing": {"Workgroup": {"chunk4": 8}}}, "store_hidden_channels": 128, "slab_hidden_bytes": 0});
        let tuning: Tuning = serde_json::from_value(tuning).unwrap();
        write(&path, Kept { adapter: "new driver".to_owned(), tuning }).unwrap();
        assert_eq!(read(&path, "new driver"), Some(tuning));
        assert_eq!(read(&path, "old driver"), None);
        fs::write(&path, "{\"adapter\": ").unwrap();
        assert_eq!(read(&path, "new driver"), None);
    }
}
