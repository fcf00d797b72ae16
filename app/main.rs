//! The desktop program. Started as `voxelry-app worker` it is the worker, so that one file installs.

#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    voxelry_app::give_back_freed_memory();
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "worker") {
        worker::serve(io::stdin().lock(), io::stdout());
        return ExitCode::SUCCESS;
    }
    match voxelry_app::run(arguments.into_iter().map(PathBuf::from).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Voxelry could not open its window: {error}");
            ExitCode::FAILURE
        }
    }
}
