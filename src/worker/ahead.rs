//! The next case of a folder, read and preprocessed on the host while the device is busy with the one before.

use std::panic::resume_unwind;
use std::path::PathBuf;
use std::thread::{self, JoinHandle};

use formats::Warning;
use formats::study::OpenOptions;
use jobs::{Failure, Stage};
use mednext::InferencePlan;

use crate::failure;
use crate::run::Run;
use crate::session::{Ready, Session};
use crate::study::{self, Loaded};

/// A case being read on a thread of its own. Its doubts are kept for its turn.
pub(crate) struct Ahead(Option<JoinHandle<Result<Read, Failure>>>);

struct Read {
    ready: Result<Ready, Failure>,
    modalities: Vec<Option<String>>,
    warnings: Vec<Warning>,
}

impl Ahead {
    /// Begins to read a case and to make the networks' input of it.
    pub(crate) fn start(channels: Vec<PathBuf>, options: OpenOptions, plan: InferencePlan) -> Self {
        Self(Some(thread::spawn(move || {
            let (Loaded { scans, identity, modalities, placement }, warnings) = study::open(&channels, &options)?;
            let case = pipeline::prepare(scans, &plan).map_err(|error| failure::pipeline(&error));
            Ok(Read { ready: case.map(|case| Ready { case, identity, placement }), modalities, warnings })
        })))
    }

    /// Waits for it, and reports what was found on the way.
    pub(crate) fn take(mut self, session: &Session, run: &mut Run<'_>) -> Result<Ready, Failure> {
        run.stage(Stage::ReadingInput)?;
        let reader = self.0.take().expect("a case is taken once");
        // A defect on that thread is a defect of the job.
        let Read { ready, modalities, warnings } = reader.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        study::report(&warnings, run);
        session.doubt_modalities(&modalities, run);
        ready
    }
}

impl Drop for Ahead {
    /// Never more than one case is read ahead, also when its turn is passed over.
    fn drop(&mut self) {
        if let Some(reader) = self.0.take() {
            // Nobody wants its result any more.
            let _ = reader.join();
        }
    }
}
