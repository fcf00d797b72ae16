//! Bad input says one clear sentence, exits with its own code and leaves what was there alone.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{PATIENT, golden, golden_model, names_in, run, voxelry, write_ct_series, write_small_scan};

/// A folder with one of everything that goes wrong.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap() };
        write_small_scan(&desk.path("scan.nii.gz"));
        fs::create_dir(desk.path("empty")).unwrap();
        write_ct_series(&desk.path("two"), "1.2.826.0.1.3680043.9.9999.10", 4);
        write_ct_series(&desk.path("two"), "1.2.826.0.1.3680043.9.9999.20", 4);
        let whole = fs::read(desk.path("scan.nii.gz")).unwrap();
        fs::write(desk.path("cut.nii.gz"), &whole[..whole.len() * 2 / 3]).unwrap();
        fs::write(desk.path("notes.nii.gz"), "these are my notes, not a scan").unwrap();
        fs::write(desk.path("notes.safetensors"), "these are my notes, not a model").unwrap();
        fs::write(desk.path("mask.nii.gz"), "a mask from last week").unwrap();
        desk.copy_model("odd_patch", |plans| {
            plans["configurations"]["3d_fullres"]["patch_size"] = serde_json::json!([32, 64, 60]);
        });
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The golden model folder with other plans.
    fn copy_model(&self, name: &str, change: impl FnOnce(&mut serde_json::Value)) {
        let fold = self.path(name).join("fold_0");
        fs::create_dir_all(&fold).unwrap();
        fs::copy(golden_model().join("fold_0/checkpoint_final.pth"), fold.join("checkpoint_final.pth")).unwrap();
        fs::copy(golden_model().join("dataset.json"), self.path(name).join("dataset.json")).unwrap();
        let mut plans = serde_json::from_slice(&fs::read(golden_model().join("plans.json")).unwrap()).unwrap();
        change(&mut plans);
        fs::write(self.path(name).join("plans.json"), serde_json::to_vec(&plans).unwrap()).unwrap();
    }

    /// Runs the program in the folder and checks its exit code, its sentence, and that nothing was touched.
    fn refuses(&self, args: &str, code: i32, words: &[&str]) {
        let model = golden_model();
        let args: Vec<&str> = args.split(' ').map(|arg| if arg == "MODEL" { model.to_str().unwrap() } else { arg }).collect();
        let before = names_in(self.folder.path());
        let ran = run(Command::new(env!("CARGO_BIN_EXE_voxelry")).args(&args).current_dir(self.folder.path()));
        assert_eq!(ran.code, Some(code), "{args:?}: {}", ran.stderr);
        assert!(ran.stdout.is_empty(), "{args:?}: {}", ran.stdout);
        let reason = ran.reason();
        assert!(reason.starts_with("error: "), "{args:?}: {}", ran.stderr);
        for word in words {
            assert!(reason.contains(word), "{args:?} does not say {word:?}: {reason}");
        }
        assert!(!ran.stderr.contains(PATIENT), "{}", ran.stderr);
        assert_eq!(names_in(self.folder.path()), before, "{args:?} left something behind");
        assert_eq!(fs::read(self.path("mask.nii.gz")).unwrap(), b"a mask from last week", "{args:?}");
    }
}

#[test]
fn inputs_that_are_missing_or_broken() {
    let desk = Desk::new();
    desk.refuses("segment -i nowhere.nii.gz -m MODEL -o mask.nii.gz --overwrite", 3, &["nowhere.nii.gz"]);
    desk.refuses("convert nowhere mask.nii.gz --overwrite", 3, &["nowhere"]);
    desk.refuses("inspect nowhere", 3, &["nowhere"]);
    desk.refuses("segment -i empty -m MODEL -o mask.nii.gz --overwrite", 4, &["empty"]);
    desk.refuses("convert empty mask.nii.gz --overwrite", 4, &["empty"]);
    desk.refuses("convert cut.nii.gz mask.nii.gz --overwrite", 4, &["cut.nii.gz"]);
    desk.refuses("segment -i cut.nii.gz -m MODEL -o mask.nii.gz --overwrite --device cpu", 4, &["cut.nii.gz"]);
    desk.refuses("convert notes.nii.gz mask.nii.gz --overwrite", 4, &["notes.nii.gz"]);
}

#[test]
fn a_folder_with_two_series_asks_for_a_choice() {
    let desk = Desk::new();
    desk.refuses("convert two mask.nii.gz --overwrite", 4, &["two", "2 series", "--series", "Thorax 2.5 mm"]);
    desk.refuses("segment -i two -m MODEL -o mask.nii.gz --overwrite --device cpu", 4, &["--series"]);
    desk.refuses("convert two mask.nii.gz --overwrite --series 9.9.9", 4, &["9.9.9"]);
    let out = desk.path("second.nii.gz");
    voxelry([Path::new("convert"), &desk.path("two"), &out, Path::new("--series"), Path::new("1.2.826.0.1.3680043.9.9999.20")]).ok();
    assert!(out.is_file());
}

#[test]
fn models_that_do_not_fit() {
    let desk = Desk::new();
    desk.refuses("segment -i scan.nii.gz -m odd_patch -o mask.nii.gz --overwrite --device cpu", 5, &["16", "60"]);
    desk.refuses("segment -i scan.nii.gz scan.nii.gz -m MODEL -o mask.nii.gz --overwrite --device cpu", 4, &["1 image channel", "2"]);
    desk.refuses("segment -i scan.nii.gz -m notes.safetensors -o mask.nii.gz --overwrite", 5, &["notes.safetensors"]);
    desk.refuses("segment -i scan.nii.gz -m empty -o mask.nii.gz --overwrite", 5, &["empty"]);
    desk.refuses("inspect-weights notes.safetensors", 5, &["notes.safetensors"]);
    desk.refuses("import notes.safetensors -o model.safetensors", 5, &["notes.safetensors"]);
    desk.refuses("segment -i scan.nii.gz -m MODEL -o mask.nii.gz --overwrite --folds 4 --device cpu", 5, &["4"]);
}

#[test]
fn arguments_that_make_no_sense() {
    let desk = Desk::new();
    desk.refuses("segment -i scan.nii.gz -m MODEL -o mask.nii.gz --overwrite --device toaster", 2, &["toaster"]);
    desk.refuses("segment -i scan.nii.gz -m MODEL -o mask.nii.gz --overwrite --device gpu:97", 6, &["97"]);
    desk.refuses("segment -i scan.nii.gz -m MODEL -o mask.nii.gz --overwrite --step-size 0", 2, &["step"]);
    desk.refuses("segment -i scan.nii.gz -m MODEL -o mask.nii.gz --step-size 0.001", 2, &["step", "0.01"]);
    desk.refuses("segment -i scan.nii.gz -m MODEL -o mask.png", 2, &["mask.png", ".nii.gz"]);
    desk.refuses("segment -i scan.nii.gz -m MODEL -o nowhere/mask.nii.gz", 7, &["nowhere"]);
    desk.refuses("segment -i scan.nii.gz -m MODEL -o scan.nii.gz", 7, &["replace the input"]);
    desk.refuses("convert scan.nii.gz scan.nii.gz", 7, &["replace the input"]);
    desk.refuses("frobnicate", 2, &["frobnicate"]);
}

#[test]
fn what_voxelry_cannot_prove_it_wrote_is_kept() {
    let desk = Desk::new();
    let words = ["mask.nii.gz", "was not written by Voxelry", "--overwrite"];
    desk.refuses("segment -i scan.nii.gz -m MODEL -o mask.nii.gz --device cpu", 7, &words);
    desk.refuses("convert scan.nii.gz mask.nii.gz", 7, &["mask.nii.gz", "already exists", "--overwrite"]);
    desk.refuses("segment -i scan.nii.gz -m MODEL -o mask.nii --device cpu", 7, &["mask.nii.gz", "mask.json", "share"]);
    voxelry([Path::new("convert"), &desk.path("scan.nii.gz"), &desk.path("mask.nii.gz"), Path::new("--overwrite")]).ok();
    assert!(fs::read(desk.path("mask.nii.gz")).unwrap().starts_with(&[0x1F, 0x8B]), "the conversion took the mask's place");
}

#[test]
fn a_refused_scan_is_named_and_channels_belong_to_one_case() {
    let desk = Desk::new();
    fs::copy(desk.path("scan.nii.gz"), desk.path("a_0000.nii.gz")).unwrap();
    fs::copy(desk.path("scan.nii.gz"), desk.path("b_0001.nii.gz")).unwrap();
    desk.refuses("segment -i a_0000.nii.gz b_0001.nii.gz -m MODEL -o new.nii.gz", 4, &["different cases, a and b"]);
    fs::rename(desk.path("b_0001.nii.gz"), desk.path("a_0001.nii.gz")).unwrap();
    desk.refuses("segment -i a_0001.nii.gz a_0000.nii.gz -m MODEL -o new.nii.gz --device cpu", 4, &["a_0000.nii.gz: the model needs 1"]);
}

#[test]
fn wrong_arguments_are_one_json_document_too() {
    let ran = voxelry(["segment", "--json"]);
    assert_eq!(ran.code, Some(2));
    let document = ran.json();
    assert_eq!((&document["ok"], &document["error"]["kind"]), (&false.into(), &"usage".into()));
    let sentence = document["error"]["sentence"].as_str().unwrap();
    assert!(sentence.contains("--model <MODEL>") && !sentence.starts_with("error") && !sentence.contains("Usage"), "{sentence}");
    assert!(ran.reason().starts_with("error: "), "{}", ran.stderr);
    assert!(voxelry(["--help", "--json"]).ok().stdout.contains("Exit codes"));
}

#[test]
fn failures_are_one_json_document_too() {
    let ran = voxelry(["convert", "/nowhere/at/all", "out.nii.gz", "--json"]);
    assert_eq!(ran.code, Some(3));
    let document = ran.json();
    assert_eq!((&document["ok"], &document["exit_code"]), (&false.into(), &3.into()));
    assert_eq!(document["error"]["kind"], "input_missing");
    assert!(ran.reason().contains(document["error"]["sentence"].as_str().unwrap()));
}

#[test]
fn an_edited_mask_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let mask = folder.path().join("mask.nii.gz");
    let (scan, model) = (golden("testA_0000.nii.gz"), golden_model());
    let segment = || {
        let paths = ["segment", "-i", scan.to_str().unwrap(), "-m", model.to_str().unwrap(), "-o", mask.to_str().unwrap()];
        voxelry(paths.into_iter().chain(["--disable-tta", "--device", "cpu"]))
    };
    segment().ok();
    segment().ok();
    fs::OpenOptions::new().append(true).open(&mask).unwrap().write_all(b"an edit").unwrap();
    let edited = fs::read(&mask).unwrap();
    let ran = segment();
    assert_eq!(ran.code, Some(7), "{}", ran.stderr);
    assert!(ran.reason().contains("edited"), "{}", ran.stderr);
    assert_eq!(fs::read(&mask).unwrap(), edited);
}

/// A file system of 64 KiB in a namespace of its own; `None` where the system forbids that to ordinary users.
#[cfg(target_os = "linux")]
fn on_a_tiny_disk(folder: &Path, script: &str) -> Option<crate::support::Ran> {
    let mount = format!("mount -t tmpfs -o size=64k tmpfs '{}'", folder.display());
    let inside = |script: &str| run(Command::new("unshare").args(["--user", "--map-root-user", "--mount", "sh", "-c", script]));
    if Command::new("unshare").arg("--version").output().is_err() || inside(&mount).code != Some(0) {
        return None;
    }
    Some(inside(&format!("{mount} && {script}")))
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_keeps_the_old_file_and_leaves_no_litter() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, scan) = (folder.path().join("disk"), golden("testA_0000.nii.gz"));
    fs::create_dir(&disk).unwrap();
    let (program, disk_text, scan) = (env!("CARGO_BIN_EXE_voxelry"), disk.display(), scan.display());
    let script = format!(
        "echo old > '{disk_text}/out.nii.gz'; '{program}' convert --overwrite '{scan}' '{disk_text}/out.nii.gz'; code=$?; \
         ls -A '{disk_text}'; cat '{disk_text}/out.nii.gz'; exit $code"
    );
    let Some(ran) = on_a_tiny_disk(&disk, &script) else {
        eprintln!("skipped: this system lets ordinary users mount nothing");
        return;
    };
    assert_eq!(ran.code, Some(7), "{}", ran.stderr);
    assert!(ran.reason().contains("out.nii.gz") && ran.reason().contains("space"), "{}", ran.stderr);
    assert_eq!(ran.stdout, "out.nii.gz\nold\n");
}
