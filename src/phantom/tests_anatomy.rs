//! What every phantom must be: repeatable, complete, plausible in volume and Hounsfield units, and inside its skin.

use crate::{Phantom, Shape, Structure};

/// The default field of view with few voxels: enough to measure, fast enough to draw fifty patients.
fn coarse() -> Shape {
    Shape { size_zyx: [28, 54, 54], spacing_zyx_mm: [9.0, 6.0, 6.0], ..Shape::small() }
}

fn patient(seed: u64) -> Phantom {
    Phantom::new(seed, &coarse())
}

/// Volume in ml and mean HU of every structure, in the order of [`Structure::ALL`].
fn measure(phantom: &Phantom) -> [(f64, f64); 9] {
    let mut sums = [(0.0, 0.0); 9];
    for (index, hu) in phantom.scan.voxels.indexed_iter() {
        let value = phantom.truth.voxels.at(index.into());
        if value > 0 {
            let (count, sum) = &mut sums[usize::from(value) - 1];
            *count += 1.0;
            *sum += f64::from(*hu);
        }
    }
    let voxel_ml = phantom.scan.geometry.voxel_volume_mm3() / 1000.0;
    sums.map(|(count, sum)| (count * voxel_ml, sum / count))
}

/// Smallest and largest plausible volume in ml, and mean HU, in this field of view.
fn plausible(structure: Structure) -> ([f64; 2], [f64; 2]) {
    match structure {
        Structure::Liver => ([700.0, 1600.0], [80.0, 125.0]),
        Structure::Lesion => ([4.0, 50.0], [45.0, 85.0]),
        Structure::Spleen => ([30.0, 190.0], [60.0, 140.0]),
        Structure::KidneyRight | Structure::KidneyLeft => ([70.0, 250.0], [115.0, 195.0]),
        Structure::Stomach => ([150.0, 420.0], [-220.0, 60.0]),
        Structure::Aorta => ([60.0, 190.0], [150.0, 280.0]),
        Structure::Spine => ([300.0, 600.0], [230.0, 400.0]),
        Structure::Lungs => ([700.0, 2200.0], [-870.0, -700.0]),
    }
}

#[test]
fn one_seed_gives_the_same_bits_and_two_seeds_do_not() {
    let patients: Vec<Phantom> = (0..4).map(patient).collect();
    assert_eq!(patient(3), patients[3]);
    for pair in patients.windows(2) {
        assert_ne!(pair[0].scan, pair[1].scan);
        assert_ne!(pair[0].truth, pair[1].truth);
    }
}

#[test]
fn every_structure_is_present_and_plausible_in_fifty_patients() {
    for seed in 0..50 {
        let phantom = patient(seed);
        for (structure, (ml, hu)) in Structure::ALL.into_iter().zip(measure(&phantom)) {
            let ([least, most], [darkest, brightest]) = plausible(structure);
            assert!((least..=most).contains(&ml), "seed {seed}: {} has {ml:.1} ml", structure.name());
            assert!((darkest..=brightest).contains(&hu), "seed {seed}: {} has {hu:.0} HU", structure.name());
        }
    }
}

#[test]
fn a_lesion_lies_in_liver_and_is_darker() {
    let shape = Shape { size_zyx: [40, 64, 64], spacing_zyx_mm: [4.0, 4.0, 4.0], ..Shape::small() };
    for seed in 0..6 {
        let phantom = Phantom::new(seed, &shape);
        let [liver, lesion, ..] = measure(&phantom);
        assert!(lesion.1 < liver.1 - 25.0, "seed {seed}: lesion {:.0} HU, liver {:.0} HU", lesion.1, liver.1);
        let at = |z: usize, y: usize, x: usize| phantom.truth.voxels.at([z, y, x]);
        let allowed = [0, Structure::Liver.value(), Structure::Lesion.value()];
        let (mut touching, mut background) = (0, 0);
        for ((z, y, x), _) in phantom.scan.voxels.indexed_iter().filter(|(i, _)| at(i.0, i.1, i.2) == Structure::Lesion.value()) {
            for neighbour in [at(z, y, x - 1), at(z, y, x + 1), at(z, y - 1, x), at(z, y + 1, x), at(z - 1, y, x), at(z + 1, y, x)] {
                assert!(allowed.contains(&neighbour), "seed {seed}: the lesion touches label {neighbour}");
                touching += 1;
                background += usize::from(neighbour == 0);
            }
        }
        assert!(background * 20 < touching, "seed {seed}: the lesion reaches out of the liver");
    }
}

#[test]
fn labels_stay_inside_the_body_and_air_outside() {
    for seed in 0..8 {
        let phantom = patient(seed);
        let [depth, height, width] = phantom.scan.geometry.size_zyx;
        for z in 0..depth {
            for (y, x) in (0..height).flat_map(|y| [(y, 0), (y, width - 1)]).chain((0..width).flat_map(|x| [(0, x), (height - 1, x)])) {
                assert_eq!(phantom.truth.voxels.at([z, y, x]), 0, "seed {seed}: a label at the edge of slice {z}");
            }
            assert!(phantom.scan.voxels[[z, 0, 0]] < -850.0, "seed {seed}: no air in the corner of slice {z}");
        }
    }
}

#[test]
fn the_kidneys_lie_on_their_sides_in_lps() {
    let phantom = patient(0);
    let mean_x = |structure: Structure| {
        let places: Vec<f64> = phantom
            .scan
            .voxels
            .indexed_iter()
            .filter(|(index, _)| phantom.truth.voxels.at((*index).into()) == structure.value())
            .map(|((z, y, x), _)| phantom.scan.geometry.pos_lps_mm([z as f64, y as f64, x as f64]).x)
            .collect();
        places.iter().sum::<f64>() / places.len() as f64
    };
    assert!(mean_x(Structure::KidneyRight) < -30.0);
    assert!(mean_x(Structure::KidneyLeft) > 30.0);
    assert!(mean_x(Structure::Liver) < -20.0);
}

#[test]
fn a_tilted_grid_shows_the_same_patient() {
    let tilted = Phantom::new(5, &Shape { tilt_xyz_deg: [6.0, -4.0, 8.0], ..coarse() });
    let liver = |phantom: &Phantom| measure(phantom)[0].0;
    let straight = patient(5);
    assert!((liver(&tilted) / liver(&straight) - 1.0).abs() < 0.05);
    assert_ne!(tilted.truth.voxels, straight.truth.voxels);
}
