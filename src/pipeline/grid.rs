//! Where the network's array axes lie in the scan: reader orientation, then `transpose_forward`, as axis moves without copying.

use mednext::InferencePlan;
use ndarray::{ArrayView3, ArrayView4, ArrayViewMut3, Axis};
use volume::{Geometry, Orientation, Region, orientation_of};

use crate::error::PipelineError;

/// For each network axis: the scan's array axis (0 is z) it runs along, and whether it runs against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AxisOrder {
    axis_zyx: [usize; 3],
    reversed: [bool; 3],
}

impl AxisOrder {
    /// The order a plan asks for on a scan's grid.
    pub fn new(plan: &InferencePlan, geometry: &Geometry) -> Result<Self, PipelineError> {
        let (forward, backward) = (plan.transpose_forward, plan.transpose_backward);
        let mut sorted = forward;
        sorted.sort_unstable();
        if sorted != [0, 1, 2] || (0..3).any(|a| backward.get(forward[a]) != Some(&a)) {
            return Err(PipelineError::Plan(format!("the axis order {forward:?} and its inverse {backward:?} do not match")));
        }
        let read = if plan.reorient_to_ras { to_ras(geometry) } else { [0, 1, 2].map(|axis| (axis, false)) };
        Ok(Self { axis_zyx: forward.map(|axis| read[axis].0), reversed: forward.map(|axis| read[axis].1) })
    }

    /// Whether the network sees the scan as it is stored.
    pub(crate) fn is_identity(&self) -> bool {
        self.axis_zyx == [0, 1, 2] && self.reversed == [false; 3]
    }

    /// Values per scan axis, in the order of the network's axes.
    pub fn permute<T: Copy>(&self, per_axis_zyx: [T; 3]) -> [T; 3] {
        self.axis_zyx.map(|axis| per_axis_zyx[axis])
    }

    /// Values per network axis, in the order of the scan's axes.
    pub fn permute_back<T: Copy>(&self, per_axis: [T; 3]) -> [T; 3] {
        self.inverse().map(|a| per_axis[a])
    }

    /// The scan's array as the network sees it.
    pub fn view<'a, T>(&self, array_zyx: ArrayView3<'a, T>) -> ArrayView3<'a, T> {
        let mut view = array_zyx.permuted_axes(self.axis_zyx);
        (0..3).filter(|a| self.reversed[*a]).for_each(|a| view.invert_axis(Axis(a)));
        view
    }

    /// The same for writing.
    pub fn view_mut<'a, T>(&self, array_zyx: ArrayViewMut3<'a, T>) -> ArrayViewMut3<'a, T> {
        let mut view = array_zyx.permuted_axes(self.axis_zyx);
        (0..3).filter(|a| self.reversed[*a]).for_each(|a| view.invert_axis(Axis(a)));
        view
    }

    /// Channels (first axis) of a part of the network's view, seen along the scan's axes again.
    pub(crate) fn view_back<'a, T>(&self, channels: ArrayView4<'a, T>) -> ArrayView4<'a, T> {
        let mut view = channels;
        (0..3).filter(|a| self.reversed[*a]).for_each(|a| view.invert_axis(Axis(a + 1)));
        let [z, y, x] = self.inverse();
        view.permuted_axes([0, z + 1, y + 1, x + 1])
    }

    /// A box of the network's view (of a scan whose permuted size is `size`) in the scan's own indices.
    pub(crate) fn region_back(&self, region: Region, size: [usize; 3]) -> Region {
        let flip = |a: usize, index: usize| if self.reversed[a] { size[a] - index } else { index };
        let starts: [usize; 3] = std::array::from_fn(|a| flip(a, region.start_zyx[a]).min(flip(a, region.end_zyx[a])));
        let ends: [usize; 3] = std::array::from_fn(|a| flip(a, region.start_zyx[a]).max(flip(a, region.end_zyx[a])));
        Region { start_zyx: self.permute_back(starts), end_zyx: self.permute_back(ends) }
    }

    /// For each scan axis, the network axis along it.
    fn inverse(&self) -> [usize; 3] {
        std::array::from_fn(|axis| self.axis_zyx.iter().position(|a| *a == axis).expect("every scan axis occurs once"))
    }
}

/// For each array axis of the grid reoriented to RAS: the scan's array axis that feeds it, and whether it is reversed.
fn to_ras(geometry: &Geometry) -> [(usize, bool); 3] {
    let ras: Orientation = "RAS".parse().expect("RAS is an orientation");
    let codes = orientation_of(geometry).axes_xyz();
    [2, 1, 0].map(|voxel_axis| {
        let want = ras.axes_xyz()[voxel_axis];
        let source = codes.iter().position(|code| code.lps_axis == want.lps_axis).expect("each patient axis occurs once");
        (2 - source, codes[source].flipped != want.flipped)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit;
    use ndarray::{Array3, s};
    use volume::{Volume, reorient};

    #[test]
    fn moving_axes_is_reorienting_then_transposing() {
        let mut plan = testkit::plan([16; 3]);
        for (i, orientation) in Orientation::all().enumerate() {
            let geometry = testkit::oriented(orientation, [2, 3, 4]);
            let voxels = Array3::from_shape_fn((2, 3, 4), |(z, y, x)| z * 100 + y * 10 + x);
            let volume = Volume::new(geometry, voxels);
            plan.reorient_to_ras = i % 2 == 0;
            (plan.transpose_forward, plan.transpose_backward) =
                [([1, 2, 0], [2, 0, 1]), ([0, 1, 2], [0, 1, 2]), ([2, 1, 0], [2, 1, 0])][i % 3];
            let order = AxisOrder::new(&plan, &volume.geometry).unwrap();
            let read = if plan.reorient_to_ras { reorient(&volume, "RAS".parse().unwrap()) } else { volume.clone() };
            let expected = read.voxels.view().permuted_axes(plan.transpose_forward);
            let view = order.view(volume.voxels.view());
            assert_eq!(view, expected, "{orientation}");
            assert_eq!(order.view_back(view.insert_axis(Axis(0))).index_axis(Axis(0), 0), volume.voxels.view(), "{orientation}");

            let part = Region { start_zyx: [1, 0, 1], end_zyx: [2, 2, 2] };
            let back = order.region_back(part, view.dim().into());
            let cut = view.slice(s![part.range(0), part.range(1), part.range(2)]).insert_axis(Axis(0));
            assert_eq!(
                order.view_back(cut).index_axis(Axis(0), 0),
                volume.voxels.slice(s![back.range(0), back.range(1), back.range(2)]),
                "{orientation}"
            );
        }
    }

    #[test]
    fn contradicting_transposes_are_refused() {
        let mut plan = testkit::plan([16; 3]);
        plan.transpose_forward = [1, 2, 0];
        assert!(AxisOrder::new(&plan, &Geometry::axis_aligned([1; 3], [1.0; 3])).is_err());
        plan.transpose_forward = [0, 0, 9];
        assert!(AxisOrder::new(&plan, &Geometry::axis_aligned([1; 3], [1.0; 3])).is_err());
    }
}
