//! Grey values, slabs, outlines, patterns and doubt against their formulas.

use std::sync::Arc;

use egui::Vec2;
use glam::DVec3;
use volume::Geometry;
use voxelry_app::render::pane::{DoubtLook, Slab, SlicePainter, Window};
use voxelry_app::render::plane::{Convention, Plane};
use voxelry_app::render::styles::Pattern;
use voxelry_app::render::volume_textures::{Layer, Voxels};

use super::kit::{Picture, close, drawn, filled, image, labels, line, painter, rect};

/// 12 x 10 voxels of 1 mm in 5 slices, as a DICOM series would lie: x to the left, y to the back.
fn geometry() -> Geometry {
    let mut geometry = Geometry::axis_aligned([5, 10, 12], [2.0, 1.0, 1.0]);
    geometry.origin_lps_mm = DVec3::new(5.0, -9.0, 20.0);
    geometry
}

fn value([z, y, x]: [usize; 3]) -> f32 {
    // No symmetry, steps of every size.
    ((z * 37 + y * 11 + x * 23 + x * y * 7) % 101) as f32 - 30.0
}

/// The value at a fractional index: nearest, or bilinear in the plane with edges repeated.
fn sampled(z: usize, y: f64, x: f64, smooth: bool) -> f32 {
    let at = |y: f64, x: f64| value([z, y.clamp(0.0, 9.0) as usize, x.clamp(0.0, 11.0) as usize]);
    if !smooth {
        return at((y + 0.5).floor(), (x + 0.5).floor());
    }
    let (fy, fx) = ((y - y.floor()) as f32, (x - x.floor()) as f32);
    let upper = at(y.floor(), x.floor()) * (1.0 - fx) + at(y.floor(), x.floor() + 1.0) * fx;
    let lower = at(y.floor() + 1.0, x.floor()) * (1.0 - fx) + at(y.floor() + 1.0, x.floor() + 1.0) * fx;
    upper * (1.0 - fy) + lower * fy
}

/// 12 points for each voxel: the picture is 144 x 120 points.
const SCALE: f64 = 12.0;
const AREA: Vec2 = Vec2::new(144.0, 120.0);

fn show(pixels_per_point: f32, change: impl Fn(&mut SlicePainter), layer: &Arc<Layer>) -> Picture {
    let mut pane = painter(&geometry(), Plane::Axial, Convention::Radiological, rect(3.0, 5.0, AREA.x, AREA.y), 2, layer);
    change(&mut pane);
    drawn(AREA + Vec2::splat(10.0), pixels_per_point, |painter| pane.clone().paint(painter))
}

fn check_grey(picture: &Picture, slices: &[usize], how: fn(&[f32]) -> f32, smooth: bool, window: Window, tolerance: f32) {
    for y in 0..120 {
        for x in 0..144 {
            let index = [(y as f64 + 0.5) / SCALE - 0.5, (x as f64 + 0.5) / SCALE - 0.5];
            let values: Vec<f32> = slices.iter().map(|z| sampled(*z, index[0], index[1], smooth)).collect();
            let grey = ((how(&values) - (window.level - window.width / 2.0)) / window.width).clamp(0.0, 1.0) * 255.0;
            let got = picture.at(x + 3, y + 5);
            assert!(close(got, [grey; 3], tolerance), "({x},{y}): {got:?}, formula {grey}");
        }
    }
}

#[test]
fn windows_map_stored_values_to_grey() {
    let one = |v: &[f32]| v[0];
    let whole = image([5, 10, 12], filled([5, 10, 12], |at| value(at) as i16));
    let floating = Voxels::ImageF32(Arc::new(filled([5, 10, 12], value)));
    let floating = Layer::new([5, 10, 12], floating, 0).unwrap();
    for layer in [whole, floating] {
        for smooth in [false, true] {
            for window in [Window { level: 20.0, width: 100.0 }, Window { level: -5.0, width: 17.0 }] {
                let picture = show(1.0, |pane| (pane.window, pane.smooth_image) = (window, smooth), &layer);
                // One step of grey, and what 32 bit indices cost at the steepest place of the narrow window.
                check_grey(&picture, &[2], one, smooth, window, 1.6);
            }
        }
    }
}

#[test]
fn slabs_join_slices_around_the_middle_and_stop_at_the_ends() {
    let layer = image([5, 10, 12], filled([5, 10, 12], |at| value(at) as i16));
    let window = Window { level: 20.0, width: 100.0 };
    let mean = |v: &[f32]| v.iter().sum::<f32>() / v.len() as f32;
    let largest = |v: &[f32]| v.iter().copied().fold(f32::MIN, f32::max);
    let smallest = |v: &[f32]| v.iter().copied().fold(f32::MAX, f32::min);
    type Case = (Slab, usize, &'static [usize], fn(&[f32]) -> f32);
    let cases: [Case; 4] = [
        (Slab::Mean(3), 2, &[1, 2, 3], mean),
        (Slab::Largest(5), 2, &[0, 1, 2, 3, 4], largest),
        (Slab::Smallest(3), 4, &[3, 4], smallest),
        (Slab::Mean(9), 0, &[0, 1, 2, 3, 4], mean),
    ];
    for (slab, slice, slices, how) in cases {
        let picture = show(1.0, |pane| (pane.slab, pane.slice, pane.window) = (slab, slice, window), &layer);
        check_grey(&picture, slices, how, false, window, 1.6);
    }
}

/// Black image, everything left of voxel 6 labelled 1 and the rest 2.
fn halves(style: [voxelry_app::render::styles::LabelStyle; 2], pixels_per_point: f32, smooth: bool) -> Picture {
    let black = image([5, 10, 12], vec![-1000; 600]);
    let mask = labels([5, 10, 12], filled([5, 10, 12], |[_, _, x]| if x < 6 { 1 } else { 2 }));
    let styles = [line([0; 3], 0.0, Pattern::Solid), style[0], style[1]];
    let change = |pane: &mut SlicePainter| {
        pane.labels = Some(mask.clone());
        pane.styles = Arc::from(styles);
        pane.smooth_labels = smooth;
    };
    show(pixels_per_point, change, &black)
}

#[test]
fn outlines_are_as_wide_as_asked_in_points() {
    for pixels_per_point in [1.0_f32, 1.5, 2.0] {
        for smooth in [false, true] {
            for (left, right) in [(1.5_f32, 2.4_f32), (0.8, 1.5)] {
                let styles = [line([255, 0, 0], left, Pattern::Solid), line([0, 255, 0], right, Pattern::Solid)];
                let picture = halves(styles, pixels_per_point, smooth);
                let y = (65.0 * pixels_per_point) as usize;
                let middle = (3.0 + 6.0 * SCALE as f32) * pixels_per_point;
                // From the middle of one half to the middle of the other: only the line between them.
                let range = (middle as usize - 20)..(middle as usize + 20);
                let cover = |channel: usize| range.clone().map(|x| f32::from(picture.at(x, y)[channel]) / 255.0).sum::<f32>();
                let (red, green) = (cover(0) / pixels_per_point, cover(1) / pixels_per_point);
                let tolerance = 0.4 / pixels_per_point + 0.02;
                assert!((red - left).abs() < tolerance, "{left} points at {pixels_per_point}x came out {red}");
                assert!((green - right).abs() < tolerance, "{right} points at {pixels_per_point}x came out {green}");
                // Inside its own structure: red left of the boundary, green right of it.
                let (a, b) = (picture.at(middle as usize - 1, y), picture.at(middle.ceil() as usize, y));
                assert!(a[0] > 120 && b[1] > 120, "{a:?} {b:?}");
            }
        }
    }
}

#[test]
fn patterns_are_a_checkerboard_of_points() {
    for pixels_per_point in [1.0_f32, 2.0] {
        for (pattern, cell, dots) in [(Pattern::Dash, 7.0_f32, false), (Pattern::Dot, 2.5, false), (Pattern::DashDot, 7.0, true)] {
            let styles = [line([255, 0, 0], 4.0, pattern), line([0; 3], 0.0, Pattern::Solid)];
            let picture = halves(styles, pixels_per_point, false);
            let column = ((6.0 * SCALE as f32 - 1.0) * pixels_per_point) as usize;
            let mut seen = [0; 2];
            for y in 20..(100.0 * pixels_per_point) as usize {
                let point = |pixel: usize| (pixel as f32 + 0.5) / pixels_per_point;
                let cells = [point(column) / cell, point(y) / cell];
                let on = (cells[0].floor() as i32 + cells[1].floor() as i32) % 2 == 0;
                let from = cells.map(|c| (c.fract() - 0.5) * cell);
                let dot = dots && from[0].hypot(from[1]) < 1.3;
                let wanted = if on || dot { 255.0 } else { 0.3 * 255.0 };
                let offset = [3.0, 5.0].map(|o: f32| (o * pixels_per_point) as usize);
                let got = picture.at(column + offset[0], y + offset[1]);
                assert!(close(got, [wanted, 0.0, 0.0], 2.0), "{pattern:?} at {pixels_per_point}x, row {y}: {got:?}, {wanted}");
                seen[usize::from(on)] += 1;
            }
            assert!(seen[0] > 20 && seen[1] > 20);
        }
    }
}

#[test]
fn doubt_follows_its_ramp() {
    let ramp = [[60, 20, 90], [150, 45, 100], [225, 95, 55], [250, 175, 70], [255, 240, 190]];
    let white = image([5, 10, 12], vec![1000; 600]);
    let mask = labels([5, 10, 12], vec![0; 600]);
    let doubt = Voxels::DoubtU8(Arc::new(filled([5, 10, 12], |[_, _, x]| (x * 23) as u8)));
    let doubt = Layer::new([5, 10, 12], doubt, 0).unwrap();
    let look = DoubtLook { ramp, strength: 1.0, focus: None };
    let change = |pane: &mut SlicePainter| {
        pane.labels = Some(mask.clone());
        pane.doubt = Some((doubt.clone(), look));
    };
    let picture = show(1.0, change, &white);
    for x in 6..138 {
        let index = (f64::from(x) + 0.5) / SCALE - 0.5;
        let doubt = (index * 23.0 / 255.0) as f32;
        let stop = (doubt * 4.0) as usize;
        let part = doubt * 4.0 - stop as f32;
        let wanted = [0, 1, 2].map(|c| {
            let color = f32::from(ramp[stop][c]) * (1.0 - part) + f32::from(ramp[stop + 1][c]) * part;
            255.0 * (1.0 - doubt) + color * doubt
        });
        let got = picture.at(x as usize + 3, 60);
        assert!(close(got, wanted, 2.0), "column {x}: {got:?}, formula {wanted:?}");
    }
}

/// Around a structure in focus doubt is shown as far as asked, and not elsewhere.
#[test]
fn doubt_about_one_structure_stays_with_it() {
    let black = image([5, 10, 12], vec![-1000; 600]);
    let mask = labels([5, 10, 12], filled([5, 10, 12], |[_, _, x]| u8::from(x < 3)));
    let doubt = Layer::new([5, 10, 12], Voxels::DoubtU8(Arc::new(vec![255; 600])), 0).unwrap();
    let look = DoubtLook { ramp: [[255; 3]; 5], strength: 1.0, focus: Some((1, 2.0)) };
    let change = |pane: &mut SlicePainter| {
        pane.labels = Some(mask.clone());
        pane.doubt = Some((doubt.clone(), look));
    };
    let picture = show(1.0, change, &black);
    let row: Vec<u8> = (0..144).map(|x| picture.at(x + 3, 60)[0]).collect();
    assert!(row[..35].iter().all(|v| *v == 255), "the structure's own doubt");
    assert!(row[37..48].iter().all(|v| *v > 100) && row[37..].windows(2).all(|w| w[0] >= w[1]), "it fades outwards: {row:?}");
    assert!(row[36 + 26..].iter().all(|v| *v == 0), "and ends at 2 mm");
}

/// Rounded labels differ from voxels only between voxel centres of different labels.
#[test]
fn smooth_labels_keep_every_voxel() {
    let black = image([5, 10, 12], vec![-1000; 600]);
    let voxel = |[_, y, x]: [usize; 3]| 1 + ((x * 5 + y * 3) % 4) as u8;
    let mask = labels([5, 10, 12], filled([5, 10, 12], voxel));
    let colors = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]];
    let styles: Vec<_> = std::iter::once(super::kit::fill([0; 3], 0.0)).chain(colors.map(|c| super::kit::fill(c, 1.0))).collect();
    let change = |pane: &mut SlicePainter| {
        pane.labels = Some(mask.clone());
        pane.styles = Arc::from(styles.clone());
        pane.smooth_labels = true;
    };
    let picture = show(1.0, change, &black);
    for y in 0..10 {
        for x in 0..12 {
            let wanted = colors[usize::from(voxel([2, y, x])) - 1].map(f32::from);
            let got = picture.at(x * 12 + 6 + 3, y * 12 + 6 + 5);
            assert!(close(got, wanted, 2.0), "voxel ({x},{y}): {got:?} {wanted:?}");
        }
    }
}
