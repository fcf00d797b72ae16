//! Twins of `tile_extract.wgsl` and `tile_accumulate.wgsl`, on plain (channel, z, y, x) arrays: every runner can be fed and emptied
//! with them, also one whose device has no room for image and sums.

use crate::runner::{OutputPlanes, TileRun, WindowShape};

/// Copies a tile out of the image's channels, mirrored, with zeros where it leaves the image. `tile` is (channels, patch).
pub fn tile_extract(shape: &WindowShape, run: &TileRun, image: &[&[f32]], tile: &mut [f32]) {
    let WindowShape { patch, size, .. } = *shape;
    let [_, inside_y, inside_x] = std::array::from_fn(|axis| shape.inside(axis, run.origin[axis]));
    let inside_z = shape.inside(0, run.origin[0]);
    let at = |axis: usize, index: usize| (run.origin[axis] + index as isize) as usize;
    tile.fill(0.0);
    for (voxels, tile) in image.iter().zip(tile.chunks_exact_mut(patch.iter().product())) {
        for z in inside_z.clone() {
            for y in inside_y.clone() {
                let source = &voxels[(at(0, z) * size[1] + at(1, y)) * size[2] + at(2, inside_x.start)..][..inside_x.len()];
                let row = &mut tile[(mirrored(run, patch, 0, z) * patch[1] + mirrored(run, patch, 1, y)) * patch[2]..][..patch[2]];
                row[inside_x.clone()].copy_from_slice(source);
                if run.flips[2] {
                    row.reverse();
                }
            }
        }
    }
}

/// Output plane that holds plane `z` of a tile, counted as the image counts.
pub fn output_plane(shape: &WindowShape, run: &TileRun, z: usize) -> usize {
    mirrored(run, shape.patch, 0, z)
}

/// Adds plane `z` of a tile (counted as the image counts), which `output` holds, to the plane of sums it lies on. `gaussian` is
/// (patch).
pub fn tile_accumulate(shape: &WindowShape, run: &TileRun, z: usize, output: OutputPlanes<'_>, gaussian: &[f32], sums: &mut [f32]) {
    let WindowShape { patch, size, channels } = *shape;
    let (inside_y, inside_x) = (shape.inside(1, run.origin[1]), shape.inside(2, run.origin[2]));
    let first_x = (run.origin[2] + inside_x.start as isize) as usize;
    let (values, counts) = sums.split_at_mut(channels * shape.area());
    let mut channels = values.chunks_exact_mut(shape.area()).skip(run.first_channel);
    let outputs = output.values.chunks_exact(output.planes * patch[1] * patch[2]);
    let plane = output_plane(shape, run, z) - output.first;
    let row_of = |y: usize| ((run.origin[1] + y as isize) as usize * size[2] + first_x)..;
    let weights_of = |y: usize| &gaussian[(z * patch[1] + y) * patch[2]..][inside_x.clone()];
    for (output, sums) in outputs.zip(&mut channels) {
        for y in inside_y.clone() {
            let source = &output[(plane * patch[1] + mirrored(run, patch, 1, y)) * patch[2]..][..patch[2]];
            let sums = &mut sums[row_of(y)];
            if run.flips[2] {
                let source = &source[patch[2] - inside_x.end..patch[2] - inside_x.start];
                add_row(sums, weights_of(y), source.iter().rev(), run.share);
            } else {
                add_row(sums, weights_of(y), source[inside_x.clone()].iter(), run.share);
            }
        }
    }
    if run.counts {
        for y in inside_y.clone() {
            counts[row_of(y)].iter_mut().zip(weights_of(y)).for_each(|(sum, weight)| *sum += weight);
        }
    }
}

fn mirrored(run: &TileRun, patch: [usize; 3], axis: usize, index: usize) -> usize {
    if run.flips[axis] { patch[axis] - 1 - index } else { index }
}

fn add_row<'a>(sums: &mut [f32], weights: &[f32], source: impl Iterator<Item = &'a f32>, share: f32) {
    for ((sum, weight), value) in sums.iter_mut().zip(weights).zip(source) {
        *sum += weight * share * value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(origin: [isize; 3], flips: [bool; 3]) -> TileRun {
        TileRun { origin, flips, first_channel: 1, share: 0.5, counts: true }
    }

    #[test]
    fn extracted_tiles_are_padded_and_mirrored() {
        let shape = WindowShape { patch: [2, 1, 4], size: [2, 1, 3], channels: 1 };
        let image = [1.0, 2.0, 3.0, 11.0, 12.0, 13.0];
        let mut tile = vec![9.0; 8];
        tile_extract(&shape, &at([0, 0, -1], [false; 3]), &[&image], &mut tile);
        assert_eq!(tile, [0.0, 1.0, 2.0, 3.0, 0.0, 11.0, 12.0, 13.0]);
        tile_extract(&shape, &at([0, 0, 1], [true, false, true]), &[&image], &mut tile);
        assert_eq!(tile, [0.0, 0.0, 13.0, 12.0, 0.0, 0.0, 3.0, 2.0]);
        tile_extract(&shape, &at([-1, 0, 0], [false; 3]), &[&image], &mut tile);
        assert_eq!(tile, [0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 0.0]);
    }

    #[test]
    fn outputs_are_weighted_and_mirrored_back() {
        let shape = WindowShape { patch: [2, 1, 4], size: [2, 1, 3], channels: 2 };
        let output = [1.0, 2.0, 3.0, 4.0, 10.0, 20.0, 30.0, 40.0];
        let output = OutputPlanes { first: 0, planes: 2, values: &output };
        let gaussian = [2.0, 4.0, 6.0, 8.0, 1.0, 1.0, 1.0, 1.0];
        let mut sums = vec![0.0; 9];
        tile_accumulate(&shape, &at([0, 0, -1], [true, false, true]), 0, output, &gaussian, &mut sums);
        assert_eq!(sums, [0.0, 0.0, 0.0, 60.0, 60.0, 40.0, 4.0, 6.0, 8.0]);
        let second = OutputPlanes { first: 1, planes: 1, values: &output.values[4..] };
        tile_accumulate(&shape, &at([0, 0, 1], [false; 3]), 1, second, &gaussian, &mut sums);
        assert_eq!(sums, [0.0, 0.0, 0.0, 60.0, 65.0, 50.0, 4.0, 7.0, 9.0]);
    }
}
