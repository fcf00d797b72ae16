//! Work of the window itself that would make it stutter: file dialogs, long mask operations, surfaces.
//!
//! A task runs on a thread of its own and comes back as a closure, which the window's thread applies to the state.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::core::Core;

/// What a finished task does to the state.
pub(crate) type Finish = Box<dyn FnOnce(&mut Core) + Send>;

/// Asks the window to look for news.
pub(crate) type Wake = Arc<dyn Fn() + Send + Sync>;

/// Finished tasks that may wait.
const WAITING: usize = 64;

/// The tasks under way.
pub(crate) struct Tasks {
    finished: Receiver<Finish>,
    send: SyncSender<Finish>,
    wake: Wake,
}

impl Tasks {
    pub(crate) fn new(wake: Wake) -> Self {
        let (send, finished) = sync_channel(WAITING);
        Self { finished, send, wake }
    }

    /// Runs `work` beside the window.
    pub(crate) fn spawn(&self, name: &str, work: impl FnOnce() -> Finish + Send + 'static) {
        let (send, wake) = (self.send.clone(), self.wake.clone());
        let run = move || {
            let finish = work();
            // The window has gone: nobody wants the result.
            if send.send(finish).is_ok() {
                wake();
            }
        };
        if let Err(error) = thread::Builder::new().name(name.to_owned()).spawn(run) {
            tracing::error!("no thread for {name}: {error}");
        }
    }

    /// The next finished task.
    pub(crate) fn finished(&self) -> Option<Finish> {
        self.finished.try_recv().ok()
    }
}
