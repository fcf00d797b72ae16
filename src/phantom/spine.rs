//! Vertebral column, canal and the muscles along it.

use crate::label::Structure;
use crate::paint::{Paint, Place};
use crate::random::Draw;
use crate::shapes::{capsule, carve, ellipse, ellipsoid, ramp, smooth_max, smooth_min, superellipse};
use glam::DVec3;

const DISC_MM: f64 = 8.0;
const MUSCLE_HU: f64 = 57.0;

/// One patient's spine.
#[derive(Debug, Clone)]
pub(crate) struct Spine {
    back_mm: f64,
    body_half_width: f64,
    body_half_depth: f64,
    pitch_mm: f64,
    phase_mm: f64,
    lordosis_mm: f64,
    scoliosis_mm: f64,
    marrow_hu: f64,
    psoas: f64,
}

/// A point seen from the vertebra it belongs to.
struct Local {
    /// From the vertebral body's centre: x to the left, y to the back, z up.
    q: DVec3,
    half_height: f64,
}

impl Spine {
    pub(crate) fn draw(draw: &mut Draw, back_mm: f64) -> Self {
        Self {
            back_mm: back_mm + draw.about(-71.0, 2.0),
            body_half_width: draw.about(23.5, 2.0),
            body_half_depth: draw.about(17.0, 1.5),
            pitch_mm: draw.about(34.0, 2.0),
            phase_mm: draw.range(0.0, 34.0),
            lordosis_mm: draw.about(7.0, 3.0),
            scoliosis_mm: draw.about(0.0, 4.0),
            marrow_hu: draw.about(250.0, 40.0),
            psoas: draw.about(1.0, 0.15),
        }
    }

    /// Centre line of the vertebral bodies (x, y) at a height.
    pub(crate) fn centre(&self, z: f64) -> (f64, f64) {
        (self.scoliosis_mm * (z / 75.0).sin(), self.back_mm - self.lordosis_mm * ((z + 30.0) / 80.0).cos())
    }

    /// Front surface of the vertebral bodies at a height: where the great vessels run.
    pub(crate) fn front(&self, z: f64) -> f64 {
        self.centre(z).1 - self.body_half_depth
    }

    fn local(&self, p: DVec3) -> Local {
        let (x, y) = self.centre(p.z);
        let turns = (p.z - self.phase_mm) / self.pitch_mm;
        let z = (turns - turns.round()) * self.pitch_mm;
        Local { q: DVec3::new(p.x - x, p.y - y, z), half_height: (self.pitch_mm - DISC_MM) / 2.0 }
    }

    /// Psoas, erector spinae and quadratus lumborum.
    pub(crate) fn paint_muscles(&self, place: &Place, paint: &mut Paint) {
        let (x, y) = self.centre(place.p.z);
        let q = DVec3::new((place.p.x - x).abs(), place.p.y - y, place.p.z);
        let low = ramp(-q.z, -15.0, 110.0);
        let size = self.psoas * (7.0 + 16.0 * low);
        let psoas = ellipse(q.x - 26.0 - 12.0 * low, q.y + 2.0, size, size * 1.15).max(q.z - 15.0);
        let erector = superellipse(q.x - 31.0, q.y - 33.0, 27.0, 17.0, 2.4);
        let quadratus = ellipse(q.x - 58.0, q.y - 14.0, 17.0, 8.5).max(q.z - 5.0);
        let ripple = 0.8 * place.fine;
        let hu = MUSCLE_HU + 7.0 * place.coarse;
        for muscle in [psoas, quadratus, erector] {
            let muscle = smooth_max(muscle + ripple, 4.0 - place.depth, 4.0);
            paint.lay(muscle, hu, None);
        }
        // Fat septa of the erector spinae.
        paint.tint((0.8 - 6.0 * (place.fine - 0.5)).max(erector + 3.0), -10.0);
    }

    /// Bodies, discs, arches, processes; the canal stays open.
    pub(crate) fn paint(&self, place: &Place, paint: &mut Paint) {
        let Local { q, half_height } = self.local(place.p);
        if q.x.abs() > 60.0 || q.y.abs() > 75.0 {
            return;
        }
        let waist = 1.0 - 0.07 * (1.0 - (q.z / half_height).powi(2)).max(0.0);
        let column = superellipse(q.x, q.y, self.body_half_width * waist, self.body_half_depth * waist, 2.5);
        let body = column.max(q.z.abs() - half_height);
        let (arch, canal) = self.arch(q, half_height);
        let spine = carve(smooth_min(column, arch, 3.0), canal, 1.5);
        paint.lay(spine, 88.0, Some(Structure::Spine));
        let bone = carve(smooth_min(body, arch, 3.0), canal, 1.5);
        paint.tint(bone, 620.0);
        paint.tint(bone + 2.4, self.marrow_hu + 35.0 * place.fine);
        paint.lay(canal, 28.0, None);
        paint.tint(canal + 3.0, 38.0);
    }

    /// Distances to arch with processes, and to the canal.
    fn arch(&self, q: DVec3, half_height: f64) -> (f64, f64) {
        let side = DVec3::new(q.x.abs(), q.y, q.z);
        let canal_y = self.body_half_depth + 8.0;
        let canal = superellipse(q.x, q.y - canal_y, 10.5, 8.0, 2.3);
        let lamina = (canal - 5.5).max(q.z.abs() - 0.8 * half_height);
        let behind = canal_y + 12.0;
        let spinous = ellipsoid(DVec3::new(q.x, q.y - behind - 5.0, q.z + 4.0 + 0.35 * (q.y - behind)), DVec3::new(4.2, 13.0, 9.0));
        let transverse = capsule(side, DVec3::new(13.0, canal_y - 2.0, 1.0), DVec3::new(33.0, canal_y + 4.0, 3.0), 5.5, 4.0);
        let facet = ellipsoid(side - DVec3::new(16.5, canal_y + 6.0, -half_height * 0.6), DVec3::new(7.0, 7.0, 10.0));
        let arch = smooth_min(smooth_min(lamina, spinous, 4.0), smooth_min(transverse, facet, 4.0), 4.0);
        (arch, canal)
    }
}
