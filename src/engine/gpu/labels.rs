//! Finished planes of sums become labels where they lie: means, resampling to the scan's grid, the head, argmax. Only labels come
//! back, in batches, while later tiles run.
//!
//! A plane of labels depends on two planes of sums and on nothing else, so that slabs and batches change no bit. The last plane of
//! means stays in the ring until the next is there.

use std::sync::Arc;

use super::context::{ALIGN_BYTES, Gpu};
use super::planes::{Planes, plane_bytes};
use super::readback::{Arrival, READBACKS};
use super::submit::{FLOPS_PER_BYTE, Step, binding};
use super::window::GpuWindow;
use super::window_steps::Params;
use crate::kernels::{Kernel, THREADS};
use crate::labelling::{Labelling, Pick};
use crate::params::{PlaneFeatures, PlaneHead, PlaneLabel, PlaneMean};
use crate::plan::{Limits, Precision};
use crate::runner::{EngineError, WindowShape};

/// Labels copied to host memory at once, at least one plane.
const BATCH_BYTES: usize = 4 << 20;
/// Features on the scan's grid held at once.
const FEATURE_BYTES: usize = 16 << 20;
/// Bytes of flags behind the labels of a batch.
const FLAG_BYTES: usize = 4;

/// What it takes to label planes on a device.
pub(super) struct Labels {
    pub(super) tables: Labelling,
    rows: wgpu::Buffer,
    columns: wgpu::Buffer,
    values: wgpu::Buffer,
    /// Packed weights and rows of features.
    head: Option<[wgpu::Buffer; 2]>,
    labels: Planes,
    flags: wgpu::Buffer,
    params: wgpu::Buffer,
    sizes: Sizes,
    /// Planes of the image before this one are means, or gone.
    means: usize,
    /// Planes of labels done.
    done: usize,
}

/// How the work is cut, and what that takes.
#[derive(Clone, Copy)]
struct Sizes {
    /// Planes of labels copied to the host together.
    batch: usize,
    /// Rows one dispatch labels.
    rows: usize,
    /// Bytes of one row of features; 0 without a head.
    feature_row: usize,
    /// Uniform blocks written together.
    blocks: usize,
    /// Distance of planes of labels.
    plane_bytes: usize,
}

impl Sizes {
    fn new(limits: &Limits, shape: &WindowShape, ring: usize, tables: &Labelling) -> Self {
        let [planes, all_rows, _] = tables.size();
        let plane_bytes = plane_bytes(tables.words());
        let bindable = limits.binding_bytes.min(limits.buffer_bytes) as usize;
        let batch = (BATCH_BYTES / plane_bytes).min(bindable / plane_bytes).clamp(1, planes.max(1));
        let feature_row = tables.head.as_ref().map_or(0, |_| shape.channels * tables.groups() * 4 * size_of::<f32>());
        let timely = limits.dispatch_flops / (row_flops(shape, tables)).max(1);
        let grouped = u64::from(limits.groups) * u64::from(THREADS) / tables.groups().max(1) as u64;
        let mut rows = timely.min(grouped).clamp(1, all_rows.max(1) as u64) as usize;
        if let Some(most) = FEATURE_BYTES.min(bindable).checked_div(feature_row) {
            rows = rows.min(most.max(1));
        }
        let per_plane = all_rows.div_ceil(rows) * if feature_row > 0 { 2 } else { 1 };
        Self { batch, rows, feature_row, blocks: ring + batch * per_plane, plane_bytes }
    }
}

/// Arithmetic of labelling a row, loads counted as such.
fn row_flops(shape: &WindowShape, tables: &Labelling) -> u64 {
    let voxels = tables.groups() as u64 * 4;
    let channels = shape.channels as u64;
    let head = tables.head.as_ref().map_or(0, |head| 2 * head.weight_kc.len() as u64);
    // Neighbours share most of what they load.
    voxels * (channels * 2 * size_of::<f32>() as u64 * FLOPS_PER_BYTE + head)
}

impl Labels {
    /// Uploads tables and makes room; labels from plane `done` on are wanted.
    pub(super) fn new(
        gpu: &Arc<Gpu>,
        limits: &Limits,
        shape: &WindowShape,
        ring: usize,
        tables: &Labelling,
        done: usize,
    ) -> Result<Self, EngineError> {
        let sizes = Sizes::new(limits, shape, ring, tables);
        if shape.area().div_ceil(THREADS as usize) > limits.groups as usize {
            return Err(EngineError::DoesNotFit("a plane of sums needs too many workgroups".to_owned()));
        }
        let labels = Planes::new(gpu, limits, "labels", sizes.batch, tables.words())?;
        let packed = tables.packed_head();
        let head_bytes = packed.as_ref().map_or(0, |packed| size_of_val(&packed[..]));
        if sizes.feature_row.max(head_bytes) as u64 > limits.binding_bytes {
            return Err(EngineError::DoesNotFit("a row of features or the head needs too large a binding".to_owned()));
        }
        let values: Vec<u32> = tables.values.iter().map(|value| u32::from(*value)).collect();
        let bytes = Self::bytes(limits, shape, ring, tables) - (sizes.batch * sizes.plane_bytes) as u64;
        let made = gpu.allocated("label tables", bytes, || {
            let taps = |what, axis: usize| gpu.storage_buffer(what, size_of_val(&tables.taps[axis][..]) as u64);
            let head = packed.as_ref().map(|packed| {
                let rows = (sizes.rows * sizes.feature_row) as u64;
                [gpu.storage_buffer("head", size_of_val(&packed[..]) as u64), gpu.storage_buffer("features", rows)]
            });
            let values = gpu.storage_buffer("label values", size_of_val(&values[..]) as u64);
            (taps("rows", 1), taps("columns", 2), values, head)
        })?;
        let (rows, columns, value_buffer, head) = made;
        gpu.queue.write_buffer(&rows, 0, bytemuck::cast_slice(&tables.taps[1]));
        gpu.queue.write_buffer(&columns, 0, bytemuck::cast_slice(&tables.taps[2]));
        gpu.queue.write_buffer(&value_buffer, 0, bytemuck::cast_slice(&values));
        if let (Some([weights, _]), Some(packed)) = (&head, &packed) {
            gpu.queue.write_buffer(weights, 0, bytemuck::cast_slice(packed));
        }
        Ok(Self {
            tables: tables.clone(),
            rows,
            columns,
            values: value_buffer,
            head,
            labels,
            flags: gpu.storage_buffer("flags", ALIGN_BYTES as u64),
            params: gpu.uniform_buffer("label params", (sizes.blocks * ALIGN_BYTES) as u64),
            sizes,
            means: tables.needed(done, shape.size[0]),
            done,
        })
    }

    /// Device memory: tables, the head and its features, uniform blocks, a batch of labels.
    pub(super) fn bytes(limits: &Limits, shape: &WindowShape, ring: usize, tables: &Labelling) -> u64 {
        let sizes = Sizes::new(limits, shape, ring, tables);
        let taps = size_of_val(&tables.taps[1][..]) + size_of_val(&tables.taps[2][..]) + tables.values.len() * size_of::<u32>();
        let head = tables.head.as_ref().map_or(0, |head| head.bias.len().next_multiple_of(8) * (shape.channels + 1) * size_of::<f32>());
        let features = sizes.rows * sizes.feature_row;
        (taps + head + features + (sizes.blocks + 1) * ALIGN_BYTES + sizes.batch * sizes.plane_bytes) as u64
    }

    /// Host memory of the batches on their way.
    pub(super) fn readback_bytes(limits: &Limits, shape: &WindowShape, ring: usize, tables: &Labelling) -> u64 {
        let sizes = Sizes::new(limits, shape, ring, tables);
        let batches = READBACKS.min(tables.size()[0].div_ceil(sizes.batch));
        (batches * (sizes.batch * sizes.plane_bytes + FLAG_BYTES)) as u64
    }

    /// The next plane of a batch that is here, and whether all means so far are finite.
    pub(super) fn read(&self, arrival: &Arrival) -> Result<(Vec<u16>, bool), EngineError> {
        let stride = self.labels.plane_bytes();
        let start = arrival.next * stride;
        let (mut plane, mut finite) = (Vec::new(), false);
        let bytes = self.tables.words() * size_of::<u32>();
        arrival.readback.read(start..start + bytes, |bytes| plane = self.tables.unpack(bytemuck::cast_slice(bytes)))?;
        let flags = self.sizes.batch * stride;
        arrival.readback.read(flags..flags + FLAG_BYTES, |bytes| finite = bytes.iter().all(|byte| *byte == 0))?;
        Ok((plane, finite))
    }

    /// Whether closed planes wait to become means or labels, so that no tile may use their places in the ring.
    pub(super) fn waiting(&self, closed: usize) -> bool {
        self.done < self.tables.ready(closed) || self.means < closed
    }
}

impl GpuWindow {
    /// Turns closed planes into labels, as far as there are readback buffers, and frees those that no label reads any more.
    pub(super) fn send_labels(&mut self, cancelled: &dyn Fn() -> bool) -> Result<(), EngineError> {
        while self.arrivals.len() < READBACKS
            && let Some(labels) = &self.labels
        {
            let ready = labels.tables.ready(self.closed);
            let planes = labels.sizes.batch.min(ready.saturating_sub(labels.done));
            if planes == 0 && labels.means >= self.closed {
                break;
            }
            let stride = labels.labels.plane_bytes();
            let buffer_bytes = labels.sizes.batch * stride + FLAG_BYTES;
            let mut params = Params::new(&labels.params);
            let mut steps = Vec::new();
            self.mean_steps(labels, &mut params, &mut steps);
            for plane in 0..planes {
                self.label_steps(labels, labels.done + plane, plane, &mut params, &mut steps);
            }
            let done = labels.done + planes;
            // The last plane of means stays for the labels between it and the next.
            let needed = labels.tables.needed(done, self.shape.size[0]).min(self.closed);
            let mut clear = self.left;
            while clear < needed {
                let slot = clear % self.sums.count;
                let together = self.sums.together(slot, needed - clear);
                steps.push(self.sums.clear(slot, together));
                clear += together;
            }
            params.write(&self.gpu.queue);
            let buffer = (planes > 0).then(|| self.readback(buffer_bytes));
            if let (Some(buffer), Some(labels)) = (&buffer, &self.labels) {
                steps.push(labels.labels.copy(0, planes, buffer, 0));
                let (from, bytes) = (labels.flags.clone(), 0..FLAG_BYTES as u64);
                steps.push(Step::Copy { from, bytes, to: buffer.clone(), offset: (labels.sizes.batch * stride) as u64 });
            }
            self.arena.turn().run(&self.gpu, steps.iter(), cancelled)?;
            if let Some(buffer) = buffer {
                self.read_bytes += (planes * stride + FLAG_BYTES) as u64;
                self.arrivals.push_back(Arrival::new(buffer, buffer_bytes, planes));
            }
            if let Some(labels) = &mut self.labels {
                (labels.done, labels.means) = (done, self.closed.max(labels.means));
            }
            self.left = self.left.max(needed);
        }
        Ok(())
    }

    /// Steps that turn the closed planes that are still sums into means.
    fn mean_steps(&self, labels: &Labels, params: &mut Params<'_>, steps: &mut Vec<Step>) {
        let area = self.shape.area();
        let work = (2 * self.shape.channels + 1) * area * size_of::<f32>();
        let timely = (self.limits.dispatch_flops / (work as u64 * FLOPS_PER_BYTE)).min(u64::from(self.limits.groups)).max(1);
        let mut plane = labels.means;
        while plane < self.closed {
            let slot = plane % self.sums.count;
            let planes = self.sums.together(slot, (self.closed - plane).min(timely as usize));
            let uniform =
                params.push(&PlaneMean { area: area as u32, plane: self.sums.stride as u32, channels: self.shape.channels as u32 });
            let bindings = [uniform, self.sums.binding(slot, planes), binding(&labels.flags, 0..FLAG_BYTES)];
            let groups = [(area as u32).div_ceil(THREADS), planes as u32, 1];
            let flops = (planes * work) as u64 * FLOPS_PER_BYTE;
            steps.push(Step::dispatch(&self.gpu, Kernel::PlaneMean, Precision::F32, &bindings, groups, flops));
            plane += planes;
        }
    }

    /// Steps that write plane `z` of labels as plane `to` of the batch.
    fn label_steps(&self, labels: &Labels, z: usize, to: usize, params: &mut Params<'_>, steps: &mut Vec<Step>) {
        let Labels { tables, sizes, .. } = labels;
        let tap = tables.taps[0][z];
        let [first, last] = [tap.first, tap.last].map(|plane| self.sums.binding(plane as usize % self.sums.count, 1));
        let [_, all_rows, columns] = tables.size().map(|n| n as u32);
        let regions = u32::from(tables.pick == Pick::LastPositive);
        let (image_x, area, channels) = (self.shape.size[2] as u32, self.shape.area() as u32, self.shape.channels as u32);
        let out = || labels.labels.binding(to, 1);
        for first_row in (0..all_rows).step_by(sizes.rows) {
            let rows = (all_rows - first_row).min(sizes.rows as u32);
            let groups = (rows * tables.groups() as u32).div_ceil(THREADS);
            let flops = u64::from(rows) * row_flops(&self.shape, tables);
            let [rows_table, columns_table, values] = [&labels.rows, &labels.columns, &labels.values].map(wgpu::Buffer::as_entire_binding);
            let Some([weights, features]) = &labels.head else {
                let plane_weight = tap.weight;
                let uniform = params.push(&PlaneLabel { columns, first_row, rows, image_x, area, channels, regions, plane_weight });
                let bindings = [uniform, first.clone(), last.clone(), rows_table, columns_table, values, out()];
                let kernel = Kernel::PlaneLabel { wide: tables.is_wide() };
                steps.push(Step::dispatch(&self.gpu, kernel, Precision::F32, &bindings, [groups, 1, 1], flops));
                continue;
            };
            let held = || binding(features, 0..rows as usize * sizes.feature_row);
            let uniform = params.push(&PlaneFeatures { columns, first_row, rows, image_x, area, channels, plane_weight: tap.weight });
            let bindings = [uniform, first.clone(), last.clone(), rows_table, columns_table, held()];
            steps.push(Step::dispatch(&self.gpu, Kernel::PlaneFeatures, Precision::F32, &bindings, [groups, channels, 1], flops / 2));
            let uniform = params.push(&PlaneHead { columns, first_row, rows, channels, classes: tables.values.len() as u32, regions });
            let bindings = [uniform, held(), weights.as_entire_binding(), values, out()];
            let kernel = Kernel::PlaneHead { wide: tables.is_wide() };
            steps.push(Step::dispatch(&self.gpu, kernel, Precision::F32, &bindings, [groups, 1, 1], flops / 2));
        }
    }
}
