//! `import_layer`.

use jobs::{Failure, FailureKind, ImportLayerJob, LayerReport};

use crate::run::Run;

pub(crate) fn import_layer(_job: &ImportLayerJob, _run: &mut Run<'_>) -> Result<LayerReport, Failure> {
    Err(Failure::new(FailureKind::Internal, "`import_layer` is not built yet"))
}
