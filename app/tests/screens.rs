//! Screens as pictures to look at, and what they do by name and by key. Pictures go to `target/screens` where VOXELRY_PICTURES is set:
//! what the worker measures on a machine is in them, so they are not compared.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use jobs::case::CaseState;
use jobs::{AdapterSummary, DoctorReport, Estimate, EstimateReport, Fit, ModelCard, Notice, Quality, Stage};
use voxelry_app::Command;
use voxelry_app::look::Base;
use voxelry_app::state::{
    Banner, Dialog, EngineStatus, FinishedRun, Mode, Outcome, Recent, Run, Screen, Segmenting, SettingsPage, Severity, State,
};

use super::window::Window;

const SIZE: [f32; 2] = [1440.0, 900.0];

/// Keeps a picture for people, where that is asked for.
fn look(window: &mut Window, name: &str) {
    if std::env::var_os("VOXELRY_PICTURES").is_some() {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/screens");
        std::fs::create_dir_all(&folder).unwrap();
        window.picture().save(folder.join(format!("{name}.png"))).unwrap();
    }
}

fn state(window: &mut Window) -> &mut State {
    &mut window.core().state
}

fn wear(window: &mut Window, base: Base) {
    let mut settings = window.state().settings.clone();
    settings.theme.base = base;
    window.apply(Command::SetSettings(Box::new(settings)));
}

fn doctor(adapters: Vec<AdapterSummary>, chosen: &str) -> Arc<DoctorReport> {
    let (software, system) = ("voxelry 0.1.0".to_owned(), "linux x86_64".to_owned());
    Arc::new(DoctorReport { software, system, threads: 8, adapters, chosen: chosen.to_owned(), tuning: None })
}

fn adapter() -> AdapterSummary {
    AdapterSummary {
        index: 0,
        name: "AMD Radeon 780M".to_owned(),
        kind: "integrated".to_owned(),
        backend: "Vulkan".to_owned(),
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

fn recent(title: &str, about: &str, state: CaseState) -> Recent {
    let at = jobs::utc_timestamp(std::time::SystemTime::now() - Duration::from_secs(7000));
    let (case, subtitle, summary) = (PathBuf::from(title), "Anon-0417".to_owned(), about.to_owned());
    Recent { case, title: title.to_owned(), subtitle, summary, state, at }
}

#[test]
fn home_is_worked_without_a_pointer() {
    let mut window = Window::open(SIZE, 1.0, Vec::new());
    window.until("the engine", |state| state.device.is_some());
    look(&mut window, "home-first");
    state(&mut window).device = Some(doctor(vec![adapter()], "AMD Radeon 780M (Vulkan)"));
    state(&mut window).recents.cases = vec![
        recent("CT abdomen, native 3.0", "24 structures · 3 to check", CaseState::InReview),
        recent("CTA aorta 1.5", "2 structures", CaseState::Accepted),
        recent("MR abdomen, T2 axial", "no mask yet", CaseState::Opened),
    ];
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

fn card(name: &str, modality: &str, fit: Fit) -> ModelCard {
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

fn estimates() -> EstimateReport {
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
