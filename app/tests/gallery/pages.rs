//! Pages of the gallery: one family of widgets each.

use egui::{Frame, Ui, vec2};
use egui_kittest::kittest::Queryable as _;
use voxelry_app::look::tokens::{Panels, Pattern, Patterns, STRUCTURES, gap, layout, structure};
use voxelry_app::look::widgets::bars::{ModeTab, TopTitle, bar_rule};
use voxelry_app::look::widgets::notices::{note, result_card};
use voxelry_app::look::widgets::progress::legend;
use voxelry_app::look::widgets::{self as w, Button, Field, IconButton, Segment, Slider, Words};
use voxelry_app::look::{Base, State, Theme, Type, icons, theme::margin};

use super::{harness, page};

fn padded(ui: &mut Ui, contents: impl FnOnce(&mut Ui)) {
    let fill = Theme::of(ui).bg1;
    Frame::new().fill(fill).inner_margin(margin(gap::L, gap::L)).show(ui, |ui| {
        ui.set_min_size(ui.available_size());
        contents(ui);
    });
}

#[test]
fn buttons() {
    page("buttons", [560.0, 350.0], |ui| {
        padded(ui, |ui| {
            ui.horizontal(|ui| {
                ui.add(Button::primary("Segment").icon(icons::PLAY).key("Enter").large());
                ui.add(Button::primary("Compare").large().enabled(false));
                ui.add(Button::primary("Restart and continue").icon(icons::RESTART));
            });
            ui.add_space(gap::M);
            ui.horizontal(|ui| {
                ui.add(Button::plain("Pause").icon(icons::PAUSE).large());
                ui.add(Button::plain("Cancel").icon(icons::CLOSE).key("Esc").large());
                ui.add(Button::plain("Open file…").large());
            });
            ui.add_space(gap::M);
            ui.horizontal(|ui| {
                ui.add(Button::plain("Go to").icon(icons::GO_TO));
                ui.add(Button::plain("Fix in Edit").icon(icons::BRUSH).key("B"));
                ui.add(Button::plain("Redo").icon(icons::REDO).enabled(false));
                ui.add(Button::plain("A name that is far too long for it").width(140.0));
            });
            ui.add_space(gap::M);
            ui.horizontal(|ui| {
                ui.add(Button::quiet("Measure").icon(icons::MEASURE));
                ui.add(Button::quiet("Undo").icon(icons::UNDO));
                ui.add(Button::quiet("Redo").icon(icons::REDO).enabled(false));
                w::link(ui, "Show list");
            });
            ui.add_space(gap::M);
            ui.horizontal(|ui| {
                ui.add(Button::chip("Soft tissue").icon(icons::CONTRAST).hint("W 350 L 50").opens());
                ui.add(Button::chip("Slab off").icon(icons::LAYERS));
                ui.add(Button::chip("Radiological"));
                ui.add(Button::chip("Bone").on(true));
                ui.add(Button::chip("Lung").on(false));
            });
            ui.add_space(gap::M);
            ui.horizontal(|ui| {
                ui.add(IconButton::new(icons::SEARCH, "Commands"));
                ui.add(IconButton::new(icons::HELP, "Keyboard"));
                ui.add(IconButton::new(icons::SETTINGS, "Settings"));
                ui.add(IconButton::new(icons::JOBS, "Jobs").count("1"));
                ui.add(IconButton::new(icons::FOLDER_OPEN, "Choose folder").bordered());
                ui.add(IconButton::new(icons::REDO, "Redo").enabled(false));
                ui.add(IconButton::small(icons::MORE, "More"));
                ui.add(IconButton::small(icons::ADD, "New layer"));
            });
            ui.add_space(gap::M);
            ui.horizontal(|ui| {
                w::keys(ui, &["Ctrl", "Shift", "Z"]);
                w::keys(ui, &["Ctrl", "Wheel", " drag"]);
                w::key_cap(ui, "/");
                w::key_cap(ui, "Backspace");
            });
            ui.add_space(gap::M);
            ui.horizontal(|ui| {
                w::tag(ui, State::Neutral, None, "Opened");
                w::tag(ui, State::Ok, Some(icons::CHECK), "Ready");
                w::tag(ui, State::Warn, Some(icons::WARNING), "Doubt 0.58");
                w::tag(ui, State::Err, None, "Failed");
                w::tag(ui, State::Accent, None, "31 of 50");
            });
        });
    });
}

#[test]
fn choices() {
    page("choices", [560.0, 490.0], |ui| {
        padded(ui, |ui| {
            let panes = [
                Segment::new(0, "4-up").icon(icons::GRID),
                Segment::new(1, "One").icon(icons::ONE_PANE),
                Segment::new(2, "3D").icon(icons::THREE_D),
            ];
            ui.horizontal(|ui| {
                w::segmented(ui, "Panes", 0, &panes, None);
                w::segmented(ui, "Panes, narrow", 1, &panes.map(Segment::icon_only), None);
            });
            ui.add_space(gap::M);
            let overlay = [Segment::new(0, "Fill"), Segment::new(1, "Outline"), Segment::new(2, "Both")];
            w::segmented(ui, "Overlay", 2, &overlay, Some(232.0));
            ui.add_space(gap::M);
            let theme =
                [Segment::new(0, "Dark").icon(icons::MOON), Segment::new(1, "Light").icon(icons::SUN), Segment::new(2, "Follow system")];
            w::segmented(ui, "Theme", 0, &theme, None);
            ui.add_space(gap::M);
            ui.horizontal(|ui| {
                w::toggle(ui, true, "Doubt overlay");
                w::toggle(ui, false, "Reduce motion");
                ui.add_enabled_ui(false, |ui| w::toggle(ui, true, "Not now"));
            });
            ui.set_max_width(300.0);
            w::setting_row(ui, false, "Mirror averaging", Some("4 × slower"), None);
            w::setting_row(ui, true, "Only within HU", None, Some("T"));
            w::select(ui, "Run on", 0, &["This computer", "gpu01"]);
            w::checkbox(ui, true, "NIfTI mask with names", Some("abdomen_native_seg.nii.gz"), Some("0.2 MB"));
            w::checkbox(ui, false, "RTSTRUCT", Some("contours per slice"), Some("1.4 MB"));
            w::radio_row(ui, true, "Abdomen 24, Balanced, corrected by hand", Some("14:21"));
            w::radio_row(ui, false, "My corrections", Some("empty"));
            ui.add_space(gap::M);
            let (mut width, mut opacity) = (350.0, 26.0);
            ui.add(Slider::new("Width", &mut width, 1.0..=1150.0));
            ui.add(Slider::new("Opacity", &mut opacity, 0.0..=100.0).unit(" %"));
            ui.add_space(gap::S);
            let (mut low, mut high) = (60.0, 190.0);
            ui.horizontal(|ui| {
                w::number_field(ui, "From HU", &mut low, -1024.0..=3071.0, "", 84.0);
                ui.add(Words::small("to"));
                w::number_field(ui, "To HU", &mut high, -1024.0..=3071.0, "", 84.0);
                ui.add(Button::plain("Pick"));
            });
        });
    });
}

#[test]
fn fields() {
    page("fields", [360.0, 300.0], |ui| {
        padded(ui, |ui| {
            let (mut none, mut name) = (String::new(), "Abdomen 24 + lesion, v1".to_owned());
            let mut words = "Dilated pelvis left out at the hilum; correct as is?".to_owned();
            ui.add(Field::new("Filter structures", &mut none).hint("Filter").icon(icons::SEARCH).key("/"));
            ui.add_space(gap::M);
            ui.add(Field::new("Name of the model", &mut name).large());
            ui.add_space(gap::M);
            ui.add(Field::new("Note", &mut words).lines(3));
            ui.add_space(gap::M);
            ui.add(Words::title("20 of 22 cases are ready"));
            ui.add(Words::new("38 %").size(Type::Display).strong());
            ui.add(Words::note("Cancel keeps the finished part as a layer. Edits made meanwhile stay where they are."));
        });
    });
}

#[test]
fn notices() {
    page("notices", [900.0, 420.0], |ui| {
        let p = Theme::of(ui);
        Frame::new().fill(p.bg0).show(ui, |ui| {
            ui.set_min_size(ui.available_size());
            let stopped = "18 of 48 tiles and all your edits are saved.";
            w::Banner::new(w::Notice::Error, "The engine stopped while segmenting.", stopped)
                .primary("Restart and continue", Some(icons::RESTART))
                .link("Copy report")
                .show(ui);
            ui.add_space(gap::S);
            let kept = "Nothing was lost: 18 of 48 tiles were kept and the run continues by itself.";
            w::Banner::new(w::Notice::Warning, "The graphics driver restarted.", kept).plain("Copy report", None).dismissable().show(ui);
            ui.add_space(gap::S);
            let back = "All 31 edit steps of CT abdomen, portal venous, of the second visit were on disk and are back where they were.";
            w::Banner::new(w::Notice::Info, "Voxelry closed unexpectedly at 14:32.", back)
                .icon(icons::HISTORY)
                .primary("Continue editing", None)
                .dismissable()
                .show(ui);
            ui.add_space(gap::M);
            Frame::new().inner_margin(margin(gap::L, 0.0)).show(ui, |ui| {
                result_card(ui, State::Neutral, (icons::CHIP, State::Ok), |ui| {
                    ui.set_min_width(ui.available_width());
                    ui.add(Words::new("AMD Radeon 780M").strong());
                    ui.add(Words::new("Vulkan · 4.1 of 8.0 GB free").ink(w::Ink::Label));
                    w::tag(ui, State::Ok, Some(icons::CHECK), "Ready");
                });
                ui.add_space(gap::S);
                result_card(ui, State::Warn, (icons::CHIP, State::Warn), |ui| {
                    ui.set_min_width(ui.available_width());
                    ui.add(Words::new("No usable GPU found").strong());
                    ui.add(Words::new("Using the CPU engine: 8 cores, 11.2 GB free").ink(w::Ink::Label));
                });
                ui.add_space(gap::S);
                ui.horizontal(|ui| {
                    w::toast::toast(ui, State::Ok, "Picture saved");
                    w::toast::toast(ui, State::Accent, "Patterns are on");
                });
                ui.set_max_width(320.0);
                note(
                    ui,
                    State::Accent,
                    None,
                    "Another program took GPU memory, so parts of each tile are now computed twice. Same mask, about 20 s longer.",
                );
                note(
                    ui,
                    State::Warn,
                    Some(icons::RESTART),
                    "GPU came back after 6 s. 18 finished tiles were kept; tile 19 is being done again.",
                );
            });
        });
    });
}

#[test]
fn home() {
    page("home", [1000.0, 660.0], |ui| {
        let p = Theme::of(ui);
        Frame::new().fill(p.bg0).inner_margin(margin(gap::XL, gap::XL)).show(ui, |ui| {
            ui.set_min_size(ui.available_size());
            ui.add(Words::new("Open a study").size(Type::Display).strong());
            ui.add(Words::new("DICOM folder, NIfTI, NRRD or a queue. Nothing leaves this computer.").ink(w::Ink::Label));
            ui.add_space(gap::XL);
            ui.horizontal(|ui| {
                let half = (ui.available_width() - gap::L) / 2.0;
                ui.spacing_mut().item_spacing.x = gap::L;
                w::drop_zone(ui, icons::DOWNLOAD, "Drop a folder or file here", "or paste a path with", "Ctrl V", false, vec2(half, 200.0));
                w::drop_zone(ui, icons::DOWNLOAD, "Let go to open", "", "", true, vec2(half, 200.0));
            });
            ui.add_space(gap::L);
            w::table(ui, |ui| {
                ui.add(
                    w::ListRow::new("CT abdomen, native 3.0")
                        .about("Anon-0417 · 24 structures · 3 to check")
                        .tag(State::Warn, "In review")
                        .value("Today 14:32"),
                );
                ui.add(
                    w::ListRow::new("CTA aorta 1.5")
                        .about("Anon-0409 · 2 structures")
                        .tag(State::Ok, "Accepted")
                        .value("Yesterday")
                        .selected(true),
                );
                ui.add(w::ListRow::new("gpu01").about("SSH · RTX 4090, 22 GB free").radio(true).value("14 min"));
                ui.add(
                    w::ListRow::new("Pelvis, tilted")
                        .about("CT · B30f soft")
                        .note(State::Warn, icons::WARNING, "Gantry tilt 14.5°: will be straightened")
                        .radio(false),
                );
                ui.add(
                    w::ListRow::new("Reading room 3")
                        .about("SSH · no GPU")
                        .radio(false)
                        .refused(true)
                        .value("not offered: longer than a day"),
                );
                ui.add(
                    w::ListRow::new("Orientation readable in every file").light().icon(icons::ACCEPTED, State::Ok).value("22 of 22").last(),
                );
            });
        });
    });
}

#[test]
fn bars() {
    page("bars", [1280.0, 160.0], |ui| {
        let p = Theme::of(ui);
        let title = TopTitle { title: "CT abdomen, native 3.0", about: "Anon-0417 · 12 Mar 2026", stacked: true };
        w::top_bar(
            ui,
            title,
            true,
            |ui| tabs(ui, Panels::Wide),
            |ui| {
                ui.add(Button::chip("Radeon 780M · ready").icon(icons::CHIP));
                ui.add(IconButton::new(icons::JOBS, "Jobs"));
            },
        );
        w::status_bar(ui, "R 56.0  A 137.3  S 352.3 mm  ·  −9 HU  ·  Kidney right", State::Ok, "All edits saved 14:32:07");
        w::tool_bar(ui, |ui| {
            let panes = [
                Segment::new(0, "4-up").icon(icons::GRID),
                Segment::new(1, "One").icon(icons::ONE_PANE),
                Segment::new(2, "3D").icon(icons::THREE_D),
            ];
            w::segmented(ui, "Panes", 0, &panes, None);
            bar_rule(ui);
            ui.add(Button::chip("Soft tissue").icon(icons::CONTRAST).hint("W 350 L 50").opens());
            ui.add(Button::chip("Slab off").icon(icons::LAYERS));
            ui.add(Button::chip("Radiological"));
            bar_rule(ui);
            ui.add(Button::quiet("Measure").icon(icons::MEASURE));
            ui.add(Button::quiet("Fit").icon(icons::FIT));
            ui.add(Button::quiet("Undo").icon(icons::UNDO));
            ui.add(Button::quiet("Redo").icon(icons::REDO).enabled(false));
        });
        egui::CentralPanel::no_frame().frame(Frame::new().fill(p.canvas)).show(ui, |_| {});
    });
}

#[test]
fn narrow_bars() {
    page("bars-narrow", [900.0, 90.0], |ui| {
        let title = TopTitle { title: "CT abdomen, native 3.0, portal venous", about: "Anon-0417 · 12 Mar 2026", stacked: true };
        w::top_bar(
            ui,
            title,
            true,
            |ui| tabs(ui, Panels::Narrow),
            |ui| {
                ui.add(Button::chip("Ready").icon(icons::CHIP));
            },
        );
        w::status_bar(ui, "R 56.0  A 137.3  S 352.3 mm  ·  −9 HU  ·  Inferior vena cava", State::Err, "1 step waiting to be saved");
    });
}

fn tabs(ui: &mut Ui, panels: Panels) {
    let tabs = [
        ModeTab { mode: 0, icon: icons::GRID, text: "View" },
        ModeTab { mode: 1, icon: icons::SEGMENT, text: "Segment" },
        ModeTab { mode: 2, icon: icons::REVIEW, text: "Review" },
        ModeTab { mode: 3, icon: icons::BRUSH, text: "Edit" },
        ModeTab { mode: 4, icon: icons::EXPORT, text: "Export" },
    ];
    w::mode_tabs(ui, 0, &tabs, panels);
}

#[test]
fn palette() {
    page("palette", [420.0, 140.0], |ui| {
        padded(ui, |ui| {
            for (patterns, shown) in
                [(Patterns::FromNinth, true), (Patterns::Always, true), (Patterns::Off, true), (Patterns::FromNinth, false)]
            {
                ui.horizontal(|ui| {
                    ui.spacing_mut().item_spacing.x = gap::XXS;
                    for index in 0..STRUCTURES.len() {
                        let (ink, pattern) = structure(index, patterns);
                        w::swatch(ui, ink, pattern, shown);
                    }
                });
                ui.add_space(gap::S);
            }
        });
    });
}

#[test]
fn all_icons() {
    page("icons", [760.0, 340.0], |ui| {
        padded(ui, |ui| {
            ui.columns(7, |columns| {
                for (at, (name, icon)) in icons::ALL.iter().enumerate() {
                    columns[at % 7].horizontal(|ui| {
                        ui.add(IconButton::new(*icon, name));
                        ui.add(Words::new(name).size(Type::Caption));
                    });
                }
            });
        });
    });
}

#[test]
fn the_focus_ring_follows_the_keyboard() {
    let mut harness = harness([300.0, 60.0], 1.0, Base::Dark).build_ui(|ui| {
        padded(ui, |ui| {
            ui.horizontal(|ui| {
                ui.add(Button::primary("Segment"));
                ui.add(Button::plain("Open"));
                w::toggle(ui, true, "Doubt");
            });
        });
    });
    harness.key_press(egui::Key::Tab);
    harness.run();
    harness.key_press(egui::Key::Tab);
    harness.run();
    assert!(harness.get_by_label("Open").is_focused());
    harness.snapshot("gallery/focus-keyboard");
    harness.get_by_label("Open").click();
    harness.run();
    harness.remove_cursor();
    harness.run();
    harness.snapshot("gallery/focus-pointer");
}

#[test]
fn dialogs() {
    page("dialog", [700.0, 400.0], |ui| {
        padded(ui, |ui| {
            ui.add(Button::primary("Delete"));
            let mut words = String::new();
            let find = |ui: &mut Ui| {
                ui.add(Field::new("Find an action or a key", &mut words).hint("Find an action or a key").icon(icons::SEARCH).width(240.0));
            };
            w::dialog(ui, "Keyboard", 600.0, find, |ui| {
                for keys in [&["Ctrl", "O"][..], &["Ctrl", "Shift", "Z"]] {
                    ui.horizontal(|ui| {
                        ui.add(Words::new("Open folder"));
                        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| w::keys(ui, keys));
                    });
                    ui.add_space(gap::S);
                }
            });
        });
    });
}

#[test]
fn rails() {
    page("rails", [80.0 + 232.0 + 232.0, 460.0], |ui| {
        let p = Theme::of(ui);
        Frame::new().fill(p.bg1).show(ui, |ui| {
            ui.set_min_size(ui.available_size());
            ui.spacing_mut().item_spacing = vec2(0.0, 0.0);
            ui.horizontal_top(|ui| {
                ui.vertical(|ui| {
                    ui.set_width(layout::TOOL_RAIL);
                    w::tool_button(ui, icons::HAND, "View", "1", false, true);
                    w::tool_button(ui, icons::BRUSH, "Brush", "2", true, true);
                    w::tool_button(ui, icons::ERASER, "Erase", "4", false, true);
                    w::tool_button(ui, icons::FILL, "Fill", "7", false, false);
                    w::tool_rule(ui);
                    w::tool_button(ui, icons::INTERPOLATE, "Interpolate", "I", false, true);
                    w::tool_button(ui, icons::ISLANDS, "Islands", "G", false, true);
                    w::tool_button(ui, icons::GROW, "Grow / shrink", "K", false, true);
                    w::tool_button(ui, icons::SMOOTH, "Smooth", "M", false, true);
                });
                ui.vertical(|ui| {
                    ui.set_width(layout::STEPS);
                    w::step_row(ui, 1, w::Step::Done, "Cases", "22 corrected cases");
                    w::step_row(ui, 2, w::Step::Current, "Check", "20 ready, 2 to decide");
                    w::step_row(ui, 3, w::Step::ToCome, "Plan", "");
                    for (icon, text, on) in
                        [(icons::MOON, "Appearance", true), (icons::LAYERS, "Viewing", false), (icons::CHIP, "Device and memory", false)]
                    {
                        w::nav_row(ui, w::NavRow { icon, text, on });
                    }
                });
                ui.vertical(|ui| {
                    ui.set_width(layout::STEPS);
                    w::empty(ui, "Structures appear here after the first run, or when you draw one in Edit.");
                });
            });
        });
    });
}

#[test]
fn images() {
    use egui::{Align2, Color32, pos2};
    page("images", [320.0, 200.0], |ui| {
        let rect = ui.max_rect();
        ui.painter().rect_filled(rect, 0, Theme::of(ui).canvas);
        // Bone at the right: words must stay readable over white.
        ui.painter().rect_filled(rect.with_min_x(rect.center().x - 30.0), 0, Color32::WHITE);
        w::plate(ui, pos2(6.0, 6.0), Align2::LEFT_TOP, w::Plate::Name("Axial", "87 / 112"));
        w::plate(ui, pos2(314.0, 6.0), Align2::RIGHT_TOP, w::Plate::Numbers("W 350 L 50"));
        w::plate(ui, pos2(6.0, 100.0), Align2::LEFT_CENTER, w::Plate::Letter("R"));
        w::plate(ui, pos2(300.0, 100.0), Align2::RIGHT_CENTER, w::Plate::Letter("L"));
        w::plate(ui, pos2(160.0, 194.0), Align2::CENTER_BOTTOM, w::Plate::Letter("P"));
        w::scale_bar(ui, pos2(6.0, 194.0), 58.0, "5 cm");
        w::images::slice_thumb(ui.painter(), rect, 0.3);
        w::images::doubt_legend(ui, pos2(300.0, 194.0));
    });
}

#[test]
fn runs() {
    page("runs", [320.0, 350.0], |ui| {
        padded(ui, |ui| {
            w::section_head(ui, "GPU memory", Some("2.3 of 4.1 GB free"));
            ui.add_space(gap::XS);
            w::memory_bar(ui, "GPU memory", 0.47, 0.29);
            ui.add_space(gap::S);
            ui.horizontal(|ui| {
                legend(ui, State::Neutral, "In use 3.9");
                legend(ui, State::Accent, "This run 2.3");
            });
            ui.add_space(gap::S);
            w::memory_bar(ui, "GPU memory, too much", 0.5, 0.7);
            ui.add_space(gap::M);
            w::progress_bar(ui, "Segmenting", 0.38, State::Accent, 288.0);
            ui.add_space(gap::S);
            w::progress_bar(ui, "Waiting", 0.7, State::Neutral, 160.0);
            ui.add_space(gap::M);
            w::tile_map(ui, 18, 48);
            ui.add_space(gap::M);
            w::state_row(ui, State::Ok, "Resample to 1.5 mm", "1.1 s");
            w::state_row(ui, State::Accent, "Network", "18 / 48");
            w::state_row(ui, State::Neutral, "Back to image grid", "about 4 s");
            w::state_row(ui, State::Warn, "Mean certainty", "0.58");
            w::state_row(ui, State::Err, "Left and right swapped", "no");
        });
    });
}

#[test]
fn patterns_of_swatches_are_four() {
    assert_eq!(Pattern::ALL.len(), 4);
}
