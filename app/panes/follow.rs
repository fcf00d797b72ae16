//! Which mask is shown, and what changed in it: textures and surfaces both follow a layer by this.

use std::sync::Arc;

use jobs::case::{LayerState, MappedVoxels};
use ndarray::s;
use volume::{LabelVoxels, Region};

use crate::state::{Case, Layer, LayerVoxels};

/// Tells masks apart: another file, another history, or other bytes per voxel is another mask.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Key {
    image: usize,
    number: u32,
    voxels: usize,
    wide: bool,
    state: LayerState,
}

impl Key {
    /// Of a layer; nothing while it has no voxels.
    pub(crate) fn of(case: &Case, layer: &Layer) -> Option<Self> {
        let (voxels, wide) = match &layer.voxels {
            LayerVoxels::Mapped(mapped) => (mapped.bytes().as_ptr().addr(), mapped.as_u8().is_none()),
            LayerVoxels::Edited(history) => ((&raw const **history).addr(), matches!(history.grid().voxels(), LabelVoxels::U16(_))),
            LayerVoxels::Absent => return None,
        };
        Some(Self { image: Arc::as_ptr(&case.image).addr(), number: layer.folder.number(), voxels, wide, state: layer.file.state })
    }
}

/// All voxels of a mask, apart from the state that may change it.
#[derive(Clone)]
pub(crate) enum Whole {
    /// Its file, mapped once more.
    File(Arc<MappedVoxels>),
    /// A copy of a narrow mask being edited.
    U8(Arc<Vec<u8>>),
    /// A copy of a wide one.
    U16(Arc<Vec<u16>>),
}

/// All voxels of a layer.
pub(crate) fn whole(case: &Case, layer: &Layer) -> Option<Whole> {
    match &layer.voxels {
        LayerVoxels::Mapped(_) => {
            let mapped = layer.folder.map_labels(&layer.file, case.file.geometry.size_zyx);
            mapped.inspect_err(|error| tracing::warn!("a mask cannot be mapped: {error}")).ok().map(|mapped| Whole::File(Arc::new(mapped)))
        }
        LayerVoxels::Edited(history) => match history.grid().voxels() {
            LabelVoxels::U8(voxels) => voxels.as_slice().map(|values| Whole::U8(Arc::new(values.to_vec()))),
            LabelVoxels::U16(voxels) => voxels.as_slice().map(|values| Whole::U16(Arc::new(values.to_vec()))),
        },
        LayerVoxels::Absent => None,
    }
}

/// Boxes that changed after a revision.
pub(crate) fn since(layer: &Layer, revision: u64) -> impl Iterator<Item = Region> + '_ {
    layer.dirty.iter().filter(move |(at, _)| *at > revision).map(|(_, region)| *region)
}

/// The values of a box.
pub(crate) fn patch(layer: &Layer, region: &Region) -> Option<LabelVoxels> {
    let [z, y, x] = [0, 1, 2].map(|axis| region.range(axis));
    match &layer.voxels {
        LayerVoxels::Mapped(mapped) => {
            let mut values = LabelVoxels::zeros(region.size_zyx(), if mapped.as_u8().is_some() { 0 } else { u16::MAX });
            let [nz, ny, nx] = region.size_zyx();
            for at in (0..nz).flat_map(|z| (0..ny).flat_map(move |y| (0..nx).map(move |x| [z, y, x]))) {
                let index: [usize; 3] = std::array::from_fn(|axis| region.start_zyx[axis] + at[axis]);
                values.set(at, mapped.value(index) as u16);
            }
            Some(values)
        }
        LayerVoxels::Edited(history) => Some(match history.grid().voxels() {
            LabelVoxels::U8(voxels) => LabelVoxels::U8(voxels.slice(s![z, y, x]).to_owned()),
            LabelVoxels::U16(voxels) => LabelVoxels::U16(voxels.slice(s![z, y, x]).to_owned()),
        }),
        LayerVoxels::Absent => None,
    }
}
