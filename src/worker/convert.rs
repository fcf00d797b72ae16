//! Any study to NIfTI, values and place unchanged.

use formats::nifti;
use formats::study::OpenOptions;
use jobs::{ConvertJob, ConvertReport, Failure, Placement, Stage};
use volume::{Scan, Volume};

use crate::failure;
use crate::files::{Existing, check_absent, check_nifti_target, check_not_a_source};
use crate::run::Run;
use crate::study;

/// Reads and writes.
pub(crate) fn convert(job: &ConvertJob, run: &mut Run<'_>) -> Result<ConvertReport, Failure> {
    let inputs = std::slice::from_ref(&job.input);
    check_nifti_target(&job.output)?;
    check_not_a_source(&job.output, inputs)?;
    check_absent(&job.output, Existing::from_flag(job.overwrite))?;
    let options = OpenOptions { series: job.series.clone(), volume: job.volume, ..OpenOptions::default() };
    let loaded = study::read(inputs, &options, run)?;
    let scan = &loaded.scans[0];
    run.stage(Stage::Writing)?;
    let placement = loaded.placement.as_ref();
    let written = match whole_numbers(scan) {
        Some(volume) => nifti::write_i16(&job.output, &volume, placement),
        None => nifti::write_scan(&job.output, scan, placement),
    };
    written.map_err(|error| failure::writing(&error))?;
    let series_uid = loaded.identity.series_uids.first().cloned();
    Ok(ConvertReport { output: job.output.clone(), placement: Placement::from(&scan.geometry), series_uid })
}

/// The same values at 16 bits where that loses nothing, as for nearly every CT.
fn whole_numbers(scan: &Scan) -> Option<Volume<i16>> {
    let fits = |value: &f32| value.fract() == 0.0 && (f32::from(i16::MIN)..=f32::from(i16::MAX)).contains(value);
    scan.voxels.iter().all(fits).then(|| Volume::new(scan.geometry.clone(), scan.voxels.mapv(|value| value as i16)))
}
