//! What people come for, as they would do it: a clinician from launch to a mask, a reviewer through a case.

use egui::{Key, Modifiers};
use jobs::case::{CaseState, Decision, LayerState};
use voxelry_app::state::{Mode, Screen, State};

use super::window::Window;

/// A laptop's window.
const SIZE: [f32; 2] = [1440.0, 900.0];

fn finished(state: &State) -> bool {
    let layer = state.case.as_ref().and_then(|case| case.layer());
    state.run.is_none() && layer.is_some_and(|layer| layer.file.state == LayerState::Complete)
}

/// Story A: launch to a finished mask in at most three actions. Dropping a folder is one action, as is naming it at the start.
#[test]
fn from_launch_to_a_mask() {
    let mut window = Window::open(SIZE, 1.0, Vec::new());
    let mut actions = 0;
    window.until("the engine", |state| state.device.is_some());

    window.click("Try the sample study");
    actions += 1;
    window.until("the study", |state| state.screen == Screen::Case(Mode::Segment));
    window.until("the models", |state| state.setup.model.is_some());

    window.press(Key::Enter);
    actions += 1;
    window.until("the run", |state| state.run.is_some());
    window.until("the mask", finished);
    assert!(actions <= 3);

    let case = window.state().case.as_ref().unwrap();
    let layer = case.layer().unwrap();
    let found: std::collections::BTreeSet<u16> = case
        .image
        .size_zyx()
        .into_iter()
        .product::<usize>()
        .checked_sub(1)
        .map(|last| (0..=last).step_by(7).map(|index| value_at(case, index)).collect())
        .unwrap_or_default();
    let named = layer.file.table.iter().count();
    assert!(found.len() > named / 2, "{found:?} of {named} structures");
    assert!(layer.file.provenance.is_some());
    assert!(window.state().banners.is_empty(), "{:?}", window.state().banners);
}

fn value_at(case: &voxelry_app::state::Case, index: usize) -> u16 {
    let [_, ny, nx] = case.file.geometry.size_zyx;
    case.label_at([index / (ny * nx), index / nx % ny, index % nx])
}

/// Story B: a correct case is accepted with at most two keys, and the decision is still there after a restart.
#[test]
fn accepting_a_correct_case() {
    let mut window = Window::open(SIZE, 1.0, Vec::new());
    window.click("Try the sample study");
    window.until("the models", |state| state.setup.model.is_some());
    window.press(Key::Enter);
    window.until("the review", |state| state.mode() == Some(Mode::Review) && measured(state));

    window.press_with(Modifiers::SHIFT, Key::Enter);
    let case = window.state().case.as_ref().unwrap();
    assert_eq!(case.file.state, CaseState::Accepted);
    let folder = case.folder.clone();
    window.until("the decisions on disk", |_| {
        let written = folder.layers().ok().and_then(|layers| layers.last()?.read_review().ok()?);
        let accepted = |review: &jobs::case::ReviewFile| {
            review.structures.iter().all(|structure| structure.voxels == 0 || structure.decision == Decision::Accepted)
        };
        folder.read().is_ok_and(|case| case.state == CaseState::Accepted) && written.as_ref().is_some_and(accepted)
    });
}

fn measured(state: &State) -> bool {
    state.case.as_ref().and_then(|case| case.layer()?.review.as_ref()).is_some()
}

/// The worker is killed in the middle of a run: one banner, one button, nothing lost, and the run goes on.
#[test]
fn a_killed_worker_costs_one_banner() {
    let mut window = Window::open(SIZE, 1.0, Vec::new());
    window.click("Try the sample study");
    window.until("the models", |state| state.setup.model.is_some());
    window.press(Key::Enter);
    window.until("some tiles", |state| state.run.as_ref().is_some_and(|run| run.tiles.is_some()));
    let pid = window.core().worker_pid().unwrap();
    assert!(std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());

    window.until("the banner", |state| state.banners.iter().any(|banner| banner.cause == "The engine stopped while segmenting."));
    assert!(window.state().case.is_some());
    window.press(Key::Enter);
    window.until("the mask", finished);
    assert!(window.state().banners.is_empty(), "{:?}", window.state().banners);
}

/// A folder of junk is one sentence, and the window goes on.
#[test]
fn a_folder_of_junk_is_one_sentence() {
    let junk = tempfile::tempdir().unwrap();
    for name in ["a.txt", "b.nii.gz", "c.dcm"] {
        std::fs::write(junk.path().join(name), b"nothing of the kind").unwrap();
    }
    let mut window = Window::open(SIZE, 1.0, vec![junk.path().to_owned()]);
    window.until("an answer", |state| !state.banners.is_empty() || state.screen == Screen::Series);
    let refused = |state: &State| match &state.listing {
        Some(listing) => listing.report.as_ref().is_some_and(|report| report.studies.iter().all(|study| study.refused.is_some())),
        None => state.banners.iter().any(|banner| banner.cause == "No images in this folder."),
    };
    assert!(refused(window.state()), "{:?} {:?}", window.state().banners, window.state().listing);
    window.press(Key::Escape);
    window.click("Try the sample study");
    window.until("the study", |state| state.case.is_some());
}
