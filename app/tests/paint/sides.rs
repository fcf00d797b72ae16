//! The patient's side: a body with a different structure towards each direction, stored in eight orientations, all planes.
//!
//! What a pixel should show is computed from the patient's axes and the scan's `Geometry` alone, not by the code under test.

use std::sync::Arc;

use egui::Vec2;
use glam::DVec3;
use volume::Geometry;
use voxelry_app::render::pane::Window;
use voxelry_app::render::plane::{Convention, Plane};

use super::kit::{close, drawn, fill, filled, grid, image, labels, painter, rect};

const EXTENT: DVec3 = DVec3::new(90.0, 72.0, 108.0);
const MIDDLE: DVec3 = DVec3::new(-12.0, 31.0, 450.0);

/// Structures towards L, R, P, A, S, I (values 1 to 6): boxes of different sizes, off the axes, so that no flip maps one on another.
const BODY: [(DVec3, DVec3); 6] = [
    (DVec3::new(26.0, 5.0, 4.0), DVec3::new(9.0, 6.0, 11.0)),
    (DVec3::new(-28.0, -7.0, 6.0), DVec3::new(6.0, 11.0, 8.0)),
    (DVec3::new(4.0, 24.0, -5.0), DVec3::new(12.0, 5.0, 9.0)),
    (DVec3::new(-6.0, -23.0, 7.0), DVec3::new(9.0, 8.0, 14.0)),
    (DVec3::new(7.0, -6.0, 37.0), DVec3::new(13.0, 9.0, 8.0)),
    (DVec3::new(-5.0, 7.0, -38.0), DVec3::new(8.0, 12.0, 6.0)),
];
const COLORS: [[u8; 3]; 6] = [[255, 40, 40], [40, 255, 40], [60, 60, 255], [255, 255, 40], [255, 40, 255], [40, 255, 255]];

fn label(pos_lps_mm: DVec3) -> u8 {
    let from_middle = pos_lps_mm - MIDDLE;
    let inside = |(centre, half): &(DVec3, DVec3)| (from_middle - *centre).abs().cmple(*half).all();
    BODY.iter().position(inside).map_or(0, |i| i as u8 + 1)
}

fn grey(pos_lps_mm: DVec3) -> i16 {
    let from_middle = pos_lps_mm - MIDDLE;
    (from_middle.x * 1.1 + from_middle.y * 0.7 - from_middle.z * 0.5).round() as i16
}

/// Screen right and down in the patient, by the words of the conventions.
fn screen_axes(plane: Plane, convention: Convention) -> [DVec3; 2] {
    let across = match convention {
        Convention::Radiological => DVec3::X,
        Convention::Neurological => DVec3::NEG_X,
    };
    match plane {
        Plane::Axial => [across, DVec3::Y],
        Plane::Coronal => [across, DVec3::NEG_Z],
        Plane::Sagittal => [DVec3::Y, DVec3::NEG_Z],
    }
}

/// The voxel at a place, by inverting the geometry's affine.
fn voxel_at(geometry: &Geometry, pos_lps_mm: DVec3) -> Option<[usize; 3]> {
    let index = geometry.world_from_voxel().inverse().transform_point3(pos_lps_mm).round();
    let zyx = [index.z, index.y, index.x];
    let inside = (0..3).all(|a| zyx[a] >= 0.0 && zyx[a] < geometry.size_zyx[a] as f64);
    inside.then(|| zyx.map(|i| i as usize))
}

const SIZE: Vec2 = Vec2::new(480.0, 170.0);
const PANE: Vec2 = Vec2::new(150.0, 160.0);

fn check(code: &str, convention: Convention) {
    let geometry = grid(code, EXTENT, MIDDLE);
    let place = |at: [usize; 3]| geometry.pos_lps_mm(at.map(|i| i as f64));
    let scan = image(geometry.size_zyx, filled(geometry.size_zyx, |at| grey(place(at))));
    let mask = labels(geometry.size_zyx, filled(geometry.size_zyx, |at| label(place(at))));
    let mut styles = vec![fill([0; 3], 0.0)];
    styles.extend(COLORS.map(|color| fill(color, 0.75)));
    let mut panes = Vec::new();
    for (k, plane) in Plane::ALL.into_iter().enumerate() {
        let area = rect(5.0 + 160.0 * k as f32, 5.0, PANE.x, PANE.y);
        let mut pane = painter(&geometry, plane, convention, area, 0, &scan);
        // A slice through the middle of the body, which cuts the four structures around it.
        pane.slice = pane.placed.layout.slice_at_mm(MIDDLE[plane.lps_axis()] + 0.5).round() as usize;
        pane.labels = Some(mask.clone());
        pane.styles = Arc::from(styles.clone());
        pane.window = Window { level: 0.0, width: 220.0 };
        panes.push(pane);
    }
    let shown = panes.clone();
    let picture = drawn(SIZE, 1.0, |painter| shown.iter().for_each(|pane| pane.clone().paint(painter)));

    for pane in panes {
        let plane = pane.placed.layout.plane;
        let [right, down] = screen_axes(plane, convention);
        let area = pane.placed.rect;
        let scale = (f64::from(PANE.x) / EXTENT.dot(right.abs())).min(f64::from(PANE.y) / EXTENT.dot(down.abs()));
        let along = DVec3::AXES[plane.lps_axis()];
        // The slice's own place; the geometry says which, the painter only named its number.
        let mut first = geometry.size_zyx.map(|n| (n - 1) as f64 / 2.0);
        let through = (0..3).find(|a| geometry.direction.col(2 - a).dot(along).abs() > 0.5).expect("one axis runs through the plane");
        first[through] = pane.slice as f64;
        let middle = MIDDLE + along * (geometry.pos_lps_mm(first) - MIDDLE).dot(along);
        let wanted = |x: usize, y: usize, dx: f64, dy: f64| {
            let from = [x as f64 + 0.5 + dx - f64::from(area.center().x), y as f64 + 0.5 + dy - f64::from(area.center().y)];
            voxel_at(&geometry, middle + right * (from[0] / scale) + down * (from[1] / scale))
        };
        let around = |x: usize, y: usize, d: f64| [(d, d), (-d, d), (d, -d), (-d, -d)].map(|(dx, dy)| wanted(x, y, dx, dy));
        let color = |voxel: Option<[usize; 3]>| {
            let Some(voxel) = voxel else { return [0.0; 3] };
            let level = ((f32::from(grey(place(voxel))) + 110.0) / 220.0).clamp(0.0, 1.0) * 255.0;
            match label(place(voxel)) {
                0 => [level; 3],
                value => COLORS[usize::from(value) - 1].map(|c| level + (f32::from(c) - level) * 0.75),
            }
        };
        let mut centres = [(DVec3::ZERO, 0.0); 7];
        let (mut compared, mut all) = (0, 0);
        for y in area.min.y as usize + 1..area.max.y as usize - 1 {
            for x in area.min.x as usize + 1..area.max.x as usize - 1 {
                all += 1;
                let here = wanted(x, y, 0.0, 0.0);
                // Left out: where rounding decides which voxel it is, and boundaries of structures, whose colours are mixed.
                let same_label = |near: &Option<[usize; 3]>| near.map(|v| label(place(v))) == here.map(|v| label(place(v)));
                if around(x, y, 0.01).iter().any(|near| *near != here) || !around(x, y, 0.45).iter().all(same_label) {
                    continue;
                }
                compared += 1;
                let got = picture.at(x, y);
                assert!(close(got, color(here), 2.0), "{code} {plane:?} {convention:?} ({x},{y}): {got:?}, {:?} of {here:?}", color(here));
                if let Some(voxel) = here {
                    let (sum, count) = &mut centres[usize::from(label(place(voxel)))];
                    *sum += DVec3::new(x as f64, y as f64, 0.0);
                    *count += 1.0;
                }
            }
        }
        assert!(compared * 10 > all * 8, "{code} {plane:?}: {compared} of {all} pixels compared");

        // Letters: every structure on this plane lies towards the edge that carries its letter.
        let l = pane.placed.layout.letters;
        for (value, letter) in (1..=6).zip(['L', 'R', 'P', 'A', 'S', 'I']) {
            let (sum, count) = centres[value];
            let from = sum / count - DVec3::new(f64::from(area.center().x), f64::from(area.center().y), 0.0);
            let side = match letter {
                _ if letter == l.left => -from.x,
                _ if letter == l.right => from.x,
                _ if letter == l.top => -from.y,
                _ if letter == l.bottom => from.y,
                _ => continue,
            };
            assert!(count > 20.0 && side > 8.0, "{code} {plane:?} {letter} is not at its edge: {from:?}, {count} pixels");
        }
    }
}

#[test]
fn pixels_show_the_voxel_of_their_place_in_eight_orientations() {
    for code in ["LPS", "RAS", "LAS", "PIR", "ASL", "SRA", "IPL", "RIP"] {
        check(code, Convention::Radiological);
    }
}

#[test]
fn neurological_panes_turn_only_left_and_right() {
    for code in ["LPS", "RAS", "AIL"] {
        check(code, Convention::Neurological);
    }
}
