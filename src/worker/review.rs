//! `review`.

use jobs::{Failure, FailureKind, ReviewJob};

use crate::run::Run;

pub(crate) fn review(_job: &ReviewJob, _run: &mut Run<'_>) -> Result<(), Failure> {
    Err(Failure::new(FailureKind::Internal, "`review` is not built yet"))
}
