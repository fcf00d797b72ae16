//! `open`: a study into a case folder, where the window can map it.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use formats::dicom;
use formats::study::OpenOptions;
use jobs::case::{CaseFile, CaseFolder, CaseSource, CaseState, VoxelType};
use jobs::{Failure, FailureKind, OpenJob, OpenReport, SourceIdentity, Stage, utc_timestamp};
use sha2::{Digest as _, Sha256};
use volume::Scan;

use crate::cases::image_stem;
use crate::picture::{self, Plane};
use crate::run::Run;
use crate::study::{self, Loaded};

/// Letters of a hash that name a case folder.
const ID_LETTERS: usize = 20;

/// Reads the study and writes its folder; a study opened before keeps its folder with everything in it.
pub(crate) fn open(job: &OpenJob, run: &mut Run<'_>) -> Result<OpenReport, Failure> {
    let options = OpenOptions { series: job.series.clone(), volume: job.volume, ..OpenOptions::default() };
    let inputs = study::in_channel_order(&job.inputs, run)?;
    let loaded = study::read(&inputs, &options, run)?;
    let id = id_of(&loaded.identity)?;
    let path = job.cases.join(&id);
    let folder = CaseFolder::at(&path);
    if let Ok(known) = folder.read()
        && folder.map_image(&known).is_ok()
    {
        let moved = CaseFile { source: source_of(job, &inputs, &loaded), warnings: run.case_warnings().to_vec(), ..known };
        folder.write(&moved).map_err(|error| not_written(&path, &error))?;
        return Ok(OpenReport { case: path, known: true });
    }
    run.stage(Stage::Writing)?;
    fs::create_dir_all(&job.cases).map_err(|error| not_written(&job.cases, &error))?;
    let written = write_case(job, &inputs, &loaded, run).map_err(|error| not_written(&job.cases, &error))?;
    // A folder that is there but cannot be read is set aside, not removed: it may hold corrections.
    if path.exists() {
        let aside = job.cases.join(format!("{id}.damaged-{}", std::process::id()));
        fs::rename(&path, &aside).map_err(|error| not_written(&aside, &error))?;
    }
    fs::rename(written.keep(), &path).map_err(|error| not_written(&path, &error))?;
    Ok(OpenReport { case: path, known: false })
}

fn not_written(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(FailureKind::Output, format!("cannot write the case to {}: {error}", path.display()))
}

/// The same study has the same folder, wherever it lies.
fn id_of(identity: &SourceIdentity) -> Result<String, Failure> {
    let text = serde_json::to_vec(identity).map_err(|error| Failure::new(FailureKind::Internal, error.to_string()))?;
    let hash = Sha256::digest(&text);
    Ok(hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>()[..ID_LETTERS].to_owned())
}

fn source_of(job: &OpenJob, inputs: &[PathBuf], loaded: &Loaded) -> CaseSource {
    let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
    CaseSource {
        paths: inputs.iter().map(absolute).collect(),
        // The series found, so that a folder that grows stays unambiguous; several channels lie in series of their own.
        series: if inputs.len() == 1 { loaded.identity.series_uids.first().cloned() } else { None }.or_else(|| job.series.clone()),
        volume: job.volume,
        identity: loaded.identity.clone(),
    }
}

/// Writes everything into a folder that is renamed when it is whole.
fn write_case(job: &OpenJob, inputs: &[PathBuf], loaded: &Loaded, run: &Run<'_>) -> std::io::Result<tempfile::TempDir> {
    let unfinished = tempfile::Builder::new().prefix(".opening-").tempdir_in(&job.cases)?;
    let folder = CaseFolder::at(unfinished.path());
    let scan = &loaded.scans[0];
    let modality = loaded.modalities.first().cloned().flatten().unwrap_or_default();
    let voxel_type = write_voxels(&folder.image_path(), scan)?;
    let window = picture::picture_window(scan, &modality);
    picture::write(&folder.thumbnail_path(), scan, Plane::Axial, window).map_err(std::io::Error::other)?;
    let (title, subtitle) = names_of(&inputs[0], loaded);
    folder.write(&CaseFile {
        format: CaseFolder::FORMAT,
        title,
        subtitle,
        source: source_of(job, inputs, loaded),
        modality,
        geometry: scan.geometry.clone(),
        voxel_type,
        value_range: picture::value_range(scan),
        auto_window: picture::auto_window(scan),
        warnings: run.case_warnings().to_vec(),
        opened_at: utc_timestamp(SystemTime::now()),
        state: CaseState::Opened,
        note: String::new(),
    })?;
    Ok(unfinished)
}

/// Whole numbers that fit are stored in two bytes, as CT scanners do.
fn write_voxels(path: &Path, scan: &Scan) -> std::io::Result<VoxelType> {
    let is_i16 = |value: &f32| *value == value.trunc() && (f32::from(i16::MIN)..=f32::from(i16::MAX)).contains(value);
    let voxel_type = if scan.voxels.iter().all(is_i16) { VoxelType::I16 } else { VoxelType::F32 };
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    for plane in scan.voxels.outer_iter() {
        let bytes: Vec<u8> = match voxel_type {
            VoxelType::I16 => plane.iter().flat_map(|value| (*value as i16).to_le_bytes()).collect(),
            _ => plane.iter().flat_map(|value| value.to_le_bytes()).collect(),
        };
        out.write_all(&bytes)?;
    }
    out.into_inner()?.sync_all()?;
    Ok(voxel_type)
}

/// What people call the study: the series' description, else the name of the file or folder; and whose it is, else where it lies.
fn names_of(input: &Path, loaded: &Loaded) -> (String, String) {
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = image_stem(input).map_or_else(|| name(input), |stem| stem.to_string_lossy().into_owned());
    let series =
        loaded.identity.series_uids.first().and_then(|uid| dicom::scan(input).ok()?.series.into_iter().find(|series| series.uid == *uid));
    let Some(series) = series else { return (stem, input.parent().map(name).unwrap_or_default()) };
    let described = series.description.filter(|text| !text.trim().is_empty());
    let title = described.or_else(|| series.number.map(|number| format!("Series {number}"))).unwrap_or(stem);
    let date = series.whose.study_date.map(|date| in_words(&date));
    let whose: Vec<String> = series.whose.patient.into_iter().chain(date).collect();
    (title, if whose.is_empty() { name(input) } else { whose.join(" · ") })
}

/// `20260312` as "12 Mar 2026"; what is no date stays as it is.
fn in_words(date: &str) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let number = |range| date.get(range).and_then(|digits: &str| digits.parse::<usize>().ok());
    let month = number(4..6).and_then(|month| MONTHS.get(month.wrapping_sub(1)));
    match (number(0..4), month, number(6..8)) {
        (Some(year), Some(month), Some(day)) if date.len() == 8 => format!("{day} {month} {year}"),
        _ => date.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_said_in_words() {
        assert_eq!([in_words("20260312"), in_words("20261"), in_words("20261341")], ["12 Mar 2026", "20261", "20261341"]);
    }
}
