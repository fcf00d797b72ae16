//! The next case of a folder, read and preprocessed on the host while the device is busy with the one before.

use std::path::PathBuf;
use std::thread::{self, JoinHandle};

use formats::Warning;
use formats::study::OpenOptions;
use jobs::{Failure, FailureKind, Stage};
use mednext::InferencePlan;

use crate::failure;
use crate::run::Run;
use crate::session::{Ready, Session};
use crate::study::{self, Loaded};

/// A case being read on a thread of its own. Its doubts are kept for its turn.
pub(crate) struct Ahead(JoinHandle<Result<Read, Failure>>);

struct Read {
    ready: Ready,
    modalities: Vec<Option<String>>,
    warnings: Vec<Warning>,
}

impl Ahead {
    /// Begins to read a case and to make the networks' input of it.
    pub(crate) fn start(channels: Vec<PathBuf>, options: OpenOptions, plan: InferencePlan) -> Self {
        Self(thread::spawn(move || {
            let (loaded, warnings) = study::open(&channels, &options)?;
            let Loaded { scans, identity, modalities, placement } = loaded;
            let case = pipeline::prepare(scans, &plan).map_err(|error| failure::pipeline(&error))?;
            Ok(Read { ready: Ready { case, identity, placement }, modalities, warnings })
        }))
    }

    /// Waits for it, and reports what was found on the way.
    pub(crate) fn take(self, session: &Session, run: &mut Run<'_>) -> Result<Ready, Failure> {
        run.stage(Stage::ReadingInput)?;
        let ended = self.0.join().map_err(|_| Failure::new(FailureKind::Internal, "reading the case ended unexpectedly"))?;
        let Read { ready, modalities, warnings } = ended?;
        study::report(&warnings, run);
        session.doubt_modalities(&modalities, run);
        Ok(ready)
    }
}
