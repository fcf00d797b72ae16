//! The theme: what the user set, turned into egui's style and into the palette that widgets paint with.

use std::collections::BTreeMap;
use std::sync::Arc;

use egui::epaint::{FontColorTransferFunction, Shadow};
use egui::style::{ScrollStyle, Selection, TextCursorStyle, WidgetVisuals, Widgets};
use egui::{Context, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Id, Margin, Stroke, Style, TextStyle, Ui, Vec2, Visuals};
use serde::{Deserialize, Serialize};

use super::focus::FocusMark;
use super::tokens::{DARK, LIGHT, Palette, Type, colour, control, gap, icon, layout, line, radius};

const REGULAR: &str = "IBM Plex Sans";
const SEMIBOLD: &str = "IBM Plex Sans SemiBold";

/// Which palette to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Base {
    /// The default: the image is the brightest thing.
    #[default]
    Dark,
    /// For bright rooms.
    Light,
    /// As the desktop says.
    System,
}

/// The settings page "Appearance".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Theme {
    /// Dark, light, or as the desktop says.
    pub base: Base,
    /// Brighter text and borders.
    pub stronger_contrast: bool,
    /// No fades. Progress still moves.
    pub reduce_motion: bool,
    /// Size of text and controls, on top of what the screen asks for.
    pub scale_percent: u16,
}

impl Default for Theme {
    fn default() -> Self {
        Self { base: Base::Dark, stronger_contrast: false, reduce_motion: false, scale_percent: 100 }
    }
}

/// What widgets ask for; kept in the context because any of them may paint anywhere.
#[derive(Clone, Copy)]
struct Current(Theme);

fn current_id() -> Id {
    Id::unique("voxelry theme")
}

impl Theme {
    /// The palette to paint with here. Follows the style of `ui`, so a part of a window may be lit differently.
    pub fn of(ui: &Ui) -> Palette {
        let contrast = ui.ctx().data(|data| data.get_temp::<Current>(current_id())).is_some_and(|Current(theme)| theme.stronger_contrast);
        palette(ui.visuals().dark_mode, contrast)
    }

    /// Uses this theme from the next pass on. Call it when a setting changes, and once at the start.
    pub fn apply(self, ctx: &Context) {
        ctx.data_mut(|data| data.insert_temp(current_id(), Current(self)));
        for (of, dark) in [(egui::Theme::Dark, true), (egui::Theme::Light, false)] {
            ctx.set_style_of(of, style(&palette(dark, self.stronger_contrast), self.reduce_motion));
        }
        ctx.set_theme(match self.base {
            Base::Dark => egui::ThemePreference::Dark,
            Base::Light => egui::ThemePreference::Light,
            Base::System => egui::ThemePreference::System,
        });
    }

    /// Scales the interface as far as a window of this size allows. Call it every pass: windows change size.
    pub fn apply_scale(self, ctx: &Context) {
        let unscaled = ctx.content_rect().size() * ctx.zoom_factor();
        ctx.set_zoom_factor(self.zoom(unscaled));
    }

    /// The factor used in a window that measures `unscaled` points at 100 %: the smallest layout always fits.
    pub fn zoom(self, unscaled: Vec2) -> f32 {
        let [least, most] = layout::SCALE_PERCENT;
        let wanted = f32::from(self.scale_percent.clamp(least, most));
        let [width, height] = layout::SMALLEST;
        let room = (unscaled.x / width).min(unscaled.y / height) * 100.0;
        // Whole percents, so that dragging a window's edge does not lay out text anew in every pass.
        wanted.min(room.floor()).max(f32::from(least)) / 100.0
    }
}

fn palette(dark: bool, stronger: bool) -> Palette {
    let plain = if dark { DARK } else { LIGHT };
    if stronger { plain.stronger() } else { plain }
}

/// Fonts, icons and the default theme. Call once, before the first pass.
pub fn install(ctx: &Context) {
    ctx.set_fonts(fonts());
    ctx.options_mut(|options| {
        // Ctrl + and − change the setting, so that it is kept and capped.
        options.zoom_with_keyboard = false;
    });
    ctx.add_plugin(FocusMark::default());
    Theme::default().apply(ctx);
}

fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions::empty();
    let mut icons = egui_material_icons::font_insert();
    let mut outlined = egui_material_icons::font_insert_outlined();
    for insert in [&mut icons, &mut outlined] {
        // Icons are painted by their middle, which is the middle of their line.
        insert.data.tweak.y_offset_factor = 0.0;
    }
    let data = [
        (REGULAR, FontData::from_static(include_bytes!("../../assets/fonts/IBMPlexSans-Regular.ttf"))),
        (SEMIBOLD, FontData::from_static(include_bytes!("../../assets/fonts/IBMPlexSans-SemiBold.ttf"))),
        (egui_material_icons::FONT_FAMILY, icons.data),
        (egui_material_icons::FONT_FAMILY_OUTLINED, outlined.data),
    ];
    for (name, font) in data {
        fonts.font_data.insert(name.to_owned(), Arc::new(font));
    }
    // Figures of the text font are all one width, so it serves for monospace too.
    let families = [
        (FontFamily::Proportional, REGULAR),
        (FontFamily::Monospace, REGULAR),
        (FontFamily::Name(SEMIBOLD.into()), SEMIBOLD),
        (FontFamily::Name(egui_material_icons::FONT_FAMILY.into()), egui_material_icons::FONT_FAMILY),
        (FontFamily::Name(egui_material_icons::FONT_FAMILY_OUTLINED.into()), egui_material_icons::FONT_FAMILY_OUTLINED),
    ];
    for (family, first) in families {
        fonts.families.insert(family, vec![first.to_owned()]);
    }
    fonts
}

impl Type {
    /// The font of running text in this size.
    pub fn regular(self) -> FontId {
        FontId::new(self.size(), FontFamily::Proportional)
    }

    /// The font of titles and names in this size.
    pub fn strong(self) -> FontId {
        FontId::new(self.size(), FontFamily::Name(SEMIBOLD.into()))
    }

    /// The weight by choice.
    pub fn weight(self, strong: bool) -> FontId {
        if strong { self.strong() } else { self.regular() }
    }
}

/// A margin from points of the spacing scale; egui keeps margins in a byte, so no more than 127.
pub fn margin(x: f32, y: f32) -> Margin {
    Margin::symmetric(x as i8, y as i8)
}

/// Around the head of a side panel; all of them begin at one height.
pub fn head_margin() -> Margin {
    Margin { top: gap::M as i8, ..margin(gap::M, gap::S) }
}

/// A radius from a token.
pub fn corners(radius: f32) -> CornerRadius {
    CornerRadius::same(radius as u8)
}

fn text_styles() -> BTreeMap<TextStyle, FontId> {
    [
        (TextStyle::Small, Type::Small.regular()),
        (TextStyle::Body, Type::Body.regular()),
        (TextStyle::Button, Type::Body.regular()),
        (TextStyle::Monospace, Type::Body.regular()),
        (TextStyle::Heading, Type::Title.strong()),
    ]
    .into()
}

fn style(p: &Palette, reduce_motion: bool) -> Style {
    let mut style = Style {
        text_styles: text_styles(),
        visuals: visuals(p),
        animation_time: if reduce_motion { 0.0 } else { layout::FADE_S },
        ..Style::default()
    };
    style.scroll_animation = egui::style::ScrollAnimation::none();
    style.interaction.tooltip_delay = layout::TOOLTIP_DELAY_S;
    style.interaction.selectable_labels = false;
    let spacing = &mut style.spacing;
    spacing.item_spacing = egui::vec2(gap::S, 0.0);
    spacing.window_margin = margin(gap::XL, gap::XL);
    spacing.menu_margin = margin(gap::XS, gap::XS);
    spacing.button_padding = egui::vec2(gap::S, gap::XS);
    spacing.interact_size = egui::vec2(control::TARGET, control::TARGET);
    spacing.icon_width = control::CHECK;
    spacing.icon_width_inner = control::RADIO_DOT;
    spacing.icon_spacing = control::ICON_GAP;
    spacing.tooltip_width = layout::TOOLTIP;
    // Over the rows, which keep the whole width of their panel; a track under the bar would be a white line in the light theme.
    spacing.scroll = ScrollStyle {
        floating: true,
        floating_allocated_width: 0.0,
        dormant_background_opacity: 0.0,
        active_background_opacity: 0.0,
        foreground_color: true,
        dormant_handle_opacity: colour::DISABLED,
        active_handle_opacity: colour::DISABLED,
        ..ScrollStyle::thin()
    };
    style
}

fn visuals(p: &Palette) -> Visuals {
    let shadow = Shadow { offset: [0, control::SHADOW_Y], blur: control::SHADOW_BLUR, spread: 0, color: colour::SHADOW };
    let thin = |colour| Stroke::new(line::THIN, colour);
    let widget = |fill, border, text| WidgetVisuals {
        bg_fill: fill,
        weak_bg_fill: fill,
        bg_stroke: thin(border),
        corner_radius: corners(radius::CONTROL),
        fg_stroke: thin(text),
        expansion: 0.0,
    };
    let mut visuals = if p.dark { Visuals::dark() } else { Visuals::light() };
    if p.dark {
        visuals.text_options.color_transfer_function = FontColorTransferFunction::Gamma(colour::DARK_TEXT_GAMMA);
    }
    visuals.widgets = Widgets {
        noninteractive: widget(p.bg1, p.line1, p.text1),
        inactive: widget(p.bg2, p.line2, p.text1),
        hovered: widget(p.bg3, p.line2, p.text1),
        active: widget(p.bg4, p.line2, p.text1),
        open: widget(p.bg3, p.line2, p.text1),
    };
    visuals.selection = Selection { bg_fill: colour::faded(p.accent, colour::TEXT_SELECTION), stroke: thin(p.accent) };
    visuals.weak_text_color = Some(p.text3);
    visuals.hyperlink_color = p.accent;
    visuals.faint_bg_color = p.bg2;
    visuals.extreme_bg_color = p.bg2;
    visuals.text_edit_bg_color = Some(p.bg2);
    visuals.code_bg_color = p.bg3;
    visuals.warn_fg_color = p.warn;
    visuals.error_fg_color = p.err;
    visuals.window_corner_radius = corners(radius::CARD);
    visuals.window_shadow = shadow;
    visuals.window_fill = p.bg2;
    visuals.window_stroke = thin(p.line2);
    visuals.menu_corner_radius = corners(radius::CONTROL);
    visuals.popup_shadow = shadow;
    visuals.panel_fill = p.bg1;
    visuals.text_cursor = TextCursorStyle { stroke: Stroke::new(line::THIN, p.text1), ..visuals.text_cursor };
    visuals.indent_has_left_vline = false;
    visuals.striped = false;
    visuals.slider_trailing_fill = true;
    visuals.handle_shape = egui::style::HandleShape::Circle;
    visuals.disabled_alpha = colour::DISABLED;
    visuals.resize_corner_size = icon::TAG;
    visuals
}
