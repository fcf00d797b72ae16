//! Preferences: applied at once, kept at once.

use std::fs;
use std::path::{Path, PathBuf};

use crate::apply::dialog;
use crate::command::Command;
use crate::core::Core;
use crate::state::{Recents, Screen, Settings, SettingsPage, StorageUse};

/// Shows a page; that of storage counts what is used.
pub(super) fn show(core: &mut Core, page: SettingsPage) {
    super::show(core, Screen::Settings(page));
    if page == SettingsPage::Storage {
        measure_storage(core);
    }
}

/// Replaces all preferences.
pub(super) fn set(core: &mut Core, settings: Settings) {
    let device_changed = core.state.settings.device != settings.device;
    let limit_changed = core.state.settings.device_memory_mib != settings.device_memory_mib;
    let quality_changed = core.state.settings.quality != settings.quality;
    let places_changed = core.state.settings.model_places != settings.model_places;
    let cases_changed = core.state.settings.cases != settings.cases;
    let folder_changed = core.state.settings.export_folder != settings.export_folder;
    let patient_changed = core.state.settings.export_without_patient != settings.export_without_patient;
    let forgets = core.state.settings.remember_recent && !settings.remember_recent;
    core.state.settings = settings;
    core.save_settings();
    if forgets {
        core.save_recents();
    }
    if device_changed {
        core.state.setup.device.clone_from(&core.state.settings.device);
        core.ask_about_device();
    }
    if device_changed || limit_changed {
        core.state.setup.estimates.clear();
        super::runs::ask_for_estimate(core);
    }
    if quality_changed {
        core.state.setup.quality = core.state.settings.quality;
    }
    if folder_changed {
        core.state.export.folder.clone_from(&core.state.settings.export_folder);
    }
    if patient_changed {
        core.state.export.without_patient = core.state.settings.export_without_patient;
    }
    if places_changed {
        super::runs::ask_for_models(core);
    }
    if cases_changed {
        measure_storage(core);
    }
}

/// Changes one preference.
pub(super) fn change(core: &mut Core, change: impl FnOnce(&mut Settings)) {
    let mut settings = core.state.settings.clone();
    change(&mut settings);
    set(core, settings);
}

/// Asks the system for the folder of all cases.
pub(super) fn pick_cases(core: &mut Core) {
    let dialog = rfd::AsyncFileDialog::new().set_title("Folder of all cases");
    dialog::ask(core, dialog.pick_folder(), |core, path| {
        let settings = Settings { cases: Some(path), ..core.state.settings.clone() };
        core.apply(Command::SetSettings(Box::new(settings)));
    });
}

/// Empties the list of recent cases.
pub(super) fn forget_recents(core: &mut Core) {
    core.state.recents = Recents::default();
    core.save_recents();
    core.state.toast("The list of recent studies is empty.");
}

/// Counts what all cases take, beside the window.
fn measure_storage(core: &mut Core) {
    let folder = core.cases();
    core.state.storage = Some(StorageUse { folder: folder.clone(), ..StorageUse::default() });
    core.tasks.spawn("storage", move || {
        let (cases, bytes) = used(&folder);
        Box::new(move |core: &mut Core| {
            if core.state.storage.as_ref().is_some_and(|storage| storage.folder == folder) {
                core.state.storage = Some(StorageUse { folder, cases, bytes: Some(bytes) });
            }
        })
    });
}

/// Cases in a folder, and the bytes of all files below it. What cannot be read counts nothing.
fn used(folder: &Path) -> (usize, u64) {
    let mut waiting: Vec<PathBuf> = vec![folder.to_owned()];
    let (mut cases, mut bytes) = (0, 0);
    while let Some(folder) = waiting.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            // A link is not followed: it may lead out of the folder, or round in it.
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => waiting.push(entry.path()),
                Ok(kind) if kind.is_file() => {
                    bytes += entry.metadata().map_or(0, |about| about.len());
                    cases += usize::from(entry.file_name() == "case.json");
                }
                _ => {}
            }
        }
    }
    (cases, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_counts_cases_and_bytes() {
        let place = tempfile::tempdir().unwrap();
        for case in ["a", "b"] {
            let layers = place.path().join(case).join("layers/0");
            fs::create_dir_all(&layers).unwrap();
            fs::write(place.path().join(case).join("case.json"), "{}").unwrap();
            fs::write(layers.join("labels.raw"), [0; 100]).unwrap();
        }
        assert_eq!(used(place.path()), (2, 204));
        assert_eq!(used(&place.path().join("none")), (0, 0));
    }
}
