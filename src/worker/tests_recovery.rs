//! A device lost under a case: the mask stays the same, and the user is told.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::AtomicBool;

use engine::Device;
use formats::study::OpenOptions;
use jobs::{Event, Notice};

use crate::run::Run;
use crate::session::{Finished, Session, Settings, load_model};
use crate::study;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/golden/e2e").join(name)
}

fn open(run: &mut Run<'_>) -> Session {
    let model = golden("model/nnUNetTrainer_MedNeXtV2Tiny__nnUNetPlans__3d_fullres");
    let settings = Settings {
        model: &model,
        folds: None,
        step_size: 0.5,
        disable_tta: true,
        device: "gpu",
        precision: "f32",
        device_memory_mib: None,
    };
    Session::open(load_model(&settings, run).unwrap(), &settings, run).unwrap()
}

fn segment(session: &mut Session, folder: &Path, name: &str, run: &mut Run<'_>) -> Finished {
    run.begin_case(name, 0, 1);
    let study = study::read(&[golden("testA_0000.nii.gz")], &OpenOptions::default(), run).unwrap();
    session.segment(study, &folder.join(name), false, run).unwrap()
}

fn losses(warnings: &[Notice]) -> Vec<&str> {
    warnings.iter().filter(|notice| notice.code == "DEVICE_LOST").map(|notice| notice.text.as_str()).collect()
}

#[test]
fn a_lost_device_costs_tiles_not_the_case() {
    let folder = tempfile::tempdir().unwrap();
    let cancel = AtomicBool::new(false);
    let lose_at_second_tile = Rc::new(RefCell::new(None::<Device>));
    let armed = Rc::clone(&lose_at_second_tile);
    let mut devices = Vec::new();
    let mut events = |event| match event {
        Event::Progress { done: 2, .. } => {
            if let Some(device) = armed.borrow_mut().take() {
                device.abandon();
            }
        }
        Event::Device { name, .. } => devices.push(name),
        _ => {}
    };
    let mut run = Run::new(&mut events, &cancel);
    let mut session = open(&mut run);
    let first_device = session.device().to_owned();
    let undisturbed = segment(&mut session, folder.path(), "a.nii.gz", &mut run);
    assert!(losses(&undisturbed.provenance.warnings).is_empty());

    *lose_at_second_tile.borrow_mut() = Some(session.networks().device().clone());
    let again = segment(&mut session, folder.path(), "b.nii.gz", &mut run);
    assert_eq!(again.mask.voxels, undisturbed.mask.voxels);
    let told = losses(&again.provenance.warnings);
    assert!(told.len() == 1 && told[0].starts_with("the graphics device failed at tile "), "{told:?}");
    assert!(told[0].ends_with("(the device was lost); went on with the same device, opened again"), "{told:?}");
    assert_eq!(session.device(), first_device);

    session.networks().device().abandon();
    let on_cpu = segment(&mut session, folder.path(), "c.nii.gz", &mut run);
    let told = losses(&on_cpu.provenance.warnings);
    assert!(told.len() == 1 && told[0].contains("went on with CPU"), "{told:?}");
    assert!(session.device().starts_with("CPU") && on_cpu.provenance.device == session.device());
    let size = undisturbed.mask.voxels.size_zyx();
    let differing = indices(size).filter(|at| on_cpu.mask.voxels.at(*at) != undisturbed.mask.voxels.at(*at)).count();
    assert!(differing <= 5, "{differing} voxels differ");

    let after = segment(&mut session, folder.path(), "d.nii.gz", &mut run);
    assert!(losses(&after.provenance.warnings).is_empty());
    assert_eq!(losses(run.warnings()).len(), 2);
    assert_eq!(devices.len(), 3, "{devices:?}");
}

fn indices([z, y, x]: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
    (0..z).flat_map(move |z| (0..y).flat_map(move |y| (0..x).map(move |x| [z, y, x])))
}
