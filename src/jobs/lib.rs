//! What work is: job descriptions, the events a running job emits, its report, provenance and exit code.
//!
//! Everything here is plain data that serialises to JSON, so that a job can run in this process or in another one.
//! The crate computes nothing and knows neither devices nor file formats.

mod assets;
pub mod case;
mod client;
mod event;
mod job;
mod outcome;
mod protocol;
mod provenance;
mod report;
mod timestamp;
mod window;
mod words;

pub use assets::find_assets;
pub use client::{Heard, WorkerCommand, WorkerProcess};
pub use event::{Event, Notice, Stage};
pub use job::{
    BenchJob, CompareJob, ConvertJob, DemoJob, DoctorJob, EstimateJob, ExportJob, ExportKind, GrnReduction, ImportJob, ImportLayerJob,
    InspectJob, InspectWeightsJob, Job, ListJob, ModelsJob, OpenJob, Quality, ReviewJob, SegmentCaseJob, SegmentJob,
};
pub use outcome::{Document, Failure, FailureKind};
pub use protocol::{PROTOCOL, Reply, Request};
pub use provenance::{ModelIdentity, Parameters, Provenance, SourceIdentity};
pub use report::{
    AdapterSummary, BenchReport, CaseOutcome, CaseReport, ConvertReport, DemoReport, DoctorReport, FileReport, ImportReport, InspectReport,
    KernelReport, ModelReport, Placement, Report, SegmentReport, SeriesReport, StructureReport, StructureScore, TileTime, WeightsReport,
};
pub use timestamp::utc_timestamp;
pub use window::{
    CompareReport, ComparedStructure, Estimate, EstimateReport, ExportReport, ExportedFile, Fit, LayerReport, ListReport, ListedStudy,
    ModelCard, ModelsReport, OpenReport,
};
pub use words::structure_words;
