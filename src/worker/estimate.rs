//! `estimate`.

use jobs::{EstimateJob, EstimateReport, Failure, FailureKind};

use crate::run::Run;

pub(crate) fn estimate(_job: &EstimateJob, _run: &mut Run<'_>) -> Result<EstimateReport, Failure> {
    Err(Failure::new(FailureKind::Internal, "`estimate` is not built yet"))
}
