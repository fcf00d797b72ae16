//! Planes on scans of all orientations: round trips, letters, nothing mirrored, the scale bar.

use egui::{Pos2, Rect, Vec2};
use glam::{DMat3, DVec3};
use proptest::prelude::*;
use volume::{Geometry, Orientation, Region};

use super::*;

fn grid(orientation: usize, tilt: f64) -> Geometry {
    let code = Orientation::all().nth(orientation).unwrap();
    let columns = code.axes_xyz().map(|axis| {
        let mut unit = DVec3::ZERO;
        unit[axis.lps_axis] = if axis.flipped { -1.0 } else { 1.0 };
        DMat3::from_rotation_x(tilt) * DMat3::from_rotation_z(tilt / 2.0) * unit
    });
    Geometry {
        size_zyx: [7, 11, 5],
        spacing_zyx_mm: [3.0, 0.7, 1.3],
        origin_lps_mm: DVec3::new(-20.0, 35.0, 410.0),
        direction: DMat3::from_cols(columns[0], columns[1], columns[2]),
    }
}

/// The unit vector a letter stands for.
fn towards(letter: char) -> DVec3 {
    match letter {
        'L' => DVec3::X,
        'R' => DVec3::NEG_X,
        'P' => DVec3::Y,
        'A' => DVec3::NEG_Y,
        'S' => DVec3::Z,
        'I' => DVec3::NEG_Z,
        _ => panic!("{letter} is no direction"),
    }
}

fn placed(geometry: &Geometry, plane: Plane, convention: Convention) -> Placed {
    let rect = Rect::from_min_size(Pos2::new(256.0, 80.0), Vec2::new(431.0, 394.0));
    Placed::new(PlaneLayout::new(geometry, plane, convention), View::default(), rect, 12.0)
}

/// Moving on screen towards a letter moves towards it in the patient, by the geometry alone.
#[test]
fn letters_are_where_the_patient_is() {
    for orientation in 0..48 {
        for tilt in [0.0, 0.35] {
            let geometry = grid(orientation, tilt);
            for plane in Plane::ALL {
                for convention in [Convention::Radiological, Convention::Neurological] {
                    let placed = placed(&geometry, plane, convention);
                    let middle = placed.rect.center();
                    let patient = |pos: Pos2| geometry.pos_lps_mm(placed.index_at(pos, 2));
                    let letters = placed.layout.letters;
                    let edges = [
                        (letters.left, Vec2::new(-1.0, 0.0)),
                        (letters.right, Vec2::new(1.0, 0.0)),
                        (letters.top, Vec2::new(0.0, -1.0)),
                        (letters.bottom, Vec2::new(0.0, 1.0)),
                    ];
                    for (letter, step) in edges {
                        let moved = (patient(middle + step * 20.0) - patient(middle)).normalize();
                        let cosine = moved.dot(towards(letter));
                        assert!(cosine > if tilt == 0.0 { 0.999_999 } else { 0.85 }, "{orientation} {plane:?} {letter} {cosine}");
                    }
                }
            }
        }
    }
}

/// Which letters stand where does not depend on how the file was stored, and left is never swapped silently.
#[test]
fn letters_follow_the_convention() {
    let text = |plane, convention, orientation| {
        let l = PlaneLayout::new(&grid(orientation, 0.0), plane, convention).letters;
        [l.left, l.right, l.top, l.bottom].iter().collect::<String>()
    };
    for orientation in 0..48 {
        assert_eq!(text(Plane::Axial, Convention::Radiological, orientation), "RLAP");
        assert_eq!(text(Plane::Coronal, Convention::Radiological, orientation), "RLSI");
        assert_eq!(text(Plane::Axial, Convention::Neurological, orientation), "LRAP");
        assert_eq!(text(Plane::Coronal, Convention::Neurological, orientation), "LRSI");
        for convention in [Convention::Radiological, Convention::Neurological] {
            assert_eq!(text(Plane::Sagittal, convention, orientation), "APSI");
        }
    }
}

/// Equal lengths in the patient are equal lengths on screen, in both directions: no aspect is lost.
#[test]
fn millimetres_are_square() {
    for orientation in 0..48 {
        let geometry = grid(orientation, 0.0);
        for plane in Plane::ALL {
            let placed = placed(&geometry, plane, Convention::Radiological);
            let at = |pos: Pos2| geometry.pos_lps_mm(placed.index_at(pos, 1));
            let middle = placed.rect.center();
            let across = at(middle).distance(at(middle + Vec2::new(30.0, 0.0)));
            let along = at(middle).distance(at(middle + Vec2::new(0.0, 30.0)));
            assert!((across - along).abs() < 1e-4 && (across * placed.points_per_mm() - 30.0).abs() < 1e-3);
        }
    }
}

proptest! {
    #[test]
    fn screen_and_voxels_round_trip(
        orientation in 0_usize..48,
        plane in 0_usize..3,
        neurological: bool,
        index in prop::array::uniform3(0.0_f64..1.0),
        zoom in 0.3_f64..30.0,
        pan in prop::array::uniform2(-6.0_f64..6.0),
    ) {
        let geometry = grid(orientation, 0.2);
        let convention = if neurological { Convention::Neurological } else { Convention::Radiological };
        let mut placed = placed(&geometry, Plane::ALL[plane], convention);
        placed.view = View { zoom, pan_mm: pan };
        let mut index_zyx = [0, 1, 2].map(|a| index[a] * geometry.size_zyx[a] as f64 - 0.5);
        let through = placed.layout.through.axis_zyx;
        index_zyx[through] = placed.layout.slice_of(index_zyx) as f64;
        let pos = placed.pos_of(index_zyx);
        let back = placed.index_at(pos, index_zyx[through] as usize);
        for axis in 0..3 {
            prop_assert!((back[axis] - index_zyx[axis]).abs() < 1e-3, "{:?} {:?}", back, index_zyx);
        }
        // The shader's affine is the same map.
        let ppp = 1.5;
        let [corner, right, down] = placed.voxel_affine_xyz(index_zyx[through] as usize, ppp);
        let pixels = (pos - placed.rect.min) * ppp;
        for axis in 0..3 {
            let shader = corner[axis] + right[axis] * pixels.x + down[axis] * pixels.y;
            prop_assert!((f64::from(shader) - index_zyx[2 - axis]).abs() < 5e-3);
        }
        let mm = placed.layout.slice_mm(index_zyx[through]);
        prop_assert!((placed.layout.slice_at_mm(mm) - index_zyx[through]).abs() < 1e-9);
    }

    #[test]
    fn zoom_keeps_the_point_under_the_pointer(x in 0.0_f32..400.0, y in 0.0_f32..390.0, factor in 0.5_f64..3.0) {
        let placed = placed(&grid(5, 0.0), Plane::Coronal, Convention::Radiological);
        let pointer = placed.rect.min + Vec2::new(x, y);
        let before = placed.index_at(pointer, 3);
        let zoomed = Placed { view: placed.zoomed(pointer, factor), ..placed };
        let after = zoomed.index_at(pointer, 3);
        for axis in 0..3 {
            prop_assert!((before[axis] - after[axis]).abs() < 1e-6);
        }
        let dragged = Placed { view: zoomed.panned(Vec2::new(3.0, -4.0)), ..zoomed };
        let back = dragged.index_at(pointer + Vec2::new(3.0, -4.0), 3);
        let clamped = dragged.view.pan_mm.iter().zip(placed.layout.extent_mm()).any(|(p, e)| (p.abs() - e / 2.0).abs() < 1e-9);
        prop_assert!(clamped || (0..3).all(|axis| (back[axis] - after[axis]).abs() < 1e-4));
    }

    #[test]
    fn scale_bars_are_the_longest_that_fit(zoom in 0.25_f64..64.0, longest in 40.0_f32..200.0) {
        let mut placed = placed(&grid(0, 0.0), Plane::Axial, Convention::Radiological);
        placed.view.zoom = zoom;
        let bar = placed.scale_bar(longest);
        prop_assert!(bar.points <= longest * 1.001 && bar.points * 2.5 >= longest * 0.999, "{:?}", bar);
        let number: f64 = bar.text.split(' ').next().unwrap().parse().unwrap();
        let unit = if bar.text.ends_with(" cm") { 10.0 } else { 1.0 };
        prop_assert!((number * unit - bar.mm).abs() < 1e-6);
        let digit = bar.mm / 10_f64.powf(bar.mm.log10().floor() + 1e-12);
        prop_assert!([1.0, 2.0, 5.0, 10.0].iter().any(|d: &f64| (d - digit).abs() < 1e-6), "{}", digit);
    }
}

/// The fitted image touches two opposite margins and no pixel lies outside; 1:1 gives a voxel a pixel.
#[test]
fn fit_and_one_to_one() {
    for plane in Plane::ALL {
        let geometry = grid(9, 0.0);
        let mut placed = placed(&geometry, plane, Convention::Radiological);
        let (image, room) = (placed.image_rect(), placed.rect.shrink(12.0));
        assert!(room.expand(1e-3).contains_rect(image));
        assert!((image.width() - room.width()).abs() < 1e-2 || (image.height() - room.height()).abs() < 1e-2);
        placed.view = placed.view.one_to_one(&placed.layout, placed.fit_size(), 2.0);
        let [_, right, down] = placed.voxel_affine_xyz(0, 2.0);
        let finest = right.into_iter().chain(down).fold(0.0_f32, |most, step| most.max(step.abs()));
        assert!((finest - 1.0).abs() < 1e-5);
    }
}

#[test]
fn boxes_are_framed_where_their_voxels_are() {
    let placed = placed(&grid(21, 0.0), Plane::Sagittal, Convention::Radiological);
    let region = Region { start_zyx: [1, 2, 1], end_zyx: [3, 9, 4] };
    let range = region.range(placed.layout.through.axis_zyx);
    let rect = placed.region_rect(&region, range.start).unwrap();
    assert!(placed.region_rect(&region, range.end).is_none());
    for y in 0..40 {
        for x in 0..44 {
            let pos = placed.rect.min + Vec2::new(x as f32 * 10.0 + 0.3, y as f32 * 10.0 + 0.3);
            let inside = placed.voxel_at(pos, range.start).is_some_and(|voxel| region.contains(voxel));
            assert_eq!(inside, rect.contains(pos), "{pos:?}");
        }
    }
}
