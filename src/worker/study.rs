//! Reading what a person points at: one scan per channel, its doubts as notices, its identity without the patient.

use std::path::{Path, PathBuf};

use formats::nifti::NiftiPlacement;
use formats::study::{OpenOptions, Source, Study, open_channels};
use jobs::{Failure, FailureKind, Notice, SourceIdentity, Stage};
use volume::Scan;

use crate::cases::{files_of_image, in_named_order};
use crate::failure;
use crate::files::sha256_of;
use crate::run::Run;

/// Warning code of channels that were given in another order than their names say.
const CHANNEL_ORDER: &str = "CHANNEL_ORDER";

/// One case, ready to segment.
pub(crate) struct Loaded {
    /// One scan per channel.
    pub(crate) scans: Vec<Scan>,
    /// What the mask's sidecar says about the source.
    pub(crate) identity: SourceIdentity,
    /// DICOM modality of each channel, where the source says it.
    pub(crate) modalities: Vec<Option<String>>,
    /// The first channel's placement as stored, where that was NIfTI.
    pub(crate) placement: Option<NiftiPlacement>,
}

/// A doubt as the job's contract names it.
pub(crate) fn notice(warning: &formats::Warning) -> Notice {
    Notice { code: warning.code.to_string(), text: warning.text.clone() }
}

/// Reads every channel and reports doubts.
pub(crate) fn read(paths: &[PathBuf], options: &OpenOptions, run: &mut Run<'_>) -> Result<Loaded, Failure> {
    run.stage(Stage::ReadingInput)?;
    let (loaded, warnings) = open(paths, options)?;
    report(&warnings, run);
    Ok(loaded)
}

/// Tells the user about doubts.
pub(crate) fn report(warnings: &[formats::Warning], run: &mut Run<'_>) {
    for warning in warnings {
        run.warn_storing(notice(warning), warning.stored().to_owned());
    }
}

/// Reads every channel; doubts are returned, not yet reported.
pub(crate) fn open(paths: &[PathBuf], options: &OpenOptions) -> Result<(Loaded, Vec<formats::Warning>), Failure> {
    let mut studies = open_channels(paths, options).map_err(|error| failure::reading(&error))?;
    let warnings = studies.iter_mut().flat_map(|study| std::mem::take(&mut study.warnings)).collect();
    let identity = identity_of(paths, options.volume, &studies)?;
    let placement = studies.first().and_then(|study| match &study.source {
        Source::Nifti { placement } => Some(placement.clone()),
        Source::Nrrd { .. } | Source::Dicom { .. } => None,
    });
    let modality = |study: &Study| match &study.source {
        Source::Dicom { modality, .. } => Some(modality.clone()),
        Source::Nifti { .. } | Source::Nrrd { .. } => None,
    };
    let modalities = studies.iter().map(modality).collect();
    let scans = studies.into_iter().map(|study| study.scan).collect();
    Ok((Loaded { scans, identity, modalities, placement }, warnings))
}

/// The files of one case in the order of the channel numbers in their names, where they have any.
pub(crate) fn in_channel_order(paths: &[PathBuf], run: &mut Run<'_>) -> Result<Vec<PathBuf>, Failure> {
    let ordered = in_named_order(paths).map_err(|reason| Failure::new(FailureKind::InputRefused, reason))?;
    if ordered != paths {
        let text = "the files were not given in the order of the channel numbers in their names; they were put in that order";
        run.warn(Notice { code: CHANNEL_ORDER.to_owned(), text: text.to_owned() });
    }
    Ok(ordered)
}

/// Identity of files that are not DICOM, before they are read.
pub(crate) fn identity_of_files(paths: &[PathBuf], volume: Option<usize>) -> Result<SourceIdentity, Failure> {
    let mut identity = SourceIdentity { volume, ..SourceIdentity::default() };
    paths.iter().try_for_each(|path| add_hashes(&mut identity, path))?;
    Ok(identity)
}

fn identity_of(paths: &[PathBuf], volume: Option<usize>, studies: &[Study]) -> Result<SourceIdentity, Failure> {
    let mut identity = SourceIdentity::default();
    for (path, study) in paths.iter().zip(studies) {
        match &study.source {
            Source::Nifti { .. } => {
                identity.volume = volume;
                add_hashes(&mut identity, path)?;
            }
            Source::Nrrd { files } => {
                identity.volume = volume;
                files.iter().try_for_each(|file| add_hashes(&mut identity, file))?;
            }
            Source::Dicom { series_uid, sop_instance_uids, .. } => {
                identity.series_uids.push(series_uid.clone());
                identity.sop_instance_uids.extend(sop_instance_uids.iter().cloned());
            }
        }
    }
    Ok(identity)
}

fn add_hashes(identity: &mut SourceIdentity, path: &Path) -> Result<(), Failure> {
    for file in files_of_image(path) {
        identity.file_sha256.push(sha256_of(&file).map_err(|error| failure::reading(&error))?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_files_of_a_pair_and_the_volume_are_the_source() {
        let folder = tempfile::tempdir().unwrap();
        let (header, image) = (folder.path().join("a.hdr"), folder.path().join("a.img"));
        std::fs::write(&header, b"header").unwrap();
        std::fs::write(&image, b"voxels").unwrap();
        let identity = |volume| identity_of_files(std::slice::from_ref(&header), volume).unwrap();
        let before = identity(None);
        assert_eq!(before.file_sha256.len(), 2);
        assert_ne!(identity(Some(1)), before);
        std::fs::write(&image, b"others").unwrap();
        assert_ne!(identity(None), before);
    }
}
