//! The jobs of the window, one after another, as it asks for them; and what they say when something is wrong.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use formats::nifti::{self, ReadOptions};
use formats::{label_table, nrrd};
use jobs::case::{CaseFolder, Decision, LayerFile, LayerFolder, LayerState};
use jobs::{
    CompareJob, Document, EstimateJob, Event, ExportJob, ExportKind, FailureKind, Fit, ImportLayerJob, Job, ListJob, ModelsJob, OpenJob,
    Quality, Report, ReviewJob, SegmentCaseJob, Stage,
};
use volume::{LabelMap, LabelVoxels};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/golden/e2e").join(name)
}

fn model() -> PathBuf {
    golden("model/nnUNetTrainer_MedNeXtV2Tiny__nnUNetPlans__3d_fullres")
}

/// Does a job; events as they came.
fn ask(job: Job) -> (Document, Vec<Event>) {
    let mut events = Vec::new();
    let document = crate::run(&job, &mut |event| events.push(event), &AtomicBool::new(false));
    (document, events)
}

fn report(job: Job) -> (Report, Vec<Event>) {
    let (document, events) = ask(job);
    assert!(document.ok, "{:?}", document.error);
    (document.report.unwrap(), events)
}

fn refused(job: Job) -> (FailureKind, String) {
    let error = ask(job).0.error.unwrap();
    (error.kind, error.sentence)
}

fn open_job(input: &Path, cases: &Path) -> Job {
    Job::Open(OpenJob { inputs: vec![input.to_owned()], series: None, volume: None, cases: cases.to_owned() })
}

fn opened(folder: &Path) -> CaseFolder {
    let (Report::Open(open), _) = report(open_job(&golden("testA_0000.nii.gz"), &folder.join("cases"))) else { panic!() };
    CaseFolder::at(open.case)
}

fn segment_job(case: &CaseFolder, quality: Quality) -> SegmentCaseJob {
    SegmentCaseJob {
        case: case.path().to_owned(),
        model: model(),
        quality,
        mirroring: None,
        structures: None,
        device: "cpu".to_owned(),
        device_memory_mib: None,
        resume: None,
    }
}

fn segment(job: SegmentCaseJob) -> (u32, Vec<Event>) {
    let (Report::Layer(layer), events) = report(Job::SegmentCase(job)) else { panic!() };
    (layer.layer, events)
}

/// The values of a layer as it was made.
fn values(case: &CaseFolder, layer: &LayerFolder) -> Vec<u16> {
    let file = layer.read().unwrap();
    let mapped = layer.map_labels(&file, case.read().unwrap().geometry.size_zyx).unwrap();
    match mapped.as_u8() {
        Some(bytes) => bytes.iter().map(|value| u16::from(*value)).collect(),
        None => mapped.as_u16().unwrap().to_vec(),
    }
}

fn flat(mask: &LabelMap) -> Vec<u16> {
    let mut values = Vec::new();
    mask.voxels.for_each(|value| values.push(value));
    values
}

fn export_job(case: &CaseFolder, layer: u32, folder: &Path, kinds: Vec<ExportKind>) -> ExportJob {
    ExportJob {
        case: case.path().to_owned(),
        layer,
        kinds,
        folder: folder.to_owned(),
        stem: "study".to_owned(),
        only_accepted: false,
        without_patient: true,
        overwrite: false,
    }
}

#[test]
fn from_a_file_to_a_reviewed_and_exported_mask() {
    let folder = tempfile::tempdir().unwrap();
    let (pictures, cases) = (folder.path().join("pictures"), folder.path().join("cases"));
    fs::create_dir(&pictures).unwrap();
    let input = golden("testA_0000.nii.gz");
    let (Report::List(list), _) = report(Job::List(ListJob { input: input.clone(), pictures: pictures.clone() })) else { panic!() };
    let [study] = list.studies.as_slice() else { panic!("{list:?}") };
    assert!(study.refused.is_none() && study.slices == study.placement.as_ref().unwrap().size_zyx[0], "{study:?}");
    for picture in [&study.picture, &study.coronal] {
        assert!(fs::read(picture.as_ref().unwrap()).unwrap().starts_with(b"\x89PNG"));
    }

    let (Report::Open(open), _) = report(open_job(&input, &cases)) else { panic!() };
    assert!(!open.known);
    let (Report::Open(again), _) = report(open_job(&input, &cases)) else { panic!() };
    assert_eq!((again.known, &again.case), (true, &open.case));
    let case = CaseFolder::at(&open.case);
    let about = case.read().unwrap();
    let scan = formats::study::open(&input, &Default::default()).unwrap().scan;
    let image = case.map_image(&about).unwrap();
    assert!(scan.voxels.indexed_iter().all(|((z, y, x), value)| image.value([z, y, x]) == *value));
    assert_eq!(about.geometry, scan.geometry);

    let models = ModelsJob { places: vec![golden("model"), folder.path().to_owned()], case: Some(open.case.clone()) };
    let (Report::Models(models), _) = report(Job::Models(models)) else { panic!() };
    let card = models.models.iter().find(|card| card.path.starts_with(golden("model"))).unwrap();
    assert_eq!((card.modality.as_str(), card.labels.len(), card.folds, card.patch_zyx), ("CT", 3, 1, [32, 64, 64]));
    assert_eq!(card.fit, Fit::Unknown, "a NIfTI file does not say what it is");

    let estimate = EstimateJob { case: open.case.clone(), model: model(), device: "cpu".to_owned(), device_memory_mib: None };
    let (Report::Estimate(estimate), _) = report(Job::Estimate(estimate)) else { panic!() };
    let tiles: Vec<u64> = estimate.qualities.iter().map(|quality| quality.tiles).collect();
    assert!(
        estimate.cpu && estimate.measured && estimate.qualities.iter().all(|quality| quality.refused.is_none() && quality.seconds > 0.0)
    );
    assert_eq!(tiles[1..], [12, 96], "as nnU-Net's own list of tiles");
    assert!(tiles[0] < 12 && estimate.qualities[0].needed_mib > 0 && estimate.main_needed_mib > 0);

    let (layer, events) = segment(segment_job(&case, Quality::Best));
    follow(&case, layer, &events, 96);
    let layer = case.layer(layer);
    let file = layer.read().unwrap();
    assert_eq!((file.state, file.done, file.setting.as_str()), (LayerState::Complete, 1.0, "Best"));
    let made = file.provenance.as_ref().unwrap();
    assert!(made.seconds > 0.0 && made.source == about.source.identity && made.device == file.device && !made.model.sha256.is_empty());
    let truth = nifti::read_labels(&golden("seg_mirror.nii.gz"), &ReadOptions::default()).unwrap();
    let (found, truth_values) = (values(&case, &layer), flat(&truth));
    let differing = found.iter().zip(&truth_values).filter(|(a, b)| a != b).count();
    assert!(found.len() == truth_values.len() && differing * 10_000 < found.len(), "{differing} voxels differ from nnU-Net's mask");
    let doubt = layer.map_doubt(about.geometry.size_zyx).unwrap().unwrap();
    let doubtful = doubt.as_u8().unwrap().iter().filter(|doubt| **doubt > 128).count();
    assert!(doubtful > 0 && doubtful * 2 < found.len(), "{doubtful} of {} voxels are in doubt", found.len());

    review_compare_export(folder.path(), &case, layer.number(), &truth);
}

/// What the window heard: the layer before anything else of it, tiles inside the scan, and every labelled voxel announced.
fn follow(case: &CaseFolder, layer: u32, events: &[Event], runs: u64) {
    let size = case.read().unwrap().geometry.size_zyx;
    let first = events.iter().position(|event| matches!(event, Event::Layer { .. } | Event::Labels { .. } | Event::Tile { .. })).unwrap();
    let Event::Layer { layer: told, table, .. } = &events[first] else { panic!("{:?}", events[first]) };
    assert_eq!((*told, table.iter().count()), (layer, 3));
    let tiles: Vec<_> = events
        .iter()
        .filter_map(|event| if let Event::Tile { region, total, .. } = event { Some((region, total)) } else { None })
        .collect();
    assert!(tiles.len() == 12 && tiles.iter().all(|(region, total)| **total == runs && (0..3).all(|a| region.end_zyx[a] <= size[a])));
    let last = events.iter().rev().find_map(|event| match event {
        Event::Progress { stage: Stage::Predicting, done, total, .. } => Some((*done, *total)),
        _ => None,
    });
    assert_eq!(last, Some((runs, runs)));
    let mut told = vec![false; size.iter().product()];
    for event in events {
        let Event::Labels { region } = event else { continue };
        for z in region.range(0) {
            for y in region.range(1) {
                told[(z * size[1] + y) * size[2]..][region.range(2)].fill(true);
            }
        }
    }
    let values = values(case, &case.layer(layer));
    assert!(values.iter().zip(&told).all(|(value, told)| *told || *value == 0), "a label was never announced");
}

fn review_compare_export(folder: &Path, case: &CaseFolder, layer: u32, truth: &LabelMap) {
    let review = |layer: u32| {
        report(Job::Review(ReviewJob { case: case.path().to_owned(), layer }));
        case.layer(layer).read_review().unwrap().unwrap()
    };
    let mut reviewed = review(layer);
    assert_eq!(reviewed.structures.len(), 3);
    let size = case.read().unwrap().geometry.size_zyx;
    let found = values(case, &case.layer(layer));
    for structure in &reviewed.structures {
        let voxels = found.iter().filter(|value| **value == structure.value).count();
        assert_eq!(structure.voxels, voxels as u64);
        assert!(voxels == 0 || structure.certainty.is_some_and(|certainty| certainty > 0.3 && certainty <= 1.0), "{structure:?}");
        assert!((0..3).all(|a| structure.focus_zyx[a] < size[a]));
    }
    reviewed.structures[0].decision = Decision::Accepted;
    let accepted = reviewed.structures[0].value;
    reviewed.structures[0].note = "sharp".to_owned();
    case.layer(layer).write_review(&reviewed).unwrap();
    let kept = review(layer);
    let kept = kept.structures.iter().find(|structure| structure.value == accepted).unwrap();
    assert_eq!((kept.decision, kept.note.as_str()), (Decision::Accepted, "sharp"), "decisions survive another measure");

    let import = |mask: PathBuf| Job::ImportLayer(ImportLayerJob { case: case.path().to_owned(), mask, table: None });
    let (Report::Layer(imported), _) = report(import(golden("seg_mirror.nii.gz"))) else { panic!() };
    assert_eq!(values(case, &case.layer(imported.layer)), flat(truth));
    let compare = |reference| CompareJob { case: case.path().to_owned(), layer, reference, tolerance_mm: 1.0 };
    let (document, _) = ask(Job::Compare(compare(imported.layer)));
    // The file has no names, so values got other ones; the same layer agrees with itself.
    assert!(document.ok || document.error.unwrap().sentence.contains("mean different things"));
    let (Report::Compare(same), _) = report(Job::Compare(compare(layer))) else { panic!() };
    assert!(same.structures.iter().all(|structure| structure.dice.is_none_or(|dice| dice == 1.0)) && same.structures.len() == 3);

    export_everything(folder, case, layer, accepted);
    let named = folder.join("out/study.seg.nrrd");
    let (Report::Layer(again), _) = report(import(named)) else { panic!() };
    let (Report::Compare(compared), _) = report(Job::Compare(compare(again.layer))) else { panic!() };
    assert!(compared.structures.iter().all(|structure| structure.dice.is_none_or(|dice| dice == 1.0)), "{compared:?}");
}

fn export_everything(folder: &Path, case: &CaseFolder, layer: u32, accepted: u16) {
    use ExportKind::*;
    let all = vec![Nifti, SegNrrd, Stl, Obj, Ply, Csv, Json, ItkSnapLabels, SlicerColors, Report];
    let out = folder.join("out");
    let job = export_job(case, layer, &out, all.clone());
    let (jobs::Report::Export(exported), _) = report(Job::Export(job.clone())) else { panic!() };
    assert_eq!(exported.failed, []);
    assert!(all.iter().all(|kind| exported.files.iter().any(|file| file.kind == *kind && file.bytes > 0)), "{exported:?}");
    assert!(exported.files.iter().all(|file| file.verified != Some(false) && fs::metadata(&file.path).unwrap().len() == file.bytes));
    let wanted = values(case, &case.layer(layer));
    assert_eq!(flat(&nifti::read_labels(&out.join("study_seg.nii.gz"), &ReadOptions::default()).unwrap()), wanted);
    assert_eq!(flat(&nrrd::read_labels(&out.join("study.seg.nrrd"), &ReadOptions::default()).unwrap().labels), wanted);
    assert_eq!(label_table::read(&out.join("study_labels.txt")).unwrap().1.iter().count(), 3);
    assert_eq!(fs::read_to_string(out.join("study_statistics.csv")).unwrap().lines().count(), 4);
    let json: serde_json::Value = serde_json::from_slice(&fs::read(out.join("study_statistics.json")).unwrap()).unwrap();
    assert!(json.to_string().contains("tumor"), "{json}");
    let page = fs::read_to_string(out.join("study_report.html")).unwrap();
    assert!(page.contains("</html>") && page.contains("Tumor") && !page.contains("tumor"), "people read words: {page}");

    let (kind, sentence) = refused(Job::Export(job.clone()));
    assert!(kind == FailureKind::Output && sentence.contains("already a file"), "{sentence}");
    let only = ExportJob { only_accepted: true, overwrite: true, kinds: vec![Nifti], ..job };
    report(Job::Export(only));
    let LabelMap { voxels: LabelVoxels::U8(voxels), .. } =
        nifti::read_labels(&out.join("study_seg.nii.gz"), &ReadOptions::default()).unwrap()
    else {
        panic!("three labels fit a byte")
    };
    assert!(voxels.iter().zip(&wanted).all(|(found, wanted)| u16::from(*found) == if *wanted == accepted { accepted } else { 0 }));
}

#[test]
fn a_choice_of_structures_is_kept_and_the_rest_is_background() {
    let folder = tempfile::tempdir().unwrap();
    let case = opened(folder.path());
    let whole = segment(segment_job(&case, Quality::Fast)).0;
    let (one, events) = segment(SegmentCaseJob { structures: Some(vec![1]), ..segment_job(&case, Quality::Fast) });
    let (whole, one) = (values(&case, &case.layer(whole)), values(&case, &case.layer(one)));
    assert!(whole.iter().zip(&one).all(|(whole, one)| *one == if *whole == 1 { 1 } else { 0 }) && one.contains(&1));
    let table = events.iter().find_map(|event| if let Event::Layer { table, .. } = event { Some(table) } else { None }).unwrap();
    assert_eq!(table.iter().map(|label| label.value).collect::<Vec<_>>(), [1]);
    let mirrored = SegmentCaseJob { mirroring: Some(true), ..segment_job(&case, Quality::Fast) };
    let layer = case.layer(segment(mirrored).0).read().unwrap();
    let parameters = layer.provenance.unwrap().parameters;
    assert_eq!((parameters.step_size, parameters.mirror_axes, parameters.precision.as_str()), (0.75, vec![0, 1, 2], "f32"));
    for structures in [vec![], vec![9]] {
        let (kind, _) = refused(Job::SegmentCase(SegmentCaseJob { structures: Some(structures), ..segment_job(&case, Quality::Fast) }));
        assert_eq!(kind, FailureKind::Usage);
    }
}

#[test]
fn a_cancelled_run_leaves_what_it_finished() {
    let folder = tempfile::tempdir().unwrap();
    let case = opened(folder.path());
    let whole = segment(segment_job(&case, Quality::Balanced)).0;
    let cancel = AtomicBool::new(false);
    let mut asked = None;
    let mut layer = None;
    let mut stop = |event: Event| match event {
        Event::Layer { layer: number, .. } => layer = Some(number),
        Event::Progress { stage: Stage::Predicting, done: 9, .. } => {
            cancel.store(true, Ordering::Relaxed);
            asked = Some(Instant::now());
        }
        _ => {}
    };
    let document = crate::run(&Job::SegmentCase(segment_job(&case, Quality::Balanced)), &mut stop, &cancel);
    assert_eq!(document.error.unwrap().kind, FailureKind::Cancelled);
    assert!(asked.unwrap().elapsed().as_secs_f64() < 1.0, "it took {:?} to stop", asked.unwrap().elapsed());
    let layer = case.layer(layer.unwrap());
    let LayerFile { state, done, .. } = layer.read().unwrap();
    assert_eq!((state, (done * 12.0).round()), (LayerState::Partial, 9.0));
    let (whole, part) = (values(&case, &case.layer(whole)), values(&case, &layer));
    assert!(part.iter().zip(&whole).all(|(part, whole)| part == whole || *part == 0), "what is there is final");
    assert!(part.iter().any(|value| *value != 0) && part != whole);
    // It can be looked at like any other.
    report(Job::Review(ReviewJob { case: case.path().to_owned(), layer: layer.number() }));

    // Other settings make another layer; the same ones finish this one, without the runs whose parts are there.
    let resume = Some(layer.number());
    let other = segment(SegmentCaseJob { resume, ..segment_job(&case, Quality::Fast) }).0;
    assert_ne!(other, layer.number());
    let left = layer.read().unwrap().unfinished.unwrap();
    assert!(left.count > 0 && !left.in_planes, "{left:?}");
    let (number, events) = segment(SegmentCaseJob { resume, ..segment_job(&case, Quality::Balanced) });
    assert_eq!(number, layer.number());
    let runs: Vec<u64> =
        events.iter().filter_map(|event| if let Event::Progress { done, .. } = event { Some(*done) } else { None }).collect();
    // A study of three rows of tiles has none to leave out.
    assert_eq!(runs.last(), Some(&12), "{runs:?}");
    let LayerFile { state, done, unfinished, provenance, .. } = layer.read().unwrap();
    assert_eq!((state, done, unfinished), (LayerState::Complete, 1.0, None));
    assert_eq!(provenance.unwrap().parameters.step_size, 0.5);
    assert_eq!(values(&case, &layer), whole);
}

#[test]
fn what_is_wrong_is_said_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir_all(path("junk/deeper")).unwrap();
    fs::write(path("junk/a.txt"), b"nothing").unwrap();
    fs::write(path("junk/deeper/b.bin"), [0; 300]).unwrap();
    fs::write(path("file"), b"").unwrap();
    let list = |name: &str| refused(Job::List(ListJob { input: path(name), pictures: folder.path().to_owned() }));
    let (kind, sentence) = list("junk");
    assert!(kind == FailureKind::InputRefused && sentence.starts_with("2 files were looked at"), "{sentence}");
    assert!(matches!(list("nothing"), (FailureKind::InputMissing, _)));
    assert!(matches!(refused(open_job(&path("nothing.nii.gz"), &path("cases"))), (FailureKind::InputMissing, _)));
    let (kind, sentence) = refused(open_job(&golden("testA_0000.nii.gz"), &path("file/cases")));
    assert!(kind == FailureKind::Output && sentence.starts_with("cannot write the case"), "{sentence}");

    let source = path("moving.nii.gz");
    fs::copy(golden("testA_0000.nii.gz"), &source).unwrap();
    let (Report::Open(open), _) = report(open_job(&source, &path("cases"))) else { panic!() };
    let case = CaseFolder::at(&open.case);
    let job = || Job::SegmentCase(segment_job(&case, Quality::Fast));
    let wrong_model = SegmentCaseJob { model: path("junk"), ..segment_job(&case, Quality::Fast) };
    assert!(matches!(refused(Job::SegmentCase(wrong_model)).0, FailureKind::ModelRefused | FailureKind::InputMissing));
    fs::copy(golden("seg_mirror.nii.gz"), &source).unwrap();
    let (kind, sentence) = refused(job());
    assert!(kind == FailureKind::InputRefused && sentence.contains("has changed since"), "{sentence}");
    fs::remove_file(&source).unwrap();
    assert!(matches!(refused(job()), (FailureKind::InputMissing, _)));
    assert_eq!(case.layers().unwrap(), [], "nothing was made");
    let gone = CaseFolder::at(path("cases/none"));
    assert!(matches!(refused(Job::Review(ReviewJob { case: gone.path().to_owned(), layer: 1 })), (FailureKind::InputMissing, _)));
    let export = export_job(&case, 7, &path("out"), vec![ExportKind::Csv]);
    assert!(matches!(refused(Job::Export(export)), (FailureKind::InputMissing, _)));
}

/// A small disk of its own, where the system lets us.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path, kib: usize) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={kib}k"), "tmpfs"]).arg(at).output().ok()?;
        mounted.status.success().then(|| Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg(&self.0).status().ok();
    }
}

#[test]
fn a_full_disk_is_said_before_the_work_and_leaves_no_half_layer() {
    let folder = tempfile::tempdir().unwrap();
    let case = opened(folder.path());
    // Room for the case, not for a mask and its doubt.
    let image = fs::metadata(case.image_path()).unwrap().len() as usize >> 10;
    let Some(disk) = SmallDisk::mount(&folder.path().join("disk"), image + image / 4 + 200) else {
        eprintln!("no right to mount a small disk here, so a full one was not tried");
        return;
    };
    let (Report::Open(open), _) = report(open_job(&golden("testA_0000.nii.gz"), &disk.0.join("cases"))) else { panic!() };
    let case = CaseFolder::at(&open.case);
    let (kind, sentence) = refused(Job::SegmentCase(segment_job(&case, Quality::Fast)));
    assert!(kind == FailureKind::Output && sentence.starts_with("the layer cannot be written"), "{sentence}");
    assert_eq!(case.layers().unwrap(), []);
    let other = disk.0.join("other.raw");
    fs::write(&other, vec![1; 100 << 10]).ok();
    let (kind, _) = refused(open_job(&golden("seg_mirror.nii.gz"), &disk.0.join("more")));
    assert_eq!(kind, FailureKind::Output);
}
