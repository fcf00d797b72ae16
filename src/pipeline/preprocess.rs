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
    check_scans(&scans, plan)?;
    let geometry = &scans[0].geometry;
    let order = AxisOrder::new(plan, geometry)?;
    let scan_size = order.permute(geometry.size_zyx);
    let scan_spacing_mm = order.permute(geometry.spacing_zyx_mm);
    let views: Vec<ArrayView3<'_, f32>> = scans.iter().map(|scan| order.view(scan.voxels.view())).collect();
    let crop = nonzero_box(&views);
    let size = resampled_size(crop.size_zyx(), scan_spacing_mm, plan.spacing_mm)?;
    tracing::debug!(?scan_size, ?crop, ?size, "preprocessing");

    let cropped: Vec<Array3<f32>> = scans.into_iter().map(|scan| cut(scan.voxels, &order, &crop)).collect();
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

fn check_scans(scans: &[Scan], plan: &InferencePlan) -> Result<(), PipelineError> {
    if scans.len() != plan.channels.len() || scans.is_empty() {
        let names = plan.channels.iter().map(|channel| channel.name.as_str()).collect::<Vec<_>>().join(", ");
        return Err(PipelineError::Channels { expected: plan.channels.len(), names, found: scans.len() });
    }
    let first = &scans[0].geometry;
    first.check()?;
    for (channel, scan) in scans.iter().enumerate() {
        // nnU-Net reads all channels on one grid and refuses other sizes and spacings; placement is taken from the first.
        if scan.geometry.size_zyx != first.size_zyx || scan.geometry.spacing_zyx_mm != first.spacing_zyx_mm {
            return Err(PipelineError::ChannelGrid { channel });
        }
        if !scan.voxels.par_iter().all(|v| v.is_finite()) {
            return Err(PipelineError::NotFinite { channel });
        }
    }
    Ok(())
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
    fn an_uncropped_scan_is_not_copied() {
        let scan = scan([4, 5, 6], 2.0);
        let place = scan.voxels.as_ptr();
        let ready = preprocess(vec![scan], &testkit::plan([16; 3])).unwrap();
        assert_eq!(ready.channels[0].as_ptr(), place);
    }
}
