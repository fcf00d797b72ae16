//! How long a step still takes, from how long it took so far.

use std::time::{Duration, Instant};

/// Shortest history an estimate may rest on.
const WARM_UP: Duration = Duration::from_millis(700);

/// Estimates the time left of one step.
pub(crate) struct Eta {
    /// The first unit pays for compiling kernels and filling caches, so that time counts from its end.
    first: Option<(Instant, u64)>,
}

impl Eta {
    /// A step begins.
    pub(crate) fn new() -> Self {
        Self { first: None }
    }

    /// Seconds left when `done` of `total` units are finished at `now`; `None` until that is worth something.
    pub(crate) fn seconds_left(&mut self, now: Instant, done: u64, total: u64) -> Option<f64> {
        if done == 0 {
            return None;
        }
        let (since, already) = *self.first.get_or_insert((now, done));
        let elapsed = now.duration_since(since);
        if elapsed < WARM_UP || done <= already {
            return None;
        }
        Some(elapsed.as_secs_f64() / (done - already) as f64 * total.saturating_sub(done) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_first_unit_does_not_spoil_the_estimate() {
        let start = Instant::now();
        let mut eta = Eta::new();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        assert_eq!(eta.seconds_left(at(0), 0, 11), None);
        assert_eq!(eta.seconds_left(at(60), 1, 11), None);
        assert_eq!(eta.seconds_left(at(64), 3, 11), Some(16.0));
        assert_eq!(eta.seconds_left(at(80), 11, 11), Some(0.0));
    }
}
