//! The two palettes: dark is the default, light for bright rooms; images stay black in both.

use egui::Color32;

/// A colour written as in the design, `0xRRGGBB`.
pub const fn rgb(hex: u32) -> Color32 {
    let [_, red, green, blue] = hex.to_be_bytes();
    Color32::from_rgb(red, green, blue)
}

/// All colours of one theme, apart from those of structures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Palette {
    /// Whether this is the dark theme.
    pub dark: bool,
    /// Image panes and 3D: black in both themes.
    pub canvas: Color32,
    /// Window, gutters, page.
    pub bg0: Color32,
    /// Panels, bars, tables.
    pub bg1: Color32,
    /// Cards, inputs, buttons.
    pub bg2: Color32,
    /// Hover, tags.
    pub bg3: Color32,
    /// Pressed, current mode tab, track of bars.
    pub bg4: Color32,
    /// Separators (decorative).
    pub line1: Color32,
    /// Borders of controls.
    pub line2: Color32,
    /// Body text.
    pub text1: Color32,
    /// Labels.
    pub text2: Color32,
    /// Captions.
    pub text3: Color32,
    /// Act here, selected, focused.
    pub accent: Color32,
    /// Text on the accent.
    pub onaccent: Color32,
    /// Selected row or card.
    pub accentdim: Color32,
    /// Done, accepted, ready.
    pub ok: Color32,
    /// Look at this.
    pub warn: Color32,
    /// Stopped, failed.
    pub err: Color32,
    /// Ground under `ok`.
    pub okdim: Color32,
    /// Ground under `warn`.
    pub warndim: Color32,
    /// Ground under `err`.
    pub errdim: Color32,
    /// Filled error mark.
    pub errfill: Color32,
}

/// The dark theme.
pub const DARK: Palette = Palette {
    dark: true,
    canvas: rgb(0x000000),
    bg0: rgb(0x0A0C0E),
    bg1: rgb(0x111417),
    bg2: rgb(0x181C20),
    bg3: rgb(0x22272C),
    bg4: rgb(0x2D343A),
    line1: rgb(0x242A2F),
    line2: rgb(0x6A757F),
    text1: rgb(0xDDE2E6),
    text2: rgb(0xA7B0B8),
    text3: rgb(0x87919B),
    accent: rgb(0x74B3E8),
    onaccent: rgb(0x06131F),
    accentdim: rgb(0x15293A),
    ok: rgb(0x62BF9C),
    warn: rgb(0xE0B04C),
    err: rgb(0xF08A7E),
    okdim: rgb(0x11251E),
    warndim: rgb(0x292110),
    errdim: rgb(0x2E1715),
    errfill: rgb(0xA8382E),
};

/// The light theme.
pub const LIGHT: Palette = Palette {
    dark: false,
    canvas: rgb(0x000000),
    bg0: rgb(0xDFE3E6),
    bg1: rgb(0xF1F3F4),
    bg2: rgb(0xFFFFFF),
    bg3: rgb(0xE4E8EB),
    bg4: rgb(0xD3DADF),
    line1: rgb(0xD0D6DA),
    line2: rgb(0x75818B),
    text1: rgb(0x14191D),
    text2: rgb(0x434E57),
    text3: rgb(0x59646E),
    accent: rgb(0x13609F),
    onaccent: rgb(0xFFFFFF),
    accentdim: rgb(0xD6E6F4),
    ok: rgb(0x156E4D),
    warn: rgb(0x7F5300),
    err: rgb(0xAF2A20),
    okdim: rgb(0xDDF1E8),
    warndim: rgb(0xFAEECF),
    errdim: rgb(0xFBE3E0),
    errfill: rgb(0xAF2A20),
};

/// What colour may say about a thing. Always beside an icon or a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Nothing to say.
    #[default]
    Neutral,
    /// Done, accepted, ready.
    Ok,
    /// Look at this.
    Warn,
    /// Stopped, failed.
    Err,
    /// Selected, running.
    Accent,
}

impl Palette {
    /// "Stronger contrast" of the settings: labels become as bright as body text, borders as labels.
    pub fn stronger(self) -> Self {
        Self { text2: self.text1, line2: self.text2, ..self }
    }

    /// The colour of a state, and the ground it is written on.
    pub fn state(&self, state: State) -> (Color32, Color32) {
        match state {
            State::Neutral => (self.text2, self.bg3),
            State::Ok => (self.ok, self.okdim),
            State::Warn => (self.warn, self.warndim),
            State::Err => (self.err, self.errdim),
            State::Accent => (self.accent, self.accentdim),
        }
    }

    /// Ground of a row, card or choice that is on, under the pointer, or neither.
    pub fn ground(&self, on: bool, hovered: bool, rest: Color32) -> Color32 {
        match (on, hovered) {
            (true, _) => self.accentdim,
            (false, true) => self.bg3,
            (false, false) => rest,
        }
    }
}

/// Shade behind a dialog: black 62 %.
pub const BACKDROP: Color32 = Color32::from_black_alpha(158);
/// Shadow of dialogs and menus: black 50 %.
pub const SHADOW: Color32 = Color32::from_black_alpha(128);
/// Plate under text on an image: black 78 %. Text stays readable even over white bone.
pub const PLATE: Color32 = Color32::from_black_alpha(199);
/// Name and letters on an image. Images are black in both themes, so their text is bright in both.
pub const IMAGE_TEXT1: Color32 = DARK.text1;
/// Numbers on an image.
pub const IMAGE_TEXT2: Color32 = DARK.text2;
/// Crosshair: #DDE2E6 at 42 %.
pub const CROSSHAIR: Color32 = Color32::from_rgba_unmultiplied_const(0xDD, 0xE2, 0xE6, 107);
/// Tile under a swatch, in both themes, so that a structure looks as it does over an image.
pub const SWATCH_TILE: Color32 = DARK.bg0;
/// Share of a disabled control that is seen.
pub const DISABLED: f32 = 0.45;
/// Share of the colour of text that the border of a key cap takes on the accent.
pub const KEY_ON_ACCENT: f32 = 0.5;
/// Share of the accent in a finished cell of the tile map.
pub const TILE_DONE: f32 = 0.72;
/// Share of the accent over the tile a run is at.
pub const TILE_VEIL: f32 = 0.08;

/// Share of the accent on a primary button under the pointer, and while it is pressed.
pub const PRIMARY_HOVERED: f32 = 0.9;
/// See [`PRIMARY_HOVERED`].
pub const PRIMARY_PRESSED: f32 = 0.8;
/// Coverage of a glyph's edge to its opacity on dark grounds: egui's own curve makes letters bolder than the design's.
pub const DARK_TEXT_GAMMA: f32 = 0.8;
/// Share of the accent behind selected text.
pub const TEXT_SELECTION: f32 = 0.35;

/// A colour that a file gives one of its structures.
pub fn of_file([red, green, blue]: [u8; 3]) -> Color32 {
    Color32::from_rgb(red, green, blue)
}

/// The colour with its opacity scaled, for grounds painted over others.
pub fn faded(colour: Color32, share: f32) -> Color32 {
    colour.gamma_multiply(share)
}
