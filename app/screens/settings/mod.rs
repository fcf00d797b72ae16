//! Settings: everything applies at once and is kept; there is no OK button.

mod about;
mod appearance;
mod device;
mod editing;
mod export;
mod keyboard;
mod privacy;
mod storage;
mod viewing;

use eframe::egui::{Align, CentralPanel, Frame, Layout, Panel, Stroke, Ui, vec2};

use crate::command::Command;
use crate::look::icons::{self, Icon};
use crate::look::tokens::{Type, control, gap, layout, line, radius};
use crate::look::widgets::{Ink, NavRow, Words, link, nav_row, page, rule};
use crate::look::{Theme, theme};
use crate::screens::Draw;
use crate::state::{Settings, SettingsPage};

/// Pages in the order of the list.
const PAGES: [(SettingsPage, Icon, &str); 9] = [
    (SettingsPage::Appearance, icons::MOON, "Appearance"),
    (SettingsPage::Viewing, icons::LAYERS, "Viewing"),
    (SettingsPage::Editing, icons::BRUSH, "Editing"),
    (SettingsPage::Device, icons::CHIP, "Device and memory"),
    (SettingsPage::Storage, icons::FOLDER, "Storage"),
    (SettingsPage::Privacy, icons::LOCK, "Privacy"),
    (SettingsPage::Export, icons::EXPORT, "Export"),
    (SettingsPage::Keyboard, icons::KEYBOARD, "Keyboard"),
    (SettingsPage::About, icons::INFO, "About and licences"),
];

pub(super) fn ui(ui: &mut Ui, draw: &mut Draw<'_>, shown: SettingsPage) {
    let p = Theme::of(ui);
    let list = Panel::left("settings pages").exact_size(layout::STEPS).resizable(false);
    list.frame(Frame::new().fill(p.bg1).inner_margin(theme::margin(0.0, gap::M))).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for (to, icon, text) in PAGES {
            if nav_row(ui, NavRow { icon, text, on: to == shown }).clicked() {
                draw.ask(Command::ShowSettings(to));
            }
        }
    });
    CentralPanel::default().frame(Frame::new().fill(p.bg0)).show(ui, |ui| {
        let most = if shown == SettingsPage::Keyboard { layout::DIALOG } else { layout::SETTINGS };
        page(ui, shown as usize, most, gap::XL, |ui, _| show(ui, draw, shown));
    });
}

fn show(ui: &mut Ui, draw: &mut Draw<'_>, page: SettingsPage) {
    let (_, _, title) = PAGES.iter().find(|(of, _, _)| *of == page).copied().unwrap_or(PAGES[0]);
    ui.add(Words::title(title));
    ui.add_space(gap::L);
    match page {
        SettingsPage::Appearance => appearance::ui(ui, draw),
        SettingsPage::Viewing => viewing::ui(ui, draw),
        SettingsPage::Editing => editing::ui(ui, draw),
        SettingsPage::Device => device::ui(ui, draw),
        SettingsPage::Storage => storage::ui(ui, draw),
        SettingsPage::Privacy => privacy::ui(ui, draw),
        SettingsPage::Export => export::ui(ui, draw),
        SettingsPage::Keyboard => keyboard::ui(ui),
        SettingsPage::About => about::ui(ui),
    }
    if let Some(reset) = reset_of(page) {
        ui.add_space(gap::L);
        ui.horizontal(|ui| {
            ui.add(Words::small("Changes apply at once and are kept.").ink(Ink::Caption));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if link(ui, "Reset this page").clicked() {
                    set(draw, |settings| reset(settings, &Settings::default()));
                }
            });
        });
    }
}

/// What puts a page back to how it came; nothing where a page sets nothing.
fn reset_of(page: SettingsPage) -> Option<fn(&mut Settings, &Settings)> {
    match page {
        SettingsPage::Appearance => Some(|now, new| {
            (now.theme, now.patterns, now.outline_width, now.safe_colors) = (new.theme, new.patterns, new.outline_width, new.safe_colors);
        }),
        SettingsPage::Viewing => Some(|now, new| (now.radiological, now.smooth_pixels) = (new.radiological, new.smooth_pixels)),
        SettingsPage::Editing => Some(|now, new| (now.brush_mm, now.reviewer) = (new.brush_mm, new.reviewer.clone())),
        SettingsPage::Device => Some(|now, new| {
            (now.device, now.device_memory_mib, now.quality) = (new.device.clone(), new.device_memory_mib, new.quality);
        }),
        SettingsPage::Storage => Some(|now, new| (now.cases, now.model_places) = (new.cases.clone(), new.model_places.clone())),
        SettingsPage::Privacy => Some(|now, new| now.remember_recent = new.remember_recent),
        SettingsPage::Export => Some(|now, new| now.export_without_patient = new.export_without_patient),
        SettingsPage::Keyboard | SettingsPage::About => None,
    }
}

/// Changes preferences at once.
fn set(draw: &mut Draw<'_>, change: impl FnOnce(&mut Settings)) {
    let mut settings = draw.state.settings.clone();
    change(&mut settings);
    if settings != draw.state.settings {
        draw.ask(Command::SetSettings(Box::new(settings)));
    }
}

/// Rows in a frame.
fn group(ui: &mut Ui, contents: impl FnOnce(&mut Ui)) {
    let p = Theme::of(ui);
    let frame = Frame::new().fill(p.bg1).stroke(Stroke::new(line::THIN, p.line1)).corner_radius(theme::corners(radius::CARD));
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        contents(ui);
    });
}

/// Heading of a second group.
fn heading(ui: &mut Ui, text: &str) {
    ui.add_space(gap::XL);
    ui.add(Words::new(text).size(Type::Section).strong());
    ui.add_space(gap::M);
}

/// A row: what it is, what it means, and the control at the right.
fn row(ui: &mut Ui, title: &str, about: &str, control: impl FnOnce(&mut Ui)) {
    let size = vec2(ui.available_width(), control::LIST_ROW);
    ui.allocate_ui_with_layout(size, Layout::right_to_left(Align::Center), |ui| {
        ui.set_min_size(size);
        ui.spacing_mut().item_spacing.x = 0.0;
        ui.add_space(gap::L);
        control(ui);
        ui.add_space(gap::L);
        // The words take what the control leaves.
        let room = ui.available_width() - gap::L;
        ui.allocate_ui_with_layout(vec2(room, control::LIST_ROW), Layout::top_down(Align::Min), |ui| {
            ui.set_width(room);
            ui.spacing_mut().item_spacing.y = 0.0;
            ui.add_space((control::LIST_ROW - Type::Body.line() - Type::Small.line()) * line::HALF);
            ui.add(Words::new(title));
            ui.add(Words::small(about).ink(Ink::Caption));
        });
    });
}

/// Room for a control of fixed width at the right of a row.
fn wide(ui: &mut Ui, contents: impl FnOnce(&mut Ui)) {
    let size = vec2(control::SETTING, control::HEIGHT);
    ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
        ui.set_min_size(size);
        contents(ui);
    });
}

/// A row of facts inside a group, over its whole width.
fn lines(ui: &mut Ui, contents: impl FnOnce(&mut Ui)) {
    Frame::new().inner_margin(theme::margin(gap::L, gap::M)).show(ui, |ui| {
        ui.set_width(ui.available_width());
        contents(ui);
    });
}

/// Between two rows.
fn between(ui: &mut Ui) {
    rule(ui);
}
