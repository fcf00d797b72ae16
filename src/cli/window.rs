//! `voxelry app`: the window is a program of its own, installed beside this one.

use std::env::consts::EXE_SUFFIX;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use jobs::FailureKind;

use crate::console;

/// Opens the window and waits until it is closed.
pub(crate) fn open(input: Option<PathBuf>) -> ExitCode {
    let name = format!("voxelry-app{EXE_SUFFIX}");
    let beside = std::env::current_exe().ok().and_then(|own| Some(own.parent()?.join(&name))).filter(|path| path.is_file());
    let program = beside.unwrap_or_else(|| name.clone().into());
    match Command::new(&program).args(input).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(status) => ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)),
        Err(error) => {
            console::say(format_args!("error: the window cannot be opened ({error}); install {name} beside this program"));
            ExitCode::from(FailureKind::InputMissing.exit_code())
        }
    }
}
