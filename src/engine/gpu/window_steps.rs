//! One tile of the sliding window as steps for the device: slabs of planes that limits on bindings and dispatches allow.

use std::ops::Range;

use bytemuck::{Pod, bytes_of};

use super::context::ALIGN_BYTES;
use super::runner::GpuRunner;
use super::submit::{FLOPS_PER_BYTE, Step, binding};
use super::window::GpuWindow;
use crate::kernels::{Kernel, THREADS};
use crate::params::{TileAccumulate, TileExtract};
use crate::plan::{Precision, Tensor};
use crate::runner::TileRun;

impl GpuWindow {
    /// Steps that write the tile to the network's input.
    pub(super) fn extract(&self, runner: &GpuRunner, run: &TileRun, params: &mut Params<'_>) -> Vec<Step> {
        let (tensor, buffer) = runner.input();
        let tile = Tile { tensor, buffer, precision: runner.precision(), flip_z: run.flips[0] };
        let inside = self.shape.inside(0, run.origin[0]);
        let padding = [0..inside.start, inside.end..self.shape.patch[0]];
        let mut steps: Vec<Step> = padding.into_iter().filter(|planes| !planes.is_empty()).map(|planes| tile.clear(planes)).collect();
        let work = tensor.channels4() * tensor.plane_voxels() * 5 * size_of::<f32>();
        let mut z = inside.start;
        while z < inside.end {
            let at = (run.origin[0] + z as isize) as usize;
            let planes = self.image.together(at, self.slab(&tile, work, inside.end - z));
            let uniform = params.push(&TileExtract {
                patch_x: tensor.size_zyx[2] as u32,
                patch_y: tensor.size_zyx[1] as u32,
                planes: planes as u32,
                tile_plane: tensor.plane() as u32,
                channels: self.image_channels as u32,
                image_x: self.shape.size[2] as u32,
                image_y: self.shape.size[1] as u32,
                image_plane: self.image.stride as u32,
                origin_x: run.origin[2] as i32,
                origin_y: run.origin[1] as i32,
                flip_x: run.flips[2].into(),
                flip_y: run.flips[1].into(),
                flip_z: run.flips[0].into(),
            });
            let bindings = [uniform, self.image.binding(at, planes), tile.binding(z..z + planes)];
            steps.push(self.dispatch(Kernel::TileExtract, &tile, &bindings, planes, work));
            z += planes;
        }
        steps
    }

    /// Steps that add the network's output to the sums.
    pub(super) fn accumulate(&self, runner: &GpuRunner, run: &TileRun, params: &mut Params<'_>) -> Vec<Step> {
        let (tensor, buffer) = runner.output();
        let tile = Tile { tensor, buffer, precision: runner.precision(), flip_z: run.flips[0] };
        let mut inside = self.shape.inside(0, run.origin[0]);
        inside.start = inside.start.max((self.closed as isize - run.origin[0]).max(0) as usize);
        let work = tensor.channels * tensor.plane_voxels() * 3 * size_of::<f32>();
        let mut steps = Vec::new();
        let mut z = inside.start;
        while z < inside.end {
            let slot = (run.origin[0] + z as isize) as usize % self.sums.count;
            let planes = self.gaussian.together(z, self.slab(&tile, work, inside.end - z));
            let planes = self.sums.together(slot, planes);
            let uniform = params.push(&TileAccumulate {
                patch_x: tensor.size_zyx[2] as u32,
                patch_y: tensor.size_zyx[1] as u32,
                planes: planes as u32,
                tile_plane: tensor.plane() as u32,
                channels: tensor.channels as u32,
                first_channel: run.first_channel as u32,
                weights: self.shape.channels as u32,
                weight_plane: self.gaussian.stride as u32,
                image_x: self.shape.size[2] as u32,
                image_y: self.shape.size[1] as u32,
                sum_plane: self.sums.stride as u32,
                origin_x: run.origin[2] as i32,
                origin_y: run.origin[1] as i32,
                flip_x: run.flips[2].into(),
                flip_y: run.flips[1].into(),
                flip_z: run.flips[0].into(),
                counts: run.counts.into(),
                share: run.share,
            });
            let bindings = [uniform, tile.binding(z..z + planes), self.gaussian.binding(z, planes), self.sums.binding(slot, planes)];
            steps.push(self.dispatch(Kernel::TileAccumulate, &tile, &bindings, planes, work));
            z += planes;
        }
        steps
    }

    /// How many of `wanted` planes of a tile one dispatch may hold, `work` bytes moved per plane.
    fn slab(&self, tile: &Tile<'_>, work: usize, wanted: usize) -> usize {
        let bound = self.limits.binding_bytes / tile.bytes(0..1).len() as u64;
        let timely = self.limits.dispatch_flops / (work as u64 * FLOPS_PER_BYTE);
        let most = bound.min(timely).min(u64::from(self.limits.groups)).max(1);
        wanted.min(usize::try_from(most).unwrap_or(usize::MAX))
    }

    fn dispatch(&self, kernel: Kernel, tile: &Tile<'_>, bindings: &[wgpu::BindingResource<'_>], planes: usize, work: usize) -> Step {
        let groups = [(tile.tensor.plane_voxels() as u32).div_ceil(THREADS), tile.tensor.channels4() as u32, planes as u32];
        Step::dispatch(&self.gpu, kernel, tile.precision, bindings, groups, (planes * work) as u64 * FLOPS_PER_BYTE)
    }
}

/// Input or output of a network, by planes as the image counts them.
struct Tile<'a> {
    tensor: Tensor,
    buffer: &'a wgpu::Buffer,
    precision: Precision,
    flip_z: bool,
}

impl Tile<'_> {
    fn bytes(&self, planes: Range<usize>) -> Range<usize> {
        let mirrored = if self.flip_z { self.tensor.size_zyx[0] - planes.end..self.tensor.size_zyx[0] - planes.start } else { planes };
        let plane = self.tensor.plane() * self.precision.vec4_bytes() as usize;
        mirrored.start * plane..mirrored.end * plane
    }

    fn binding(&self, planes: Range<usize>) -> wgpu::BindingResource<'_> {
        binding(self.buffer, self.bytes(planes))
    }

    fn clear(&self, planes: Range<usize>) -> Step {
        let bytes = self.bytes(planes);
        Step::Clear { buffer: self.buffer.clone(), bytes: bytes.start as u64..bytes.end as u64 }
    }
}

/// The uniform blocks of one run, written together.
pub(super) struct Params<'a> {
    buffer: &'a wgpu::Buffer,
    bytes: Vec<u8>,
}

impl<'a> Params<'a> {
    pub(super) fn new(buffer: &'a wgpu::Buffer) -> Self {
        Self { buffer, bytes: Vec::new() }
    }

    /// Sends the blocks; steps submitted from now on see them.
    pub(super) fn write(&self, queue: &wgpu::Queue) {
        queue.write_buffer(self.buffer, 0, &self.bytes);
    }

    pub(super) fn push<P: Pod>(&mut self, block: &P) -> wgpu::BindingResource<'a> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes_of(block));
        let place = binding(self.buffer, start..self.bytes.len());
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGN_BYTES), 0);
        place
    }
}
