//! Deciding, as commands do it: measures from the worker, decisions on disk, a queue, comparing, handing over.

use std::fs;

use jobs::ExportKind;
use jobs::case::{CaseFolder, CaseState, Decision};
use voxelry_app::Command;
use voxelry_app::render::plane::Plane;
use voxelry_app::state::{Dialog, Mode, State, Tool};

use super::folder::{CYST, Desk, LIVER, SPLEEN};

fn measured(state: &State) -> bool {
    state.case.as_ref().is_some_and(|case| case.layer().is_some_and(|layer| layer.review.is_some()) && !case.review.measuring)
}

fn decision(state: &State, value: u16) -> Decision {
    let layer = state.case.as_ref().unwrap().layer().unwrap();
    layer.review.as_ref().unwrap().structures.iter().find(|known| known.value == value).unwrap().decision
}

fn reviewing() -> Desk {
    let mut desk = Desk::open();
    desk.apply(Command::SetMode(Mode::Review));
    desk.until("the measures", measured);
    desk
}

#[test]
fn structures_are_measured_and_the_worst_is_in_focus() {
    let desk = reviewing();
    let case = desk.state().case.as_ref().unwrap();
    let review = case.layer().unwrap().review.as_ref().unwrap();
    assert_eq!(review.structures[0].value, LIVER, "in two pieces and in doubt");
    assert_eq!(case.view.selected, Some(LIVER));
    assert_eq!(case.view.cursor_zyx, review.structures[0].focus_zyx);
    assert!(case.view.doubt);
}

#[test]
fn decisions_survive_a_restart() {
    let mut desk = reviewing();
    desk.apply(Command::SetNote("two pieces".to_owned()));
    desk.apply(Command::Decide(Decision::Flagged, false));
    assert_eq!(decision(desk.state(), LIVER), Decision::Flagged);
    desk.apply(Command::Decide(Decision::Flagged, false));
    assert_eq!(decision(desk.state(), LIVER), Decision::Open, "flagging again takes the flag away");
    desk.apply(Command::Decide(Decision::Accepted, true));
    assert_eq!(desk.state().case.as_ref().unwrap().view.selected, Some(SPLEEN), "on to the next");
    desk.apply(Command::Decide(Decision::Rejected, false));
    let mut desk = desk.restart();
    assert_eq!((decision(desk.state(), LIVER), decision(desk.state(), SPLEEN)), (Decision::Accepted, Decision::Rejected));
    let layer = desk.state().case.as_ref().unwrap().layer().unwrap();
    let liver = layer.review.as_ref().unwrap().structures.iter().find(|known| known.value == LIVER).unwrap();
    assert_eq!((liver.note.as_str(), liver.decided_at.is_some()), ("two pieces", true));
    assert_eq!(desk.state().case.as_ref().unwrap().file.state, CaseState::InReview);
    // Measuring again keeps them.
    desk.apply(Command::Measure);
    desk.until("the measures", measured);
    assert_eq!((decision(desk.state(), LIVER), decision(desk.state(), SPLEEN)), (Decision::Accepted, Decision::Rejected));
}

#[test]
fn a_correct_case_takes_one_key() {
    let mut desk = reviewing();
    desk.apply(Command::AcceptCase);
    let path = desk.case.clone();
    desk.until("the case on disk", |_| CaseFolder::at(&path).read().is_ok_and(|file| file.state == CaseState::Accepted));
    assert_eq!(decision(desk.state(), LIVER), Decision::Accepted);
    assert_eq!(desk.state().recents.cases[0].state, CaseState::Accepted);
}

#[test]
fn measures_follow_edits_and_rows_stay_in_place() {
    let mut desk = reviewing();
    desk.apply(Command::SetMode(Mode::Edit));
    desk.apply(Command::Select(Some(CYST)));
    desk.apply(Command::TakeTool(Tool::Sphere));
    desk.apply(Command::SetBrushSize(15.0));
    desk.apply(Command::StrokeBegin(Plane::Axial, [7.0, 33.0, 30.0]));
    desk.apply(Command::StrokeEnd);
    let drawn = desk.count(CYST) as u64;
    let voxels = |state: &State, value: u16| {
        let layer = state.case.as_ref()?.layer()?;
        layer.review.as_ref()?.structures.iter().find(|known| known.value == value).map(|known| known.voxels)
    };
    desk.until("the cyst's measures", |state| voxels(state, CYST) == Some(drawn));
    let order: Vec<u16> = {
        let layer = desk.state().case.as_ref().unwrap().layer().unwrap();
        layer.review.as_ref().unwrap().structures.iter().map(|known| known.value).collect()
    };
    assert_eq!(order, [LIVER, SPLEEN, CYST]);
    // Against the model's layer: only the cyst is new.
    desk.apply(Command::CompareWith(Some(1)));
    desk.until("the comparison", |state| state.case.as_ref().is_some_and(|case| case.review.compared.is_some()));
    let case = desk.state().case.as_ref().unwrap();
    let dice = |value: u16| case.review.compared.as_ref().unwrap().structures.iter().find(|known| known.value == value).unwrap().dice;
    assert_eq!((dice(LIVER), dice(SPLEEN), dice(CYST)), (Some(1.0), Some(1.0), Some(0.0)));
}

#[test]
fn export_writes_reads_back_and_asks_before_it_replaces() {
    let mut desk = reviewing();
    let target = desk.folder.path().join("out");
    desk.apply(Command::SetExportFolder(target.clone()));
    desk.apply(Command::SetExportStem("phantom".to_owned()));
    for kind in [ExportKind::Json, ExportKind::Report] {
        desk.apply(Command::SetExportKind(kind, false));
    }
    desk.apply(Command::Export(false));
    desk.until("the files", |state| state.export.written.is_some());
    let report = desk.state().export.written.clone().unwrap();
    assert!(report.failed.is_empty(), "{report:?}");
    assert_eq!(report.files[0].verified, Some(true));
    assert!(target.join("phantom_seg.nii.gz").is_file() && target.join("phantom_statistics.csv").is_file());
    desk.apply(Command::Export(false));
    desk.until("the question", |state| state.dialog != Dialog::None);
    let Dialog::Confirm { command, action, .. } = desk.state().dialog.clone() else { panic!() };
    assert_eq!((action.as_str(), &*command), ("Replace", &Command::Export(true)));
    desk.apply(*command);
    desk.until("the files", |state| state.export.written.as_ref().is_some_and(|written| written.failed.is_empty()));
    assert!(desk.causes().is_empty(), "{:?}", desk.causes());
    // A folder that cannot be made says so.
    fs::write(desk.folder.path().join("file"), b"x").unwrap();
    desk.apply(Command::SetExportFolder(desk.folder.path().join("file/inside")));
    desk.apply(Command::Export(false));
    desk.until("the banner", |state| !state.banners.is_empty());
    let banner = &desk.state().banners[0];
    assert!(banner.cause.contains("was not written"), "{banner:?}");
    assert_eq!(banner.remedy.as_ref().unwrap().0, "Choose folder…");
}

/// An uncompressed NIfTI-1 file of 12 x 12 x 12 voxels.
fn nifti(value: impl Fn(usize) -> i16) -> Vec<u8> {
    const EDGE: i16 = 12;
    let mut bytes = vec![0_u8; 352];
    let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
    put(0, &348_i32.to_le_bytes());
    for (at, size) in [3, EDGE, EDGE, EDGE, 1, 1, 1, 1].into_iter().enumerate() {
        put(40 + 2 * at, &size.to_le_bytes());
    }
    put(70, &4_i16.to_le_bytes());
    put(72, &16_i16.to_le_bytes());
    for (at, spacing) in [1.0_f32, 2.0, 2.0, 3.0].into_iter().enumerate() {
        put(76 + 4 * at, &spacing.to_le_bytes());
    }
    put(108, &352_f32.to_le_bytes());
    put(112, &1_f32.to_le_bytes());
    put(254, &1_i16.to_le_bytes());
    for (row, spacing) in [2.0_f32, 2.0, 3.0].into_iter().enumerate() {
        put(280 + 16 * row + 4 * row, &spacing.to_le_bytes());
    }
    put(344, b"n+1\0");
    let voxels = usize::try_from(EDGE).unwrap().pow(3);
    bytes.extend((0..voxels).flat_map(|i| value(i).to_le_bytes()));
    bytes
}

#[test]
fn a_folder_of_cases_is_worked_through() {
    let mut desk = Desk::open();
    let (images, labels) = (desk.folder.path().join("imagesTs"), desk.folder.path().join("labelsTs"));
    fs::create_dir_all(&images).unwrap();
    fs::create_dir_all(&labels).unwrap();
    for (seed, name) in ["a", "b", "c"].into_iter().enumerate() {
        let value = move |i: usize| (i * (seed + 3) % 251) as i16;
        fs::write(images.join(format!("{name}_0000.nii")), nifti(value)).unwrap();
    }
    // The last one brings a mask.
    fs::write(labels.join("c.nii"), nifti(|i| i16::from(i % 12 < 4))).unwrap();
    desk.apply(Command::OpenPaths(vec![images]));
    let shows = |index: usize| {
        move |state: &State| {
            let (Some(queue), Some(case)) = (&state.queue, &state.case) else { return false };
            queue.current == index && queue.shows(case.folder.path()) && state.opening.is_none()
        }
    };
    desk.until("the first case", shows(0));
    assert!(desk.is_in(Mode::Segment), "no mask yet");
    desk.until("the next ones", |state| state.queue.as_ref().is_some_and(|queue| queue.cases.iter().all(|case| case.case.is_some())));
    desk.apply(Command::StepCase(1));
    assert!(shows(1)(desk.state()), "a case read ahead is shown at once");
    desk.apply(Command::RejectCase);
    assert!(shows(2)(desk.state()));
    desk.until("the mask beside it", measured);
    assert!(desk.is_in(Mode::Review));
    let table = desk.folder.path().join("summary.csv");
    desk.apply(Command::SaveSummary(table.clone()));
    desk.until("the summary", |_| table.is_file());
    let text = fs::read_to_string(table).unwrap();
    assert_eq!(text.lines().count(), 4);
    assert!(text.starts_with("case,decision,structures,accepted"));
}

/// A queue stands in the list of recent studies as one, and is opened again as far as it was.
#[test]
fn a_queue_is_opened_again_as_far_as_it_was() {
    let mut desk = Desk::open();
    let images = desk.folder.path().join("imagesTs");
    fs::create_dir_all(&images).unwrap();
    for (seed, name) in ["a", "b", "c", "d"].into_iter().enumerate() {
        let value = move |i: usize| (i * (seed + 3) % 251) as i16;
        fs::write(images.join(format!("{name}_0000.nii")), nifti(value)).unwrap();
    }
    desk.apply(Command::OpenPaths(vec![images.clone()]));
    let shows = |index: usize| {
        move |state: &State| {
            let (Some(queue), Some(case)) = (&state.queue, &state.case) else { return false };
            queue.current == index && queue.shows(case.folder.path()) && state.opening.is_none()
        }
    };
    desk.until("the first case", shows(0));
    desk.apply(Command::RejectCase);
    desk.until("the second case", shows(1));
    desk.apply(Command::NewLayer);
    desk.apply(Command::AcceptCase);
    desk.until("the third case", shows(2));
    let recents = desk.state().recents.cases.clone();
    assert_eq!(recents.len(), 2, "the cases of a queue are one entry: {recents:?}");
    let progress = recents[0].queue.clone().unwrap();
    assert_eq!((recents[0].title.as_str(), recents[0].case.as_path()), ("Queue: imagesTs", images.as_path()));
    assert_eq!((progress.cases, progress.accepted, progress.rejected, progress.flagged), (4, 1, 1, 0));
    assert_eq!(progress.current, "c");
    // Decisions of cases that were not looked at since are read from their folders.
    let mut desk = desk.restart();
    assert!(desk.state().queue.is_none());
    assert_eq!(desk.state().recents.queue(&images), Some(&progress));
    desk.apply(Command::ReopenQueue(images));
    desk.until("the third case", shows(2));
    let states: Vec<CaseState> = desk.state().queue.as_ref().unwrap().cases.iter().map(|case| case.state).collect();
    assert_eq!(states[..2], [CaseState::Rejected, CaseState::Accepted]);
    assert_eq!(desk.state().queue.as_ref().unwrap().decided(), 2);
    // A case that is not opened any more is read again.
    let gone = progress.read["c"].clone();
    desk.apply(Command::StepCase(-1));
    desk.until("the second case", shows(1));
    fs::remove_dir_all(&gone).unwrap();
    desk.apply(Command::StepCase(1));
    desk.until("the third case again", shows(2));
}
