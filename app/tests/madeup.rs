//! A made-up abdomen as a case folder: nine organs with measures, doubt and decisions, the same on every machine and on every day.

use std::fs;
use std::path::{Path, PathBuf};

use egui::accesskit::Role;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use jobs::case::{
    CaseFile, CaseFolder, CaseSource, CaseState, Decision, LabelWidth, LayerFile, LayerKind, LayerState, ReviewFile, StructureReview, Swap,
    VoxelType,
};
use volume::{Geometry, LabelTable};
use voxelry_app::state::{Mode, Screen};

use super::window::Window;

const SIZE_ZYX: [usize; 3] = [112, 101, 122];
const SPACING_MM: f64 = 3.0;

/// Name, centre z, y, x and radii in voxels, value of the image.
const ORGANS: [(&str, [f64; 3], [f64; 3], i16); 9] = [
    ("Liver", [80.0, 45.0, 36.0], [26.0, 24.0, 20.0], 100),
    ("Spleen", [84.0, 62.0, 96.0], [16.0, 14.0, 9.0], 110),
    ("Kidney right", [58.0, 66.0, 40.0], [14.0, 9.0, 7.0], 125),
    ("Kidney left", [60.0, 66.0, 82.0], [14.0, 9.0, 7.0], 150),
    ("Gallbladder", [66.0, 32.0, 46.0], [7.0, 6.0, 5.0], 12),
    ("Pancreas", [62.0, 44.0, 62.0], [5.0, 5.0, 14.0], 80),
    ("Stomach", [84.0, 32.0, 78.0], [12.0, 10.0, 14.0], 40),
    ("Aorta", [56.0, 58.0, 64.0], [56.0, 4.0, 4.0], 180),
    ("Vertebra L3", [40.0, 74.0, 61.0], [6.0, 8.0, 10.0], 320),
];

/// Fat at the hilum of both kidneys, which gives them their shape.
const HILA: [([f64; 3], [f64; 3]); 2] = [([58.0, 66.0, 46.5], [6.0, 4.0, 5.0]), ([60.0, 66.0, 75.5], [6.0, 4.0, 5.0])];

/// Score, doubtful share, decision and reason of each organ.
const REVIEWS: [(f32, f32, Decision, &str); 9] = [
    (0.91, 0.04, Decision::Open, ""),
    (0.94, 0.03, Decision::Accepted, ""),
    (0.58, 0.31, Decision::Open, "Doubt at the hilum"),
    (0.93, 0.05, Decision::Accepted, ""),
    (0.84, 0.09, Decision::Open, ""),
    (0.66, 0.22, Decision::Flagged, "Little contrast to the duodenum"),
    (0.71, 0.18, Decision::Open, "Ends early"),
    (0.95, 0.02, Decision::Accepted, "Cut by upper edge"),
    (0.88, 0.06, Decision::Open, ""),
];

/// How far out of an ellipsoid a voxel lies: less than one is inside.
fn reach(at: [usize; 3], centre: [f64; 3], radii: [f64; 3]) -> f64 {
    (0..3).map(|axis| ((at[axis] as f64 - centre[axis]) / radii[axis]).powi(2)).sum::<f64>()
}

fn inside(at: [usize; 3], centre: [f64; 3], radii: [f64; 3]) -> bool {
    reach(at, centre, radii) <= 1.0
}

fn organ(at: [usize; 3]) -> u8 {
    if HILA.iter().any(|(centre, radii)| inside(at, *centre, *radii)) {
        return 0;
    }
    ORGANS.iter().position(|(_, centre, radii, _)| inside(at, *centre, *radii)).map_or(0, |index| index as u8 + 1)
}

/// The image: organs in fat, muscle and skin around it, a spine behind it, air outside.
pub(super) fn value_of(at: [usize; 3]) -> i64 {
    let whole = |y: f64, x: f64| inside(at, [56.0, 50.0, 61.0], [400.0, y, x]);
    let spine = inside(at, [56.0, 75.0, 61.0], [400.0, 9.0, 10.0]);
    i64::from(match organ(at) {
        0 if !whole(42.0, 54.0) => -1000,
        0 if !whole(40.5, 52.5) => 20,
        0 if !whole(37.0, 49.0) => -95,
        0 if !whole(34.0, 46.0) => 55,
        // Discs between vertebrae.
        0 if spine => {
            if at[0] % 13 < 3 {
                90
            } else {
                260
            }
        }
        0 => -80,
        label => ORGANS[usize::from(label) - 1].3,
    })
}

/// Doubt of the model: greatest where the right kidney opens, some at the head of the pancreas.
fn doubt(at: [usize; 3]) -> u8 {
    let near = |centre, radii| (-reach(at, centre, radii)).exp();
    (250.0 * near([58.0, 66.0, 44.0], [8.0, 5.0, 4.0]) + 190.0 * near([62.0, 44.0, 51.0], [5.0, 5.0, 5.0])).min(255.0) as u8
}

/// A body with nine organs, masked, measured and half reviewed.
pub(super) fn write_case(path: &Path) {
    let [nz, ny, nx] = SIZE_ZYX;
    let folder = CaseFolder::at(path);
    fs::create_dir_all(path).unwrap();
    let places = || (0..nz).flat_map(move |z| (0..ny).flat_map(move |y| (0..nx).map(move |x| [z, y, x])));
    let image: Vec<u8> = places().flat_map(|at| (value_of(at) as i16).to_le_bytes()).collect();
    let labels: Vec<u8> = places().map(organ).collect();
    fs::write(folder.image_path(), image).unwrap();
    let geometry = Geometry::axis_aligned(SIZE_ZYX, [SPACING_MM; 3]);
    folder.write(&case_file(geometry)).unwrap();
    let layer = folder.create_layer().unwrap();
    fs::write(layer.labels_path(), &labels).unwrap();
    fs::write(layer.doubt_path(), places().map(doubt).collect::<Vec<_>>()).unwrap();
    let table = LabelTable::from_names(ORGANS.iter().enumerate().map(|(i, organ)| (i as u16 + 1, organ.0.to_owned())));
    layer
        .write(&LayerFile {
            name: "Abdomen 9, Balanced".to_owned(),
            kind: LayerKind::Model,
            state: LayerState::Complete,
            done: 1.0,
            based_on: None,
            width: LabelWidth::U8,
            table,
            created_at: "2026-03-12T14:21:05Z".to_owned(),
            device: "AMD Radeon 780M".to_owned(),
            setting: "Balanced".to_owned(),
            provenance: None,
            unfinished: None,
        })
        .unwrap();
    let mut structures: Vec<StructureReview> = (0..ORGANS.len()).map(|index| measured(index, &labels)).collect();
    structures.sort_by(|a, b| a.score.total_cmp(&b.score));
    layer.write_review(&ReviewFile { structures, edits: 0, reviewer: "Reader 1".to_owned() }).unwrap();
}

fn case_file(geometry: Geometry) -> CaseFile {
    CaseFile {
        format: CaseFolder::FORMAT,
        title: "CT abdomen, made up".to_owned(),
        subtitle: "Phantom 1 · 12 Mar 2026".to_owned(),
        source: CaseSource { paths: vec![PathBuf::from("phantom.nii.gz")], ..CaseSource::default() },
        modality: "CT".to_owned(),
        geometry,
        voxel_type: VoxelType::I16,
        value_range: [-1000.0, 1000.0],
        auto_window: [600.0, 40.0],
        warnings: Vec::new(),
        opened_at: "2026-03-12T14:20:00Z".to_owned(),
        state: CaseState::Opened,
        note: String::new(),
    }
}

fn measured(index: usize, labels: &[u8]) -> StructureReview {
    let voxels = labels.iter().filter(|label| usize::from(**label) == index + 1).count() as u64;
    let (name, focus, _, value) = ORGANS[index];
    let (score, doubtful, decision, reason) = REVIEWS[index];
    StructureReview {
        value: index as u16 + 1,
        name: name.to_owned(),
        voxels,
        volume_ml: voxels as f64 * SPACING_MM.powi(3) / 1000.0,
        mean: f64::from(value),
        sd: 6.0,
        largest_diameter_mm: 84.0,
        pieces: 1,
        cut_by_edge: name == "Aorta",
        cut_edge: (name == "Aorta").then(|| "upper".to_owned()),
        certainty: Some(score),
        doubtful_share: Some(doubtful),
        focus_zyx: focus.map(|index| index as usize),
        swap: if name.starts_with("Kidney") { Swap::Right } else { Swap::NoPartner },
        usual_ml: name.starts_with("Kidney").then_some([80.0, 220.0]),
        score,
        reason: reason.to_owned(),
        decision,
        decided_at: (decision != Decision::Open).then(|| "2026-03-12T14:30:00Z".to_owned()),
        note: String::new(),
    }
}

/// A window with the case on screen, and the folder it lies in.
pub(super) fn opened(size: [f32; 2], pixels_per_point: f32) -> (Window, tempfile::TempDir) {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("case");
    write_case(&path);
    let mut window = Window::open(size, pixels_per_point, vec![path]);
    window.until("the case", |state| state.screen == Screen::Case(Mode::View));
    (window, root)
}

/// The rectangle of a slice pane, found as a screen reader finds it.
pub(super) fn pane(window: &Window, name: &str) -> egui::Rect {
    let node = window.harness.get_all_by_role(Role::Image).find(|node| node.accesskit_node().label().is_some_and(|l| l.starts_with(name)));
    node.unwrap_or_else(|| panic!("no pane {name}")).rect()
}
