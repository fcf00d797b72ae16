//! Voxels on the device: images, masks and doubt as 3D textures, uploaded a few milliseconds per frame.
//!
//! A [`Layer`] belongs to the program and can be written from anywhere; the painter brings its texture up to date before it
//! draws. A layer starts with a whole volume, uploaded from the slice on screen outwards, so that opening a scan shows a picture at
//! once; afterwards edits replace only the box they touched.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use thiserror::Error;
use volume::{LabelVoxels, Region};
use wgpu::{Device, Extent3d, Origin3d, Queue, Texture, TextureFormat, TextureView};

use super::bricks::Bricks;
use super::resources::{Budget, TextureLimits, caught};

/// One chunk of an upload: small enough to keep to a frame's budget, large enough that its overhead does not count.
const CHUNK_BYTES: usize = 2 << 20;

/// Why voxels cannot be shown.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RenderError {
    /// Not as many values as the size says.
    #[error("the volume has {got} values where its size asks for {wanted}")]
    Length {
        /// Values present.
        got: usize,
        /// Values expected.
        wanted: usize,
    },
    /// Values above 255 written into a narrow mask.
    #[error("the mask on screen holds values up to 255; make a wide one first")]
    Narrow,
    /// A box outside the volume.
    #[error("the edited box reaches outside the volume")]
    Outside,
    /// More voxels than the largest texture.
    #[error("the volume is larger than this graphics card can show")]
    TooLarge,
    /// The card's memory is full.
    #[error("the graphics card has no memory left for this volume")]
    OutOfMemory,
    /// A new device, and the mask was let go after it had been uploaded to the old one.
    #[error("the mask has to be handed over again: the graphics device is a new one")]
    Gone,
}

/// Voxels shared with whoever holds them: a memory-mapped file, an array.
pub type Shared<T> = Arc<dyn AsRef<[T]> + Send + Sync>;

/// A whole volume, z-y-x, x fastest.
#[derive(Clone)]
pub enum Voxels {
    /// Image, 16 bit.
    ImageI16(Shared<i16>),
    /// Image, 32 bit floating point.
    ImageF32(Shared<f32>),
    /// Mask with values up to 255.
    LabelsU8(Shared<u8>),
    /// Mask.
    LabelsU16(Shared<u16>),
    /// Doubt, 0 to 255 for 0 to 1.
    DoubtU8(Shared<u8>),
}

impl Voxels {
    fn kind(&self) -> Kind {
        match self {
            Self::ImageI16(_) => Kind::ImageI16,
            Self::ImageF32(_) => Kind::ImageF32,
            Self::LabelsU8(_) => Kind::LabelsU8,
            Self::LabelsU16(_) => Kind::LabelsU16,
            Self::DoubtU8(_) => Kind::DoubtU8,
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::ImageI16(v) => bytemuck::cast_slice((**v).as_ref()),
            Self::ImageF32(v) => bytemuck::cast_slice((**v).as_ref()),
            Self::LabelsU8(v) | Self::DoubtU8(v) => (**v).as_ref(),
            Self::LabelsU16(v) => bytemuck::cast_slice((**v).as_ref()),
        }
    }
}

/// What the values of a layer are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    ImageI16,
    ImageF32,
    LabelsU8,
    LabelsU16,
    DoubtU8,
}

impl Kind {
    fn bytes(self) -> usize {
        match self {
            Self::ImageF32 => 4,
            Self::ImageI16 | Self::LabelsU16 => 2,
            Self::LabelsU8 | Self::DoubtU8 => 1,
        }
    }

    fn format(self) -> TextureFormat {
        match self {
            Self::ImageI16 => TextureFormat::R16Sint,
            Self::ImageF32 => TextureFormat::R32Float,
            Self::LabelsU8 => TextureFormat::R8Uint,
            Self::LabelsU16 => TextureFormat::R16Uint,
            Self::DoubtU8 => TextureFormat::R8Unorm,
        }
    }
}

/// Values of a box, in the layer's own width.
struct Patch {
    region: Region,
    bytes: Vec<u8>,
}

struct Pending {
    /// The volume to upload, or kept for uploading it again; masks are let go once they are on the device.
    whole: Option<Voxels>,
    /// Rises when `whole` is replaced.
    whole_number: u64,
    first_slice: usize,
    patches: VecDeque<Patch>,
}

/// A volume that panes show.
pub struct Layer {
    id: u64,
    size_zyx: [usize; 3],
    kind: Kind,
    pending: Mutex<Pending>,
    uploaded_slices: AtomicUsize,
    device_bytes: AtomicU64,
    error: Mutex<Option<RenderError>>,
}

impl std::fmt::Debug for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Layer").field("id", &self.id).field("size_zyx", &self.size_zyx).field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Layer {
    /// A layer that shows `voxels`, uploaded from array slice `first_slice` (z) outwards.
    pub fn new(size_zyx: [usize; 3], voxels: Voxels, first_slice: usize) -> Result<Arc<Self>, RenderError> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let kind = voxels.kind();
        check_length(size_zyx, &voxels)?;
        let pending = Pending { whole: Some(voxels), whole_number: 1, first_slice, patches: VecDeque::new() };
        Ok(Arc::new(Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            size_zyx,
            kind,
            pending: Mutex::new(pending),
            uploaded_slices: AtomicUsize::new(0),
            device_bytes: AtomicU64::new(0),
            error: Mutex::new(None),
        }))
    }

    /// Replaces the whole volume by one of the same kind.
    pub fn replace(&self, voxels: Voxels) -> Result<(), RenderError> {
        check_length(self.size_zyx, &voxels)?;
        if voxels.kind() != self.kind {
            return Err(RenderError::Narrow);
        }
        let mut pending = self.lock();
        pending.whole = Some(voxels);
        pending.whole_number += 1;
        pending.patches.clear();
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.uploaded_slices.store(0, Ordering::Relaxed);
        Ok(())
    }

    /// Takes over the values of one box from a mask that was edited there.
    pub fn edit(&self, region: &Region, mask: &LabelVoxels) -> Result<(), RenderError> {
        if (0..3).any(|a| region.end_zyx[a] > self.size_zyx[a]) {
            return Err(RenderError::Outside);
        }
        if region.is_empty() {
            return Ok(());
        }
        let [z, y, x] = [0, 1, 2].map(|axis| region.range(axis));
        let bytes = match (mask, self.kind) {
            (LabelVoxels::U8(v), Kind::LabelsU8) => v.slice(ndarray::s![z, y, x]).iter().copied().collect(),
            (LabelVoxels::U8(v), Kind::LabelsU16) => {
                v.slice(ndarray::s![z, y, x]).iter().flat_map(|v| u16::from(*v).to_ne_bytes()).collect()
            }
            (LabelVoxels::U16(v), Kind::LabelsU16) => v.slice(ndarray::s![z, y, x]).iter().flat_map(|v| v.to_ne_bytes()).collect(),
            (LabelVoxels::U16(v), Kind::LabelsU8) => {
                let narrow: Result<Vec<u8>, _> = v.slice(ndarray::s![z, y, x]).iter().map(|v| u8::try_from(*v)).collect();
                narrow.map_err(|_| RenderError::Narrow)?
            }
            _ => return Err(RenderError::Narrow),
        };
        self.lock().patches.push_back(Patch { region: *region, bytes });
        Ok(())
    }

    /// Takes over the values of one box from all bytes of a mask stored in the layer's own width, as a file that is being filled.
    pub fn edit_bytes(&self, region: &Region, stored: &[u8]) -> Result<(), RenderError> {
        let ([nz, ny, nx], width) = (self.size_zyx, self.kind.bytes());
        let (got, wanted) = (stored.len() / width, nz * ny * nx);
        if got != wanted {
            return Err(RenderError::Length { got, wanted });
        }
        if (0..3).any(|a| region.end_zyx[a] > self.size_zyx[a]) {
            return Err(RenderError::Outside);
        }
        if region.is_empty() {
            return Ok(());
        }
        let [_, _, x] = [0, 1, 2].map(|axis| region.range(axis));
        let rows = region.range(0).flat_map(|z| region.range(1).map(move |y| (z * ny + y) * nx));
        let bytes = rows.flat_map(|row| &stored[(row + x.start) * width..(row + x.end) * width]).copied().collect();
        self.lock().patches.push_back(Patch { region: *region, bytes });
        Ok(())
    }

    /// Voxels along z, y, x.
    pub fn size_zyx(&self) -> [usize; 3] {
        self.size_zyx
    }

    /// The part that is on the device, 0 to 1.
    pub fn progress(&self) -> f32 {
        self.uploaded_slices.load(Ordering::Relaxed) as f32 / self.size_zyx[0] as f32
    }

    /// Whether nothing waits for a further frame, because all is on the device or cannot be.
    pub fn is_settled(&self) -> bool {
        let all = self.uploaded_slices.load(Ordering::Relaxed) == self.size_zyx[0] && self.lock().patches.is_empty();
        all || self.error().is_some()
    }

    /// Bytes held on the device.
    pub fn device_bytes(&self) -> u64 {
        self.device_bytes.load(Ordering::Relaxed)
    }

    /// Why the layer cannot be shown.
    pub fn error(&self) -> Option<RenderError> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn fail(&self, error: RenderError) {
        tracing::warn!("a volume cannot be shown: {error}");
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    /// A panic elsewhere leaves no half-written state here: every change is one assignment or push.
    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check_length(size_zyx: [usize; 3], voxels: &Voxels) -> Result<(), RenderError> {
    let (got, wanted) = (voxels.bytes().len() / voxels.kind().bytes(), size_zyx.iter().product());
    if got == wanted && wanted > 0 { Ok(()) } else { Err(RenderError::Length { got, wanted }) }
}

/// A layer's texture.
pub(crate) struct LayerTexture {
    texture: Texture,
    pub(crate) view: TextureView,
    pub(crate) bricks: Bricks,
    /// Slices z that hold values.
    pub(crate) loaded: Range<usize>,
    /// Value = scale * stored + offset.
    pub(crate) scale_offset: [f32; 2],
    whole_number: u64,
}

impl LayerTexture {
    /// Room for a layer. 32 bit images fall back to 16 bit steps of their range when the card is short of memory.
    pub(crate) fn new(device: &Device, limits: TextureLimits, layer: &Layer) -> Result<Self, RenderError> {
        if layer.lock().whole.is_none() {
            return Err(RenderError::Gone);
        }
        let bricks = Bricks::new(layer.size_zyx, limits.longest).ok_or(RenderError::TooLarge)?;
        let mut scale_offset = [1.0, 0.0];
        let wide = !(layer.kind == Kind::ImageF32 && limits.images_in_16_bits);
        let mut texture = if wide { create(device, &bricks, layer.kind.format()) } else { Err(RenderError::OutOfMemory) };
        if texture.is_err() && layer.kind == Kind::ImageF32 {
            if let Some(Voxels::ImageF32(values)) = &layer.lock().whole {
                scale_offset = steps_of_16_bits((**values).as_ref());
            }
            texture = create(device, &bricks, TextureFormat::R16Sint);
        }
        let texture = texture?;
        let voxels: usize = bricks.texture_zyx().iter().product();
        let bytes = voxels * texture.format().block_copy_size(None).unwrap_or(1) as usize;
        layer.device_bytes.store(bytes as u64, Ordering::Relaxed);
        layer.uploaded_slices.store(0, Ordering::Relaxed);
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        Ok(Self { texture, view, bricks, loaded: 0..0, scale_offset, whole_number: 0 })
    }

    /// Whether reading gives floating point numbers (else integers).
    pub(crate) fn is_float(&self) -> bool {
        self.texture.format() == TextureFormat::R32Float
    }

    /// Uploads what is waiting, until the frame's budget is spent. Edits wait until the volume they edit is there.
    pub(crate) fn update(&mut self, queue: &Queue, layer: &Layer, budget: &mut Budget) {
        let mut pending = layer.lock();
        let size = layer.size_zyx;
        if self.whole_number != pending.whole_number {
            let first = pending.first_slice.min(size[0] - 1);
            self.loaded = first..first;
            self.whole_number = pending.whole_number;
        }
        if let Some(whole) = &pending.whole {
            let slices = (CHUNK_BYTES / (size[1] * size[2] * layer.kind.bytes())).max(1);
            // Where the user looks, a mask comes with its image and does not wait until all of that is there.
            while self.loaded.len() < size[0] && (self.loaded.is_empty() || !budget.is_spent()) {
                let start = Instant::now();
                let next = next_slices(&self.loaded, pending.first_slice, size[0], slices);
                let bytes = self.upload_slices(queue, size, whole, next.clone());
                self.loaded = self.loaded.start.min(next.start)..self.loaded.end.max(next.end);
                budget.spend(start.elapsed(), bytes);
            }
            layer.uploaded_slices.store(self.loaded.len(), Ordering::Relaxed);
        }
        if self.loaded.len() < size[0] {
            return;
        }
        // Images stay, so that a new device can have them again; they are files mapped into memory. Masks are edited in place by
        // their owner, who would have to copy them first if we kept a share.
        if matches!(layer.kind, Kind::LabelsU8 | Kind::LabelsU16) {
            pending.whole = None;
        }
        while !budget.is_spent() {
            let Some(patch) = pending.patches.pop_front() else { break };
            let start = Instant::now();
            let extent = patch.region.size_zyx();
            for (piece, texel) in self.bricks.pieces(&patch.region) {
                let first: [usize; 3] = std::array::from_fn(|a| piece.start_zyx[a] - patch.region.start_zyx[a]);
                self.write(queue, &patch.bytes, layer.kind.bytes(), extent, first, piece.size_zyx(), texel);
            }
            budget.spend(start.elapsed(), patch.bytes.len());
        }
    }

    fn upload_slices(&self, queue: &Queue, size: [usize; 3], whole: &Voxels, slices: Range<usize>) -> usize {
        let region = Region { start_zyx: [slices.start, 0, 0], end_zyx: [slices.end, size[1], size[2]] };
        let stored = whole.kind().bytes();
        let plane = size[1] * size[2] * stored;
        let bytes = &whole.bytes()[slices.start * plane..slices.end * plane];
        let narrow: Vec<u8>;
        let (bytes, width) = if stored == 4 && !self.is_float() {
            let [scale, offset] = self.scale_offset;
            let step = |v: &[u8]| ((f32::from_ne_bytes([v[0], v[1], v[2], v[3]]) - offset) / scale).round() as i16;
            narrow = bytes.chunks_exact(4).flat_map(|v| step(v).to_ne_bytes()).collect();
            (narrow.as_slice(), 2)
        } else {
            (bytes, stored)
        };
        for (piece, texel) in self.bricks.pieces(&region) {
            let first = [piece.start_zyx[0] - slices.start, piece.start_zyx[1], piece.start_zyx[2]];
            self.write(queue, bytes, width, [slices.len(), size[1], size[2]], first, piece.size_zyx(), texel);
        }
        bytes.len()
    }

    /// Copies the box `first .. first + extent` of an array of size `size` to a texel; rows are read where they lie.
    #[expect(clippy::too_many_arguments, reason = "one copy has a source, a place in it, an extent and a target")]
    fn write(&self, queue: &Queue, bytes: &[u8], width: usize, size: [usize; 3], first: [usize; 3], extent: [usize; 3], texel: [usize; 3]) {
        let start = ((first[0] * size[1] + first[1]) * size[2] + first[2]) * width;
        let [z, y, x] = texel.map(|n| n as u32);
        queue.write_texture(
            wgpu::TexelCopyTextureInfo { origin: Origin3d { x, y, z }, ..self.texture.as_image_copy() },
            &bytes[start..],
            wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some((size[2] * width) as u32), rows_per_image: Some(size[1] as u32) },
            Extent3d { width: extent[2] as u32, height: extent[1] as u32, depth_or_array_layers: extent[0] as u32 },
        );
    }
}

fn create(device: &Device, bricks: &Bricks, format: TextureFormat) -> Result<Texture, RenderError> {
    let [z, y, x] = bricks.texture_zyx().map(|n| n as u32);
    caught(device, || {
        device.create_texture(&wgpu::TextureDescriptor {
            label: Some("volume"),
            size: Extent3d { width: x, height: y, depth_or_array_layers: z },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D3,
            format,
            usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
            view_formats: &[],
        })
    })
    .map_err(|()| RenderError::OutOfMemory)
}

/// The slices to upload next: on the side that is nearer to where the user looks.
fn next_slices(loaded: &Range<usize>, first: usize, count: usize, at_most: usize) -> Range<usize> {
    let above = loaded.end < count && (loaded.start == 0 || loaded.end - first.min(loaded.end) <= first.saturating_sub(loaded.start));
    if above { loaded.end..(loaded.end + at_most).min(count) } else { loaded.start.saturating_sub(at_most)..loaded.start }
}

/// Scale and offset that spread the finite values over 16 bit integers.
fn steps_of_16_bits(values: &[f32]) -> [f32; 2] {
    let finite = values.iter().copied().filter(|v| v.is_finite());
    let (low, high) = finite.fold((f32::MAX, f32::MIN), |(low, high), v| (low.min(v), high.max(v)));
    if high <= low {
        return [1.0, if high == low { low } else { 0.0 }];
    }
    let scale = (high - low) / f32::from(u16::MAX);
    [scale, low + scale * 32768.0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploads_grow_outwards_and_cover_everything() {
        for (first, count, at_most) in [(0, 10, 3), (9, 10, 4), (5, 31, 2), (0, 1, 1), (200, 400, 4)] {
            let mut loaded = first..first;
            let mut farthest = Vec::new();
            while loaded.len() < count {
                let next = next_slices(&loaded, first, count, at_most);
                assert!(!next.is_empty() && (next.end == loaded.start || next.start == loaded.end), "{loaded:?} {next:?}");
                farthest.push(next.start.abs_diff(first).min(next.end.abs_diff(first)));
                loaded = loaded.start.min(next.start)..loaded.end.max(next.end);
            }
            assert_eq!(loaded, 0..count);
            assert_eq!(farthest[0], 0, "the slice on screen comes first");
        }
    }

    #[test]
    fn sixteen_bit_steps_cover_the_range() {
        let values = [-3.0e5_f32, 7.5, f32::NAN, 4.0e5];
        let [scale, offset] = steps_of_16_bits(&values);
        for v in [-3.0e5_f32, 7.5, 4.0e5] {
            let stored = ((v - offset) / scale).round();
            assert!((-32768.0..=32767.0).contains(&stored) && (stored * scale + offset - v).abs() <= 0.51 * scale);
        }
        assert_eq!(steps_of_16_bits(&[2.0, 2.0]), [1.0, 2.0]);
    }

    #[test]
    fn wrong_sizes_are_refused() {
        let labels = |n: usize| Voxels::LabelsU8(Arc::new(vec![0_u8; n]));
        assert_eq!(Layer::new([2, 2, 2], labels(7), 0).unwrap_err(), RenderError::Length { got: 7, wanted: 8 });
        let layer = Layer::new([2, 2, 2], labels(8), 0).unwrap();
        let mask = LabelVoxels::zeros([2, 2, 2], 300);
        let outside = Region { start_zyx: [0; 3], end_zyx: [2, 2, 3] };
        assert_eq!(layer.edit(&outside, &mask), Err(RenderError::Outside));
        let mut wide = mask;
        wide.set([1, 1, 1], 300);
        assert_eq!(layer.edit(&Region::whole([2, 2, 2]), &wide), Err(RenderError::Narrow));
        assert_eq!(layer.edit(&Region { start_zyx: [0; 3], end_zyx: [1, 2, 2] }, &wide), Ok(()));
    }
}
