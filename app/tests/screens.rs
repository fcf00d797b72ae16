//! Screens as pictures to look at, and what they do by name and by key. Pictures go to `target/screens` where VOXELRY_PICTURES is set:
//! what the worker measures on a machine is in them, so they are not compared.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use jobs::{Estimate, EstimateReport, Fit, ModelCard, Notice, Quality, Stage};
use voxelry_app::Command;
use voxelry_app::look::Base;
use voxelry_app::state::{
    Banner, Dialog, EngineStatus, FinishedRun, Mode, Outcome, Run, Screen, Segmenting, SettingsPage, Severity, State,
};

use super::pictures::{adapter, doctor, recents, series};
use super::window::Window;

const SIZE: [f32; 2] = [1440.0, 900.0];

/// Keeps a picture for people, where that is asked for.
pub(super) fn look(window: &mut Window, name: &str) {
    if std::env::var_os("VOXELRY_PICTURES").is_some() {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/screens");
        std::fs::create_dir_all(&folder).unwrap();
        window.picture().save(folder.join(format!("{name}.png"))).unwrap();
    }
}

pub(super) fn state(window: &mut Window) -> &mut State {
    &mut window.core().state
}

fn wear(window: &mut Window, base: Base) {
    let mut settings = window.state().settings.clone();
    settings.theme.base = base;
    window.apply(Command::SetSettings(Box::new(settings)));
}

#[test]
fn home_is_worked_without_a_pointer() {
    let mut window = Window::open(SIZE, 1.0, Vec::new());
    window.until("the engine", |state| state.device.is_some());
    look(&mut window, "home-first");
    state(&mut window).device = Some(doctor(vec![adapter()], "AMD Radeon 780M (Vulkan)"));
    let folder = tempfile::tempdir().unwrap();
    recents(state(&mut window), folder.path());
    window.harness.step();
    look(&mut window, "home");
    let mut names = Vec::new();
    for _ in 0..20 {
        window.press(Key::Tab);
        for name in ["Open folder…", "Open file…", "Try the sample study", "CT abdomen, native 3.0", "MR abdomen, T2 axial"] {
            if window.find(name).is_focused() {
                names.push(name);
            }
        }
    }
    let wanted = ["Open folder…", "Open file…", "Try the sample study", "CT abdomen, native 3.0", "MR abdomen, T2 axial"];
    assert!(names.starts_with(&wanted), "{names:?}");
    wear(&mut window, Base::Light);
    look(&mut window, "home-light");
    state(&mut window).device = Some(doctor(Vec::new(), "CPU, 8 threads"));
    window.harness.step();
    look(&mut window, "home-no-gpu");
}

#[test]
fn faults_are_banners_and_enter_presses_their_button() {
    let mut window = Window::open(SIZE, 1.0, Vec::new());
    window.until("the engine", |state| state.device.is_some());
    state(&mut window).banner(
        Banner::new(Severity::Warning, "The graphics driver restarted.", "Nothing was lost: 18 of 48 tiles were kept.").report("report"),
    );
    state(&mut window).banner(
        Banner::new(Severity::Info, "Voxelry closed unexpectedly.", "All 31 edit steps are back.").remedy("Continue editing", Command::Fit),
    );
    let remedy = Command::ShowSettings(SettingsPage::About);
    state(&mut window).banner(
        Banner::new(Severity::Error, "The engine stopped while segmenting.", "18 of 48 tiles and all your edits are saved.")
            .remedy("Restart and continue", remedy)
            .report("the end of its output"),
    );
    window.harness.step();
    look(&mut window, "banners");
    window.press(Key::Enter);
    assert_eq!(window.state().screen, Screen::Settings(SettingsPage::About));
    assert_eq!(window.state().banners.len(), 2);
    window.press(Key::Escape);
    assert_eq!(window.state().banners.len(), 1, "Esc takes away what was read");
}

#[test]
fn settings_apply_at_once_and_are_reset_by_page() {
    let mut window = Window::open(SIZE, 1.0, Vec::new());
    window.until("the engine", |state| state.device.is_some());
    window.press_with(Modifiers::COMMAND, Key::Comma);
    assert_eq!(window.state().screen, Screen::Settings(SettingsPage::Appearance));
    look(&mut window, "settings-appearance");
    window.click("Reduce motion");
    assert!(window.state().settings.theme.reduce_motion);
    window.click("Always");
    window.click("Reset this page");
    assert_eq!(window.state().settings, Default::default());
    window.press_with(Modifiers::COMMAND, Key::Plus);
    assert_eq!(window.state().settings.theme.scale_percent, 110);
    window.press_with(Modifiers::COMMAND, Key::Num0);
    assert_eq!(window.state().settings.theme.scale_percent, 100);
    let pages = [
        ("Viewing", "viewing"),
        ("Editing", "editing"),
        ("Device and memory", "device"),
        ("Storage", "storage"),
        ("Privacy", "privacy"),
        ("Export", "export"),
        ("Keyboard", "keyboard"),
        ("About and licences", "about"),
    ];
    for (page, name) in pages {
        window.harness.get_by_role_and_label(egui::accesskit::Role::Tab, page).click();
        window.harness.step();
        if name == "storage" {
            window.until("the size", |state| state.storage.as_ref().is_some_and(|storage| storage.bytes.is_some()));
        }
        look(&mut window, &format!("settings-{name}"));
    }
    window.press(Key::Escape);
    assert_eq!(window.state().screen, Screen::Home);
}

#[test]
fn the_command_list_finds_and_runs() {
    let mut window = Window::open(SIZE, 1.0, Vec::new());
    window.press_with(Modifiers::COMMAND, Key::K);
    look(&mut window, "palette");
    window.harness.event(egui::Event::Text("storage".to_owned()));
    window.harness.step();
    window.harness.step();
    assert_eq!(window.state().dialog, Dialog::Palette("storage".to_owned()));
    window.press(Key::Enter);
    assert_eq!(window.state().dialog, Dialog::None);
    assert_eq!(window.state().screen, Screen::Settings(SettingsPage::Storage));
    window.press(Key::Questionmark);
    assert_eq!(window.state().dialog, Dialog::Keyboard);
    look(&mut window, "keyboard");
    window.press(Key::Escape);
    assert_eq!(window.state().dialog, Dialog::None);
    window.press_with(Modifiers::COMMAND, Key::L);
    state(&mut window).note("the engine is ready");
    window.harness.step();
    look(&mut window, "log");
    assert_eq!(window.state().dialog, Dialog::Log);
    window.press_with(Modifiers::COMMAND, Key::L);
    assert_eq!(window.state().dialog, Dialog::None);
    let forget = Dialog::Confirm {
        question: "The list of recent studies is emptied. Cases stay on disk.".to_owned(),
        action: "Forget the list".to_owned(),
        command: Box::new(Command::ForgetRecents),
    };
    window.apply(Command::ShowDialog(forget));
    look(&mut window, "confirm");
    window.press(Key::Enter);
    assert_eq!(window.state().dialog, Dialog::None);
    assert_eq!(window.state().toasts.len(), 1);
}

pub(super) fn card(name: &str, modality: &str, fit: Fit) -> ModelCard {
    ModelCard {
        path: name.into(),
        name: name.to_owned(),
        modality: modality.to_owned(),
        labels: (1..=24).map(|value| (value, format!("Structure {value}"))).collect(),
        bytes: 125_000_000,
        licence: Some("CC BY 4.0".to_owned()),
        sha256: None,
        folds: 1,
        network: "MedNeXt base".to_owned(),
        patch_zyx: [128; 3],
        spacing_zyx_mm: [1.5; 3],
        fit,
    }
}

pub(super) fn estimates() -> EstimateReport {
    let estimate = |quality, tiles, seconds, needed_mib: u64, refused: Option<&str>| Estimate {
        quality,
        tiles,
        seconds,
        needed_mib,
        precision: "f16".to_owned(),
        note: None,
        refused: refused.map(str::to_owned),
    };
    EstimateReport {
        device: "Radeon 780M".to_owned(),
        cpu: false,
        total_mib: Some(8192),
        available_mib: Some(4200),
        main_needed_mib: 1950,
        main_available_mib: Some(9600),
        measured: true,
        qualities: vec![
            estimate(Quality::Fast, 12, 24.0, 2355, None),
            estimate(Quality::Balanced, 48, 110.0, 2355, None),
            estimate(Quality::Best, 384, 400.0, 5200, Some("Best needs 5.1 GB; 4.1 GB is free")),
        ],
    }
}

/// The sample study in mode Segment with models of which one fits, one is doubtful and one is refused.
fn segmenting(size: [f32; 2], pixels_per_point: f32) -> Window {
    let mut window = Window::open(size, pixels_per_point, Vec::new());
    window.until("the engine", |state| state.device.is_some());
    window.apply(Command::OpenSample);
    window.until("the study", |state| state.screen == Screen::Case(Mode::Segment));
    window.until("the models", |state| state.setup.model.is_some() && state.setup.estimating.is_none());
    let state = state(&mut window);
    state.models = vec![
        card("Abdomen 24", "CT", Fit::Fits),
        card("MR abdomen 12", "MR", Fit::Doubtful { reason: "Trained on MR; this is CT".to_owned() }),
        card("Whole body", "CT", Fit::Refused { reason: "Needs two channels; this scan has one".to_owned() }),
    ];
    state.setup.model = Some("Abdomen 24".into());
    state.setup.estimates.insert("Abdomen 24".into(), estimates());
    window.harness.step();
    window
}

#[test]
fn segment_says_what_a_run_takes_before_it_starts() {
    let mut window = segmenting(SIZE, 1.0);
    look(&mut window, "segment");
    window.click("Best");
    assert_eq!(window.state().setup.quality, Quality::Best);
    look(&mut window, "segment-does-not-fit");
    window.press(Key::Enter);
    assert!(window.state().run.is_none(), "what does not fit is not started");
    window.click("Use Balanced");
    assert_eq!(window.state().setup.quality, Quality::Balanced);
    window.click("Whole body");
    assert_eq!(window.state().setup.model, Some("Abdomen 24".into()), "a refused model is not chosen");
    window.press_with(Modifiers::COMMAND | Modifiers::SHIFT, Key::Num1);
    assert_eq!(window.state().setup.quality, Quality::Fast);
    window.click("Mirror averaging");
    assert_eq!(window.state().setup.mirroring, Some(true));
    wear(&mut window, Base::Light);
    look(&mut window, "segment-light");
}

#[test]
fn a_run_shows_where_it_stands() {
    let mut window = segmenting(SIZE, 1.0);
    let case = window.state().case.as_ref().unwrap().folder.path().to_owned();
    let now = Instant::now();
    let run = Run {
        job: 1_000_000,
        case: case.clone(),
        layer: None,
        model: "Abdomen 24".into(),
        model_name: "Abdomen 24".to_owned(),
        quality: Quality::Balanced,
        started: now.checked_sub(Duration::from_secs(42)).unwrap_or(now),
        stage: Stage::Predicting,
        finished: vec![(Stage::LoadingModel, 0.4), (Stage::PreparingDevice, 0.7), (Stage::ReadingInput, 0.1), (Stage::Preprocessing, 1.1)],
        stage_started: now.checked_sub(Duration::from_secs(40)).unwrap_or(now),
        tiles: Some(Segmenting { done: 18, total: 48, eta_seconds: Some(68.4) }),
        current: None,
        device: Some(("Radeon 780M (Vulkan)".to_owned(), 2355, Some(4200))),
        notes: vec![Notice {
            code: "LESS_MEMORY".to_owned(),
            text: "Another program took GPU memory, so parts of each tile are now computed twice. Same mask, about 20 s longer.".to_owned(),
        }],
        cancelled: false,
    };
    state(&mut window).run = Some(run.clone());
    window.harness.step();
    window.find("1 min 10 s left");
    look(&mut window, "running");
    state(&mut window).engine = EngineStatus::Stopped;
    window.harness.step();
    window.find("Restart and continue");
    look(&mut window, "stopped");
    state(&mut window).engine = EngineStatus::Busy;
    let outcome = |outcome, share| FinishedRun {
        case: case.clone(),
        title: "CT abdomen".to_owned(),
        model_name: "Abdomen 24".to_owned(),
        quality: Quality::Fast,
        share,
        seconds: 112.0,
        outcome,
    };
    state(&mut window).finished =
        vec![outcome(Outcome::Done, 1.0), outcome(Outcome::Cancelled, 0.38), outcome(Outcome::Failed("The disk is full.".to_owned()), 0.6)];
    window.press_with(Modifiers::COMMAND | Modifiers::SHIFT, Key::J);
    assert_eq!(window.state().screen, Screen::Jobs);
    look(&mut window, "jobs");
    window.press(Key::Escape);
    assert_eq!(window.state().screen, Screen::Case(Mode::Segment));
    window.press(Key::Escape);
    assert!(window.state().run.as_ref().unwrap().cancelled, "Esc cancels the run");
    window.find("Cancelling…");
}

#[test]
fn keys_of_images_rest_while_text_is_typed() {
    let mut window = segmenting(SIZE, 1.0);
    window.apply(Command::SetMode(Mode::View));
    window.press(Key::S);
    assert!(!window.state().case.as_ref().unwrap().view.mask_shown);
    window.apply(Command::SetMode(Mode::Edit));
    window.apply(Command::ShowDialog(Dialog::NewStructure(String::new())));
    window.harness.step();
    window.harness.event(egui::Event::Text("Cyst".to_owned()));
    window.harness.step();
    look(&mut window, "new-structure");
    window.press(Key::S);
    assert!(!window.state().case.as_ref().unwrap().view.mask_shown, "S is a letter here");
    window.press(Key::Enter);
    window.until("the structure", |state| {
        state.case.as_ref().is_some_and(|case| case.table().is_some_and(|table| table.iter().any(|l| l.name == "Cyst")))
    });
    window.harness.key_down(Key::H);
    window.harness.step();
    assert!(window.state().case.as_ref().unwrap().view.peeking);
    window.harness.key_up(Key::H);
    window.harness.step();
    assert!(!window.state().case.as_ref().unwrap().view.peeking);
}

/// What is opened stands on Home afterwards: its picture, whose it is, and how far it is.
#[test]
fn home_lists_what_was_opened() {
    let mut window = Window::open(SIZE, 1.0, Vec::new());
    window.click("Try the sample study");
    window.until("the study", |state| state.screen == Screen::Case(Mode::Segment));
    window.click("Home");
    let recent = &window.state().recents.cases[0];
    assert_eq!([recent.title.as_str(), &recent.subtitle, &recent.summary], ["Synthetic phantom", "phantom_0001", "no mask yet"]);
    assert!(recent.case.join("thumb.png").is_file());
    look(&mut window, "home-opened");
    window.click("Synthetic phantom");
    window.until("the study again", |state| state.screen == Screen::Case(Mode::Segment));
}

/// A DICOM series and its mask as NIfTI between files that are no images.
fn mixed(folder: &Path) {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/sample");
    std::fs::create_dir(folder.join("slices")).unwrap();
    for entry in std::fs::read_dir(sample.join("ct")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.join("slices").join(entry.file_name())).unwrap();
    }
    std::fs::copy(sample.join("truth.nii.gz"), folder.join("truth.nii.gz")).unwrap();
    std::fs::write(folder.join("report.pdf"), b"nothing of the kind").unwrap();
    std::fs::write(folder.join("slices/broken.dcm"), b"nothing of the kind").unwrap();
}

#[test]
fn a_series_is_chosen_by_key() {
    let folder = tempfile::tempdir().unwrap();
    mixed(folder.path());
    let mut window = Window::open(SIZE, 1.0, vec![folder.path().to_owned()]);
    window.until("the series", |state| state.screen == Screen::Series);
    look(&mut window, "series-mixed");
    let selected = |window: &Window| window.state().listing.as_ref().unwrap().selected;
    let title = |window: &Window| window.state().listing.as_ref().unwrap().report.as_ref().unwrap().studies[selected(window)].title.clone();
    assert_eq!((selected(&window), title(&window).as_str()), (0, "Synthetic phantom"), "the best is chosen already");
    window.press(Key::ArrowDown);
    assert_eq!(title(&window), "truth");
    window.press(Key::ArrowDown);
    assert_eq!(title(&window), "truth", "there is nothing further down");
    window.find("Filter series").focus();
    window.harness.step();
    window.harness.event(egui::Event::Text("ct phan".to_owned()));
    window.harness.step();
    window.harness.step();
    assert_eq!(title(&window), "Synthetic phantom", "what the filter hides is not opened");
    assert!(window.harness.query_by_label("truth").is_none());
    window.press(Key::Escape);
    window.press(Key::Escape);
    assert_eq!(window.state().screen, Screen::Home);
    window.apply(Command::OpenPaths(vec![folder.path().to_owned()]));
    window.until("the series", |state| state.screen == Screen::Series);
    window.press(Key::Enter);
    window.until("the study", |state| state.screen == Screen::Case(Mode::Segment));
    assert_eq!(window.state().case.as_ref().unwrap().file.title, "Synthetic phantom");
}

/// Refused series are read, not chosen; the keys pass over them.
#[test]
fn refused_series_are_not_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = Window::open(SIZE, 1.0, Vec::new());
    series(state(&mut window), folder.path());
    window.harness.step();
    let about = window.find("Topogram 0.6").accesskit_node().description().unwrap_or_default();
    assert!(about.contains("One image, nothing to segment"), "{about}");
    let mut order = Vec::new();
    for _ in 0..12 {
        window.press(Key::Tab);
        let names = ["Filter series", "Abdomen native 3.0", "Pelvis, tilted", "Open"];
        order.extend(names.into_iter().filter(|name| window.find(name).is_focused()));
    }
    assert!(order.starts_with(&["Filter series", "Abdomen native 3.0", "Pelvis, tilted", "Open"]), "{order:?}");
    window.harness.ctx.memory_mut(|memory| memory.focused().map(|widget| memory.surrender_focus(widget)));
    window.click("Topogram 0.6");
    assert_eq!(window.state().listing.as_ref().unwrap().selected, 0);
    for _ in 0..9 {
        window.press(Key::ArrowDown);
    }
    assert_eq!(window.state().listing.as_ref().unwrap().selected, 3);
    look(&mut window, "series-doubtful");
    window.click("Show list");
    window.find("DICOMDIR is a directory");
}

#[test]
fn export_says_what_it_will_write() {
    let mut window = Window::open(SIZE, 1.0, Vec::new());
    window.click("Try the sample study");
    window.until("the study", |state| state.screen == Screen::Case(Mode::Segment));
    let truth = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/sample/truth.nii.gz");
    window.apply(Command::ImportLayer(truth));
    window.until("the mask", |state| state.case.as_ref().is_some_and(|case| case.layer().is_some()));
    window.apply(Command::SetMode(Mode::Export));
    window.until("the measures", |state| state.case.as_ref().unwrap().layer().unwrap().review.is_some());
    window.find("Export 4 files");
    look(&mut window, "export");
    window.click("Surfaces, PLY");
    window.find("Export 13 files");
    wear(&mut window, Base::Light);
    look(&mut window, "export-light");
}
