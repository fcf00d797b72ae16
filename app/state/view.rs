//! How the images of a case are looked at.

use glam::DVec3;
use volume::Geometry;

use crate::render::camera::Camera;
pub use crate::render::pane::Window;
use crate::render::plane::{self, Plane, PlaneLayout};

/// One of the four panes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pane {
    /// A slice.
    Slice(Plane),
    /// Surfaces.
    Surface,
}

/// Which panes are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// Three planes and surfaces.
    #[default]
    FourUp,
    /// One pane alone.
    One(Pane),
    /// One large plane and two small ones, for editing.
    OneAndTwo(Plane),
}

/// Windows with a name; Alt 1 to 6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// W 350 L 50.
    SoftTissue,
    /// W 150 L 30.
    Liver,
    /// W 1500 L −600.
    Lung,
    /// W 2000 L 300.
    Bone,
    /// W 80 L 40.
    Brain,
    /// Most of the image.
    Auto,
}

impl Preset {
    /// In the order of their keys.
    pub const ALL: [Self; 6] = [Self::SoftTissue, Self::Liver, Self::Lung, Self::Bone, Self::Brain, Self::Auto];

    /// Its words.
    pub fn name(self) -> &'static str {
        match self {
            Self::SoftTissue => "Soft tissue",
            Self::Liver => "Liver",
            Self::Lung => "Lung",
            Self::Bone => "Bone",
            Self::Brain => "Brain",
            Self::Auto => "Auto",
        }
    }

    /// Its window; `auto` is the case's own.
    pub fn window(self, auto: Window) -> Window {
        let (width, level) = match self {
            Self::SoftTissue => (350.0, 50.0),
            Self::Liver => (150.0, 30.0),
            Self::Lung => (1500.0, -600.0),
            Self::Bone => (2000.0, 300.0),
            Self::Brain => (80.0, 40.0),
            Self::Auto => return auto,
        };
        Window { width, level }
    }
}

/// How slices are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SlabKind {
    /// Their mean.
    #[default]
    Mean,
    /// The largest value.
    Maximum,
    /// The smallest value.
    Minimum,
}

/// A thick slice.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Slab {
    /// Millimetres; 0 for a single slice.
    pub thickness_mm: f32,
    /// How.
    pub kind: SlabKind,
}

/// How masks are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OverlayStyle {
    /// Areas.
    Fill,
    /// Contours.
    Outline,
    /// Both.
    #[default]
    Both,
}

/// A distance on a slice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measurement {
    /// Plane it was drawn on.
    pub plane: Plane,
    /// Continuous voxel indices z, y, x.
    pub from_zyx: [f64; 3],
    /// Continuous voxel indices z, y, x.
    pub to_zyx: [f64; 3],
}

/// How a case is looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// Voxel under the crosshair, z, y, x.
    pub cursor_zyx: [usize; 3],
    /// Which panes.
    pub layout: Layout,
    /// The pane keys act on.
    pub active: Pane,
    /// Grey values.
    pub window: Window,
    /// Its name, if it has one.
    pub preset: Option<Preset>,
    /// Thick slices.
    pub slab: Slab,
    /// Zoom and pan of axial, coronal and sagittal panes.
    pub panes: [plane::View; 3],
    /// Room for the image in these panes, points, and pixels per point; zero until they were drawn.
    pub rooms: [([f32; 2], f32); 3],
    /// Whether masks are shown.
    pub mask_shown: bool,
    /// While H is held masks are not shown.
    pub peeking: bool,
    /// Opacity of filled areas, 0 to 1.
    pub opacity: f32,
    /// How masks are drawn.
    pub overlay: OverlayStyle,
    /// Whether doubt is shown.
    pub doubt: bool,
    /// Whether only the selected structure is shown.
    pub only_selected: bool,
    /// Structure in focus.
    pub selected: Option<u16>,
    /// Structure under the pointer.
    pub hovered: Option<u16>,
    /// Continuous voxel index under the pointer, z, y, x.
    pub pointer_zyx: Option<[f64; 3]>,
    /// Whether the left button measures.
    pub measuring: bool,
    /// Distances drawn.
    pub measurements: Vec<Measurement>,
    /// Text the structure list is filtered by.
    pub filter: String,
    /// Camera of the surface pane.
    pub camera: Camera,
}

impl View {
    /// The crosshair with one plane at another slice.
    pub fn cursor_at(&self, layout: &PlaneLayout, slice: usize) -> [usize; 3] {
        let mut cursor = self.cursor_zyx;
        cursor[layout.through.axis_zyx] = slice;
        cursor
    }

    /// The middle of a grid, everything shown.
    pub fn new(geometry: &Geometry, window: Window, preset: Option<Preset>) -> Self {
        let (low, high) = extent_lps_mm(geometry);
        Self {
            cursor_zyx: geometry.size_zyx.map(|n| n / 2),
            layout: Layout::FourUp,
            active: Pane::Slice(Plane::Axial),
            window,
            preset,
            slab: Slab::default(),
            panes: [plane::View::default(); 3],
            rooms: [([0.0; 2], 1.0); 3],
            mask_shown: true,
            peeking: false,
            opacity: 0.26,
            overlay: OverlayStyle::Both,
            doubt: false,
            only_selected: false,
            selected: None,
            hovered: None,
            pointer_zyx: None,
            measuring: false,
            measurements: Vec::new(),
            filter: String::new(),
            camera: Camera::anterior(low, high),
        }
    }

    /// Zoom and pan of a plane.
    pub fn pane(&self, plane: Plane) -> &plane::View {
        &self.panes[plane as usize]
    }
}

/// The corners of the box around a grid.
pub(crate) fn extent_lps_mm(geometry: &Geometry) -> (DVec3, DVec3) {
    let corners = geometry.corners_lps_mm();
    corners.iter().fold((corners[0], corners[0]), |(low, high), corner| (low.min(*corner), high.max(*corner)))
}
