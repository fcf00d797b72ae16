//! `segment`: one study to a mask, or a folder of cases to a folder of masks.

use std::path::Path;

use formats::study::OpenOptions;
use jobs::{CaseOutcome, CaseReport, Event, Failure, FailureKind, Notice, Report, SegmentJob, SegmentReport};

use crate::Ending;
use crate::ahead::Ahead;
use crate::cases::{Case, Listing, cases_of, stem};
use crate::files::{Existing, check_mask_replaceable, check_nifti_target, check_not_a_source, create_folder};
use crate::run::Run;
use crate::session::{Finished, Session, Settings, load_model};
use crate::study;

/// Warning code of images a folder of cases cannot use.
const SKIPPED: &str = "SKIPPED";

/// Decides from the input what is meant, and does it.
pub(crate) fn segment(job: &SegmentJob, run: &mut Run<'_>) -> Result<Ending, Failure> {
    let settings = Settings {
        model: &job.model,
        folds: job.folds.as_deref(),
        step_size: job.step_size,
        disable_tta: job.disable_tta,
        device: &job.device,
        precision: &job.precision,
        device_memory_mib: job.device_memory_mib,
    };
    settings.check()?;
    if let [folder] = job.inputs.as_slice()
        && folder.is_dir()
    {
        let Listing { cases, skipped } = cases_of(folder)
            .map_err(|error| Failure::new(FailureKind::InputMissing, format!("cannot read {}: {error}", folder.display())))?;
        // A DICOM folder may hold stray images; a mask as output says that one study is meant.
        let one_study = stem(&job.output).is_some() && cases.iter().all(|case| !case.names_channels());
        if !cases.is_empty() && !one_study {
            skipped.into_iter().for_each(|text| run.warn(Notice { code: SKIPPED.to_owned(), text }));
            return segment_folder(job, &settings, folder, &cases, run);
        }
    }
    segment_study(job, &settings, run)
}

fn segment_study(job: &SegmentJob, settings: &Settings<'_>, run: &mut Run<'_>) -> Result<Ending, Failure> {
    check_nifti_target(&job.output)?;
    check_not_a_source(&job.output, &job.inputs)?;
    check_mask_replaceable(&job.output, Existing::from_flag(job.overwrite))?;
    let options = OpenOptions { series: job.series.clone(), volume: job.volume, ..OpenOptions::default() };
    let inputs = study::in_channel_order(&job.inputs, run)?;
    let study = study::read(&inputs, &options, run)?;
    let model = load_model(settings, run)?;
    let mut session = Session::open(model, settings, run)?;
    let segmented = session.segment(study, &job.output, job.save_probabilities, run);
    let finished = segmented.map_err(|failure| naming(&inputs[0], failure))?;
    let name = stem(&job.output).unwrap_or_default().to_string_lossy().into_owned();
    let case = CaseReport { name, output: job.output.clone(), outcome: done(finished) };
    Ok(Report::Segment(SegmentReport { device: session.device().to_owned(), cases: vec![case] }).into())
}

/// What is wrong with a scan is said with its name; in a folder of cases the case has been named already.
fn naming(input: &Path, failure: Failure) -> Failure {
    match failure.kind {
        FailureKind::InputRefused => Failure::new(failure.kind, format!("{}: {failure}", input.display())),
        _ => failure,
    }
}

fn segment_folder(job: &SegmentJob, settings: &Settings<'_>, folder: &Path, cases: &[Case], run: &mut Run<'_>) -> Result<Ending, Failure> {
    check_output_folder(job, folder)?;
    let model = load_model(settings, run)?;
    create_folder(&job.output)?;
    let mut session = Session::open(model, settings, run)?;
    let mut reports = Vec::with_capacity(cases.len());
    let mut stopped = None;
    let output_of = |case: &Case| job.output.join(format!("{}.nii.gz", case.name));
    let mut ahead: Option<Ahead> = None;
    for (index, case) in cases.iter().enumerate() {
        run.begin_case(&case.name, index, cases.len());
        let output = output_of(case);
        let read = ahead.take();
        if session.leaves_host_idle()
            && let Some(next) = cases.get(index + 1)
            // A mask that is there is compared with its source first; most need no second reading.
            && !output_of(next).exists()
            && check_mask_replaceable(&output_of(next), Existing::from_flag(job.overwrite)).is_ok()
            && let Ok(channels) = &next.channels
        {
            ahead = Some(Ahead::start(channels.clone(), case_options(job), session.plan().clone()));
        }
        let outcome = match segment_case(job, &mut session, case, &output, read, run) {
            Ok(outcome) => outcome,
            // No later case could do better.
            Err(failure) if matches!(failure.kind, FailureKind::Cancelled | FailureKind::Device) => {
                stopped = Some(stopped_after(&reports, cases.len(), &failure));
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

fn segment_case(
    job: &SegmentJob,
    session: &mut Session,
    case: &Case,
    output: &Path,
    ahead: Option<Ahead>,
    run: &mut Run<'_>,
) -> Result<CaseOutcome, Failure> {
    run.check_cancelled()?;
    let channels = case.channels.as_ref().map_err(|reason| Failure::new(FailureKind::InputRefused, reason.clone()))?;
    check_mask_replaceable(output, Existing::from_flag(job.overwrite))?;
    let source = study::identity_of_files(channels, job.volume)?;
    if session.has_written(output, job.save_probabilities, &source) {
        return Ok(CaseOutcome::Skipped);
    }
    if let Some(ahead) = ahead {
        let ready = ahead.take(session, run)?;
        return session.segment_prepared(ready, output, job.save_probabilities, run).map(done);
    }
    let study = study::read(channels, &case_options(job), run)?;
    session.segment(study, output, job.save_probabilities, run).map(done)
}

fn case_options(job: &SegmentJob) -> OpenOptions {
    OpenOptions { volume: job.volume, ..OpenOptions::default() }
}

fn done(finished: Finished) -> CaseOutcome {
    CaseOutcome::Done { provenance: Box::new(finished.provenance), structures: finished.structures }
}

fn stopped_after(reports: &[CaseReport], total: usize, failure: &Failure) -> Failure {
    let finished = reports.iter().filter(|case| !matches!(case.outcome, CaseOutcome::Failed { .. })).count();
    let reason = match failure.kind {
        FailureKind::Cancelled => "cancelled",
        _ => &failure.sentence,
    };
    Failure::new(failure.kind, format!("{reason}; {finished} of {total} cases are finished, a rerun continues with the others"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stopping_a_batch_says_what_is_finished() {
        let case = |outcome| CaseReport { name: "a".to_owned(), output: "a.nii.gz".into(), outcome };
        let failed = CaseOutcome::Failed { failure: Failure::new(FailureKind::InputRefused, "thin") };
        let reports = [case(CaseOutcome::Skipped), case(failed)];
        let stopped = stopped_after(&reports, 5, &Failure::cancelled());
        assert_eq!(stopped.kind, FailureKind::Cancelled);
        assert_eq!(stopped.sentence, "cancelled; 1 of 5 cases are finished, a rerun continues with the others");
        assert!(stopped_after(&reports, 5, &Failure::new(FailureKind::Device, "device lost")).sentence.starts_with("device lost; 1 of 5"));
    }
}
