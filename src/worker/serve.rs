//! The worker as a process of its own: requests as lines on its input, replies as lines on its output.
//!
//! Two jobs run at a time, one that computes and one that reads or writes, so that another study can be opened while one is
//! segmented. More wait their turn.

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use jobs::{Event, Job, PROTOCOL, Reply, Request};

use crate::SOFTWARE;

/// Time running jobs have to clean up after the window has gone.
const GRACE: Duration = Duration::from_secs(2);

type Cancels = Arc<Mutex<HashMap<u64, Arc<AtomicBool>>>>;

/// A job and its wish to stop.
struct Task {
    id: u64,
    job: Box<Job>,
    cancel: Arc<AtomicBool>,
}

/// Serves one window until its input ends or it says [`Request::Quit`].
pub fn serve(input: impl BufRead, output: impl Write + Send + 'static) {
    step_back();
    let output = Arc::new(Mutex::new(output));
    let cancels = Cancels::default();
    let (over, ended) = channel();
    let compute = lane("compute", &output, &cancels, over.clone());
    let files = lane("files", &output, &cancels, over);
    for line in input.lines() {
        let Ok(line) = line else { break };
        if line.trim().is_empty() {
            continue;
        }
        match serde_json::from_str(&line) {
            Ok(Request::Hello { .. }) => {
                say(&output, &Reply::Hello { protocol: PROTOCOL, software: SOFTWARE.to_owned(), pid: std::process::id() });
            }
            Ok(Request::Start { id, job }) => {
                let cancel = Arc::new(AtomicBool::new(false));
                lock(&cancels).insert(id, cancel.clone());
                let lane = if computes(&job) { &compute } else { &files };
                lane.send(Task { id, job, cancel }).ok();
            }
            Ok(Request::Cancel { id }) => {
                if let Some(cancel) = lock(&cancels).get(&id) {
                    cancel.store(true, Ordering::Relaxed);
                }
            }
            Ok(Request::Quit) => break,
            Err(error) => say(&output, &Reply::Misunderstood { reason: error.to_string() }),
        }
    }
    lock(&cancels).values().for_each(|cancel| cancel.store(true, Ordering::Relaxed));
    drop((compute, files));
    // Each lane says once that it is over; a job that does not stop in time is left to the end of the process.
    for _ in 0..2 {
        ended.recv_timeout(GRACE).ok();
    }
}

/// Lets the window go first. Threads started later inherit it; where it is refused, nothing is lost but some smoothness.
fn step_back() {
    const NICER_BY: i32 = 5;
    #[cfg(unix)]
    if let Err(error) = rustix::process::nice(NICER_BY) {
        tracing::debug!("the worker keeps its priority: {error}");
    }
    #[cfg(not(unix))]
    let _ = NICER_BY;
}

/// Whether a job keeps the device busy.
fn computes(job: &Job) -> bool {
    matches!(job, Job::Segment(_) | Job::SegmentCase(_) | Job::Estimate(_) | Job::Bench(_) | Job::Demo(_) | Job::Doctor(_))
}

/// A thread that does jobs one after another.
fn lane<W: Write + Send + 'static>(name: &str, output: &Arc<Mutex<W>>, cancels: &Cancels, over: Sender<()>) -> Sender<Task> {
    let (send, tasks): (Sender<Task>, Receiver<Task>) = channel();
    let (output, cancels) = (output.clone(), cancels.clone());
    let work = move || {
        for task in tasks {
            let id = task.id;
            let mut events = |event: Event| say(&output, &Reply::Event { id, event });
            catch_unwind(AssertUnwindSafe(|| crate::run(&task.job, &mut events, &task.cancel))).ok();
            lock(&cancels).remove(&id);
        }
        over.send(()).ok();
    };
    // Without a thread there is no worker, and the window is told by its end.
    thread::Builder::new().name(name.to_owned()).spawn(work).expect("a thread for the worker");
    send
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One line. A window that no longer listens has ended the input, too.
fn say(output: &Mutex<impl Write>, reply: &Reply) {
    let Ok(mut line) = serde_json::to_vec(reply) else { return };
    line.push(b'\n');
    let mut output = lock(output);
    output.write_all(&line).and_then(|()| output.flush()).ok();
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use jobs::InspectJob;

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            lock(&self.0).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_conversation() {
        let folder = tempfile::tempdir().unwrap();
        let job = Box::new(Job::Inspect(InspectJob { input: folder.path().join("nothing.nii") }));
        let said = [Request::Hello { protocol: PROTOCOL }, Request::Start { id: 3, job }];
        let mut lines: Vec<String> = said.iter().map(|request| serde_json::to_string(request).unwrap()).collect();
        lines.insert(1, "not a request".to_owned());
        let output = Shared::default();
        serve(Cursor::new(lines.join("\n")), output.clone());
        let heard = String::from_utf8(lock(&output.0).clone()).unwrap();
        let replies: Vec<Reply> = heard.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(matches!(&replies[0], Reply::Hello { protocol: PROTOCOL, .. }));
        assert!(matches!(&replies[1], Reply::Misunderstood { .. }));
        let Some(Reply::Event { id: 3, event: Event::Finished { document } }) = replies.last() else { panic!("{heard}") };
        assert!(!document.ok && document.error.is_some());
    }
}
