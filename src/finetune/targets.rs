//! Labels for the smaller heads.

/// A label image at another size: PyTorch's `interpolate(mode="nearest-exact")`, which nnU-Net's deep supervision takes.
///
/// Every voxel of the result has the label of the voxel its centre lies in.
pub fn nearest_exact<T: Copy>(labels: &[T], from_zyx: [usize; 3], to_zyx: [usize; 3]) -> Vec<T> {
    let places: [Vec<usize>; 3] = std::array::from_fn(|axis| {
        let (from, to) = (from_zyx[axis], to_zyx[axis]);
        // In single precision, as PyTorch has it.
        let scale = from as f32 / to as f32;
        (0..to).map(|place| (((place as f32 + 0.5) * scale) as usize).min(from - 1)).collect()
    });
    let [z, y, x] = &places;
    let voxels = z.iter().flat_map(|z| y.iter().flat_map(move |y| x.iter().map(move |x| (z * from_zyx[1] + y) * from_zyx[2] + x)));
    voxels.map(|voxel| labels[voxel]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::golden;

    #[test]
    fn targets_are_those_of_nnunet() {
        let tensors = golden("misc/ds_targets.safetensors");
        let size = |name: &str| -> [usize; 3] { tensors[name].shape[1..].try_into().unwrap() };
        for level in 0..5 {
            let name = format!("ds{level}");
            let got = nearest_exact(&tensors["seg"].data, size("seg"), size(&name));
            assert_eq!(got, tensors[&name].data, "{name}");
        }
    }
}
