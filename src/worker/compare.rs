//! `compare`.

use jobs::{Failure, FailureKind, CompareJob, CompareReport};

use crate::run::Run;

pub(crate) fn compare(_job: &CompareJob, _run: &mut Run<'_>) -> Result<CompareReport, Failure> {
    Err(Failure::new(FailureKind::Internal, "`compare` is not built yet"))
}
