//! Home, the choice of a series and settings as pictures that are compared. All they show is fixed here; the version is covered.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use egui_kittest::SnapshotResults;
use image::{GrayImage, Luma};
use jobs::case::CaseState;
use jobs::{AdapterSummary, DoctorReport, ListReport, ListedStudy, Notice, Placement};
use volume::Geometry;
use voxelry_app::Command;
use voxelry_app::look::Base;
use voxelry_app::state::{EngineStatus, Listing, Progress, Recent, Screen, SettingsPage, State};

use super::pictures_case::shrink;
use super::window::Window;

/// What the version stands on, points from the lower right corner.
const VERSION: [f32; 2] = [160.0, 27.0];

/// A window on a made-up device, with nothing of this machine on it.
pub(super) fn window(size: [f32; 2], pixels_per_point: f32, base: Base) -> Window {
    let mut window = Window::open(size, pixels_per_point, Vec::new());
    window.until("the engine", |state| state.device.is_some());
    let mut settings = window.state().settings.clone();
    settings.theme.base = base;
    window.apply(Command::SetSettings(Box::new(settings)));
    let state = &mut window.core().state;
    state.engine = EngineStatus::Ready;
    state.device = Some(doctor(vec![adapter()], "AMD Radeon 780M (Vulkan)"));
    window.harness.step();
    window
}

pub(super) fn doctor(adapters: Vec<AdapterSummary>, chosen: &str) -> Arc<DoctorReport> {
    let (software, system) = ("voxelry 0.1.0".to_owned(), "linux x86_64".to_owned());
    let (chosen, main_memory_mib) = (chosen.to_owned(), Some(16_000));
    Arc::new(DoctorReport { software, system, threads: 8, main_memory_mib, adapters, chosen, tuning: None })
}

pub(super) fn adapter() -> AdapterSummary {
    AdapterSummary {
        index: 0,
        name: "AMD Radeon 780M".to_owned(),
        kind: "integrated".to_owned(),
        backend: "vulkan".to_owned(),
        driver: "Mesa 25.2.3".to_owned(),
        max_buffer_mib: 4096,
        max_binding_mib: 2048,
        f16: true,
        subgroups: true,
        matrices: Vec::new(),
        fault: None,
        warning: None,
    }
}

/// A body with two bright spots; the spots tell the sides apart.
fn body(path: &Path, [width, height]: [u32; 2]) {
    let picture = GrayImage::from_fn(width, height, |x, y| {
        let at = |share_x: f32, share_y: f32, radius: f32| {
            let (dx, dy) = (x as f32 / width as f32 - share_x, y as f32 / height as f32 - share_y);
            dx.hypot(dy) < radius
        };
        Luma([match () {
            () if at(0.35, 0.45, 0.1) => 190,
            () if at(0.55, 0.7, 0.06) => 240,
            () if at(0.5, 0.5, 0.4) => 110,
            () => 0,
        }])
    });
    picture.save(path).unwrap();
}

/// Cases opened before, the first three with a picture.
pub(super) fn recents(state: &mut State, folder: &Path) {
    let case = |index: u32, title: &str, about: [&str; 2], decided: CaseState, at: String| {
        let case = folder.join(format!("case{index}"));
        std::fs::create_dir_all(&case).unwrap();
        if index < 3 {
            body(&case.join("thumb.png"), [[384, 280], [200, 384], [384, 384]][index as usize]);
        }
        let [subtitle, summary] = about.map(str::to_owned);
        Recent { case, title: title.to_owned(), subtitle, summary, state: decided, at, queue: None }
    };
    let ago = |seconds: u64| jobs::utc_timestamp(SystemTime::now() - Duration::from_secs(seconds));
    let long = "Thorax and abdomen with contrast in the portal venous phase, reconstructed with a soft kernel at 1.5 mm for the follow-up \
                of the liver, second attempt";
    state.recents.cases = vec![
        case(0, "CT abdomen, native 3.0", ["Anon-0417 · 12 Mar 2026", "24 structures, 3 to check"], CaseState::InReview, ago(9000)),
        case(1, "CTA aorta 1.5", ["Anon-0409 · 2 Mar 2026", "2 structures"], CaseState::Accepted, ago(130_000)),
        case(2, long, ["Anon-0398 · 9 Nov 2025", "24 structures"], CaseState::Flagged, "2025-11-10T09:00:00Z".to_owned()),
        case(3, "MR abdomen, T2 axial", ["Anon-0398", "no mask yet"], CaseState::Opened, "2025-11-09T09:00:00Z".to_owned()),
    ];
    let queued = case(4, "Queue: Liver follow-up", ["", ""], CaseState::Opened, "2025-11-08T09:00:00Z".to_owned());
    let read = BTreeMap::from([("liver_07".to_owned(), folder.join("case0"))]);
    let progress = Progress { cases: 50, accepted: 31, rejected: 0, flagged: 2, current: "liver_07".to_owned(), read };
    state.recents.cases.push(Recent { queue: Some(progress), ..queued });
}

/// A folder with good, doubtful and refused series.
pub(super) fn series(state: &mut State, folder: &Path) {
    let study = |index: u32, title: &str, detail: &str, slices: usize, spacing_zyx_mm: [f64; 3]| {
        let (axial, coronal) = (folder.join(format!("{index}-axial.png")), folder.join(format!("{index}-coronal.png")));
        body(&axial, [384, 320]);
        body(&coronal, [384, 360]);
        ListedStudy {
            path: PathBuf::from("study"),
            series: Some(format!("1.2.{index}")),
            title: title.to_owned(),
            modality: "CT".to_owned(),
            detail: detail.to_owned(),
            slices,
            placement: Some(Placement::from(&Geometry::axis_aligned([slices, 512, 512], spacing_zyx_mm))),
            picture: Some(axial),
            coronal: Some(coronal),
            refused: None,
            warnings: Vec::new(),
        }
    };
    let warned = |study: ListedStudy, texts: &[&str]| {
        let warnings = texts.iter().map(|text| Notice { code: "DOUBT".to_owned(), text: (*text).to_owned() }).collect();
        ListedStudy { warnings, ..study }
    };
    let refused = |study: ListedStudy, reason: &str| ListedStudy { refused: Some(reason.to_owned()), ..study };
    let nifti = ListedStudy {
        path: PathBuf::from("study/followup.nii.gz"),
        series: None,
        modality: String::new(),
        picture: None,
        coronal: None,
        ..study(9, "followup", "", 0, [1.0; 3])
    };
    let studies = vec![
        study(0, "Abdomen native 3.0", "Series 2", 112, [3.0, 0.976_562, 0.976_562]),
        study(
            1,
            "Abdomen portal venous 2.0, a name that goes on for longer than any row of any window is wide",
            "Series 3",
            214,
            [2.0, 0.98, 0.98],
        ),
        warned(
            study(2, "CTA aorta 1.5", "Series 5", 164, [1.5; 3]),
            &["2 slices are missing between 214 and 217 mm; they are filled by interpolation"],
        ),
        warned(
            study(3, "Pelvis, tilted", "Series 7", 64, [3.0, 0.82, 0.82]),
            &["the gantry was tilted by 14.5 degrees; the slices are straightened", "3 slices went through a lossy codec"],
        ),
        refused(study(4, "Topogram 0.6", "Series 1", 1, [1.0; 3]), "one image, nothing to segment"),
        refused(ListedStudy { placement: None, ..nifti }, "the file ends before its last slice"),
    ];
    let skipped = vec!["report.pdf is no image".to_owned(), "DICOMDIR is a directory".to_owned()];
    state.listing = Some(Listing {
        input: PathBuf::from("Anon-0417"),
        report: Some(ListReport { studies, files: 762, skipped, queue: false }),
        took: Duration::from_millis(900),
        ..Listing::default()
    });
    state.screen = Screen::Series;
}

/// Compares what the window shows.
fn compare(window: &mut Window, name: &str, results: &mut SnapshotResults) {
    let mut picture = window.picture();
    let scale = window.harness.ctx.pixels_per_point();
    let [width, height] = VERSION.map(|points| (points * scale) as u32);
    if matches!(window.state().screen, Screen::Home | Screen::Jobs) {
        let ground = *picture.get_pixel(picture.width() - width - 1, picture.height() - height);
        for (x, y) in (1..=height).flat_map(|y| (1..=width).map(move |x| (x, y))) {
            let (x, y) = (picture.width() - x, picture.height() - y);
            picture.put_pixel(x, y, ground);
        }
    }
    results.add(egui_kittest::try_image_snapshot(&picture, format!("window/{name}")));
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        shrink(&Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/snapshots/window/{name}.png")));
    }
}

/// Both scales: a laptop's window, and a small one at two pixels per point.
const SIZES: [([f32; 2], f32); 2] = [([1440.0, 900.0], 1.0), ([960.0, 600.0], 2.0)];

#[test]
fn home_looks_as_it_did() {
    let (mut results, folder) = (SnapshotResults::new(), tempfile::tempdir().unwrap());
    for (size, scale) in SIZES {
        let mut window = window(size, scale, Base::Dark);
        recents(&mut window.core().state, folder.path());
        compare(&mut window, &format!("home-{scale}x"), &mut results);
    }
    let mut window = window(SIZES[0].0, 1.0, Base::Light);
    recents(&mut window.core().state, folder.path());
    compare(&mut window, "home-light-1x", &mut results);
}

#[test]
fn the_choice_of_a_series_looks_as_it_did() {
    let (mut results, folder) = (SnapshotResults::new(), tempfile::tempdir().unwrap());
    for (size, scale) in SIZES {
        let mut window = window(size, scale, Base::Dark);
        series(&mut window.core().state, folder.path());
        compare(&mut window, &format!("series-{scale}x"), &mut results);
    }
}

#[test]
fn settings_look_as_they_did() {
    let mut results = SnapshotResults::new();
    for (size, scale) in SIZES {
        let mut window = window(size, scale, Base::Dark);
        window.apply(Command::ShowSettings(SettingsPage::Appearance));
        compare(&mut window, &format!("settings-{scale}x"), &mut results);
    }
}
