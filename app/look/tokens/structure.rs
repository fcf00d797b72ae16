//! Colours of structures: 24 colours with outline patterns that stay apart with red-green blindness, and the doubt ramp.

use egui::Color32;
use serde::{Deserialize, Serialize};

use super::colour::rgb;

/// How an outline is drawn, so that no structure is told by colour alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pattern {
    /// One line.
    #[default]
    Solid,
    /// Cells of 7 points.
    Dash,
    /// Cells of 2.5 points.
    Dot,
    /// Dashes with a dot of 2.6 points in each gap.
    DashDot,
}

impl Pattern {
    /// All patterns, in the order in which the list of colours repeats through them.
    pub const ALL: [Self; 4] = [Self::Solid, Self::Dash, Self::Dot, Self::DashDot];

    /// As written in files and in the shader's uniforms.
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// The pattern `steps` further in the list.
    pub fn advanced(self, steps: usize) -> Self {
        Self::ALL[(self as usize + steps) % Self::ALL.len()]
    }
}

/// Which structures get a pattern: the setting "Outline patterns".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Patterns {
    /// The first eight colours are far enough apart without.
    #[default]
    FromNinth,
    /// The first eight too.
    Always,
    /// None.
    Off,
}

use Pattern::{Dash, DashDot, Dot, Solid};

/// Colours in the order in which they are given away, with the pattern of each.
pub const STRUCTURES: [(Color32, Pattern); 24] = [
    (rgb(0xE0B080), Solid),
    (rgb(0x5070D0), Solid),
    (rgb(0x30F0F0), Solid),
    (rgb(0x308030), Solid),
    (rgb(0xC08090), Solid),
    (rgb(0x30B0F0), Solid),
    (rgb(0x906090), Solid),
    (rgb(0xF0E070), Solid),
    (rgb(0xB0F0D0), Dash),
    (rgb(0x30A0B0), Dot),
    (rgb(0xD05040), DashDot),
    (rgb(0xF0B0D0), DashDot),
    (rgb(0xB05070), Dash),
    (rgb(0xD08030), Dot),
    (rgb(0xF070C0), Dash),
    (rgb(0xE0B040), Dash),
    (rgb(0x3090F0), DashDot),
    (rgb(0x709060), Dot),
    (rgb(0x30A090), DashDot),
    (rgb(0xC0F0A0), DashDot),
    (rgb(0x40D0F0), Dash),
    (rgb(0xF0A0A0), Dot),
    (rgb(0xA0A060), Dash),
    (rgb(0x60D0B0), Dot),
];

/// Colour and pattern of the structure given away as number `index` (from 0); after 24 the list repeats with the next pattern.
pub fn structure(index: usize, patterns: Patterns) -> (Color32, Pattern) {
    let (colour, own) = STRUCTURES[index % STRUCTURES.len()];
    let pattern = own.advanced(index / STRUCTURES.len());
    let pattern = match patterns {
        Patterns::FromNinth => pattern,
        Patterns::Always if pattern == Solid => Solid.advanced(1 + index % (Pattern::ALL.len() - 1)),
        Patterns::Always => pattern,
        Patterns::Off => Solid,
    };
    (colour, pattern)
}

/// The doubt ramp: one hue family with rising lightness, so that it reads in grey too.
pub const DOUBT: [Color32; 5] = [rgb(0x3C145A), rgb(0x962D64), rgb(0xE15F37), rgb(0xFAAF46), rgb(0xFFF0BE)];

/// Colour of a doubt between 0 and 1, between the two nearest stops.
pub fn doubt(value: f32) -> Color32 {
    let last = DOUBT.len() - 1;
    let at = value.clamp(0.0, 1.0) * last as f32;
    let low = (at as usize).min(last - 1);
    DOUBT[low].lerp_to_gamma(DOUBT[low + 1], at - low as f32)
}

/// Share of its colour that fills a structure in a swatch.
pub const SWATCH_FILL: f32 = 0.45;
/// Share of an outline that is left in the gaps of a pattern, so that a contour never breaks.
pub const OFF_SHARE: f32 = 0.3;
/// Length of a dash and of the gap after it, in points.
pub const DASH_CELL: f32 = 7.0;
/// Length of a dot and of the gap after it.
pub const DOT_CELL: f32 = 2.5;
/// The dot in the gap of dash-dot.
pub const DASH_DOT_DOT: f32 = 2.6;
/// Dash of a swatch's frame: four to an edge would not be told from dots.
pub const SWATCH_DASH: f32 = 4.2;
/// Gap after it.
pub const SWATCH_DASH_GAP: f32 = 2.0;
/// Dot of a swatch's frame.
pub const SWATCH_DOT: f32 = 1.6;
/// Gap after it.
pub const SWATCH_DOT_GAP: f32 = 1.6;
