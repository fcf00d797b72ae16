//! The tool rail of Edit: tools with their keys, then operations on whole structures.

use eframe::egui::{Frame, ScrollArea, Ui};

use crate::command::Command;
use crate::look::icons::{self, Icon};
use crate::look::tokens::{control, gap};
use crate::look::widgets::{tool_button_high, tool_rule};
use crate::look::{Theme, theme};
use crate::screens::Draw;
use crate::screens::edit::{self, Operation};
use crate::state::Tool;

/// The icon of a tool.
pub(super) fn sign(tool: Tool) -> Icon {
    match tool {
        Tool::View => icons::HAND,
        Tool::Brush => icons::BRUSH,
        Tool::Sphere => icons::SPHERE,
        Tool::Erase => icons::ERASER,
        Tool::Threshold => icons::CONTRAST,
        Tool::Lasso => icons::LASSO,
        Tool::Fill => icons::FILL,
        Tool::Measure => icons::MEASURE,
    }
}

/// The rail, over the whole height.
pub(super) fn panel(ui: &mut Ui, draw: &mut Draw<'_>) {
    let Some(case) = &draw.state.case else { return };
    let fill = Theme::of(ui).bg1;
    Frame::new().fill(fill).inner_margin(theme::margin(0.0, gap::S)).show(ui, |ui| {
        ui.set_min_size(ui.available_size());
        let count = (Tool::ALL.len() + Operation::ALL.len()) as f32;
        let height = ((ui.available_height() - gap::M) / count).floor().clamp(control::TOOL_LEAST, control::TOOL);
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            for (at, tool) in Tool::ALL.into_iter().enumerate() {
                let key = (at + 1).to_string();
                if tool_button_high(ui, height, sign(tool), tool.name(), &key, case.edit.tool == tool, true).clicked() {
                    draw.ask(Command::TakeTool(tool));
                }
            }
            tool_rule(ui);
            let shown = edit::operation(ui);
            let free = case.edit.working.is_none() && case.view.selected.is_some();
            for operation in Operation::ALL {
                let button =
                    tool_button_high(ui, height, operation.sign(), operation.name(), operation.key(), shown == Some(operation), free);
                if button.clicked() {
                    edit::show_operation(ui, if shown == Some(operation) { None } else { Some(operation) });
                }
            }
        });
    });
}
