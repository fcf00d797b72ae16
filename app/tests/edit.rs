//! Correcting, as commands do it: tools, guards, operations, the history, crashes and a full disk.

use std::fs;
use std::path::Path;
use std::process::Command as Program;

use jobs::case::LayerKind;
use volume::Label;
use voxelry_app::Command;
use voxelry_app::render::plane::Plane;
use voxelry_app::state::{LayerVoxels, Mode, Overwrite, StrokeShape, Tool};

use super::folder::{CYST, Desk, LIVER, SIZE, SPLEEN, model_label};

/// A place of air beside everything, in the body.
const FREE: [f64; 3] = [7.0, 33.0, 25.0];

fn stroke(desk: &mut Desk, from: [f64; 3], to: [f64; 3]) {
    desk.apply(Command::StrokeBegin(Plane::Axial, from));
    desk.apply(Command::StrokeTo(to));
    desk.apply(Command::StrokeEnd);
}

fn take(desk: &mut Desk, tool: Tool, size_mm: f32) {
    desk.apply(Command::TakeTool(tool));
    desk.apply(Command::SetBrushSize(size_mm));
}

#[test]
fn a_model_layer_is_never_changed() {
    let mut desk = Desk::editing(LIVER);
    let model = desk.case.join("layers/1/labels.raw");
    let before = fs::read(&model).unwrap();
    stroke(&mut desk, FREE, FREE);
    let case = desk.state().case.as_ref().unwrap();
    let layer = case.layer().unwrap();
    assert_eq!((layer.file.kind, layer.file.based_on, layer.file.name.as_str()), (LayerKind::Corrections, Some(1), "My corrections"));
    assert!(matches!(case.layers[0].voxels, LayerVoxels::Mapped(_)));
    assert_eq!(fs::read(&model).unwrap(), before);
    assert_eq!(desk.at([7, 33, 25]), LIVER);
    // Drawing on the model's layer again goes on in the same corrections.
    desk.apply(Command::ShowLayer(1));
    assert_eq!(desk.at([7, 33, 25]), 0);
    stroke(&mut desk, [8.0, 33.0, 25.0], [8.0, 33.0, 25.0]);
    assert_eq!(desk.state().case.as_ref().unwrap().layers.len(), 2);
    assert_eq!(desk.steps(), (vec!["Brush, Liver".to_owned(); 2], 2));
    assert_eq!(fs::read(&model).unwrap(), before);
}

#[test]
fn every_tool_draws_and_ctrl_inverts() {
    let mut desk = Desk::editing(CYST);
    let z_of = |desk: &Desk| (0..SIZE[0]).filter(|z| (0..SIZE[1]).any(|y| (0..SIZE[2]).any(|x| desk.at([*z, y, x]) == CYST))).count();
    take(&mut desk, Tool::Brush, 6.0);
    stroke(&mut desk, FREE, [7.0, 33.0, 35.0]);
    assert_eq!(z_of(&desk), 1, "the brush stays on its slice");
    let disc = desk.count(CYST);
    desk.apply(Command::Undo);
    assert_eq!(desk.count(CYST), 0, "a stroke of several pieces is undone at once");
    desk.apply(Command::SetBrushShape(StrokeShape::Square));
    stroke(&mut desk, FREE, [7.0, 33.0, 35.0]);
    assert!(desk.count(CYST) > disc, "a square holds its disc");
    desk.apply(Command::Undo);
    take(&mut desk, Tool::Sphere, 12.0);
    stroke(&mut desk, FREE, FREE);
    assert_eq!(z_of(&desk), 5, "a ball of 12 mm meets five slices of 3 mm");
    let ball = desk.count(CYST);
    take(&mut desk, Tool::Erase, 6.0);
    stroke(&mut desk, FREE, FREE);
    assert!(desk.count(CYST) < ball);
    assert_eq!(desk.at([7, 33, 25]), 0);
    // Ctrl: the eraser draws, the brush erases.
    desk.apply(Command::Invert(true));
    stroke(&mut desk, FREE, FREE);
    assert_eq!(desk.count(CYST), ball);
    take(&mut desk, Tool::Brush, 60.0);
    stroke(&mut desk, FREE, FREE);
    assert_eq!(z_of(&desk), 4, "the brush took its slice away");
    assert_eq!(desk.count(LIVER), model_count(LIVER), "only the structure in focus is taken away");
    desk.apply(Command::Invert(false));
    let names = desk.steps().0;
    assert_eq!(names, ["Sphere, Cyst", "Erase, Cyst", "Erase, Cyst", "Erase, Cyst"].map(str::to_owned));
}

fn model_count(value: u16) -> usize {
    let mut count = 0;
    for z in 0..SIZE[0] {
        for y in 0..SIZE[1] {
            count += (0..SIZE[2]).filter(|x| u16::from(model_label([z, y, *x])) == value).count();
        }
    }
    count
}

#[test]
fn guards_and_locks_keep_other_structures() {
    // From the liver over the gap into the spleen.
    let (from, to) = ([7.0, 16.0, 18.0], [7.0, 16.0, 34.0]);
    for (overwrite, locked, liver_kept, spleen_kept) in [
        (Overwrite::Nothing, None, true, true),
        (Overwrite::Unlocked, None, false, false),
        (Overwrite::Unlocked, Some(SPLEEN), false, true),
        (Overwrite::All, Some(SPLEEN), false, false),
    ] {
        let mut desk = Desk::editing(CYST);
        take(&mut desk, Tool::Brush, 6.0);
        desk.apply(Command::SetOverwrite(overwrite));
        if let Some(locked) = locked {
            desk.apply(Command::SetLocked(locked, true));
        }
        stroke(&mut desk, from, to);
        assert_eq!(desk.at([7, 16, 25]), CYST);
        assert_eq!(desk.at([7, 16, 18]) == LIVER, liver_kept, "{overwrite:?} {locked:?}");
        assert_eq!(desk.at([7, 16, 34]) == SPLEEN, spleen_kept, "{overwrite:?} {locked:?}");
    }
}

#[test]
fn threshold_draws_only_within_the_range_and_pick_takes_it_from_the_image() {
    let mut desk = Desk::editing(CYST);
    desk.apply(Command::SetCursor([7, 32, 30]));
    desk.apply(Command::PickRange);
    assert_eq!(desk.state().case.as_ref().unwrap().edit.range, [180.0, 180.0]);
    desk.apply(Command::SetRange([200.0, 100.0]));
    take(&mut desk, Tool::Threshold, 30.0);
    stroke(&mut desk, [7.0, 32.0, 24.0], [7.0, 32.0, 24.0]);
    assert!(desk.count(CYST) > 20);
    assert!((0..SIZE[1]).all(|y| (0..24).all(|x| desk.at([7, y, x]) != CYST)), "the dark half is outside the range");
    take(&mut desk, Tool::Brush, 6.0);
    desk.apply(Command::OnlyWithin(true));
    let before = desk.count(CYST);
    stroke(&mut desk, [3.0, 32.0, 10.0], [3.0, 32.0, 10.0]);
    assert_eq!(desk.count(CYST), before);
}

#[test]
fn lasso_and_fill() {
    let mut desk = Desk::editing(CYST);
    desk.apply(Command::TakeTool(Tool::Lasso));
    for corner in [[7.0, 30.5, 24.5], [7.0, 30.5, 34.5], [7.0, 34.5, 34.5], [7.0, 34.5, 24.5]] {
        desk.apply(Command::LassoPoint(Plane::Axial, corner));
    }
    desk.apply(Command::LassoApply);
    assert_eq!(desk.count(CYST), 40);
    assert!(desk.state().case.as_ref().unwrap().edit.lasso.is_empty());
    desk.apply(Command::TakeTool(Tool::Fill));
    desk.apply(Command::FillAt { plane: Plane::Axial, at_zyx: [6.0, 16.0, 34.0], in_3d: false });
    assert_eq!(desk.count(CYST), 40 + 11 * 11, "the spleen's slice");
    desk.apply(Command::FillAt { plane: Plane::Axial, at_zyx: [7.0, 16.0, 34.0], in_3d: true });
    assert!(desk.state().case.as_ref().unwrap().edit.working.is_some(), "a fill in 3D works beside the window");
    desk.worked();
    // The slice filled before separates slice 5 from the rest.
    assert_eq!(desk.count(SPLEEN), 11 * 11);
    assert_eq!(desk.steps().0, ["Lasso, Cyst", "Fill, Cyst", "Fill, Cyst"].map(str::to_owned));
    // Background of the whole scan, stopped: nothing changes.
    let before = desk.labels();
    desk.apply(Command::FillAt { plane: Plane::Axial, at_zyx: [0.0, 0.0, 0.0], in_3d: true });
    desk.apply(Command::Undo);
    assert_eq!(desk.steps().1, 3, "undo waits for the operation");
    desk.apply(Command::StopWork);
    desk.worked();
    assert_eq!(desk.labels(), before);
}

#[test]
fn operations_on_whole_structures() {
    let mut desk = Desk::editing(LIVER);
    let liver = desk.count(LIVER);
    desk.apply(Command::KeepLargest);
    desk.worked();
    assert_eq!(desk.count(LIVER), liver - 4);
    desk.apply(Command::Undo);
    desk.apply(Command::SetIslandSize(0.1));
    desk.apply(Command::RemoveSmall);
    desk.worked();
    assert_eq!(desk.count(LIVER), liver - 4);
    desk.apply(Command::Undo);
    desk.apply(Command::SetCursor([13, 34, 4]));
    desk.apply(Command::KeepPiece);
    desk.worked();
    assert_eq!(desk.count(LIVER), 4);
    desk.apply(Command::Undo);
    desk.apply(Command::SplitPieces);
    desk.worked();
    assert_eq!((desk.count(LIVER), desk.count(4)), (liver - 4, 4));
    assert_eq!(desk.state().case.as_ref().unwrap().name_of(4), Some("Liver 2"));
    desk.apply(Command::Relabel { from: 4, to: SPLEEN });
    desk.worked();
    assert_eq!(desk.at([13, 34, 4]), SPLEEN);
    let main = desk.count(LIVER);
    desk.apply(Command::Grow(1.5));
    desk.worked();
    let grown = desk.count(LIVER);
    assert!(grown > main);
    desk.apply(Command::Grow(-1.5));
    desk.worked();
    assert!(desk.count(LIVER) < grown);
    desk.apply(Command::Smooth(2.0));
    desk.worked();
    desk.apply(Command::Select(Some(CYST)));
    take(&mut desk, Tool::Brush, 6.0);
    for z in [1.0, 5.0] {
        stroke(&mut desk, [z, 33.0, 25.0], [z, 33.0, 25.0]);
    }
    desk.apply(Command::Interpolate(Plane::Axial));
    desk.worked();
    assert!((1..=5).all(|z| desk.at([z, 33, 25]) == CYST));
    let case = desk.state().case.as_ref().unwrap();
    let LayerVoxels::Edited(history) = &case.layer().unwrap().voxels else { panic!() };
    let last = history.steps().last().unwrap();
    assert_eq!((last.name.as_str(), last.detail.as_str()), ("Interpolate, Cyst", "axial 3–5"));
}

#[test]
fn history_undoes_jumps_and_comes_back() {
    let mut desk = Desk::editing(CYST);
    take(&mut desk, Tool::Sphere, 6.0);
    let mut states = Vec::new();
    stroke(&mut desk, FREE, FREE);
    states.push(desk.labels());
    for x in [10.0, 20.0, 30.0] {
        stroke(&mut desk, [2.0, 20.0, x], [3.0, 22.0, x + 3.0]);
        states.push(desk.labels());
    }
    for back in [2, 1, 0] {
        desk.apply(Command::Undo);
        assert_eq!(desk.labels(), states[back]);
    }
    desk.apply(Command::JumpTo(4));
    assert_eq!(desk.labels(), states[3]);
    desk.apply(Command::JumpTo(2));
    desk.apply(Command::Redo);
    assert_eq!(desk.labels(), states[2]);
    let steps = desk.steps();
    assert_eq!(steps.1, 3);
    let mut desk = desk.restart();
    assert_eq!((desk.labels(), desk.steps()), (states[2].clone(), steps), "undo survives a restart");
    assert!(desk.causes().is_empty(), "an orderly end is no crash: {:?}", desk.causes());
    desk.apply(Command::Redo);
    assert_eq!(desk.labels(), states[3]);
    desk.apply(Command::JumpTo(0));
    let model: Vec<u16> =
        (0..SIZE[0]).flat_map(|z| (0..SIZE[1]).flat_map(move |y| (0..SIZE[2]).map(move |x| u16::from(model_label([z, y, x]))))).collect();
    assert_eq!(desk.labels(), model, "all undone: the model's mask");
}

#[test]
fn after_a_crash_every_step_is_back_and_said_so() {
    let mut desk = Desk::editing(CYST);
    for x in [25.0, 30.0] {
        stroke(&mut desk, [7.0, 33.0, x], [7.0, 33.0, x]);
    }
    let labels = desk.labels();
    // A stroke under way, and no orderly end.
    desk.apply(Command::StrokeBegin(Plane::Axial, [12.0, 33.0, 30.0]));
    let last = desk.labels();
    assert_ne!(labels, last);
    let desk = desk.again();
    assert_eq!(desk.labels(), last);
    assert_eq!(desk.causes(), ["Voxelry closed unexpectedly."]);
    assert!(desk.state().banners[0].detail.contains("All 3 edit steps"), "{:?}", desk.state().banners);
}

#[test]
fn a_new_structure_is_drawn_into_a_new_layer() {
    let mut desk = Desk::editing(LIVER);
    desk.apply(Command::NewStructure("  Lesion ".to_owned()));
    let case = desk.state().case.as_ref().unwrap();
    assert_eq!(case.view.selected.and_then(|value| case.name_of(value)), Some("Lesion"));
    stroke(&mut desk, FREE, FREE);
    assert_eq!(desk.at([7, 33, 25]), 4);
    // A name that is there is not made twice.
    desk.apply(Command::NewStructure("spleen".to_owned()));
    assert_eq!(desk.state().case.as_ref().unwrap().view.selected, Some(SPLEEN));
    let names: Vec<Label> = desk.state().case.as_ref().unwrap().table().unwrap().iter().cloned().collect();
    assert_eq!(names.len(), 4);
    let desk = desk.restart();
    assert_eq!(desk.state().case.as_ref().unwrap().name_of(4), Some("Lesion"));
}

#[test]
fn the_edit_screen_shows_one_large_plane_and_gives_it_back() {
    use voxelry_app::state::Layout;
    let mut desk = Desk::editing(LIVER);
    assert_eq!(desk.state().case.as_ref().unwrap().view.layout, Layout::OneAndTwo(Plane::Axial));
    assert_eq!(desk.state().case.as_ref().unwrap().edit.tool, Tool::Brush);
    desk.apply(Command::SetMode(Mode::View));
    assert_eq!(desk.state().case.as_ref().unwrap().view.layout, Layout::FourUp);
}

/// A file system of 256 KiB holds the case's layers; Linux lets any user make one in a namespace of its own.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_loses_nothing() {
    let small = tempfile::tempdir().unwrap();
    let program = std::env::current_exe().unwrap();
    let script = "mount -t tmpfs -o size=256k none \"$1\" && exec \"$2\" --exact edit::on_a_small_disk --ignored --nocapture";
    let output = Program::new("unshare")
        .args(["-rm", "sh", "-ec", script, "sh"])
        .arg(small.path())
        .arg(program)
        .env("SMALL_DISK", small.path())
        .output()
        .unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "runs inside a_full_disk_loses_nothing, which makes the small disk"]
fn on_a_small_disk() {
    let small = std::env::var_os("SMALL_DISK").expect("the disk");
    let small = Path::new(&small);
    let mut desk = Desk::open();
    // The layers lie on the small disk.
    let layers = desk.case.join("layers");
    fs::create_dir(small.join("layers")).unwrap();
    copy(&layers, &small.join("layers"));
    fs::remove_dir_all(&layers).unwrap();
    std::os::unix::fs::symlink(small.join("layers"), &layers).unwrap();
    let case = desk.case.clone();
    desk.apply(Command::OpenCase(case));
    desk.apply(Command::SetMode(Mode::Edit));
    desk.apply(Command::Select(Some(CYST)));
    take(&mut desk, Tool::Brush, 4.0);
    stroke(&mut desk, FREE, FREE);
    assert!(desk.causes().is_empty(), "{:?}", desk.causes());
    // Somebody else fills the rest.
    let hog = small.join("hog");
    fill(&hog);
    let (mut drawn, mut strokes) = (desk.labels(), 0);
    for x in 0..400 {
        let x = 3.0 + f64::from(x % 20) * 2.0;
        desk.apply(Command::StrokeBegin(Plane::Axial, [12.0, 8.0 + f64::from(strokes / 20), x]));
        desk.apply(Command::StrokeEnd);
        strokes += 1;
        if desk.state().case.as_ref().unwrap().edit.paused.is_some() {
            break;
        }
        drawn = desk.labels();
    }
    let done = desk.steps().1;
    assert_eq!(desk.causes(), ["The disk is full, so the last stroke is not saved yet."]);
    assert!(desk.state().banners[0].detail.starts_with(&format!("The {done} steps before it are on disk.")));
    assert_eq!(desk.labels(), drawn, "what is not on disk is not on screen");
    stroke(&mut desk, [2.0, 20.0, 30.0], [2.0, 20.0, 30.0]);
    assert_eq!(desk.labels(), drawn, "drawing is paused");
    desk.apply(Command::ResumeEditing);
    assert_eq!(desk.causes().len(), 1, "still full");
    fs::remove_file(&hog).unwrap();
    desk.apply(Command::ResumeEditing);
    assert!(desk.causes().is_empty(), "{:?}", desk.causes());
    assert_eq!(desk.steps().1, done + 1, "the stroke the disk refused is kept now");
    let labels = desk.labels();
    assert_ne!(labels, drawn);
    let mut desk = desk.restart();
    assert_eq!((desk.labels(), desk.steps().1), (labels, done + 1));
    // An operation is written down beside the window; what the disk refuses is not on screen either, and is not lost.
    desk.apply(Command::SetMode(Mode::Edit));
    desk.apply(Command::Select(Some(LIVER)));
    fill(&hog);
    let (mut shown, mut steps) = (desk.labels(), desk.steps().1);
    for at in 0..60 {
        desk.apply(Command::Grow(if at % 2 == 0 { 3.0 } else { -3.0 }));
        desk.worked();
        if desk.state().case.as_ref().unwrap().edit.paused.is_some() {
            break;
        }
        (shown, steps) = (desk.labels(), desk.steps().1);
    }
    // Measuring may have met the full disk, too.
    let full = "The disk is full, so the last stroke is not saved yet.".to_owned();
    assert!(desk.causes().contains(&full), "{:?}", desk.causes());
    assert_eq!((desk.labels(), desk.steps().1), (shown.clone(), steps));
    fs::remove_file(&hog).unwrap();
    desk.apply(Command::ResumeEditing);
    assert_eq!((desk.causes().contains(&full), desk.steps().1), (false, steps + 1));
    let labels = desk.labels();
    assert_ne!(labels, shown);
    let desk = desk.restart();
    assert_eq!((desk.labels(), desk.steps().1), (labels, steps + 1));
}

/// Takes all the room there is.
#[cfg(target_os = "linux")]
fn fill(hog: &Path) {
    let mut file = fs::File::create(hog).unwrap();
    while std::io::Write::write(&mut file, &[1; 4096]).is_ok_and(|written| written > 0) {}
}

#[cfg(target_os = "linux")]
fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
