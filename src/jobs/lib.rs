//! What work is: job descriptions, the events a running job emits, its report, provenance and exit code.
//!
//! Everything here is plain data that serialises to JSON, so that a job can run in this process or in another one.
//! The crate computes nothing and knows neither devices nor file formats.

mod event;
mod job;
mod outcome;
mod provenance;
mod report;
mod timestamp;

pub use event::{Event, Notice, Stage};
pub use job::{BenchJob, ConvertJob, DemoJob, DoctorJob, GrnReduction, ImportJob, InspectJob, InspectWeightsJob, Job, SegmentJob};
pub use outcome::{Document, Failure, FailureKind};
pub use provenance::{ModelIdentity, Parameters, Provenance, SourceIdentity};
pub use report::{
    AdapterSummary, BenchReport, CaseOutcome, CaseReport, ConvertReport, DemoReport, DoctorReport, FileReport, ImportReport, InspectReport,
    KernelReport, ModelReport, Placement, Report, SegmentReport, SeriesReport, StructureReport, StructureScore, TileTime, WeightsReport,
};
pub use timestamp::utc_timestamp;
