//! Settings: theme, size, and the colours of structures.

use eframe::egui::{Align, Layout, Ui, vec2};

use super::{between, group, heading, row, set, wide};
use crate::look::tokens::{Patterns, STRUCTURES, control, gap, layout, line, structure};
use crate::look::widgets::{Segment, Slider, segmented, swatch, toggle};
use crate::look::{Base, icons};
use crate::screens::Draw;

/// Swatches in a row of the palette.
const SWATCHES: usize = 16;

pub(super) fn ui(ui: &mut Ui, draw: &mut Draw<'_>) {
    group(ui, |ui| {
        theme(ui, draw);
        between(ui);
        size(ui, draw);
        between(ui);
        let theme = draw.state.settings.theme;
        row(ui, "Reduce motion", "No fades. Progress still moves.", |ui| {
            if toggle(ui, theme.reduce_motion, "Reduce motion").clicked() {
                set(draw, |settings| settings.theme.reduce_motion = !theme.reduce_motion);
            }
        });
        between(ui);
        row(ui, "Stronger contrast", "Brighter text and borders.", |ui| {
            if toggle(ui, theme.stronger_contrast, "Stronger contrast").clicked() {
                set(draw, |settings| settings.theme.stronger_contrast = !theme.stronger_contrast);
            }
        });
    });
    heading(ui, "Structures");
    group(ui, |ui| structures(ui, draw));
}

fn theme(ui: &mut Ui, draw: &mut Draw<'_>) {
    row(ui, "Theme", "The image area is black in both.", |ui| {
        let choices = [
            Segment::new(Base::Dark, "Dark").icon(icons::MOON),
            Segment::new(Base::Light, "Light").icon(icons::SUN),
            Segment::new(Base::System, "Follow system"),
        ];
        if let Some(base) = segmented(ui, "Theme", draw.state.settings.theme.base, &choices, Some(control::SETTING)) {
            set(draw, |settings| settings.theme.base = base);
        }
    });
}

fn size(ui: &mut Ui, draw: &mut Draw<'_>) {
    row(ui, "Size of text and controls", "Follows the screen, then this factor.", |ui| {
        let [least, most] = layout::SCALE_PERCENT.map(f64::from);
        let mut percent = f64::from(draw.state.settings.theme.scale_percent);
        wide(ui, |ui| {
            let slider = Slider::new("Size of text and controls", &mut percent, least..=most).hide_name().unit(" %");
            if ui.add(slider).changed() {
                set(draw, |settings| settings.theme.scale_percent = percent as u16);
            }
        });
    });
}

fn structures(ui: &mut Ui, draw: &mut Draw<'_>) {
    let patterns = draw.state.settings.patterns;
    row(ui, "Colours", "Chosen to stay apart with red-green colour blindness.", |ui| {
        ui.allocate_ui_with_layout(vec2(ui.available_width(), control::HEIGHT), Layout::top_down(Align::Max), |ui| {
            ui.spacing_mut().item_spacing = vec2(gap::XS, gap::XS);
            for first in (0..STRUCTURES.len()).step_by(SWATCHES) {
                let last = (first + SWATCHES).min(STRUCTURES.len());
                let width = (last - first) as f32 * (control::SWATCH + gap::XS) - gap::XS;
                ui.allocate_ui_with_layout(vec2(width, control::SWATCH), Layout::left_to_right(Align::Center), |ui| {
                    for index in first..last {
                        let (ink, pattern) = structure(index, patterns);
                        swatch(ui, ink, pattern, true);
                    }
                });
            }
        });
    });
    between(ui);
    row(ui, "Outline patterns", "Dashes and dots tell similar colours apart.", |ui| {
        let choices =
            [Segment::new(Patterns::FromNinth, "From 9th"), Segment::new(Patterns::Always, "Always"), Segment::new(Patterns::Off, "Off")];
        if let Some(patterns) = segmented(ui, "Outline patterns", patterns, &choices, Some(control::SETTING)) {
            set(draw, |settings| settings.patterns = patterns);
        }
    });
    between(ui);
    row(ui, "Outline width", "At normal zoom.", |ui| {
        let mut width = f64::from(draw.state.settings.outline_width);
        wide(ui, |ui| {
            let [least, most] = line::OUTLINE_RANGE.map(f64::from);
            let slider = Slider::new("Outline width", &mut width, least..=most).hide_name().decimals(1).unit(" px");
            if ui.add(slider).changed() {
                set(draw, |settings| settings.outline_width = width as f32);
            }
        });
    });
    between(ui);
    let safe = draw.state.settings.safe_colors;
    row(ui, "Use safe colours", "Shows these instead of the colours a file brings. The file keeps its own.", |ui| {
        if toggle(ui, safe, "Use safe colours").clicked() {
            set(draw, |settings| settings.safe_colors = !safe);
        }
    });
}
