//! Handing over.

use std::path::PathBuf;

use jobs::{ExportKind, ExportReport, Failure};

use crate::core::Core;

pub(super) fn set_kind(_core: &mut Core, _kind: ExportKind, _chosen: bool) {}
pub(super) fn choose_folder(_core: &mut Core) {}
pub(super) fn set_folder(_core: &mut Core, _folder: PathBuf) {}
pub(super) fn export(_core: &mut Core, _overwrite: bool) {}
pub(super) fn exported(_core: &mut Core, _report: ExportReport, _failure: Option<Failure>) {}
pub(super) fn not_exported(_core: &mut Core, _failure: Option<Failure>) {}
pub(super) fn save_picture(_core: &mut Core) {}
