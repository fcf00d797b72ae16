//! Operations on whole structures, on a background thread.

use crate::core::Core;
use crate::render::plane::Plane;

pub(super) fn interpolate(_core: &mut Core, _plane: Plane) {}
pub(super) fn keep_largest(_core: &mut Core) {}
pub(super) fn keep_piece(_core: &mut Core) {}
pub(super) fn remove_small(_core: &mut Core) {}
pub(super) fn split_pieces(_core: &mut Core) {}
pub(super) fn grow(_core: &mut Core, _by_mm: f32) {}
pub(super) fn smooth(_core: &mut Core, _by_mm: f32) {}
pub(super) fn relabel(_core: &mut Core, _from: u16, _to: u16) {}
