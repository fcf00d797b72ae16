//! The log panel, Ctrl L, and the report that defect notes begin with.

use std::fmt::Write as _;

use eframe::egui::{Align, Frame, Layout, Panel, ScrollArea, Ui, vec2};

use crate::command::Command;
use crate::look::tokens::{Type, control, gap, layout};
use crate::look::widgets::{Button, IconButton, Ink, Words, section_head};
use crate::look::{Theme, icons, theme};
use crate::screens::Draw;
use crate::state::{Dialog, State};

/// Height of the panel, in its lines.
const LINES: f32 = 9.0;
/// Lines of the log in a report.
const REPORTED: usize = 100;

/// The panel above the status bar.
pub(super) fn show(ui: &mut Ui, draw: &mut Draw<'_>) {
    let p = Theme::of(ui);
    let frame = Frame::new().fill(p.bg1).inner_margin(theme::margin(gap::M, gap::S));
    Panel::bottom("log").resizable(false).frame(frame).show(ui, |ui| {
        let head = vec2(ui.available_width(), control::HEIGHT);
        ui.allocate_ui_with_layout(head, Layout::right_to_left(Align::Center), |ui| {
            if ui.add(IconButton::new(icons::CLOSE, "Close the log")).clicked() {
                draw.ask(Command::ShowDialog(Dialog::None));
            }
            if ui.add(Button::quiet("Copy report").icon(icons::COPY)).clicked() {
                draw.ask(Command::CopyReport(report(draw.state)));
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                section_head(ui, "Log", None);
            });
        });
        let height = LINES * Type::Small.line();
        ScrollArea::vertical().max_height(height).min_scrolled_height(height).auto_shrink(false).stick_to_bottom(true).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            if draw.state.log.is_empty() {
                ui.add(Words::note("Nothing has happened yet."));
            }
            for line in &draw.state.log {
                ui.horizontal(|ui| {
                    ui.spacing_mut().item_spacing.x = gap::M;
                    ui.set_max_width(layout::DIALOG.max(ui.available_width()));
                    ui.add(Words::small(line.at.get(11..19).unwrap_or(&line.at)).ink(Ink::Caption));
                    ui.add(Words::small(&line.text));
                });
            }
        });
    });
}

/// What a defect report needs, and nothing about patients.
pub(super) fn report(state: &State) -> String {
    let mut text = format!("Voxelry {}\n", env!("CARGO_PKG_VERSION"));
    let mut line = |name: &str, value: &str| {
        // Writing into a string does not fail.
        let _ = writeln!(text, "{name}: {value}");
    };
    match &state.device {
        Some(device) => {
            line("System", &device.system);
            line("Engine", &device.software);
            line("Device", &device.chosen);
            line("Threads", &device.threads.to_string());
            for adapter in &device.adapters {
                line("Adapter", &format!("{}, {}, {}, driver {}", adapter.name, adapter.kind, adapter.backend, adapter.driver));
            }
        }
        None => line("Device", "not known"),
    }
    line("Engine state", &format!("{:?}", state.engine));
    for banner in &state.banners {
        line("Shown", &format!("{} {}", banner.cause, banner.detail));
        if let Some(report) = &banner.report {
            line("Report", report);
        }
    }
    let skipped = state.log.len().saturating_sub(REPORTED);
    for entry in state.log.iter().skip(skipped) {
        line(&entry.at, &entry.text);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_ends_with_what_happened_last() {
        let mut state = State::default();
        (0..REPORTED + 3).for_each(|i| state.note(format!("step {i}.")));
        let report = report(&state);
        assert!(report.starts_with("Voxelry "));
        assert!(report.trim_end().ends_with("step 102."));
        assert!(!report.contains("step 2."), "only the last lines");
    }
}
