//! The look of the product: tokens, theme, icons and widgets. Screens are put together from these and hold no colour or size of their own.

pub mod focus;
pub mod icons;
pub(crate) mod paint;
pub mod theme;
pub mod tokens;
pub mod widgets;

pub use theme::{Base, Theme, install};
pub use tokens::{Palette, State, Type};

/// Stands in every status bar.
pub const RESEARCH_USE: &str = "Research use only. Not a medical device.";
