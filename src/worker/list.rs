//! `list`.

use jobs::{Failure, FailureKind, ListJob, ListReport};

use crate::run::Run;

pub(crate) fn list(_job: &ListJob, _run: &mut Run<'_>) -> Result<ListReport, Failure> {
    Err(Failure::new(FailureKind::Internal, "`list` is not built yet"))
}
