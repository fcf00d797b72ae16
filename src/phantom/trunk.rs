//! The trunk: skin, fat, wall, ribs, diaphragm, lungs, heart.

use std::f64::consts::PI;

use glam::DVec3;

use crate::label::Structure;
use crate::paint::{Paint, Place};
use crate::random::Draw;
use crate::shapes::{carve, ellipse, ellipsoid, ramp, smooth_max, superellipse};

const FAT_HU: f64 = -102.0;
const MUSCLE_HU: f64 = 56.0;
/// Distance between neighbouring ribs along the body.
const RIB_PITCH_MM: f64 = 27.0;

/// Outline and wall of one patient.
#[derive(Debug, Clone)]
pub(crate) struct Trunk {
    half_width: f64,
    half_depth: f64,
    boxiness: f64,
    waist: f64,
    fat_mm: f64,
    muscle_mm: f64,
    rib_phase: f64,
    lowest_rib: f64,
    dome_base: f64,
    dome_right: f64,
    dome_left: f64,
    heart_at: DVec3,
    heart_radii: DVec3,
    heart_hu: f64,
    lung_hu: f64,
}

impl Trunk {
    pub(crate) fn draw(draw: &mut Draw) -> Self {
        Self {
            half_width: draw.about(139.0, 8.0),
            half_depth: draw.about(101.0, 6.0),
            boxiness: draw.about(2.35, 0.12),
            waist: draw.range(0.02, 0.08),
            fat_mm: draw.range(9.0, 20.0),
            muscle_mm: draw.about(11.0, 1.5),
            rib_phase: draw.range(0.0, RIB_PITCH_MM),
            lowest_rib: draw.about(-22.0, 8.0),
            dome_base: draw.about(36.0, 5.0),
            dome_right: draw.about(50.0, 5.0),
            dome_left: draw.about(40.0, 5.0),
            heart_at: draw.point([22.0, -40.0, 122.0], [5.0, 4.0, 4.0]),
            heart_radii: draw.point([60.0, 46.0, 50.0], [5.0, 4.0, 3.0]),
            heart_hu: draw.about(165.0, 15.0),
            lung_hu: draw.about(-855.0, 15.0),
        }
    }

    /// Distance to the back of the body at the midline, from the body's axis.
    pub(crate) fn back_mm(&self) -> f64 {
        self.half_depth
    }

    /// Where a point of the body's frame lies with respect to skin, cavity and diaphragm.
    pub(crate) fn place(&self, p: DVec3, coarse: f64, fine: f64) -> Place {
        let waist = 1.0 - self.waist * (-((p.z + 30.0) / 55.0).powi(2)).exp();
        let depth = -superellipse(p.x, p.y, self.half_width * waist, self.half_depth, self.boxiness);
        let cavity = self.fat_at(p, coarse) + self.muscle_mm - depth;
        let above_diaphragm = (p.z - self.dome(p)) * 0.8;
        Place { p, depth, cavity, above_diaphragm, coarse, fine }
    }

    /// Fat is thicker on the belly than on the chest, and on the flanks than in front.
    fn fat_at(&self, p: DVec3, coarse: f64) -> f64 {
        let caudal = 1.15 - 0.5 * ramp(p.z, -40.0, 90.0);
        let flank = 1.0 + 0.25 * ramp(p.y, 0.0, 60.0);
        self.fat_mm * caudal * flank * (1.0 + 0.15 * coarse)
    }

    /// Height of the diaphragm: two domes, lower at the back where the lungs reach down behind the liver.
    fn dome(&self, p: DVec3) -> f64 {
        let bell = |x: f64, y: f64, a: f64, b: f64| (-((p.x - x) / a).powi(2) - ((p.y - y) / b).powi(2)).exp();
        let right = self.dome_right * bell(-62.0, -6.0, 56.0, 66.0);
        let left = self.dome_left * bell(64.0, -2.0, 54.0, 64.0);
        let middle = 26.0 * bell(2.0, -35.0, 36.0, 50.0);
        let recess = 34.0 * ramp(p.y, 18.0, 75.0);
        self.dome_base + right + left + middle - recess
    }

    /// Everything from the skin to the cavity's default content (mesenteric or mediastinal fat).
    pub(crate) fn paint(&self, place: &Place, paint: &mut Paint) {
        paint.lay(-place.depth, 30.0, None);
        paint.tint(1.6 - place.depth, FAT_HU + 8.0 * place.coarse + 6.0 * place.fine);
        let wall = place.cavity - self.muscle_mm;
        paint.tint(wall, MUSCLE_HU + 6.0 * place.coarse);
        // Fat planes between the layers of the wall.
        let plane = ((wall + 0.5 * self.muscle_mm).abs() - 0.5).max(-place.fine * 8.0);
        paint.tint(plane + 0.6, -20.0);
        paint.tint(place.cavity, FAT_HU + 5.0 + 9.0 * place.fine);
        let (bone, hu) = self.ribs(place, wall);
        paint.tint(bone, hu);
        paint.tint(bone + 2.4, 0.5 * hu);
        let leaf = smooth_max(place.above_diaphragm.abs() - 1.6, place.cavity, 2.0);
        paint.tint(leaf, 48.0);
    }

    /// Distance to the nearest rib (or its cartilage) and its value. Ribs fall from back to front.
    fn ribs(&self, place: &Place, wall: f64) -> (f64, f64) {
        let p = place.p;
        let angle = p.x.abs().atan2(p.y) / PI;
        let level = p.z + 78.0 * ramp(angle, 0.0, 1.0);
        let index = ((level - self.rib_phase) / RIB_PITCH_MM).round();
        let rib_level = index * RIB_PITCH_MM + self.rib_phase;
        if rib_level < self.lowest_rib || angle < 0.1 {
            return (f64::INFINITY, 0.0);
        }
        let rank = (rib_level - self.lowest_rib) / RIB_PITCH_MM;
        let bone_end = (0.32 + 0.13 * rank).min(0.76);
        let cartilage_end = if rank > 2.0 { 0.9 } else { bone_end };
        let across = (wall + 5.0).hypot((level - rib_level) * 0.8) - 4.9;
        let half_girth = PI * 120.0;
        let bone = across.max((angle - bone_end) * half_girth);
        let cartilage = across.max((angle - cartilage_end) * half_girth);
        if bone <= cartilage + 0.5 { (bone, 560.0) } else { (cartilage, 115.0) }
    }

    /// Lungs and heart; the rest of the chest keeps the fat laid by [`Trunk::paint`].
    pub(crate) fn paint_chest(&self, place: &Place, paint: &mut Paint) {
        let p = place.p;
        let heart = ellipsoid(turn(p - self.heart_at, 0.5), self.heart_radii) + 2.0 * place.coarse;
        let heart = smooth_max(smooth_max(heart, 5.0 - place.above_diaphragm, 6.0), place.cavity + 3.0, 6.0);
        let mediastinum = ellipse(p.x - 6.0, p.y - 8.0, 27.0, 70.0);
        let lungs = smooth_max(place.cavity + 1.5, 2.5 - place.above_diaphragm, 4.0);
        let lungs = carve(carve(lungs, mediastinum, 8.0), heart - 5.0, 6.0);
        paint.lay(lungs, self.lung_hu + 18.0 * place.coarse, Some(Structure::Lungs));
        // Vessels: ridges of the fine noise, kept off the pleura.
        paint.tint((1.1 - 5.0 * (place.fine - 0.42)).max(lungs + 6.0), -120.0);
        paint.lay(heart, 112.0, None);
        paint.tint(heart + 10.0 + 3.0 * place.coarse, self.heart_hu);
    }
}

/// Rotates about the body's long axis.
fn turn(p: DVec3, angle: f64) -> DVec3 {
    glam::DMat3::from_rotation_z(angle) * p
}
