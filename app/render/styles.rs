//! How each structure is drawn: the state of the list turned into one row per label value for the shader.

pub use crate::look::tokens::Pattern;

/// The number `slice.wgsl` knows a pattern by.
pub(crate) fn number_of(pattern: Pattern) -> f32 {
    match pattern {
        Pattern::Solid => 0.0,
        Pattern::Dash => 1.0,
        Pattern::Dot => 2.0,
        Pattern::DashDot => 3.0,
    }
}

/// How one label value is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LabelStyle {
    /// sRGB.
    pub color: [u8; 3],
    /// Opacity of the fill, 0 for none.
    pub fill: f32,
    /// Width of the outline in points, 0 for none.
    pub line: f32,
    /// Opacity of the outline.
    pub line_opacity: f32,
    /// Pattern of the outline.
    pub pattern: Pattern,
}

impl LabelStyle {
    /// Not drawn at all.
    pub const HIDDEN: Self = Self { color: [0; 3], fill: 0.0, line: 0.0, line_opacity: 0.0, pattern: Pattern::Solid };
}

/// A structure as the list knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Structure {
    /// Its value in the mask.
    pub value: u16,
    /// sRGB.
    pub color: [u8; 3],
    /// Pattern of its outline.
    pub pattern: Pattern,
    /// Whether its eye is open.
    pub visible: bool,
}

/// Fill, outline or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Shown {
    /// Fill only.
    Fill,
    /// Outline only.
    Outline,
    /// Both.
    #[default]
    Both,
}

/// Widths of outlines in points, from the design tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LineWidths {
    /// Any structure.
    pub normal: f32,
    /// The selected one.
    pub selected: f32,
    /// The others while one is in focus.
    pub others: f32,
}

/// What the user is looking at.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Emphasis {
    /// The selected structure.
    pub selected: Option<u16>,
    /// Whether the selected one is in focus (review): the others step back.
    pub focused: bool,
    /// Only the selected structure is shown.
    pub only_selected: bool,
    /// The structure under the pointer.
    pub hovered: Option<u16>,
}

/// In focus the structure is filled more strongly and the others less, by these factors; a hovered one is lifted.
const FOCUS_FILL: f32 = 1.6;
const OTHERS_FILL: f32 = 0.75;
const HOVER_FILL: f32 = 1.5;
const MOST_FILL: f32 = 0.9;

/// One style per label value, starting at value 0, which is never drawn.
///
/// Values that no structure names are drawn in `unnamed`: a voxel that belongs to something is never invisible by accident.
/// The last row also stands for all higher values, and is always such a row.
pub fn label_styles(
    structures: &[Structure],
    shown: Shown,
    opacity: f32,
    widths: LineWidths,
    emphasis: Emphasis,
    unnamed: [u8; 3],
) -> Vec<LabelStyle> {
    let draw = |color: [u8; 3], pattern: Pattern, value: Option<u16>| {
        let selected = value.is_some() && emphasis.selected == value;
        let hovered = value.is_some() && emphasis.hovered == value;
        if emphasis.only_selected && !selected {
            return LabelStyle::HIDDEN;
        }
        let in_focus = emphasis.focused && emphasis.selected.is_some();
        let line = match (selected, in_focus) {
            (true, _) => widths.selected,
            (false, true) => widths.others,
            (false, false) => widths.normal,
        };
        let lift = if hovered { HOVER_FILL } else { 1.0 };
        let step = match (in_focus, selected) {
            (true, true) => FOCUS_FILL,
            (true, false) => OTHERS_FILL,
            (false, _) => 1.0,
        };
        LabelStyle {
            color,
            fill: if shown == Shown::Outline && !hovered { 0.0 } else { (opacity * lift * step).min(MOST_FILL.max(opacity)) },
            line: if shown == Shown::Fill { 0.0 } else { line },
            line_opacity: 1.0,
            pattern,
        }
    };
    let last = structures.iter().map(|s| usize::from(s.value)).max().unwrap_or(0);
    let mut styles = vec![draw(unnamed, Pattern::Solid, None); last + 2];
    styles[0] = LabelStyle::HIDDEN;
    for structure in structures.iter().filter(|s| s.value > 0) {
        styles[usize::from(structure.value)] =
            if structure.visible { draw(structure.color, structure.pattern, Some(structure.value)) } else { LabelStyle::HIDDEN };
    }
    styles
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTHS: LineWidths = LineWidths { normal: 1.5, selected: 2.4, others: 0.8 };

    fn two() -> [Structure; 2] {
        let solid = Structure { value: 1, color: [10, 20, 30], pattern: Pattern::Solid, visible: true };
        [solid, Structure { value: 4, color: [90, 80, 70], pattern: Pattern::DashDot, ..solid }]
    }

    #[test]
    fn widths_follow_selection_and_focus() {
        let widths = |selected, focused| {
            let emphasis = Emphasis { selected, focused, ..Emphasis::default() };
            let styles = label_styles(&two(), Shown::Both, 0.3, WIDTHS, emphasis, [200; 3]);
            [styles[1].line, styles[4].line]
        };
        assert_eq!(widths(None, false), [1.5, 1.5]);
        assert_eq!(widths(Some(4), false), [1.5, 2.4]);
        assert_eq!(widths(Some(4), true), [0.8, 2.4]);
    }

    #[test]
    fn hidden_means_hidden_and_unnamed_is_seen() {
        let mut structures = two();
        structures[0].visible = false;
        let styles = label_styles(&structures, Shown::Both, 0.3, WIDTHS, Emphasis::default(), [200; 3]);
        assert_eq!(styles.len(), 6);
        assert_eq!([styles[0], styles[1]], [LabelStyle::HIDDEN; 2]);
        assert!(styles[2].color == [200; 3] && styles[5].color == [200; 3] && styles[5].fill > 0.0);
        let only = Emphasis { selected: Some(4), only_selected: true, ..Emphasis::default() };
        let styles = label_styles(&structures, Shown::Fill, 0.3, WIDTHS, only, [200; 3]);
        assert!(styles.iter().enumerate().all(|(value, style)| (value == 4) == (style.fill > 0.0) && style.line == 0.0));
    }
}
