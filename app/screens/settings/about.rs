//! Settings: version, and the licences of what is shipped.

use eframe::egui::{ScrollArea, Ui};

use super::{between, group, heading, lines};
use crate::look::tokens::{control, gap};
use crate::look::widgets::{Words, fact};

/// Libraries linked into the program: name, version, licence, one a line.
const LIBRARIES: &str = include_str!("../../../assets/licences.tsv");
/// Height of the list of libraries, in its rows.
const ROWS: f32 = 10.0;

pub(super) fn ui(ui: &mut Ui) {
    group(ui, |ui| {
        lines(ui, |ui| {
            fact(ui, "Voxelry", concat!("version ", env!("CARGO_PKG_VERSION")));
            fact(ui, "Licence", "MIT or Apache 2.0, at your choice");
            fact(ui, "Purpose", crate::look::RESEARCH_USE);
        });
    });
    heading(ui, "Shipped with it");
    group(ui, |ui| {
        lines(ui, |ui| {
            fact(ui, "IBM Plex Sans, the letters", "SIL Open Font License 1.1");
            fact(ui, "Material Symbols Rounded, the icons", "Apache 2.0");
            fact(ui, "Torso phantom, the sample study and its model", "MIT or Apache 2.0");
        });
        between(ui);
        lines(ui, |ui| {
            let libraries: Vec<&str> = LIBRARIES.lines().collect();
            ui.add(Words::small(&format!("{} libraries", libraries.len())));
            ui.add_space(gap::S);
            let list = ScrollArea::vertical().max_height(ROWS * control::FACT_ROW);
            list.auto_shrink([false, true]).show_rows(ui, control::FACT_ROW, libraries.len(), |ui, shown| {
                // Off the scroll bar, which would cover the last letters.
                ui.set_max_width(ui.available_width() - gap::S);
                for library in &libraries[shown] {
                    let mut parts = library.split('\t');
                    let (name, version, licence) = (parts.next(), parts.next(), parts.next());
                    let name = [name, version].into_iter().flatten().collect::<Vec<_>>().join(" ");
                    fact(ui, &name, licence.unwrap_or_default());
                }
            });
        });
    });
}
