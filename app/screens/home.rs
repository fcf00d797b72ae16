//! Home: open a study.

use eframe::egui::{Frame, ScrollArea, Ui, vec2};
use jobs::case::CaseState;

use crate::command::Command;
use crate::look::tokens::{State as Sign, Type, control, gap, icon, layout, line};
use crate::look::widgets::{Button, Ink, ListRow, Words, drop_zone, empty, section_head, table, tag};
use crate::look::{Theme, icons, paint};
use crate::screens::{Draw, shell};
use crate::state::{EngineStatus, Recent};

/// Size of a case's picture in the list.
const PICTURE: [f32; 2] = [control::LIST_ROW, control::LARGE + gap::XS];

pub(super) fn ui(ui: &mut Ui, draw: &mut Draw<'_>) {
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        let width = layout::HOME.min(ui.available_width() - 2.0 * gap::XL);
        let side = ((ui.available_width() - width) * line::HALF).max(gap::XL);
        Frame::new().inner_margin(crate::look::theme::margin(side, gap::XXL)).show(ui, |ui| {
            ui.set_width(width);
            page(ui, draw, width);
        });
    });
}

fn page(ui: &mut Ui, draw: &mut Draw<'_>, width: f32) {
    ui.add_space(gap::S);
    ui.add(Words::title("Open a study").size(Type::Display));
    ui.add(Words::new("DICOM folder, NIfTI, NRRD or a queue. Nothing leaves this computer.").ink(Ink::Label));
    ui.add_space(gap::L);
    ways_in(ui, draw, width);
    ui.add_space(gap::L);
    device(ui, draw);
    ui.add_space(gap::XL);
    let hidden = draw.state.recents.cases.is_empty();
    ui.horizontal(|ui| {
        section_head(ui, "Recent", None);
    });
    ui.horizontal(|ui| {
        if ui.add(Button::quiet("Try the sample study").icon(icons::FINE_TUNE)).clicked() {
            draw.ask(Command::OpenSample);
        }
    });
    ui.add_space(gap::S);
    if hidden {
        empty(ui, "Studies you open appear here.");
    } else {
        recents(ui, draw);
    }
}

/// Drop zone and Open, equally large.
fn ways_in(ui: &mut Ui, draw: &mut Draw<'_>, width: f32) {
    let size = vec2((width - gap::L) * line::HALF, control::DROP_ZONE);
    let hot = ui.ctx().input(|input| !input.raw.hovered_files.is_empty());
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = gap::L;
        if drop_zone(ui, icons::DOWNLOAD, "Drop a folder or file here", "or paste a path with", "Ctrl V", hot, size).clicked() {
            draw.ask(Command::OpenFolder);
        }
        ui.allocate_ui(size, |ui| open_card(ui, draw, size));
    });
}

fn open_card(ui: &mut Ui, draw: &mut Draw<'_>, size: eframe::egui::Vec2) {
    let p = Theme::of(ui);
    let frame = Frame::new()
        .fill(p.bg1)
        .stroke(eframe::egui::Stroke::new(line::THIN, p.line2))
        .corner_radius(crate::look::theme::corners(crate::look::tokens::radius::CARD));
    frame.show(ui, |ui| {
        ui.set_min_size(size - vec2(line::FOCUS, line::FOCUS));
        ui.vertical_centered(|ui| {
            let content = icon::CARD + gap::M + 2.0 * control::LARGE + gap::S;
            ui.add_space((size.y - content) * line::HALF);
            let (rect, _) = ui.allocate_exact_size(vec2(icon::CARD, icon::CARD), eframe::egui::Sense::hover());
            paint::icon(ui.painter(), rect.center(), icons::FOLDER_OPEN, icon::CARD, p.text2);
            ui.add_space(gap::M);
            let folder = Button::primary("Open folder…").large().key("Ctrl O").width(control::WIDE_BUTTON);
            if ui.add(folder).clicked() {
                draw.ask(Command::OpenFolder);
            }
            ui.add_space(gap::S);
            if ui.add(Button::plain("Open file…").large().width(control::WIDE_BUTTON)).clicked() {
                draw.ask(Command::OpenFile);
            }
        });
    });
}

/// What this machine runs on.
fn device(ui: &mut Ui, draw: &mut Draw<'_>) {
    let state = draw.state;
    let (sign, word) = match (&state.engine, &state.device) {
        (EngineStatus::Stopped, _) => (Sign::Err, "Stopped"),
        (_, None) => (Sign::Neutral, "Looking"),
        (EngineStatus::Busy, _) => (Sign::Accent, "Busy"),
        _ => (Sign::Ok, "Ready"),
    };
    let name = shell::device_name(state);
    let about = state.device.as_ref().map_or_else(
        || "Looking at this machine's devices…".to_owned(),
        |device| match device.adapters.iter().find(|adapter| device.chosen.contains(&adapter.name)) {
            Some(adapter) => format!("{} · {}", adapter.backend, adapter.kind),
            None => format!("CPU engine · {} threads · masks agree with those from a GPU", device.threads),
        },
    );
    crate::look::widgets::card(ui, |ui| {
        ui.horizontal(|ui| {
            ui.add(Words::new(&name).strong());
            ui.add(Words::new(&about).ink(Ink::Label));
            tag(ui, sign, None, word);
        });
    });
}

fn recents(ui: &mut Ui, draw: &mut Draw<'_>) {
    let count = draw.state.recents.cases.len();
    table(ui, |ui| {
        for (i, recent) in draw.state.recents.cases.iter().enumerate() {
            let picture = draw.pictures.of(ui.ctx(), &recent.case.join("thumb.png"));
            let about = [recent.subtitle.as_str(), recent.summary.as_str()].into_iter().filter(|text| !text.is_empty());
            let about = about.collect::<Vec<_>>().join(" · ");
            let (sign, word) = state_words(recent);
            let mut row = ListRow::new(&recent.title).about(&about).tag(sign, word).value(day(&recent.at));
            if let Some(picture) = &picture {
                row = row.picture(picture.id(), PICTURE);
            }
            if i + 1 == count {
                row = row.last();
            }
            if ui.add(row).clicked() {
                draw.commands.push(Command::OpenCase(recent.case.clone()));
            }
        }
    });
}

fn state_words(recent: &Recent) -> (Sign, &'static str) {
    match recent.state {
        CaseState::Opened => (Sign::Neutral, "Opened"),
        CaseState::InReview => (Sign::Warn, "In review"),
        CaseState::Accepted => (Sign::Ok, "Accepted"),
        CaseState::Rejected => (Sign::Err, "Rejected"),
        CaseState::Flagged => (Sign::Warn, "Flagged"),
    }
}

/// The day of an RFC 3339 time.
fn day(at: &str) -> &str {
    at.get(..10).unwrap_or(at)
}
