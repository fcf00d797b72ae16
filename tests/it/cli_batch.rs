//! A folder of cases: the model is loaded once, bad cases are listed, a rerun does only what is left; and Ctrl-C.

use std::fs;
use std::path::Path;

use formats::nifti;
use ndarray::Axis;

use crate::support::{Ran, agreement, golden, golden_model, names_in, read_mask, voxelry};

fn segment(input: &Path, output: &Path, extra: &[&str]) -> Ran {
    let model = golden_model();
    let paths = ["segment", "-i", input.to_str().unwrap(), "-m", model.to_str().unwrap(), "-o", output.to_str().unwrap()];
    let device: &[&str] = if extra.contains(&"--device") { &[] } else { &["--device", "cpu"] };
    voxelry(paths.iter().chain(&["--disable-tta", "--json"]).chain(device).chain(extra))
}

/// Case name and outcome of every case.
fn outcomes(ran: &Ran) -> Vec<(String, String)> {
    let cases = ran.json()["report"]["cases"].clone();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    cases.as_array().unwrap().iter().map(|case| (text(&case["name"]), text(&case["outcome"]))).collect()
}

#[test]
fn one_bad_case_does_not_stop_the_others_and_a_rerun_skips_what_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("imagesTs"), folder.path().join("predictions"));
    fs::create_dir(&input).unwrap();
    let scan = fs::read(golden("testA_0000.nii.gz")).unwrap();
    fs::write(input.join("a_0000.nii.gz"), &scan[..scan.len() / 2]).unwrap();
    fs::write(input.join("b_0000.nii.gz"), &scan).unwrap();
    fs::write(input.join("c_0001.nii.gz"), &scan).unwrap();

    let first = segment(&input, &output, &[]);
    assert_eq!(first.code, Some(8), "{}", first.stderr);
    assert!(first.reason().contains("2 of 3 cases failed"), "{}", first.stderr);
    let expected = [("a", "failed"), ("b", "done"), ("c", "failed")].map(|(name, outcome)| (name.to_owned(), outcome.to_owned()));
    assert_eq!(outcomes(&first), expected);
    assert_eq!(names_in(&output), ["b.json", "b.nii.gz"]);
    assert!(agreement(&read_mask(&output.join("b.nii.gz")), &read_mask(&golden("seg_nomirror.nii.gz"))) >= 0.9999);

    fs::write(input.join("a_0000.nii.gz"), &scan).unwrap();
    fs::remove_file(input.join("c_0001.nii.gz")).unwrap();
    let second = segment(&input, &output, &[]).ok();
    let expected = [("a", "done"), ("b", "skipped")].map(|(name, outcome)| (name.to_owned(), outcome.to_owned()));
    assert_eq!(outcomes(&second), expected);

    let third = segment(&input, &output, &["--step-size", "0.8"]).ok();
    assert!(outcomes(&third).iter().all(|(_, outcome)| outcome == "done"), "other parameters are another result");
}

/// A device leaves the host idle, which reads the next case meanwhile: the results are those of one case after another.
#[test]
fn cases_read_ahead_keep_their_own_results_and_failures() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("imagesTs"), folder.path().join("predictions"));
    fs::create_dir(&input).unwrap();
    let scan = fs::read(golden("testA_0000.nii.gz")).unwrap();
    fs::write(input.join("a_0000.nii.gz"), &scan).unwrap();
    fs::write(input.join("b_0000.nii.gz"), &scan[..scan.len() / 2]).unwrap();
    let other = input.join("c_0000.nii.gz");
    let mut upside_down = nifti::read_scan(&golden("testA_0000.nii.gz"), &nifti::ReadOptions::default()).unwrap().scan;
    upside_down.voxels.invert_axis(Axis(0));
    upside_down.voxels = upside_down.voxels.as_standard_layout().into_owned();
    nifti::write_scan(&other, &upside_down, None).unwrap();
    let ran = segment(&input, &output, &["--device", "gpu"]);
    let expected = [("a", "done"), ("b", "failed"), ("c", "done")].map(|(name, outcome)| (name.to_owned(), outcome.to_owned()));
    assert_eq!(outcomes(&ran), expected, "{}", ran.stderr);
    let (first, last) = (read_mask(&output.join("a.nii.gz")), read_mask(&output.join("c.nii.gz")));
    assert!(agreement(&first, &read_mask(&golden("seg_nomirror.nii.gz"))) >= 0.9999);
    let alone = folder.path().join("alone.nii.gz");
    segment(&other, &alone, &["--device", "gpu"]).ok();
    assert!(agreement(&last, &read_mask(&alone)) == 1.0 && agreement(&last, &first) < 0.999);
}

#[test]
fn a_rerun_that_asks_for_something_else_is_another_result() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("imagesTs"), folder.path().join("predictions"));
    fs::create_dir(&input).unwrap();
    fs::create_dir(&output).unwrap();
    fs::copy(golden("testA_0000.nii.gz"), input.join("a_0000.nii.gz")).unwrap();
    fs::copy(golden("testA_0000.nii.gz"), input.join("b_0000.nii.gz")).unwrap();
    fs::write(input.join("c.mha"), "another format").unwrap();
    fs::write(output.join("a.nii.gz"), "drawn by hand").unwrap();
    let ended = |extra: &[&str]| {
        let ran = segment(&input, &output, &[extra, &["--step-size", "1"]].concat());
        let outcomes: Vec<String> = outcomes(&ran).into_iter().map(|(_, outcome)| outcome).collect();
        (ran, outcomes)
    };
    let (first, outcomes) = ended(&[]);
    assert_eq!((first.code, outcomes), (Some(8), vec!["failed".to_owned(), "done".to_owned()]));
    let document = first.json();
    assert!(document["warnings"][0]["text"].as_str().unwrap().contains("c.mha"), "{document}");
    assert_eq!(document["warnings"][0]["code"], "SKIPPED");
    let reason = document["report"]["cases"][0]["failure"]["sentence"].as_str().unwrap();
    assert!(reason.contains("was not written by Voxelry") && reason.contains("--overwrite"), "{reason}");
    assert_eq!(fs::read(output.join("a.nii.gz")).unwrap(), b"drawn by hand");

    fs::remove_file(input.join("a_0000.nii.gz")).unwrap();
    assert_eq!(ended(&[]).1, ["skipped"]);
    assert_eq!(ended(&["--save-probabilities"]).1, ["done"]);
    assert_eq!(ended(&["--save-probabilities"]).1, ["skipped"]);
    fs::remove_file(output.join("b_probabilities/organ.nii.gz")).unwrap();
    assert_eq!(ended(&["--save-probabilities"]).1, ["done"]);
    assert_eq!(ended(&["--volume", "0"]).1, ["done"], "another volume may be another scan");
}

#[test]
fn a_file_is_no_output_for_a_folder_of_cases() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("imagesTs");
    fs::create_dir(&input).unwrap();
    fs::copy(golden("testA_0000.nii.gz"), input.join("a_0000.nii.gz")).unwrap();
    let ran = segment(&input, &folder.path().join("mask.nii.gz"), &[]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.reason().contains("folder"), "{}", ran.stderr);
    assert_eq!(segment(&input, &input, &[]).code, Some(2));
}

/// Stops a run of minutes (eight mirrorings, small steps) the moment its log says that tiles are being computed.
#[cfg(unix)]
#[test]
fn ctrl_c_stops_cleanly() {
    use std::io::{BufRead as _, BufReader, Read as _};
    use std::process::{Command, Stdio};

    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("mask.nii.gz");
    let (scan, model) = (golden("testA_0000.nii.gz"), golden_model());
    let mut child = Command::new(env!("CARGO_BIN_EXE_voxelry"))
        .args([Path::new("segment"), Path::new("-i"), &scan, Path::new("-m"), &model, Path::new("-o"), &output])
        .args(["--device", "cpu", "--step-size", "0.05", "-vv"])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let segmenting = (&mut log).lines().any(|line| line.unwrap().contains("sliding window"));
    assert!(segmenting, "the run ended before its first tile");
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success() && child.try_wait().unwrap().is_none(), "the run was over before it could be stopped");
    let code = child.wait().unwrap().code();
    let mut stderr = String::new();
    log.read_to_string(&mut stderr).unwrap();
    assert_eq!(code, Some(10), "{stderr}");
    assert!(stderr.contains("error: cancelled"), "{stderr}");
    assert_eq!(names_in(folder.path()), Vec::<String>::new());
}
