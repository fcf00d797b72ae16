//! What is fastest on an adapter, found when it is first used and kept in the user's cache folder.
//!
//! The file holds the adapter's name and numbers, nothing else; whoever deletes it loses three seconds.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use directories::ProjectDirs;
use engine::{Device, DeviceChoice, EngineError, Precision, PrecisionChoice, Tuning};
use formats::write_atomically;
use serde::{Deserialize, Serialize};

/// How long the first use of an adapter may take longer.
const BUDGET: Duration = Duration::from_secs(3);

/// How long its matrix units may take beyond that, where it has some.
const MATRIX_BUDGET: Duration = Duration::from_secs(3);

/// What the cache holds of one adapter.
#[derive(Serialize, Deserialize)]
struct Kept {
    adapter: String,
    tuning: Tuning,
    #[serde(default)]
    matrices: Matrices,
}

/// What is known of an adapter's matrix units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
enum Matrices {
    /// Nothing.
    #[default]
    Untried,
    /// An attempt began. If no other word followed, it took the process down, or is still going on: they stay unused.
    Begun,
    /// They are not faster, or fail.
    Slower,
    /// They are faster, in this way.
    Faster(Tuning),
}

/// Whether to measure when nothing is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    /// On hardware only: what suits software drivers is known.
    IfUnknown,
    /// Now, on any adapter.
    Again,
    /// As `IfUnknown`, and never with matrix units.
    Plain,
}

/// Lets a device run as is fastest on it; if looking for that makes it fail, it is opened again as it was, and not tried again.
pub(crate) fn apply(device: Device, choice: DeviceChoice, measure: Measure, precision: PrecisionChoice) -> Result<Device, EngineError> {
    let Some(adapter) = device.tuning_identity() else { return Ok(device) };
    let path = path(&adapter);
    let kept = path.as_ref().filter(|_| measure != Measure::Again).and_then(|path| read(path, &adapter));
    if let Some(kept) = kept
        && device.use_tuning(kept.tuning)
    {
        return Ok(with_matrices(device, measure, precision, path.as_deref(), kept));
    }
    if measure != Measure::Again && device.is_software() {
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
    let Some(tuning) = tuning else { return Ok(device) };
    let kept = Kept { adapter, tuning, matrices: Matrices::Untried };
    keep(path.as_deref(), &kept);
    Ok(with_matrices(device, measure, precision, path.as_deref(), kept))
}

/// The same device with its matrix units, if they can serve the run and are faster; else as it is.
///
/// While they are tried or opened, the file says so: whoever finds those words knows that the attempt ended a process.
fn with_matrices(device: Device, measure: Measure, precision: PrecisionChoice, path: Option<&Path>, mut kept: Kept) -> Device {
    // Without a place for the mark nothing would stop a second crash.
    let tried = match (path, kept.matrices) {
        (Some(_), Matrices::Untried) => None,
        (Some(_), Matrices::Faster(tuning)) if serves(tuning, precision) => Some(tuning),
        _ => return device,
    };
    if measure == Measure::Plain || !device.offers_matrices(precision) {
        return device;
    }
    kept.matrices = Matrices::Begun;
    if !keep(path, &kept) {
        return device;
    }
    let found = match tried {
        Some(tuning) => device.with_matrices(tuning).map(|device| Some((device, tuning))),
        None => device.tune_matrices(MATRIX_BUDGET, false),
    };
    let found = found.unwrap_or_else(|error| {
        tracing::warn!("the matrix units of {} are left: {error}", kept.adapter);
        None
    });
    kept.matrices = found.as_ref().map_or(Matrices::Slower, |(_, tuning)| Matrices::Faster(*tuning));
    keep(path, &kept);
    match found {
        Some((faster, tuning)) if serves(tuning, precision) => faster,
        _ => device,
    }
}

/// Whether a run of this precision may go through the matrix units of a tuning.
fn serves(tuning: Tuning, choice: PrecisionChoice) -> bool {
    let (single, half) = (tuning.uses_matrices(Precision::F32), tuning.uses_matrices(Precision::F16));
    match choice {
        PrecisionChoice::F32 => single,
        PrecisionChoice::F16 => half,
        PrecisionChoice::Auto => single || half,
    }
}

/// Whether the file could be written.
fn keep(path: Option<&Path>, kept: &Kept) -> bool {
    let Some(path) = path else { return false };
    let written = write(path, kept);
    if let Err(error) = &written {
        tracing::info!("the tuning cannot be kept in {}: {error}", path.display());
    }
    written.is_ok()
}

/// `None` where the system has no cache folder.
fn path(adapter: &str) -> Option<PathBuf> {
    let name: String = adapter.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(120).collect();
    Some(ProjectDirs::from("", "", "voxelry")?.cache_dir().join("tuning").join(format!("{name}.json")))
}

fn read(path: &Path, adapter: &str) -> Option<Kept> {
    let kept: Kept = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    (kept.adapter == adapter).then_some(kept)
}

fn write(path: &Path, kept: &Kept) -> Result<(), Box<dyn std::error::Error>> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    write_atomically(path, |file| Ok(serde_json::to_writer_pretty(file, kept)?))?;
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
        write(&path, &Kept { adapter: "new driver".to_owned(), tuning, matrices: Matrices::Begun }).unwrap();
        assert_eq!(read(&path, "new driver").map(|kept| (kept.tuning, kept.matrices)), Some((tuning, Matrices::Begun)));
        assert!(read(&path, "old driver").is_none());
        fs::write(&path, "{\"adapter\": ").unwrap();
        assert!(read(&path, "new driver").is_none());
        let older = serde_json::json!({"adapter": "new driver", "tuning": tuning});
        fs::write(&path, older.to_string()).unwrap();
        assert_eq!(read(&path, "new driver").map(|kept| kept.matrices), Some(Matrices::Untried));
    }
}
