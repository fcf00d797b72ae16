//! Pixels of the image panes: slices with mask and doubt, and surfaces in 3D. The only part of the window that knows wgpu.
//!
//! Painters are plain data made anew each frame; what lives on the device is kept in egui's callback resources, is created when
//! a painter first needs it, and goes when the layer or mesh it belongs to is dropped. Colours and widths come from the caller.

mod bricks;
pub mod camera;
pub mod device;
pub mod mesh;
mod mesh_gpu;
pub mod pane;
pub mod plane;
pub mod resources;
pub mod styles;
pub mod volume_textures;

#[cfg(test)]
mod tests_shaders;
