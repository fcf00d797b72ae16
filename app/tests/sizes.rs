//! Every screen in every size that the design names, for people to look at, and what must fit in the narrowest.

use std::path::Path;

use jobs::Quality;
use voxelry_app::Command;
use voxelry_app::look::Base;
use voxelry_app::look::tokens::Type;
use voxelry_app::state::{Dialog, EngineStatus, FinishedRun, Layout, Mode, Outcome, Screen, SettingsPage, Tool};

use super::madeup::opened;
use super::pictures::{recents, series};
use super::screens::{estimates, look, state};
use super::window::Window;

/// Every screen in every size that the design names, for people to look at.
#[test]
#[ignore = "writes pictures to target/screens"]
fn every_screen_in_every_size() {
    let folder = tempfile::tempdir().unwrap();
    for (size, scale, base) in [
        ([1440.0, 900.0], 1.0, Base::Dark),
        ([1280.0, 720.0], 1.0, Base::Dark),
        ([960.0, 600.0], 1.0, Base::Dark),
        ([1280.0, 720.0], 2.0, Base::Dark),
        ([1280.0, 720.0], 1.0, Base::Light),
        ([960.0, 600.0], 1.0, Base::Light),
    ] {
        let at = format!("{}-{scale}x-{}", size[0], if base == Base::Light { "light" } else { "dark" });
        every_mode(size, scale, base, &at);
        let mut window = super::pictures::window(size, scale, base);
        recents(state(&mut window), folder.path());
        look(&mut window, &format!("{at}-home"));
        series(state(&mut window), folder.path());
        look(&mut window, &format!("{at}-series"));
        let outcomes = [Outcome::Done, Outcome::Cancelled, Outcome::Failed("The disk is full.".to_owned())];
        state(&mut window).finished = outcomes.map(|outcome| ended(&folder.path().join("case0"), outcome)).into();
        window.apply(Command::Show(Screen::Jobs));
        look(&mut window, &format!("{at}-jobs"));
        for page in [SettingsPage::Appearance, SettingsPage::Device, SettingsPage::Storage, SettingsPage::Keyboard, SettingsPage::About] {
            window.apply(Command::ShowSettings(page));
            look(&mut window, &format!("{at}-settings-{page:?}"));
        }
        window.apply(Command::ShowDialog(Dialog::Keyboard));
        look(&mut window, &format!("{at}-keyboard"));
    }
    for path in std::env::var_os("VOXELRY_STUDIES").iter().flat_map(std::env::split_paths) {
        let mut window = Window::open([1440.0, 900.0], 1.0, vec![path.clone()]);
        window.until("the series", |state| state.screen != Screen::Home || !state.banners.is_empty());
        look(&mut window, &format!("studies-{}", path.file_name().unwrap().to_string_lossy()));
    }
}

fn ended(case: &Path, outcome: Outcome) -> FinishedRun {
    let share = if outcome == Outcome::Done { 1.0 } else { 0.38 };
    let (title, model_name) = ("CT abdomen, native 3.0".to_owned(), "Abdomen 24".to_owned());
    FinishedRun { case: case.to_owned(), title, model_name, quality: Quality::Balanced, share, seconds: 112.0, outcome }
}

/// The made-up case in every mode.
fn every_mode(size: [f32; 2], scale: f32, base: Base, at: &str) {
    let (mut window, _root) = opened(size, scale);
    window.until("the engine", |state| state.engine == EngineStatus::Ready);
    let mut settings = window.state().settings.clone();
    settings.theme.base = base;
    window.apply(Command::SetSettings(Box::new(settings)));
    window.apply(Command::GoTo(3));
    std::thread::sleep(std::time::Duration::from_secs(2));
    for mode in Mode::ALL {
        window.apply(Command::SetMode(mode));
        super::pictures_case::fix(state(&mut window));
        if mode == Mode::Edit {
            window.apply(Command::TakeTool(Tool::Brush));
        }
        look(&mut window, &format!("{at}-{mode:?}"));
        window.apply(Command::SetLayout(Layout::FourUp));
    }
}

/// No key is cut or covered where the page scrolls, and none of its height is wasted where it does not.
#[test]
fn the_keyboard_page_fits_its_dialog() {
    for size in [[960.0, 600.0], [1440.0, 900.0]] {
        let mut window = super::pictures::window(size, 1.0, Base::Dark);
        window.apply(Command::ShowDialog(Dialog::Keyboard));
        window.harness.step();
        look(&mut window, &format!("keyboard-{}", size[0]));
        let rect = |name: &str| window.find(name).rect();
        let (foot, keys) = (rect("Keys in Settings"), rect(if size[0] < 1000.0 { "Click or Shift move" } else { "Ctrl Shift S" }));
        assert!((keys.right() - foot.right()).abs() < 1.0, "keys end at {}, the page at {}", keys.right(), foot.right());
        if size[0] > 1000.0 {
            let (last, foot) = (rect("Apply lasso").bottom(), foot.top());
            assert!((last..last + 30.0).contains(&foot), "the last row ends at {last}, its foot begins at {foot}");
        }
    }
}

/// What a run takes is said in whole words where the panel is narrowest.
#[test]
fn the_memory_of_a_run_fits_the_narrowest_panel() {
    let (mut window, _root) = opened([1100.0, 700.0], 1.0);
    window.until("the engine", |state| state.engine == EngineStatus::Ready);
    window.apply(Command::SetMode(Mode::Segment));
    window.until("the models", |state| state.setup.estimating.is_none());
    super::pictures_case::fix(state(&mut window));
    for (total, available) in [(8192, 4200), (81_920, 79_000), (900, 700)] {
        let mut report = estimates();
        (report.total_mib, report.available_mib) = (Some(total), Some(available));
        let chosen = window.state().setup.model.clone().unwrap();
        state(&mut window).setup.estimates.insert(chosen, report);
        state(&mut window).setup.quality = Quality::Balanced;
        window.harness.step();
        let said =
            format!("of {}", if total < 1024 { format!("{total} MB") } else { format!("{:.1} GB", f64::from(total as u32) / 1024.0) });
        let shown = window.find(&said).rect();
        let font = Type::Small.regular();
        let whole = window.harness.ctx.fonts_mut(|fonts| fonts.layout_no_wrap(said.clone(), font, egui::Color32::WHITE).size().x);
        assert!(shown.width() + 0.5 >= whole, "{said}: {} of {whole} points", shown.width());
        assert!(shown.right() <= 1100.0, "{said} ends at {}", shown.right());
    }
}
