//! How structures look: colours, outline patterns, and one style per label value for the shader.

use egui::Color32;
use volume::LabelTable;

use crate::look::tokens::colour::{self, IMAGE_TEXT2};
use crate::look::tokens::{self, Pattern, line};
use crate::render::styles::{Emphasis, LabelStyle, LineWidths, Shown, Structure, label_styles};
use crate::state::{Case, Mode, OverlayStyle, Settings};

/// How a structure looks in lists and images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Look {
    /// Value in the mask.
    pub(crate) value: u16,
    /// Its colour.
    pub(crate) color: Color32,
    /// Pattern of its outline.
    pub(crate) pattern: Pattern,
}

/// Looks of the structures of the layer shown, in the order of its table.
///
/// Colours are given away in that order; a colour that a file or a person chose wins, unless safe colours are wished.
pub(crate) fn looks(case: &Case, settings: &Settings) -> Vec<Look> {
    let Some(table) = case.table() else { return Vec::new() };
    // What values get that nobody chose a colour for.
    let given = LabelTable::from_names(table.iter().map(|label| (label.value, String::new())));
    let one = |(index, (label, given)): (usize, (&volume::Label, &volume::Label))| {
        let (palette, pattern) = tokens::structure(index, settings.patterns);
        let chosen = label.color != given.color && !settings.safe_colors;
        Look { value: label.value, color: if chosen { colour::of_file(label.color) } else { palette }, pattern }
    };
    table.iter().zip(given.iter()).enumerate().map(one).collect()
}

/// The look of one structure of the layer shown.
pub(crate) fn look_of(case: &Case, settings: &Settings, value: u16) -> Option<Look> {
    looks(case, settings).into_iter().find(|look| look.value == value)
}

/// sRGB of an opaque colour.
pub(super) fn rgb(color: Color32) -> [u8; 3] {
    [color.r(), color.g(), color.b()]
}

/// One style per label value.
pub(super) fn styles(case: &Case, settings: &Settings, mode: Mode) -> Vec<LabelStyle> {
    let view = &case.view;
    let structures: Vec<Structure> = looks(case, settings)
        .into_iter()
        .map(|look| Structure {
            value: look.value,
            color: rgb(look.color),
            pattern: look.pattern,
            visible: case.structure(look.value).visible,
        })
        .collect();
    let shown = match view.overlay {
        OverlayStyle::Fill => Shown::Fill,
        OverlayStyle::Outline => Shown::Outline,
        OverlayStyle::Both => Shown::Both,
    };
    let width = settings.outline_width;
    let widths = LineWidths {
        normal: width,
        selected: width * line::OUTLINE_SELECTED / line::OUTLINE,
        others: width * line::OUTLINE_OTHERS / line::OUTLINE,
    };
    let emphasis = Emphasis {
        selected: view.selected,
        focused: mode == Mode::Review,
        only_selected: view.only_selected && view.selected.is_some(),
        hovered: view.hovered,
    };
    label_styles(&structures, shown, view.opacity, widths, emphasis, rgb(IMAGE_TEXT2))
}
