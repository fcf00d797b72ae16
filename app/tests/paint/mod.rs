//! What the panes draw, pixel by pixel, against formulas on the CPU. Runs on whatever Vulkan driver there is, software too.

mod formulas;
mod kit;
mod sides;
mod surfaces;
mod volumes;
