//! The camera of the 3D pane: a turntable around the patient's long axis, parallel projection.
//!
//! Parallel, because then lengths compare across depth and the edge letters mean the same everywhere in the pane.

use egui::{Pos2, Rect, Vec2};
use glam::{DMat4, DVec3, DVec4, Mat4};

/// How far a drag over the whole pane's height turns.
const TURN: f64 = std::f64::consts::PI;
/// A little from above, so that surfaces cut by the upper image edge are seen as cut.
const START_PITCH: f64 = 0.17;
const STEEPEST: f64 = std::f64::consts::FRAC_PI_2;
const ZOOM_RANGE: (f64, f64) = (0.2, 40.0);

/// The patient directions at the edges of a 3D pane: one letter, or two where the view is oblique ("RA").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeLetters {
    /// Left edge.
    pub left: String,
    /// Right edge.
    pub right: String,
    /// Upper edge.
    pub top: String,
    /// Lower edge.
    pub bottom: String,
}

/// Where the 3D pane looks from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Camera {
    /// Turn about the patient's long axis; 0 looks at the front, a quarter turn at the patient's left.
    pub yaw: f64,
    /// Height above the horizon; positive looks down on the patient.
    pub pitch: f64,
    /// What is in the middle of the pane.
    pub centre_lps_mm: DVec3,
    /// Radius of what fits into the pane at zoom 1.
    pub radius_mm: f64,
    /// 1 fits.
    pub zoom: f64,
}

impl Camera {
    /// From the front, all of a box in view.
    pub fn anterior(low_lps_mm: DVec3, high_lps_mm: DVec3) -> Self {
        let mut camera = Self { yaw: 0.0, pitch: START_PITCH, centre_lps_mm: DVec3::ZERO, radius_mm: 1.0, zoom: 1.0 };
        camera.fit(low_lps_mm, high_lps_mm);
        camera
    }

    /// Brings all of a box into view without turning.
    pub fn fit(&mut self, low_lps_mm: DVec3, high_lps_mm: DVec3) {
        let half = (high_lps_mm - low_lps_mm) / 2.0;
        self.centre_lps_mm = (low_lps_mm + high_lps_mm) / 2.0;
        // The largest reach of the box on screen: turning about the long axis keeps it in view.
        let flat = half.x.hypot(half.y);
        self.radius_mm = flat.max(half.z + flat * START_PITCH.sin()).max(1e-3);
        self.zoom = 1.0;
    }

    /// Directions of the screen's right, up and into the screen, LPS.
    pub fn axes(&self) -> [DVec3; 3] {
        let (sin, cos) = self.yaw.sin_cos();
        let right = DVec3::new(cos, sin, 0.0);
        let ahead = DVec3::new(-sin, cos, 0.0);
        let (rise, flat) = self.pitch.sin_cos();
        [right, ahead * rise + DVec3::Z * flat, ahead * flat - DVec3::Z * rise]
    }

    /// Points per millimetre in a pane.
    pub fn points_per_mm(&self, size: Vec2) -> f64 {
        f64::from(size.min_elem()) / (2.0 * self.radius_mm) * self.zoom
    }

    /// Turns with the pointer, as if it held the near side of the patient.
    pub fn turn(&mut self, delta: Vec2, size: Vec2) {
        let per_point = TURN / f64::from(size.y.max(1.0));
        self.yaw = (self.yaw - f64::from(delta.x) * per_point).rem_euclid(std::f64::consts::TAU);
        self.pitch = (self.pitch + f64::from(delta.y) * per_point).clamp(-STEEPEST, STEEPEST);
    }

    /// Moves with the pointer.
    pub fn pan(&mut self, delta: Vec2, size: Vec2) {
        let [right, up, _] = self.axes();
        let mm = 1.0 / self.points_per_mm(size);
        self.centre_lps_mm += (up * f64::from(delta.y) - right * f64::from(delta.x)) * mm;
    }

    /// Zooms about a point of the pane.
    pub fn zoom_about(&mut self, pos: Pos2, rect: Rect, factor: f64) {
        let zoom = (self.zoom * factor).clamp(ZOOM_RANGE.0, ZOOM_RANGE.1);
        let from_middle = pos - rect.center();
        let before = self.points_per_mm(rect.size());
        self.zoom = zoom;
        let change = 1.0 / before - 1.0 / self.points_per_mm(rect.size());
        let [right, up, _] = self.axes();
        self.centre_lps_mm += (right * f64::from(from_middle.x) - up * f64::from(from_middle.y)) * change;
    }

    /// The name of a standard view, where this is one.
    pub fn name(&self) -> Option<&'static str> {
        let [_, _, ahead] = self.axes();
        let nearest = |v: DVec3| ahead.dot(v) > 0.97;
        [
            (DVec3::Y, "Anterior"),
            (DVec3::NEG_Y, "Posterior"),
            (DVec3::NEG_X, "Left"),
            (DVec3::X, "Right"),
            (DVec3::NEG_Z, "Superior"),
            (DVec3::Z, "Inferior"),
        ]
        .into_iter()
        .find_map(|(v, name)| nearest(v).then_some(name))
    }

    /// The patient directions at the four edges.
    pub fn letters(&self) -> EdgeLetters {
        let [right, up, _] = self.axes();
        EdgeLetters { left: letters_of(-right), right: letters_of(right), top: letters_of(up), bottom: letters_of(-up) }
    }

    /// LPS millimetres to clip space for a pane; depth 0 is nearest.
    pub(crate) fn clip_from_lps(&self, size: Vec2) -> Mat4 {
        let scale = self.points_per_mm(size);
        // Everything that can be in view after panning lies within this depth of the centre.
        let reach = 8.0 * self.radius_mm;
        let [right, up, ahead] = self.axes();
        let rows = [right * (2.0 * scale / f64::from(size.x)), up * (2.0 * scale / f64::from(size.y)), ahead / (2.0 * reach)];
        let offset = [0.0, 0.0, 0.5];
        let row = |k: usize| rows[k].extend(offset[k] - rows[k].dot(self.centre_lps_mm));
        DMat4::from_cols(row(0), row(1), row(2), DVec4::W).transpose().as_mat4()
    }

    /// Where a place appears.
    pub fn pos_of(&self, pos_lps_mm: DVec3, rect: Rect) -> Pos2 {
        let [right, up, _] = self.axes();
        let from_centre = (pos_lps_mm - self.centre_lps_mm) * self.points_per_mm(rect.size());
        rect.center() + Vec2::new(from_centre.dot(right) as f32, -from_centre.dot(up) as f32)
    }

    /// A ray into the screen at a point: start well in front, and direction.
    pub fn ray(&self, pos: Pos2, rect: Rect) -> (DVec3, DVec3) {
        let [right, up, ahead] = self.axes();
        let from_middle = pos - rect.center();
        let mm = 1.0 / self.points_per_mm(rect.size());
        let across = (right * f64::from(from_middle.x) - up * f64::from(from_middle.y)) * mm;
        (self.centre_lps_mm + across - ahead * (8.0 * self.radius_mm), ahead)
    }
}

/// Letters of the patient directions that make up a direction, the largest first; small parts are left out.
fn letters_of(direction: DVec3) -> String {
    let mut parts = [(direction.x, 'L', 'R'), (direction.y, 'P', 'A'), (direction.z, 'S', 'I')];
    parts.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()));
    let letter = |(part, plus, minus): (f64, char, char)| if part > 0.0 { plus } else { minus };
    parts.into_iter().enumerate().filter(|(i, part)| *i == 0 || part.0.abs() > 0.38).map(|(_, part)| letter(part)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECT: Rect = Rect { min: Pos2 { x: 50.0, y: 20.0 }, max: Pos2 { x: 450.0, y: 320.0 } };

    fn camera(yaw: f64, pitch: f64) -> Camera {
        let mut camera = Camera::anterior(DVec3::new(-100.0, -50.0, 300.0), DVec3::new(120.0, 90.0, 700.0));
        (camera.yaw, camera.pitch) = (yaw, pitch);
        camera
    }

    fn text(camera: &Camera) -> String {
        let l = camera.letters();
        [l.left, l.right, l.top, l.bottom].join(" ")
    }

    #[test]
    fn standard_views_have_their_letters() {
        let quarter = std::f64::consts::FRAC_PI_2;
        assert_eq!((text(&camera(0.0, 0.0)), camera(0.0, 0.0).name()), ("R L S I".to_owned(), Some("Anterior")));
        assert_eq!((text(&camera(quarter, 0.0)), camera(quarter, 0.0).name()), ("A P S I".to_owned(), Some("Left")));
        assert_eq!((text(&camera(2.0 * quarter, 0.0)), camera(2.0 * quarter, 0.0).name()), ("L R S I".to_owned(), Some("Posterior")));
        assert_eq!((text(&camera(3.0 * quarter, 0.0)), camera(3.0 * quarter, 0.0).name()), ("P A S I".to_owned(), Some("Right")));
        assert_eq!((text(&camera(0.0, quarter)), camera(0.0, quarter).name()), ("R L P A".to_owned(), Some("Superior")));
        assert_eq!(camera(0.0, START_PITCH).name(), Some("Anterior"));
        assert_eq!(text(&camera(quarter / 2.0, 0.0)).split(' ').next().map(str::len), Some(2));
    }

    /// Never mirrored: screen right, up and towards the viewer form a right-handed system in LPS, which is right-handed itself.
    #[test]
    fn the_view_is_never_mirrored() {
        for yaw in [0.0, 0.7, 2.0, 4.4] {
            for pitch in [-1.5, 0.0, 0.9] {
                let [right, up, ahead] = camera(yaw, pitch).axes();
                assert!((right.cross(up) + ahead).length() < 1e-12);
            }
        }
    }

    #[test]
    fn projection_points_and_rays_agree() {
        let mut camera = camera(0.6, 0.4);
        camera.zoom_about(Pos2::new(100.0, 250.0), RECT, 2.5);
        camera.pan(Vec2::from([13.0, -8.0]), RECT.size());
        for place in [DVec3::new(10.0, -30.0, 500.0), DVec3::new(-80.0, 60.0, 410.0)] {
            let pos = camera.pos_of(place, RECT);
            let clip = camera.clip_from_lps(RECT.size()).project_point3(place.as_vec3());
            let from_clip = RECT.min + Vec2::new((clip.x + 1.0) / 2.0 * RECT.width(), (1.0 - clip.y) / 2.0 * RECT.height());
            assert!((pos - from_clip).length() < 1e-2, "{pos:?} {from_clip:?}");
            assert!((0.0..1.0).contains(&clip.z));
            let (start, ahead) = camera.ray(pos, RECT);
            let off = place - start;
            assert!((off - ahead * off.dot(ahead)).length() < 1e-2 && off.dot(ahead) > 0.0);
            let nearer = camera.clip_from_lps(RECT.size()).project_point3((place - ahead * 20.0).as_vec3());
            assert!(nearer.z < clip.z);
        }
    }

    #[test]
    fn zoom_keeps_the_place_under_the_pointer_and_fit_shows_all() {
        let mut camera = camera(0.3, START_PITCH);
        let pos = Pos2::new(120.0, 60.0);
        let (start, ahead) = camera.ray(pos, RECT);
        let place = start + ahead * 1000.0;
        camera.zoom_about(pos, RECT, 1.8);
        assert!((camera.pos_of(place, RECT) - pos).length() < 1e-3);
        let (low, high) = (DVec3::new(-100.0, -50.0, 300.0), DVec3::new(120.0, 90.0, 700.0));
        for step in 0..12 {
            let mut camera = camera;
            camera.yaw = f64::from(step) * 0.5;
            camera.fit(low, high);
            for corner in 0..8 {
                let pick = |axis: usize| if corner >> axis & 1 == 1 { high[axis] } else { low[axis] };
                assert!(RECT.expand(0.5).contains(camera.pos_of(DVec3::new(pick(0), pick(1), pick(2)), RECT)));
            }
        }
    }
}
