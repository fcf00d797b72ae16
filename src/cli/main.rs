//! The command line: arguments become a job, the worker runs it in this process, events become a progress bar.

mod args;
mod console;
mod text;

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Parser as _;
use jobs::{Document, FailureKind};
use tracing_subscriber::EnvFilter;

use crate::args::Cli;
use crate::console::Console;

fn main() -> ExitCode {
    let cli = Cli::parse();
    start_logging(cli.verbose);
    report_panics_as_failures();
    let cancel = cancel_on_ctrl_c();
    let mut console = Console::new(cli.json);
    let document = worker::run(&cli.command.into_job(), &mut |event| console.show(&event), &cancel);
    console.finish(&document);
    if let Err(error) = print(&document, cli.json)
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        console::say(format_args!("error: cannot write to standard output: {error}"));
        return ExitCode::from(FailureKind::Output.exit_code());
    }
    ExitCode::from(document.exit_code)
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
