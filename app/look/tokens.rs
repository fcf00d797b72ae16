//! Every colour and every size of the window. No other file of the app may hold such a number (a test looks).

pub mod colour;
pub mod size;
pub mod structure;

pub use colour::{DARK, LIGHT, Palette, State};
pub use size::{Panels, Type, breakpoint, control, gap, icon, layout, line, radius};
pub use structure::{DOUBT, Pattern, Patterns, STRUCTURES, doubt, structure};
