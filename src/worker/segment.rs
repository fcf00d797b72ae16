//! `segment`: one study to a mask, or a folder of cases to a folder of masks.

use std::path::Path;

use formats::study::OpenOptions;
use jobs::{CaseOutcome, CaseReport, Event, Failure, FailureKind, Report, SegmentJob, SegmentReport};

use crate::Ending;
use crate::cases::{Case, cases_of, stem};
use crate::files::{check_mask_untouched, check_nifti_target, check_not_a_source, create_folder, read_sidecar, sha256_of};
use crate::run::Run;
use crate::session::{Finished, Session, Settings, load_model};
use crate::study;

/// Decides from the input what is meant, and does it.
pub(crate) fn segment(job: &SegmentJob, run: &mut Run<'_>) -> Result<Ending, Failure> {
    let settings = Settings {
        model: &job.model,
        folds: job.folds.as_deref(),
        step_size: job.step_size,
        disable_tta: job.disable_tta,
        device: &job.device,
    };
    settings.check()?;
    if let [folder] = job.inputs.as_slice()
        && folder.is_dir()
    {
        let cases = cases_of(folder)
            .map_err(|error| Failure::new(FailureKind::InputMissing, format!("cannot read {}: {error}", folder.display())))?;
        // A DICOM folder may hold stray images; a mask as output says that one study is meant.
        let one_study = stem(&job.output).is_some() && cases.iter().all(|case| !case.names_channels());
        if !cases.is_empty() && !one_study {
            return segment_folder(job, &settings, folder, &cases, run);
        }
    }
    segment_study(job, &settings, run)
}

fn segment_study(job: &SegmentJob, settings: &Settings<'_>, run: &mut Run<'_>) -> Result<Ending, Failure> {
    check_nifti_target(&job.output)?;
    check_not_a_source(&job.output, &job.inputs)?;
    check_mask_untouched(&job.output)?;
    let options = OpenOptions { series: job.series.clone(), volume: job.volume, ..OpenOptions::default() };
    let study = study::read(&job.inputs, &options, run)?;
    let model = load_model(settings, run)?;
    let mut session = Session::open(model, settings, run)?;
    let finished = session.segment(study, &job.output, job.save_probabilities, run)?;
    let name = stem(&job.output).unwrap_or_default().to_owned();
    let case = CaseReport { name, output: job.output.clone(), outcome: done(finished) };
    Ok(Report::Segment(SegmentReport { device: session.device().to_owned(), cases: vec![case] }).into())
}

fn segment_folder(job: &SegmentJob, settings: &Settings<'_>, folder: &Path, cases: &[Case], run: &mut Run<'_>) -> Result<Ending, Failure> {
    check_output_folder(job, folder)?;
    let model = load_model(settings, run)?;
    create_folder(&job.output)?;
    let mut session = Session::open(model, settings, run)?;
    let mut reports = Vec::with_capacity(cases.len());
    let mut stopped = None;
    for (index, case) in cases.iter().enumerate() {
        run.begin_case(&case.name, index, cases.len());
        let output = job.output.join(format!("{}.nii.gz", case.name));
        let outcome = match segment_case(job, &mut session, case, &output, run) {
            Ok(outcome) => outcome,
            // No later case could do better.
            Err(failure) if matches!(failure.kind, FailureKind::Cancelled | FailureKind::Device) => {
                stopped = Some(Failure::new(
                    failure.kind,
                    format!("stopped at case {} of {}; a rerun continues there: {failure}", index + 1, cases.len()),
                ));
                break;
            }
            Err(failure) => {
                run.send(Event::CaseFailed { name: case.name.clone(), failure: failure.clone() });
                CaseOutcome::Failed { failure }
            }
        };
        reports.push(CaseReport { name: case.name.clone(), output, outcome });
    }
    let failure = stopped.or_else(|| some_failed(&reports));
    Ok(Ending { report: Report::Segment(SegmentReport { device: session.device().to_owned(), cases: reports }), failure })
}

fn segment_case(job: &SegmentJob, session: &mut Session, case: &Case, output: &Path, run: &mut Run<'_>) -> Result<CaseOutcome, Failure> {
    run.check_cancelled()?;
    let channels = case.channels.as_ref().map_err(|reason| Failure::new(FailureKind::InputRefused, reason.clone()))?;
    check_mask_untouched(output)?;
    let source = study::identity_of_files(channels)?;
    let is_done = read_sidecar(output).is_some_and(|provenance| {
        session.would_write(&provenance, &source) && sha256_of(output).is_ok_and(|sha256| sha256 == provenance.mask_sha256)
    });
    if is_done {
        return Ok(CaseOutcome::Skipped);
    }
    let options = OpenOptions { volume: job.volume, ..OpenOptions::default() };
    let study = study::read(channels, &options, run)?;
    session.segment(study, output, job.save_probabilities, run).map(done)
}

fn done(finished: Finished) -> CaseOutcome {
    CaseOutcome::Done { provenance: Box::new(finished.provenance), structures: finished.structures }
}

fn some_failed(reports: &[CaseReport]) -> Option<Failure> {
    let failed: Vec<_> = reports.iter().filter(|case| matches!(case.outcome, CaseOutcome::Failed { .. })).collect();
    let names = failed.iter().take(5).map(|case| case.name.as_str()).collect::<Vec<_>>().join(", ");
    let more = if failed.len() > 5 { ", ..." } else { "" };
    let sentence = format!("{} of {} cases failed: {names}{more}", failed.len(), reports.len());
    (!failed.is_empty()).then(|| Failure::new(FailureKind::SomeCasesFailed, sentence))
}

fn check_output_folder(job: &SegmentJob, input: &Path) -> Result<(), Failure> {
    let output = &job.output;
    let refuse = |reason: &str| Err(Failure::new(FailureKind::Usage, format!("{reason}: {}", output.display())));
    if output.is_file() || stem(output).is_some() {
        return refuse("the input is a folder of cases, so the output must be a folder");
    }
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    if real(output).is_some_and(|output| real(input).as_ref() == Some(&output)) {
        return refuse("the output folder is the input folder; choose another one");
    }
    Ok(())
}
