//! Smoothing all structures together: every label's indicator is blurred with one Gaussian and each voxel takes the label that is
//! strongest there, so that neighbours stay neighbours and neither gaps nor overlaps arise.
//!
//! The mask is worked on in slabs of planes with what the blur needs above and below, so memory does not grow with the volume.
//! Background is what the labels leave: its blurred indicator is one minus their sum.

use ndarray::{Array3, Axis, s};
use rayon::prelude::*;
use volume::Region;

use crate::delta::{Delta, DeltaBuilder, delta_of_box};
use crate::draw::Guard;
use crate::error::{MaskError, positive};
use crate::grid::{LabelGrid, join, linear, padded};
use crate::watch::{Steps, Watch};

const SLAB: usize = 16;
/// Where the Gaussian is cut off, in sigmas.
const REACH: f64 = 3.0;
/// A voxel changes only when another label is stronger by more than rounding.
const CLEARLY: f32 = 1e-5;

/// Smooths the borders of `labels` with a Gaussian of `sigma_mm`; other borders stay.
///
/// A label that the guard does not allow neither loses nor gains a voxel.
pub fn smooth(grid: &LabelGrid, labels: &[u16], sigma_mm: f64, guard: &Guard, watch: Watch<'_>) -> Result<Delta, MaskError> {
    positive("the smoothing", sigma_mm)?;
    let size = grid.size_zyx();
    let kernels = grid.spacing_zyx_mm().map(|spacing| kernel(sigma_mm / spacing));
    let reach = kernels.each_ref().map(|kernel| kernel.len() - 1);
    let bounds = labels.iter().filter(|v| **v != 0).fold(None, |all, value| join(all, grid.bounds(*value)));
    let Some(bounds) = bounds else { return Ok(Delta::default()) };
    let region = padded(bounds, reach, size);
    let chosen = Guard::from_fn(|v| v != 0 && labels.contains(&v));
    let starts: Vec<usize> = region.range(0).step_by(SLAB).collect();
    let steps = Steps::new(watch, starts.len());
    let slab = |start: &usize| {
        let mut core = region;
        (core.start_zyx[0], core.end_zyx[0]) = (*start, (start + SLAB).min(region.end_zyx[0]));
        let wanted = smooth_slab(grid, core, &kernels, &chosen, guard);
        steps.step()?;
        let mut builder = DeltaBuilder::default();
        delta_of_box(grid, core, &wanted).changes().iter().for_each(|c| builder.push_run(c.range(), c.old, c.new));
        Ok(builder)
    };
    let slabs: Result<Vec<DeltaBuilder>, MaskError> = starts.par_iter().map(slab).collect();
    let mut all = DeltaBuilder::default();
    slabs?.into_iter().for_each(|slab| all.append(slab));
    Ok(all.finish())
}

/// Half of a Gaussian, weight 0 first, cut at [`REACH`] sigmas.
fn kernel(sigma_voxels: f64) -> Vec<f32> {
    let reach = (REACH * sigma_voxels).ceil() as usize;
    (0..=reach).map(|k| (-0.5 * (k as f64 / sigma_voxels).powi(2)).exp() as f32).collect()
}

/// The labels that the voxels of a box get.
fn smooth_slab(grid: &LabelGrid, core: Region, kernels: &[Vec<f32>; 3], chosen: &Guard, guard: &Guard) -> Array3<u16> {
    let size = grid.size_zyx();
    let around = padded(core, kernels.each_ref().map(|kernel| kernel.len() - 1), size);
    let at = |region: &Region, (z, y, x): (usize, usize, usize)| {
        grid.get(linear(size, [region.start_zyx[0] + z, region.start_zyx[1] + y, region.start_zyx[2] + x]))
    };
    let values = Array3::from_shape_fn(around.size_zyx(), |place| at(&around, place));
    let old = Array3::from_shape_fn(core.size_zyx(), |place| at(&core, place));
    let mut rest = Array3::from_elem(core.size_zyx(), 1.0_f32);
    let mut best = Array3::from_elem(core.size_zyx(), f32::NEG_INFINITY);
    let mut kept = best.clone();
    let mut who = old.clone();
    for (value, bounds) in boxes(&values, around) {
        let Some((reached, strength)) = blurred(&values, around, value, bounds, core, kernels, size) else { continue };
        let part = s![
            reached.start_zyx[0] - core.start_zyx[0]..reached.end_zyx[0] - core.start_zyx[0],
            reached.start_zyx[1] - core.start_zyx[1]..reached.end_zyx[1] - core.start_zyx[1],
            reached.start_zyx[2] - core.start_zyx[2]..reached.end_zyx[2] - core.start_zyx[2]
        ];
        rest.slice_mut(part).zip_mut_with(&strength, |rest, strength| *rest -= strength);
        let own = ndarray::Zip::from(kept.slice_mut(part)).and(old.slice(part)).and(&strength);
        own.for_each(|kept, old, strength| *kept = if *old == value { *strength } else { *kept });
        if guard.allows(value) {
            let compete = ndarray::Zip::from(best.slice_mut(part)).and(who.slice_mut(part)).and(&strength);
            compete.for_each(|best, who, strength| {
                if *strength > *best {
                    (*best, *who) = (*strength, value);
                }
            });
        }
    }
    ndarray::Zip::from(&mut who).and(&old).and(&best).and(&kept).and(&rest).for_each(|who, old, best, kept, rest| {
        let kept = if *old == 0 { *rest } else { *kept };
        let (best, new) = if guard.allows(0) && *rest > *best { (*rest, 0) } else { (*best, *who) };
        let ours = chosen.allows(*old) || chosen.allows(new);
        *who = if guard.allows(*old) && ours && best > kept + CLEARLY { new } else { *old };
    });
    who
}

/// The box around each label but background, in indices of the mask, by rising label.
fn boxes(values: &Array3<u16>, around: Region) -> Vec<(u16, Region)> {
    let mut found = std::collections::BTreeMap::<u16, Region>::new();
    for ((z, y, x), value) in values.indexed_iter() {
        if *value != 0 {
            let at = [around.start_zyx[0] + z, around.start_zyx[1] + y, around.start_zyx[2] + x];
            let one = Region { start_zyx: at, end_zyx: at.map(|i| i + 1) };
            found.entry(*value).and_modify(|bounds| *bounds = join(Some(*bounds), Some(one)).unwrap_or(one)).or_insert(one);
        }
    }
    found.into_iter().collect()
}

/// One label's blurred indicator, on the part of `core` that it reaches.
fn blurred(
    values: &Array3<u16>,
    around: Region,
    value: u16,
    bounds: Region,
    core: Region,
    kernels: &[Vec<f32>; 3],
    size: [usize; 3],
) -> Option<(Region, Array3<f32>)> {
    let reached = padded(bounds, kernels.each_ref().map(|kernel| kernel.len() - 1), size).intersect(&core);
    if reached.is_empty() {
        return None;
    }
    let local = |a: usize| bounds.start_zyx[a] - around.start_zyx[a]..bounds.end_zyx[a] - around.start_zyx[a];
    let mut field = values.slice(s![local(0), local(1), local(2)]).mapv(|v| f32::from(u8::from(v == value)));
    for axis in 0..3 {
        field = blur_axis(&field, axis, bounds.start_zyx[axis], reached.range(axis), size[axis], &kernels[axis]);
    }
    Some((reached, field))
}

/// Blurs along one axis; at the image's edge only what is inside counts, with its weights made whole again.
fn blur_axis(field: &Array3<f32>, axis: usize, start: usize, out: std::ops::Range<usize>, size: usize, kernel: &[f32]) -> Array3<f32> {
    let mut shape: [usize; 3] = field.dim().into();
    let end = start + shape[axis];
    shape[axis] = out.len();
    let reach = kernel.len() - 1;
    let mut blurred = Array3::zeros(shape);
    for (place, o) in out.enumerate() {
        let (low, high) = (o.saturating_sub(reach), (o + reach + 1).min(size));
        let norm: f32 = (low..high).map(|i| kernel[i.abs_diff(o)]).sum();
        let inputs = low.max(start)..high.min(end);
        if axis == 2 {
            // Along rows: one column of results at a time would stride, so take a weighted sum of the row's piece.
            let weights: Vec<f32> = inputs.clone().map(|i| kernel[i.abs_diff(o)] / norm).collect();
            for (row, mut blurred) in field.rows().into_iter().zip(blurred.rows_mut()) {
                let piece = row.slice_move(s![inputs.start - start..inputs.start - start + weights.len()]);
                blurred[place] = piece.iter().zip(&weights).map(|(v, w)| v * w).sum();
            }
        } else {
            let mut plane = blurred.index_axis_mut(Axis(axis), place);
            inputs.for_each(|i| plane.scaled_add(kernel[i.abs_diff(o)] / norm, &field.index_axis(Axis(axis), i - start)));
        }
    }
    blurred
}
