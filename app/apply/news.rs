//! What the worker said.

use std::sync::Arc;

use jobs::{Document, Report};

use crate::apply::{export, mask, open, queue, review, runs};
use crate::command::Command;
use crate::core::Core;
use crate::link::{News, Purpose};
use crate::state::{Banner, EngineStatus, Severity};

/// Takes in one piece of news.
pub(crate) fn news(core: &mut Core, news: News) {
    match news {
        News::Ready => core.state.engine = EngineStatus::Ready,
        News::Event(Purpose::Segment, event) => runs::event(core, event),
        News::Event(_, event) => {
            if let jobs::Event::Warning(notice) = event {
                core.state.note(format!("{} {}", notice.code, notice.text));
            }
        }
        News::Done(purpose, document) => done(core, purpose, *document),
        News::Died { lost, report } => runs::died(core, &lost, &report),
        News::NotStarted(reason) => {
            core.state.engine = EngineStatus::Stopped;
            let banner = Banner::new(Severity::Error, "The engine cannot be started.", format!("{reason}. Everything on disk is safe."));
            core.state.banner(banner.remedy("Try again", Command::RestartEngine));
        }
    }
}

fn done(core: &mut Core, purpose: Purpose, document: Document) {
    if let Some(failure) = &document.error {
        core.state.note(failure.sentence.clone());
    }
    match (purpose, document.report, document.error) {
        (Purpose::Doctor, Some(Report::Doctor(report)), _) => core.state.device = Some(Arc::new(report)),
        (Purpose::Doctor, _, _) => {}
        (Purpose::List(input), Some(Report::List(report)), failure) => open::listed(core, &input, report, failure),
        (Purpose::List(input), _, failure) => open::not_listed(core, &input, failure),
        (Purpose::Open, Some(Report::Open(report)), None) => open::opened(core, &report),
        (Purpose::Open, _, failure) => open::not_opened(core, failure),
        (Purpose::Prefetch(index), report, failure) => queue::prefetched(core, index, report, failure),
        (Purpose::Models, Some(Report::Models(report)), _) => runs::models(core, report),
        (Purpose::Models, _, _) => {}
        (Purpose::Estimate(model), Some(Report::Estimate(report)), None) => runs::estimated(core, model, report),
        (Purpose::Estimate(model), _, failure) => runs::not_estimated(core, &model, failure),
        (Purpose::Segment, report, failure) => runs::ended(core, report, failure),
        (Purpose::ImportLayer(case), Some(Report::Layer(report)), None) => mask::imported(core, &case, report.layer),
        (Purpose::ImportLayer(_), _, failure) => failed(core, "The mask was not read.", failure),
        (Purpose::Review { case, layer }, report, failure) => review::measured(core, &case, layer, report.is_some(), failure),
        (Purpose::Compare, Some(Report::Compare(report)), None) => review::compared(core, report),
        (Purpose::Compare, _, failure) => review::not_compared(core, failure),
        (Purpose::Export, Some(Report::Export(report)), failure) => export::exported(core, report, failure),
        (Purpose::Export, _, failure) => export::not_exported(core, failure),
    }
}

/// A banner for a job that failed; stopping on request is no fault.
pub(crate) fn failed(core: &mut Core, cause: &str, failure: Option<jobs::Failure>) {
    let Some(failure) = failure.filter(|failure| failure.kind != jobs::FailureKind::Cancelled) else { return };
    core.state.banner(Banner::new(Severity::Error, cause, sentence(&failure.sentence)));
}

/// A failure's words as a sentence of the window: capital first, full stop last.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let mut sentence: String = letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default();
    if !sentence.ends_with(['.', '?']) {
        sentence.push('.');
    }
    sentence
}
