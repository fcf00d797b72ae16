//! Everything the window knows, as plain data. Screens read it; only `apply` changes it.

mod case;
mod edit;
mod export;
mod listing;
mod queue;
mod recent;
mod review;
mod run;
mod settings;
mod view;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use jobs::{DoctorReport, ModelCard};

pub use case::{Case, Layer, LayerVoxels, StructureView, step_words};
pub use edit::{EditState, Overwrite, Pending, Stroke, StrokeShape, Tool};
pub use export::ExportState;
pub use listing::Listing;
pub use queue::{Queue, QueueCase};
pub use recent::{Progress, Recent, Recents};
pub use review::{CHECK_BELOW, ReviewState, TOLERANCE_MM};
pub use run::{FinishedRun, Outcome, Run, RunSetup, Segmenting};
pub use settings::{Settings, StorageUse};
pub(crate) use view::extent_lps_mm;
pub use view::{Layout, Measurement, OverlayStyle, Pane, Preset, Slab, SlabKind, View, Window};

/// What fills the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Screen {
    /// Open a study.
    #[default]
    Home,
    /// Choose a series.
    Series,
    /// Work on a case.
    Case(Mode),
    /// Preferences.
    Settings(SettingsPage),
    /// Running and finished jobs.
    Jobs,
}

/// What is done with a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Look.
    #[default]
    View,
    /// Run a model.
    Segment,
    /// Decide.
    Review,
    /// Correct.
    Edit,
    /// Hand over.
    Export,
}

impl Mode {
    /// In the order of the tabs, which is that of Ctrl 1 to 5.
    pub const ALL: [Self; 5] = [Self::View, Self::Segment, Self::Review, Self::Edit, Self::Export];
}

/// Pages of the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SettingsPage {
    /// Theme, size, structures.
    #[default]
    Appearance,
    /// Windows and sides.
    Viewing,
    /// Tools.
    Editing,
    /// Device and its memory.
    Device,
    /// Folders.
    Storage,
    /// What leaves this computer: nothing.
    Privacy,
    /// Kinds of files.
    Export,
    /// Keys.
    Keyboard,
    /// Version and licences.
    About,
}

/// The worker, as a person should know it.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum EngineStatus {
    /// Started, not greeted yet.
    #[default]
    Starting,
    /// Waiting for work.
    Ready,
    /// At work on a long job.
    Busy,
    /// Gone. The banner says what was saved.
    Stopped,
}

/// How bad a banner is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// To know.
    Info,
    /// To look at.
    Warning,
    /// Something failed.
    Error,
}

/// One line under the top bar, with one remedy.
#[derive(Debug, Clone, PartialEq)]
pub struct Banner {
    /// How bad.
    pub severity: Severity,
    /// What happened, in bold.
    pub cause: String,
    /// What was saved, or what it means.
    pub detail: String,
    /// Text of the button and what it does; the banner goes when it is pressed.
    pub remedy: Option<(String, crate::Command)>,
    /// Text "Copy report" puts on the clipboard.
    pub report: Option<String>,
}

impl Banner {
    /// A banner without a button.
    pub fn new(severity: Severity, cause: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { severity, cause: cause.into(), detail: detail.into(), remedy: None, report: None }
    }

    /// With a button.
    pub fn remedy(mut self, text: impl Into<String>, command: crate::Command) -> Self {
        self.remedy = Some((text.into(), command));
        self
    }

    /// With something to copy.
    pub fn report(mut self, report: impl Into<String>) -> Self {
        self.report = Some(report.into());
        self
    }
}

/// Something that went well, for four seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Toast {
    /// One sentence.
    pub text: String,
    /// When it appeared.
    pub since: Instant,
    /// Rises with every one, so that each is shown once.
    pub number: usize,
}

/// What lies over the screen.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Dialog {
    /// Nothing.
    #[default]
    None,
    /// All keys.
    Keyboard,
    /// All actions, by name; holds the text typed.
    Palette(String),
    /// A new structure's name.
    NewStructure(String),
    /// What was logged.
    Log,
    /// Something that cannot be undone, before it is done.
    Confirm {
        /// What.
        question: String,
        /// Text of the button.
        action: String,
        /// What it does.
        command: Box<crate::Command>,
    },
}

/// One line of the log panel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// UTC.
    pub at: String,
    /// One line.
    pub text: String,
}

/// Lines the log panel keeps.
const LOG_LINES: usize = 500;

/// Everything.
#[derive(Debug, Default)]
pub struct State {
    /// What fills the window.
    pub screen: Screen,
    /// Where Esc and the house lead back to from settings and jobs.
    pub behind: Screen,
    /// What lies over it.
    pub dialog: Dialog,
    /// Preferences, kept between sessions.
    pub settings: Settings,
    /// Cases opened before.
    pub recents: Recents,
    /// The worker.
    pub engine: EngineStatus,
    /// What the worker found on this machine.
    pub device: Option<Arc<DoctorReport>>,
    /// Models, those that fit the case first.
    pub models: Vec<ModelCard>,
    /// A folder being looked at, or the series found in it.
    pub listing: Option<Listing>,
    /// What is being opened, for a line that says so.
    pub opening: Option<PathBuf>,
    /// The case on screen.
    pub case: Option<Box<Case>>,
    /// A queue of cases, if one is open.
    pub queue: Option<Queue>,
    /// How the next run will be made.
    pub setup: RunSetup,
    /// The run in progress, which may belong to another case than the one on screen.
    pub run: Option<Run>,
    /// Runs that ended since the program started, oldest first.
    pub finished: Vec<FinishedRun>,
    /// What all cases take on disk; absent until the storage page asked.
    pub storage: Option<StorageUse>,
    /// How exports are made.
    pub export: ExportState,
    /// Faults, newest last.
    pub banners: Vec<Banner>,
    /// Good news.
    pub toasts: VecDeque<Toast>,
    /// Toasts so far.
    pub toasted: usize,
    /// What happened, for the log panel.
    pub log: VecDeque<LogLine>,
}

impl State {
    /// The mode, if a case is on screen.
    pub fn mode(&self) -> Option<Mode> {
        if let Screen::Case(mode) = self.screen { Some(mode) } else { None }
    }

    /// What a case is called, whether it is on screen or was before.
    pub fn title_of(&self, path: &Path) -> Option<&str> {
        let on_screen = self.case.as_ref().filter(|case| case.folder.path() == path).map(|case| case.file.title.as_str());
        let recent = || self.recents.cases.iter().find(|recent| recent.case == path).map(|recent| recent.title.as_str());
        let queued = || self.queue.iter().flat_map(|queue| &queue.cases).find(|case| case.case.as_deref() == Some(path));
        on_screen.or_else(recent).or_else(|| queued().map(|case| case.name.as_str()))
    }

    /// Shows good news.
    pub fn toast(&mut self, text: impl Into<String>) {
        let text = text.into();
        self.note(text.clone());
        self.toasted += 1;
        self.toasts.push_back(Toast { text, since: Instant::now(), number: self.toasted });
    }

    /// Shows a fault; one that is shown already is not repeated.
    pub fn banner(&mut self, banner: Banner) {
        self.note(format!("{} {}", banner.cause, banner.detail));
        self.banners.retain(|shown| shown.cause != banner.cause);
        self.banners.push(banner);
    }

    /// Writes a line into the log panel.
    pub fn note(&mut self, text: impl Into<String>) {
        if self.log.len() == LOG_LINES {
            self.log.pop_front();
        }
        self.log.push_back(LogLine { at: jobs::utc_timestamp(std::time::SystemTime::now()), text: text.into() });
    }
}
