//! Surface nets (Gibson, MERL TR-99-24): one point in every cell of eight samples that are not all alike, at the mean of the crossings
//! of its edges, and one quad around every edge that crosses. Closed by construction: a ring of outside lies round the box.

use ndarray::{Array3, s};
use volume::Region;

use crate::grid::{LabelGrid, linear};

/// No neighbour.
pub(super) const NONE: u32 = u32::MAX;
/// Density of a sample that is wholly inside, and the level of the surface.
const FULL: usize = 254;
const LEVEL: u8 = 127;

/// Points in voxels x, y, z from the start of the box.
pub(super) struct Net {
    pub(super) points_xyz: Vec<[f32; 3]>,
    /// Neighbours towards -x, +x, -y, +y, -z, +z.
    pub(super) beside: Vec<[u32; 6]>,
    /// Corners counter-clockwise seen from outside in a right-handed grid.
    pub(super) quads: Vec<[u32; 4]>,
}

/// The net of one label in its box.
pub(super) fn net(grid: &LabelGrid, value: u16, region: Region, stride_zyx: [usize; 3]) -> Net {
    let density = density(grid, value, region, stride_zyx);
    let mut builder = Builder::new(&density, stride_zyx);
    (0..builder.cells[0]).for_each(|z| builder.layer(z));
    builder.net
}

/// The share of each block of voxels that is inside, 0 to [`FULL`], with one ring of outside.
fn density(grid: &LabelGrid, value: u16, region: Region, stride: [usize; 3]) -> Array3<u8> {
    let extent = region.size_zyx();
    let samples: [usize; 3] = std::array::from_fn(|a| extent[a].div_ceil(stride[a]));
    let (size, start) = (grid.size_zyx(), region.start_zyx);
    let inside = |z: usize, y: usize, x: usize| grid.get(linear(size, [start[0] + z, start[1] + y, start[2] + x])) == value;
    let mut density = Array3::zeros(samples.map(|n| n + 2));
    let mut inner = density.slice_mut(s![1..=samples[0], 1..=samples[1], 1..=samples[2]]);
    let block: usize = stride.iter().product();
    if block == 1 {
        inner.indexed_iter_mut().filter(|((z, y, x), _)| inside(*z, *y, *x)).for_each(|(_, v)| *v = FULL as u8);
        return density;
    }
    for ((z, y, x), out) in inner.indexed_iter_mut() {
        let range = |i: usize, a: usize| i * stride[a]..((i + 1) * stride[a]).min(extent[a]);
        let count: usize = range(z, 0).map(|z| range(y, 1).map(|y| range(x, 2).filter(|x| inside(z, y, *x)).count()).sum::<usize>()).sum();
        *out = (count * FULL / block) as u8;
    }
    density
}

struct Builder<'a> {
    density: &'a [u8],
    /// Samples along z, y, x, and cells: one less.
    samples: [usize; 3],
    cells: [usize; 3],
    stride: [usize; 3],
    /// First and last sample inside, per row of samples.
    extents: Vec<Option<(usize, usize)>>,
    /// The points of this layer of cells and the one before.
    here: Vec<u32>,
    before: Vec<u32>,
    net: Net,
}

impl<'a> Builder<'a> {
    fn new(density: &'a Array3<u8>, stride: [usize; 3]) -> Self {
        let samples: [usize; 3] = density.dim().into();
        let cells = samples.map(|n| n - 1);
        let density = density.as_slice().expect("the box was made in standard order");
        let extents = density.chunks_exact(samples[2]).map(|row| {
            let first = row.iter().position(|v| *v >= LEVEL)?;
            Some((first, row.iter().rposition(|v| *v >= LEVEL).unwrap_or(first)))
        });
        let layer = vec![NONE; cells[1] * cells[2]];
        let net = Net { points_xyz: Vec::new(), beside: Vec::new(), quads: Vec::new() };
        Self { density, samples, cells, stride, extents: extents.collect(), here: layer.clone(), before: layer, net }
    }

    /// All points of a layer, then the quads around edges that start at its lower corner.
    fn layer(&mut self, z: usize) {
        std::mem::swap(&mut self.here, &mut self.before);
        for y in 0..self.cells[1] {
            let Some(columns) = self.columns(z, y) else { continue };
            let row = (z * self.samples[1] + y) * self.samples[2];
            let rows = [0, self.samples[2], self.samples[1] * self.samples[2], (self.samples[1] + 1) * self.samples[2]].map(|o| row + o);
            for x in columns {
                let corner = |c: usize| self.density[rows[c >> 1] + x + (c & 1)];
                let inside = (0..8).fold(0_u32, |bits, c| bits | u32::from(corner(c) >= LEVEL) << c);
                if inside == 0 || inside == 255 {
                    continue;
                }
                let values = std::array::from_fn(corner);
                let point = self.net.points_xyz.len() as u32;
                self.net.points_xyz.push(self.place(point_in_cell(&values), [x, y, z]));
                self.net.beside.push([NONE; 6]);
                self.here[y * self.cells[2] + x] = point;
                self.quads(inside, y, x);
            }
        }
    }

    /// Cells of a row that can hold the surface.
    fn columns(&self, z: usize, y: usize) -> Option<std::ops::Range<usize>> {
        let rows = [(z, y), (z, y + 1), (z + 1, y), (z + 1, y + 1)];
        let extents = rows.into_iter().filter_map(|(z, y)| self.extents[z * self.samples[1] + y]);
        let (first, last) = extents.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
        Some(first - 1..last + 1)
    }

    /// From the grid of samples (with its ring) to voxels from the start of the box; samples lie in the middle of their blocks.
    fn place(&self, in_cell: [f32; 3], cell_xyz: [usize; 3]) -> [f32; 3] {
        std::array::from_fn(|i| {
            let stride = self.stride[2 - i] as f32;
            (cell_xyz[i] as f32 + in_cell[i] - 1.0) * stride + 0.5 * (stride - 1.0)
        })
    }

    /// Quads around the three edges from the lowest corner of a cell. All four cells around each have their point by now.
    fn quads(&mut self, inside: u32, y: usize, x: usize) {
        let lowest = inside & 1;
        let width = self.cells[2];
        let at = |layer: &[u32], y: usize, x: usize| layer[y * width + x];
        // Corner 1 is one along x, 2 along y, 4 along z. A crossing at the lowest row or column cannot be: there the ring is.
        if inside >> 1 & 1 != lowest {
            let quad = [at(&self.before, y - 1, x), at(&self.before, y, x), at(&self.here, y, x), at(&self.here, y - 1, x)];
            self.quad(quad, 1, 2, lowest == 1);
        }
        if inside >> 2 & 1 != lowest {
            let quad = [at(&self.before, y, x - 1), at(&self.here, y, x - 1), at(&self.here, y, x), at(&self.before, y, x)];
            self.quad(quad, 2, 0, lowest == 1);
        }
        if inside >> 4 & 1 != lowest {
            let quad = [at(&self.here, y - 1, x - 1), at(&self.here, y - 1, x), at(&self.here, y, x), at(&self.here, y, x - 1)];
            self.quad(quad, 0, 1, lowest == 1);
        }
    }

    /// Corners at (low, low), (high, low), (high, high), (low, high) of two axes (0 = x), counter-clockwise about the third.
    fn quad(&mut self, quad: [u32; 4], first: usize, second: usize, outwards: bool) {
        let [a, b, c, d] = quad;
        for (low, high, axis) in [(a, b, first), (d, c, first), (a, d, second), (b, c, second)] {
            self.net.beside[low as usize][2 * axis + 1] = high;
            self.net.beside[high as usize][2 * axis] = low;
        }
        self.net.quads.push(if outwards { [a, b, c, d] } else { [d, c, b, a] });
    }
}

/// Mean of the crossings of a cell's edges; corner bits 0, 1, 2 are x, y, z.
fn point_in_cell(values: &[u8; 8]) -> [f32; 3] {
    let (mut sum, mut count) = ([0.0; 3], 0.0);
    for axis in 0..3 {
        for low in (0..8_usize).filter(|c| c >> axis & 1 == 0) {
            let (a, b) = (values[low], values[low | 1 << axis]);
            if (a >= LEVEL) == (b >= LEVEL) {
                continue;
            }
            let cut = (f32::from(LEVEL) - f32::from(a)) / (f32::from(b) - f32::from(a));
            for (i, sum) in sum.iter_mut().enumerate() {
                *sum += if i == axis { cut } else { (low >> i & 1) as f32 };
            }
            count += 1.0;
        }
    }
    sum.map(|s| s / count)
}
