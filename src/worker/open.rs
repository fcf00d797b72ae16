//! `open`.

use jobs::{Failure, FailureKind, OpenJob, OpenReport};

use crate::run::Run;

pub(crate) fn open(_job: &OpenJob, _run: &mut Run<'_>) -> Result<OpenReport, Failure> {
    Err(Failure::new(FailureKind::Internal, "`open` is not built yet"))
}
