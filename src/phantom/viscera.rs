//! Hollow organs and great vessels: stomach, bowel, pancreas, aorta, vena cava.

use glam::DVec3;

use crate::label::Structure;
use crate::paint::{Paint, Place};
use crate::random::Draw;
use crate::shapes::{Knot, capsule, carve, ellipse, knot, ramp, smooth_max, tube};
use crate::spine::Spine;

const AIR_HU: f64 = -985.0;

fn near(draw: &mut Draw, x: f64, y: f64, z: f64, radius: f64, spread: f64) -> Knot {
    let at = draw.point([x, y, z], [spread; 3]);
    knot(at.x, at.y, at.z, draw.about(radius, 0.12 * radius))
}

/// Stomach: fundus under the left dome, body, antrum across the midline; gas floats in front.
#[derive(Debug, Clone)]
pub(crate) struct Stomach {
    knots: Vec<Knot>,
    gas_level_y: f64,
    content_hu: f64,
    wall_mm: f64,
}

impl Stomach {
    pub(crate) fn draw(draw: &mut Draw) -> Self {
        let knots = vec![
            near(draw, 56.0, 18.0, 52.0, 30.0, 4.0),
            near(draw, 60.0, -14.0, 32.0, 31.0, 4.0),
            near(draw, 48.0, -42.0, 4.0, 25.0, 4.0),
            near(draw, 14.0, -52.0, -12.0, 18.0, 4.0),
            near(draw, -16.0, -42.0, -6.0, 13.0, 3.0),
        ];
        let gas_level_y = draw.range(-62.0, -36.0);
        Self { knots, gas_level_y, content_hu: draw.about(24.0, 14.0), wall_mm: draw.about(4.2, 0.8) }
    }

    /// Distance to the outer wall, pressed in by its neighbours.
    pub(crate) fn distance(&self, place: &Place, neighbours: f64) -> f64 {
        let bulk = tube(place.p, &self.knots, 14.0) + 1.8 * place.coarse;
        let carved = carve(bulk, neighbours - 2.5, 6.0);
        smooth_max(smooth_max(carved, place.cavity + 3.0, 8.0), place.above_diaphragm + 3.0, 8.0)
    }

    pub(crate) fn paint(&self, place: &Place, stomach: f64, paint: &mut Paint) {
        paint.lay(stomach, 78.0, Some(Structure::Stomach));
        let lumen = stomach + self.wall_mm + 0.9 * place.fine;
        paint.tint(lumen, self.content_hu + 10.0 * place.fine);
        paint.tint(lumen.max(place.p.y - self.gas_level_y), AIR_HU);
    }
}

/// Colon frame, loops of small bowel, duodenum and pancreas: anatomy without labels.
#[derive(Debug, Clone)]
pub(crate) struct Bowel {
    colon: Vec<Knot>,
    loops: Vec<[Knot; 3]>,
    loop_hu: Vec<f64>,
    duodenum: Vec<Knot>,
    pancreas: Vec<Knot>,
    gas: f64,
}

impl Bowel {
    pub(crate) fn draw(draw: &mut Draw) -> Self {
        let colon = vec![
            near(draw, -92.0, 14.0, -140.0, 23.0, 4.0),
            near(draw, -94.0, 12.0, -80.0, 20.0, 4.0),
            near(draw, -82.0, -22.0, -52.0, 18.0, 5.0),
            near(draw, -30.0, -62.0, -58.0, 17.0, 6.0),
            near(draw, 36.0, -64.0, -44.0, 16.0, 6.0),
            near(draw, 88.0, -20.0, -14.0, 15.0, 5.0),
            near(draw, 101.0, 18.0, -44.0, 13.0, 4.0),
            near(draw, 98.0, 28.0, -140.0, 14.0, 4.0),
        ];
        let loops: Vec<[Knot; 3]> = (0..30).map(|_| Self::draw_loop(draw)).collect();
        let loop_hu = loops.iter().map(|_| draw.about(35.0, 22.0)).collect();
        let duodenum = vec![
            near(draw, -18.0, -40.0, -8.0, 11.0, 2.0),
            near(draw, -38.0, -14.0, -10.0, 12.0, 3.0),
            near(draw, -38.0, -4.0, -48.0, 12.0, 4.0),
            near(draw, 4.0, -12.0, -56.0, 10.0, 3.0),
            near(draw, 32.0, -18.0, -36.0, 10.0, 3.0),
        ];
        let pancreas = vec![
            near(draw, -28.0, -16.0, -14.0, 12.0, 3.0),
            near(draw, -2.0, -24.0, 6.0, 9.0, 3.0),
            near(draw, 34.0, -6.0, 16.0, 9.0, 3.0),
            near(draw, 66.0, 14.0, 26.0, 8.0, 3.0),
        ];
        Self { colon, loops, loop_hu, duodenum, pancreas, gas: draw.range(-0.1, 0.25) }
    }

    fn draw_loop(draw: &mut Draw) -> [Knot; 3] {
        let middle = draw.point([10.0, -32.0, -92.0], [70.0, 34.0, 44.0]);
        let lean = draw.point([0.0; 3], [1.0, 0.7, 0.6]).normalize_or(DVec3::X) * draw.range(16.0, 30.0);
        let bend = draw.point([0.0; 3], [9.0; 3]);
        let radius = draw.range(9.0, 13.5);
        [middle - lean + bend, middle - bend, middle + lean + bend].map(|at| Knot { at, radius })
    }

    pub(crate) fn paint(&self, place: &Place, paint: &mut Paint) {
        if place.cavity > 4.0 || place.above_diaphragm > 4.0 {
            return;
        }
        let p = place.p;
        let bounded = |distance: f64| smooth_max(distance, place.cavity + 3.5, 6.0);
        if p.z < -20.0 {
            for (knots, hu) in self.loops.iter().zip(&self.loop_hu) {
                // No loop reaches this far from its middle.
                if p.distance_squared(knots[1].at) > 80.0 * 80.0 {
                    continue;
                }
                let outer = bounded(tube(p, knots, 4.0) + 1.2 * place.fine);
                paint.tint(outer, 88.0);
                paint.tint(outer + 2.8, *hu);
            }
        }
        let pancreas = tube(p, &self.pancreas, 8.0) + 1.5 * place.coarse + 2.5 * place.fine;
        paint.tint(pancreas, 98.0);
        let duodenum = bounded(tube(p, &self.duodenum, 6.0) + place.fine);
        paint.tint(duodenum, 84.0);
        paint.tint(duodenum + 2.8, 30.0);
        let colon = bounded(tube(p, &self.colon, 8.0) + 2.6 * place.coarse);
        paint.tint(colon, 60.0);
        let lumen = colon + 2.6;
        // Stool is a speckled mix, gas collects in front and in pockets.
        paint.tint(lumen, 5.0 - 150.0 * (place.fine - 0.1).max(0.0));
        let gas = 26.0 * (ramp(-p.y, -10.0, 70.0) - 0.62 + self.gas + 0.5 * place.coarse);
        paint.tint(lumen.max(-gas), AIR_HU);
    }
}

/// Aorta with its first branches, and the inferior vena cava.
#[derive(Debug, Clone)]
pub(crate) struct Vessels {
    aorta_x: f64,
    aorta_radius: f64,
    aorta_hu: f64,
    cava_x: f64,
    cava_radius: f64,
    cava_hu: f64,
    celiac_z: f64,
}

impl Vessels {
    pub(crate) fn draw(draw: &mut Draw) -> Self {
        Self {
            aorta_x: draw.about(9.0, 3.0),
            aorta_radius: draw.about(11.5, 1.2),
            aorta_hu: draw.about(245.0, 30.0),
            cava_x: draw.about(-21.0, 2.0),
            cava_radius: draw.about(11.5, 1.5),
            cava_hu: draw.about(138.0, 14.0),
            celiac_z: draw.about(14.0, 8.0),
        }
    }

    fn aorta_centre(&self, spine: &Spine, z: f64) -> (f64, f64, f64) {
        let radius = self.aorta_radius * (1.0 + 0.1 * ramp(z, -60.0, 100.0));
        // In the chest the aorta runs beside the vertebrae rather than in front of them.
        let aside = 9.0 * ramp(z, 40.0, 120.0);
        let (x, _) = spine.centre(z);
        (x + self.aorta_x + aside + 2.0 * (z / 40.0).sin(), spine.front(z) - radius - 2.5 + 0.4 * aside, radius)
    }

    pub(crate) fn paint(&self, place: &Place, spine: &Spine, hila: [DVec3; 2], paint: &mut Paint) {
        let p = place.p;
        if p.x.abs() > 75.0 {
            return;
        }
        let (x, y, radius) = self.aorta_centre(spine, p.z);
        let cava_y = spine.front(p.z) - self.cava_radius - 1.0 - 14.0 * ramp(p.z, 10.0, 80.0);
        let cava = ellipse(p.x - self.cava_x, p.y - cava_y, 1.2 * self.cava_radius, 0.95 * self.cava_radius);
        paint.lay(cava + 0.8 * place.coarse, self.cava_hu, None);
        for (side, hilum) in hila.into_iter().enumerate() {
            let from = DVec3::new(if side == 0 { self.cava_x } else { x }, y - 8.0, hilum.z + 6.0);
            paint.lay(capsule(p, from, hilum, 5.5, 4.0), self.cava_hu, None);
        }
        let (bx, by, _) = self.aorta_centre(spine, self.celiac_z);
        let celiac = capsule(p, DVec3::new(bx, by, self.celiac_z), DVec3::new(bx, by - 24.0, self.celiac_z + 5.0), 4.0, 3.5);
        let mesenteric =
            capsule(p, DVec3::new(bx, by - 8.0, self.celiac_z - 14.0), DVec3::new(bx - 4.0, by - 26.0, self.celiac_z - 70.0), 4.0, 3.5);
        paint.lay(celiac.min(mesenteric), self.aorta_hu - 15.0, None);
        let gullet = ellipse(p.x - x + 6.0, p.y - y + radius + 11.0, 10.0, 7.0).max(-place.above_diaphragm - 12.0);
        paint.lay(gullet, 45.0, None);
        let aorta = (p.x - x).hypot(p.y - y) - radius + 0.5 * place.coarse;
        paint.lay(aorta, self.aorta_hu, Some(Structure::Aorta));
    }
}
