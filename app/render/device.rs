//! The device the window draws with: what is asked of it, and hearing when it is lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use eframe::egui_wgpu::{RenderState, WgpuConfiguration, WgpuSetup, WgpuSetupCreateNew};
use wgpu::{Adapter, DeviceDescriptor, DeviceLostReason, Limits};

use super::resources::RenderResources;

/// How eframe opens the device: everything a normal adapter has, and textures and buffers as large as it can.
///
/// eframe's own descriptor asks for wgpu's default limits, which are lower than most devices have and higher than a few.
pub fn setup() -> WgpuConfiguration {
    let create = WgpuSetupCreateNew { device_descriptor: Arc::new(descriptor), ..WgpuSetupCreateNew::without_display_handle() };
    WgpuConfiguration { wgpu_setup: WgpuSetup::CreateNew(create), ..WgpuConfiguration::default() }
}

fn descriptor(adapter: &Adapter) -> DeviceDescriptor<'static> {
    let has = adapter.limits();
    let base = if Limits::default().check_limits(&has) { Limits::default() } else { Limits::downlevel_defaults() };
    DeviceDescriptor {
        label: Some("voxelry window"),
        required_limits: Limits { max_buffer_size: has.max_buffer_size, ..base.using_resolution(has) },
        ..DeviceDescriptor::default()
    }
}

/// Whether the device is still there. Clones share the answer.
#[derive(Debug, Clone, Default)]
pub struct DeviceWatch {
    lost: Arc<AtomicBool>,
    reason: Arc<Mutex<Option<String>>>,
}

impl DeviceWatch {
    /// True once the driver restarted or the card went away: the window must be opened again, the program's state is untouched.
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    /// What the driver said.
    pub fn reason(&self) -> Option<String> {
        self.reason.lock().ok().and_then(|reason| reason.clone())
    }

    fn set_lost(&self, message: String) {
        if let Ok(mut reason) = self.reason.lock() {
            *reason = Some(message);
        }
        self.lost.store(true, Ordering::Release);
    }
}

/// To be called once the window has its device: readies the painters for its pixel format and listens for the loss of the device.
pub fn attach(state: &RenderState) -> DeviceWatch {
    let watch = DeviceWatch::default();
    let heard = watch.clone();
    state.device.set_device_lost_callback(move |reason, message| {
        // Closing the window destroys the device too; that is no loss.
        if reason != DeviceLostReason::Destroyed {
            tracing::error!("the graphics device was lost: {message}");
            heard.set_lost(message);
        }
    });
    // wgpu's default handler panics, which would take the edits of the last second with it.
    state.device.on_uncaptured_error(Arc::new(|error: wgpu::Error| tracing::error!("graphics error: {error}")));
    let resources = RenderResources::new(&state.device, state.target_format);
    state.renderer.write().callback_resources.insert(resources);
    watch
}
