//! From scan to network input (nnU-Net `preprocessors/default_preprocessor.py`): transpose, crop, normalise, resample.

use mednext::InferencePlan;
use ndarray::{Array3, ArrayView3, s};
use rayon::prelude::*;
use volume::{Region, Scan};

use crate::crop::{nonzero_box, nonzero_mask};
use crate::error::PipelineError;
use crate::grid::AxisOrder;
use crate::normalize::normalize;
use crate::resample::{resample_image, resampled_size};

/// How the network's grid lies in the scan; all but `order` in the network's axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// Network axes in the scan's array.
    pub order: AxisOrder,
    /// Size of the whole scan.
    pub scan_size: [usize; 3],
    /// Spacing of the scan, millimetres.
    pub scan_spacing_mm: [f64; 3],
    /// The non-zero box that was kept.
    pub crop: Region,
    /// Size of the crop at the plan's spacing.
    pub size: [usize; 3],
}

/// Network input.
#[derive(Debug, Clone)]
pub struct Preprocessed {
    /// One normalised image per channel, of size `frame.size`, standard layout.
    pub channels: Vec<Array3<f32>>,
    /// Where it comes from.
    pub frame: Frame,
}

/// Prepares the channels of one case. Takes the scans to free each as soon as its crop is made.
pub fn preprocess(scans: Vec<Scan>, plan: &InferencePlan) -> Result<Preprocessed, PipelineError> {
    check_plan(plan)?;
    let orders = check_scans(&scans, plan)?;
    let (order, geometry) = (orders[0], &scans[0].geometry);
    let scan_size = order.permute(geometry.size_zyx);
    let scan_spacing_mm = order.permute(geometry.spacing_zyx_mm);
    let views: Vec<ArrayView3<'_, f32>> = scans.iter().zip(&orders).map(|(scan, order)| order.view(scan.voxels.view())).collect();
    let crop = nonzero_box(&views);
    let size = resampled_size(crop.size_zyx(), scan_spacing_mm, plan.spacing_mm)?;
    tracing::debug!(?scan_size, ?crop, ?size, "preprocessing");

    let cropped: Vec<Array3<f32>> = scans.into_iter().zip(&orders).map(|(scan, order)| cut(scan.voxels, order, &crop)).collect();
    let masked = plan.channels.iter().any(|channel| channel.use_mask);
    let mask = masked.then(|| nonzero_mask(&cropped.iter().map(|image| image.view()).collect::<Vec<_>>()));
    let mut channels = Vec::with_capacity(cropped.len());
    for (index, (mut image, channel)) in cropped.into_iter().zip(&plan.channels).enumerate() {
        normalize(&mut image, mask.as_ref(), channel, index)?;
        channels.push(resample_image(image, size, scan_spacing_mm, plan.spacing_mm, &plan.resample_data)?);
    }
    Ok(Preprocessed { channels, frame: Frame { order, scan_size, scan_spacing_mm, crop, size } })
}

/// The box of one channel in the network's axes and standard layout; no copy when that is the scan itself.
fn cut(voxels: Array3<f32>, order: &AxisOrder, crop: &Region) -> Array3<f32> {
    if order.is_identity() && *crop == Region::whole(voxels.dim().into()) && voxels.is_standard_layout() {
        return voxels;
    }
    order.view(voxels.view()).slice(s![crop.range(0), crop.range(1), crop.range(2)]).as_standard_layout().into_owned()
}

fn check_plan(plan: &InferencePlan) -> Result<(), PipelineError> {
    if plan.spacing_mm.iter().any(|s| !s.is_finite() || *s <= 0.0) {
        return Err(PipelineError::Plan(format!("its voxel spacing {:?} is not positive", plan.spacing_mm)));
    }
    if plan.patch_size.contains(&0) {
        return Err(PipelineError::Plan(format!("its patch size {:?} has no voxels", plan.patch_size)));
    }
    if plan.mirror_axes.iter().any(|axis| *axis > 2) {
        return Err(PipelineError::Plan(format!("the mirror axes {:?} are not axes of a volume", plan.mirror_axes)));
    }
    Ok(())
}

/// Refuses channels that do not fit the model or one another; yields each channel's axis order.
fn check_scans(scans: &[Scan], plan: &InferencePlan) -> Result<Vec<AxisOrder>, PipelineError> {
    if scans.len() != plan.channels.len() || scans.is_empty() {
        let names = plan.channels.iter().map(|channel| channel.name.as_str()).collect::<Vec<_>>().join(", ");
        return Err(PipelineError::Channels { expected: plan.channels.len(), names, found: scans.len() });
    }
    scans[0].geometry.check()?;
    // Readers that reorient do so for every file by itself, so channels may be stored in different orientations.
    let orders = scans.iter().map(|scan| AxisOrder::new(plan, &scan.geometry)).collect::<Result<Vec<_>, _>>()?;
    let grid = |channel: usize| {
        let geometry = &scans[channel].geometry;
        (orders[channel].permute(geometry.size_zyx), orders[channel].permute(geometry.spacing_zyx_mm))
    };
    let (first_size, first_spacing) = grid(0);
    for (channel, scan) in scans.iter().enumerate() {
        // nnU-Net refuses other sizes, and spacings that numpy's `allclose` tells apart; the rest is taken from the first.
        let (size, spacing) = grid(channel);
        let close = spacing.iter().zip(&first_spacing).all(|(a, b)| (a - b).abs() <= 1e-8 + 1e-5 * b.abs());
        if size != first_size || !close {
            return Err(PipelineError::ChannelGrid { channel });
        }
        if !scan.voxels.par_iter().all(|v| v.is_finite()) {
            return Err(PipelineError::NotFinite { channel });
        }
    }
    Ok(orders)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit;
    use volume::Geometry;

    fn scan(size: [usize; 3], value: f32) -> Scan {
        Scan::new(Geometry::axis_aligned(size, [1.0; 3]), Array3::from_elem(size, value))
    }

    #[test]
    fn wrong_input_is_refused_by_name() {
        let plan = testkit::plan([16; 3]);
        let refused = preprocess(vec![scan([4; 3], 1.0), scan([4; 3], 1.0)], &plan).unwrap_err().to_string();
        assert_eq!(refused, "the model needs 1 image channels (CT), but 2 were given");
        assert!(preprocess(vec![], &plan).is_err());
        assert!(matches!(preprocess(vec![scan([4; 3], f32::NAN)], &plan), Err(PipelineError::NotFinite { channel: 0 })));
        let mut two = plan.clone();
        two.channels.push(two.channels[0].clone());
        let mismatch = preprocess(vec![scan([4; 3], 1.0), scan([5; 3], 1.0)], &two);
        assert!(matches!(mismatch, Err(PipelineError::ChannelGrid { channel: 1 })));
        two.spacing_mm = [0.0; 3];
        assert!(matches!(preprocess(vec![scan([4; 3], 1.0)], &two), Err(PipelineError::Plan(_))));
    }

    #[test]
    fn channels_may_differ_in_the_last_digit_of_spacing_and_in_stored_orientation() {
        let mut plan = testkit::plan([16; 3]);
        plan.channels.push(plan.channels[0].clone());
        let mut second = scan([4; 3], 1.0);
        second.geometry.spacing_zyx_mm[0] += 1e-7;
        assert!(preprocess(vec![scan([4; 3], 1.0), second.clone()], &plan).is_ok());
        second.geometry.spacing_zyx_mm[0] += 1e-3;
        assert!(matches!(preprocess(vec![scan([4; 3], 1.0), second], &plan), Err(PipelineError::ChannelGrid { channel: 1 })));

        plan.reorient_to_ras = true;
        let voxels = Array3::from_shape_fn((3, 4, 5), |(z, y, x)| (100 * z + 10 * y + x + 1) as f32);
        let one = Scan::new(Geometry::axis_aligned([3, 4, 5], [1.0; 3]), voxels);
        let other = volume::reorient(&one, "PIR".parse().unwrap());
        assert_ne!(one.voxels.dim(), other.voxels.dim());
        let ready = preprocess(vec![one, other], &plan).unwrap();
        assert_eq!(ready.channels[0], ready.channels[1]);
    }

    #[test]
    fn an_uncropped_scan_is_not_copied() {
        let scan = scan([4, 5, 6], 2.0);
        let place = scan.voxels.as_ptr();
        let ready = preprocess(vec![scan], &testkit::plan([16; 3])).unwrap();
        assert_eq!(ready.channels[0].as_ptr(), place);
    }
}
