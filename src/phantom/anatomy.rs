//! One patient: every part drawn from a seed, and the tissue at any point.

use glam::{DMat3, DVec3};

use crate::organs::{Kidney, Liver, Lobe, Spleen};
use crate::paint::{Paint, Place};
use crate::random::{Draw, Noise, Stream, Warp};
use crate::spine::Spine;
use crate::trunk::Trunk;
use crate::viscera::{Bowel, Stomach, Vessels};

const AIR_HU: f64 = -1000.0;
/// Mean displacement of tissue by the low-frequency warp.
const WARP_MM: f64 = 4.0;

/// One synthetic patient on a table.
#[derive(Debug, Clone)]
pub(crate) struct Anatomy {
    trunk: Trunk,
    spine: Spine,
    liver: Liver,
    spleen: Spleen,
    kidneys: [Kidney; 2],
    stomach: Stomach,
    bowel: Bowel,
    vessels: Vessels,
    warp: Warp,
    coarse: Noise,
    fine: Noise,
    /// Scanner axes to the body's own axes: nobody lies quite straight.
    body_from_world: DMat3,
    centre_lps_mm: DVec3,
    table_y_mm: f64,
}

impl Anatomy {
    pub(crate) fn draw(seed: u64) -> Self {
        let draw = &mut Draw::new(seed, Stream::Anatomy);
        let textures = &mut Draw::new(seed, Stream::Textures);
        let trunk = Trunk::draw(draw);
        let spine = Spine::draw(draw, trunk.back_mm());
        let turn = DMat3::from_rotation_z(draw.about(0.0, 0.07))
            * DMat3::from_rotation_x(draw.about(0.0, 0.05))
            * DMat3::from_rotation_y(draw.about(0.0, 0.05));
        let mut anatomy = Self {
            liver: Liver::draw(draw),
            spleen: Spleen::draw(draw),
            kidneys: [Kidney::draw(draw, -1.0), Kidney::draw(draw, 1.0)],
            stomach: Stomach::draw(draw),
            bowel: Bowel::draw(draw),
            vessels: Vessels::draw(draw),
            warp: Warp::new(textures, WARP_MM),
            coarse: Noise::new(textures),
            fine: Noise::new(textures),
            body_from_world: turn * (1.0 / draw.about(1.0, 0.05)),
            centre_lps_mm: draw.point([0.0; 3], [6.0, 5.0, 8.0]),
            table_y_mm: trunk.back_mm() + 9.0,
            trunk,
            spine,
        };
        let lesion = anatomy.draw_lesion(draw);
        anatomy.liver.set_lesion(lesion);
        anatomy
    }

    /// The first of several random sites with room enough, or the roomiest.
    fn draw_lesion(&self, draw: &mut Draw) -> Lobe {
        const SITES: usize = 64;
        const MARGIN_MM: f64 = 5.0;
        const LEAST_RADIUS_MM: f64 = 8.0;
        let wanted = draw.range(13.0, 21.0);
        let room = |site: DVec3| -self.liver_at(site) - MARGIN_MM;
        let sites: Vec<DVec3> = (0..SITES).map(|_| Liver::draw_lesion_site(draw)).collect();
        let roomy = sites.iter().find(|site| room(**site) >= wanted);
        let site = *roomy.or_else(|| sites.iter().max_by(|a, b| room(**a).total_cmp(&room(**b)))).expect("there are sites");
        let radius = room(site).clamp(LEAST_RADIUS_MM, wanted);
        let radii = draw.point([radius; 3], [0.12 * radius; 3]);
        Lobe::new(site, radii, DMat3::from_rotation_z(draw.range(0.0, 3.0)) * DMat3::from_rotation_x(draw.range(0.0, 3.0)))
    }

    fn liver_at(&self, p: DVec3) -> f64 {
        let place = self.place_in_body(p);
        self.liver.distance(&place, self.kidneys[0].hull(&place))
    }

    fn place_in_body(&self, p: DVec3) -> Place {
        let (coarse, fine) = (self.coarse.at(p, 22.0), self.fine.at(p, 9.0));
        self.trunk.place(p, coarse, fine)
    }

    /// The tissue at a point of the scanner's frame, averaged over about `edge_mm`.
    pub(crate) fn at(&self, pos_lps_mm: DVec3, edge_mm: f64) -> Paint {
        let mut paint = Paint::new(AIR_HU, edge_mm);
        self.paint_table(pos_lps_mm, &mut paint);
        let p = self.body_from_world * (pos_lps_mm - self.centre_lps_mm);
        let place = self.place_in_body(self.warp.apply(p));
        if place.depth > -edge_mm {
            self.paint_body(&place, &mut paint);
        }
        paint
    }

    /// From the outside in; later parts cover earlier ones.
    fn paint_body(&self, place: &Place, paint: &mut Paint) {
        self.trunk.paint(place, paint);
        self.spine.paint_muscles(place, paint);
        self.bowel.paint(place, paint);
        let [right, left] = [self.kidneys[0].hull(place), self.kidneys[1].hull(place)];
        let liver = self.liver.distance(place, right);
        let spleen = self.spleen.distance(place, left);
        let stomach = self.stomach.distance(place, liver.min(spleen).min(left));
        self.stomach.paint(place, stomach, paint);
        self.spleen.paint(place, spleen, paint);
        self.trunk.paint_chest(place, paint);
        self.liver.paint(place, liver, paint);
        self.vessels.paint(place, &self.spine, [self.kidneys[0].hilum(), self.kidneys[1].hilum()], paint);
        self.kidneys[0].paint(place, right, paint);
        self.kidneys[1].paint(place, left, paint);
        self.spine.paint(place, paint);
    }

    /// A curved carbon shell with a foam core.
    fn paint_table(&self, p: DVec3, paint: &mut Paint) {
        let top = self.centre_lps_mm.y + self.table_y_mm - 0.0009 * p.x * p.x;
        let half_thickness = 11.0 * (1.0 - (p.x / 240.0).powi(2)).max(0.0);
        let shell = (p.y - top - half_thickness).abs() - half_thickness;
        paint.tint(shell, -80.0);
        paint.tint(shell + 4.0, -930.0);
    }
}
