//! Where a pane shows the scan: which voxel axis runs which way on screen, slices, points, zoom, letters and the scale bar.
//!
//! Pure geometry. A pane shows a plane along the scan's nearest anatomical axis, so every screen direction is one voxel axis,
//! forwards or backwards; which one follows from `volume::orientation_of` for all 48 orientations.
//! In the plane, lengths are millimetres from the upper left outer edge of the image: voxel `i` of a run covers
//! `i * spacing .. (i + 1) * spacing`, its centre has the index `i`.

use egui::{Pos2, Rect, Vec2};
use volume::{Geometry, Region, orientation_of};

/// Zoom runs from a quarter of the fitted size to 64 times that.
const ZOOM_RANGE: (f64, f64) = (0.25, 64.0);

/// A plane of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Plane {
    /// Across the body, seen from the feet (radiological).
    Axial,
    /// Seen from the front (radiological).
    Coronal,
    /// Seen from the patient's left.
    Sagittal,
}

impl Plane {
    /// All three, in the order of the panes.
    pub const ALL: [Self; 3] = [Self::Axial, Self::Coronal, Self::Sagittal];

    /// The name on screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Axial => "Axial",
            Self::Coronal => "Coronal",
            Self::Sagittal => "Sagittal",
        }
    }

    /// The LPS axis that slices follow: 0 left, 1 posterior, 2 superior.
    pub fn lps_axis(self) -> usize {
        match self {
            Self::Axial => 2,
            Self::Coronal => 1,
            Self::Sagittal => 0,
        }
    }

    /// Patient directions of the screen's right and down, as (LPS axis, towards L, P or S).
    fn screen(self, convention: Convention) -> [(usize, bool); 2] {
        let left_is_right = convention == Convention::Radiological;
        match self {
            Self::Axial => [(0, left_is_right), (1, true)],
            Self::Coronal => [(0, left_is_right), (2, false)],
            Self::Sagittal => [(1, true), (2, false)],
        }
    }
}

/// Which side of the screen the patient's right is on; sagittal panes are the same in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Convention {
    /// The patient's right is on the left of the screen, as if one stood at the feet or in front.
    #[default]
    Radiological,
    /// The patient's right is on the right.
    Neurological,
}

/// The patient directions at the edges of a pane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Letters {
    /// Left edge.
    pub left: char,
    /// Right edge.
    pub right: char,
    /// Upper edge.
    pub top: char,
    /// Lower edge.
    pub bottom: char,
}

/// A screen direction as a walk along one voxel axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Run {
    /// Array axis: 0 z, 1 y, 2 x.
    pub axis_zyx: usize,
    /// Whether indices fall along the screen direction.
    pub reversed: bool,
    /// Number of voxels.
    pub count: usize,
    /// Distance between voxel centres.
    pub spacing_mm: f64,
}

impl Run {
    fn extent_mm(&self) -> f64 {
        self.count as f64 * self.spacing_mm
    }

    fn mm_of(&self, index: f64) -> f64 {
        let along = if self.reversed { (self.count - 1) as f64 - index } else { index };
        (along + 0.5) * self.spacing_mm
    }

    fn index_of(&self, mm: f64) -> f64 {
        let along = mm / self.spacing_mm - 0.5;
        if self.reversed { (self.count - 1) as f64 - along } else { along }
    }

    /// Change of the index for one millimetre along the screen direction.
    fn index_per_mm(&self) -> f64 {
        if self.reversed { -1.0 / self.spacing_mm } else { 1.0 / self.spacing_mm }
    }
}

/// A plane of a certain scan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlaneLayout {
    /// Which plane.
    pub plane: Plane,
    /// To the right on screen.
    pub right: Run,
    /// Downwards on screen.
    pub down: Run,
    /// Through the slices, by rising index.
    pub through: Run,
    /// Patient directions at the edges.
    pub letters: Letters,
    /// Position of slice 0 along the patient axis, and the step to the next slice (either sign).
    slice_mm: (f64, f64),
}

impl PlaneLayout {
    /// Lays a plane on a scan of any orientation.
    pub fn new(geometry: &Geometry, plane: Plane, convention: Convention) -> Self {
        let codes = orientation_of(geometry).axes_xyz();
        let run = |lps_axis: usize, positive: bool| {
            let axis_xyz = codes.iter().position(|code| code.lps_axis == lps_axis).expect("each patient axis occurs once");
            let axis_zyx = 2 - axis_xyz;
            Run {
                axis_zyx,
                reversed: codes[axis_xyz].flipped == positive,
                count: geometry.size_zyx[axis_zyx],
                spacing_mm: geometry.spacing_zyx_mm[axis_zyx],
            }
        };
        let letter = |lps_axis: usize, positive: bool| [['R', 'L'], ['A', 'P'], ['I', 'S']][lps_axis][usize::from(positive)];
        let [(right_axis, right_positive), (down_axis, down_positive)] = plane.screen(convention);
        let through = Run { reversed: false, ..run(plane.lps_axis(), true) };
        let mut centre = geometry.size_zyx.map(|n| (n - 1) as f64 / 2.0);
        let mut mm_at = |slice: f64| {
            centre[through.axis_zyx] = slice;
            geometry.pos_lps_mm(centre)[plane.lps_axis()]
        };
        let (first, second) = (mm_at(0.0), mm_at(1.0));
        Self {
            plane,
            right: run(right_axis, right_positive),
            down: run(down_axis, down_positive),
            through,
            letters: Letters {
                left: letter(right_axis, !right_positive),
                right: letter(right_axis, right_positive),
                top: letter(down_axis, !down_positive),
                bottom: letter(down_axis, down_positive),
            },
            slice_mm: (first, second - first),
        }
    }

    /// Number of slices.
    pub fn slice_count(&self) -> usize {
        self.through.count
    }

    /// The slice a voxel index lies in.
    pub fn slice_of(&self, index_zyx: [f64; 3]) -> usize {
        (index_zyx[self.through.axis_zyx].round().max(0.0) as usize).min(self.through.count - 1)
    }

    /// Where a slice lies along L, P or S, at the middle of the scan (slices of a tilted scan are not of one height).
    pub fn slice_mm(&self, slice: f64) -> f64 {
        self.slice_mm.0 + slice * self.slice_mm.1
    }

    /// The (fractional) slice at a place along L, P or S.
    pub fn slice_at_mm(&self, mm: f64) -> f64 {
        (mm - self.slice_mm.0) / self.slice_mm.1
    }

    /// Whether the next slice lies further towards L, P or S.
    pub fn slices_rise(&self) -> bool {
        self.slice_mm.1 > 0.0
    }

    /// Whether the highest slice number is the top of the stack: towards the head, the front, or the patient's left.
    pub fn top_is_last(&self) -> bool {
        self.slices_rise() != (self.plane == Plane::Coronal)
    }

    /// Width and height of the image.
    pub fn extent_mm(&self) -> [f64; 2] {
        [self.right.extent_mm(), self.down.extent_mm()]
    }

    /// Points per millimetre at which the whole image fits into a rectangle.
    pub fn fit_scale(&self, size_points: Vec2) -> f64 {
        let [width, height] = self.extent_mm();
        (f64::from(size_points.x) / width).min(f64::from(size_points.y) / height).max(f64::MIN_POSITIVE)
    }
}

/// What the user chose: how near, and which place is in the middle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// 1 shows the whole image.
    pub zoom: f64,
    /// From the middle of the image to the middle of the pane, right and down.
    pub pan_mm: [f64; 2],
}

impl Default for View {
    fn default() -> Self {
        Self { zoom: 1.0, pan_mm: [0.0; 2] }
    }
}

impl View {
    /// One voxel of the finer in-plane axis per physical pixel, about the same middle.
    pub fn one_to_one(self, layout: &PlaneLayout, fit: Vec2, pixels_per_point: f32) -> Self {
        let spacing = layout.right.spacing_mm.min(layout.down.spacing_mm);
        let points_per_mm = 1.0 / (spacing * f64::from(pixels_per_point));
        Self { zoom: points_per_mm / layout.fit_scale(fit), ..self }
    }
}

/// The length of a scale bar.
#[derive(Debug, Clone, PartialEq)]
pub struct ScaleBar {
    /// Its length in the patient.
    pub mm: f64,
    /// Its length on screen.
    pub points: f32,
    /// "5 cm", "2 mm".
    pub text: String,
}

/// A plane as it lies in a rectangle of the screen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placed {
    /// The plane.
    pub layout: PlaneLayout,
    /// The pane, in points.
    pub rect: Rect,
    /// How near and where.
    pub view: View,
    fit: Vec2,
}

impl Placed {
    /// Places a plane; at zoom 1 the image fits the rectangle less a margin on each side.
    pub fn new(layout: PlaneLayout, view: View, rect: Rect, margin: f32) -> Self {
        let fit = (rect.size() - Vec2::splat(2.0 * margin)).max(Vec2::splat(1.0));
        Self { layout, rect, view, fit }
    }

    /// The space the image is fitted into.
    pub fn fit_size(&self) -> Vec2 {
        self.fit
    }

    /// Points of the screen per millimetre of the patient.
    pub fn points_per_mm(&self) -> f64 {
        self.layout.fit_scale(self.fit) * self.view.zoom
    }

    /// Place in the plane under a point of the screen, millimetres from the image's upper left edge.
    fn mm_at(&self, pos: Pos2) -> [f64; 2] {
        let from_middle = pos - self.rect.center();
        let extent = self.layout.extent_mm();
        let scale = self.points_per_mm();
        [0, 1].map(|k| extent[k] / 2.0 + self.view.pan_mm[k] + f64::from(from_middle[k]) / scale)
    }

    fn pos_at(&self, mm: [f64; 2]) -> Pos2 {
        let extent = self.layout.extent_mm();
        let scale = self.points_per_mm();
        let [x, y] = [0, 1].map(|k| ((mm[k] - extent[k] / 2.0 - self.view.pan_mm[k]) * scale) as f32);
        self.rect.center() + Vec2::new(x, y)
    }

    /// The voxel index under a point of the screen; whole numbers are voxel centres. It may lie outside the scan.
    pub fn index_at(&self, pos: Pos2, slice: usize) -> [f64; 3] {
        let [u, v] = self.mm_at(pos);
        let mut index_zyx = [0.0; 3];
        index_zyx[self.layout.through.axis_zyx] = slice as f64;
        index_zyx[self.layout.right.axis_zyx] = self.layout.right.index_of(u);
        index_zyx[self.layout.down.axis_zyx] = self.layout.down.index_of(v);
        index_zyx
    }

    /// The voxel under a point of the screen, `None` outside the scan.
    pub fn voxel_at(&self, pos: Pos2, slice: usize) -> Option<[usize; 3]> {
        let index_zyx = self.index_at(pos, slice).map(f64::round);
        let mut voxel = [0; 3];
        for run in [self.layout.right, self.layout.down, self.layout.through] {
            let index = index_zyx[run.axis_zyx];
            if !(0.0..run.count as f64).contains(&index) {
                return None;
            }
            voxel[run.axis_zyx] = index as usize;
        }
        Some(voxel)
    }

    /// Where a voxel index appears, whatever its slice: also the middle of the crosshair.
    pub fn pos_of(&self, index_zyx: [f64; 3]) -> Pos2 {
        let (right, down) = (self.layout.right, self.layout.down);
        self.pos_at([right.mm_of(index_zyx[right.axis_zyx]), down.mm_of(index_zyx[down.axis_zyx])])
    }

    /// The rectangle the whole image covers; it may be larger than the pane.
    pub fn image_rect(&self) -> Rect {
        Rect::from_min_max(self.pos_at([0.0; 2]), self.pos_at(self.layout.extent_mm()))
    }

    /// The outline of a box of voxels, if the slice cuts it: for the tiles of a live run.
    pub fn region_rect(&self, region: &Region, slice: usize) -> Option<Rect> {
        if region.is_empty() || !region.range(self.layout.through.axis_zyx).contains(&slice) {
            return None;
        }
        let low = self.pos_of(region.start_zyx.map(|i| i as f64 - 0.5));
        let high = self.pos_of(region.end_zyx.map(|i| i as f64 - 0.5));
        Some(Rect::from_two_pos(low, high))
    }

    /// Zooms about a point, which stays where it is.
    pub fn zoomed(&self, about: Pos2, factor: f64) -> View {
        let zoom = (self.view.zoom * factor).clamp(ZOOM_RANGE.0, ZOOM_RANGE.1.max(self.view.zoom));
        let kept = self.mm_at(about);
        let moved = Self { view: View { zoom, ..self.view }, ..*self }.mm_at(about);
        View { zoom, pan_mm: [0, 1].map(|k| self.view.pan_mm[k] + kept[k] - moved[k]) }
    }

    /// Moves the image with the pointer; its edge never passes the middle of the pane, so it cannot get lost.
    pub fn panned(&self, delta: Vec2) -> View {
        let (extent, scale) = (self.layout.extent_mm(), self.points_per_mm());
        let pan_mm = [0, 1].map(|k| (self.view.pan_mm[k] - f64::from(delta[k]) / scale).clamp(-extent[k] / 2.0, extent[k] / 2.0));
        View { pan_mm, ..self.view }
    }

    /// The longest bar of 1, 2 or 5 times a power of ten millimetres that is not longer than `longest` points.
    pub fn scale_bar(&self, longest: f32) -> ScaleBar {
        let most_mm = f64::from(longest) / self.points_per_mm();
        let power = 10_f64.powf(most_mm.log10().floor());
        // The tolerance keeps a bar that would fit exactly from being lost to rounding.
        let step = [5.0, 2.0, 1.0].into_iter().find(|step| step * power <= most_mm * (1.0 + 1e-9)).unwrap_or(1.0);
        let mm = step * power;
        let text = if mm >= 10.0 { format!("{} cm", (mm / 10.0).round()) } else { format!("{} mm", (mm * 1e6).round() / 1e6) };
        ScaleBar { mm, points: (mm * self.points_per_mm()) as f32, text }
    }

    /// What the shader needs: voxel index x, y, z at the pane's upper left corner, and its change per pixel to the right and down.
    pub fn voxel_affine_xyz(&self, slice: usize, pixels_per_point: f32) -> [[f32; 3]; 3] {
        let corner = self.index_at(self.rect.min, slice);
        let mm_per_pixel = 1.0 / (self.points_per_mm() * f64::from(pixels_per_point));
        let step = |run: Run| {
            let mut step_xyz = [0.0; 3];
            step_xyz[2 - run.axis_zyx] = (run.index_per_mm() * mm_per_pixel) as f32;
            step_xyz
        };
        [[corner[2] as f32, corner[1] as f32, corner[0] as f32], step(self.layout.right), step(self.layout.down)]
    }
}

#[cfg(test)]
#[path = "tests_plane.rs"]
mod tests;
