//! Files written by SimpleITK, pynrrd and nibabel (`tests/data/peer_files/make.py`) read right.

use std::path::PathBuf;

use glam::{DMat3, DVec3};
use volume::Geometry;

use crate::nifti::{self, ReadOptions};
use crate::nrrd::{self, Status};
use crate::study::{self, OpenOptions};

fn peer(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/peer_files")).join(name)
}

/// As the script places them.
fn geometry() -> Geometry {
    Geometry {
        size_zyx: [2, 3, 4],
        spacing_zyx_mm: [3.0, 2.0, 0.5],
        origin_lps_mm: DVec3::new(-10.5, 20.25, 300.0),
        direction: DMat3::from_rotation_x(0.25) * DMat3::from_cols(DVec3::Y, -DVec3::X, DVec3::Z),
    }
}

#[test]
fn scans_of_simpleitk_and_pynrrd() {
    for name in ["simpleitk.nrrd", "simpleitk_float.nhdr", "pynrrd_ras_big.nrrd"] {
        let study = study::open(&peer(name), &OpenOptions::default()).unwrap();
        assert!(study.warnings.is_empty(), "{name}: {:?}", study.warnings);
        assert!(study.scan.geometry.same_place(&geometry(), 1e-9), "{name}: {:?}", study.scan.geometry);
        for ((z, y, x), value) in study.scan.voxels.indexed_iter() {
            assert_eq!(*value, (x + 10 * y + 100 * z) as f32, "{name}");
        }
    }
}

#[test]
fn a_segmentation_of_pynrrd_with_layers() {
    let odd = nrrd::read_labels(&peer("pynrrd_layers.seg.nrrd"), &ReadOptions::default()).unwrap();
    assert!(odd.labels.geometry.same_place(&geometry(), 1e-9));
    assert_eq!(odd.labels.voxels.counts(), [(0, 12), (5, 12)]);
    assert_eq!((odd.labels.voxels.at([1, 2, 3]), odd.labels.voxels.at([1, 2, 2])), (5, 0));
    let label = odd.labels.table.get(5).unwrap();
    assert_eq!((label.name.as_str(), label.color), ("odd columns", [177, 122, 101]));
    assert_eq!(odd.status.get(&5), Some(&Status::InProgress));
    assert_eq!(odd.warnings.len(), 1);
    let above = nrrd::read_labels(&peer("pynrrd_layers.seg.nrrd"), &ReadOptions { volume: Some(1), ..ReadOptions::default() }).unwrap();
    assert_eq!((above.labels.voxels.counts(), above.labels.table.get(3).unwrap().name.as_str()), (vec![(0, 12), (3, 12)], "above"));
}

#[test]
fn a_mask_of_nibabel_with_the_names_of_totalsegmentator() {
    let mask = nifti::read_labels(&peer("nibabel_named.nii.gz"), &ReadOptions::default()).unwrap();
    let labels: Vec<_> = mask.table.iter().map(|label| (label.value, label.name.as_str(), label.color)).collect();
    assert_eq!(labels, [(1, "spleen", [0, 255, 0]), (2, "kidney_right", [0, 0, 255])]);
    assert!(mask.geometry.same_place(&geometry(), 1e-4));
    assert_eq!(mask.voxels.at([1, 2, 1]), 121 % 3);
}
