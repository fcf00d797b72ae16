//! Events on standard error: a progress bar for people, plain lines for scripts.

use std::fmt::Arguments;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use jobs::{Document, Event, FailureKind};

/// Shows events while a job runs and its outcome when it ends.
pub(crate) struct Console {
    /// `None` where nobody watches: standard error is not a terminal, or `--json`.
    bar: Option<ProgressBar>,
    case: String,
}

impl Console {
    /// Decides from the terminal what to show.
    pub(crate) fn new(json: bool) -> Self {
        let bar = (!json && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new_spinner();
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { bar, case: String::new() }
    }

    /// Shows one event.
    pub(crate) fn show(&mut self, event: &Event) {
        let Some(bar) = &self.bar else { return };
        match event {
            Event::Case { name, done, total } => self.case = format!("[{}/{total}] {name}  ", done + 1),
            Event::Stage { stage } => {
                bar.set_style(style("{spinner} {prefix}{msg}"));
                bar.set_prefix(self.case.clone());
                bar.set_message(stage.to_string());
            }
            Event::Progress { stage, done, total, eta_seconds } => {
                bar.set_style(style("{spinner} {prefix}{msg}"));
                bar.set_prefix(self.case.clone());
                bar.set_message(format!("{stage} {} {done}/{total}{}", gauge(*done, *total), eta(*eta_seconds)));
            }
            Event::Device { name, needed_mib, available_mib } => {
                let free = available_mib.map_or_else(String::new, |free| format!(" of {free}"));
                bar.println(format!("Device: {name}, {needed_mib}{free} MiB of memory"));
            }
            Event::Warning(notice) => bar.println(format!("WARN {} {}", notice.code, notice.text)),
            Event::CaseFailed { name, failure } => bar.println(format!("error: {name}: {failure}")),
            Event::Finished { .. } => bar.finish_and_clear(),
            // For pictures of a run; a bar has no use for them.
            Event::Layer { .. } | Event::Tile { .. } | Event::Labels { .. } => {}
        }
    }

    /// Prints how the job ended. The reason comes first on standard error; a terminal has seen the warnings already.
    pub(crate) fn finish(&self, document: &Document) {
        if let Some(failure) = &document.error {
            say(format_args!("error: {failure}"));
            if failure.kind == FailureKind::Internal {
                say(format_args!("Run again with -v and report what it prints."));
            }
        }
        if self.bar.is_none() {
            document.warnings.iter().for_each(|notice| say(format_args!("WARN {} {}", notice.code, notice.text)));
        }
    }
}

/// Writes a line to standard error. Nobody may be reading any more, and `eprintln!` would panic then.
pub(crate) fn say(line: Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates here are valid")
}

/// A bar of 24 cells.
fn gauge(done: u64, total: u64) -> String {
    const CELLS: u64 = 24;
    let full = (done * CELLS).checked_div(total).unwrap_or(0).min(CELLS) as usize;
    format!("{}{}", "█".repeat(full), "░".repeat(CELLS as usize - full))
}

/// Time left, rounded to what an estimate is worth.
fn eta(seconds: Option<f64>) -> String {
    let Some(seconds) = seconds else { return String::new() };
    let seconds = seconds.round() as u64;
    match seconds {
        0..60 => format!("  about {seconds} s left"),
        60..3600 => format!("  about {} min {:02} s left", seconds / 60, seconds % 60),
        _ => format!("  about {} h {:02} min left", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gauge_is_full_at_the_end_and_never_overflows() {
        assert_eq!(gauge(5, 5), "█".repeat(24));
        assert_eq!(gauge(9, 5), "█".repeat(24));
        assert_eq!(gauge(0, 0), "░".repeat(24));
    }

    #[test]
    fn time_left_is_readable() {
        assert_eq!(eta(Some(7.4)), "  about 7 s left");
        assert_eq!(eta(Some(125.0)), "  about 2 min 05 s left");
        assert_eq!(eta(None), "");
    }
}
