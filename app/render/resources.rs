//! What the painters keep on the device between frames: pipelines, textures of layers, buffers of panes, meshes.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use eframe::egui_wgpu::CallbackResources;
use wgpu::{Device, ErrorFilter, Queue, TextureFormat};

use super::mesh_gpu::MeshResources;
use super::pane::SliceResources;
use super::volume_textures::{Layer, LayerTexture};

/// How long uploads may hold a frame up, and how much a frame may send: drivers copy after the call has returned.
const UPLOAD_TIME: Duration = Duration::from_millis(6);
const UPLOAD_BYTES: usize = 48 << 20;

/// What textures may be on this device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextureLimits {
    /// Most texels along a side of a 3D texture.
    pub longest: usize,
    /// Keep floating point images in 16 bit steps of their range even if there is room for all 32 bits.
    pub images_in_16_bits: bool,
}

/// What one frame may still upload, over all panes.
#[derive(Debug)]
pub(crate) struct Budget {
    time: Duration,
    bytes: usize,
}

impl Budget {
    fn full() -> Self {
        Self { time: UPLOAD_TIME, bytes: UPLOAD_BYTES }
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.time.is_zero() || self.bytes == 0
    }

    pub(crate) fn spend(&mut self, time: Duration, bytes: usize) {
        self.time = self.time.saturating_sub(time);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

/// Everything the painters keep; one per device, in egui's callback resources.
pub struct RenderResources {
    target: TextureFormat,
    limits: TextureLimits,
    budget: Budget,
    layers: HashMap<u64, (Weak<Layer>, LayerTexture)>,
    pub(crate) slices: SliceResources,
    pub(crate) meshes: MeshResources,
}

impl RenderResources {
    /// Nothing yet; pipelines and textures come when first needed.
    pub fn new(device: &Device, target: TextureFormat) -> Self {
        let limits = TextureLimits { longest: device.limits().max_texture_dimension_3d as usize, images_in_16_bits: false };
        Self::with_limits(device, target, limits)
    }

    /// As if the device could do less.
    pub fn with_limits(device: &Device, target: TextureFormat, limits: TextureLimits) -> Self {
        Self {
            target,
            limits,
            budget: Budget::full(),
            layers: HashMap::new(),
            slices: SliceResources::new(device),
            meshes: MeshResources::new(device),
        }
    }

    /// Those of a renderer; made for egui's headless pixel format if nobody called `attach`.
    pub(crate) fn of<'a>(device: &Device, resources: &'a mut CallbackResources) -> &'a mut Self {
        resources.entry::<Self>().or_insert_with(|| Self::new(device, TextureFormat::Rgba8Unorm))
    }

    pub(crate) fn target(&self) -> TextureFormat {
        self.target
    }

    /// Bytes that volumes hold on the device.
    pub fn volume_bytes(&self) -> u64 {
        self.layers.values().filter_map(|(layer, _)| layer.upgrade()).map(|layer| layer.device_bytes()).sum()
    }

    /// The next frame may upload again.
    pub(crate) fn end_frame(&mut self) {
        self.budget = Budget::full();
        self.layers.retain(|_, (layer, _)| layer.strong_count() > 0);
        self.meshes.forget_dropped();
    }

    /// Brings a layer's texture up to date as far as this frame's budget goes. `false` if it cannot be on this device.
    pub(crate) fn bring(&mut self, device: &Device, queue: &Queue, layer: &Arc<Layer>) -> bool {
        if layer.error().is_some() {
            return false;
        }
        if !self.layers.contains_key(&layer.id()) {
            match LayerTexture::new(device, self.limits, layer) {
                Ok(texture) => self.layers.insert(layer.id(), (Arc::downgrade(layer), texture)),
                Err(error) => {
                    layer.fail(error);
                    return false;
                }
            };
        }
        if let Some((_, texture)) = self.layers.get_mut(&layer.id()) {
            texture.update(queue, layer, &mut self.budget);
        }
        true
    }

    pub(crate) fn layer(&self, layer: &Layer) -> Option<&LayerTexture> {
        self.layers.get(&layer.id()).map(|(_, texture)| texture)
    }
}

/// Makes something on the device, and hears at once if there is no memory for it (wgpu would report it later, to nobody).
pub(crate) fn caught<T>(device: &Device, make: impl FnOnce() -> T) -> Result<T, ()> {
    let memory = device.push_error_scope(ErrorFilter::OutOfMemory);
    let validation = device.push_error_scope(ErrorFilter::Validation);
    let made = make();
    let failed = now(validation.pop()).or_else(|| now(memory.pop()));
    failed.map_or(Ok(made), |error| {
        tracing::warn!("the graphics device refused: {error}");
        Err(())
    })
}

/// wgpu's error scopes are futures for the web's sake; here the answer is there at once.
fn now<T>(future: impl Future<Output = Option<T>>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => None,
    }
}
