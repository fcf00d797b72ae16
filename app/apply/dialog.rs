//! The system's file dialogs: opened by the window, as some systems want it, and waited for beside it.

use std::future::Future;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rfd::FileHandle;

use crate::core::Core;
use crate::state::{Banner, Severity};

/// Nobody answers a dialog this fast: it was never shown.
const FASTEST: Duration = Duration::from_millis(200);

/// Goes on with what was picked; says so where the system shows no dialog.
pub(super) fn ask(
    core: &mut Core,
    dialog: impl Future<Output = Option<FileHandle>> + Send + 'static,
    then: impl FnOnce(&mut Core, PathBuf) + Send + 'static,
) {
    core.tasks.spawn("file dialog", move || {
        let asked = Instant::now();
        let picked = pollster::block_on(dialog);
        let took = asked.elapsed();
        Box::new(move |core: &mut Core| match picked {
            Some(picked) => then(core, picked.path().to_owned()),
            None if took < FASTEST => {
                let detail = "Drop files on the window, or paste a path with Ctrl V.";
                core.state.banner(Banner::new(Severity::Warning, "This system shows no file dialog.", detail));
            }
            None => {}
        })
    });
}
