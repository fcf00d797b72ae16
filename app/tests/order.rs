//! Tab goes through a screen as it is read: the top bar from left to right, then tools, panes and the right panel.

use egui::Key;
use egui_kittest::kittest::Queryable as _;
use voxelry_app::Command;
use voxelry_app::state::{Banner, Dialog, EngineStatus, Mode, Severity};

use super::madeup::opened;
use super::window::Window;

/// Names of what Tab reaches first to last, of those asked for.
fn order(window: &mut Window, names: &[&str]) -> Vec<String> {
    let mut order: Vec<String> = Vec::new();
    for _ in 0..90 {
        window.press(Key::Tab);
        let focused = names.iter().find(|name| window.harness.query_all_by_label(name).any(|node| node.is_focused()));
        let Some(name) = focused else { continue };
        if order.first().is_some_and(|first| first == name) && order.len() > 1 {
            break;
        }
        if order.last().is_none_or(|last| last != name) {
            order.push((*name).to_owned());
        }
    }
    order
}

#[test]
fn tab_goes_through_home_as_it_is_read() {
    let mut window = Window::open([1440.0, 900.0], 1.0, Vec::new());
    window.until("the engine", |state| state.device.is_some());
    let names = ["Jobs", "Commands", "Keyboard and help", "Settings", "Open folder…", "Open file…"];
    assert_eq!(order(&mut window, &names), names);
}

#[test]
fn tab_goes_through_a_case_as_it_is_read() {
    let (mut window, _root) = opened([1440.0, 900.0], 1.0);
    window.until("the engine", |state| state.engine == EngineStatus::Ready);
    window.until("the device", |state| state.device.is_some());
    window.apply(Command::GoTo(3));
    let names = ["Home", "View", "Segment", "Export", "Jobs", "Commands", "Settings", "Filter structures", "Fit", "Go to", "Liver"];
    let found = order(&mut window, &names);
    let wanted = ["Home", "View", "Segment", "Export", "Jobs", "Commands", "Settings", "Filter structures", "Liver", "Fit", "Go to"];
    // "Liver" is a structure and a preset of the window, too.
    assert_eq!(found[..wanted.len()], wanted, "{found:?}");
}

#[test]
fn tab_goes_through_narrow_bars_banners_and_dialogs_as_they_are_read() {
    let (mut window, _root) = opened([960.0, 600.0], 1.0);
    window.until("the engine", |state| state.engine == EngineStatus::Ready);
    let banner = Banner::new(Severity::Error, "It stopped.", "Nothing was lost.").report("why").remedy("Restart", Command::Fit);
    window.core().state.banner(banner);
    window.apply(Command::SetMode(Mode::Segment));
    let names = ["Settings", "Copy report", "Restart", "Dismiss", "Fit", "Details", "Segment"];
    let found = order(&mut window, &names);
    assert!(found.windows(2).any(|pair| pair == ["Copy report", "Restart"]) && found.windows(2).any(|pair| pair == ["Restart", "Dismiss"]));
    assert!(found.windows(2).any(|pair| pair == ["Fit", "Details"]), "{found:?}");
    window.apply(Command::DismissBanner("It stopped.".to_owned()));
    let forget = Dialog::Confirm {
        question: "The list of recent studies is emptied.".to_owned(),
        action: "Forget the list".to_owned(),
        command: Box::new(Command::ForgetRecents),
    };
    window.apply(Command::ShowDialog(forget));
    let found = order(&mut window, &["Cancel", "Forget the list"]);
    assert!(found.windows(2).any(|pair| pair == ["Cancel", "Forget the list"]), "{found:?}");
}

/// What lies at the right end of a bar ends where the bar ends, whatever it says.
#[test]
fn the_right_end_of_the_top_bar_stays_at_the_right() {
    let (mut window, _root) = opened([1440.0, 900.0], 1.0);
    for engine in [EngineStatus::Ready, EngineStatus::Stopped, EngineStatus::Starting] {
        window.core().state.engine = engine;
        window.harness.step();
        let right = window.find("Settings").rect().right();
        assert!((right - 1432.0).abs() < 1.0, "{right}");
    }
}
