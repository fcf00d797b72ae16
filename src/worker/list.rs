//! `list`: what a file or folder offers to open, each with a picture, the best first.

use std::path::{Path, PathBuf};

use formats::dicom::{self, SeriesInfo};
use formats::study::{self, OpenOptions};
use jobs::{Failure, FailureKind, ListJob, ListReport, ListedStudy, Notice, Placement, Stage};
use sha2::{Digest as _, Sha256};
use volume::Scan;

use crate::cases::{cases_of, image_stem};
use crate::failure;
use crate::picture::{self, Plane};
use crate::run::Run;
use crate::study::notice;

/// Reads what is there once.
pub(crate) fn list(job: &ListJob, run: &mut Run<'_>) -> Result<ListReport, Failure> {
    run.stage(Stage::ReadingInput)?;
    let input = &job.input;
    if !input.exists() {
        return Err(Failure::new(FailureKind::InputMissing, format!("there is no such file or folder: {}", input.display())));
    }
    let mut report = ListReport::default();
    if !input.is_dir() {
        report.files = 1;
        report.studies.push(list_file(job, input)?);
        return Ok(report);
    }
    list_volumes(job, run, &mut report)?;
    list_series(job, run, &mut report)?;
    // Stable: series keep the order of their numbers where nothing tells them apart.
    report.studies.sort_by_key(rank);
    if report.studies.is_empty() {
        let sentence = format!("{} files were looked at; none is DICOM, NIfTI or NRRD. Nothing was changed.", count_files(input));
        return Err(Failure::new(FailureKind::InputRefused, sentence));
    }
    Ok(report)
}

/// Usable before refused, undoubted before doubtful, what says how it was made before what may be a mask, many slices before few.
fn rank(study: &ListedStudy) -> (bool, bool, bool, std::cmp::Reverse<usize>) {
    (study.refused.is_some(), !study.warnings.is_empty(), study.modality.is_empty(), std::cmp::Reverse(study.slices))
}

/// One file: any error is the answer.
fn list_file(job: &ListJob, path: &Path) -> Result<ListedStudy, Failure> {
    let opened = study::open(path, &OpenOptions::default()).map_err(|error| failure::reading(&error))?;
    let (modality, series) = match &opened.source {
        study::Source::Dicom { modality, series_uid, .. } => (modality.clone(), Some(series_uid.clone())),
        study::Source::Nifti { .. } | study::Source::Nrrd { .. } => (String::new(), None),
    };
    let mut listed = blank(path, title_of(path));
    listed.series = series;
    listed.warnings = opened.warnings.iter().map(notice).collect();
    fill(job, &mut listed, &opened.scan, modality);
    Ok(listed)
}

/// Volumes in files of their own, and whether they look like a queue.
fn list_volumes(job: &ListJob, run: &mut Run<'_>, report: &mut ListReport) -> Result<(), Failure> {
    let listing = cases_of(&job.input).map_err(|error| failure::reading(&formats::FormatError::io("read", &job.input, error)))?;
    report.skipped = listing.skipped;
    report.queue = listing.cases.len() > 1;
    for case in listing.cases {
        run.check_cancelled()?;
        match case.channels {
            Err(reason) => {
                let mut listed = blank(&job.input.join(&case.name), case.name);
                listed.refused = Some(reason);
                report.studies.push(listed);
            }
            // A queue is opened case by case; its pictures come with its cases.
            Ok(files) if report.queue => {
                report.files += files.len();
                report.studies.push(blank(&files[0], case.name));
            }
            Ok(files) => {
                report.files += files.len();
                let listed = list_file(job, &files[0]).unwrap_or_else(|failure| {
                    let mut listed = blank(&files[0], case.name);
                    listed.refused = Some(failure.sentence);
                    listed
                });
                report.studies.push(listed);
            }
        }
    }
    Ok(())
}

/// DICOM series of the folder and the folders in it.
fn list_series(job: &ListJob, run: &mut Run<'_>, report: &mut ListReport) -> Result<(), Failure> {
    let scanned = dicom::scan(&job.input).map_err(|error| failure::reading(&error))?;
    report.files += scanned.image_files;
    report.skipped.extend(scanned.warnings.iter().map(|warning| warning.text.clone()));
    for series in scanned.series {
        run.check_cancelled()?;
        report.studies.push(list_one(job, series));
    }
    Ok(())
}

fn list_one(job: &ListJob, series: SeriesInfo) -> ListedStudy {
    let number = series.number.map_or_else(String::new, |number| format!("Series {number}"));
    let title = series.description.filter(|text| !text.trim().is_empty()).unwrap_or_else(|| number.clone());
    let mut listed = blank(&job.input, title);
    listed.series = Some(series.uid.clone());
    listed.detail = number;
    listed.slices = series.slices;
    listed.modality.clone_from(&series.modality);
    match dicom::read(&job.input, Some(&series.uid), OpenOptions::default().budget_bytes) {
        Ok(read) => {
            // What is said of the whole folder is no doubt about this series.
            listed.warnings = read.warnings.iter().map(notice).filter(|notice: &Notice| notice.code != "BAD_SLICE").collect();
            fill(job, &mut listed, &read.scan, series.modality);
            if !series.is_volume {
                listed.refused = Some("one image, nothing to segment".to_owned());
            }
        }
        Err(error) => listed.refused = Some(error.to_string()),
    }
    listed
}

fn blank(path: &Path, title: String) -> ListedStudy {
    ListedStudy {
        path: path.to_owned(),
        series: None,
        title,
        modality: String::new(),
        detail: String::new(),
        slices: 0,
        placement: None,
        picture: None,
        coronal: None,
        refused: None,
        warnings: Vec::new(),
    }
}

/// What only the voxels tell. A picture that cannot be written is left out; it is only a picture.
fn fill(job: &ListJob, listed: &mut ListedStudy, scan: &Scan, modality: String) {
    listed.slices = scan.geometry.size_zyx[0];
    listed.placement = Some(Placement::from(&scan.geometry));
    let window = picture::picture_window(scan, &modality);
    listed.modality = modality;
    let (axial, coronal) = picture_paths(job, listed);
    listed.picture = picture::write(&axial, scan, Plane::Axial, window).is_ok().then_some(axial);
    listed.coronal = picture::write(&coronal, scan, Plane::Coronal, window).is_ok().then_some(coronal);
}

/// Named by a hash, because names of files and series may name a patient.
fn picture_paths(job: &ListJob, listed: &ListedStudy) -> (PathBuf, PathBuf) {
    let mut hash = Sha256::new();
    hash.update(listed.path.as_os_str().as_encoded_bytes());
    hash.update(listed.series.as_deref().unwrap_or_default());
    let name: String = hash.finalize().iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    (job.pictures.join(format!("{name}-axial.png")), job.pictures.join(format!("{name}-coronal.png")))
}

fn title_of(path: &Path) -> String {
    let stem = image_stem(path).or_else(|| path.file_name());
    stem.map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Files of a folder and the folders in it.
fn count_files(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| if entry.file_type().is_ok_and(|kind| kind.is_dir()) { count_files(&entry.path()) } else { 1 }).sum()
}
