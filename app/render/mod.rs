//! Pixels of the image panes; the only part of the window that talks to the graphics device.

pub mod camera;
pub mod plane;
