//! Does the work: one function per job kind, in this process.
//!
//! [`run`] never panics and never leaves a half-written file: a defect inside a job becomes a failure of kind `internal`.

mod ahead;
mod bench;
mod canvas;
mod cases;
mod compare;
mod convert;
mod demo;
mod doctor;
mod estimate;
mod eta;
mod export;
mod failure;
mod files;
mod font;
mod import_layer;
mod inspect;
mod layers;
mod list;
mod live;
mod models;
mod networks;
mod open;
mod picture;
mod preview;
mod probabilities;
mod review;
mod run;
mod segment;
mod segment_case;
mod serve;
mod session;
mod study;
#[cfg(test)]
mod tests_recovery;
#[cfg(test)]
mod tests_window;
mod tile_times;
mod tuning;
mod usual;
mod weights;

pub use serve::serve;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;

use jobs::{Document, Event, Failure, FailureKind, Job, Report};

use crate::run::Run;

/// Program and version, for provenance.
pub(crate) const SOFTWARE: &str = concat!("voxelry ", env!("CARGO_PKG_VERSION"));

/// Does one job. Events go to `events` while it runs, the last being [`Event::Finished`]; `cancel` may turn true at any time.
pub fn run(job: &Job, events: &mut dyn FnMut(Event), cancel: &AtomicBool) -> Document {
    let mut run = Run::new(events, cancel);
    let (report, failure) = match guarded(|| dispatch(job, &mut run)) {
        Ok(ending) => (Some(ending.report), ending.failure),
        Err(failure) => (None, Some(failure)),
    };
    let document = Document::new(run.warnings().to_vec(), report, failure);
    run.send(Event::Finished { document: Box::new(document.clone()) });
    document
}

/// A report, which may come with a failure when only part of the work was done.
pub(crate) struct Ending {
    report: Report,
    failure: Option<Failure>,
}

impl From<Report> for Ending {
    fn from(report: Report) -> Self {
        Self { report, failure: None }
    }
}

fn dispatch(job: &Job, run: &mut Run<'_>) -> Result<Ending, Failure> {
    match job {
        Job::Segment(job) => segment::segment(job, run),
        Job::Convert(job) => convert::convert(job, run).map(|report| Report::Convert(report).into()),
        Job::Inspect(job) => inspect::inspect(job, run),
        Job::InspectWeights(job) => weights::inspect(job, run).map(|report| Report::InspectWeights(report).into()),
        Job::Import(job) => weights::import(job, run).map(|report| Report::Import(report).into()),
        Job::Doctor(job) => doctor::doctor(job, run).map(|report| Report::Doctor(report).into()),
        Job::Demo(job) => demo::demo(job, run),
        Job::Bench(job) => bench::bench(job, run).map(|report| Report::Bench(report).into()),
        Job::List(job) => list::list(job, run).map(|report| Report::List(report).into()),
        Job::Open(job) => open::open(job, run).map(|report| Report::Open(report).into()),
        Job::Models(job) => models::models(job, run).map(|report| Report::Models(report).into()),
        Job::Estimate(job) => estimate::estimate(job, run).map(|report| Report::Estimate(report).into()),
        Job::SegmentCase(job) => segment_case::segment_case(job, run).map(|report| Report::Layer(report).into()),
        Job::ImportLayer(job) => import_layer::import_layer(job, run).map(|report| Report::Layer(report).into()),
        Job::Review(job) => review::review(job, run).map(|()| Report::Review.into()),
        Job::Compare(job) => compare::compare(job, run).map(|report| Report::Compare(report).into()),
        Job::Export(job) => export::export(job, run).map(|report| Report::Export(report).into()),
    }
}

/// Turns a panic into a failure. What the work held is dropped with it; only finished events and warnings are looked at after.
fn guarded(work: impl FnOnce() -> Result<Ending, Failure>) -> Result<Ending, Failure> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(Failure::new(FailureKind::Internal, format!("Voxelry has a defect: {}", message_of(&*panic)))))
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic without a message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_defect_is_a_failure_not_an_abort() {
        let failure = guarded(|| panic!("index {} out of range", 7)).err().unwrap();
        assert_eq!((failure.kind, failure.kind.exit_code()), (FailureKind::Internal, 1));
        assert!(failure.sentence.ends_with("index 7 out of range"));
    }

    #[test]
    fn a_cancelled_job_says_so_and_ends_with_its_document() {
        let folder = tempfile::tempdir().unwrap();
        let job = Job::Inspect(jobs::InspectJob { input: folder.path().to_owned() });
        let mut events = Vec::new();
        let document = run(&job, &mut |event| events.push(event), &AtomicBool::new(true));
        assert_eq!(document.exit_code, 10);
        assert_eq!(events, [Event::Finished { document: Box::new(document) }]);
    }
}
