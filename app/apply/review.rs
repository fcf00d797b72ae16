//! Deciding about structures, worst first.

use std::path::Path;

use jobs::case::Decision;
use jobs::{CompareReport, Failure};

use crate::core::Core;
use crate::state::{Case, ReviewState};

pub(super) fn with(core: &mut Core, change: impl FnOnce(&mut ReviewState)) {
    if let Some(case) = &mut core.state.case {
        change(&mut case.review);
    }
}

/// Values of the layer shown in the order the list shows them: worst first once measured, else as the table has them.
pub(crate) fn order(case: &Case) -> Vec<u16> {
    let Some(layer) = case.layer() else { return Vec::new() };
    match &layer.review {
        Some(review) => review.structures.iter().filter(|structure| structure.voxels > 0).map(|structure| structure.value).collect(),
        None => layer.file.table.iter().map(|label| label.value).collect(),
    }
}

pub(super) fn after_load(_core: &mut Core) {}
pub(super) fn enter(_core: &mut Core) {}
pub(super) fn ask(_core: &mut Core, _case: &Path, _layer: u32) {}
pub(super) fn measure(_core: &mut Core) {}
pub(super) fn measured(_core: &mut Core, _case: &Path, _layer: u32, _done: bool, _failure: Option<Failure>) {}
pub(super) fn decide(_core: &mut Core, _decision: Decision, _next: bool) {}
pub(super) fn accept_case(_core: &mut Core) {}
pub(super) fn reject_case(_core: &mut Core) {}
pub(super) fn next_open(_core: &mut Core) {}
pub(super) fn set_note(_core: &mut Core, _note: String) {}
pub(super) fn set_case_note(_core: &mut Core, _note: String) {}
pub(super) fn fix_in_edit(_core: &mut Core) {}
pub(super) fn compare_with(_core: &mut Core, _layer: Option<u32>) {}
pub(super) fn compared(_core: &mut Core, _report: CompareReport) {}
pub(super) fn not_compared(_core: &mut Core, _failure: Option<Failure>) {}
pub(super) fn edited(_core: &mut Core) {}
