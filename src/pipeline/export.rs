//! From bricks at the model's spacing to a mask on the scan's grid (nnU-Net `inference/export_prediction.py`), as they come.
//!
//! Order-1 resampling, averaging and the head are linear, so each output row blends at most four model rows, applies the
//! head and decides its labels: no stack of class channels ever exists on the scan's grid.

use std::ops::Range;

use engine::{Labelling, LinearHead, Pick, Tap};
use mednext::{InferencePlan, LabelRule, ModelLabels};
use ndarray::parallel::prelude::*;
use ndarray::{Array2, Array3, Array4, ArrayView3, ArrayView4, Axis, s};
use volume::{LabelVoxels, Region};

use crate::bricks::Brick;
use crate::error::PipelineError;
use crate::head::apply_head;
use crate::parts::{self, HandedOn, PartSink};
use crate::predict::Ensemble;
use crate::preprocess::Frame;
use crate::resample::thick_axis;
use crate::seams::Seams;
use crate::spline::{Pair, Taps};
use crate::window::Plane;

/// Class probabilities of a one-voxel thick part of the scan. Voxels that no part covers lie outside the non-zero region:
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

/// Turns bricks of accumulated channels into labels.
pub(crate) struct Exporter<'a> {
    frame: &'a Frame,
    rule: &'a LabelRule,
    ensemble: &'a Ensemble,
    /// What each position of the crop reads, along each axis.
    pairs: [Vec<Pair>; 3],
    seams: Seams,
    /// Whole planes of the crop written so far, where planes come whole.
    planes: usize,
    /// Voxels of the crop written so far.
    written: usize,
    /// What somebody has from an earlier run: nothing is written of it.
    handed_on: HandedOn,
    labels: LabelVoxels,
    probabilities: Option<&'a mut ProbabilitySink<'a>>,
    parts: Option<&'a mut PartSink<'a>>,
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
        let spline = |axis: usize| if thick == Some(axis) { resampling.order_z } else { resampling.order };
        Ok(Self {
            frame,
            rule: &labels.rule,
            ensemble,
            pairs: std::array::from_fn(|a| Taps::new(frame.size[a], crop_size[a], spline(a)).pairs()),
            seams: Seams::new([0, 1, 2], frame.size),
            planes: 0,
            written: 0,
            handed_on: HandedOn { in_planes: true, count: 0 },
            labels: LabelVoxels::zeros(frame.order.permute_back(frame.scan_size), max_value),
            probabilities,
            parts: None,
        })
    }

    /// Hands finished parts to somebody, with the doubt about them.
    pub(crate) fn with_parts(self, parts: Option<&'a mut PartSink<'a>>) -> Self {
        Self { parts, ..self }
    }

    /// For bricks that come with their axes in another order than z, y, x, the slowest first.
    pub(crate) fn in_order(self, order: [usize; 3]) -> Self {
        Self { seams: Seams::new(order, self.frame.size), ..self }
    }

    /// For parts of which somebody has some already.
    pub(crate) fn after(self, handed_on: HandedOn) -> Self {
        Self { handed_on, ..self }
    }

    /// How a device may do the same, as far as labels go.
    pub(crate) fn labelling(&self) -> Labelling {
        let tap = |pair: &Pair| Tap { first: pair.first as u32, last: pair.last as u32, weight: pair.weight };
        let (pick, values) = match self.rule {
            LabelRule::Argmax => (Pick::Largest, (0..self.ensemble.classes).map(|class| class as u16).collect()),
            LabelRule::Regions { values } => (Pick::LastPositive, values.clone()),
        };
        let head = self.ensemble.head.as_ref();
        Labelling {
            taps: std::array::from_fn(|a| self.pairs[a].iter().map(tap).collect()),
            head: head.map(|head| LinearHead { weight_kc: head.weight_kc.clone(), bias: head.bias.clone() }),
            pick,
            values,
        }
    }

    /// Takes the next plane and returns memory to reuse: means of the model's plane `z`, or labels of the crop's.
    pub(crate) fn push(&mut self, z: usize, plane: Plane) -> Result<Option<Vec<f32>>, PipelineError> {
        let means = match plane {
            Plane::Means(means) => means,
            Plane::Labels(labels) => {
                self.push_labels(z, labels);
                return Ok(None);
            }
        };
        let [_, rows, columns] = self.frame.size;
        let values = Array4::from_shape_vec((1, self.ensemble.channels, rows, columns), means).expect("a plane has its size");
        let region = Region { start_zyx: [z, 0, 0], end_zyx: [z + 1, rows, columns] };
        let spare = self.push_brick(Brick { index: [z, 0, 0], number: z, region, values })?;
        self.planes = self.planes.max(self.pairs[0].partition_point(|pair| pair.last <= z));
        Ok(spare)
    }

    /// Writes a whole plane of the crop.
    fn push_labels(&mut self, z: usize, labels: Vec<u16>) {
        let Region { start_zyx: start, end_zyx: end } = self.frame.crop;
        let plane = Array2::from_shape_vec((end[1] - start[1], end[2] - start[2]), labels).expect("a plane has its size");
        let part = Region { start_zyx: [start[0] + z, start[1], start[2]], end_zyx: [start[0] + z + 1, end[1], end[2]] };
        self.store(&part, &plane);
        self.planes = z + 1;
    }

    /// Takes the next brick, writes the voxels of the crop whose upper model neighbours lie in it, and returns memory to reuse.
    pub(crate) fn push_brick(&mut self, brick: Brick) -> Result<Option<Vec<f32>>, PipelineError> {
        let inside = |axis: usize| {
            let below = |end: usize| self.pairs[axis].partition_point(|pair| pair.last < end);
            below(brick.region.start_zyx[axis])..below(brick.region.end_zyx[axis])
        };
        if brick.number < self.handed_on.count {
            return Ok(self.seams.keep(brick));
        }
        let [mut planes, rows, columns] = [inside(0), inside(1), inside(2)];
        // Planes that a device has labelled before it failed stay.
        planes.start = planes.start.max(self.planes).min(planes.end);
        if !rows.is_empty() && !columns.is_empty() {
            self.write(&brick, planes, rows, columns)?;
        }
        Ok(self.seams.keep(brick))
    }

    /// The finished mask, on the scan's grid, without what was handed on before.
    pub(crate) fn finish(self) -> LabelVoxels {
        let whole = self.frame.crop.size_zyx().iter().product::<usize>();
        assert!(self.written == whole || self.handed_on.count > 0, "every brick of the model's grid was pushed");
        self.labels.narrowed()
    }

    fn write(&mut self, brick: &Brick, planes: Range<usize>, rows: Range<usize>, columns: Range<usize>) -> Result<(), PipelineError> {
        // A padded plane begins one voxel before the brick, where there is one.
        let local = |axis: usize, part: Range<usize>| -> Vec<Pair> {
            let first = brick.region.start_zyx[axis].saturating_sub(1);
            self.pairs[axis][part].iter().map(|pair| Pair { first: pair.first - first, last: pair.last - first, ..*pair }).collect()
        };
        let blender = RowBlender { ensemble: self.ensemble, rows: local(1, rows.clone()), columns: local(2, columns.clone()) };
        for plane in planes.clone() {
            let pair = self.pairs[0][plane];
            let [first, last] = [pair.first, pair.last].map(|z| self.seams.plane(brick, z as isize - brick.region.start_zyx[0] as isize));
            let (labels, probabilities, doubt) = self.label_plane(&blender, pair, first.view(), last.view());
            let start = [plane, rows.start, columns.start];
            let end = [plane + 1, rows.end, columns.end];
            let crop = self.frame.crop.start_zyx;
            let part =
                Region { start_zyx: std::array::from_fn(|a| crop[a] + start[a]), end_zyx: std::array::from_fn(|a| crop[a] + end[a]) };
            self.store(&part, &labels);
            self.emit(part, &probabilities)?;
            if let Some(sink) = &mut self.parts {
                let last = plane + 1 == planes.end;
                let handed_on = HandedOn { count: brick.number + usize::from(last), ..self.handed_on };
                let part = parts::finished(self.frame, part, labels.view(), doubt.view(), last, handed_on);
                sink(part).map_err(PipelineError::Parts)?;
            }
        }
        Ok(())
    }

    /// Labels (rows, columns); probabilities (rows, classes, columns) and doubt (rows, columns) where somebody wants them, else of no
    /// classes and no columns.
    fn label_plane(
        &self,
        blender: &RowBlender<'_>,
        pair: Pair,
        first: ArrayView3<'_, f32>,
        last: ArrayView3<'_, f32>,
    ) -> (Array2<u16>, Array3<f32>, Array2<u8>) {
        let size = (blender.rows.len(), blender.columns.len());
        let mut labels = Array2::<u16>::zeros(size);
        let kept = if self.probabilities.is_some() { self.ensemble.classes } else { 0 };
        // Rows before classes, so that a row is one piece of memory for one thread.
        let mut probabilities = Array3::<f32>::zeros((size.0, kept, size.1));
        let mut doubt = Array2::<u8>::zeros((size.0, if self.parts.is_some() { size.1 } else { 0 }));
        let rows = labels.axis_iter_mut(Axis(0)).into_par_iter().zip(probabilities.axis_iter_mut(Axis(0)).into_par_iter());
        rows.zip(doubt.axis_iter_mut(Axis(0)).into_par_iter()).enumerate().for_each_init(
            RowScratch::default,
            |scratch, (row, ((mut labels, mut probabilities), mut doubt))| {
                blender.logits(row, pair, first, last, scratch);
                let labels = labels.as_slice_mut().expect("a row is contiguous");
                match self.rule {
                    LabelRule::Argmax => argmax(scratch, labels),
                    LabelRule::Regions { values } => paint(&scratch.logits, values, labels),
                }
                if !doubt.is_empty() {
                    let doubt = doubt.as_slice_mut().expect("a row is contiguous");
                    parts::doubt(self.rule, &scratch.logits, labels, &mut scratch.second, doubt);
                }
                if kept > 0 {
                    to_probabilities(self.rule, &mut scratch.logits, size.1);
                    probabilities.iter_mut().zip(&scratch.logits).for_each(|(p, v)| *p = *v);
                }
            },
        );
        (labels, probabilities, doubt)
    }

    /// Writes labels into the mask, through the scan's axis order.
    fn store(&mut self, part: &Region, plane: &Array2<u16>) {
        let order = self.frame.order;
        let at = s![part.start_zyx[0], part.range(1), part.range(2)];
        match &mut self.labels {
            // Narrow masks are chosen only when every value fits.
            LabelVoxels::U8(voxels) => order.view_mut(voxels.view_mut()).slice_mut(at).zip_mut_with(plane, |v, label| *v = *label as u8),
            LabelVoxels::U16(voxels) => order.view_mut(voxels.view_mut()).slice_mut(at).assign(plane),
        }
        self.written += plane.len();
    }

    fn emit(&mut self, part: Region, rows_classes_columns: &Array3<f32>) -> Result<(), PipelineError> {
        let Some(sink) = &mut self.probabilities else { return Ok(()) };
        let region = self.frame.order.region_back(part, self.frame.scan_size);
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
    /// Largest logit of the other classes, per column, where doubt is wanted.
    second: Vec<f32>,
}

/// Resamples rows of accumulated channels within two padded model planes (channels, rows, columns), and applies the head.
struct RowBlender<'a> {
    ensemble: &'a Ensemble,
    rows: Vec<Pair>,
    columns: Vec<Pair>,
}

impl RowBlender<'_> {
    /// Leaves the logits of one output row in the scratch.
    fn logits(&self, row: usize, planes: Pair, first: ArrayView3<'_, f32>, last: ArrayView3<'_, f32>, scratch: &mut RowScratch) {
        let width = last.dim().2;
        blend_rows(self.rows[row], planes, first, last, &mut scratch.blended);
        match &self.ensemble.head {
            None => self.stretch(&scratch.blended, width, &mut scratch.logits),
            // Head and stretching commute; the head is the costly one, so it runs on the fewer columns.
            Some(head) if width < self.columns.len() => {
                apply_head(head, &scratch.blended, width, &mut scratch.between);
                self.stretch(&scratch.between, width, &mut scratch.logits);
            }
            Some(head) => {
                self.stretch(&scratch.blended, width, &mut scratch.between);
                apply_head(head, &scratch.between, self.columns.len(), &mut scratch.logits);
            }
        }
    }

    /// Resamples model columns to the scan's.
    fn stretch(&self, from: &[f32], width: usize, to: &mut Vec<f32>) {
        to.clear();
        for line in from.chunks_exact(width) {
            to.extend(self.columns.iter().map(|column| column.blend(line[column.first], line[column.last])));
        }
    }
}

fn blend_rows(row: Pair, planes: Pair, first: ArrayView3<'_, f32>, last: ArrayView3<'_, f32>, blended: &mut Vec<f32>) {
    blended.clear();
    let (channels, rows, width) = last.dim();
    let [first, last] = [&first, &last].map(|plane| plane.as_slice().expect("padded planes are in standard layout"));
    for channel in 0..channels {
        let line = |y: usize| (channel * rows + y) * width..(channel * rows + y + 1) * width;
        let corners = [&first[line(row.first)], &first[line(row.last)], &last[line(row.first)], &last[line(row.last)]];
        blended.extend((0..width).map(|x| {
            let [a, b, c, d] = corners.map(|corner| corner[x]);
            planes.blend(row.blend(a, b), row.blend(c, d))
        }));
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
