//! A worker as a child process: lines out, replies in, its end noticed.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;

use crate::job::Job;
use crate::protocol::{PROTOCOL, Reply, Request};

/// Replies that may wait; a window that does not read slows the worker down instead of filling memory.
const WAITING_REPLIES: usize = 1024;

/// The end of what the worker wrote to its standard error, kept for a report.
const KEPT_ERROR_BYTES: usize = 16 << 10;

/// How to start a worker.
#[derive(Debug, Clone)]
pub struct WorkerCommand {
    /// Program.
    pub program: PathBuf,
    /// Arguments, the last of which is usually `worker`.
    pub arguments: Vec<OsString>,
    /// Variables set for it.
    pub environment: Vec<(OsString, OsString)>,
}

impl WorkerCommand {
    /// This very program, started as a worker.
    pub fn own() -> io::Result<Self> {
        Ok(Self::program(std::env::current_exe()?))
    }

    /// Another program that understands `worker`.
    pub fn program(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), arguments: vec!["worker".into()], environment: Vec::new() }
    }
}

/// What comes from a worker.
#[derive(Debug)]
pub enum Heard {
    /// A line.
    Reply(Reply),
    /// A line nobody understands.
    Noise(String),
    /// It is gone.
    Ended {
        /// How, where the system tells.
        status: Option<ExitStatus>,
        /// The end of its standard error.
        last_words: String,
    },
}

/// A running worker. Dropping it ends the process.
#[derive(Debug)]
pub struct WorkerProcess {
    child: Child,
    requests: Option<SyncSender<Request>>,
    heard: Receiver<Heard>,
    last_words: Option<thread::JoinHandle<String>>,
    ended: bool,
}

impl WorkerProcess {
    /// Starts a worker and greets it. `wake` is called whenever something can be heard.
    pub fn start(command: &WorkerCommand, wake: impl Fn() + Send + 'static) -> io::Result<Self> {
        let mut child = Command::new(&command.program)
            .args(&command.arguments)
            .envs(command.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take()) else {
            return Err(io::Error::other("the worker has no standard streams"));
        };
        let (requests, waiting) = sync_channel(64);
        let (say, heard) = sync_channel(WAITING_REPLIES);
        thread::Builder::new().name("to worker".to_owned()).spawn(move || write_requests(stdin, &waiting))?;
        thread::Builder::new().name("from worker".to_owned()).spawn(move || {
            read_replies(stdout, &say, &wake);
            drop(say);
            wake();
        })?;
        let last_words = thread::Builder::new().name("worker errors".to_owned()).spawn(move || keep_end(stderr))?;
        let worker = Self { child, requests: Some(requests), heard, last_words: Some(last_words), ended: false };
        worker.request(Request::Hello { protocol: PROTOCOL });
        Ok(worker)
    }

    /// Asks for a job.
    pub fn start_job(&self, id: u64, job: Job) {
        self.request(Request::Start { id, job: Box::new(job) });
    }

    /// Asks to stop a job.
    pub fn cancel(&self, id: u64) {
        self.request(Request::Cancel { id });
    }

    /// A worker that no longer reads is found out by [`Heard::Ended`], so a lost request needs no answer here.
    fn request(&self, request: Request) {
        if let Some(requests) = &self.requests {
            requests.try_send(request).ok();
        }
    }

    /// The next thing heard, if any. [`Heard::Ended`] comes once and is the last.
    pub fn hear(&mut self) -> Option<Heard> {
        if self.ended {
            return None;
        }
        match self.heard.try_recv() {
            Ok(heard) => Some(heard),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                self.ended = true;
                let status = self.child.wait().ok();
                let last_words = self.last_words.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
                Some(Heard::Ended { status, last_words })
            }
        }
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        self.child.kill().ok();
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        self.requests = None;
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn write_requests(stdin: ChildStdin, waiting: &Receiver<Request>) {
    let mut stdin = BufWriter::new(stdin);
    for request in waiting {
        let sent = serde_json::to_writer(&mut stdin, &request).map_err(io::Error::from).and_then(|()| {
            stdin.write_all(b"\n")?;
            stdin.flush()
        });
        if sent.is_err() {
            return;
        }
    }
}

fn read_replies(stdout: impl Read, say: &SyncSender<Heard>, wake: &impl Fn()) {
    for line in BufReader::new(stdout).lines() {
        let Ok(line) = line else { return };
        let heard = serde_json::from_str(&line).map_or_else(|_| Heard::Noise(line), Heard::Reply);
        if say.send(heard).is_err() {
            return;
        }
        wake();
    }
}

fn keep_end(mut stderr: impl Read) -> String {
    let mut kept = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(read @ 1..) = stderr.read(&mut chunk) {
        kept.extend_from_slice(&chunk[..read]);
        let excess = kept.len().saturating_sub(KEPT_ERROR_BYTES);
        kept.drain(..excess);
    }
    String::from_utf8_lossy(&kept).into_owned()
}
