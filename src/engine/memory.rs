//! How much memory there is, so that a plan too large is refused with a sentence instead of ending the process.

use std::fs;

use crate::runner::EngineError;

/// Memory a process may still take without swapping, where the system tells (Linux: `MemAvailable`).
pub fn available_memory_bytes() -> Option<u64> {
    meminfo_bytes("MemAvailable:")
}

/// Memory of the machine, where the system tells (Linux: `MemTotal`).
pub fn total_memory_bytes() -> Option<u64> {
    meminfo_bytes("MemTotal:")
}

fn meminfo_bytes(key: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib << 10)
}

/// Refuses what cannot fit.
pub(crate) fn check_memory(bytes: u64) -> Result<(), EngineError> {
    match available_memory_bytes() {
        Some(available) if bytes > available => Err(too_large(bytes, available)),
        _ => Ok(()),
    }
}

/// A buffer of defaults, or a sentence where the system refuses the allocation.
pub(crate) fn allocate<T: Clone + Default>(len: usize) -> Result<Vec<T>, EngineError> {
    let mut buffer = Vec::new();
    let bytes = (len * size_of::<T>()) as u64;
    buffer.try_reserve_exact(len).map_err(|_| too_large(bytes, available_memory_bytes().unwrap_or(0)))?;
    buffer.resize(len, T::default());
    Ok(buffer)
}

fn too_large(bytes: u64, available: u64) -> EngineError {
    EngineError::DoesNotFit(format!(
        "a tile needs {} MiB of memory, {} MiB are free; close other programs or use a model with a smaller patch",
        bytes >> 20,
        available >> 20
    ))
}
