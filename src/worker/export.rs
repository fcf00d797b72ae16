//! `export`.

use jobs::{Failure, FailureKind, ExportJob, ExportReport};

use crate::run::Run;

pub(crate) fn export(_job: &ExportJob, _run: &mut Run<'_>) -> Result<ExportReport, Failure> {
    Err(Failure::new(FailureKind::Internal, "`export` is not built yet"))
}
