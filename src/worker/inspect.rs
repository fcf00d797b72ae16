//! What a file or folder holds: every series and volume, where it lies, what is doubtful about it.

use std::fs;
use std::path::{Path, PathBuf};

use formats::dicom::{self, SeriesInfo};
use formats::nifti::{self, DEFAULT_BUDGET_BYTES, ReadOptions};
use formats::{FormatError, Warning, nrrd};
use jobs::{Failure, FailureKind, FileReport, InspectJob, InspectReport, Notice, Placement, Report, SeriesReport, Stage};
use volume::Scan;

use crate::cases::image_stem;
use crate::run::Run;
use crate::study::notice;
use crate::{Ending, failure};

/// Reads everything once and describes it; fails when nothing of it can be used.
pub(crate) fn inspect(job: &InspectJob, run: &mut Run<'_>) -> Result<Ending, Failure> {
    run.stage(Stage::ReadingInput)?;
    let path = &job.input;
    let mut report = InspectReport::default();
    if path.is_dir() {
        for image in images_in(path).map_err(|error| failure::reading(&FormatError::io("read", path, error)))? {
            run.check_cancelled()?;
            run.speak_of(image.file_name().map(|name| name.to_string_lossy().into_owned()));
            report.files.push(describe_file(&image, run));
        }
        run.speak_of(None);
        report.series = describe_series(path, run)?;
    } else if is_image(path).map_err(|error| failure::reading(&error))? {
        report.files.push(describe_file(path, run));
    } else {
        report.series = describe_series(path, run)?;
    }
    let failure = nothing_usable(path, &report);
    Ok(Ending { report: Report::Inspect(report), failure })
}

/// A single file that is not DICOM.
fn is_image(path: &Path) -> Result<bool, FormatError> {
    Ok(nifti::is_nifti(path)? || nrrd::is_nrrd(path)? || image_stem(path).is_some())
}

/// NIfTI files directly in a folder.
fn images_in(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut images = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if image_stem(&path).is_some() && path.is_file() {
            images.push(path);
        }
    }
    images.sort();
    Ok(images)
}

fn describe_file(path: &Path, run: &mut Run<'_>) -> FileReport {
    let mut report = FileReport { path: path.to_owned(), refused: None, placement: None, value_range: None, warnings: Vec::new() };
    match read_image(path) {
        Ok((scan, warnings)) => {
            report.placement = Some(Placement::from(&scan.geometry));
            report.value_range = Some(value_range(&scan));
            report.warnings = tell(&warnings, &[], run);
        }
        Err(error) => report.refused = Some(error.to_string()),
    }
    report
}

fn read_image(path: &Path) -> Result<(Scan, Vec<Warning>), FormatError> {
    let options = ReadOptions::default();
    if nrrd::is_nrrd(path)? {
        return nrrd::read_scan(path, &options).map(|loaded| (loaded.scan, loaded.warnings));
    }
    nifti::read_scan(path, &options).map(|loaded| (loaded.scan, loaded.warnings))
}

fn value_range(scan: &Scan) -> [f32; 2] {
    scan.voxels.iter().fold([f32::INFINITY, f32::NEG_INFINITY], |[low, high], value| [low.min(*value), high.max(*value)])
}

fn describe_series(path: &Path, run: &mut Run<'_>) -> Result<Vec<SeriesReport>, Failure> {
    let scanned = dicom::scan(path).map_err(|error| failure::reading(&error))?;
    let of_folder = tell(&scanned.warnings, &[], run);
    let mut reports = Vec::with_capacity(scanned.series.len());
    for series in scanned.series {
        run.check_cancelled()?;
        run.speak_of(series.number.map(|number| format!("series {number}")));
        reports.push(describe_one(path, series, &of_folder, run));
    }
    run.speak_of(None);
    Ok(reports)
}

fn describe_one(path: &Path, series: SeriesInfo, of_folder: &[Notice], run: &mut Run<'_>) -> SeriesReport {
    let read = dicom::read(path, Some(&series.uid), DEFAULT_BUDGET_BYTES);
    let (placement, warnings, refused) = match read {
        Ok(study) => (Some(Placement::from(&study.scan.geometry)), tell(&study.warnings, of_folder, run), None),
        Err(error) => (None, Vec::new(), Some(error.to_string())),
    };
    SeriesReport {
        uid: series.uid,
        number: series.number,
        modality: series.modality,
        description: series.description,
        images: series.slices,
        is_volume: series.is_volume && refused.is_none(),
        refused,
        placement,
        warnings,
    }
}

/// Reports doubts but for those told already: damaged files are named once, not with every series of their folder.
fn tell(warnings: &[Warning], told: &[Notice], run: &mut Run<'_>) -> Vec<Notice> {
    let notices: Vec<_> = warnings.iter().map(notice).collect();
    notices.iter().filter(|notice| !told.contains(notice)).for_each(|notice| run.warn(notice.clone()));
    notices
}

fn nothing_usable(path: &Path, report: &InspectReport) -> Option<Failure> {
    let usable = report.files.iter().any(|file| file.refused.is_none()) || report.series.iter().any(|series| series.refused.is_none());
    if usable {
        return None;
    }
    let mut reasons = report.files.iter().map(|file| &file.refused).chain(report.series.iter().map(|series| &series.refused));
    let reason = reasons.find_map(Clone::clone).unwrap_or_else(|| format!("there is no NIfTI file or DICOM image: {}", path.display()));
    Some(Failure::new(FailureKind::InputRefused, reason))
}
