//! The tool bar above the panes.

use eframe::egui::{Popup, Ui};

use crate::command::Command;
use crate::look::icons;
use crate::look::tokens::{Panels, State as Sign, control, gap, layout};
use crate::look::widgets::bars::bar_rule;
use crate::look::widgets::{Button, IconButton, Segment, menu_item, segmented, tag, tool_bar, trailing};
use crate::panes::grey;
use crate::render::plane::Plane;
use crate::screens::{Draw, case};
use crate::state::{Case, LayerVoxels, Layout, Mode, Pane, Preset, Slab, SlabKind};

/// Slabs that are offered.
const SLABS: [(&str, Slab); 6] = [
    ("Slab off", Slab { thickness_mm: 0.0, kind: SlabKind::Mean }),
    ("5 mm mean", Slab { thickness_mm: 5.0, kind: SlabKind::Mean }),
    ("10 mm mean", Slab { thickness_mm: 10.0, kind: SlabKind::Mean }),
    ("20 mm mean", Slab { thickness_mm: 20.0, kind: SlabKind::Mean }),
    ("20 mm MIP", Slab { thickness_mm: 20.0, kind: SlabKind::Maximum }),
    ("20 mm MinIP", Slab { thickness_mm: 20.0, kind: SlabKind::Minimum }),
];

pub(super) fn ui(ui: &mut Ui, draw: &mut Draw<'_>, mode: Mode, panels: Panels) {
    let Some(case) = &draw.state.case else { return };
    tool_bar(ui, |ui| {
        layouts(ui, draw, case, mode, panels);
        if panels != Panels::Narrow {
            bar_rule(ui);
        }
        presets(ui, draw, case, mode, panels);
        if panels != Panels::Narrow && mode != Mode::Edit {
            slabs(ui, draw, case);
        }
        let radiological = draw.state.settings.radiological;
        if ui.add(Button::chip(side(draw)).in_bar()).clicked() {
            draw.ask(Command::SetRadiological(!radiological));
        }
        if panels != Panels::Narrow {
            bar_rule(ui);
        }
        ui.spacing_mut().item_spacing.x = gap::XS;
        // In Edit they stand under the history, unless that is put away.
        let undoes = mode != Mode::Edit || panels.right_is_drawer();
        // Words where they fit; icons with tooltips where not, whatever the bar holds.
        let panels =
            if panels == Panels::Wide && actions_width(ui, mode) > ui.available_width() + gap::XS { Panels::Medium } else { panels };
        let measuring = case.view.measuring;
        if mode != Mode::Edit && action(ui, panels, icons::MEASURE, "Measure", Some(measuring), true) {
            draw.ask(Command::SetMeasuring(!measuring));
        }
        if !case.view.measurements.is_empty() && panels == Panels::Wide && ui.add(Button::quiet("Clear").in_bar()).clicked() {
            draw.ask(Command::ClearMeasurements);
        }
        if action(ui, panels, icons::FIT, "Fit", None, true) {
            draw.ask(Command::Fit);
        }
        if mode == Mode::Edit {
            let hidden = !case.view.mask_shown;
            if ui.add(Button::quiet("Peek").in_bar().icon(if hidden { icons::EYE_OFF } else { icons::EYE }).key("H").on(hidden)).clicked() {
                draw.ask(Command::ShowMask(hidden));
            }
        }
        if undoes && panels == Panels::Wide {
            history(ui, draw, case, panels);
        }
        let room = ui.available_rect_before_wrap();
        trailing(ui, "tool bar", room, |ui| {
            if undoes && panels != Panels::Wide {
                history(ui, draw, case, panels);
            }
            if panels.right_is_drawer()
                && let Some(working) = &case.edit.working
            {
                tag(ui, Sign::Accent, None, working);
                if ui.add(Button::quiet("Stop").in_bar().icon(icons::STOP).key("Esc")).clicked() {
                    draw.ask(Command::StopWork);
                }
            } else if mode == Mode::Edit
                && let Some(layer) = case.layer()
            {
                tag(ui, Sign::Neutral, None, &format!("Layer: {}", layer.file.name));
            }
            if panels.right_is_drawer() {
                let open = case::drawer_is_open(ui, mode);
                if ui.add(Button::quiet("Details").in_bar().icon(icons::DETAILS).on(open)).clicked() {
                    case::set_drawer(ui, mode, !open);
                }
            }
        });
    });
}

/// Width of the actions at the end of the bar with their words.
fn actions_width(ui: &Ui, mode: Mode) -> f32 {
    let names: &[&str] = if mode == Mode::Edit { &["Fit", "Peek"] } else { &["Measure", "Fit", "Undo", "Redo"] };
    names.iter().map(|name| Button::quiet(name).in_bar().icon(icons::FIT).natural_width(ui) + gap::XS).sum()
}

/// A button with its word, or only its icon where there is no room. Whether it was pressed.
fn action(ui: &mut Ui, panels: Panels, sign: icons::Icon, name: &str, on: Option<bool>, enabled: bool) -> bool {
    if panels != Panels::Wide && on != Some(true) {
        return ui.add(IconButton::new(sign, name).enabled(enabled)).clicked();
    }
    let button = Button::quiet(name).in_bar().icon(sign).enabled(enabled);
    ui.add(if let Some(on) = on { button.on(on) } else { button }).clicked()
}

fn layouts(ui: &mut Ui, draw: &mut Draw<'_>, case: &Case, mode: Mode, panels: Panels) {
    let plane = match (case.view.layout, case.view.active) {
        (Layout::One(Pane::Slice(plane)), _) | (Layout::OneAndTwo(plane), _) | (_, Pane::Slice(plane)) => plane,
        _ => Plane::Axial,
    };
    let middle = if mode == Mode::Edit {
        Segment::new(Layout::OneAndTwo(plane), "1 + 2").icon(icons::ONE_PANE)
    } else {
        Segment::new(Layout::One(Pane::Slice(plane)), "One").icon(icons::ONE_PANE)
    };
    let choices = [
        Segment::new(Layout::FourUp, "4-up").icon(icons::GRID),
        middle,
        Segment::new(Layout::One(Pane::Surface), "3D").icon(icons::THREE_D),
    ];
    let worded = panels != Panels::Narrow && ui.available_width() >= layout::TOOL_WORDS;
    let choices = choices.map(|choice| if worded { choice } else { choice.icon_only() });
    if let Some(layout) = segmented(ui, "Panes", case.view.layout, &choices, None) {
        draw.ask(Command::SetLayout(layout));
    }
}

fn presets(ui: &mut Ui, draw: &mut Draw<'_>, case: &Case, mode: Mode, panels: Panels) {
    let name = case.view.preset.map_or("Window", Preset::name);
    let numbers = grey(case.view.window);
    let button = || Button::chip(name).in_bar().icon(icons::CONTRAST).opens();
    // Each pane says the numbers, too: where the bar is full they go first.
    let side = Button::chip(side(draw)).in_bar().natural_width(ui);
    let slab = if mode == Mode::Edit { 0.0 } else { Button::chip(slab_name(case)).in_bar().icon(icons::LAYERS).natural_width(ui) };
    let after = side + slab + gap::S + 4.0 * control::CHIP_GAP + actions_width(ui, mode);
    let fits = panels == Panels::Wide && button().hint(&numbers).natural_width(ui) + after <= ui.available_width();
    let response = ui.add(if fits { button().hint(&numbers) } else { button() });
    Popup::menu(&response).accessible_name("Window presets").show(|ui| {
        ui.set_min_width(control::MENU);
        for (index, preset) in Preset::ALL.into_iter().enumerate() {
            let sign = (case.view.preset == Some(preset)).then_some(icons::CHECK);
            if menu_item(ui, sign, preset.name(), Some(&format!("Alt {}", index + 1)), true).clicked() {
                draw.ask(Command::SetPreset(preset));
            }
        }
    });
}

fn slab_name(case: &Case) -> &'static str {
    SLABS.iter().find(|(_, slab)| *slab == case.view.slab).map_or("Slab", |(name, _)| *name)
}

/// Which way sides are shown.
fn side(draw: &Draw<'_>) -> &'static str {
    if draw.state.settings.radiological { "Radiological" } else { "Neurological" }
}

fn slabs(ui: &mut Ui, draw: &mut Draw<'_>, case: &Case) {
    let response = ui.add(Button::chip(slab_name(case)).in_bar().icon(icons::LAYERS));
    Popup::menu(&response).accessible_name("Slab").show(|ui| {
        ui.set_min_width(control::MENU);
        for (name, slab) in SLABS {
            let sign = (case.view.slab == slab).then_some(icons::CHECK);
            if menu_item(ui, sign, name, None, true).clicked() {
                draw.ask(Command::SetSlab(slab));
            }
        }
    });
}

/// Undo and redo.
fn history(ui: &mut Ui, draw: &mut Draw<'_>, case: &Case, panels: Panels) {
    let (done, steps) = match case.layer().map(|layer| &layer.voxels) {
        Some(LayerVoxels::Edited(history)) => (history.done(), history.steps().len()),
        _ => (0, 0),
    };
    let actions = [(icons::UNDO, "Undo", done > 0, Command::Undo), (icons::REDO, "Redo", done < steps, Command::Redo)];
    for (sign, name, enabled, command) in actions {
        if action(ui, panels, sign, name, None, enabled) {
            draw.ask(command);
        }
    }
}
