//! The window's end of the worker: which job was asked for what, and what came of it.

use std::collections::HashMap;
use std::path::PathBuf;

use jobs::{Document, Event, Heard, Job, Reply, WorkerCommand, WorkerProcess};

use crate::tasks::Wake;

/// Why a job was asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Purpose {
    /// What this machine can run.
    Doctor,
    /// What a path holds.
    List(PathBuf),
    /// A study for the screen.
    Open,
    /// A case of the queue ahead of its turn: its index.
    Prefetch(usize),
    /// Models for the case.
    Models,
    /// Time and memory of a model.
    Estimate(PathBuf),
    /// The run.
    Segment,
    /// A mask file as a layer of a case.
    ImportLayer(PathBuf),
    /// Measures of a layer of a case.
    Review {
        /// Case folder.
        case: PathBuf,
        /// Layer.
        layer: u32,
    },
    /// Two layers of the case.
    Compare,
    /// Files.
    Export,
}

/// What the worker said.
#[derive(Debug)]
pub(crate) enum News {
    /// It is there.
    Ready,
    /// Something about a job in progress.
    Event(Purpose, Event),
    /// A job ended.
    Done(Purpose, Box<Document>),
    /// It is gone; with what was lost and its last words.
    Died {
        /// Jobs that were under way.
        lost: Vec<Purpose>,
        /// How it ended, and the end of its standard error.
        report: String,
    },
    /// It could not be started.
    NotStarted(String),
}

/// A worker, started when needed.
pub(crate) struct Link {
    command: WorkerCommand,
    worker: Option<WorkerProcess>,
    asked: HashMap<u64, Purpose>,
    next: u64,
    wake: Wake,
    failed: Option<String>,
}

impl Link {
    pub(crate) fn new(command: WorkerCommand, wake: Wake) -> Self {
        let mut link = Self { command, worker: None, asked: HashMap::new(), next: 1, wake, failed: None };
        link.start();
        link
    }

    /// Starts a worker, unless one runs.
    pub(crate) fn start(&mut self) {
        if self.worker.is_none() {
            let wake = self.wake.clone();
            match WorkerProcess::start(&self.command, move || wake()) {
                Ok(worker) => self.worker = Some(worker),
                Err(error) => self.failed = Some(format!("{}: {error}", self.command.program.display())),
            }
        }
    }

    /// Asks for a job and returns its number.
    pub(crate) fn ask(&mut self, purpose: Purpose, job: Job) -> u64 {
        self.start();
        let id = self.next;
        self.next += 1;
        if let Some(worker) = &self.worker {
            self.asked.insert(id, purpose);
            worker.start_job(id, job);
        }
        id
    }

    /// Asks to stop a job.
    pub(crate) fn cancel(&self, id: u64) {
        if let Some(worker) = &self.worker {
            worker.cancel(id);
        }
    }

    /// Asks to stop every job of a purpose.
    pub(crate) fn cancel_all(&self, of: impl Fn(&Purpose) -> bool) {
        self.asked.iter().filter(|(_, purpose)| of(purpose)).for_each(|(id, _)| self.cancel(*id));
    }

    /// Whether a job of a purpose is under way.
    pub(crate) fn is_asked(&self, of: impl Fn(&Purpose) -> bool) -> bool {
        self.asked.values().any(of)
    }

    /// Process id of the worker, for tests that end it.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.worker.as_ref().map(WorkerProcess::pid)
    }

    /// The next news.
    pub(crate) fn news(&mut self) -> Option<News> {
        if let Some(reason) = self.failed.take() {
            return Some(News::NotStarted(reason));
        }
        loop {
            match self.worker.as_mut()?.hear()? {
                Heard::Reply(Reply::Hello { protocol, software, .. }) => {
                    if protocol == jobs::PROTOCOL {
                        return Some(News::Ready);
                    }
                    self.worker = None;
                    return Some(News::NotStarted(format!("{software} speaks protocol {protocol}, this window {}", jobs::PROTOCOL)));
                }
                Heard::Reply(Reply::Event { id, event: Event::Finished { document } }) => {
                    if let Some(purpose) = self.asked.remove(&id) {
                        return Some(News::Done(purpose, document));
                    }
                }
                Heard::Reply(Reply::Event { id, event }) => {
                    if let Some(purpose) = self.asked.get(&id) {
                        return Some(News::Event(purpose.clone(), event));
                    }
                }
                Heard::Reply(Reply::Misunderstood { reason }) => tracing::warn!("the worker did not understand a request: {reason}"),
                Heard::Noise(line) => tracing::debug!("the worker wrote a line that is no reply ({} bytes)", line.len()),
                Heard::Ended { status, last_words } => {
                    self.worker = None;
                    let how = status.map_or_else(|| "unknown".to_owned(), |status| status.to_string());
                    let lost = self.asked.drain().map(|(_, purpose)| purpose).collect();
                    return Some(News::Died { lost, report: format!("engine ended: {how}\n{last_words}") });
                }
            }
        }
    }
}
