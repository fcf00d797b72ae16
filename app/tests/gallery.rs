//! Every widget in every state, as pictures: dark and light, at one and at two pixels per point.

mod pages;
mod panels;

use egui_kittest::Harness;
use voxelry_app::look::{Base, Theme, install};

/// Renders a page in all variants and compares each with its picture.
fn page(name: &str, size: [f32; 2], mut show: impl FnMut(&mut egui::Ui)) {
    let mut results = egui_kittest::SnapshotResults::new();
    for (base, label) in [(Base::Dark, "dark"), (Base::Light, "light")] {
        for scale in [1.0, 2.0] {
            let mut harness = harness(size, scale, base).build_ui(|ui| {
                // The harness keeps a margin; a page begins at the window's corner as a panel does.
                let whole = ui.ctx().content_rect();
                show(&mut ui.new_child(egui::UiBuilder::new().max_rect(whole)));
            });
            harness.run();
            results.add(harness.try_snapshot(format!("gallery/{name}-{label}-{scale}x")));
        }
    }
}

fn harness(size: [f32; 2], scale: f32, base: Base) -> egui_kittest::HarnessBuilder {
    let of = if base == Base::Light { egui::Theme::Light } else { egui::Theme::Dark };
    Harness::builder().with_size(size).with_pixels_per_point(scale).with_theme(of).with_context_setup(move |ctx| {
        install(ctx);
        Theme { base, ..Theme::default() }.apply(ctx);
    })
}
