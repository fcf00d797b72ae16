//! `models`.

use jobs::{Failure, FailureKind, ModelsJob, ModelsReport};

use crate::run::Run;

pub(crate) fn models(_job: &ModelsJob, _run: &mut Run<'_>) -> Result<ModelsReport, Failure> {
    Err(Failure::new(FailureKind::Internal, "`models` is not built yet"))
}
