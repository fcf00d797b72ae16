//! Settings: what runs are made on, and what this machine has.

use eframe::egui::Ui;
use jobs::Quality;

use super::{between, group, heading, lines, row, set, wide};
use crate::command::Command;
use crate::look::State as Sign;
use crate::look::tokens::{control, gap};
use crate::look::widgets::{Button, Segment, Slider, Words, fact, rule, segmented, select, state_row, toggle};
use crate::screens::{Draw, segment, words};
use crate::state::EngineStatus;

/// Limits of device memory offered, GB.
const LIMIT_GB: [f64; 2] = [1.0, 48.0];
/// MiB of one of them.
const GB: f64 = 1024.0;
/// Limit first offered, MiB.
const FIRST_LIMIT: u64 = 4096;

pub(super) fn ui(ui: &mut Ui, draw: &mut Draw<'_>) {
    let settings = &draw.state.settings;
    group(ui, |ui| {
        lines(ui, |ui| {
            let devices = segment::devices(draw.state);
            let at = devices.iter().position(|(key, _)| *key == settings.device).unwrap_or(0);
            let names: Vec<&str> = devices.iter().map(|(_, name)| name.as_str()).collect();
            if let Some(index) = select(ui, "Run on", at, &names) {
                set(draw, |settings| settings.device.clone_from(&devices[index].0));
            }
        });
        between(ui);
        limit(ui, draw);
        between(ui);
        row(ui, "Quality first offered", "Each run can choose another.", |ui| {
            let choices =
                [Segment::new(Quality::Fast, "Fast"), Segment::new(Quality::Balanced, "Balanced"), Segment::new(Quality::Best, "Best")];
            if let Some(quality) = segmented(ui, "Quality first offered", settings.quality, &choices, Some(control::SETTING)) {
                set(draw, |settings| settings.quality = quality);
            }
        });
    });
    heading(ui, "This computer");
    group(ui, |ui| lines(ui, |ui| report(ui, draw)));
}

fn limit(ui: &mut Ui, draw: &mut Draw<'_>) {
    let limit = draw.state.settings.device_memory_mib;
    row(ui, "Limit GPU memory", "Leaves the rest to other programs. Runs may take longer.", |ui| {
        if toggle(ui, limit.is_some(), "Limit GPU memory").clicked() {
            set(draw, |settings| settings.device_memory_mib = if limit.is_some() { None } else { Some(FIRST_LIMIT) });
        }
        let Some(limit) = limit else { return };
        ui.add_space(gap::M);
        wide(ui, |ui| {
            let mut most = limit as f64 / GB;
            let [low, high] = LIMIT_GB;
            if ui.add(Slider::new("GPU memory", &mut most, low..=high).hide_name().unit(" GB")).changed() {
                set(draw, |settings| settings.device_memory_mib = Some((most * GB) as u64));
            }
        });
    });
}

/// What the engine found.
fn report(ui: &mut Ui, draw: &mut Draw<'_>) {
    let state = draw.state;
    if state.engine == EngineStatus::Stopped {
        state_row(ui, Sign::Err, "The engine is stopped", "");
        ui.add_space(gap::S);
        if ui.add(Button::plain("Restart the engine")).clicked() {
            draw.ask(Command::RestartEngine);
        }
        return;
    }
    let Some(device) = &state.device else {
        ui.add(Words::note("Looking at this computer's devices…"));
        return;
    };
    fact(ui, "Runs are made on", &device.chosen);
    if let Some(tuning) = &device.tuning {
        fact(ui, "Kernels", tuning);
    }
    fact(ui, "Processor", &format!("{} threads", device.threads));
    fact(ui, "System", &device.system);
    fact(ui, "Engine", &device.software);
    for adapter in &device.adapters {
        ui.add_space(gap::S);
        rule(ui);
        ui.add_space(gap::S);
        let sign = if adapter.warning.is_some() { Sign::Warn } else { Sign::Ok };
        state_row(ui, sign, &adapter.name, &format!("gpu:{} · {}", adapter.index, adapter.kind));
        fact(ui, "Interface", &format!("{}, driver {}", words::backend(&adapter.backend), adapter.driver));
        fact(ui, "Largest buffer", &words::memory(adapter.max_buffer_mib));
        fact(ui, "Half precision", if adapter.f16 { "yes" } else { "no" });
        fact(ui, "Subgroups", if adapter.subgroups { "yes" } else { "no" });
        if let Some(warning) = &adapter.warning {
            ui.add(Words::note(warning));
        }
    }
    if device.adapters.is_empty() {
        ui.add_space(gap::S);
        state_row(ui, Sign::Warn, "No usable GPU found", "");
        ui.add(Words::note("No graphics driver offers Vulkan, Metal or DirectX 12. The CPU engine gives the same masks and takes longer."));
    }
}
