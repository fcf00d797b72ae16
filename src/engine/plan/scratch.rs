//! Working buffers every block shares, and the slabs that keep bindings and dispatches inside a device's limits.

use super::{ALIGN, Buffer, Limits, Precision, Range, Source};
use crate::runner::EngineError;

/// Indices of the shared buffers; the tensors of the network follow.
pub(super) struct Scratch;

impl Scratch {
    /// Depthwise results, and the tile itself before the stem has read it; expanded activations where these are stored.
    pub(super) const WIDE: usize = 0;
    /// Depthwise results of blocks whose expanded activation lies in [`WIDE`](Self::WIDE), and slabs of expanded activations; logits
    /// of a folded head on their way to [`WIDE`](Self::WIDE).
    pub(super) const NARROW: usize = 1;
    pub(super) const NORM_PARTIAL: usize = 2;
    pub(super) const NORM_PLANES: usize = 3;
    pub(super) const AFFINE: usize = 4;
    pub(super) const GRN_PARTIAL: usize = 5;
    pub(super) const GRN_GROUPS: usize = 6;
    pub(super) const GRN_SQUARES: usize = 7;
    pub(super) const GRN_SCALE: usize = 8;
    /// The tensor of the second level. Before it is written and after it was last read, blocks of the first level keep the last
    /// planes of their depthwise result here, which nothing else is large enough for.
    pub(super) const LEVEL1: usize = 9;

    /// All of them, empty.
    pub(super) fn buffers(precision: Precision) -> Vec<Buffer> {
        let activations = [("wide", precision), ("narrow", precision)];
        let statistics = ["norm partials", "norm planes", "norm affine", "GRN partials", "GRN groups", "GRN squares", "GRN scale"];
        let all = activations.into_iter().chain(statistics.map(|name| (name, Precision::F32))).chain([("activation", precision)]);
        all.map(|(name, precision)| Buffer { name, len: 0, precision }).collect()
    }
}

/// Makes `buffer` at least `len` long and returns its first `len` vec4.
pub(super) fn reserve(buffers: &mut [Buffer], buffer: usize, len: usize) -> Range {
    buffers[buffer].len = buffers[buffer].len.max(len.next_multiple_of(ALIGN));
    Range { source: Source::Buffer(buffer), start: 0, len }
}

/// One pass over the planes of a tensor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pass {
    pub(super) planes: usize,
    /// Bytes per plane of the largest binding.
    pub(super) bytes: u64,
    /// Bytes per plane of the largest binding that also holds planes beyond those computed.
    pub(super) haloed_bytes: u64,
    /// How many such planes.
    pub(super) halo: u64,
    /// Arithmetic per plane.
    pub(super) flops: u64,
    /// Planes that may not be separated.
    pub(super) group: usize,
}

/// Index ranges of planes that fit the limits.
pub(super) fn slabs(limits: &Limits, pass: Pass) -> Result<Vec<(usize, usize)>, EngineError> {
    let fits = |bytes: u64, halo: u64| (limits.binding_bytes / bytes.max(1)).saturating_sub(halo);
    let fit = fits(pass.bytes, 0).min(fits(pass.haloed_bytes, pass.halo));
    let least = pass.group.min(pass.planes) as u64;
    if fit < least {
        let need = (pass.bytes * least).max(pass.haloed_bytes * (pass.halo + least));
        let (need, have) = (need >> 10, limits.binding_bytes >> 10);
        return Err(EngineError::DoesNotFit(format!("{least} planes of a tile need a {need} KiB binding, the device allows {have} KiB")));
    }
    let step = fit.min(limits.dispatch_flops / pass.flops.max(1)).min(u64::from(limits.groups)) as usize;
    let step = (step / pass.group).max(1) * pass.group;
    Ok((0..pass.planes).step_by(step).map(|z| (z, (z + step).min(pass.planes))).collect())
}
