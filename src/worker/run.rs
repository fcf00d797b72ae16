//! What every job needs while it runs: a place for events and warnings, and the wish to stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use jobs::{Event, Failure, Notice, Stage};

use crate::eta::Eta;

/// One running job.
pub(crate) struct Run<'a> {
    events: &'a mut dyn FnMut(Event),
    cancel: &'a AtomicBool,
    /// Case of a batch or file of a folder, named in front of its warnings.
    case: Option<String>,
    case_warnings: Vec<Notice>,
    warnings: Vec<Notice>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(events: &'a mut dyn FnMut(Event), cancel: &'a AtomicBool) -> Self {
        Self { events, cancel, case: None, case_warnings: Vec::new(), warnings: Vec::new() }
    }

    /// Passes an event on.
    pub(crate) fn send(&mut self, event: Event) {
        (self.events)(event);
    }

    /// A case of a batch begins.
    pub(crate) fn begin_case(&mut self, name: &str, done: usize, total: usize) {
        self.case = Some(name.to_owned());
        self.case_warnings.clear();
        self.send(Event::Case { name: name.to_owned(), done, total });
    }

    /// Announces a step; the place to stop between steps.
    pub(crate) fn stage(&mut self, stage: Stage) -> Result<(), Failure> {
        self.check_cancelled()?;
        tracing::info!("{stage}");
        self.send(Event::Stage { stage });
        Ok(())
    }

    /// Reports how far a step is.
    pub(crate) fn progress(&mut self, stage: Stage, eta: &mut Eta, done: u64, total: u64) {
        let eta_seconds = eta.seconds_left(Instant::now(), done, total);
        self.send(Event::Progress { stage, done, total, eta_seconds });
    }

    /// Names what the warnings to come are about.
    pub(crate) fn speak_of(&mut self, name: Option<String>) {
        self.case = name;
    }

    /// Reports and keeps a doubt.
    pub(crate) fn warn(&mut self, notice: Notice) {
        let stored = notice.text.clone();
        self.warn_storing(notice, stored);
    }

    /// Reports a doubt whose sentence must be another one where it is stored with a result.
    pub(crate) fn warn_storing(&mut self, notice: Notice, stored: String) {
        self.case_warnings.push(Notice { code: notice.code.clone(), text: stored });
        let text = self.case.as_ref().map_or_else(|| notice.text.clone(), |case| format!("{case}: {}", notice.text));
        let notice = Notice { text, ..notice };
        self.send(Event::Warning(notice.clone()));
        self.warnings.push(notice);
    }

    /// Ends the job if the user asked to stop.
    pub(crate) fn check_cancelled(&self) -> Result<(), Failure> {
        if self.cancel.load(Ordering::Relaxed) { Err(Failure::cancelled()) } else { Ok(()) }
    }

    /// The wish to stop, for code that polls it.
    pub(crate) fn cancel_flag(&self) -> &'a AtomicBool {
        self.cancel
    }

    /// Doubts about the current case, as they are stored.
    pub(crate) fn case_warnings(&self) -> &[Notice] {
        &self.case_warnings
    }

    /// Every doubt of the job.
    pub(crate) fn warnings(&self) -> &[Notice] {
        &self.warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_leaves_the_file_out() {
        let (mut events, cancel) = (Vec::new(), AtomicBool::new(false));
        let mut send = |event| events.push(event);
        let mut run = Run::new(&mut send, &cancel);
        run.begin_case("b", 0, 1);
        let shown = Notice { code: "BAD_SLICE".to_owned(), text: "erika.dcm: cut short".to_owned() };
        run.warn_storing(shown, "a file: cut short".to_owned());
        assert_eq!(run.case_warnings()[0].text, "a file: cut short");
        assert_eq!(run.warnings()[0].text, "b: erika.dcm: cut short");
    }
}
