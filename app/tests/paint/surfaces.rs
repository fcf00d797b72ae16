//! The 3D pane: what is nearer hides what is behind it, sides are right, dimmed structures step back, picking agrees with pixels.

use std::sync::Arc;

use egui::{Pos2, Rect, Vec2};
use glam::DVec3;
use voxelry_app::render::camera::Camera;
use voxelry_app::render::mesh::{Mesh, MeshPainter, MeshStyle, MeshView, Shading, pick};

use super::kit::{Picture, Screen, drawn, rect};

/// A box with outward normals.
fn block(label: u16, centre: DVec3, half: DVec3) -> Arc<Mesh> {
    let (mut positions, mut normals, mut triangles) = (vec![], vec![], vec![]);
    for axis in 0..3 {
        for side in [-1.0, 1.0] {
            let mut normal = [0.0_f32; 3];
            normal[axis] = side as f32;
            let first = positions.len() as u32;
            for [u, v] in [[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]] {
                let mut corner = DVec3::ZERO;
                corner[axis] = side;
                corner[(axis + 1) % 3] = u;
                corner[(axis + 2) % 3] = v;
                positions.push((centre + corner * half).as_vec3().to_array());
                normals.push(normal);
            }
            triangles.extend([[first, first + 1, first + 2], [first, first + 2, first + 3]]);
        }
    }
    Mesh::new(label, positions, normals, triangles).expect("a sound mesh")
}

/// Red at the patient's left, green at the right, blue in front of both in the middle, white at the head.
fn body() -> Vec<(Arc<Mesh>, MeshStyle)> {
    let style = |color| MeshStyle { color, visible: true, dimmed: false };
    vec![
        (block(1, DVec3::new(40.0, 0.0, 0.0), DVec3::new(25.0, 20.0, 20.0)), style([220, 30, 30])),
        (block(2, DVec3::new(-40.0, 0.0, 0.0), DVec3::new(25.0, 20.0, 20.0)), style([30, 220, 30])),
        (block(3, DVec3::new(0.0, -45.0, 0.0), DVec3::new(30.0, 10.0, 10.0)), style([30, 30, 220])),
        (block(4, DVec3::new(0.0, 0.0, 60.0), DVec3::new(15.0, 15.0, 15.0)), style([200, 200, 200])),
    ]
}

const AREA: Rect = Rect { min: Pos2 { x: 10.0, y: 20.0 }, max: Pos2 { x: 250.0, y: 220.0 } };

fn show(view: &MeshView) -> Picture {
    let pane = MeshPainter { pane: 9, rect: AREA, view: view.clone() };
    drawn(Vec2::new(260.0, 230.0), 1.0, |painter| pane.clone().paint(painter))
}

fn view(yaw: f64) -> MeshView {
    let structures = body();
    let (low, high) = MeshView::bounds_lps_mm(&structures).expect("something is drawn");
    let mut camera = Camera::anterior(low, high);
    (camera.yaw, camera.pitch) = (yaw, 0.0);
    MeshView { structures, camera, shading: Shading::default() }
}

/// Which block a colour belongs to, by its largest channel.
fn block_of([r, g, b]: [u8; 3]) -> Option<u16> {
    match (r, g, b) {
        _ if r.max(g).max(b) < 20 => None,
        _ if r.abs_diff(g) < 12 && g.abs_diff(b) < 12 => Some(4),
        _ if r > g && r > b => Some(1),
        _ if g > r && g > b => Some(2),
        _ => Some(3),
    }
}

#[test]
fn pixels_show_the_nearest_surface_from_any_side() {
    for yaw in [0.0, 0.6, 1.9, std::f64::consts::PI, 4.5] {
        let view = view(yaw);
        let picture = show(&view);
        let mut seen = [0; 5];
        for y in (23..217).step_by(3) {
            for x in (13..247).step_by(3) {
                let at = |dx: f32, dy: f32| pick(&view, Pos2::new(x as f32 + 0.5 + dx, y as f32 + 0.5 + dy), AREA);
                let wanted = at(0.0, 0.0);
                // Pixels on an edge are mixtures.
                if [at(1.0, 0.0), at(-1.0, 0.0), at(0.0, 1.0), at(0.0, -1.0)] != [wanted; 4] {
                    continue;
                }
                assert_eq!(block_of(picture.at(x, y)), wanted, "yaw {yaw} ({x},{y}) {:?}", picture.at(x, y));
                seen[usize::from(wanted.unwrap_or(0))] += 1;
            }
        }
        assert!(seen[0] > 100 && seen[4] > 50, "{seen:?}");
    }
}

/// From the front: the patient's left on the right of the screen, head up, the front block over the others.
#[test]
fn the_front_view_is_not_mirrored() {
    let view = view(0.0);
    let picture = show(&view);
    let at = |place: DVec3| {
        let pos = view.camera.pos_of(place, AREA);
        (pos, block_of(picture.at(pos.x as usize, pos.y as usize)))
    };
    let (left, red) = at(DVec3::new(50.0, 0.0, 0.0));
    let (right, green) = at(DVec3::new(-50.0, 0.0, 0.0));
    let (head, white) = at(DVec3::new(0.0, 0.0, 60.0));
    assert_eq!([red, green, white], [Some(1), Some(2), Some(4)]);
    assert!(left.x > right.x && head.y < left.y);
    assert_eq!(at(DVec3::new(20.0, 0.0, 0.0)).1, Some(3), "the block in front hides the left one");
    let letters = view.camera.letters();
    assert_eq!([letters.left.as_str(), &letters.right, &letters.top, &letters.bottom], ["R", "L", "S", "I"]);
}

#[test]
fn dimmed_and_hidden_structures_step_back() {
    let bright = view(0.0);
    let mut focused = bright.clone();
    focused.structures.iter_mut().for_each(|(mesh, style)| style.dimmed = mesh.label() != 1);
    focused.structures[3].1.visible = false;
    let (before, after) = (show(&bright), show(&focused));
    let pixel = |picture: &Picture, place| {
        let pos = bright.camera.pos_of(place, AREA);
        picture.at(pos.x as usize, pos.y as usize)
    };
    let (red, green, white) = (DVec3::new(50.0, 0.0, 0.0), DVec3::new(-50.0, 0.0, 0.0), DVec3::new(0.0, 0.0, 60.0));
    assert_eq!(pixel(&before, red), pixel(&after, red));
    assert!(u16::from(pixel(&after, green)[1]) * 2 < u16::from(pixel(&before, green)[1]));
    assert_eq!(pixel(&after, white), [0; 3]);
}

/// A picture that is kept is drawn again when the camera or the size changes.
#[test]
fn kept_pictures_follow_the_camera() {
    let turned = std::cell::Cell::new(0.0);
    let area = std::cell::Cell::new(AREA);
    let mut screen = Screen::new(Vec2::new(260.0, 230.0), 1.0, None, |painter| {
        MeshPainter { pane: 1, rect: area.get(), view: view(turned.get()) }.paint(painter);
    });
    let front = screen.frame();
    let again = screen.frame();
    assert!(front.pixels() == again.pixels());
    turned.set(1.0);
    let side = screen.frame();
    assert!(front.pixels() != side.pixels());
    turned.set(0.0);
    let little = rect(10.0, 20.0, 120.0, 100.0);
    area.set(little);
    let small = screen.frame();
    let left = view(0.0).camera.pos_of(DVec3::new(50.0, 0.0, 0.0), little);
    assert_eq!(block_of(small.at(left.x as usize, left.y as usize)), Some(1));
    assert_eq!(small.at(200, 150), small.at(255, 225), "nothing outside the pane");
}
