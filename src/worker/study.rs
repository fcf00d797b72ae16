//! Reading what a person points at: one scan per channel, its doubts as notices, its identity without the patient.

use std::path::PathBuf;

use formats::nifti::NiftiPlacement;
use formats::study::{OpenOptions, Source, Study, open_channels};
use jobs::{Failure, Notice, SourceIdentity, Stage};
use volume::Scan;

use crate::failure;
use crate::files::sha256_of;
use crate::run::Run;

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
    let studies = open_channels(paths, options).map_err(|error| failure::reading(&error))?;
    for warning in studies.iter().flat_map(|study| &study.warnings) {
        run.warn(notice(warning));
    }
    let identity = identity_of(paths, &studies)?;
    let placement = studies.first().and_then(|study| match &study.source {
        Source::Nifti { placement } => Some(placement.clone()),
        Source::Dicom { .. } => None,
    });
    let modality = |study: &Study| match &study.source {
        Source::Dicom { modality, .. } => Some(modality.clone()),
        Source::Nifti { .. } => None,
    };
    let modalities = studies.iter().map(modality).collect();
    Ok(Loaded { scans: studies.into_iter().map(|study| study.scan).collect(), identity, modalities, placement })
}

/// Identity of files that are not DICOM, before they are read.
pub(crate) fn identity_of_files(paths: &[PathBuf]) -> Result<SourceIdentity, Failure> {
    let file_sha256 = paths.iter().map(|path| sha256_of(path)).collect::<Result<_, _>>().map_err(|error| failure::reading(&error))?;
    Ok(SourceIdentity { file_sha256, ..SourceIdentity::default() })
}

fn identity_of(paths: &[PathBuf], studies: &[Study]) -> Result<SourceIdentity, Failure> {
    let mut identity = SourceIdentity::default();
    for (path, study) in paths.iter().zip(studies) {
        match &study.source {
            Source::Nifti { .. } => {
                identity.file_sha256.push(sha256_of(path).map_err(|error| failure::reading(&error))?);
            }
            Source::Dicom { series_uid, sop_instance_uids, .. } => {
                identity.series_uids.push(series_uid.clone());
                identity.sop_instance_uids.extend(sop_instance_uids.iter().cloned());
            }
        }
    }
    Ok(identity)
}
