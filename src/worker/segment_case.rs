//! `segment_case`.

use jobs::{Failure, FailureKind, LayerReport, SegmentCaseJob};

use crate::run::Run;

pub(crate) fn segment_case(_job: &SegmentCaseJob, _run: &mut Run<'_>) -> Result<LayerReport, Failure> {
    Err(Failure::new(FailureKind::Internal, "`segment_case` is not built yet"))
}
