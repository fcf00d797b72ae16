//! How much is read around a patch, so that rotations and zooms find voxels in its corners.

/// Rotation nnU-Net plans for, in radians (30 degrees), about each axis.
const ROTATION: f64 = std::f64::consts::PI / 6.0;
/// Zoom it plans for: the smallest factor.
const ZOOM: f64 = 0.85;

/// Size (z, y, x) that is read for a patch: nnU-Net's `get_patch_size` with its default rotation and `(0.85, 1.25)`.
///
/// Every axis takes the longest extent that the corner of the patch reaches when it turns about one axis at a time.
pub fn loader_patch(patch_zyx: [usize; 3]) -> [usize; 3] {
    let (sin, cos) = ROTATION.sin_cos();
    let [a, b, c] = patch_zyx.map(|n| n as f64);
    let turned =
        [[a, b * cos + c * sin, c * cos - b * sin], [a * cos - c * sin, b, c * cos + a * sin], [a * cos + b * sin, b * cos - a * sin, c]];
    // nnU-Net turns one way only: of the two signs of each axis it sees one.
    std::array::from_fn(|axis| {
        let reach = turned.iter().map(|corner| corner[axis].abs()).fold(patch_zyx[axis] as f64, f64::max);
        (reach / ZOOM) as usize
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::misc_json;

    #[test]
    fn sizes_are_those_of_nnunet() {
        for (patch, want) in misc_json()["initial_patch"].as_object().unwrap() {
            let edges: Vec<usize> = patch.trim_matches(['(', ')']).split(", ").map(|n| n.parse().unwrap()).collect();
            let want: Vec<usize> = want.as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
            assert_eq!(loader_patch(edges.try_into().unwrap()).to_vec(), want, "{patch}");
        }
    }
}
