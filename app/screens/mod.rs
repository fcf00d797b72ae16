//! What fills the window. Screens read the state and push commands; they change nothing.

mod home;
pub(crate) mod keys;
mod pictures;
mod series;
mod shell;
pub(crate) mod words;

use std::path::PathBuf;

use eframe::egui;

use crate::command::Command;
use crate::look::widgets::Toasts;
use crate::look::{Theme, install};
use crate::state::{Screen, State};
use pictures::Pictures;

/// What screens keep between frames: textures, what shows for seconds.
pub(crate) struct Screens {
    pictures: Pictures,
    theme: Option<Theme>,
    toasts: Toasts,
    told: usize,
}

/// What a screen draws with.
pub(crate) struct Draw<'a> {
    /// Everything known.
    pub(crate) state: &'a State,
    /// Pictures from files.
    pub(crate) pictures: &'a mut Pictures,
    /// What the person asked for.
    pub(crate) commands: &'a mut Vec<Command>,
}

impl Draw<'_> {
    /// Asks for something.
    pub(crate) fn ask(&mut self, command: Command) {
        self.commands.push(command);
    }
}

impl Screens {
    pub(crate) fn new(context: &eframe::CreationContext<'_>) -> Self {
        install(&context.egui_ctx);
        Self { pictures: Pictures::default(), theme: None, toasts: Toasts::default(), told: 0 }
    }

    /// Draws everything.
    pub(crate) fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame, state: &State, commands: &mut Vec<Command>) {
        let theme = state.settings.theme;
        if self.theme != Some(theme) {
            theme.apply(ui.ctx());
            self.theme = Some(theme);
        }
        theme.apply_scale(ui.ctx());
        let mut draw = Draw { state, pictures: &mut self.pictures, commands };
        shell::around(ui, &mut draw, |ui, draw| match draw.state.screen {
            Screen::Home => home::ui(ui, draw),
            Screen::Series => series::ui(ui, draw),
            Screen::Case(_) | Screen::Settings(_) | Screen::Jobs => {}
        });
        self.show_toasts(ui.ctx(), state);
    }

    /// Good news goes to the toasts once.
    fn show_toasts(&mut self, ctx: &egui::Context, state: &State) {
        for toast in state.toasts.iter().filter(|toast| toast.number > self.told) {
            self.toasts.ok(toast.text.clone());
        }
        self.told = state.toasts.back().map_or(self.told, |toast| toast.number.max(self.told));
        self.toasts.show(ctx);
    }

    /// Saves a picture of the panes at the next frame.
    pub(crate) fn save_picture(&mut self, _ctx: &egui::Context, _path: PathBuf) {}
}
