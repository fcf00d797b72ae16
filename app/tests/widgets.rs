//! What widgets do: by name, by key, by pointer.

use egui::Key;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use egui_kittest::{Harness, HarnessBuilder};
use voxelry_app::look::tokens::{Pattern, STRUCTURES};
use voxelry_app::look::widgets::{self as w, Button, Field, RowAction, Segment, Slider, StructureRow};
use voxelry_app::look::{Theme, icons, install};

fn harness<State>() -> HarnessBuilder<State> {
    Harness::builder().with_size([400.0, 300.0]).with_context_setup(install)
}

#[test]
fn rows_of_structures_are_worked_by_name() {
    let mut harness = harness::<Vec<RowAction>>().build_ui_state(
        |ui, seen| {
            let (ink, pattern) = STRUCTURES[0];
            let row = StructureRow::new("Kidney right", ink, pattern).value("150").locked(false);
            seen.extend(row.show(ui).1);
            StructureRow::new("Spleen", ink, Pattern::Dot).shown(false).locked(true).show(ui);
        },
        Vec::new(),
    );
    for (name, action) in
        [("Hide Kidney right", RowAction::ShowOrHide), ("Lock Kidney right", RowAction::LockOrUnlock), ("Kidney right", RowAction::Select)]
    {
        harness.get_by_label(name).click();
        harness.run();
        assert_eq!(harness.state_mut().pop(), Some(action), "{name}");
        assert!(harness.state().is_empty(), "{name}: a click on an icon of a row does not also select the row");
    }
    harness.get_by_label("Show Spleen");
    harness.get_by_label("Unlock Spleen");
    assert_eq!(harness.get_by_label("Kidney right").value().as_deref(), Some("150"));
}

#[test]
fn a_segment_is_chosen_by_word_and_by_key() {
    let mut harness = harness::<usize>().build_ui_state(
        |ui, at| {
            let choices = [Segment::new(0, "Fill"), Segment::new(1, "Outline"), Segment::new(2, "Both")];
            if let Some(chosen) = w::segmented(ui, "Overlay", *at, &choices, None) {
                *at = chosen;
            }
        },
        0,
    );
    harness.get_by_label("Both").click();
    harness.run();
    assert_eq!(*harness.state(), 2);
    harness.get_by_label("Outline").focus();
    harness.run();
    harness.key_press(Key::Space);
    harness.run();
    assert_eq!(*harness.state(), 1);
}

#[test]
fn a_slider_is_dragged_stepped_typed_and_set() {
    let mut harness = harness::<f64>().build_ui_state(
        |ui, value| {
            ui.add(Slider::new("Opacity", value, 0.0..=100.0).unit(" %"));
        },
        26.0,
    );
    harness.get_by_label("Opacity").focus();
    harness.run();
    harness.key_press(Key::ArrowRight);
    harness.run();
    assert_eq!(*harness.state(), 27.0);
    harness.get_by_label("Opacity").set_value_accesskit(60.0);
    harness.run();
    assert_eq!(*harness.state(), 60.0);
    let rail = harness.get_by_label("Opacity").rect();
    harness.drag_at(rail.left_center());
    harness.run();
    harness.drop_at(rail.right_center());
    harness.run();
    assert_eq!(*harness.state(), 100.0);
    harness.get_by_label("Opacity, typed").focus();
    harness.run();
    harness.event(egui::Event::Text("42".to_owned()));
    harness.run();
    harness.key_press(Key::Enter);
    harness.run();
    assert_eq!(*harness.state(), 42.0);
}

#[test]
fn a_field_takes_text_from_a_click_anywhere_in_it() {
    let mut harness = harness::<String>().build_ui_state(
        |ui, text| {
            ui.add(Field::new("Filter structures", text).hint("Filter").icon(icons::SEARCH).key("/"));
        },
        String::new(),
    );
    let field = harness.get_by_label("Filter structures").rect();
    // On the icon, left of the text itself.
    harness.drag_at(egui::pos2(field.left() - 10.0, field.center().y));
    harness.drop_at(egui::pos2(field.left() - 10.0, field.center().y));
    harness.run();
    harness.get_by_label("Filter structures").type_text("liv");
    harness.run();
    assert_eq!(harness.state(), "liv");
}

#[test]
fn a_disabled_button_is_not_pressed() {
    let mut harness = harness::<u32>().build_ui_state(
        |ui, presses| {
            *presses += u32::from(ui.add(Button::primary("Compare").enabled(false)).clicked());
            *presses += u32::from(ui.add(w::RadioCard::new(false, "Whole body", "104 structures").refused("Needs 5.1 GB")).clicked());
        },
        0,
    );
    for name in ["Compare", "Whole body"] {
        assert!(harness.get_by_label(name).accesskit_node().is_disabled(), "{name}");
        harness.get_by_label(name).click();
        harness.run();
    }
    assert_eq!(*harness.state(), 0);
}

#[test]
fn a_list_opens_and_gives_what_was_chosen() {
    let mut harness = harness::<usize>().build_ui_state(
        |ui, at| {
            if let Some(chosen) = w::select(ui, "Run on", *at, &["This computer", "gpu01"]) {
                *at = chosen;
            }
        },
        0,
    );
    harness.get_by_label("Run on").click();
    harness.run();
    harness.get_by_label("gpu01").click();
    harness.run();
    assert_eq!(*harness.state(), 1);
    assert!(harness.query_by_label("gpu01").is_none(), "the list closed");
}

#[test]
fn a_banner_says_which_of_its_parts_was_pressed() {
    let mut harness = harness::<Option<w::BannerAction>>().build_ui_state(
        |ui, pressed| {
            let banner = w::Banner::new(w::Notice::Error, "The engine stopped.", "All edits are saved.");
            if let (_, Some(action)) = banner.primary("Restart", None).link("Copy report").dismissable().show(ui) {
                *pressed = Some(action);
            }
        },
        None,
    );
    let parts = [("Restart", w::BannerAction::Button), ("Copy report", w::BannerAction::Link), ("Dismiss", w::BannerAction::Dismiss)];
    for (name, action) in parts {
        harness.get_by_label(name).click();
        harness.run();
        assert_eq!(*harness.state(), Some(action), "{name}");
    }
    harness.get_by_label("The engine stopped. All edits are saved.");
}

#[test]
fn a_toast_goes_after_four_seconds() {
    let mut toasts = w::Toasts::default();
    toasts.ok("Picture saved");
    toasts.ok("Picture saved");
    let mut harness = harness::<w::Toasts>().with_step_dt(0.5).build_ui_state(|ui, toasts| toasts.show(ui.ctx()), toasts);
    harness.run_steps(2);
    harness.get_by_label("Picture saved");
    harness.run_steps(10);
    assert!(harness.query_by_label("Picture saved").is_none());
    assert!(harness.state().is_empty());
}

#[test]
fn escape_and_the_cross_close_a_dialog() {
    let mut harness = harness::<u32>().build_ui_state(
        |ui, closed| {
            *closed += u32::from(w::dialog(ui, "Delete", 300.0, |_| {}, |ui| ui.add(w::Words::new("Two layers go."))).closed);
        },
        0,
    );
    harness.run();
    harness.key_press(Key::Escape);
    harness.run();
    assert_eq!(*harness.state(), 1);
    harness.get_by_label("Close").click();
    harness.run();
    assert_eq!(*harness.state(), 2);
}

#[test]
fn a_name_that_does_not_fit_has_the_whole_as_tooltip() {
    let long = "Pancreas with a name that is much too long for any row of a panel";
    let mut harness = harness::<()>().with_step_dt(0.5).build_ui_state(
        |ui, ()| {
            ui.set_max_width(160.0);
            let (ink, pattern) = STRUCTURES[0];
            StructureRow::new(long, ink, pattern).value("17").show(ui);
        },
        (),
    );
    harness.get_by_label(long).hover();
    harness.run_steps(6);
    assert!(harness.query_all_by_label(long).count() > 1, "the row, and the words of its tooltip");
}

#[test]
fn following_the_system_changes_the_palette() {
    for (system, dark) in [(egui::Theme::Dark, true), (egui::Theme::Light, false)] {
        let mut harness = harness::<Option<bool>>().with_theme(system).build_ui_state(|ui, seen| *seen = Some(Theme::of(ui).dark), None);
        harness.run();
        assert_eq!(*harness.state(), Some(dark));
    }
}

#[test]
fn stronger_contrast_reaches_the_widgets() {
    let theme = Theme { stronger_contrast: true, reduce_motion: true, ..Theme::default() };
    let mut harness = Harness::builder()
        .with_context_setup(move |ctx| {
            install(ctx);
            theme.apply(ctx);
        })
        .build_ui_state(|ui, seen| *seen = Some(Theme::of(ui)), None);
    harness.run();
    let palette = harness.state().expect("painted once");
    assert_eq!(palette.text2, palette.text1);
}
