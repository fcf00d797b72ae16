//! The one place where commands change the state.

mod dialog;
mod edit;
pub(crate) mod export;
mod mask;
mod news;
mod open;
mod ops;
mod queue;
pub(crate) mod review;
mod runs;
mod settings;
mod steps;
mod summary;
mod view;

use std::time::Duration;

use crate::command::Command;
use crate::core::{Core, Effect};
use crate::state::{Dialog, Screen, Tool};

pub(crate) use news::{news, sentence};
pub(crate) use open::close;

/// How long good news stays on screen.
pub(crate) const TOAST_TIME: Duration = Duration::from_secs(4);

/// Does one command.
pub(crate) fn apply(core: &mut Core, command: Command) {
    use Command as C;
    match command {
        C::OpenFolder => open::pick(core, open::Pick::Folder),
        C::OpenFile => open::pick(core, open::Pick::File),
        C::OpenPaths(paths) => open::look_at(core, paths),
        C::OpenCase(case) => open::reopen(core, case),
        C::ReopenQueue(folder) => open::reopen_queue(core, folder),
        C::OpenSample => open::sample(core),
        C::ForgetRecent(case) => open::forget(core, &case),
        C::Show(screen) => show(core, screen),
        C::ShowSettings(page) => settings::show(core, page),
        C::PickCasesFolder => settings::pick_cases(core),
        C::ForgetRecents => settings::forget_recents(core),
        C::SetMode(mode) => open::set_mode(core, mode),
        C::ShowDialog(dialog) => core.state.dialog = dialog,
        C::Back => back(core),
        C::DismissBanner(cause) => core.state.banners.retain(|banner| banner.cause != cause),
        C::CopyReport(report) => core.effects.push(Effect::CopyReport(report)),
        C::SetSettings(settings) => settings::set(core, *settings),
        C::RestartEngine => runs::restart(core),

        C::SelectSeries(index) => open::select(core, index),
        C::FilterSeries(text) => open::filter(core, text),
        C::ShowSkipped(shown) => open::show_skipped(core, shown),
        C::OpenSelected => open::open_selected(core),
        C::OpenQueue => queue::open_listed(core),

        C::SetCursor(index_zyx) => view::set_cursor(core, index_zyx),
        C::StepSlice(plane, by) => view::step(core, plane, by),
        C::Activate(pane) => view::with(core, |view| view.active = pane),
        C::SetLayout(layout) => view::with(core, |view| view.layout = layout),
        C::SetWindow(window) => view::set_window(core, window),
        C::SetPreset(preset) => view::set_preset(core, preset),
        C::SetSlab(slab) => view::with(core, |view| view.slab = slab),
        C::SetPlaneView(plane, looked) => view::with(core, |view| view.panes[plane as usize] = looked),
        C::Fit => view::fit(core),
        C::SetRoom(plane, room, scale) => view::with(core, |view| view.rooms[plane as usize] = (room, scale)),
        C::ActualSize => view::actual_size(core),
        C::SetRadiological(radiological) => settings::change(core, |settings| settings.radiological = radiological),
        C::Point(at_zyx) => view::point(core, at_zyx),
        C::SetMeasuring(measuring) => view::with(core, |view| view.measuring = measuring),
        C::MeasureFrom(plane, at_zyx) => view::measure_from(core, plane, at_zyx),
        C::MeasureTo(at_zyx) => view::measure_to(core, at_zyx),
        C::ClearMeasurements => view::with(core, |view| view.measurements.clear()),
        C::SetCamera(camera) => view::with(core, |view| view.camera = camera),

        C::Select(value) => mask::select(core, value),
        C::SelectBy(by) => mask::select_by(core, by),
        C::GoTo(value) => mask::go_to(core, value),
        C::Hover(value) => view::with(core, |view| view.hovered = value),
        C::SetVisible(value, visible) => mask::set_structure(core, value, |structure| structure.visible = visible),
        C::SetLocked(value, locked) => mask::set_structure(core, value, |structure| structure.locked = locked),
        C::SetAllVisible(visible) => mask::set_all_visible(core, visible),
        C::FilterStructures(text) => view::with(core, |view| view.filter = text),
        C::ShowMask(shown) => view::with(core, |view| view.mask_shown = shown),
        C::Peek(peeking) => view::with(core, |view| view.peeking = peeking),
        C::SetOpacity(opacity) => view::with(core, |view| view.opacity = opacity.clamp(0.0, 1.0)),
        C::SetOverlay(overlay) => view::with(core, |view| view.overlay = overlay),
        C::ShowDoubt(doubt) => view::with(core, |view| view.doubt = doubt),
        C::OnlySelected(only) => view::with(core, |view| view.only_selected = only),
        C::ShowLayer(number) => mask::show_layer(core, number),
        C::NewLayer => mask::new_layer(core),
        C::RenameStructure(value, name) => mask::rename(core, value, name),
        C::ColorStructure(value, color) => mask::color(core, value, color),
        C::ImportLayer(path) => mask::import_layer(core, path),
        C::ImportLabels(path) => mask::import_labels(core, path),

        C::ChooseModel(model) => runs::choose_model(core, model),
        C::AddModel(model) => runs::add_model(core, model),
        C::PickModel { folder } => runs::pick_model(core, folder),
        C::ChooseQuality(quality) => core.state.setup.quality = quality,
        C::SetMirroring(mirroring) => core.state.setup.mirroring = Some(mirroring),
        C::KeepStructures(structures) => core.state.setup.structures = structures,
        C::SetRunDevice(device) => runs::set_device(core, device),
        C::StartRun => {
            core.state.setup.resume = None;
            runs::start(core);
        }
        C::RunAnyway => runs::start_anyway(core),
        C::CancelRun => runs::cancel(core),
        C::ContinueRun => runs::go_on(core),

        C::Measure => review::measure(core),
        C::Decide(decision, next) => review::decide(core, decision, next),
        C::AcceptCase => review::accept_case(core),
        C::RejectCase => review::reject_case(core),
        C::NextOpen => {
            review::next_open(core);
        }
        C::SetNote(note) => review::set_note(core, note),
        C::SetCaseNote(note) => review::set_case_note(core, note),
        C::EditNote(editing) => review::with(core, |review| review.noting = editing),
        C::StepCase(by) => queue::step(core, by),
        C::GoToCase(index) => queue::go_to(core, index),
        C::FixInEdit => review::fix_in_edit(core),
        C::RunAgainBest => runs::again_best(core),
        C::CompareWith(layer) => review::compare_with(core, layer),
        C::ChooseSummary => queue::choose_summary(core),
        C::SaveSummary(path) => queue::save_summary(core, path),

        C::TakeTool(tool) => edit::take(core, tool),
        C::SwapTools => edit::swap(core),
        C::SetBrushSize(size_mm) => edit::set_size(core, size_mm),
        C::SetBrushShape(shape) => edit::with(core, |edit| edit.shape = shape),
        C::OnlyWithin(only) => edit::with(core, |edit| edit.only_within = only),
        C::SetRange(range) => edit::with(core, |edit| edit.range = range),
        C::PickRange => edit::pick_range(core),
        C::SetOverwrite(overwrite) => edit::with(core, |edit| edit.overwrite = overwrite),
        C::Invert(inverted) => edit::with(core, |edit| edit.inverted = inverted),
        C::StrokeBegin(plane, at_zyx) => edit::stroke_begin(core, plane, at_zyx),
        C::StrokeTo(at_zyx) => edit::stroke_to(core, at_zyx),
        C::StrokeEnd => edit::stroke_end(core),
        C::LassoPoint(plane, at_zyx) => edit::lasso_point(core, plane, at_zyx),
        C::LassoApply => edit::lasso_apply(core),
        C::LassoDrop => edit::with(core, |edit| edit.lasso.clear()),
        C::FillAt { plane, at_zyx, in_3d } => edit::fill_at(core, plane, at_zyx, in_3d),
        C::NewStructure(name) => edit::new_structure(core, name),
        C::Interpolate(plane) => ops::interpolate(core, plane),
        C::KeepLargest => ops::keep_largest(core),
        C::KeepPiece => ops::keep_piece(core),
        C::RemoveSmall => ops::remove_small(core),
        C::SplitPieces => ops::split_pieces(core),
        C::Grow(by_mm) => ops::grow(core, by_mm),
        C::Smooth(by_mm) => ops::smooth(core, by_mm),
        C::Relabel { from, to } => ops::relabel(core, from, to),
        C::SetDistance(distance_mm) => edit::with(core, |edit| edit.distance_mm = distance_mm),
        C::SetIslandSize(island_ml) => edit::with(core, |edit| edit.island_ml = island_ml),
        C::Undo => steps::undo(core),
        C::Redo => steps::redo(core),
        C::JumpTo(steps) => steps::jump_to(core, steps),
        C::ResumeEditing => steps::resume(core),
        C::StopWork => edit::with(core, edit::stop),

        C::SetExportKind(kind, chosen) => export::set_kind(core, kind, chosen),
        C::ChooseExportFolder => export::choose_folder(core),
        C::SetExportFolder(folder) => export::set_folder(core, folder),
        C::SetExportStem(stem) => core.state.export.stem = stem,
        C::SetOnlyAccepted(only) => core.state.export.only_accepted = only,
        C::SetWithoutPatient(without) => export::set_without_patient(core, without),
        C::Export(overwrite) => export::export(core, overwrite),
        C::SavePicture => export::save_picture(core),
        C::TakePicture(path) => core.effects.push(Effect::Picture(path)),
        C::KeepPicture(path, picture) => export::keep_picture(core, path, picture),
    }
    core.state.toasts.retain(|toast| toast.since.elapsed() < TOAST_TIME);
}

/// Shows a screen and remembers where it was left.
pub(crate) fn show(core: &mut Core, screen: Screen) {
    let state = &mut core.state;
    if !matches!(state.screen, Screen::Settings(_) | Screen::Jobs) {
        state.behind = state.screen;
    }
    state.screen = screen;
}

/// Esc: always one step back, never a loss.
fn back(core: &mut Core) {
    let state = &mut core.state;
    if state.dialog != Dialog::None {
        state.dialog = Dialog::None;
        return;
    }
    if matches!(state.screen, Screen::Settings(_) | Screen::Jobs) {
        state.screen = state.behind;
        return;
    }
    if state.run.as_ref().is_some_and(|run| !run.cancelled) && state.mode() == Some(crate::state::Mode::Segment) {
        runs::cancel(core);
        return;
    }
    if let (Screen::Case(_), Some(case)) = (state.screen, &mut state.case) {
        if case.review.noting {
            case.review.noting = false;
        } else if case.edit.working.is_some() {
            edit::stop(&mut case.edit);
        } else if !case.edit.lasso.is_empty() {
            case.edit.lasso.clear();
        } else if case.edit.tool != Tool::View {
            case.edit.last_tool = case.edit.tool;
            case.edit.tool = Tool::View;
        } else if case.view.measuring {
            case.view.measuring = false;
        } else if case.view.selected.is_some() {
            case.view.selected = None;
        }
    } else if state.screen == Screen::Series {
        state.listing = None;
        state.screen = Screen::Home;
    }
}
