//! The passes of one block.
//!
//! Depthwise convolution with instance statistics; expand and GELU with GRN statistics; compress and residual, in place. Between
//! the last two the expanded activation is either stored or computed again: with few channels arithmetic is cheaper than
//! traffic, and the tensor would be the largest of the network. What is computed again goes through a slab of scratch from the
//! kernel that expands to the one that compresses, or, where workgroup memory is fast, is used up in the kernel that made it. The
//! depthwise result of a large up block is computed again, slab by slab, in every pass that reads it: at a 128^3 patch it alone
//! would take 500 MiB.
//!
//! A folded head replaces the last block's outputs by logits. They cannot be added to the residual in place, because they are fewer:
//! slab by slab, the residual goes through the head to where the logits go, and the block adds to that.

use mednext::{Block, BlockKind, GrnReduction};

use super::lower::{Lowering, Placement, spill_planes};
use super::pack::PackedBlock;
use super::scratch::{Pass, Scratch};
use super::{ALIGN, Precision, Range, Source, Tensor};
use crate::kernels::{
    DEPTHWISE_PLAIN_STRIP, DEPTHWISE_ROLLING_KERNEL, DEPTHWISE_STRIP, DEPTHWISE_UP_STRIP, Kernel, Leaves, Sharing, THREADS, Tile,
};
use crate::params;
use crate::runner::EngineError;

/// `GroupNorm`'s epsilon in the public code (PyTorch's default).
const NORM_EPS: f32 = 1e-5;
/// GRN's epsilon in the public code.
const GRN_EPS: f32 = 1e-6;
/// Vec4 of four channels' statistics of one set of voxels: mean, M2, count.
const MOMENTS: usize = 3;

/// What every pass of one block needs.
struct Context<'a> {
    block: &'a Block,
    packed: &'a PackedBlock,
    x: Tensor,
    d: Tensor,
    y: Tensor,
    /// 1 for up blocks: results start one voxel in.
    shift: usize,
    /// Whether the whole depthwise result is kept, or only the slab at hand.
    stored: bool,
    /// Planes of the depthwise result in `d`; the others lie in [`Scratch::LEVEL1`].
    split: usize,
    /// Weights of a folded head, for what the block adds to: `y` is then no residual yet.
    head: Option<(Range, Range)>,
    /// Planes for which [`Scratch::NARROW`] holds the logits of a folded head. They come from there where the kernel that ends the
    /// block reads the depthwise result: their place is what it has used up, in the same buffer, which it cannot write as well.
    detour: Option<usize>,
}

/// An expanded activation, `[group of planes][tile][hidden/4][voxel of the tile]`: each tile is one contiguous piece.
#[derive(Clone, Copy)]
struct Hidden {
    /// Planes of a group: tiles cross planes where one plane has too few voxels to fill a tile.
    planes: usize,
    /// Tiles of a group.
    tiles: usize,
    /// Groups of planes.
    groups: usize,
    /// Vec4 of a group.
    len: usize,
    /// Whether all groups are kept, in [`Scratch::WIDE`], or only the slab at hand, in [`Scratch::NARROW`].
    stored: bool,
}

impl Hidden {
    fn new(d: Tensor, hidden4: usize, tile_voxels: usize) -> Self {
        let planes = (tile_voxels / d.plane_voxels()).clamp(1, d.size_zyx[0]);
        let tiles = (planes * d.plane_voxels()).div_ceil(tile_voxels);
        Self { planes, tiles, groups: d.size_zyx[0].div_ceil(planes), len: tiles * hidden4 * tile_voxels, stored: false }
    }

    fn buffer(self) -> usize {
        if self.stored { Scratch::WIDE } else { Scratch::NARROW }
    }

    /// Vec4 of a plane.
    fn per_plane(self) -> usize {
        self.len.div_ceil(self.planes)
    }

    /// The groups that hold the planes `z0..z1`, of which `z0` begins one.
    fn range(&self, z0: usize, z1: usize) -> (Range, usize) {
        let (first, groups) = (z0 / self.planes, (z1 - z0).div_ceil(self.planes));
        let first = if self.stored { first } else { 0 };
        (Range { source: Source::Buffer(self.buffer()), start: first * self.len, len: groups * self.len }, groups)
    }
}

/// Size of a block's depthwise result.
pub(super) fn depthwise_size(kind: BlockKind, size_zyx: [usize; 3]) -> [usize; 3] {
    match kind {
        BlockKind::Same => size_zyx,
        BlockKind::Down => size_zyx.map(|n| n.div_ceil(2)),
        BlockKind::Up => size_zyx.map(|n| 2 * n - 1),
    }
}

impl Lowering {
    /// All passes of a block that reads `x` and writes, or adds to, `y`.
    pub(super) fn block(&mut self, block: &Block, packed: &PackedBlock, x: Tensor, y: Tensor) -> Result<(), EngineError> {
        let size_zyx = depthwise_size(block.kind, x.size_zyx);
        let mut d = Tensor { buffer: Scratch::WIDE, channels: x.channels, size_zyx };
        let hidden = self.hidden(block, d);
        let hidden_stored = hidden.is_some_and(|hidden| hidden.stored);
        if hidden_stored {
            d.buffer = Scratch::NARROW;
        }
        let stored = self.stores_depthwise(block.kind, d);
        let shift = usize::from(block.kind == BlockKind::Up);
        let spilt = if block.kind == BlockKind::Same && !hidden_stored { spill_planes(d, self.spill) } else { 0 };
        let head = packed.projection.filter(|_| block.kind == BlockKind::Same);
        let detour = (head.is_some() && hidden.is_none() && y.buffer == d.buffer).then(|| self.detour(y));
        let context = Context { block, packed, x, d, y, shift, stored, split: size_zyx[0] - spilt, head, detour };
        self.norm_pass(&context)?;
        match (hidden, block.grn) {
            (Some(hidden), Some(reduction)) => self.expand_pass(&context, hidden, reduction)?,
            (None, Some(reduction)) => self.grn_pass(&context, reduction)?,
            (_, None) => {}
        }
        if let Some(projection) = packed.projection.filter(|_| head.is_none()) {
            let placement = match block.kind {
                BlockKind::Up => Placement { in_stride: 1, out_stride: 2, out_offset: 1, accumulate: true },
                _ => Placement { in_stride: 2, out_stride: 1, out_offset: 0, accumulate: false },
            };
            self.pointwise(x, y, projection, placement)?;
        }
        match hidden {
            Some(hidden) => self.compress_pass(&context, hidden),
            None => self.mlp_pass(&context),
        }
    }

    /// Whether the whole depthwise result of a block is kept.
    pub(super) fn stores_depthwise(&self, kind: BlockKind, d: Tensor) -> bool {
        kind != BlockKind::Up || d.len() as u64 * self.limits.precision.vec4_bytes() <= self.limits.store_up_bytes
    }

    /// Whether a head can be folded into a block that keeps the size of `x`: into one that does not store its expanded activation, or
    /// not in tiles of far more outputs than a head has.
    pub(super) fn can_fold(&self, block: &Block, x: Tensor) -> bool {
        let stored = self.hidden(block, Tensor { buffer: Scratch::WIDE, ..x }).is_some();
        !stored || matches!(self.limits.products().sharing, Sharing::Subgroup)
    }

    /// The buffer of a block's depthwise result.
    pub(super) fn depthwise_buffer(&self, block: &Block, x: Tensor) -> usize {
        let hidden = self.hidden(block, Tensor { buffer: Scratch::WIDE, ..x });
        if hidden.is_some_and(|hidden| hidden.stored) { Scratch::NARROW } else { Scratch::WIDE }
    }

    /// Planes of logits on their way at once: what fits a buffer that other blocks need anyway, or a few.
    fn detour(&mut self, logits: Tensor) -> usize {
        let planes = (self.buffers[Scratch::NARROW].len / logits.plane()).clamp(logits.size_zyx[0].div_ceil(16), logits.size_zyx[0]);
        self.reserve(Scratch::NARROW, planes * logits.plane());
        planes
    }

    /// Where the results of the planes `z0..z1` are added up; with a folded head, what they are added to goes there first.
    fn target(&mut self, c: &Context<'_>, z0: usize, z1: usize) -> Range {
        let to = match c.detour {
            Some(_) => Tensor { buffer: Scratch::NARROW, ..c.y }.planes(0, z1 - z0),
            None => c.y.planes(z0 + c.shift, z1 + c.shift),
        };
        if let Some(head) = c.head {
            self.pointwise_slab(c.x, c.y, head, Placement::SAME, (c.x.planes(z0, z1), to), z1 - z0);
        }
        to
    }

    /// The place of a block's expanded activation: all of it if storing that pays and fits, else a slab. Without GRN it is needed
    /// only once.
    fn hidden(&self, block: &Block, d: Tensor) -> Option<Hidden> {
        let hidden = Hidden::new(d, block.hidden.div_ceil(4), self.limits.products().voxels as usize);
        let group_bytes = hidden.len as u64 * self.limits.precision.vec4_bytes();
        let pays = block.grn.is_some() && block.in_channels >= self.limits.store_hidden_channels;
        let stored = pays && hidden.groups as u64 * group_bytes <= self.hidden_room;
        (stored || group_bytes <= self.limits.slab_hidden_bytes).then_some(Hidden { stored, ..hidden })
    }

    /// Slabs of `d` for a pass that also binds `other` bytes per plane, and those of `hidden`.
    fn block_slabs(&self, c: &Context<'_>, other: u64, hidden: Option<Hidden>, flops: u64) -> Result<Vec<(usize, usize)>, EngineError> {
        // Input planes that n output planes reach: n + k - 1, 2n + k - 2, and at most n + k/2 + 1.
        let (stride, halo) = match c.block.kind {
            BlockKind::Same => (1, c.block.kernel - 1),
            BlockKind::Down => (2, c.block.kernel / 2),
            BlockKind::Up => (1, c.block.kernel / 2 + 1),
        };
        let vec4_bytes = self.limits.precision.vec4_bytes();
        let haloed_bytes = vec4_bytes * (stride * c.x.plane()) as u64;
        let bytes = other.max(vec4_bytes * c.d.plane().max(hidden.map_or(0, Hidden::per_plane)) as u64);
        let group = hidden.map_or(1, |hidden| hidden.planes);
        let mut pass = Pass { planes: c.d.size_zyx[0], bytes, haloed_bytes, halo: halo as u64, flops, group };
        let mut slabs = self.slabs(pass)?;
        let step = slabs[0].1 as u64;
        let mut fit = step;
        if !c.stored {
            fit = fit.min(self.limits.store_up_bytes / (c.d.plane() as u64 * vec4_bytes));
        }
        if let Some(hidden) = hidden.filter(|hidden| !hidden.stored) {
            fit = fit.min(self.limits.slab_hidden_bytes / (hidden.len as u64 * vec4_bytes) * hidden.planes as u64);
        }
        if fit < step {
            pass.flops = self.limits.dispatch_flops.div_ceil(fit.max(1)).max(1);
            slabs = self.slabs(pass)?;
        }
        // Planes of the first level, where alone there is a split, are groups of their own: they have more voxels than a tile.
        debug_assert!(c.split == c.d.size_zyx[0] || group == 1, "a group of planes would be torn apart");
        if let Some(at) = slabs.iter().position(|(z0, z1)| (z0 + 1..*z1).contains(&c.split)) {
            let (z0, z1) = slabs[at];
            slabs.splice(at..=at, [(z0, c.split), (c.split, z1)]);
        }
        Ok(slabs)
    }

    fn plane_bytes(&self, tensor: Tensor) -> u64 {
        tensor.plane() as u64 * self.limits.precision.vec4_bytes()
    }

    /// Where the planes `z0..z1` of the depthwise result lie.
    fn d_planes(c: &Context<'_>, z0: usize, z1: usize) -> Range {
        match (c.stored, z0 < c.split) {
            (false, _) => c.d.planes(0, z1 - z0),
            (true, true) => c.d.planes(z0, z1),
            (true, false) => Tensor { buffer: Scratch::LEVEL1, ..c.d }.planes(z0 - c.split, z1 - c.split),
        }
    }

    /// The kernel of a depthwise convolution, and its workgroups for a plane: as many partial statistics does a plane have.
    fn depthwise_kernel(&self, c: &Context<'_>, leaves: Leaves) -> (Kernel, usize) {
        let (kernel, run) = (c.block.kernel as u32, self.limits.depthwise_run);
        // Those of a workgroup meet at barriers, which cost software drivers most.
        let subgroup = self.limits.subgroup.filter(|threads| c.block.kind != BlockKind::Same || *threads >= kernel);
        let threads = subgroup.unwrap_or(THREADS);
        let (kernel, strip, rows) = match c.block.kind {
            BlockKind::Same if subgroup.is_some() => (Kernel::DepthwiseRolling { kernel, run, subgroup }, DEPTHWISE_STRIP, 2),
            BlockKind::Same if run > 1 && kernel <= DEPTHWISE_ROLLING_KERNEL => {
                (Kernel::DepthwiseRolling { kernel, run, subgroup }, DEPTHWISE_PLAIN_STRIP, 1)
            }
            BlockKind::Same => (Kernel::Depthwise { kernel, stride: 1, threads }, DEPTHWISE_PLAIN_STRIP, 1),
            BlockKind::Down => (Kernel::Depthwise { kernel, stride: 2, threads }, DEPTHWISE_PLAIN_STRIP, 1),
            BlockKind::Up => (Kernel::DepthwiseUp { kernel, leaves, threads }, DEPTHWISE_UP_STRIP, 1),
        };
        let [_, size_y, size_x] = c.d.size_zyx;
        let strips = size_x.div_ceil(strip as usize) * size_y.div_ceil(rows);
        (kernel, strips.div_ceil(threads as usize))
    }

    /// Also returns the place of the statistics of its workgroups.
    fn depthwise(&mut self, c: &Context<'_>, z0: usize, z1: usize, leaves: Leaves) -> Range {
        let (size, pad) = (c.block.kernel, c.block.kernel / 2);
        // Input planes the taps of the first and last output plane reach.
        let (low, high, taps) = match c.block.kind {
            BlockKind::Same => (z0.saturating_sub(pad), z1 - 1 + size - pad, size.pow(3)),
            BlockKind::Down => ((2 * z0).saturating_sub(pad), 2 * (z1 - 1) + size - pad, size.pow(3)),
            BlockKind::Up => ((z0 + pad).saturating_sub(size - 1) / 2, (z1 - 1 + pad) / 2 + 1, size.pow(3).div_ceil(8)),
        };
        let high = high.min(c.x.size_zyx[0]);
        let params = params::Depthwise {
            out_x: c.d.size_zyx[2] as u32,
            out_y: c.d.size_zyx[1] as u32,
            out_first: z0 as u32,
            out_plane: c.d.plane() as u32,
            in_x: c.x.size_zyx[2] as u32,
            in_y: c.x.size_zyx[1] as u32,
            in_z: c.x.size_zyx[0] as u32,
            in_first: low as u32,
            in_plane: c.x.plane() as u32,
            channels4: c.x.channels4() as u32,
        };
        let mut d = Self::d_planes(c, z0, z1);
        let Source::Buffer(buffer) = d.source else { unreachable!("depthwise results lie in buffers") };
        self.reserve(buffer, d.start + d.len);
        let (kernel, tiles) = self.depthwise_kernel(c, leaves);
        // What is not left is bound for the shader's sake only.
        if leaves == Leaves::Moments {
            d.len = ALIGN;
        }
        let len = if leaves == Leaves::Values { ALIGN } else { (z1 - z0) * tiles * c.d.channels4() * MOMENTS };
        let partial = self.reserve(Scratch::NORM_PARTIAL, len);
        let reads = vec![c.x.planes(low, high), c.packed.depthwise, c.packed.depthwise_bias];
        let flops = (2 * taps * c.x.channels * c.d.plane_voxels() * (z1 - z0)) as u64;
        let runs = match kernel {
            Kernel::DepthwiseRolling { run, .. } => (z1 - z0).div_ceil(run as usize),
            _ => z1 - z0,
        };
        self.dispatch(kernel, params, reads, vec![d, partial], [tiles, c.x.channels4(), runs], flops);
        partial
    }

    fn norm_pass(&mut self, c: &Context<'_>) -> Result<(), EngineError> {
        let (d, planes) = (c.d, c.d.size_zyx[0]);
        let channels4 = d.channels4();
        let flops = (2 * c.block.kernel.pow(3) * d.channels * d.plane_voxels()) as u64;
        let leaves = if c.stored { Leaves::Both } else { Leaves::Moments };
        let (_, tiles) = self.depthwise_kernel(c, leaves);
        let moments = self.reserve(Scratch::NORM_PLANES, planes * channels4 * MOMENTS);
        let threads = self.limits.subgroup.unwrap_or(THREADS);
        for (z0, z1) in self.block_slabs(c, (tiles * channels4 * MOMENTS) as u64 * Precision::F32.vec4_bytes(), None, flops)? {
            let partial = self.depthwise(c, z0, z1, leaves);
            let params =
                params::NormPlane { tiles: tiles as u32, voxels: d.plane_voxels() as u32, channels4: channels4 as u32, first: z0 as u32 };
            self.dispatch(Kernel::NormPlane { threads }, params, vec![partial], vec![moments], [channels4, z1 - z0, 1], 0);
        }
        let affine = self.reserve(Scratch::AFFINE, channels4 * 2);
        let params =
            params::NormAffine { planes: planes as u32, voxels: d.plane_voxels() as u32, channels4: channels4 as u32, eps: NORM_EPS };
        self.dispatch(Kernel::NormAffine { threads }, params, vec![moments, c.packed.norm], vec![affine], [channels4, 1, 1], 0);
        Ok(())
    }

    /// Expand and GELU for GRN's statistics alone.
    fn grn_pass(&mut self, c: &Context<'_>, reduction: GrnReduction) -> Result<(), EngineError> {
        let (d, planes, hidden4) = (c.d, c.d.size_zyx[0], c.block.hidden.div_ceil(4));
        let tile = Tile::grn_partial(d.channels4() as u32, hidden4 as u32, self.limits.tile_bytes);
        let tiles = d.plane_voxels().div_ceil(tile.voxels as usize);
        let rows = tiles * tile.split as usize;
        let flops = (2 * d.channels * c.block.hidden * d.plane_voxels()) as u64;
        for (z0, z1) in self.block_slabs(c, (rows * hidden4) as u64 * Precision::F32.vec4_bytes(), None, flops)? {
            if !c.stored {
                self.depthwise(c, z0, z1, Leaves::Values);
            }
            let partial = self.reserve(Scratch::GRN_PARTIAL, (z1 - z0) * rows * hidden4);
            let params = params::GrnPartial {
                voxels: d.plane_voxels() as u32,
                plane: d.plane() as u32,
                hidden4: hidden4 as u32,
                tiles: tiles as u32,
            };
            let reads = vec![Self::d_planes(c, z0, z1), self.affine(c), c.packed.w1, c.packed.b1];
            self.dispatch(Kernel::GrnPartial(tile), params, reads, vec![partial], [tiles, z1 - z0, 1], flops * (z1 - z0) as u64);
            self.sum_partials(partial, z0, planes, [z1 - z0, rows, hidden4]);
        }
        self.grn_scale(c, reduction, planes);
        Ok(())
    }

    /// Expand and GELU, stored as a whole or slab by slab over the last one, with GRN's statistics.
    fn expand_pass(&mut self, c: &Context<'_>, hidden: Hidden, reduction: GrnReduction) -> Result<(), EngineError> {
        for (z0, z1) in self.block_slabs(c, 0, Some(hidden), Self::expand_flops(c))? {
            let (partial, groups) = self.expand(c, hidden, z0, z1);
            self.sum_partials(partial, z0 / hidden.planes, hidden.groups, [groups, hidden.tiles, c.block.hidden.div_ceil(4)]);
        }
        self.grn_scale(c, reduction, hidden.groups);
        Ok(())
    }

    /// Arithmetic of one plane.
    fn expand_flops(c: &Context<'_>) -> u64 {
        (2 * c.d.channels * c.block.hidden * c.d.plane_voxels()) as u64
    }

    /// Expands the planes `z0..z1`; also returns their sums of squares and how many groups of planes they are.
    fn expand(&mut self, c: &Context<'_>, hidden: Hidden, z0: usize, z1: usize) -> (Range, usize) {
        if !c.stored {
            self.depthwise(c, z0, z1, Leaves::Values);
        }
        let (d, hidden4, gemm) = (c.d, c.block.hidden.div_ceil(4), self.limits.products());
        let (h, groups) = hidden.range(z0, z1);
        self.reserve(hidden.buffer(), h.start + h.len);
        let partial = self.reserve(Scratch::GRN_PARTIAL, groups * hidden.tiles * hidden4);
        let params = params::Expand {
            voxels: d.plane_voxels() as u32,
            plane: d.plane() as u32,
            planes: hidden.planes as u32,
            slab_planes: (z1 - z0) as u32,
            in4: d.channels4() as u32,
            hidden4: hidden4 as u32,
            tiles: hidden.tiles as u32,
        };
        let reads = vec![Self::d_planes(c, z0, z1), self.affine(c), c.packed.w1, c.packed.b1];
        let grid = [hidden.tiles, hidden4.div_ceil(gemm.rows_per_group()), groups];
        self.dispatch(Kernel::Expand(gemm), params, reads, vec![h, partial], grid, Self::expand_flops(c) * (z1 - z0) as u64);
        (partial, groups)
    }

    /// Adds the rows of `[batches][rows][columns4]` partial sums; results go to batch `first` and following of `all`.
    fn sum_partials(&mut self, partial: Range, first: usize, all: usize, [batches, rows, columns4]: [usize; 3]) {
        let sums = self.reserve(Scratch::GRN_GROUPS, all * columns4);
        let params = params::ColumnSum { rows: rows as u32, columns4: columns4 as u32, first: first as u32 };
        self.dispatch(self.column_sum(), params, vec![partial], vec![sums], [columns4, batches, 1], 0);
    }

    fn column_sum(&self) -> Kernel {
        Kernel::ColumnSum { threads: self.limits.subgroup.unwrap_or(THREADS) }
    }

    /// From sums of squares per group of planes to GRN's factors.
    fn grn_scale(&mut self, c: &Context<'_>, reduction: GrnReduction, groups: usize) {
        let hidden4 = c.block.hidden.div_ceil(4);
        let sums = self.reserve(Scratch::GRN_GROUPS, groups * hidden4);
        let squares = self.reserve(Scratch::GRN_SQUARES, hidden4);
        let params = params::ColumnSum { rows: groups as u32, columns4: hidden4 as u32, first: 0 };
        self.dispatch(self.column_sum(), params, vec![sums], vec![squares], [hidden4, 1, 1], 0);
        let divisor = match reduction {
            GrnReduction::Mean => c.block.hidden as f32,
            GrnReduction::Sum => 1.0,
        };
        let scale = self.reserve(Scratch::GRN_SCALE, hidden4);
        let params = params::GrnScale { hidden4: hidden4 as u32, divisor, eps: GRN_EPS };
        self.dispatch(Kernel::GrnScale, params, vec![squares, c.packed.gamma_or_ones], vec![scale], [1, 1, 1], 0);
    }

    /// Expand, GELU, compress and residual in one.
    fn mlp_pass(&mut self, c: &Context<'_>) -> Result<(), EngineError> {
        let (d, y, hidden4) = (c.d, c.y, c.block.hidden.div_ceil(4));
        let tile = Tile::mlp(d.channels4() as u32, y.channels4() as u32, self.limits.tile_bytes);
        let tiles = d.plane_voxels().div_ceil(tile.voxels as usize);
        let scale = self.scale(c);
        let flops = (2 * (d.channels + y.channels) * c.block.hidden * d.plane_voxels()) as u64;
        let slabs = self.block_slabs(c, self.plane_bytes(y), None, flops)?;
        let most = c.detour.unwrap_or(d.size_zyx[0]);
        for (z0, z1) in slabs.into_iter().flat_map(|(z0, z1)| (z0..z1).step_by(most).map(move |z| (z, z1.min(z + most)))) {
            if !c.stored {
                self.depthwise(c, z0, z1, Leaves::Values);
            }
            let params = params::Mlp {
                d_x: d.size_zyx[2] as u32,
                voxels: d.plane_voxels() as u32,
                d_plane: d.plane() as u32,
                hidden4: hidden4 as u32,
                out4: y.channels4() as u32,
                out_x: y.size_zyx[2] as u32,
                out_y: y.size_zyx[1] as u32,
                out_plane: y.plane() as u32,
                shift: c.shift as u32,
            };
            let reads = vec![Self::d_planes(c, z0, z1), self.affine(c), c.packed.w1, c.packed.b1, scale, c.packed.w2, c.packed.b2];
            let to = self.target(c, z0, z1);
            self.dispatch(Kernel::Mlp(tile), params, reads, vec![to], [tiles, z1 - z0, 1], flops * (z1 - z0) as u64);
            if c.detour.is_some() {
                self.copy(to, y.planes(z0, z1));
            }
        }
        Ok(())
    }

    /// Compress and residual of a stored expanded activation, or of one that is expanded again slab by slab.
    fn compress_pass(&mut self, c: &Context<'_>, hidden: Hidden) -> Result<(), EngineError> {
        let (d, y, hidden4) = (c.d, c.y, c.block.hidden.div_ceil(4));
        let gemm = self.limits.products().for_outputs(y.channels4() as u32);
        let scale = self.scale(c);
        let flops = (2 * y.channels * c.block.hidden * d.plane_voxels()) as u64;
        let slabs = if hidden.stored {
            let bytes = self.limits.precision.vec4_bytes() * y.plane().max(hidden.per_plane()) as u64;
            self.slabs(Pass { planes: d.size_zyx[0], bytes, haloed_bytes: 0, halo: 0, flops, group: hidden.planes })?
        } else {
            self.block_slabs(c, self.plane_bytes(y), Some(hidden), flops.max(Self::expand_flops(c)))?
        };
        for (z0, z1) in slabs {
            if !hidden.stored {
                self.expand(c, hidden, z0, z1);
            }
            let (h, groups) = hidden.range(z0, z1);
            let params = params::Compress {
                d_x: d.size_zyx[2] as u32,
                voxels: d.plane_voxels() as u32,
                planes: hidden.planes as u32,
                slab_planes: (z1 - z0) as u32,
                hidden4: hidden4 as u32,
                out4: y.channels4() as u32,
                tiles: hidden.tiles as u32,
                out_x: y.size_zyx[2] as u32,
                out_y: y.size_zyx[1] as u32,
                out_plane: y.plane() as u32,
                shift: c.shift as u32,
            };
            let reads = vec![h, scale, c.packed.w2, c.packed.b2];
            let to = self.target(c, z0, z1);
            let grid = [hidden.tiles, y.channels4().div_ceil(gemm.rows_per_group()), groups];
            self.dispatch(Kernel::Compress(gemm), params, reads, vec![to], grid, flops * (z1 - z0) as u64);
        }
        Ok(())
    }

    /// GRN's factors, or ones.
    fn scale(&mut self, c: &Context<'_>) -> Range {
        match c.block.grn {
            Some(_) => self.reserve(Scratch::GRN_SCALE, c.block.hidden.div_ceil(4)),
            None => c.packed.gamma_or_ones,
        }
    }

    fn affine(&self, c: &Context<'_>) -> Range {
        Range { source: Source::Buffer(Scratch::AFFINE), start: 0, len: c.d.channels4() * 2 }
    }
}
