//! Label values with their place, addressed by linear index; the one thing all edits work on.

use rayon::prelude::*;
use volume::{Geometry, LabelMap, LabelVoxels, Region};

use crate::error::MaskError;

/// A mask as edits see it: voxels z-y-x, x fastest, at one or two bytes each.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelGrid {
    geometry: Geometry,
    voxels: LabelVoxels,
}

/// A stored label value: u8 or u16.
pub(crate) trait Value: Copy + Eq + Send + Sync {
    fn wide(self) -> u16;
}

impl Value for u8 {
    fn wide(self) -> u16 {
        u16::from(self)
    }
}

impl Value for u16 {
    fn wide(self) -> u16 {
        self
    }
}

/// Runs the same code on the voxels as a slice of u8 or of u16.
macro_rules! with_values {
    ($grid:expr, |$values:ident| $body:expr) => {
        match $grid.slices() {
            $crate::grid::Slices::U8($values) => $body,
            $crate::grid::Slices::U16($values) => $body,
        }
    };
}
pub(crate) use with_values;

/// The voxels in storage order.
pub(crate) enum Slices<'a> {
    U8(&'a [u8]),
    U16(&'a [u16]),
}

impl LabelGrid {
    /// Joins voxels and placement; voxels in another memory order are brought into z-y-x.
    pub fn new(geometry: Geometry, voxels: LabelVoxels) -> Result<Self, MaskError> {
        geometry.check()?;
        if voxels.size_zyx() != geometry.size_zyx {
            return Err(MaskError::Sizes(voxels.size_zyx(), geometry.size_zyx));
        }
        let voxels = match voxels {
            LabelVoxels::U8(v) if !v.is_standard_layout() => LabelVoxels::U8(v.as_standard_layout().into_owned()),
            LabelVoxels::U16(v) if !v.is_standard_layout() => LabelVoxels::U16(v.as_standard_layout().into_owned()),
            standard => standard,
        };
        Ok(Self { geometry, voxels })
    }

    /// The voxels and place of a mask, without its table.
    pub fn from_map(map: LabelMap) -> Result<Self, MaskError> {
        Self::new(map.geometry, map.voxels)
    }

    /// Size and placement.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Size along z, y, x.
    pub fn size_zyx(&self) -> [usize; 3] {
        self.geometry.size_zyx
    }

    /// Distance of voxel centres along z, y, x.
    pub fn spacing_zyx_mm(&self) -> [f64; 3] {
        self.geometry.spacing_zyx_mm
    }

    /// The values, for reading.
    pub fn voxels(&self) -> &LabelVoxels {
        &self.voxels
    }

    /// The values, for writing a file.
    pub fn into_voxels(self) -> LabelVoxels {
        self.voxels
    }

    /// Number of voxels.
    #[expect(clippy::len_without_is_empty, reason = "a grid is never empty: Geometry::check refuses it")]
    pub fn len(&self) -> usize {
        self.size_zyx().iter().product()
    }

    /// The value at a linear index (`(z * size_y + y) * size_x + x`).
    pub fn get(&self, index: usize) -> u16 {
        with_values!(self, |values| values[index].wide())
    }

    /// The largest value the voxels can hold.
    pub fn max_value(&self) -> u16 {
        match self.voxels {
            LabelVoxels::U8(_) => u16::from(u8::MAX),
            LabelVoxels::U16(_) => u16::MAX,
        }
    }

    /// Goes from one byte per voxel to two, for more than 255 labels. This does copy the volume, once.
    pub fn widen(&mut self) {
        if let LabelVoxels::U8(voxels) = &self.voxels {
            self.voxels = LabelVoxels::U16(voxels.mapv(u16::from));
        }
    }

    /// Linear index of a voxel.
    pub fn index_of(&self, index_zyx: [usize; 3]) -> Result<usize, MaskError> {
        let size = self.size_zyx();
        match (0..3).find(|axis| index_zyx[*axis] >= size[*axis]) {
            Some(axis) => Err(MaskError::Outside { what: "voxel", index: index_zyx[axis] }),
            None => Ok(linear(size, index_zyx)),
        }
    }

    /// Index z, y, x of a linear index.
    pub fn zyx_of(&self, index: usize) -> [usize; 3] {
        zyx(self.size_zyx(), index)
    }

    /// The smallest box around one label; none if it is absent.
    pub fn bounds(&self, value: u16) -> Option<Region> {
        with_values!(self, |values| bounds_of(values, self.size_zyx(), |v| v.wide() == value))
    }

    /// A fingerprint of the values that does not depend on their width: CRC-32 of little-endian u16.
    pub fn checksum(&self) -> u32 {
        const CHUNK: usize = 1 << 16;
        let parts: Vec<crc32fast::Hasher> = with_values!(self, |values| {
            let part = |chunk: &[_]| {
                let mut bytes = vec![0_u8; 2 * chunk.len()];
                bytes.chunks_exact_mut(2).zip(chunk).for_each(|(two, v)| two.copy_from_slice(&Value::wide(*v).to_le_bytes()));
                let mut hasher = crc32fast::Hasher::new();
                hasher.update(&bytes);
                hasher
            };
            values.par_chunks(CHUNK).map(part).collect()
        });
        let mut whole = crc32fast::Hasher::new();
        parts.iter().for_each(|part| whole.combine(part));
        whole.finalize()
    }

    pub(crate) fn slices(&self) -> Slices<'_> {
        const ORDER: &str = "grids are stored in standard order";
        match &self.voxels {
            LabelVoxels::U8(voxels) => Slices::U8(voxels.as_slice().expect(ORDER)),
            LabelVoxels::U16(voxels) => Slices::U16(voxels.as_slice().expect(ORDER)),
        }
    }

    /// Sets a run of voxels to a value that is known to fit.
    pub(crate) fn fill_run(&mut self, run: std::ops::Range<usize>, value: u16) {
        const ORDER: &str = "grids are stored in standard order";
        match &mut self.voxels {
            LabelVoxels::U8(voxels) => voxels.as_slice_mut().expect(ORDER)[run].fill(value as u8),
            LabelVoxels::U16(voxels) => voxels.as_slice_mut().expect(ORDER)[run].fill(value),
        }
    }

    /// The first voxel of a run that does not hold `value`.
    pub(crate) fn first_unlike(&self, run: std::ops::Range<usize>, value: u16) -> Option<usize> {
        let start = run.start;
        with_values!(self, |values| values[run].iter().position(|v| v.wide() != value)).map(|at| start + at)
    }

    /// Refuses values that one byte per voxel cannot hold.
    pub(crate) fn fits(&self, value: u16) -> Result<(), MaskError> {
        let max = self.max_value();
        if value <= max { Ok(()) } else { Err(MaskError::TooWide { value, max }) }
    }
}

pub(crate) fn linear(size_zyx: [usize; 3], index_zyx: [usize; 3]) -> usize {
    (index_zyx[0] * size_zyx[1] + index_zyx[1]) * size_zyx[2] + index_zyx[2]
}

pub(crate) fn zyx(size_zyx: [usize; 3], index: usize) -> [usize; 3] {
    let row = index / size_zyx[2];
    [row / size_zyx[1], row % size_zyx[1], index % size_zyx[2]]
}

/// The smallest box around the voxels that satisfy `is_in`.
pub(crate) fn bounds_of<T: Value>(values: &[T], size_zyx: [usize; 3], is_in: impl Fn(T) -> bool + Sync) -> Option<Region> {
    let [_, ny, nx] = size_zyx;
    let plane = |(z, plane): (usize, &[T])| {
        let mut found: Option<Region> = None;
        for (y, row) in plane.chunks_exact(nx).enumerate() {
            let Some(first) = row.iter().position(|v| is_in(*v)) else { continue };
            let last = row.iter().rposition(|v| is_in(*v)).unwrap_or(first);
            found = join(found, Some(Region { start_zyx: [z, y, first], end_zyx: [z + 1, y + 1, last + 1] }));
        }
        found
    };
    values.par_chunks_exact(ny * nx).enumerate().map(plane).reduce(|| None, join)
}

/// The smallest box around two boxes.
pub(crate) fn join(a: Option<Region>, b: Option<Region>) -> Option<Region> {
    let (Some(a), Some(b)) = (a, b) else { return a.or(b) };
    Some(Region {
        start_zyx: std::array::from_fn(|i| a.start_zyx[i].min(b.start_zyx[i])),
        end_zyx: std::array::from_fn(|i| a.end_zyx[i].max(b.end_zyx[i])),
    })
}

/// A box made larger by some voxels on each side, within the grid.
pub(crate) fn padded(region: Region, by_zyx: [usize; 3], size_zyx: [usize; 3]) -> Region {
    Region {
        start_zyx: std::array::from_fn(|a| region.start_zyx[a].saturating_sub(by_zyx[a])),
        end_zyx: std::array::from_fn(|a| region.end_zyx[a].saturating_add(by_zyx[a]).min(size_zyx[a])),
    }
}
