//! From planes at the model's spacing to a mask on the scan's grid (nnU-Net `inference/export_prediction.py`), as they come.
//!
//! Order-1 resampling, averaging and the head are linear, so each output row blends at most four model rows, applies the
//! head and decides its labels: no stack of class channels ever exists on the scan's grid.

use mednext::{InferencePlan, LabelRule, ModelLabels};
use ndarray::parallel::prelude::*;
use ndarray::{Array2, Array3, ArrayView4, Axis, s};
use volume::{LabelVoxels, Region};

use crate::error::PipelineError;
use crate::predict::{Ensemble, Head};
use crate::preprocess::Frame;
use crate::resample::thick_axis;
use crate::spline::{Pair, Taps};

/// Class probabilities of a one-voxel thick slab of the scan. Voxels that no slab covers lie outside the non-zero region:
/// background, with certainty.
#[derive(Debug)]
pub struct ProbabilitySlab<'a> {
    /// Voxels covered, in the scan's indices.
    pub region: Region,
    /// (classes, z, y, x) along the scan's axes; softmax over classes, or one sigmoid per region.
    pub values: ArrayView4<'a, f32>,
}

/// Receives probabilities slab by slab.
pub type ProbabilitySink<'a> = dyn FnMut(ProbabilitySlab<'_>) -> Result<(), Box<dyn std::error::Error + Send + Sync>> + 'a;

/// Turns planes of accumulated channels into labels.
pub(crate) struct Exporter<'a> {
    frame: &'a Frame,
    rule: &'a LabelRule,
    rows: RowBlender<'a>,
    /// Model planes each plane of the crop reads.
    planes: Vec<Pair>,
    /// The last model plane received, and how many were.
    previous: Option<Vec<f32>>,
    received: usize,
    /// Next plane of the crop to write.
    next: usize,
    labels: LabelVoxels,
    probabilities: Option<&'a mut ProbabilitySink<'a>>,
}

impl<'a> Exporter<'a> {
    pub(crate) fn new(
        frame: &'a Frame,
        ensemble: &'a Ensemble,
        labels: &'a ModelLabels,
        plan: &InferencePlan,
        probabilities: Option<&'a mut ProbabilitySink<'a>>,
    ) -> Result<Self, PipelineError> {
        let max_value = check_rule(labels, ensemble.classes)?;
        let resampling = &plan.resample_logits;
        let thick = thick_axis(resampling.force_separate_z, plan.spacing_mm, frame.scan_spacing_mm);
        if resampling.order > 1 || thick.is_some() && resampling.order_z > 1 {
            return Err(PipelineError::Plan("logits can be resampled with spline orders 0 and 1 only".to_owned()));
        }
        let crop_size = frame.crop.size_zyx();
        let order = |axis: usize| if thick == Some(axis) { resampling.order_z } else { resampling.order };
        let [planes, rows, columns] = std::array::from_fn(|a| Taps::new(frame.size[a], crop_size[a], order(a)).pairs());
        Ok(Self {
            frame,
            rule: &labels.rule,
            rows: RowBlender { ensemble, rows, columns, model_columns: frame.size[2] },
            planes,
            previous: None,
            received: 0,
            next: 0,
            labels: LabelVoxels::zeros(frame.order.permute_back(frame.scan_size), max_value),
            probabilities,
        })
    }

    /// Takes the next model plane (channels, rows, columns), writes what it completes and returns memory to reuse.
    pub(crate) fn push(&mut self, plane: Vec<f32>) -> Result<Option<Vec<f32>>, PipelineError> {
        let index = self.received;
        self.received += 1;
        let before = self.previous.take();
        while let Some(pair) = self.planes.get(self.next).copied().filter(|pair| pair.last <= index) {
            // Positions rise, so a plane is only ever needed together with the one just before it.
            let first = if pair.first < index { before.as_ref().expect("the plane before was kept") } else { &plane };
            self.write_plane(pair, first, &plane)?;
            self.next += 1;
        }
        self.previous = Some(plane);
        Ok(before)
    }

    /// The finished mask, on the scan's grid.
    pub(crate) fn finish(self) -> LabelVoxels {
        assert_eq!(self.next, self.planes.len(), "every plane of the model's grid was pushed");
        self.labels.narrowed()
    }

    fn write_plane(&mut self, pair: Pair, first: &[f32], last: &[f32]) -> Result<(), PipelineError> {
        let size = (self.rows.rows.len(), self.rows.columns.len());
        let mut labels = Array2::<u16>::zeros(size);
        let kept = if self.probabilities.is_some() { self.rows.ensemble.classes } else { 0 };
        // Rows before classes, so that a row is one piece of memory for one thread.
        let mut probabilities = Array3::<f32>::zeros((size.0, kept, size.1));
        labels.axis_iter_mut(Axis(0)).into_par_iter().zip(probabilities.axis_iter_mut(Axis(0)).into_par_iter()).enumerate().for_each_init(
            RowScratch::default,
            |scratch, (row, (mut labels, mut probabilities))| {
                self.rows.logits(row, pair, first, last, scratch);
                let labels = labels.as_slice_mut().expect("a row is contiguous");
                match self.rule {
                    LabelRule::Argmax => argmax(scratch, labels),
                    LabelRule::Regions { values } => paint(&scratch.logits, values, labels),
                }
                if kept > 0 {
                    to_probabilities(self.rule, &mut scratch.logits, size.1);
                    probabilities.iter_mut().zip(&scratch.logits).for_each(|(p, v)| *p = *v);
                }
            },
        );
        self.store(&labels);
        self.emit(&probabilities)
    }

    /// Writes the current plane into the mask, through the scan's axis order.
    fn store(&mut self, plane: &Array2<u16>) {
        let (order, crop) = (self.frame.order, self.frame.crop);
        let at = s![crop.start_zyx[0] + self.next, crop.range(1), crop.range(2)];
        match &mut self.labels {
            // Narrow masks are chosen only when every value fits.
            LabelVoxels::U8(voxels) => order.view_mut(voxels.view_mut()).slice_mut(at).zip_mut_with(plane, |v, label| *v = *label as u8),
            LabelVoxels::U16(voxels) => order.view_mut(voxels.view_mut()).slice_mut(at).assign(plane),
        }
    }

    fn emit(&mut self, rows_classes_columns: &Array3<f32>) -> Result<(), PipelineError> {
        let Some(sink) = &mut self.probabilities else { return Ok(()) };
        let mut slab = self.frame.crop;
        slab.start_zyx[0] += self.next;
        slab.end_zyx[0] = slab.start_zyx[0] + 1;
        let region = self.frame.order.region_back(slab, self.frame.scan_size);
        let values = self.frame.order.view_back(rows_classes_columns.view().permuted_axes([1, 0, 2]).insert_axis(Axis(1)));
        sink(ProbabilitySlab { region, values }).map_err(PipelineError::Probabilities)
    }
}

/// Largest value the model can write; refuses names and values its heads do not have.
fn check_rule(labels: &ModelLabels, classes: usize) -> Result<u16, PipelineError> {
    let refuse = |reason: String| Err(PipelineError::Plan(reason));
    match &labels.rule {
        LabelRule::Argmax => {
            let highest = labels.names.iter().map(|label| usize::from(label.value)).max().unwrap_or(0);
            if highest >= classes || classes > usize::from(u16::MAX) + 1 {
                return refuse(format!("it names label {highest} but the network has {classes} classes"));
            }
            Ok((classes - 1) as u16)
        }
        LabelRule::Regions { values } if values.len() == classes => Ok(values.iter().copied().max().unwrap_or(0)),
        LabelRule::Regions { values } => refuse(format!("it paints {} regions but the network has {classes} outputs", values.len())),
    }
}

/// Buffers of one thread, each (channels or classes, columns).
#[derive(Default)]
struct RowScratch {
    /// Accumulated channels at the model's columns.
    blended: Vec<f32>,
    /// Between head and stretching, whichever comes first.
    between: Vec<f32>,
    /// Logits at the scan's columns.
    logits: Vec<f32>,
    /// Largest logit so far, per column.
    best: Vec<f32>,
}

/// Resamples rows of accumulated channels within two model planes, and applies the head.
struct RowBlender<'a> {
    ensemble: &'a Ensemble,
    rows: Vec<Pair>,
    columns: Vec<Pair>,
    model_columns: usize,
}

impl RowBlender<'_> {
    /// Leaves the logits of one output row in the scratch.
    fn logits(&self, row: usize, planes: Pair, first: &[f32], last: &[f32], scratch: &mut RowScratch) {
        self.blend_rows(self.rows[row], planes, first, last, &mut scratch.blended);
        match &self.ensemble.head {
            None => self.stretch(&scratch.blended, &mut scratch.logits),
            // Head and stretching commute; the head is the costly one, so it runs on the fewer columns.
            Some(head) if self.model_columns < self.columns.len() => {
                apply_head(head, &scratch.blended, self.model_columns, &mut scratch.between);
                self.stretch(&scratch.between, &mut scratch.logits);
            }
            Some(head) => {
                self.stretch(&scratch.blended, &mut scratch.between);
                apply_head(head, &scratch.between, self.columns.len(), &mut scratch.logits);
            }
        }
    }

    fn blend_rows(&self, row: Pair, planes: Pair, first: &[f32], last: &[f32], blended: &mut Vec<f32>) {
        blended.clear();
        let area = first.len() / self.ensemble.channels;
        for channel in 0..self.ensemble.channels {
            let line = |y: usize| channel * area + y * self.model_columns..channel * area + (y + 1) * self.model_columns;
            let corners = [&first[line(row.first)], &first[line(row.last)], &last[line(row.first)], &last[line(row.last)]];
            blended.extend((0..self.model_columns).map(|x| {
                let [a, b, c, d] = corners.map(|corner| corner[x]);
                planes.blend(row.blend(a, b), row.blend(c, d))
            }));
        }
    }

    /// Resamples model columns to the scan's.
    fn stretch(&self, from: &[f32], to: &mut Vec<f32>) {
        to.clear();
        for line in from.chunks_exact(self.model_columns) {
            to.extend(self.columns.iter().map(|column| column.blend(line[column.first], line[column.last])));
        }
    }
}

/// Columns the head takes together: their features stay in the first-level cache while all classes pass.
const BLOCK: usize = 128;

fn apply_head(head: &Head, features: &[f32], columns: usize, logits: &mut Vec<f32>) {
    let classes = head.bias.len();
    let width = head.weight_kc.len() / classes;
    logits.clear();
    logits.resize(classes * columns, 0.0);
    for start in (0..columns).step_by(BLOCK) {
        let end = columns.min(start + BLOCK);
        for (k, weights) in head.weight_kc.chunks_exact(width).enumerate() {
            let sums = &mut logits[k * columns + start..k * columns + end];
            sums.fill(head.bias[k]);
            for (weight, line) in weights.iter().zip(features.chunks_exact(columns)) {
                sums.iter_mut().zip(&line[start..end]).for_each(|(sum, value)| *sum += weight * value);
            }
        }
    }
}

/// The first class of largest logit, as numpy's argmax.
fn argmax(scratch: &mut RowScratch, labels: &mut [u16]) {
    scratch.best.clear();
    scratch.best.resize(labels.len(), f32::NEG_INFINITY);
    for (class, logits) in scratch.logits.chunks_exact(labels.len()).enumerate() {
        for ((best, label), logit) in scratch.best.iter_mut().zip(&mut *labels).zip(logits) {
            if logit > best {
                (*best, *label) = (*logit, class as u16);
            }
        }
    }
}

/// Regions in order, each over the ones before; a sigmoid exceeds one half where its logit is positive.
fn paint(logits: &[f32], values: &[u16], labels: &mut [u16]) {
    for (value, logits) in values.iter().zip(logits.chunks_exact(labels.len())) {
        labels.iter_mut().zip(logits).filter(|(_, logit)| **logit > 0.0).for_each(|(label, _)| *label = *value);
    }
}

fn to_probabilities(rule: &LabelRule, logits: &mut [f32], columns: usize) {
    if matches!(rule, LabelRule::Regions { .. }) {
        logits.iter_mut().for_each(|v| *v = 1.0 / (1.0 + (-*v).exp()));
        return;
    }
    for column in 0..columns {
        let max = logits[column..].iter().step_by(columns).fold(f32::NEG_INFINITY, |max, v| max.max(*v));
        logits[column..].iter_mut().step_by(columns).for_each(|v| *v = (*v - max).exp());
        let sum: f32 = logits[column..].iter().step_by(columns).sum();
        logits[column..].iter_mut().step_by(columns).for_each(|v| *v /= sum);
    }
}
