//! Volumes on the device: pieces over several frames, edits of boxes, volumes larger than a texture may be, scarce memory.

use std::sync::Arc;

use egui::Vec2;
use volume::{Geometry, LabelVoxels, Region};
use voxelry_app::render::pane::{SlicePainter, Window};
use voxelry_app::render::plane::{Convention, Plane};
use voxelry_app::render::resources::TextureLimits;
use voxelry_app::render::styles::Pattern;
use voxelry_app::render::volume_textures::{Layer, Shared, Voxels};

use super::kit::{Screen, fill, filled, image, line, painter, rect};

const SIZE: [usize; 3] = [9, 20, 13];

fn value([z, y, x]: [usize; 3]) -> i16 {
    ((z * 29 + y * 13 + x * 31 + x * y * z) % 211) as i16
}

fn three_panes(geometry: &Geometry, image: &Arc<Layer>, mask: &Arc<Layer>) -> Vec<SlicePainter> {
    let styles = [fill([0; 3], 0.0), fill([255, 60, 20], 0.5), line([30, 250, 90], 1.5, Pattern::Dash)];
    let planes = Plane::ALL.into_iter().enumerate();
    let pane = |(k, plane)| {
        let slice = [7, 11, 5][k];
        let mut pane = painter(geometry, plane, Convention::Radiological, rect(130.0 * k as f32, 0.0, 128.0, 128.0), slice, image);
        pane.labels = Some(mask.clone());
        pane.styles = Arc::from(styles);
        pane.window = Window { level: 100.0, width: 220.0 };
        pane.smooth_image = true;
        pane.smooth_labels = true;
        pane
    };
    planes.map(pane).collect()
}

fn picture(layer: &Arc<Layer>, mask: &Arc<Layer>, limits: Option<TextureLimits>) -> Vec<u8> {
    let panes = three_panes(&Geometry::axis_aligned(SIZE, [2.0, 1.0, 1.5]), layer, mask);
    let mut screen = Screen::new(Vec2::new(390.0, 128.0), 1.0, limits, |painter| panes.iter().for_each(|p| p.clone().paint(painter)));
    let picture = screen.settled();
    assert!(layer.is_settled());
    picture.pixels().to_vec()
}

fn mask() -> Arc<Layer> {
    super::kit::labels(SIZE, filled(SIZE, |[z, y, x]| ((z / 3 + y / 5 + x / 4) % 3) as u8))
}

/// A device that allows 8 texels a side shows the same picture from bricks as one that needs none.
#[test]
fn bricks_change_no_pixel() {
    let one = || image(SIZE, filled(SIZE, value));
    let whole = picture(&one(), &mask(), None);
    assert!(whole.chunks_exact(4).filter(|p| p[0] != p[1]).count() > 1000, "the mask is in the picture");
    for longest in [19, 30] {
        let limits = TextureLimits { longest, images_in_16_bits: false };
        assert!(whole == picture(&one(), &mask(), Some(limits)), "{longest} texels a side");
    }
    let too_small = TextureLimits { longest: 8, images_in_16_bits: false };
    let (layer, mask) = (one(), mask());
    picture(&layer, &mask, Some(too_small));
    assert!(layer.error().is_some(), "what cannot be shown says so");
}

/// Where memory is short a floating point image is kept in 65536 steps of its range: no grey level moves by more than one.
#[test]
fn sixteen_bits_are_enough_for_grey() {
    let floating = || Layer::new(SIZE, Voxels::ImageF32(Arc::new(filled(SIZE, |at| f32::from(value(at)) + 0.25))), 0).unwrap();
    let (wide, narrow) = (floating(), floating());
    let exact = picture(&wide, &mask(), None);
    let limits = TextureLimits { longest: 2048, images_in_16_bits: true };
    let stepped = picture(&narrow, &mask(), Some(limits));
    assert_eq!(wide.device_bytes(), 2 * narrow.device_bytes());
    assert!(exact.iter().zip(&stepped).all(|(a, b)| a.abs_diff(*b) <= 1));
}

/// A wide mask looks as a narrow one; an edit of a box changes exactly that box.
#[test]
fn edits_reach_the_screen() {
    let mut voxels = LabelVoxels::zeros(SIZE, 2);
    for at in [[7, 3, 2], [7, 11, 8], [2, 11, 5]] {
        voxels.set(at, 1);
    }
    let shared = |voxels: &LabelVoxels, wide: bool| {
        let LabelVoxels::U8(v) = voxels else { panic!("narrow") };
        if wide {
            let v: Shared<u16> = Arc::new(v.iter().map(|v| u16::from(*v)).collect::<Vec<_>>());
            Layer::new(SIZE, Voxels::LabelsU16(v), 4).unwrap()
        } else {
            Layer::new(SIZE, Voxels::LabelsU8(Arc::new(v.iter().copied().collect::<Vec<_>>())), 4).unwrap()
        }
    };
    let black = image(SIZE, vec![-1000; SIZE.iter().product()]);
    for wide in [false, true] {
        let mut voxels = voxels.clone();
        let layer = shared(&voxels, wide);
        let panes = three_panes(&Geometry::axis_aligned(SIZE, [2.0, 1.0, 1.5]), &black, &layer);
        // 19 texels a side: edits are cut along bricks too.
        let limits = TextureLimits { longest: 19, images_in_16_bits: false };
        let mut screen =
            Screen::new(Vec2::new(390.0, 128.0), 1.0, Some(limits), |painter| panes.iter().for_each(|p| p.clone().paint(painter)));
        let before = screen.settled();
        let region = Region { start_zyx: [6, 2, 4], end_zyx: [9, 13, 9] };
        for z in 6..9 {
            for y in 2..13 {
                for x in 4..9 {
                    voxels.set([z, y, x], if (x + y) % 5 == 0 { 2 } else { 1 });
                }
            }
        }
        layer.edit(&region, &voxels).unwrap();
        assert!(!layer.is_settled());
        let edited = screen.settled();
        assert!(layer.is_settled() && before.pixels() != edited.pixels());
        // Exactly what a fresh upload of the edited mask shows.
        assert!(edited.pixels() == picture(&black, &shared(&voxels, false), None), "wide {wide}");
    }
}

/// A scan of 64 MB comes over several frames, the slice on screen in the first one, black where nothing is yet.
#[test]
fn large_volumes_come_over_several_frames() {
    let size = [256, 256, 512];
    let voxels: Shared<i16> = Arc::new(vec![1000; size.iter().product()]);
    let layer = Layer::new(size, Voxels::ImageI16(voxels), 100).unwrap();
    let geometry = Geometry::axis_aligned(size, [1.0; 3]);
    let axial = painter(&geometry, Plane::Axial, Convention::Radiological, rect(0.0, 0.0, 200.0, 100.0), 100, &layer);
    let coronal = painter(&geometry, Plane::Coronal, Convention::Radiological, rect(200.0, 0.0, 200.0, 100.0), 50, &layer);
    let panes = [axial, coronal];
    let mut screen = Screen::new(Vec2::new(400.0, 100.0), 1.0, None, |painter| panes.iter().for_each(|p| p.clone().paint(painter)));
    let first = screen.frame();
    assert_eq!(first.at(100, 50), [255; 3], "the slice on screen");
    assert!(!layer.is_settled() && layer.progress() > 0.0);
    assert_eq!([first.at(300, 2), first.at(300, 97)], [[0; 3]; 2], "the ends of the scan are not there yet");
    let mut frames = 1;
    let mut last = first;
    while !layer.is_settled() {
        last = screen.frame();
        frames += 1;
        assert!(frames < 200);
    }
    assert!(frames > 1);
    assert_eq!([last.at(300, 2), last.at(300, 97), last.at(300, 50)], [[255; 3]; 3]);
    assert_eq!(layer.device_bytes(), 2 * size.iter().product::<usize>() as u64);
}

/// After the loss of a device masks must be handed over again, and say so; images come back by themselves.
#[test]
fn a_new_device_asks_for_the_mask_again() {
    let (layer, mask) = (image(SIZE, filled(SIZE, value)), mask());
    let first = picture(&layer, &mask, None);
    let without = picture(&layer, &mask, None);
    assert!(mask.error().is_some() && layer.error().is_none() && first != without);
    let again = filled(SIZE, |[z, y, x]| ((z / 3 + y / 5 + x / 4) % 3) as u8);
    mask.replace(Voxels::LabelsU8(Arc::new(again))).unwrap();
    assert!(first == picture(&layer, &mask, None));
}
