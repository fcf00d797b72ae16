//! How long frames took: for the log at the end and the report, because "it stutters" is a number somebody has to find.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

/// Frames that are looked back on.
const KEPT: usize = 4096;
/// `RUST_LOG=voxelry_app::frames=debug` tells of this many at a time.
const TOLD_EVERY: usize = 256;
/// A longer gap is no slow frame: nothing moved, so nothing was drawn.
const REST: Duration = Duration::from_millis(500);

/// The processor's share of frames, and the time from one to the next while something moves.
#[derive(Debug, Default)]
pub(crate) struct FrameLog {
    processor_ms: VecDeque<f32>,
    between_ms: VecDeque<f32>,
    last: Option<Instant>,
    count: usize,
}

impl FrameLog {
    /// Counts a frame. `processor_seconds` are those of the frame before: building the screen, tessellating and handing it over, without
    /// the wait for the display.
    pub(crate) fn frame(&mut self, now: Instant, processor_seconds: Option<f32>) {
        if let Some(seconds) = processor_seconds {
            keep(&mut self.processor_ms, seconds * 1e3);
        }
        if let Some(between) = self.last.map(|last| now - last).filter(|between| *between < REST) {
            keep(&mut self.between_ms, between.as_secs_f32() * 1e3);
        }
        self.last = Some(now);
        self.count += 1;
        if self.count.is_multiple_of(TOLD_EVERY) {
            tracing::debug!("{self}");
        }
    }
}

impl fmt::Display for FrameLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} frames", self.processor_ms.len())?;
        for (name, times) in [("processor", &self.processor_ms), ("from one to the next", &self.between_ms)] {
            if let [Some(half), Some(most), Some(longest)] = [0.5, 0.95, 1.0].map(|share| quantile(times, share)) {
                write!(f, "; {name}: half in {half:.1} ms, 95 % in {most:.1} ms, longest {longest:.1} ms")?;
            }
        }
        Ok(())
    }
}

fn keep(times: &mut VecDeque<f32>, ms: f32) {
    if times.len() == KEPT {
        times.pop_front();
    }
    times.push_back(ms);
}

/// The least time that a share of the frames stayed within.
fn quantile(times: &VecDeque<f32>, share: f64) -> Option<f32> {
    let mut sorted: Vec<f32> = times.iter().copied().collect();
    sorted.sort_by(f32::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_are_no_slow_frames() {
        let (mut log, start) = (FrameLog::default(), Instant::now());
        for frame in 0..100_u64 {
            log.frame(start + Duration::from_millis(10 * frame), Some(frame as f32 / 1e3));
        }
        log.frame(start + Duration::from_secs(60), None);
        let text = "100 frames; processor: half in 49.0 ms, 95 % in 94.0 ms, longest 99.0 ms; \
                    from one to the next: half in 10.0 ms, 95 % in 10.0 ms, longest 10.0 ms";
        assert_eq!(log.to_string(), text);
    }
}
