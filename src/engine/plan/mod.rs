//! What will run, as plain data: buffers, packed weights and commands. Both executors read the same plan.
//!
//! Activations are `[z][channel/4][y][x]` of vec4: one z-slab is contiguous and holds all channels, so every pass is a loop over
//! slabs with one binding and an offset. That one mechanism serves binding limits, submission times and cancellation.

mod block;
mod lower;
mod pack;
mod scratch;
mod tensor;
mod text;

use bytemuck::{Pod, Zeroable};

pub use lower::{Heads, lower, plan_bytes};
pub(crate) use tensor::Tensor;

use crate::kernels::{Gemm, Kernel};

/// Four channels of one voxel.
#[repr(C, align(16))]
#[derive(Debug, Clone, Copy, PartialEq, Default, Pod, Zeroable)]
pub struct Vec4(pub [f32; 4]);

/// How activations lie in memory. Arithmetic, statistics and weights are f32 either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Precision {
    /// Exact: agrees with PyTorch's f32.
    #[default]
    F32,
    /// Half the memory and traffic; about 1e-3 of relative error in the logits.
    F16,
}

impl Precision {
    /// Bytes of four channels of one voxel.
    pub(crate) fn vec4_bytes(self) -> u64 {
        match self {
            Self::F32 => 16,
            Self::F16 => 8,
        }
    }
}

/// What a device allows and prefers; the plan keeps every binding and dispatch inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest storage binding in bytes.
    pub binding_bytes: u64,
    /// Largest buffer in bytes.
    pub buffer_bytes: u64,
    /// Operations one dispatch may hold, so that it ends within about 100 ms.
    pub dispatch_flops: u64,
    /// Workgroups along one axis of a dispatch.
    pub groups: u32,
    /// Workgroup memory the tiles of `mlp`, `grn_partial`, `expand` and `compress` may take.
    pub tile_bytes: u32,
    /// Depthwise results of up blocks above this size are computed again per slab in every pass, not stored.
    pub store_up_bytes: u64,
    /// How activations are stored.
    pub precision: Precision,
    /// Blocks of fewer channels expand twice instead of storing the expanded activation: below it, arithmetic is cheaper than traffic.
    pub store_hidden_channels: usize,
    /// Expanded activations up to this size may be stored even if they enlarge the working memory.
    pub store_hidden_bytes: u64,
    /// Expanded activations that are not stored as a whole are written and read back in slabs up to this size; those of which not
    /// even a group of planes fits stay in registers and workgroup memory (`grn_partial`, `mlp`). 0 where these are always better.
    pub slab_hidden_bytes: u64,
    /// Threads of every subgroup, where a workgroup should be one subgroup whose threads load for each other: on software drivers.
    pub subgroup: Option<u32>,
    /// Planes of a depthwise result that a thread computes one after another; 1 where every plane has threads of its own.
    pub depthwise_run: u32,
    /// Shape of `expand` and `compress`.
    pub gemm: Gemm,
    /// Their shape where activations are stored in half precision, if another one is better there: one of matrix units.
    pub half_gemm: Option<Gemm>,
}

impl Limits {
    /// No limits worth slabs, for executors without bindings; dispatches stay short enough to cancel, and what they leave partial sums of
    /// small.
    pub const CPU: Self = Self {
        binding_bytes: u64::MAX,
        buffer_bytes: u64::MAX,
        dispatch_flops: 2_000_000_000,
        groups: u32::MAX,
        tile_bytes: u32::MAX,
        store_up_bytes: STORE_UP_BYTES,
        precision: Precision::F32,
        store_hidden_channels: STORE_HIDDEN_CHANNELS,
        store_hidden_bytes: STORE_HIDDEN_BYTES,
        slab_hidden_bytes: 0,
        subgroup: None,
        depthwise_run: 1,
        gemm: Gemm::workgroup(96),
        half_gemm: None,
    };

    /// Shape of `expand` and `compress` in this precision.
    pub(crate) fn products(&self) -> Gemm {
        match self.precision {
            Precision::F32 => self.gemm,
            Precision::F16 => self.half_gemm.unwrap_or(self.gemm),
        }
    }
}

/// From here on, computing a hidden value again takes longer than writing and reading it.
pub(crate) const STORE_HIDDEN_CHANNELS: usize = 128;
/// Little beside weights and activations of any published network; what the last up block of a 64^3 patch takes, the largest there.
pub(crate) const STORE_HIDDEN_BYTES: u64 = 192 << 20;

/// At a 128^3 patch the depthwise result of the last up block alone would take 500 MiB.
pub(crate) const STORE_UP_BYTES: u64 = 128 << 20;

/// Where a binding's bytes lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// A buffer of [`Plan::buffers`].
    Buffer(usize),
    /// [`Plan::weights`].
    Weights,
}

/// A range of vec4 a kernel reads or writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Range {
    /// Which buffer.
    pub source: Source,
    /// First vec4; a multiple of [`ALIGN`].
    pub start: usize,
    /// Number of vec4.
    pub len: usize,
}

/// Ranges start at multiples of this many vec4: 256 bytes in half precision, WebGPU's strictest offset alignment.
const ALIGN: usize = 32;

/// One kernel launch.
#[derive(Debug, Clone, PartialEq)]
pub struct Dispatch {
    /// Which kernel, with its constants.
    pub kernel: Kernel,
    /// Bytes of its uniform block.
    pub params: Vec<u8>,
    /// Storage bindings 1, 2, ... in order.
    pub reads: Vec<Range>,
    /// The bindings after them, in buffers of their own.
    pub writes: Vec<Range>,
    /// Workgroups along x, y, z.
    pub groups: [u32; 3],
    /// Arithmetic it holds (2 per multiply-add).
    pub flops: u64,
    /// Node of the graph it belongs to, an index into [`Plan::nodes`].
    pub node: usize,
}

/// One working buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buffer {
    /// What it holds, for people.
    pub name: &'static str,
    /// Size in vec4.
    pub len: usize,
    /// What a vec4 is.
    pub precision: Precision,
}

impl Buffer {
    /// Size in bytes.
    pub fn bytes(&self) -> u64 {
        self.len as u64 * self.precision.vec4_bytes()
    }
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Launch a kernel.
    Dispatch(Dispatch),
    /// Fill a buffer with zeros.
    Clear(usize),
    /// Copy a range to one of the same length, in another buffer of the same precision.
    Copy {
        /// What is read.
        from: Range,
        /// What is written.
        to: Range,
    },
}

/// Everything needed to run one network on one tile size.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Working buffers.
    pub buffers: Vec<Buffer>,
    /// All parameters, packed for the kernels, each range aligned to [`ALIGN`].
    pub weights: Vec<Vec4>,
    /// Steps in order.
    pub commands: Vec<Command>,
    /// Where the tile goes.
    pub input: Tensor,
    /// Where results lie when all steps are done.
    pub outputs: Vec<Tensor>,
    /// How activations are stored.
    pub precision: Precision,
    /// Names of the graph's nodes.
    pub nodes: Vec<String>,
}

impl Plan {
    /// Bytes of all working buffers and weights together.
    pub fn bytes(&self) -> u64 {
        self.buffers.iter().map(Buffer::bytes).sum::<u64>() + self.weight_bytes()
    }

    /// Bytes of the weights.
    pub fn weight_bytes(&self) -> u64 {
        (self.weights.len() * size_of::<Vec4>()) as u64
    }

    /// A range in bytes of its buffer.
    pub(crate) fn range_bytes(&self, range: &Range) -> std::ops::Range<usize> {
        let precision = match range.source {
            Source::Buffer(buffer) => self.buffers[buffer].precision,
            Source::Weights => Precision::F32,
        };
        let bytes = precision.vec4_bytes() as usize;
        range.start * bytes..(range.start + range.len) * bytes
    }

    /// Bytes of all bindings of a launch.
    pub(crate) fn bound_bytes(&self, dispatch: &Dispatch) -> u64 {
        dispatch.reads.iter().chain(&dispatch.writes).map(|range| self.range_bytes(range).len() as u64).sum()
    }

    /// All launches in order.
    pub(crate) fn dispatches(&self) -> impl Iterator<Item = &Dispatch> {
        self.commands.iter().filter_map(|command| match command {
            Command::Dispatch(dispatch) => Some(dispatch),
            Command::Clear(_) | Command::Copy { .. } => None,
        })
    }

    /// Arithmetic of one tile (2 per multiply-add).
    pub fn flops(&self) -> u64 {
        self.dispatches().map(|dispatch| dispatch.flops).sum()
    }
}
