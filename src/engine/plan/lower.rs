//! Graph to plan: which kernel runs on which slab of which buffer.
//!
//! A block is three passes over its tensors: depthwise with instance statistics; expand + GELU with GRN statistics; expand +
//! GELU + compress + residual, in place. Skips are added in place too, so the activations of a network are one tensor per level
//! and one scratch tensor for depthwise results. The depthwise result of a large up block is computed again, slab by slab, in
//! every pass instead of being stored: at a 128^3 patch it alone would take 500 MiB.

use bytemuck::bytes_of;
use mednext::{Block, BlockKind, Graph, GrnReduction, Node, NodeId, Op, Weights};

use super::pack::{PackedBlock, Packer};
use super::{Command, Dispatch, Limits, Plan, Range, Source, Tensor, Vec4};
use crate::kernels::{Kernel, THREADS, Tile};
use crate::params;
use crate::runner::EngineError;

/// Which results a plan leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heads {
    /// Logits of `out_0`.
    Main,
    /// Logits of every head, full size first.
    All,
    /// The features `out_0` reads.
    Features,
}

/// `GroupNorm`'s epsilon in the public code (PyTorch's default).
const NORM_EPS: f32 = 1e-5;
/// GRN's epsilon in the public code.
const GRN_EPS: f32 = 1e-6;

const VEC4_BYTES: u64 = size_of::<Vec4>() as u64;

/// Builds the plan of `graph` for tiles of `patch` (z, y, x).
pub fn lower(graph: &Graph, weights: &Weights, patch: [usize; 3], heads: Heads, limits: Limits) -> Result<Plan, EngineError> {
    let mut lowering = Lowering {
        limits,
        packer: Packer::default(),
        buffers: vec![0; Scratch::COUNT],
        commands: Vec::new(),
        tensors: vec![None; graph.nodes.len()],
    };
    for (id, node) in graph.nodes.iter().enumerate() {
        lowering.node(graph, weights, id, node, patch, heads)?;
    }
    let outputs = match heads {
        Heads::Main => vec![lowering.tensor(graph.outputs[0])],
        Heads::All => graph.outputs.iter().map(|id| lowering.tensor(*id)).collect(),
        Heads::Features => vec![lowering.tensor(graph.nodes[graph.outputs[0]].inputs[0])],
    };
    let input = lowering.tensor(0);
    let plan = Plan { buffers: lowering.buffers, weights: lowering.packer.packed, commands: lowering.commands, input, outputs };
    let largest = plan.buffers.iter().copied().chain([plan.weights.len()]).max().unwrap_or(0) as u64 * VEC4_BYTES;
    if largest > limits.buffer_bytes {
        let (need, have) = (largest >> 20, limits.buffer_bytes >> 20);
        return Err(EngineError::DoesNotFit(format!("one buffer would need {need} MiB, the device allows {have} MiB")));
    }
    check_dispatches(&plan, limits)?;
    Ok(plan)
}

/// Slabs bound activations; this bounds what they do not: weights, workgroup counts and workgroup memory, which wgpu does not
/// check on every backend.
fn check_dispatches(plan: &Plan, limits: Limits) -> Result<(), EngineError> {
    for command in &plan.commands {
        let Command::Dispatch(dispatch) = command else { continue };
        let name = dispatch.kernel.name();
        let refuse = |what: String| Err(EngineError::DoesNotFit(format!("{name} needs {what}, more than the device allows")));
        if let Some(range) = dispatch.ranges.iter().find(|range| range.len as u64 * VEC4_BYTES > limits.binding_bytes) {
            return refuse(format!("a binding of {} MiB", (range.len as u64 * VEC4_BYTES) >> 20));
        }
        if dispatch.groups.iter().any(|n| *n > limits.groups) {
            return refuse(format!("{:?} workgroups", dispatch.groups));
        }
        if dispatch.kernel.workgroup_bytes() > u64::from(limits.tile_bytes) {
            return refuse(format!("{} KiB of workgroup memory", dispatch.kernel.workgroup_bytes() >> 10));
        }
    }
    Ok(())
}

/// Buffers every block shares, by index.
struct Scratch;

impl Scratch {
    const DEPTHWISE: usize = 0;
    const NORM_PARTIAL: usize = 1;
    const AFFINE: usize = 2;
    const GRN_PARTIAL: usize = 3;
    const GRN_PLANES: usize = 4;
    const GRN_SQUARES: usize = 5;
    const GRN_SCALE: usize = 6;
    const COUNT: usize = 7;
}

struct Lowering {
    limits: Limits,
    packer: Packer,
    buffers: Vec<usize>,
    commands: Vec<Command>,
    tensors: Vec<Option<Tensor>>,
}

/// What every pass of one block needs.
struct BlockContext<'a> {
    block: &'a Block,
    packed: &'a PackedBlock,
    x: Tensor,
    d: Tensor,
    y: Tensor,
    /// 1 for up blocks: results start one voxel in.
    shift: usize,
    /// Whether `d` holds the whole depthwise result, or only the slab at hand.
    stored: bool,
}

impl Lowering {
    fn tensor(&self, id: NodeId) -> Tensor {
        self.tensors[id].expect("inputs come before their readers")
    }

    fn grow(&mut self, buffer: usize, len: usize) {
        self.buffers[buffer] = self.buffers[buffer].max(len.next_multiple_of(super::ALIGN));
    }

    fn new_tensor(&mut self, channels: usize, size_zyx: [usize; 3]) -> Tensor {
        let tensor = Tensor { buffer: self.buffers.len(), channels, size_zyx };
        self.buffers.push(tensor.len());
        tensor
    }

    fn node(
        &mut self,
        graph: &Graph,
        weights: &Weights,
        id: NodeId,
        node: &Node,
        patch: [usize; 3],
        heads: Heads,
    ) -> Result<(), EngineError> {
        let tensor = match &node.op {
            Op::Input => self.new_tensor(node.channels, patch),
            Op::Stem => {
                let x = self.tensor(node.inputs[0]);
                let y = self.new_tensor(node.channels, x.size_zyx);
                let packed = self.packer.linear(weights, &node.name, x.channels, y.channels, false)?;
                self.pointwise(x, y, packed, Placement::SAME)?;
                y
            }
            Op::Block(block) => {
                let x = self.tensor(node.inputs[0]);
                let packed = self.packer.block(weights, node, block)?;
                let y = match block.kind {
                    BlockKind::Same => {
                        only_reader(graph, node.inputs[0], id)?;
                        x
                    }
                    BlockKind::Down => self.new_tensor(block.out_channels, x.size_zyx.map(|n| n.div_ceil(2))),
                    BlockKind::Up => self.up_target(graph, id, block, x)?,
                };
                self.block(block, &packed, x, y)?;
                y
            }
            // The up block has written into the skip already.
            Op::Add => self.tensor(node.inputs[0]),
            Op::Head => {
                let wanted = match heads {
                    Heads::Main => id == graph.outputs[0],
                    Heads::All => true,
                    Heads::Features => false,
                };
                let x = self.tensor(node.inputs[0]);
                if !wanted {
                    self.tensors[id] = Some(x);
                    return Ok(());
                }
                let y = if heads == Heads::Main {
                    // Depthwise scratch is free by now.
                    let y = Tensor { buffer: Scratch::DEPTHWISE, channels: node.channels, size_zyx: x.size_zyx };
                    self.grow(Scratch::DEPTHWISE, y.len());
                    y
                } else {
                    self.new_tensor(node.channels, x.size_zyx)
                };
                let packed = self.packer.linear(weights, &format!("{}.conv_out", node.name), x.channels, y.channels, true)?;
                self.pointwise(x, y, packed, Placement::SAME)?;
                y
            }
        };
        self.tensors[id] = Some(tensor);
        Ok(())
    }

    /// An up block adds into the skip its sum reads; without a sum it gets a cleared tensor.
    fn up_target(&mut self, graph: &Graph, id: NodeId, block: &Block, x: Tensor) -> Result<Tensor, EngineError> {
        let size_zyx = x.size_zyx.map(|n| 2 * n);
        let sum = graph.nodes.iter().enumerate().find(|(_, n)| n.op == Op::Add && n.inputs[1] == id);
        let Some((sum_id, sum)) = sum else {
            let y = self.new_tensor(block.out_channels, size_zyx);
            self.commands.push(Command::Clear(y.buffer));
            return Ok(y);
        };
        let skip_id = sum.inputs[0];
        let skip = self.tensor(skip_id);
        if graph.nodes.iter().enumerate().any(|(n, node)| n > id && n != sum_id && node.inputs.contains(&skip_id)) {
            return Err(EngineError::Weights(format!("{} is read after its skip was added", graph.nodes[skip_id].name)));
        }
        if skip.size_zyx != size_zyx || skip.channels != block.out_channels {
            return Err(mednext::ConfigError::Patch(self.tensor(0).size_zyx).into());
        }
        Ok(skip)
    }

    /// Index ranges of planes that fit the limits; `bytes` and `flops` are per plane, `halo` counts extra planes in a binding.
    fn slabs(&self, planes: usize, bytes: u64, halo: u64, flops: u64) -> Result<Vec<(usize, usize)>, EngineError> {
        let fit = (self.limits.binding_bytes / bytes.max(1)).saturating_sub(halo);
        if fit == 0 {
            let (need, have) = ((bytes * (halo + 1)) >> 20, self.limits.binding_bytes >> 20);
            return Err(EngineError::DoesNotFit(format!("one plane of a tile needs a {need} MiB binding, the device allows {have} MiB")));
        }
        let step = fit.min(self.limits.dispatch_flops / flops.max(1)).clamp(1, u64::from(self.limits.groups)) as usize;
        Ok((0..planes).step_by(step).map(|z| (z, (z + step).min(planes))).collect())
    }

    fn dispatch<P: bytemuck::Pod>(&mut self, kernel: Kernel, params: P, ranges: Vec<Range>, groups: [usize; 3], flops: u64) {
        let groups = groups.map(|n| u32::try_from(n).expect("workgroup counts are bounded by slabs"));
        self.commands.push(Command::Dispatch(Dispatch { kernel, params: bytes_of(&params).to_vec(), ranges, groups, flops }));
    }

    /// 1x1x1 convolution of `x` into `y`, placed as told.
    fn pointwise(&mut self, x: Tensor, y: Tensor, (weight, bias): (Range, Range), placement: Placement) -> Result<(), EngineError> {
        let Placement { in_stride, out_stride, out_offset, accumulate } = placement;
        let points: [usize; 3] =
            std::array::from_fn(|a| x.size_zyx[a].div_ceil(in_stride).min((y.size_zyx[a] - out_offset).div_ceil(out_stride)));
        let flops = (2 * x.channels * y.channels * points[1] * points[2]) as u64;
        let bytes = VEC4_BYTES * (x.plane() * in_stride).max(y.plane() * out_stride) as u64;
        for (z0, z1) in self.slabs(points[0], bytes, 0, flops)? {
            let params = params::Pointwise {
                points_x: points[2] as u32,
                points_y: points[1] as u32,
                in4: x.channels4() as u32,
                out4: y.channels4() as u32,
                in_x: x.size_zyx[2] as u32,
                in_y: x.size_zyx[1] as u32,
                in_plane: x.plane() as u32,
                in_stride: in_stride as u32,
                out_x: y.size_zyx[2] as u32,
                out_y: y.size_zyx[1] as u32,
                out_plane: y.plane() as u32,
                out_stride: out_stride as u32,
                out_offset: out_offset as u32,
                accumulate: u32::from(accumulate),
            };
            let from = x.planes(z0 * in_stride, (z1 - 1) * in_stride + 1);
            let to = y.planes(z0 * out_stride + out_offset, (z1 - 1) * out_stride + out_offset + 1);
            let groups = [(points[1] * points[2]).div_ceil(THREADS as usize), y.channels4(), z1 - z0];
            self.dispatch(Kernel::Pointwise, params, vec![from, weight, bias, to], groups, flops * (z1 - z0) as u64);
        }
        Ok(())
    }

    fn block(&mut self, block: &Block, packed: &PackedBlock, x: Tensor, y: Tensor) -> Result<(), EngineError> {
        let d_size = match block.kind {
            BlockKind::Same => x.size_zyx,
            BlockKind::Down => x.size_zyx.map(|n| n.div_ceil(2)),
            BlockKind::Up => x.size_zyx.map(|n| 2 * n - 1),
        };
        let d = Tensor { buffer: Scratch::DEPTHWISE, channels: x.channels, size_zyx: d_size };
        let stored = block.kind != BlockKind::Up || d.len() * size_of::<Vec4>() <= self.limits.store_up_bytes;
        let shift = usize::from(block.kind == BlockKind::Up);
        let context = BlockContext { block, packed, x, d, y, shift, stored };
        self.norm_pass(&context)?;
        if let Some(reduction) = block.grn {
            self.grn_pass(&context, reduction)?;
        }
        if let Some(projection) = packed.projection {
            let placement = match block.kind {
                BlockKind::Up => Placement { in_stride: 1, out_stride: 2, out_offset: 1, accumulate: true },
                _ => Placement { in_stride: 2, out_stride: 1, out_offset: 0, accumulate: false },
            };
            self.pointwise(x, y, projection, placement)?;
        }
        self.mlp_pass(&context)
    }

    /// Slabs of `d` for a pass that also binds `other` vec4 per plane.
    fn block_slabs(&self, c: &BlockContext<'_>, other: usize, flops: u64) -> Result<Vec<(usize, usize)>, EngineError> {
        let halo = c.block.kernel as u64 + 1;
        let stride = if c.block.kind == BlockKind::Down { 2 } else { 1 };
        let bytes = VEC4_BYTES * (stride * c.x.plane()).max(c.d.plane()).max(other) as u64;
        let mut slabs = self.slabs(c.d.size_zyx[0], bytes, halo, flops)?;
        if !c.stored {
            let step = (self.limits.store_up_bytes / size_of::<Vec4>() / c.d.plane()).max(1).min(slabs[0].1);
            slabs = (0..c.d.size_zyx[0]).step_by(step).map(|z| (z, (z + step).min(c.d.size_zyx[0]))).collect();
        }
        Ok(slabs)
    }

    /// Where the planes `z0..z1` of the depthwise result lie.
    fn d_planes(c: &BlockContext<'_>, z0: usize, z1: usize) -> Range {
        if c.stored { c.d.planes(z0, z1) } else { c.d.planes(0, z1 - z0) }
    }

    fn depthwise(&mut self, c: &BlockContext<'_>, z0: usize, z1: usize) {
        let (size, pad) = (c.block.kernel, c.block.kernel / 2);
        let kernel = size as u32;
        // Input planes the taps of the first and last output plane reach.
        let (kernel, low, high, taps) = match c.block.kind {
            BlockKind::Same => (Kernel::Depthwise { kernel, stride: 1 }, z0.saturating_sub(pad), z1 - 1 + size - pad, size.pow(3)),
            BlockKind::Down => {
                (Kernel::Depthwise { kernel, stride: 2 }, (2 * z0).saturating_sub(pad), 2 * (z1 - 1) + size - pad, size.pow(3))
            }
            BlockKind::Up => {
                (Kernel::DepthwiseUp { kernel }, (z0 + pad).saturating_sub(size - 1) / 2, (z1 - 1 + pad) / 2 + 1, size.pow(3).div_ceil(8))
            }
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
        let threads = match c.block.kind {
            BlockKind::Up => c.d.plane_voxels(),
            _ => c.d.size_zyx[2].div_ceil(4) * c.d.size_zyx[1],
        };
        let d = Self::d_planes(c, z0, z1);
        self.grow(Scratch::DEPTHWISE, d.start + d.len);
        let ranges = vec![c.x.planes(low, high), c.packed.depthwise, c.packed.depthwise_bias, d];
        let flops = (2 * taps * c.x.channels * c.d.plane_voxels() * (z1 - z0)) as u64;
        self.dispatch(kernel, params, ranges, [threads.div_ceil(THREADS as usize), c.x.channels4(), z1 - z0], flops);
    }

    fn norm_pass(&mut self, c: &BlockContext<'_>) -> Result<(), EngineError> {
        let (d, planes) = (c.d, c.d.size_zyx[0]);
        let channels4 = d.channels4();
        let partial = self.scratch(Scratch::NORM_PARTIAL, planes * channels4 * 2);
        let flops = (2 * c.block.kernel.pow(3) * d.channels * d.plane_voxels()) as u64;
        for (z0, z1) in self.block_slabs(c, 0, flops)? {
            self.depthwise(c, z0, z1);
            let params = params::NormPartial {
                voxels: d.plane_voxels() as u32,
                plane: d.plane() as u32,
                channels4: channels4 as u32,
                first: z0 as u32,
            };
            let flops = (5 * d.channels * d.plane_voxels() * (z1 - z0)) as u64;
            self.dispatch(Kernel::NormPartial, params, vec![Self::d_planes(c, z0, z1), partial], [channels4, z1 - z0, 1], flops);
        }
        let affine = self.scratch(Scratch::AFFINE, channels4 * 2);
        let params =
            params::NormAffine { planes: planes as u32, voxels: d.plane_voxels() as u32, channels4: channels4 as u32, eps: NORM_EPS };
        self.dispatch(Kernel::NormAffine, params, vec![partial, c.packed.norm, affine], [channels4, 1, 1], 0);
        Ok(())
    }

    fn grn_pass(&mut self, c: &BlockContext<'_>, reduction: GrnReduction) -> Result<(), EngineError> {
        let (d, planes, hidden4) = (c.d, c.d.size_zyx[0], c.block.hidden.div_ceil(4));
        let tile = Tile::grn_partial(d.channels4() as u32, hidden4 as u32, self.limits.tile_bytes);
        let tiles = d.plane_voxels().div_ceil(tile.voxels as usize);
        let rows = tiles * tile.split as usize;
        let per_plane = self.scratch(Scratch::GRN_PLANES, planes * hidden4);
        let flops = (2 * d.channels * c.block.hidden * d.plane_voxels()) as u64;
        for (z0, z1) in self.block_slabs(c, rows * hidden4, flops)? {
            if !c.stored {
                self.depthwise(c, z0, z1);
            }
            let partial = self.scratch(Scratch::GRN_PARTIAL, (z1 - z0) * rows * hidden4);
            let params = params::GrnPartial {
                voxels: d.plane_voxels() as u32,
                plane: d.plane() as u32,
                hidden4: hidden4 as u32,
                tiles: tiles as u32,
            };
            let ranges = vec![Self::d_planes(c, z0, z1), self.affine(c), c.packed.w1, c.packed.b1, partial];
            self.dispatch(Kernel::GrnPartial(tile), params, ranges, [tiles, z1 - z0, 1], flops * (z1 - z0) as u64);
            let params = params::ColumnSum { rows: rows as u32, columns4: hidden4 as u32, first: z0 as u32 };
            self.dispatch(Kernel::ColumnSum, params, vec![partial, per_plane], [hidden4, z1 - z0, 1], 0);
        }
        let squares = self.scratch(Scratch::GRN_SQUARES, hidden4);
        let params = params::ColumnSum { rows: planes as u32, columns4: hidden4 as u32, first: 0 };
        self.dispatch(Kernel::ColumnSum, params, vec![per_plane, squares], [hidden4, 1, 1], 0);
        let divisor = match reduction {
            GrnReduction::Mean => c.block.hidden as f32,
            GrnReduction::Sum => 1.0,
        };
        let scale = self.scratch(Scratch::GRN_SCALE, hidden4);
        let params = params::GrnScale { hidden4: hidden4 as u32, divisor, eps: GRN_EPS };
        self.dispatch(Kernel::GrnScale, params, vec![squares, c.packed.gamma_or_ones, scale], [1, 1, 1], 0);
        Ok(())
    }

    fn mlp_pass(&mut self, c: &BlockContext<'_>) -> Result<(), EngineError> {
        let (d, y, hidden4) = (c.d, c.y, c.block.hidden.div_ceil(4));
        let tile = Tile::mlp(d.channels4() as u32, y.channels4() as u32, self.limits.tile_bytes);
        let tiles = d.plane_voxels().div_ceil(tile.voxels as usize);
        let scale = match c.block.grn {
            Some(_) => self.scratch(Scratch::GRN_SCALE, hidden4),
            None => c.packed.gamma_or_ones,
        };
        let flops = (2 * (d.channels + y.channels) * c.block.hidden * d.plane_voxels()) as u64;
        for (z0, z1) in self.block_slabs(c, y.plane(), flops)? {
            if !c.stored {
                self.depthwise(c, z0, z1);
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
            let ranges = vec![
                Self::d_planes(c, z0, z1),
                self.affine(c),
                c.packed.w1,
                c.packed.b1,
                scale,
                c.packed.w2,
                c.packed.b2,
                y.planes(z0 + c.shift, z1 + c.shift),
            ];
            self.dispatch(Kernel::Mlp(tile), params, ranges, [tiles, z1 - z0, 1], flops * (z1 - z0) as u64);
        }
        Ok(())
    }

    fn scratch(&mut self, buffer: usize, len: usize) -> Range {
        self.grow(buffer, len);
        Range { source: Source::Buffer(buffer), start: 0, len }
    }

    fn affine(&self, c: &BlockContext<'_>) -> Range {
        Range { source: Source::Buffer(Scratch::AFFINE), start: 0, len: c.d.channels4() * 2 }
    }
}

/// How a pointwise convolution maps input points to output points.
#[derive(Clone, Copy)]
struct Placement {
    in_stride: usize,
    out_stride: usize,
    out_offset: usize,
    accumulate: bool,
}

impl Placement {
    const SAME: Self = Self { in_stride: 1, out_stride: 1, out_offset: 0, accumulate: false };
}

/// Blocks that keep the size run in place, which is right only if nobody reads their input afterwards.
fn only_reader(graph: &Graph, value: NodeId, reader: NodeId) -> Result<(), EngineError> {
    let another = graph.nodes.iter().enumerate().find(|(id, node)| *id != reader && node.inputs.contains(&value));
    match another {
        None => Ok(()),
        Some((_, node)) => Err(EngineError::Weights(format!("{} reads a value that is overwritten in place", node.name))),
    }
}
