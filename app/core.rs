//! The window without its pixels: state, worker, background tasks. Tests drive it as the screens do.

use std::fs;
use std::path::{Path, PathBuf};

use jobs::case::write_json;
use jobs::{DoctorJob, Job, WorkerCommand};

use crate::apply;
use crate::command::Command;
use crate::link::{Link, Purpose};
use crate::state::{Recents, State};
use crate::tasks::{Tasks, Wake};

/// Folders of this user.
#[derive(Debug, Clone)]
pub struct Places {
    /// Cases, models.
    pub data: PathBuf,
    /// Settings, recent cases.
    pub config: PathBuf,
}

impl Places {
    /// Where the system keeps such things.
    pub fn of_user() -> Option<Self> {
        let known = directories::ProjectDirs::from("", "", "voxelry")?;
        Some(Self { data: known.data_dir().to_owned(), config: known.config_dir().to_owned() })
    }

    fn settings(&self) -> PathBuf {
        self.config.join("settings.json")
    }

    fn recents(&self) -> PathBuf {
        self.config.join("recent.json")
    }
}

/// What the window's own layer has to do after a command.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Put a report on the clipboard.
    CopyReport(String),
    /// Save a picture of the window's panes.
    Picture(PathBuf),
}

/// State, worker and tasks.
pub struct Core {
    /// What the screens show.
    pub state: State,
    pub(crate) link: Link,
    pub(crate) tasks: Tasks,
    pub(crate) places: Places,
    pub(crate) effects: Vec<Effect>,
}

impl Core {
    /// Reads settings and starts a worker. `wake` is called when there is news for [`Core::logic`].
    pub fn new(places: Places, worker: WorkerCommand, wake: Wake) -> Self {
        let mut state = State { settings: read(&places.settings()), recents: read(&places.recents()), ..State::default() };
        state.setup.quality = state.settings.quality;
        state.setup.device.clone_from(&state.settings.device);
        state.export.folder.clone_from(&state.settings.export_folder);
        state.export.without_patient = state.settings.export_without_patient;
        let link = Link::new(worker, wake.clone());
        let tasks = Tasks::new(wake);
        let mut core = Self { state, link, tasks, places, effects: Vec::new() };
        core.ask_about_device();
        core
    }

    /// Does what a person asked for.
    pub fn apply(&mut self, command: Command) {
        apply::apply(self, command);
    }

    /// Takes in what the worker said and what tasks finished.
    pub fn logic(&mut self) {
        while let Some(news) = self.link.news() {
            apply::news(self, news);
        }
        while let Some(finish) = self.tasks.finished() {
            finish(self);
        }
    }

    /// What the window has to do.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Ends in order: edits on the disk itself, settings kept.
    pub fn close(&mut self) {
        apply::close(self);
        self.save_settings();
    }

    /// Process id of the worker.
    pub fn worker_pid(&self) -> Option<u32> {
        self.link.pid()
    }

    /// Folder of all cases.
    pub(crate) fn cases(&self) -> PathBuf {
        self.state.settings.cases.clone().unwrap_or_else(|| self.places.data.join("cases"))
    }

    /// Places models are looked for in.
    pub(crate) fn model_places(&self) -> Vec<PathBuf> {
        let own = self.places.data.join("models");
        self.state.settings.model_places.iter().cloned().chain([own]).collect()
    }

    /// Asks what this machine can run.
    pub(crate) fn ask_about_device(&mut self) {
        let device = self.state.settings.device.clone();
        self.link.ask(Purpose::Doctor, Job::Doctor(DoctorJob { device, tune: false }));
    }

    /// Keeps settings.
    pub(crate) fn save_settings(&mut self) {
        let path = self.places.settings();
        self.keep(&path, |core, path| write_json(path, &core.state.settings));
    }

    /// Keeps the list of recent cases, or clears it where that is wished.
    pub(crate) fn save_recents(&mut self) {
        if !self.state.settings.remember_recent {
            self.state.recents = Recents::default();
        }
        let path = self.places.recents();
        self.keep(&path, |core, path| write_json(path, &core.state.recents));
    }

    fn keep(&mut self, path: &Path, write: impl Fn(&Self, &Path) -> std::io::Result<()>) {
        let made = path.parent().map_or(Ok(()), fs::create_dir_all);
        if let Err(error) = made.and_then(|()| write(self, path)) {
            self.state.note(format!("settings were not kept: {error}"));
        }
    }
}

/// A file of preferences; what is missing or damaged is as if new.
fn read<T: serde::de::DeserializeOwned + Default>(path: &Path) -> T {
    fs::read(path).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}
