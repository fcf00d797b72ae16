//! The solid organs of the upper abdomen: liver with lesion and vessels, spleen, kidneys.

use glam::{DMat3, DVec3};

use crate::label::Structure;
use crate::paint::{Paint, Place};
use crate::random::Draw;
use crate::shapes::{Knot, capsule, carve, ellipse, ellipsoid, knot, smooth_max, smooth_min, tube};

/// One ellipsoid with its own axes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lobe {
    pub(crate) at: DVec3,
    radii: DVec3,
    /// Body axes to the lobe's axes.
    axes: DMat3,
}

impl Lobe {
    pub(crate) fn new(at: DVec3, radii: DVec3, axes: DMat3) -> Self {
        Self { at, radii, axes }
    }

    pub(crate) fn distance(&self, p: DVec3) -> f64 {
        ellipsoid(self.axes * (p - self.at), self.radii)
    }
}

/// Liver with what lies in it.
#[derive(Debug, Clone)]
pub(crate) struct Liver {
    right: Lobe,
    left: Lobe,
    gallbladder: Lobe,
    veins: Vec<Vec<Knot>>,
    hu: f64,
    lesion: Lobe,
    lesion_hu: f64,
}

impl Liver {
    /// The lesion is set later, once the whole liver can be asked where there is room: see [`Liver::set_lesion`].
    pub(crate) fn draw(draw: &mut Draw) -> Self {
        let right_at = draw.point([-64.0, 0.0, 16.0], [4.0, 4.0, 7.0]);
        let right_radii = draw.point([68.0, 80.0, 80.0], [5.0, 5.0, 8.0]);
        let left_at = draw.point([2.0, -44.0, 38.0], [6.0, 4.0, 4.0]);
        let left_radii = draw.point([62.0, 34.0, 32.0], [9.0, 4.0, 4.0]);
        let bladder_at = draw.point([-40.0, -50.0, -24.0], [6.0, 4.0, 6.0]);
        let bladder_radii = draw.point([14.0, 14.0, 27.0], [3.0, 3.0, 5.0]);
        Self {
            right: Lobe::new(right_at, right_radii, DMat3::from_rotation_y(draw.about(0.12, 0.08))),
            left: Lobe::new(left_at, left_radii, DMat3::from_rotation_y(draw.about(-0.2, 0.1))),
            gallbladder: Lobe::new(bladder_at, bladder_radii, DMat3::from_rotation_x(draw.about(-0.5, 0.2))),
            veins: liver_veins(draw),
            hu: draw.about(110.0, 9.0),
            lesion: Lobe::new(DVec3::ZERO, DVec3::ONE, DMat3::IDENTITY),
            lesion_hu: draw.about(56.0, 8.0),
        }
    }

    pub(crate) fn set_lesion(&mut self, lesion: Lobe) {
        self.lesion = lesion;
    }

    /// Where the centre of a lesion may be tried.
    pub(crate) fn draw_lesion_site(draw: &mut Draw) -> DVec3 {
        draw.point([-70.0, 0.0, 25.0], [38.0, 55.0, 45.0])
    }

    /// Distance to the liver, carved by the kidney below it and the spine and vessels beside it.
    pub(crate) fn distance(&self, place: &Place, kidney: f64) -> f64 {
        let p = place.p;
        let lobes = smooth_min(self.right.distance(p), self.left.distance(p), 26.0) + 2.0 * place.coarse;
        let midline = ellipse(p.x - 12.0, p.y - 48.0, 40.0, 48.0);
        let notch = capsule(p, DVec3::new(-16.0, -110.0, 30.0), DVec3::new(-14.0, -40.0, 4.0), 4.0, 3.0);
        // Behind the kidney lies the back's muscle, never liver.
        let fossa = capsule(p, DVec3::new(-42.0, 74.0, -70.0), DVec3::new(-42.0, 80.0, 12.0), 31.0, 25.0);
        let carved = carve(carve(carve(lobes, midline, 14.0), (kidney - 5.0).min(fossa), 10.0), notch, 5.0);
        let carved = carve(carved, self.gallbladder.distance(p) - 1.0, 5.0);
        let inside_wall = smooth_max(carved, place.cavity + 2.5, 8.0);
        smooth_max(inside_wall, place.above_diaphragm + 3.0, 8.0)
    }

    pub(crate) fn paint(&self, place: &Place, liver: f64, paint: &mut Paint) {
        let p = place.p;
        let gallbladder = self.gallbladder.distance(p) + place.coarse;
        paint.lay(gallbladder, 62.0, None);
        paint.tint(gallbladder + 2.0, 9.0);
        paint.lay(liver, self.hu + 3.0 * place.coarse, Some(Structure::Liver));
        if liver < 4.0 {
            for vein in &self.veins {
                paint.tint(tube(p, vein, 3.0).max(liver + 2.0), self.hu + 42.0);
            }
            let lesion = self.lesion.distance(p) + 1.2 * place.coarse + 0.5 * place.fine;
            paint.lay(lesion.max(liver + 1.0), self.lesion_hu + 5.0 * place.fine, Some(Structure::Lesion));
        }
    }
}

/// Portal vein with two branches, three hepatic veins that meet at the inferior vena cava.
fn liver_veins(draw: &mut Draw) -> Vec<Vec<Knot>> {
    let mut near = |x: f64, y: f64, z: f64, radius: f64| {
        let at = draw.point([x, y, z], [5.0, 5.0, 5.0]);
        knot(at.x, at.y, at.z, radius)
    };
    let hilum = near(-32.0, -12.0, 16.0, 6.5);
    let confluence = near(-22.0, 2.0, 62.0, 6.0);
    vec![
        vec![hilum, near(-62.0, -2.0, 24.0, 5.5), near(-92.0, 10.0, 12.0, 3.0)],
        vec![near(-62.0, -2.0, 24.0, 5.0), near(-84.0, -32.0, 32.0, 3.0)],
        vec![hilum, near(-22.0, -42.0, 34.0, 4.5), near(14.0, -52.0, 38.0, 2.5)],
        vec![confluence, near(-70.0, 22.0, 56.0, 4.5), near(-104.0, 22.0, 34.0, 2.5)],
        vec![confluence, near(-56.0, -26.0, 54.0, 4.0), near(-70.0, -52.0, 24.0, 2.5)],
        vec![confluence, near(-10.0, -32.0, 56.0, 3.5), near(10.0, -56.0, 44.0, 2.5)],
    ]
}

/// Spleen: an ellipsoid hollowed from the stomach's side.
#[derive(Debug, Clone)]
pub(crate) struct Spleen {
    bulk: Lobe,
    hollow: Lobe,
    hu: f64,
}

impl Spleen {
    pub(crate) fn draw(draw: &mut Draw) -> Self {
        let at = draw.point([90.0, 32.0, 34.0], [4.0, 5.0, 7.0]);
        let radii = draw.point([36.0, 55.0, 52.0], [4.0, 5.0, 6.0]);
        let hollow_at = at + draw.point([-42.0, -24.0, 2.0], [4.0, 4.0, 6.0]);
        let axes = DMat3::from_rotation_z(draw.about(-0.35, 0.1)) * DMat3::from_rotation_x(draw.about(0.25, 0.15));
        Self {
            bulk: Lobe::new(at, radii, axes),
            hollow: Lobe::new(hollow_at, DVec3::new(31.0, 36.0, 52.0), DMat3::IDENTITY),
            hu: draw.about(122.0, 9.0),
        }
    }

    pub(crate) fn distance(&self, place: &Place, kidney: f64) -> f64 {
        let bulk = self.bulk.distance(place.p) + 1.8 * place.coarse;
        let carved = carve(carve(bulk, self.hollow.distance(place.p), 10.0), kidney - 5.0, 8.0);
        smooth_max(smooth_max(carved, place.cavity + 2.5, 8.0), place.above_diaphragm + 3.0, 8.0)
    }

    pub(crate) fn paint(&self, place: &Place, spleen: f64, paint: &mut Paint) {
        paint.lay(spleen, self.hu + 3.0 * place.coarse, Some(Structure::Spleen));
    }
}

/// One kidney with its sinus.
#[derive(Debug, Clone)]
pub(crate) struct Kidney {
    structure: Structure,
    bulk: Lobe,
    sinus: Lobe,
    pelvis: Lobe,
    hu: f64,
}

impl Kidney {
    /// `side` is -1 for the patient's right, 1 for the left.
    pub(crate) fn draw(draw: &mut Draw, side: f64) -> Self {
        let structure = if side < 0.0 { Structure::KidneyRight } else { Structure::KidneyLeft };
        let height = if side < 0.0 { -22.0 } else { -8.0 };
        let at = draw.point([side * 66.0, 37.0, height], [4.0, 4.0, 8.0]);
        let radii = draw.point([28.0, 25.0, 52.0], [3.0, 2.5, 5.0]);
        // Upper pole towards the spine and the back, hilum turned to the front.
        let axes = DMat3::from_rotation_z(side * draw.about(0.45, 0.15))
            * DMat3::from_rotation_y(side * draw.about(0.22, 0.08))
            * DMat3::from_rotation_x(draw.about(0.12, 0.08));
        let inward = |mm: f64| at - axes.transpose() * DVec3::new(side * mm, 0.0, 0.0);
        let sinus_radii = draw.point([17.0, 9.0, 24.0], [2.0, 1.5, 3.0]);
        Self {
            structure,
            bulk: Lobe::new(at, radii, axes),
            sinus: Lobe::new(inward(19.0), sinus_radii, axes),
            pelvis: Lobe::new(inward(18.0), DVec3::new(8.0, 5.0, 11.0), axes),
            hu: draw.about(178.0, 14.0),
        }
    }

    /// Distance to the organ's hull, sinus included.
    pub(crate) fn hull(&self, place: &Place) -> f64 {
        self.bulk.distance(place.p) + 1.2 * place.coarse
    }

    /// Where vessels enter.
    pub(crate) fn hilum(&self) -> DVec3 {
        self.sinus.at
    }

    pub(crate) fn paint(&self, place: &Place, hull: f64, paint: &mut Paint) {
        if hull > 6.0 {
            return;
        }
        let sinus = self.sinus.distance(place.p) + 1.0 * place.fine;
        let tissue = carve(hull, sinus, 4.0);
        paint.lay(tissue, self.hu, Some(self.structure));
        let pyramid = (hull + 6.0).max(3.0 - 10.0 * place.fine).max(tissue + 1.0);
        paint.tint(pyramid, self.hu - 38.0);
        paint.tint(self.pelvis.distance(place.p), 12.0);
    }
}
