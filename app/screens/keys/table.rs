//! The table of all keys: group, words, keys, where they hold and what they do.

use eframe::egui::Key;
use jobs::Quality;
use jobs::case::Decision;

use super::When::{Everywhere, Home, Images, In, Series};
use super::{Action, Chord, Group, Row, key};
use crate::command::Command as C;
use crate::look::tokens::layout;
use crate::render::plane::Plane;
use crate::screens::{log, segment};
use crate::state::{Case, Dialog, Layout, Mode, OverlayStyle, Pane, Preset, Screen, SettingsPage, State, Tool};

/// Change of the masks' opacity by one key press.
const OPACITY_STEP: f32 = 0.05;
/// Factor of the brush's size by one key press.
const BRUSH_STEP: f32 = 1.15;
/// Percent the interface grows or shrinks by one key press.
const SCALE_STEP: u16 = 10;

const fn ctrl(k: Key) -> Chord {
    key(k).ctrl()
}

const fn ctrl_shift(k: Key) -> Chord {
    key(k).ctrl().shift()
}

const fn row(group: Group, words: &'static str, actions: &'static [Action]) -> Row {
    Row { group, words, range: false, pointer: &[], actions }
}

const fn range(group: Group, words: &'static str, actions: &'static [Action]) -> Row {
    Row { group, words, range: true, pointer: &[], actions }
}

/// What only the pointer, or a key that is held, does.
const fn hand(group: Group, words: &'static str, pointer: &'static [&'static str]) -> Row {
    Row { group, words, range: false, pointer, actions: &[] }
}

const fn both(group: Group, words: &'static str, pointer: &'static [&'static str], actions: &'static [Action]) -> Row {
    Row { group, words, range: false, pointer, actions }
}

macro_rules! action {
    ($words:literal, [$($chord:expr),*], $when:expr, $command:expr) => {
        Action { words: $words, chords: &[$($chord),*], when: $when, command: $command }
    };
}

fn case(state: &State) -> Option<&Case> {
    state.case.as_deref()
}

fn mode(state: &State, mode: Mode) -> Option<C> {
    case(state).map(|_| C::SetMode(mode))
}

/// The plane keys act on.
fn plane(case: &Case) -> Plane {
    match case.view.active {
        Pane::Slice(plane) => plane,
        Pane::Surface => Plane::Axial,
    }
}

fn step(state: &State, by: i32) -> Option<C> {
    case(state).map(|case| C::StepSlice(plane(case), by))
}

fn opacity(state: &State, by: f32) -> Option<C> {
    case(state).map(|case| C::SetOpacity(case.view.opacity + by))
}

fn preset(state: &State, preset: Preset) -> Option<C> {
    case(state).map(|_| C::SetPreset(preset))
}

fn tool(state: &State, tool: Tool) -> Option<C> {
    case(state).map(|_| C::TakeTool(tool))
}

fn quality(state: &State, quality: Quality) -> Option<C> {
    state.run.is_none().then_some(C::ChooseQuality(quality))
}

fn with_selected(state: &State, command: impl Fn(&Case, u16) -> C) -> Option<C> {
    let case = case(state)?;
    case.view.selected.map(|value| command(case, value))
}

fn decide(state: &State, decision: Decision, next: bool) -> Option<C> {
    with_selected(state, |_, _| C::Decide(decision, next))
}

fn scale(state: &State, percent: u16) -> Option<C> {
    let [least, most] = layout::SCALE_PERCENT;
    let mut settings = state.settings.clone();
    settings.theme.scale_percent = percent.clamp(least, most);
    Some(C::SetSettings(Box::new(settings)))
}

/// One step back; a fault that was read goes first, unless a run waits to be cancelled.
fn back(state: &State) -> Option<C> {
    let cancels = state.mode() == Some(Mode::Segment) && state.run.as_ref().is_some_and(|run| !run.cancelled);
    match state.banners.last() {
        Some(banner) if state.dialog == Dialog::None && !cancels => Some(C::DismissBanner(banner.cause.clone())),
        _ => Some(C::Back),
    }
}

fn page(page: SettingsPage) -> Option<C> {
    Some(C::ShowSettings(page))
}

/// Every key, in the order the keyboard page shows them.
pub(crate) static TABLE: &[Row] = &[
    row(Group::Everywhere, "Open folder", &[action!("Open folder…", [ctrl(Key::O)], Everywhere, |_| Some(C::OpenFolder))]),
    hand(Group::Everywhere, "Open a pasted path", &["Ctrl", "V"]),
    row(
        Group::Everywhere,
        "Command list",
        &[action!("Command list", [ctrl(Key::K)], Everywhere, |_| Some(C::ShowDialog(Dialog::Palette(String::new()))))],
    ),
    row(
        Group::Everywhere,
        "Undo / redo",
        &[
            action!("Undo", [ctrl(Key::Z)], Everywhere, |state| case(state).map(|_| C::Undo)),
            action!("Redo", [ctrl_shift(Key::Z), ctrl(Key::Y)], Everywhere, |state| case(state).map(|_| C::Redo)),
        ],
    ),
    range(
        Group::Everywhere,
        "Modes View … Export",
        &[
            action!("View", [ctrl(Key::Num1)], Everywhere, |state| mode(state, Mode::View)),
            action!("Segment", [ctrl(Key::Num2)], Everywhere, |state| mode(state, Mode::Segment)),
            action!("Review", [ctrl(Key::Num3)], Everywhere, |state| mode(state, Mode::Review)),
            action!("Edit", [ctrl(Key::Num4)], Everywhere, |state| mode(state, Mode::Edit)),
            action!("Export", [ctrl(Key::Num5)], Everywhere, |state| mode(state, Mode::Export)),
        ],
    ),
    row(Group::Everywhere, "Jobs", &[action!("Jobs", [ctrl_shift(Key::J)], Everywhere, |_| Some(C::Show(Screen::Jobs)))]),
    row(Group::Everywhere, "Settings", &[action!("Settings", [ctrl(Key::Comma)], Everywhere, |_| page(SettingsPage::Appearance))]),
    row(
        Group::Everywhere,
        "This page",
        &[action!("Keyboard", [key(Key::Questionmark)], Everywhere, |_| Some(C::ShowDialog(Dialog::Keyboard)))],
    ),
    row(Group::Everywhere, "Back, cancel, close", &[action!("Back", [key(Key::Escape)], Everywhere, back)]),
    row(
        Group::Everywhere,
        "Larger / smaller / 100 %",
        &[
            action!("Larger text and controls", [ctrl(Key::Plus), ctrl(Key::Equals)], Everywhere, |state| {
                scale(state, state.settings.theme.scale_percent.saturating_add(SCALE_STEP))
            }),
            action!("Smaller text and controls", [ctrl(Key::Minus)], Everywhere, |state| {
                scale(state, state.settings.theme.scale_percent.saturating_sub(SCALE_STEP))
            }),
            action!("Text and controls at 100 %", [ctrl(Key::Num0)], Everywhere, |state| scale(state, 100)),
        ],
    ),
    both(
        Group::Look,
        "Next / previous slice",
        &["Wheel"],
        &[
            action!("Up one slice", [key(Key::ArrowUp), key(Key::PageUp)], Images, |state| step(state, -1)),
            action!("Down one slice", [key(Key::ArrowDown), key(Key::PageDown)], Images, |state| step(state, 1)),
        ],
    ),
    row(
        Group::Look,
        "Ten slices",
        &[
            action!("Up ten slices", [key(Key::ArrowUp).shift()], Images, |state| step(state, -10)),
            action!("Down ten slices", [key(Key::ArrowDown).shift()], Images, |state| step(state, 10)),
        ],
    ),
    hand(Group::Look, "Zoom", &["Ctrl", "Wheel", " or", "Right", " drag"]),
    hand(Group::Look, "Pan", &["Space", " drag,", "Middle", " drag"]),
    hand(Group::Look, "Window and level", &[" hold", "W", " drag"]),
    range(
        Group::Look,
        "Presets",
        &[
            action!("Window: soft tissue", [key(Key::Num1).alt()], Images, |state| preset(state, Preset::SoftTissue)),
            action!("Window: liver", [key(Key::Num2).alt()], Images, |state| preset(state, Preset::Liver)),
            action!("Window: lung", [key(Key::Num3).alt()], Images, |state| preset(state, Preset::Lung)),
            action!("Window: bone", [key(Key::Num4).alt()], Images, |state| preset(state, Preset::Bone)),
            action!("Window: brain", [key(Key::Num5).alt()], Images, |state| preset(state, Preset::Brain)),
            action!("Window: auto", [key(Key::Num6).alt()], Images, |state| preset(state, Preset::Auto)),
        ],
    ),
    row(Group::Look, "Automatic window", &[action!("Automatic window", [ctrl(Key::J)], Images, |state| preset(state, Preset::Auto))]),
    hand(Group::Look, "Move crosshair", &["Click", " or", "Shift", " move"]),
    row(
        Group::Look,
        "Fit / actual size",
        &[
            action!("Fit", [key(Key::R)], Images, |state| case(state).map(|_| C::Fit)),
            action!("Actual size, 1:1", [key(Key::R).shift()], Images, |state| case(state).map(|_| C::ActualSize)),
        ],
    ),
    both(
        Group::Look,
        "One pane / four",
        &["Double-click"],
        &[action!("One pane or four", [key(Key::V)], Images, |state| {
            case(state).map(|case| match (case.view.layout, state.mode()) {
                (Layout::One(_), Some(Mode::Edit)) => C::SetLayout(Layout::OneAndTwo(plane(case))),
                (Layout::One(_), _) => C::SetLayout(Layout::FourUp),
                _ => C::SetLayout(Layout::One(case.view.active)),
            })
        })],
    ),
    hand(Group::Mask, "Find a structure", &["/"]),
    row(
        Group::Mask,
        "Show or hide",
        &[action!("Show or hide the mask", [key(Key::S)], Images, |state| { case(state).map(|case| C::ShowMask(!case.view.mask_shown)) })],
    ),
    hand(Group::Mask, "Peek without mask", &[" hold", "H"]),
    row(
        Group::Mask,
        "Less / more opacity",
        &[
            action!("Less opacity", [key(Key::A)], Images, |state| opacity(state, -OPACITY_STEP)),
            action!("More opacity", [key(Key::D)], Images, |state| opacity(state, OPACITY_STEP)),
        ],
    ),
    row(
        Group::Mask,
        "Fill, outline, both",
        &[action!("Fill, outline or both", [key(Key::L)], Images, |state| {
            case(state).map(|case| match case.view.overlay {
                OverlayStyle::Fill => C::SetOverlay(OverlayStyle::Outline),
                OverlayStyle::Outline => C::SetOverlay(OverlayStyle::Both),
                OverlayStyle::Both => C::SetOverlay(OverlayStyle::Fill),
            })
        })],
    ),
    row(
        Group::Mask,
        "Previous / next structure",
        &[
            action!("Previous structure", [key(Key::Q)], Images, |state| case(state)?.layer().map(|_| C::SelectBy(-1))),
            action!("Next structure", [key(Key::E)], Images, |state| case(state)?.layer().map(|_| C::SelectBy(1))),
        ],
    ),
    hand(Group::Mask, "Pick under cursor", &["Alt", "Click"]),
    row(
        Group::Mask,
        "Only this structure",
        &[action!("Only this structure", [key(Key::O)], Images, |state| {
            case(state).map(|case| C::OnlySelected(!case.view.only_selected))
        })],
    ),
    row(
        Group::Mask,
        "Doubt overlay",
        &[action!("Doubt overlay", [key(Key::U)], Images, |state| case(state).map(|case| C::ShowDoubt(!case.view.doubt)))],
    ),
    row(
        Group::Review,
        "Accept, next",
        &[action!("Accept, next", [key(Key::Enter)], In(Mode::Review), |state| decide(state, Decision::Accepted, true))],
    ),
    row(
        Group::Review,
        "Accept whole case",
        &[action!("Accept whole case", [key(Key::Enter).shift()], In(Mode::Review), |state| case(state).map(|_| C::AcceptCase))],
    ),
    row(
        Group::Review,
        "Reject",
        &[action!("Reject", [key(Key::Backspace)], In(Mode::Review), |state| decide(state, Decision::Rejected, true))],
    ),
    row(Group::Review, "Flag", &[action!("Flag", [key(Key::F)], In(Mode::Review), |state| decide(state, Decision::Flagged, false))]),
    row(
        Group::Review,
        "Next doubtful",
        &[action!("Next doubtful", [key(Key::N)], In(Mode::Review), |state| case(state).map(|_| C::NextOpen))],
    ),
    row(
        Group::Review,
        "Next / previous case",
        &[
            action!("Next case", [ctrl(Key::ArrowRight)], Images, |state| state.queue.as_ref().map(|_| C::StepCase(1))),
            action!("Previous case", [ctrl(Key::ArrowLeft)], Images, |state| state.queue.as_ref().map(|_| C::StepCase(-1))),
        ],
    ),
    row(
        Group::Review,
        "Write a note",
        &[action!("Write a note", [ctrl(Key::M)], In(Mode::Review), |state| with_selected(state, |_, _| C::EditNote(true)))],
    ),
    row(
        Group::Review,
        "Fix in Edit",
        &[action!("Fix in Edit", [key(Key::B)], In(Mode::Review), |state| with_selected(state, |_, _| C::FixInEdit))],
    ),
    range(
        Group::Edit,
        "Tools View … Measure",
        &[
            action!("Tool: view", [key(Key::Num1)], In(Mode::Edit), |state| tool(state, Tool::View)),
            action!("Tool: brush", [key(Key::Num2)], In(Mode::Edit), |state| tool(state, Tool::Brush)),
            action!("Tool: sphere", [key(Key::Num3)], In(Mode::Edit), |state| tool(state, Tool::Sphere)),
            action!("Tool: erase", [key(Key::Num4)], In(Mode::Edit), |state| tool(state, Tool::Erase)),
            action!("Tool: threshold", [key(Key::Num5)], In(Mode::Edit), |state| tool(state, Tool::Threshold)),
            action!("Tool: lasso", [key(Key::Num6)], In(Mode::Edit), |state| tool(state, Tool::Lasso)),
            action!("Tool: fill", [key(Key::Num7)], In(Mode::Edit), |state| tool(state, Tool::Fill)),
            action!("Tool: measure", [key(Key::Num8)], In(Mode::Edit), |state| tool(state, Tool::Measure)),
        ],
    ),
    row(Group::Edit, "Last two tools", &[action!("Last two tools", [key(Key::X)], In(Mode::Edit), |_| Some(C::SwapTools))]),
    both(
        Group::Edit,
        "Brush size",
        &["Shift", "Wheel"],
        &[
            action!("Smaller brush", [key(Key::OpenBracket)], In(Mode::Edit), |state| {
                case(state).map(|case| C::SetBrushSize(case.edit.size_mm / BRUSH_STEP))
            }),
            action!("Larger brush", [key(Key::CloseBracket)], In(Mode::Edit), |state| {
                case(state).map(|case| C::SetBrushSize(case.edit.size_mm * BRUSH_STEP))
            }),
        ],
    ),
    hand(Group::Edit, "Invert tool", &[" hold", "Ctrl"]),
    row(
        Group::Edit,
        "Only within the range",
        &[action!("Only within the range", [key(Key::T)], In(Mode::Edit), |state| {
            case(state).map(|case| C::OnlyWithin(!case.edit.only_within))
        })],
    ),
    row(
        Group::Edit,
        "Interpolate",
        &[action!("Interpolate", [key(Key::I)], In(Mode::Edit), |state| { with_selected(state, |case, _| C::Interpolate(plane(case))) })],
    ),
    row(
        Group::Edit,
        "Keep largest piece",
        &[action!("Keep largest piece", [key(Key::G)], In(Mode::Edit), |state| with_selected(state, |_, _| C::KeepLargest))],
    ),
    row(
        Group::Edit,
        "Grow / shrink",
        &[
            action!("Grow", [key(Key::K)], In(Mode::Edit), |state| with_selected(state, |case, _| C::Grow(case.edit.distance_mm))),
            action!("Shrink", [key(Key::K).shift()], In(Mode::Edit), |state| {
                with_selected(state, |case, _| C::Grow(-case.edit.distance_mm))
            }),
        ],
    ),
    row(
        Group::Edit,
        "Smooth",
        &[action!("Smooth", [key(Key::M)], In(Mode::Edit), |state| with_selected(state, |case, _| C::Smooth(case.edit.distance_mm)))],
    ),
    row(
        Group::Edit,
        "Lock structure",
        &[action!("Lock or unlock structure", [key(Key::L).shift()], In(Mode::Edit), |state| {
            with_selected(state, |case, value| C::SetLocked(value, !case.structure(value).locked))
        })],
    ),
    row(
        Group::Edit,
        "Apply lasso",
        &[action!("Apply lasso", [key(Key::Enter)], In(Mode::Edit), |state| {
            case(state).filter(|case| !case.edit.lasso.is_empty()).map(|_| C::LassoApply)
        })],
    ),
    row(Group::Run, "Segment", &[action!("Start segmenting", [key(Key::Enter)], In(Mode::Segment), segment::primary)]),
    range(
        Group::Run,
        "Fast, Balanced, Best",
        &[
            action!("Quality: fast", [ctrl_shift(Key::Num1)], In(Mode::Segment), |state| quality(state, Quality::Fast)),
            action!("Quality: balanced", [ctrl_shift(Key::Num2)], In(Mode::Segment), |state| quality(state, Quality::Balanced)),
            action!("Quality: best", [ctrl_shift(Key::Num3)], In(Mode::Segment), |state| quality(state, Quality::Best)),
        ],
    ),
    row(Group::Run, "Export", &[action!("Export the mask", [ctrl(Key::S)], Everywhere, |state| mode(state, Mode::Export))]),
    row(
        Group::Run,
        "Write the files",
        &[action!("Write the files", [key(Key::Enter)], In(Mode::Export), |state| {
            case(state).filter(|_| !state.export.writing).map(|_| C::Export(false))
        })],
    ),
    row(
        Group::Run,
        "Save a picture",
        &[action!("Save a picture", [ctrl_shift(Key::S)], Images, |state| case(state).map(|_| C::SavePicture))],
    ),
    row(Group::Run, "Open, at the start", &[action!("Open a study", [key(Key::Enter)], Home, |_| Some(C::OpenFolder))]),
    row(
        Group::Run,
        "Open the series / choose",
        &[
            action!("Open the series", [key(Key::Enter)], Series, |state| {
                state.listing.as_ref().and_then(|listing| listing.report.as_ref()).map(|_| C::OpenSelected)
            }),
            action!("Previous series", [key(Key::ArrowUp)], Series, |state| state.listing.as_ref()?.beside(-1).map(C::SelectSeries)),
            action!("Next series", [key(Key::ArrowDown)], Series, |state| state.listing.as_ref()?.beside(1).map(C::SelectSeries)),
        ],
    ),
    row(
        Group::Run,
        "Log",
        &[action!("Log", [ctrl(Key::L)], Everywhere, |state| {
            Some(C::ShowDialog(if state.dialog == Dialog::Log { Dialog::None } else { Dialog::Log }))
        })],
    ),
    row(
        Group::Run,
        "Copy report",
        &[action!("Copy report", [ctrl_shift(Key::C)], Everywhere, |state| Some(C::CopyReport(log::report(state))))],
    ),
];

/// What has no key: only in the command list.
pub(crate) static MORE: &[Action] = &[
    action!("Open file…", [], Everywhere, |_| Some(C::OpenFile)),
    action!("Try the sample study", [], Everywhere, |_| Some(C::OpenSample)),
    action!("Home", [], Everywhere, |state| (state.screen != Screen::Home).then_some(C::Show(Screen::Home))),
    action!("New structure…", [], In(Mode::Edit), |state| case(state).map(|_| C::ShowDialog(Dialog::NewStructure(String::new())))),
    action!("New layer", [], Images, |state| case(state).map(|_| C::NewLayer)),
    action!("Show all structures", [], Images, |state| case(state)?.layer().map(|_| C::SetAllVisible(true))),
    action!("Hide all structures", [], Images, |state| case(state)?.layer().map(|_| C::SetAllVisible(false))),
    action!("Clear measurements", [], Images, |state| {
        case(state).filter(|case| !case.view.measurements.is_empty()).map(|_| C::ClearMeasurements)
    }),
    action!("Radiological or neurological", [], Images, |state| Some(C::SetRadiological(!state.settings.radiological))),
    action!("Keep the piece under the crosshair", [], In(Mode::Edit), |state| with_selected(state, |_, _| C::KeepPiece)),
    action!("Remove small pieces", [], In(Mode::Edit), |state| with_selected(state, |_, _| C::RemoveSmall)),
    action!("Split into pieces", [], In(Mode::Edit), |state| with_selected(state, |_, _| C::SplitPieces)),
    action!("Take the range from the image", [], In(Mode::Edit), |state| case(state).map(|_| C::PickRange)),
    action!("Run again with Best", [], In(Mode::Review), |state| case(state).map(|_| C::RunAgainBest)),
    action!("Cancel the run", [], Everywhere, |state| state.run.as_ref().filter(|run| !run.cancelled).map(|_| C::CancelRun)),
    action!("Add a model file…", [], Everywhere, |_| Some(C::PickModel { folder: false })),
    action!("Add a folder of models…", [], Everywhere, |_| Some(C::PickModel { folder: true })),
    action!("Settings: appearance", [], Everywhere, |_| page(SettingsPage::Appearance)),
    action!("Settings: viewing", [], Everywhere, |_| page(SettingsPage::Viewing)),
    action!("Settings: editing", [], Everywhere, |_| page(SettingsPage::Editing)),
    action!("Settings: device and memory", [], Everywhere, |_| page(SettingsPage::Device)),
    action!("Settings: storage", [], Everywhere, |_| page(SettingsPage::Storage)),
    action!("Settings: privacy", [], Everywhere, |_| page(SettingsPage::Privacy)),
    action!("Settings: export", [], Everywhere, |_| page(SettingsPage::Export)),
    action!("Settings: keyboard", [], Everywhere, |_| page(SettingsPage::Keyboard)),
    action!("About and licences", [], Everywhere, |_| page(SettingsPage::About)),
];
