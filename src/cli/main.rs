//! The command line: arguments become a job, the worker runs it in this process, events become a progress bar.

mod args;
mod console;
mod text;
mod window;

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Parser as _;
use jobs::{Document, Failure, FailureKind};
use tracing_subscriber::EnvFilter;

use crate::args::{Cli, Task};
use crate::console::Console;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse_arguments(&error),
    };
    start_logging(cli.verbose);
    report_panics_as_failures();
    let job = match cli.command.into_task() {
        Task::Job(job) => job,
        Task::App(input) => return window::open(input),
        Task::Worker => {
            worker::serve(io::stdin().lock(), io::stdout());
            return ExitCode::SUCCESS;
        }
    };
    let cancel = cancel_on_ctrl_c();
    let mut console = Console::new(cli.json);
    let document = worker::run(&job, &mut |event| console.show(&event), &cancel);
    console.finish(&document);
    if let Err(error) = print(&document, cli.json)
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        console::say(format_args!("error: cannot write to standard output: {error}"));
        return ExitCode::from(FailureKind::Output.exit_code());
    }
    ExitCode::from(document.exit_code)
}

/// Says what is wrong with the arguments as every other failure: a sentence, and one document where `--json` was asked for.
fn refuse_arguments(error: &clap::Error) -> ExitCode {
    let wants_json = std::env::args_os().take_while(|arg| arg != "--").any(|arg| arg == "--json");
    if !error.use_stderr() || !wants_json {
        error.exit();
    }
    let document = Document::new(Vec::new(), None, Some(Failure::new(FailureKind::Usage, usage_sentence(&error.to_string()))));
    console::say(format_args!("{error}"));
    // Nobody reads what cannot be written.
    let _ = print(&document, true);
    ExitCode::from(document.exit_code)
}

/// The first paragraph of clap's message, which may list missing arguments on lines of their own.
fn usage_sentence(message: &str) -> &str {
    let first = message.split("\n\n").next().unwrap_or(message);
    first.strip_prefix("error: ").unwrap_or(first)
}

fn print(document: &Document, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, document)?;
        writeln!(out)?;
    } else if let Some(report) = &document.report {
        out.write_all(text::report(report).as_bytes())?;
    }
    out.flush()
}

/// Logs go to stderr only when asked for, because the first line there belongs to the error sentence.
fn start_logging(verbose: u8) {
    let level = ["off", "info", "debug", "trace"][usize::from(verbose.min(3))];
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
}

/// The worker catches panics and turns them into a failure; the default hook would print its own first line.
fn report_panics_as_failures() {
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
}

/// The first Ctrl-C asks the job to stop; the second does not wait for it.
fn cancel_on_ctrl_c() -> Arc<AtomicBool> {
    let cancel = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&cancel);
    let installed = ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::SeqCst) {
            std::process::exit(FailureKind::Cancelled.exit_code().into());
        }
    });
    if let Err(error) = installed {
        tracing::warn!("Ctrl-C will stop at once instead of cleanly: {error}");
    }
    cancel
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usage_error_is_one_sentence() {
        let message = "error: the following required arguments were not provided:\n  --model <MODEL>\n\nUsage: voxelry segment\n";
        let failure = Failure::new(FailureKind::Usage, usage_sentence(message));
        assert_eq!(failure.sentence, "the following required arguments were not provided: --model <MODEL>");
    }
}
