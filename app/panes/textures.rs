//! Volumes on the graphics device, kept in step with the case: whole ones when the case or layer changes, boxes when it is edited.

use std::sync::Arc;

use jobs::case::MappedVoxels;

use super::follow::{self, Key, Whole};
use crate::render::volume_textures::{Layer, Voxels};
use crate::state::{Case, LayerVoxels};

/// Volumes of the case on screen.
#[derive(Default)]
pub(super) struct Textures {
    image: Option<Image>,
    labels: Option<Labels>,
    doubt: Option<(Key, Option<Arc<Layer>>)>,
}

/// The image keeps its map, so that the address that tells images apart is not used again.
struct Image {
    map: Arc<MappedVoxels>,
    layer: Option<Arc<Layer>>,
    /// Whether the pages read for the upload were let go.
    let_go: bool,
}

struct Labels {
    key: Key,
    seen: u64,
    layer: Arc<Layer>,
}

/// A mapped file as values of one kind.
struct Values(Arc<MappedVoxels>);

impl AsRef<[i16]> for Values {
    fn as_ref(&self) -> &[i16] {
        self.0.as_i16().unwrap_or_default()
    }
}

impl AsRef<[f32]> for Values {
    fn as_ref(&self) -> &[f32] {
        self.0.as_f32().unwrap_or_default()
    }
}

impl AsRef<[u8]> for Values {
    fn as_ref(&self) -> &[u8] {
        self.0.as_u8().unwrap_or_default()
    }
}

impl AsRef<[u16]> for Values {
    fn as_ref(&self) -> &[u16] {
        self.0.as_u16().unwrap_or_default()
    }
}

impl Textures {
    /// The image. A kind of voxel that cannot be shown shows nothing.
    pub(super) fn image(&mut self, case: &Case) -> Option<Arc<Layer>> {
        let known = self.image.as_ref().is_some_and(|image| Arc::ptr_eq(&image.map, &case.image));
        if !known {
            let values = Values(Arc::clone(&case.image));
            let float = case.image.as_f32().is_some();
            let voxels = if float { Voxels::ImageF32(Arc::new(values)) } else { Voxels::ImageI16(Arc::new(values)) };
            self.image = Some(Image { map: Arc::clone(&case.image), layer: made(case, voxels), let_go: false });
            (self.labels, self.doubt) = (None, None);
        }
        let image = self.image.as_mut()?;
        if !image.let_go && image.layer.as_ref().is_some_and(|layer| layer.is_settled()) {
            image.let_go = true;
            if let Err(error) = image.map.let_go() {
                tracing::debug!("pages of the image stay: {error}");
            }
        }
        image.layer.clone()
    }

    /// The mask of the layer shown, with every change so far.
    pub(super) fn labels(&mut self, case: &Case) -> Option<Arc<Layer>> {
        let layer = case.layer()?;
        let key = Key::of(case, layer)?;
        match &mut self.labels {
            Some(labels) if labels.key == key => {
                for region in follow::since(layer, labels.seen) {
                    let taken = match &layer.voxels {
                        LayerVoxels::Edited(history) => labels.layer.edit(&region, history.grid().voxels()),
                        LayerVoxels::Mapped(mapped) => labels.layer.edit_bytes(&region, mapped.bytes()),
                        LayerVoxels::Absent => Ok(()),
                    };
                    if let Err(error) = taken {
                        tracing::warn!("an edit is not shown: {error}");
                    }
                }
                labels.seen = layer.revision;
            }
            _ => {
                let voxels = match follow::whole(case, layer)? {
                    Whole::File(map) if map.as_u8().is_some() => Voxels::LabelsU8(Arc::new(Values(map))),
                    Whole::File(map) => Voxels::LabelsU16(Arc::new(Values(map))),
                    Whole::U8(values) => Voxels::LabelsU8(Arc::new(Owned(values))),
                    Whole::U16(values) => Voxels::LabelsU16(Arc::new(Owned(values))),
                };
                self.labels = made(case, voxels).map(|made| Labels { key, seen: layer.revision, layer: made });
            }
        }
        self.labels.as_ref().map(|labels| Arc::clone(&labels.layer))
    }

    /// Doubt of the layer shown.
    pub(super) fn doubt(&mut self, case: &Case) -> Option<Arc<Layer>> {
        let layer = case.layer()?;
        layer.doubt.as_ref()?;
        let key = Key::of(case, layer)?;
        if self.doubt.as_ref().is_none_or(|(known, _)| *known != key) {
            let mapped = layer.folder.map_doubt(case.file.geometry.size_zyx).ok().flatten();
            self.doubt = Some((key, mapped.and_then(|map| made(case, Voxels::DoubtU8(Arc::new(Values(Arc::new(map))))))));
        }
        self.doubt.as_ref()?.1.clone()
    }
}

/// Values that are shared already.
struct Owned<T>(Arc<Vec<T>>);

impl<T> AsRef<[T]> for Owned<T> {
    fn as_ref(&self) -> &[T] {
        &self.0
    }
}

fn made(case: &Case, voxels: Voxels) -> Option<Arc<Layer>> {
    let made = Layer::new(case.file.geometry.size_zyx, voxels, case.view.cursor_zyx[0]);
    made.inspect_err(|error| tracing::error!("a volume cannot be shown: {error}")).ok()
}
