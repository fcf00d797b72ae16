//! The non-zero region of an image (nnU-Net `preprocessing/cropping/cropping.py`).

use ndarray::{Array3, ArrayView3, s};
use volume::Region;

/// The smallest box that holds every voxel where some channel is not zero; the whole grid when there is none.
///
/// nnU-Net takes the box of the hole-filled mask. Filling cannot enlarge the box, because beyond the outermost voxel of a
/// hole lies mask, so the box of the plain mask is the same and needs no mask in memory.
pub fn nonzero_box<T: Default + PartialEq>(channels: &[ArrayView3<'_, T>]) -> Region {
    let Some(first) = channels.first() else {
        return Region { start_zyx: [0; 3], end_zyx: [0; 3] };
    };
    let size: [usize; 3] = first.dim().into();
    let mut region = Region { start_zyx: size, end_zyx: [0; 3] };
    for channel in channels {
        grow_to_nonzero(&mut region, channel);
    }
    if region.is_empty() { Region::whole(size) } else { region }
}

fn grow_to_nonzero<T: Default + PartialEq>(region: &mut Region, channel: &ArrayView3<'_, T>) {
    let zero = T::default();
    let mut include = |axis: usize, first: usize, last: usize| {
        region.start_zyx[axis] = region.start_zyx[axis].min(first);
        region.end_zyx[axis] = region.end_zyx[axis].max(last + 1);
    };
    for (z, plane) in channel.outer_iter().enumerate() {
        for (y, row) in plane.outer_iter().enumerate() {
            if let Some(first) = row.iter().position(|v| *v != zero) {
                let last = row.len() - 1 - row.iter().rev().position(|v| *v != zero).expect("the row has a non-zero voxel");
                include(0, z, z);
                include(1, y, y);
                include(2, first, last);
            }
        }
    }
}

/// Where nnU-Net's `seg >= 0` holds inside the crop: some channel is not zero, or the voxel is enclosed by such voxels.
///
/// All channels must be cut to [`nonzero_box`]. Filling inside the box is the same as filling before the cut, because
/// everything outside the box is background connected to the image border, or beyond it.
pub fn nonzero_mask(cropped: &[ArrayView3<'_, f32>]) -> Array3<bool> {
    let Some(first) = cropped.first() else {
        return Array3::default((0, 0, 0));
    };
    let mut mask = first.mapv(|v| v != 0.0);
    for channel in &cropped[1..] {
        mask.zip_mut_with(channel, |inside, v| *inside |= *v != 0.0);
    }
    fill_holes(&mask)
}

/// `scipy.ndimage.binary_fill_holes`: voxels that no 6-connected background path links to the border become true.
fn fill_holes(mask: &Array3<bool>) -> Array3<bool> {
    let mut filled = Array3::from_elem(mask.dim(), true);
    let mut seeds = Vec::new();
    for (index, value) in mask.indexed_iter() {
        if !value && on_border(index, mask.dim()) && filled[index] {
            seeds.push(index);
            flood(mask, &mut filled, &mut seeds);
        }
    }
    filled
}

fn on_border((z, y, x): (usize, usize, usize), (nz, ny, nx): (usize, usize, usize)) -> bool {
    z == 0 || y == 0 || x == 0 || z + 1 == nz || y + 1 == ny || x + 1 == nx
}

/// Clears `filled` over the background component of the seeds, one x-run at a time: the stack holds run seeds only.
fn flood(mask: &Array3<bool>, filled: &mut Array3<bool>, seeds: &mut Vec<(usize, usize, usize)>) {
    let (nz, ny, nx) = mask.dim();
    while let Some((z, y, x)) = seeds.pop() {
        if !filled[(z, y, x)] {
            continue;
        }
        let row = mask.slice(s![z, y, ..]);
        let start = (0..x).rev().take_while(|i| !row[*i]).last().unwrap_or(x);
        let end = (x..nx).take_while(|i| !row[*i]).last().unwrap_or(x) + 1;
        filled.slice_mut(s![z, y, start..end]).fill(false);
        let neighbours = [
            (z.checked_sub(1), Some(y)),
            ((z + 1 < nz).then_some(z + 1), Some(y)),
            (Some(z), y.checked_sub(1)),
            (Some(z), (y + 1 < ny).then_some(y + 1)),
        ];
        for (z, y) in neighbours.into_iter().filter_map(|(z, y)| z.zip(y)) {
            let mut open = false;
            for x in start..end {
                let background = !mask[(z, y, x)] && filled[(z, y, x)];
                if background && !open {
                    seeds.push((z, y, x));
                }
                open = background;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_image_keeps_its_whole_grid() {
        let image = Array3::<f32>::zeros((2, 3, 4));
        assert_eq!(nonzero_box(&[image.view()]), Region::whole([2, 3, 4]));
        assert!(nonzero_mask(&[image.view()]).iter().all(|v| !v));
    }

    #[test]
    fn the_box_joins_all_channels() {
        let mut a = Array3::<f32>::zeros((5, 5, 5));
        let mut b = a.clone();
        a[(1, 2, 3)] = -4.0;
        b[(3, 1, 4)] = 0.5;
        assert_eq!(nonzero_box(&[a.view(), b.view()]), Region { start_zyx: [1, 1, 3], end_zyx: [4, 3, 5] });
    }

    #[test]
    fn only_enclosed_background_is_filled() {
        let mut image = Array3::<f32>::ones((5, 5, 7));
        image.slice_mut(s![1..4, 1..4, 1..3]).fill(0.0);
        image.slice_mut(s![2, 2, 4..7]).fill(0.0);
        let mask = nonzero_mask(&[image.view()]);
        assert!(mask.slice(s![1..4, 1..4, 1..3]).iter().all(|v| *v), "a closed hole is filled");
        assert!(mask.slice(s![2, 2, 4..7]).iter().all(|v| !v), "a tunnel to the border stays open");
    }

    #[test]
    fn a_winding_corridor_is_followed_to_its_end() {
        let mut image = Array3::<f32>::ones((3, 5, 5));
        for (y, x) in [(0, 1), (1, 1), (2, 1), (3, 1), (3, 2), (3, 3), (2, 3), (1, 3)] {
            image[(1, y, x)] = 0.0;
        }
        assert_eq!(nonzero_mask(&[image.view()]).iter().filter(|v| !**v).count(), 8);
    }
}
