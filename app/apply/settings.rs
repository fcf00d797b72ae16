//! Preferences: applied at once, kept at once.

use crate::core::Core;
use crate::state::Settings;

/// Replaces all preferences.
pub(super) fn set(core: &mut Core, settings: Settings) {
    let device_changed = core.state.settings.device != settings.device;
    let places_changed = core.state.settings.model_places != settings.model_places;
    let forgets = core.state.settings.remember_recent && !settings.remember_recent;
    core.state.settings = settings;
    core.save_settings();
    if forgets {
        core.save_recents();
    }
    if device_changed {
        core.state.setup.device.clone_from(&core.state.settings.device);
        core.state.setup.estimates.clear();
        core.ask_about_device();
    }
    if places_changed {
        super::runs::ask_for_models(core);
    }
}

/// Changes one preference.
pub(super) fn change(core: &mut Core, change: impl FnOnce(&mut Settings)) {
    let mut settings = core.state.settings.clone();
    change(&mut settings);
    set(core, settings);
}
