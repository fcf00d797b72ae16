//! What window and worker say to each other: one JSON object per line, requests on the worker's standard input, replies on its
//! standard output. The same lines work through `ssh host voxelry worker`.

use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::job::Job;

/// Version of the lines below. Both sides must agree.
pub const PROTOCOL: u32 = 1;

/// Said to the worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// First line.
    Hello {
        /// [`PROTOCOL`] of the window.
        protocol: u32,
    },
    /// Does a job. Its events carry the same number, the last being [`Event::Finished`].
    Start {
        /// Chosen by the window, never reused.
        id: u64,
        /// What to do.
        job: Box<Job>,
    },
    /// Stops a job, which still ends with [`Event::Finished`].
    Cancel {
        /// Of the job.
        id: u64,
    },
    /// Stops everything and ends; so does the end of input.
    Quit,
}

/// Said by the worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// Answer to [`Request::Hello`].
    Hello {
        /// [`PROTOCOL`] of the worker.
        protocol: u32,
        /// Program and version.
        software: String,
        /// Process id.
        pid: u32,
    },
    /// A line that was no request.
    Misunderstood {
        /// Why.
        reason: String,
    },
    /// Something a job says.
    Event {
        /// Of the job.
        id: u64,
        /// What.
        event: Event,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{InspectJob, Stage};

    #[test]
    fn lines_come_back() {
        let request = Request::Start { id: 7, job: Box::new(Job::Inspect(InspectJob { input: "a".into() })) };
        let line = serde_json::to_string(&request).unwrap();
        assert!(line.starts_with(r#"{"request":"start","id":7,"job":{"job":"inspect""#), "{line}");
        assert_eq!(serde_json::from_str::<Request>(&line).unwrap(), request);
        let reply = Reply::Event { id: 7, event: Event::Stage { stage: Stage::Writing } };
        assert_eq!(serde_json::from_str::<Reply>(&serde_json::to_string(&reply).unwrap()).unwrap(), reply);
    }
}
