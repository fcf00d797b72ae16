//! How a long operation tells how far it is, and hears that it should stop.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::MaskError;

/// Called with the part done (0 to 1) from any thread; answers whether to go on.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    report: &'a (dyn Fn(f32) -> bool + Sync),
}

impl<'a> Watch<'a> {
    /// Asks `report` now and then.
    pub fn new(report: &'a (dyn Fn(f32) -> bool + Sync)) -> Self {
        Self { report }
    }

    /// Nobody looks and nobody stops it.
    pub fn none() -> Watch<'static> {
        Watch { report: &|_| true }
    }

    /// Reports the part done.
    pub(crate) fn at(&self, done: f32) -> Result<(), MaskError> {
        if (self.report)(done.clamp(0.0, 1.0)) { Ok(()) } else { Err(MaskError::Cancelled) }
    }

    /// A share of the whole, from `from` to `to`, as a watch for one part of the work.
    pub(crate) fn part<T>(&self, from: f32, to: f32, work: impl FnOnce(Watch<'_>) -> T) -> T {
        let report = |done: f32| (self.report)(from + (to - from) * done);
        work(Watch { report: &report })
    }
}

/// Counts equal steps that finish on several threads.
pub(crate) struct Steps<'a> {
    watch: Watch<'a>,
    done: AtomicUsize,
    total: usize,
}

impl<'a> Steps<'a> {
    pub(crate) fn new(watch: Watch<'a>, total: usize) -> Self {
        Self { watch, done: AtomicUsize::new(0), total: total.max(1) }
    }

    /// One more step is finished.
    pub(crate) fn step(&self) -> Result<(), MaskError> {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        self.watch.at(done as f32 / self.total as f32)
    }
}
