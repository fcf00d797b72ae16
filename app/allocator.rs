//! What happens to memory that was freed.

/// Blocks from here on are maps of their own, which go back to the system when they are freed.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE_BYTES: libc::c_int = 64 << 10;

/// Has the allocator give large blocks back when they are freed; to be called before other threads start.
///
/// glibc raises its own threshold to the largest block freed so far, up to 32 MiB: after a study is opened, the next ones come out of
/// heaps that rarely shrink. A window that stays open all day would hold more than a volume that nobody uses. Other systems' allocators
/// do not need to be told.
pub fn give_back_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for (parameter, value) in [(libc::M_MMAP_THRESHOLD, LARGE_BYTES), (libc::M_TRIM_THRESHOLD, LARGE_BYTES)] {
        set(parameter, value);
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code, reason = "the C library offers its settings this way only")]
fn set(parameter: libc::c_int, value: libc::c_int) {
    // SAFETY: mallopt takes two numbers, touches no memory of ours and answers 0 for what it does not know.
    if unsafe { libc::mallopt(parameter, value) } == 0 {
        tracing::debug!("the allocator does not take {value} for parameter {parameter}");
    }
}
