//! Whole panels of the designs, to be held beside pictures 03, 04a and 06.

use egui::{Frame, Ui, vec2};
use voxelry_app::look::theme::margin;
use voxelry_app::look::tokens::{Pattern, STRUCTURES, gap};
use voxelry_app::look::widgets::sections::rule;
use voxelry_app::look::widgets::{self as w, Button, Field, IconButton, RadioCard, Segment, Slider, StructureRow, Words};
use voxelry_app::look::{State, Theme, Type, icons};

use super::page;

fn section(ui: &mut Ui, contents: impl FnOnce(&mut Ui)) {
    Frame::new().inner_margin(margin(gap::M, gap::M)).show(ui, contents);
    rule(ui);
}

fn panel(ui: &mut Ui, contents: impl FnOnce(&mut Ui)) {
    let fill = Theme::of(ui).bg1;
    Frame::new().fill(fill).show(ui, |ui| {
        ui.set_min_size(ui.available_size());
        contents(ui);
    });
}

#[test]
fn structures() {
    page("panel-structures", [256.0, 620.0], |ui| {
        panel(ui, |ui| {
            section(ui, |ui| {
                ui.horizontal(|ui| {
                    ui.add(Words::new("Structures").strong());
                    ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                        ui.add(IconButton::small(icons::MORE, "More"));
                        ui.add(Words::new("24 · mL").size(Type::Small).ink(w::Ink::Caption));
                    });
                });
                ui.add_space(gap::S);
                let mut filter = String::new();
                ui.add(Field::new("Filter structures", &mut filter).hint("Filter").icon(icons::SEARCH).key("/"));
            });
            ui.add_space(gap::XS);
            let rows = [
                ("Liver", "≥ 1,076"),
                ("Spleen", "≥ 255"),
                ("Kidney right", "150"),
                ("Inferior vena cava", "≥ 83"),
                ("Kidney left", "124"),
                ("Vertebra T12", "≥ 50"),
                ("Gallbladder", "36"),
                ("Pancreas with a name that does not fit", "17"),
                ("Stomach", "≥ 126"),
                ("Duodenum", "30"),
                ("Aorta", "≥ 43"),
            ];
            for (at, (name, value)) in rows.iter().enumerate() {
                let (ink, pattern) = STRUCTURES[at];
                StructureRow::new(name, ink, pattern).value(value).selected(at == 2).show(ui);
            }
            StructureRow::new("Colon", STRUCTURES[11].0, Pattern::Dot).value("hidden").shown(false).show(ui);
            StructureRow::new("Small bowel", STRUCTURES[15].0, Pattern::Dash).value("hidden").shown(false).show(ui);
            ui.add_space(gap::S);
            rule(ui);
            section(ui, |ui| {
                ui.horizontal(|ui| {
                    ui.add(Words::new("Layers").strong());
                    ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                        ui.add(IconButton::small(icons::ADD, "New layer"));
                    });
                });
                w::radio_row(ui, true, "Abdomen 24, Balanced", Some("14:21"));
                w::radio_row(ui, false, "My corrections", Some("empty"));
                let mut opacity = 26.0;
                ui.add_space(gap::XS);
                ui.add(Slider::new("Opacity", &mut opacity, 0.0..=100.0).unit(" %"));
                ui.add_space(gap::XS);
                let overlay = [Segment::new(0, "Fill"), Segment::new(1, "Outline"), Segment::new(2, "Both")];
                let width = ui.available_width();
                w::segmented(ui, "Overlay", 2, &overlay, Some(width));
            });
        });
    });
}

#[test]
fn details() {
    page("panel-details", [320.0, 520.0], |ui| {
        panel(ui, |ui| {
            section(ui, |ui| {
                ui.horizontal(|ui| {
                    w::swatch(ui, STRUCTURES[2].0, Pattern::Solid, true);
                    ui.add(Words::new("Kidney right").size(Type::Section).strong());
                    ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                        w::tag(ui, State::Warn, Some(icons::WARNING), "Doubt 0.58");
                    });
                });
                ui.add_space(gap::XS);
                w::fact(ui, "Volume", "149.9 mL");
                w::fact(ui, "Mean ± SD", "13 ± 22 HU");
                w::fact(ui, "Largest diameter", "109.7 mm");
                w::fact(ui, "Cut by image edge", "no");
                ui.add_space(gap::S);
                ui.horizontal(|ui| {
                    let half = (ui.available_width() - gap::S) / 2.0;
                    ui.add(Button::plain("Go to").icon(icons::GO_TO).width(half));
                    ui.add(Button::plain("Edit").icon(icons::BRUSH).width(half));
                });
            });
            section(ui, |ui| {
                w::section_head(ui, "Window", Some("Alt + 1 – 6"));
                ui.add_space(gap::S);
                for row in [["Soft tissue", "Liver", "Lung"], ["Bone", "Brain", "Auto"]] {
                    ui.horizontal(|ui| {
                        ui.spacing_mut().item_spacing = vec2(6.0, 0.0);
                        let third = (ui.available_width() - 12.0) / 3.0;
                        for preset in row {
                            ui.add(Button::chip(preset).on(preset == "Soft tissue").width(third));
                        }
                    });
                    ui.add_space(gap::XS);
                }
                let (mut width, mut level) = (350.0, 50.0);
                ui.add(Slider::new("Width", &mut width, 1.0..=1150.0));
                ui.add(Slider::new("Level", &mut level, -1000.0..=1000.0));
            });
            section(ui, |ui| {
                w::section_head(ui, "Image", None);
                ui.add_space(gap::XS);
                w::fact(ui, "Modality", "CT, no contrast");
                w::fact(ui, "File", "a_file_name_that_is_much_too_long_for_the_panel_it_is_in.nii.gz");
            });
        });
    });
}

#[test]
fn run() {
    page("panel-run", [320.0, 620.0], |ui| {
        panel(ui, |ui| {
            section(ui, |ui| {
                w::section_head(ui, "Model", Some("All 11"));
                ui.add_space(gap::S);
                ui.add(RadioCard::new(true, "Abdomen 24", "CT · 24 structures · 125 MB · CC BY 4.0").tag(State::Ok, "Fits this CT"));
                ui.add_space(gap::S);
                ui.add(
                    RadioCard::new(false, "Aorta and branches", "CT angiography · 9 structures · 125 MB")
                        .warning("Trained with contrast; this CT has none"),
                );
                ui.add_space(gap::S);
                ui.add(RadioCard::new(false, "Whole body 104", "CT · 104 structures · 125 MB").refused("Needs 5.1 GB; 4.1 GB is free"));
            });
            section(ui, |ui| {
                w::section_head(ui, "Quality", Some("measured on this device"));
                ui.add_space(gap::S);
                ui.horizontal(|ui| {
                    ui.spacing_mut().item_spacing = vec2(6.0, 0.0);
                    let third = (ui.available_width() - 12.0) / 3.0;
                    w::compact_card(ui, false, "Fast", "24 s", third);
                    w::compact_card(ui, true, "Balanced", "1 min 50 s", third);
                    w::compact_card(ui, false, "Best", "6 min 40 s", third);
                });
                ui.add_space(gap::S);
                ui.add(Words::small("Balanced: 1.5 mm, 48 tiles of 128³, half overlap, f16."));
            });
            section(ui, |ui| {
                w::select(ui, "Structures", 0, &["all 24"]);
                w::setting_row(ui, false, "Mirror averaging", Some("4 × slower"), None);
                w::select(ui, "Run on", 0, &["This computer"]);
            });
            section(ui, |ui| {
                let width = ui.available_width();
                ui.add(Button::primary("Segment").icon(icons::PLAY).key("Enter").large().width(width)).request_focus();
                ui.add_space(gap::S);
                ui.add(Words::note("The result is a new layer. Existing layers stay.").centred());
            });
        });
    });
}

#[test]
fn draw_into() {
    page("panel-edit", [272.0, 220.0], |ui| {
        panel(ui, |ui| {
            section(ui, |ui| {
                w::section_head(ui, "Draw into", Some("Q / E"));
            });
            for (at, (name, value, locked)) in
                [("Liver", "1,462", false), ("Spleen", "388", true), ("Stomach", "214", false), ("Aorta", "46", true)]
                    .into_iter()
                    .enumerate()
            {
                let (ink, pattern) = STRUCTURES[at * 4];
                StructureRow::new(name, ink, pattern).value(value).locked(locked).selected(at == 0).strong().show(ui);
            }
            for pattern in [Pattern::Dash, Pattern::DashDot] {
                w::swatch_rail_row(ui, pattern_name(pattern), STRUCTURES[8].0, pattern, pattern == Pattern::Dash, true);
            }
        });
    });
}

fn pattern_name(pattern: Pattern) -> &'static str {
    match pattern {
        Pattern::Solid => "Solid",
        Pattern::Dash => "Dash",
        Pattern::Dot => "Dot",
        Pattern::DashDot => "Dash-dot",
    }
}
