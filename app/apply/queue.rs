//! Many cases, one after another.

use std::path::PathBuf;

use jobs::{Failure, Report};

use crate::core::Core;

pub(super) fn open_listed(_core: &mut Core) {}
pub(super) fn prefetched(_core: &mut Core, _index: usize, _report: Option<Report>, _failure: Option<Failure>) {}
pub(super) fn step(_core: &mut Core, _by: i32) {}
pub(super) fn go_to(_core: &mut Core, _index: usize) {}
pub(super) fn save_summary(_core: &mut Core, _path: PathBuf) {}
