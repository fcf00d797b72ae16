//! Graph to plan: which kernel runs on which slab of which buffer.
//!
//! Blocks run in place, and up blocks add into the skip their sum reads, so the activations of a network are one tensor per
//! level and scratch that all blocks share.

use bytemuck::bytes_of;
use mednext::{Block, BlockKind, Graph, Node, NodeId, Op, Param, Weights};

use super::block::depthwise_size;
use super::pack::Packer;
use super::scratch::{Pass, Scratch, reserve, slabs};
use super::{Buffer, Command, Dispatch, Limits, Plan, Range, Tensor};
use crate::kernels::{Kernel, THREADS};
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

/// Builds the plan of `graph` for tiles of `patch` (z, y, x).
pub fn lower(graph: &Graph, weights: &Weights, patch: [usize; 3], heads: Heads, limits: Limits) -> Result<Plan, EngineError> {
    let mut lowering = Lowering {
        limits,
        hidden_room: 0,
        level1: level1(graph, patch),
        spill: 0,
        packer: Packer::default(),
        buffers: Scratch::buffers(limits.precision),
        commands: Vec::new(),
        tensors: vec![None; graph.nodes.len()],
        node: 0,
    };
    lowering.hidden_room = limits.store_hidden_bytes.max(lowering.widest_depthwise(graph, patch));
    for (id, node) in graph.nodes.iter().enumerate() {
        lowering.node = id;
        lowering.lower_node(graph, weights, id, node, patch, heads)?;
    }
    let outputs = match heads {
        Heads::Main => vec![lowering.tensor(graph.outputs[0])],
        Heads::All => graph.outputs.iter().map(|id| lowering.tensor(*id)).collect(),
        Heads::Features => vec![lowering.tensor(graph.nodes[graph.outputs[0]].inputs[0])],
    };
    let plan = Plan {
        input: lowering.tensor(0),
        outputs,
        buffers: lowering.buffers,
        weights: lowering.packer.packed,
        commands: lowering.commands,
        precision: limits.precision,
        nodes: graph.nodes.iter().map(|node| node.name.clone()).collect(),
    };
    let largest = plan.buffers.iter().map(Buffer::bytes).chain([plan.weight_bytes()]).max().unwrap_or(0);
    if largest > limits.buffer_bytes {
        let (need, have) = (largest >> 20, limits.buffer_bytes >> 20);
        return Err(EngineError::DoesNotFit(format!("one buffer would need {need} MiB, the device allows {have} MiB")));
    }
    check_dispatches(&plan, limits)?;
    Ok(plan)
}

/// Bytes a tile takes, weights included; known before there are any.
pub fn plan_bytes(graph: &Graph, patch: [usize; 3], heads: Heads, limits: Limits) -> Result<u64, EngineError> {
    let zeros = |param: Param| (param.name.clone(), mednext::Tensor::new(param.shape.clone(), vec![0.0; param.numel()]));
    let weights: Weights = graph.params().into_iter().map(zeros).collect();
    Ok(lower(graph, &weights, patch, heads, limits)?.bytes())
}

/// Slabs bound activations; this bounds what they do not: weights, workgroup counts and workgroup memory, which wgpu does not
/// check on every backend.
fn check_dispatches(plan: &Plan, limits: Limits) -> Result<(), EngineError> {
    for dispatch in plan.dispatches() {
        let name = dispatch.kernel.name();
        let refuse = |what: String| Err(EngineError::DoesNotFit(format!("{name} needs {what}, more than the device allows")));
        let ranges = dispatch.reads.iter().chain(&dispatch.writes);
        let bytes = ranges.map(|range| plan.range_bytes(range).len() as u64);
        if let Some(bytes) = bytes.max().filter(|bytes| *bytes > limits.binding_bytes) {
            return refuse(format!("a binding of {} MiB", bytes >> 20));
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

/// A plan in the making.
pub(super) struct Lowering {
    pub(super) limits: Limits,
    /// Bytes an expanded activation may take.
    pub(super) hidden_room: u64,
    /// Vec4 of the second level's tensor.
    level1: usize,
    /// Vec4 of [`Scratch::LEVEL1`] that the node being lowered may use.
    pub(super) spill: usize,
    packer: Packer,
    pub(super) buffers: Vec<Buffer>,
    commands: Vec<Command>,
    tensors: Vec<Option<Tensor>>,
    /// Node being lowered.
    node: NodeId,
}

impl Lowering {
    fn tensor(&self, id: NodeId) -> Tensor {
        self.tensors[id].expect("inputs come before their readers")
    }

    fn new_tensor(&mut self, channels: usize, size_zyx: [usize; 3]) -> Tensor {
        let tensor = Tensor { buffer: self.buffers.len(), channels, size_zyx };
        self.buffers.push(Buffer { name: "activation", len: tensor.len(), precision: self.limits.precision });
        tensor
    }

    /// A tensor that shares the wide scratch buffer: before the first and after the last block.
    fn passing_tensor(&mut self, channels: usize, size_zyx: [usize; 3]) -> Tensor {
        let tensor = Tensor { buffer: Scratch::WIDE, channels, size_zyx };
        self.reserve(Scratch::WIDE, tensor.len());
        tensor
    }

    /// The result of a down block; the first one's has a buffer of its own that the first level shares.
    fn down_target(&mut self, channels: usize, size_zyx: [usize; 3]) -> Tensor {
        if self.tensors.iter().flatten().any(|tensor| tensor.buffer == Scratch::LEVEL1) {
            return self.new_tensor(channels, size_zyx);
        }
        let tensor = Tensor { buffer: Scratch::LEVEL1, channels, size_zyx };
        self.reserve(Scratch::LEVEL1, tensor.len());
        tensor
    }

    pub(super) fn reserve(&mut self, buffer: usize, len: usize) -> Range {
        reserve(&mut self.buffers, buffer, len)
    }

    pub(super) fn slabs(&self, pass: Pass) -> Result<Vec<(usize, usize)>, EngineError> {
        slabs(&self.limits, pass)
    }

    /// Vec4 of the second level's tensor while no node from `id` on reads it and none before wrote it.
    fn spill(&self, graph: &Graph, id: NodeId, heads: Heads) -> usize {
        let holds = |node: &NodeId| self.tensors[*node].is_some_and(|tensor| tensor.buffer == Scratch::LEVEL1);
        let read_later = |node: &Node| (node.op != Op::Head || heads == Heads::All) && node.inputs.iter().any(holds);
        if graph.nodes[id..].iter().any(read_later) { 0 } else { self.level1 }
    }

    /// Bytes of the largest depthwise result that is kept: expanded activations up to its size cost no memory.
    fn widest_depthwise(&self, graph: &Graph, patch: [usize; 3]) -> u64 {
        let mut sizes: Vec<[usize; 3]> = Vec::with_capacity(graph.nodes.len());
        let mut widest = 0;
        for node in &graph.nodes {
            let size_zyx = node.inputs.first().map_or(patch, |input| sizes[*input]);
            let mut out_size = size_zyx;
            if let Op::Block(block) = &node.op {
                let d = Tensor { buffer: Scratch::WIDE, channels: block.in_channels, size_zyx: depthwise_size(block.kind, size_zyx) };
                let spill = if size_zyx == patch && block.kind == BlockKind::Same { self.level1 } else { 0 };
                if self.stores_depthwise(block.kind, d) {
                    widest = widest.max((d.len() - spill_planes(d, spill) * d.plane()) as u64 * self.limits.precision.vec4_bytes());
                }
                out_size = match block.kind {
                    BlockKind::Up => size_zyx.map(|n| 2 * n),
                    BlockKind::Same | BlockKind::Down => d.size_zyx,
                };
            }
            sizes.push(out_size);
        }
        widest
    }

    fn lower_node(
        &mut self,
        graph: &Graph,
        weights: &Weights,
        id: NodeId,
        node: &Node,
        patch: [usize; 3],
        heads: Heads,
    ) -> Result<(), EngineError> {
        let tensor = match &node.op {
            // The stem has read the tile before the first block needs scratch.
            Op::Input if graph.nodes.iter().all(|n| !n.inputs.contains(&id) || n.op == Op::Stem) => {
                self.passing_tensor(node.channels, patch)
            }
            Op::Input => self.new_tensor(node.channels, patch),
            Op::Stem => {
                let x = self.tensor(node.inputs[0]);
                let y = self.new_tensor(node.channels, x.size_zyx);
                let packed = self.packer.linear(weights, &node.name, x.channels, y.channels, false)?;
                self.pointwise(x, y, packed, Placement::SAME)?;
                y
            }
            Op::Block(block) => {
                self.spill = self.spill(graph, id, heads);
                let x = self.tensor(node.inputs[0]);
                let head = self.folded_head(graph, id, block, x, heads);
                let packed = self.packer.block(weights, node, block, head.map(|head| &graph.nodes[head]))?;
                let y = match block.kind {
                    BlockKind::Same => {
                        only_reader(graph, node.inputs[0], id)?;
                        x
                    }
                    BlockKind::Down => self.down_target(block.out_channels, x.size_zyx.map(|n| n.div_ceil(2))),
                    BlockKind::Up => self.up_target(graph, id, block, x)?,
                };
                match head {
                    Some(head) => {
                        let logits = self.folded_logits(block, x, graph.nodes[head].channels, heads);
                        self.tensors[head] = Some(logits);
                        self.block(block, &packed, x, logits)?;
                    }
                    None => self.block(block, &packed, x, y)?,
                }
                y
            }
            // The up block has written into the skip already.
            Op::Add => self.tensor(node.inputs[0]),
            Op::Head if self.tensors[id].is_some() => self.tensor(id),
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
                let y = match heads {
                    Heads::Main => self.passing_tensor(node.channels, x.size_zyx),
                    _ => self.new_tensor(node.channels, x.size_zyx),
                };
                let packed = self.packer.linear(weights, &format!("{}.conv_out", node.name), x.channels, y.channels, true)?;
                self.pointwise(x, y, packed, Placement::SAME)?;
                y
            }
        };
        self.tensors[id] = Some(tensor);
        Ok(())
    }

    /// The main head, if it alone reads block `id` and is to be computed with it: the features between are then never stored.
    ///
    /// That pays where logits are few beside features. They go where the block's depthwise result is used up, slab by slab.
    fn folded_head(&self, graph: &Graph, id: NodeId, block: &Block, x: Tensor, heads: Heads) -> Option<NodeId> {
        let head = graph.outputs[0];
        let node = &graph.nodes[head];
        let alone = node.op == Op::Head && node.inputs == [id] && graph.nodes.iter().filter(|node| node.inputs.contains(&id)).count() == 1;
        let few = 2 * node.channels.div_ceil(4) <= x.channels4();
        let folds = heads != Heads::Features && block.kind == BlockKind::Same && alone && few && self.can_fold(block, x);
        folds.then_some(head)
    }

    /// Where the logits of a folded head go.
    fn folded_logits(&mut self, block: &Block, x: Tensor, classes: usize, heads: Heads) -> Tensor {
        if heads != Heads::Main {
            return self.new_tensor(classes, x.size_zyx);
        }
        let logits = Tensor { buffer: self.depthwise_buffer(block, x), channels: classes, size_zyx: x.size_zyx };
        self.reserve(logits.buffer, logits.len());
        logits
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

    pub(super) fn dispatch<P: bytemuck::Pod>(
        &mut self,
        kernel: Kernel,
        params: P,
        reads: Vec<Range>,
        writes: Vec<Range>,
        groups: [usize; 3],
        flops: u64,
    ) {
        let groups = groups.map(|n| u32::try_from(n).expect("workgroup counts are bounded by slabs"));
        let (params, node) = (bytes_of(&params).to_vec(), self.node);
        self.commands.push(Command::Dispatch(Dispatch { kernel, params, reads, writes, groups, flops, node }));
    }

    /// 1x1x1 convolution of `x` into `y`, placed as told.
    pub(super) fn pointwise(&mut self, x: Tensor, y: Tensor, packed: (Range, Range), placement: Placement) -> Result<(), EngineError> {
        let Placement { in_stride, out_stride, out_offset, .. } = placement;
        let [planes, points_y, points_x] = placement.points(x, y);
        let flops = (2 * x.channels * y.channels * points_y * points_x) as u64;
        let bytes = self.limits.precision.vec4_bytes() * (x.plane() * in_stride).max(y.plane() * out_stride) as u64;
        for (z0, z1) in self.slabs(Pass { planes, bytes, haloed_bytes: 0, halo: 0, flops, group: 1 })? {
            let from = x.planes(z0 * in_stride, (z1 - 1) * in_stride + 1);
            let to = y.planes(z0 * out_stride + out_offset, (z1 - 1) * out_stride + out_offset + 1);
            self.pointwise_slab(x, y, packed, placement, (from, to), z1 - z0);
        }
        Ok(())
    }

    /// The same for a slab of so many planes of points, from a range of `x` to one that lies as in `y`.
    pub(super) fn pointwise_slab(
        &mut self,
        x: Tensor,
        y: Tensor,
        (weight, bias): (Range, Range),
        placement: Placement,
        (from, to): (Range, Range),
        planes: usize,
    ) {
        let [_, points_y, points_x] = placement.points(x, y);
        let params = params::Pointwise {
            points_x: points_x as u32,
            points_y: points_y as u32,
            in4: x.channels4() as u32,
            out4: y.channels4() as u32,
            in_x: x.size_zyx[2] as u32,
            in_y: x.size_zyx[1] as u32,
            in_plane: x.plane() as u32,
            in_stride: placement.in_stride as u32,
            out_x: y.size_zyx[2] as u32,
            out_y: y.size_zyx[1] as u32,
            out_plane: y.plane() as u32,
            out_stride: placement.out_stride as u32,
            out_offset: placement.out_offset as u32,
            accumulate: u32::from(placement.accumulate),
        };
        let groups = [(points_y * points_x).div_ceil(THREADS as usize), y.channels4(), planes];
        let flops = (2 * x.channels * y.channels * points_y * points_x * planes) as u64;
        self.dispatch(Kernel::Pointwise, params, vec![from, weight, bias], vec![to], groups, flops);
    }

    pub(super) fn copy(&mut self, from: Range, to: Range) {
        self.commands.push(Command::Copy { from, to });
    }
}

/// Vec4 of the first down block's result.
fn level1(graph: &Graph, patch: [usize; 3]) -> usize {
    let first_down = graph.nodes.iter().find_map(|node| match &node.op {
        Op::Block(block) if block.kind == BlockKind::Down => Some(block.out_channels),
        _ => None,
    });
    let size_zyx = patch.map(|n| n.div_ceil(2));
    first_down.map_or(0, |channels| Tensor { buffer: Scratch::LEVEL1, channels, size_zyx }.len())
}

/// Planes of a depthwise result that fit `spill` vec4.
pub(super) fn spill_planes(d: Tensor, spill: usize) -> usize {
    (spill / d.plane()).min(d.size_zyx[0])
}

/// How a pointwise convolution maps input points to output points.
#[derive(Clone, Copy)]
pub(super) struct Placement {
    pub(super) in_stride: usize,
    pub(super) out_stride: usize,
    pub(super) out_offset: usize,
    pub(super) accumulate: bool,
}

impl Placement {
    pub(super) const SAME: Self = Self { in_stride: 1, out_stride: 1, out_offset: 0, accumulate: false };

    /// Points along z, y, x.
    fn points(self, x: Tensor, y: Tensor) -> [usize; 3] {
        std::array::from_fn(|a| x.size_zyx[a].div_ceil(self.in_stride).min((y.size_zyx[a] - self.out_offset).div_ceil(self.out_stride)))
    }
}

/// Blocks that keep the size run in place, which is right only if nobody reads their input afterwards.
fn only_reader(graph: &Graph, value: NodeId, reader: NodeId) -> Result<(), EngineError> {
    let another = graph.nodes.iter().enumerate().find(|(id, node)| *id != reader && node.inputs.contains(&value));
    match another {
        None => Ok(()),
        Some((_, node)) => Err(EngineError::Weights(format!("{} reads a value that is overwritten in place", node.name))),
    }
}
