//! What the window costs on a large study: a CT of 512 x 512 x 400 as a DICOM series and its mask of 45 structures, opened, scrolled
//! and kept on screen while the worker segments.
//!
//! `cargo bench -p voxelry-app --bench window` prints asked and measured. The software driver draws on the processor: the time until a
//! frame is finished says nothing about a graphics card there, the processor's side of it does.

#[allow(dead_code, clippy::unwrap_used, reason = "the kit of the tests; a bench uses part of it")]
#[path = "../tests/window.rs"]
mod window;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use egui::Key;
use formats::{dicom, nifti};
use jobs::Quality;
use ndarray::Array3;
use volume::{Geometry, LabelMap, LabelTable, LabelVoxels};
use voxelry_app::Command;
use voxelry_app::state::{Mode, Screen, State};
use window::Window;

const SIZE_ZYX: [usize; 3] = [400, 512, 512];
const RAW_BYTES: u64 = 400 * 512 * 512 * 2;
const LABELS: u16 = 45;
const FRAMES: usize = 100;
/// Of the panes, in pixels: where a first picture shows.
const AXIAL: [u32; 2] = [460, 280];

fn main() {
    // `cargo test --benches` must not take minutes.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    voxelry_app::give_back_freed_memory();
    let root = tempfile::tempdir().expect("a temporary folder");
    let (series, mask) = (root.path().join("ct"), root.path().join("mask.nii.gz"));
    write_study(&series, &mask);
    warm(&series);
    // Peaks from here on.
    fs::write("/proc/self/clear_refs", "5").ok();

    let started = Instant::now();
    let mut window = Window::open([1440.0, 900.0], 1.0, vec![series]);
    window.until("the case", |state| state.case.is_some());
    let opened = started.elapsed();
    first_picture(&mut window, |pixel| pixel[0] > 0);
    report("series to first picture", started.elapsed(), "5 s");
    println!("  of it until the case was there: {:.2} s", opened.as_secs_f64());
    let case = window.state().case.as_ref().expect("the case").folder.path().to_owned();

    let started = Instant::now();
    window.apply(Command::ImportLayer(mask));
    window.until("the mask", |state| state.case.as_ref().is_some_and(|case| case.layer().is_some()));
    first_picture(&mut window, |pixel| pixel[0] != pixel[1] || pixel[1] != pixel[2]);
    report("mask of 45 structures to first picture", started.elapsed(), "-");
    window.picture();
    // Surfaces are made beside the window; a while later what they were made from is packed.
    settle(&mut window, Duration::from_secs(30));
    memory(&mut window, "all shown");

    // Shown again by its folder, as from the list of recent cases.
    window.apply(Command::Show(Screen::Home));
    let started = Instant::now();
    window.apply(Command::OpenCase(case));
    window.until("the case", |state| matches!(state.screen, Screen::Case(_)) && state.case.is_some());
    window.apply(Command::SetMode(Mode::View));
    first_picture(&mut window, |pixel| pixel[0] != pixel[1] || pixel[1] != pixel[2]);
    report("the case again to first picture with mask", started.elapsed(), "5 s");
    window.picture();

    scroll(&mut window, "slices, idle");
    segment(&mut window);
}

/// Balls in a 5 x 3 x 3 lattice in a body of noise.
fn write_study(series: &Path, mask: &Path) {
    let [nz, ny, nx] = SIZE_ZYX;
    let place = |at: usize, count: usize, cells: usize| (at * cells / count, (at * cells % count) as f32 / count as f32 - 0.5);
    let label = |(z, y, x): (usize, usize, usize)| {
        let ((cz, fz), (cy, fy), (cx, fx)) = (place(z, nz, 5), place(y, ny, 3), place(x, nx, 3));
        if fx * fx + fy * fy + fz * fz < 0.16 { (1 + cx + 3 * (cy + 3 * cz)) as u8 } else { 0 }
    };
    let labels = Array3::from_shape_fn((nz, ny, nx), label);
    let image = Array3::from_shape_fn((nz, ny, nx), |(z, y, x)| ((x ^ y ^ z) % 97) as i16 + if labels[(z, y, x)] > 0 { 60 } else { -40 });
    let geometry = Geometry::axis_aligned(SIZE_ZYX, [1.0, 0.8, 0.8]);
    dicom::write_series(series, image.view(), &geometry, &dicom::SeriesTags::synthetic("bench", "CT")).expect("the series is written");
    let table = LabelTable::from_labels((1..=LABELS).map(|value| volume::Label {
        value,
        name: format!("Structure {value}"),
        color: [value as u8 * 5, 255 - value as u8 * 4, 128],
    }));
    let map = LabelMap { geometry, voxels: LabelVoxels::U8(labels), table };
    nifti::write_labels_named(mask, &map, None).expect("the mask is written");
}

/// Reads every file once, so that what is measured is the program and not the disk.
fn warm(folder: &Path) {
    for entry in fs::read_dir(folder).expect("the series") {
        fs::read(entry.expect("a file").path()).expect("a readable file");
    }
}

/// Frames until the axial pane shows something of this kind.
fn first_picture(window: &mut Window, shows: impl Fn([u8; 3]) -> bool) {
    for _ in 0..200 {
        window.harness.step();
        let picture = window.render();
        let [x, y] = AXIAL;
        let near = (0..40).flat_map(|dy| (0..40).map(move |dx| (x + dx, y + dy)));
        let lit = near.filter(|(x, y)| {
            let [r, g, b, _] = picture.get_pixel(*x, *y).0;
            shows([r, g, b])
        });
        if lit.count() > 400 {
            return;
        }
    }
    panic!("no picture");
}

/// Frames for a while, as of a window that is looked at.
fn settle(window: &mut Window, time: Duration) {
    let until = Instant::now() + time;
    while Instant::now() < until {
        window.harness.step();
        window.render();
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn report(what: &str, took: Duration, asked: &str) {
    println!("{what}: {:.2} s (asked {asked})", took.as_secs_f64());
}

/// Memory of the window and of its worker, against the raw volume. What is mapped from the case's own files can be dropped by the
/// system at any time and is told apart.
fn memory(window: &mut Window, when: &str) {
    let worker = window.core().worker_pid();
    let own = std::process::id();
    for (name, pid) in [("window", Some(own)), ("worker", worker)] {
        let Some(text) = pid.and_then(|pid| fs::read_to_string(format!("/proc/{pid}/status")).ok()) else { continue };
        let of = |key: &str| -> u64 {
            let line = text.lines().find_map(|line| line.strip_prefix(key));
            line.and_then(|line| line.trim_start_matches(':').split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) << 10
        };
        let times = |bytes: u64| bytes as f64 / RAW_BYTES as f64;
        println!(
            "memory of the {name}, {when}, times the raw volume: {:.2} of its own, {:.2} shared with drivers, {:.2} mapped files, most {:.2}",
            times(of("RssAnon")),
            times(of("RssShmem")),
            times(of("RssFile")),
            times(of("VmHWM"))
        );
    }
}

/// One slice on per frame.
fn scroll(window: &mut Window, what: &str) {
    let (mut screen, mut all) = (Vec::new(), Vec::new());
    for _ in 0..FRAMES {
        window.harness.key_press(Key::ArrowUp);
        let started = Instant::now();
        window.harness.step();
        screen.push(started.elapsed());
        window.render();
        all.push(started.elapsed());
    }
    for (part, mut times) in [("screen built", screen), ("drawn and read back", all)] {
        times.sort();
        let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)].as_secs_f64() * 1e3;
        println!("{what}, {part}: half in {:.2} ms, 95 % in {:.2} ms, longest {:.2} ms", at(50), at(95), at(100));
    }
}

/// The same while the worker segments the study.
fn segment(window: &mut Window) {
    window.apply(Command::SetMode(Mode::Segment));
    window.until("the models", |state| state.setup.model.is_some());
    window.apply(Command::ChooseQuality(Quality::Fast));
    window.apply(Command::StartRun);
    let under_way = |state: &State| state.run.as_ref().is_some_and(|run| run.tiles.is_some());
    window.until("the run", under_way);
    scroll(window, "slices, while the worker segments");
    let started = Instant::now();
    window.apply(Command::CancelRun);
    window.until("the end of the run", |state| state.run.is_none());
    report("cancel", started.elapsed(), "1 s");
}
