//! What fills the window. Screens read the state and push commands; they change nothing.

mod case;
mod details;
mod dialogs;
pub(crate) mod edit;
mod edit_rail;
mod export;
mod history_row;
mod home;
mod jobs;
mod keyboard;
pub(crate) mod keys;
mod log;
mod palette;
mod pictures;
mod queue_strip;
mod review;
mod review_list;
pub(crate) mod segment;
mod series;
mod settings;
mod shell;
mod structures;
mod toolbar;
pub(crate) mod words;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use eframe::egui;

use crate::command::Command;
use crate::look::widgets::Toasts;
use crate::look::{Theme, install};
use crate::panes::Panes;
use crate::render::device::{DeviceWatch, attach};
use crate::state::{Screen, State};
use pictures::Pictures;

/// What screens keep between frames: textures, what shows for seconds.
pub(crate) struct Screens {
    pictures: Pictures,
    panes: Panes,
    theme: Option<Theme>,
    toasts: Toasts,
    told: usize,
    device: DeviceWatch,
    /// Pictures that were taken since the last frame.
    taken: Arc<Mutex<Vec<Command>>>,
}

/// The part of a picture in a rectangle given in points, as far as the picture reaches.
fn cut(whole: &egui::ColorImage, rect: egui::Rect, scale: f32) -> egui::ColorImage {
    let [width, height] = whole.size;
    let pixel = |points: f32, most: usize| ((points * scale).round().max(0.0) as usize).min(most);
    let (left, right) = (pixel(rect.left(), width), pixel(rect.right(), width));
    let (top, bottom) = (pixel(rect.top(), height), pixel(rect.bottom(), height));
    whole.region_by_pixels([left, top], [right.saturating_sub(left), bottom.saturating_sub(top)])
}

/// What a screen draws with.
pub(crate) struct Draw<'a> {
    /// Everything known.
    pub(crate) state: &'a State,
    /// Pictures from files.
    pub(crate) pictures: &'a mut Pictures,
    /// What the image panes keep.
    pub(crate) panes: &'a mut Panes,
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
        let device = context.wgpu_render_state.as_ref().map(attach).unwrap_or_default();
        let ctx = context.egui_ctx.clone();
        let panes = Panes::new(Arc::new(move || ctx.request_repaint()));
        Self { pictures: Pictures::default(), panes, theme: None, toasts: Toasts::default(), told: 0, device, taken: Arc::default() }
    }

    /// Whether the device that all is drawn with is still there.
    pub(crate) fn device(&self) -> &DeviceWatch {
        &self.device
    }

    /// Draws everything.
    pub(crate) fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame, state: &State, commands: &mut Vec<Command>) {
        let theme = state.settings.theme;
        if self.theme != Some(theme) {
            theme.apply(ui.ctx());
            self.theme = Some(theme);
        }
        theme.apply_scale(ui.ctx());
        commands.append(&mut self.taken.lock().unwrap_or_else(PoisonError::into_inner));
        let mut draw = Draw { state, pictures: &mut self.pictures, panes: &mut self.panes, commands };
        shell::around(ui, &mut draw, |ui, draw| match draw.state.screen {
            Screen::Home => home::ui(ui, draw),
            Screen::Series => series::ui(ui, draw),
            Screen::Settings(page) => settings::ui(ui, draw, page),
            Screen::Jobs => jobs::ui(ui, draw),
            Screen::Case(mode) => case::ui(ui, draw, mode),
        });
        dialogs::show(ui, &mut draw);
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

    /// Takes a picture of the panes, letters and scale bars in them; it is there some frames later.
    pub(crate) fn save_picture(&mut self, ctx: &egui::Context, path: PathBuf) {
        let (taken, again) = (Arc::clone(&self.taken), ctx.clone());
        let (rect, scale) = (self.panes.rect, ctx.pixels_per_point());
        ctx.request_screenshot(move |window| {
            let panes = Arc::new(cut(&window, rect, scale));
            taken.lock().unwrap_or_else(PoisonError::into_inner).push(Command::KeepPicture(path, panes));
            again.request_repaint();
        });
    }
}
