//! Tools and how they are set.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use mask::Delta;

use crate::render::plane::Plane;

/// Tools, keys 1 to 8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Tool {
    /// Look around.
    #[default]
    View,
    /// Draws a disc or square on the slice.
    Brush,
    /// Draws a ball.
    Sphere,
    /// Takes away.
    Erase,
    /// Draws where the image lies within a range.
    Threshold,
    /// Draws an area inside a line.
    Lasso,
    /// Fills what is connected.
    Fill,
    /// Measures a distance.
    Measure,
}

impl Tool {
    /// In the order of their keys.
    pub const ALL: [Self; 8] =
        [Self::View, Self::Brush, Self::Sphere, Self::Erase, Self::Threshold, Self::Lasso, Self::Fill, Self::Measure];

    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Self::View => "View",
            Self::Brush => "Brush",
            Self::Sphere => "Sphere",
            Self::Erase => "Erase",
            Self::Threshold => "Threshold",
            Self::Lasso => "Lasso",
            Self::Fill => "Fill",
            Self::Measure => "Measure",
        }
    }

    /// Whether dragging changes voxels under the pointer.
    pub fn paints(self) -> bool {
        matches!(self, Self::Brush | Self::Sphere | Self::Erase | Self::Threshold)
    }
}

/// Outline of the brush.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StrokeShape {
    /// Round.
    #[default]
    Disc,
    /// Square.
    Square,
}

/// What drawing may replace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overwrite {
    /// Background only.
    Nothing,
    /// Background and structures that are not locked.
    #[default]
    Unlocked,
    /// Everything.
    All,
}

/// A stroke between pressing and releasing the button.
#[derive(Debug, Clone, PartialEq)]
pub struct Stroke {
    /// Plane it is drawn on.
    pub plane: Plane,
    /// The last position, continuous voxel index z, y, x.
    pub last_zyx: [f64; 3],
    /// Takes away instead of adding.
    pub erases: bool,
    /// It has changed something, so there is a step to go on with.
    pub begun: bool,
}

/// A change that waits to be written down.
#[derive(Debug, Clone)]
pub struct Pending {
    /// "Brush, Liver".
    pub name: String,
    /// "axial 11".
    pub detail: String,
    /// The change.
    pub delta: Delta,
    /// It goes on with the last step.
    pub more: bool,
}

/// Tools of a case.
#[derive(Debug, Clone)]
pub struct EditState {
    /// In hand.
    pub tool: Tool,
    /// Before that; X exchanges them.
    pub last_tool: Tool,
    /// Diameter of brush and sphere, mm.
    pub size_mm: f32,
    /// Of the brush.
    pub shape: StrokeShape,
    /// Whether brush and sphere draw only within the range.
    pub only_within: bool,
    /// Range of image values, from and to.
    pub range: [f32; 2],
    /// What drawing may replace.
    pub overwrite: Overwrite,
    /// While Ctrl is held brushes take away.
    pub inverted: bool,
    /// Being drawn.
    pub stroke: Option<Stroke>,
    /// Corners of a lasso in progress, continuous voxel indices z, y, x.
    pub lasso: Vec<[f64; 3]>,
    /// The plane it is drawn on.
    pub lasso_plane: Plane,
    /// Distance of grow, shrink and smooth, mm.
    pub distance_mm: f32,
    /// Islands smaller than this are removed, mL.
    pub island_ml: f32,
    /// A long operation at work: its words.
    pub working: Option<String>,
    /// Stops that operation.
    pub stop: Option<Arc<AtomicBool>>,
    /// The disk refused the last step; drawing is paused.
    pub paused: Option<String>,
    /// The step it refused, kept until there is room.
    pub pending: Option<Pending>,
    /// When the last step was on disk, UTC; shown in the status bar.
    pub saved_at: Option<String>,
}

impl Default for EditState {
    fn default() -> Self {
        Self {
            tool: Tool::View,
            last_tool: Tool::Brush,
            size_mm: 18.0,
            shape: StrokeShape::Disc,
            only_within: false,
            range: [60.0, 190.0],
            overwrite: Overwrite::Unlocked,
            inverted: false,
            stroke: None,
            lasso: Vec::new(),
            lasso_plane: Plane::Axial,
            distance_mm: 2.0,
            island_ml: 1.0,
            working: None,
            stop: None,
            paused: None,
            pending: None,
            saved_at: None,
        }
    }
}
