//! What will run, as plain data: buffers, packed weights and commands. Both executors read the same plan.
//!
//! Activations are `[z][channel/4][y][x]` of vec4: one z-slab is contiguous and holds all channels, so every pass is a loop over
//! slabs with one binding and an offset. That one mechanism serves binding limits, submission times and cancellation.

mod lower;
mod pack;
mod tensor;

use bytemuck::{Pod, Zeroable};

pub use lower::{Heads, lower};
pub(crate) use tensor::Tensor;

use crate::kernels::Kernel;

/// Four channels of one voxel.
#[repr(C, align(16))]
#[derive(Debug, Clone, Copy, PartialEq, Default, Pod, Zeroable)]
pub struct Vec4(pub [f32; 4]);

/// What a device allows; the plan keeps every binding and dispatch inside.
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
    /// Memory the tiles of `mlp` and `grn_partial` may take.
    pub tile_bytes: u32,
    /// Depthwise results of up blocks above this size are computed again per slab in every pass, not stored.
    pub store_up_bytes: usize,
}

impl Limits {
    /// No limits worth slabs, for executors without bindings; dispatches stay short enough to cancel.
    pub const CPU: Self = Self {
        binding_bytes: u64::MAX,
        buffer_bytes: u64::MAX,
        dispatch_flops: 20_000_000_000,
        groups: u32::MAX,
        tile_bytes: u32::MAX,
        store_up_bytes: STORE_UP_BYTES,
    };
}

/// At a 128^3 patch the depthwise result of the last up block alone would take 500 MiB.
pub(crate) const STORE_UP_BYTES: usize = 128 << 20;

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

/// Ranges start at multiples of this many vec4: 256 bytes, WebGPU's strictest offset alignment.
const ALIGN: usize = 16;

/// One kernel launch. The last range is written, all others are read.
#[derive(Debug, Clone, PartialEq)]
pub struct Dispatch {
    /// Which kernel, with its constants.
    pub kernel: Kernel,
    /// Bytes of its uniform block.
    pub params: Vec<u8>,
    /// Storage bindings 1, 2, ... in order.
    pub ranges: Vec<Range>,
    /// Workgroups along x, y, z.
    pub groups: [u32; 3],
    /// Arithmetic it holds (2 per multiply-add).
    pub flops: u64,
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Launch a kernel.
    Dispatch(Dispatch),
    /// Fill a buffer with zeros.
    Clear(usize),
}

/// Everything needed to run one network on one tile size.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Sizes of the working buffers, in vec4.
    pub buffers: Vec<usize>,
    /// All parameters, packed for the kernels, each range aligned to [`ALIGN`].
    pub weights: Vec<Vec4>,
    /// Steps in order.
    pub commands: Vec<Command>,
    /// Where the tile goes.
    pub input: Tensor,
    /// Where results lie when all steps are done.
    pub outputs: Vec<Tensor>,
}

impl Plan {
    /// Bytes of all working buffers and weights together.
    pub fn bytes(&self) -> u64 {
        (self.buffers.iter().sum::<usize>() + self.weights.len()) as u64 * size_of::<Vec4>() as u64
    }

    /// Arithmetic of one tile (2 per multiply-add).
    pub fn flops(&self) -> u64 {
        self.commands.iter().map(|c| if let Command::Dispatch(d) = c { d.flops } else { 0 }).sum()
    }
}
