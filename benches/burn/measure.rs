//! Time and memory of this process, measured as `voxelry bench` measures its own.

use std::fs;
use std::time::Instant;

use serde_json::{Value, json};

/// Wall and processor time from one moment on.
pub struct Clock {
    wall: Instant,
    processor_seconds: Option<f64>,
}

impl Clock {
    pub fn start() -> Self {
        Self { wall: Instant::now(), processor_seconds: processor_seconds() }
    }

    /// One row of the report.
    pub fn stop(self) -> Value {
        let wall = self.wall.elapsed().as_secs_f64();
        let processor = processor_seconds().zip(self.processor_seconds).map(|(after, before)| after - before);
        json!({ "wall_seconds": wall, "cpu_seconds": processor })
    }
}

/// User and system time of all threads (Linux: proc(5), fields 14 and 15 of `stat`, in hundredths of a second).
fn processor_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(ticks as f64 / 100.0)
}

/// High-water mark of resident memory (Linux).
pub fn peak_mib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib >> 10)
}
