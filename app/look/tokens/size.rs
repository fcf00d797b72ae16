//! Sizes in points: spacing, radii, lines, the type scale, the frame of a screen, and the parts of controls.

/// Spacing scale.
pub mod gap {
    /// Between panes, and between a border and what it frames.
    pub const XXS: f32 = 2.0;
    /// Between rows of one block.
    pub const XS: f32 = 4.0;
    /// Label to control.
    pub const S: f32 = 8.0;
    /// Panel padding.
    pub const M: f32 = 12.0;
    /// Gap between cards.
    pub const L: f32 = 16.0;
    /// Page padding.
    pub const XL: f32 = 24.0;
    /// Between sections of a page.
    pub const XXL: f32 = 32.0;
    /// The scale.
    pub const ALL: [f32; 7] = [XXS, XS, S, M, L, XL, XXL];
}

/// Corner radii. Panes have square corners.
pub mod radius {
    /// Tag, checkbox, key cap, image label.
    pub const TAG: f32 = 3.0;
    /// Buttons, fields, choices.
    pub const CONTROL: f32 = 6.0;
    /// Cards, dialogs.
    pub const CARD: f32 = 10.0;
}

/// Widths of lines.
pub mod line {
    /// Borders and separators.
    pub const THIN: f32 = 1.0;
    /// Dashed drop zone.
    pub const DROP: f32 = 1.5;
    /// Dash and gap of the drop zone.
    pub const DROP_DASH: f32 = 4.0;
    /// Outline of a structure.
    pub const OUTLINE: f32 = 1.5;
    /// Widths of outlines that can be set.
    pub const OUTLINE_RANGE: [f32; 2] = [0.5, 4.0];
    /// Outline of the structure in focus.
    pub const OUTLINE_SELECTED: f32 = 2.4;
    /// Outlines of the others meanwhile.
    pub const OUTLINE_OTHERS: f32 = 0.8;
    /// Crosshair.
    pub const CROSSHAIR: f32 = 1.0;
    /// Part of the crosshair left out around the point.
    pub const CROSSHAIR_GAP: f32 = 24.0;
    /// Focus ring.
    pub const FOCUS: f32 = 2.0;
    /// Distance between a control and its focus ring.
    pub const FOCUS_GAP: f32 = 2.0;
    /// Bar at the left of a selected row.
    pub const SELECTED: f32 = 2.0;
    /// Most of a row that the words at its right may take.
    pub const HALF: f32 = 0.5;
    /// Ring of a radio.
    pub const RADIO: f32 = 1.25;
    /// Frame of a swatch.
    pub const SWATCH: f32 = 1.75;
}

/// The type scale: size and line height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// 11/14: tags, key caps.
    Caption,
    /// 12/16: second lines, text on images.
    Small,
    /// 13/18: everything else.
    Body,
    /// 14/18: large buttons.
    Control,
    /// 15/20: section titles.
    Section,
    /// 20/26: page titles.
    Title,
    /// 28/34: Home heading, percent.
    Display,
}

impl Type {
    /// All steps.
    pub const ALL: [Self; 7] = [Self::Caption, Self::Small, Self::Body, Self::Control, Self::Section, Self::Title, Self::Display];

    /// Size of the letters.
    pub const fn size(self) -> f32 {
        match self {
            Self::Caption => 11.0,
            Self::Small => 12.0,
            Self::Body => 13.0,
            Self::Control => 14.0,
            Self::Section => 15.0,
            Self::Title => 20.0,
            Self::Display => 28.0,
        }
    }

    /// Height of a line.
    pub const fn line(self) -> f32 {
        match self {
            Self::Caption => 14.0,
            Self::Small => 16.0,
            Self::Body | Self::Control => 18.0,
            Self::Section => 20.0,
            Self::Title => 26.0,
            Self::Display => 34.0,
        }
    }
}

/// The frame of a screen.
pub mod layout {
    /// Top bar.
    pub const TOP_BAR: f32 = 44.0;
    /// Most of the top bar that its title takes: the modes stand in the middle.
    pub const TITLE_SHARE: f32 = 0.28;
    /// Most of it where no modes stand in the middle.
    pub const PAGE_TITLE_SHARE: f32 = 0.6;
    /// Tool bar above the panes.
    pub const TOOL_BAR: f32 = 36.0;
    /// Room from which the layouts in it have words.
    pub const TOOL_WORDS: f32 = 680.0;
    /// Status bar.
    pub const STATUS_BAR: f32 = 28.0;
    /// Banner under the top bar.
    pub const BANNER: f32 = 36.0;
    /// Bar with the primary button of a wizard page.
    pub const ACTION_BAR: f32 = 60.0;
    /// Between panes.
    pub const PANE_GAP: f32 = 2.0;
    /// Share of the height that the large one of three panes takes.
    pub const LARGE_PANE: f32 = 0.81;
    /// Longest scale bar, as a share of its pane's width.
    pub const SCALE_BAR_SHARE: f32 = 0.2;
    /// Room a pane's numbers need beside its name; a narrower pane leaves them out.
    pub const NUMBERS: f32 = 130.0;
    /// How far around a structure in focus its doubt is shown, in mm.
    pub const DOUBT_REACH_MM: f32 = 10.0;
    /// Points of a drag that double the zoom.
    pub const ZOOM_DRAG: f32 = 120.0;
    /// Doublings of the zoom of the 3D pane per notch of the wheel.
    pub const WHEEL_ZOOM: f32 = 0.2;
    /// Points that a touch pad gives for one notch of a wheel.
    pub const WHEEL_POINTS: f32 = 40.0;
    /// What a notch of the wheel makes of the brush's size.
    pub const SIZE_STEP: f32 = 1.12;
    /// Least and most a side panel can be dragged to, as shares of its width.
    pub const PANEL_RANGE: [f32; 2] = [0.8, 1.6];
    /// Window at its first opening.
    pub const WINDOW: [f32; 2] = [1440.0, 900.0];
    /// Smallest window.
    pub const SMALLEST: [f32; 2] = [900.0, 600.0];
    /// Home's column.
    pub const HOME: f32 = 960.0;
    /// Settings' column.
    pub const SETTINGS: f32 = 760.0;
    /// Card of a computer among the jobs.
    pub const HOST: f32 = 352.0;
    /// Steps of a wizard, and the list beside Settings.
    pub const STEPS: f32 = 232.0;
    /// Tool rail in Edit.
    pub const TOOL_RAIL: f32 = 80.0;
    /// Right panel in Edit.
    pub const EDIT_RIGHT: f32 = 272.0;
    /// Rail of swatches in narrow windows.
    pub const SWATCH_RAIL: f32 = 44.0;
    /// Strip of a queue's cases under the panes.
    pub const QUEUE_STRIP: f32 = 96.0;
    /// Words at the left of the strip.
    pub const QUEUE_ABOUT: f32 = 84.0;
    /// Picture of a case in the strip.
    pub const QUEUE_CARD: [f32; 2] = [92.0, 58.0];
    /// Widest dialog.
    pub const DIALOG: f32 = 1200.0;
    /// Widest tooltip.
    pub const TOOLTIP: f32 = 320.0;
    /// Smallest and largest scale of the interface, in percent.
    pub const SCALE_PERCENT: [u16; 2] = [80, 250];
    /// Longest fade, in seconds.
    pub const FADE_S: f32 = 0.08;
    /// Wait before a tooltip, in seconds.
    pub const TOOLTIP_DELAY_S: f32 = 0.4;
    /// How long a toast stays, in seconds.
    pub const TOAST_S: f64 = 4.0;
}

/// How the panels of a viewing screen fold as the window gets narrower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Panels {
    /// 900–1099: rail of swatches, drawer on the right, mode labels only for the current one.
    Narrow,
    /// 1100–1359: narrower panels, lower sections folded, tool labels become tooltips.
    Medium,
    /// From 1360: everything.
    Wide,
}

impl Panels {
    /// Width of the left panel.
    pub const fn left(self) -> f32 {
        match self {
            Self::Narrow => layout::SWATCH_RAIL,
            Self::Medium => 224.0,
            Self::Wide => 256.0,
        }
    }

    /// Width of the right panel, or of the drawer that takes its place.
    pub const fn right(self) -> f32 {
        match self {
            Self::Narrow | Self::Medium => 280.0,
            Self::Wide => 320.0,
        }
    }

    /// Width of the panel about a series.
    pub const fn series(self) -> f32 {
        match self {
            Self::Narrow => 320.0,
            Self::Medium => 360.0,
            Self::Wide => 400.0,
        }
    }

    /// Whether the right panel is a drawer behind "Details".
    pub const fn right_is_drawer(self) -> bool {
        matches!(self, Self::Narrow)
    }
}

/// How panels fold in a window of this width, in points.
pub fn breakpoint(width: f32) -> Panels {
    if width >= 1360.0 {
        Panels::Wide
    } else if width >= 1100.0 {
        Panels::Medium
    } else {
        Panels::Narrow
    }
}

/// Sizes of icons.
pub mod icon {
    /// Bars and buttons.
    pub const BAR: f32 = 18.0;
    /// Rows and fields.
    pub const ROW: f32 = 16.0;
    /// Tags.
    pub const TAG: f32 = 14.0;
    /// Tool rail.
    pub const TOOL: f32 = 20.0;
    /// Cards of Home.
    pub const CARD: f32 = 32.0;
    /// State at the head of a result.
    pub const STATE: f32 = 28.0;
}

/// Heights and parts of controls.
pub mod control {
    /// Row of structures.
    pub const ROW: f32 = 26.0;
    /// Row of a table.
    pub const TABLE_ROW: f32 = 36.0;
    /// Head of a table.
    pub const TABLE_HEAD: f32 = 28.0;
    /// Row of two lines with a picture.
    pub const LIST_ROW: f32 = 56.0;
    /// Least room for the value at the right of a list row, so that tags stand in a column.
    pub const LIST_VALUE: f32 = 76.0;
    /// Row of a study with its picture.
    pub const STUDY_ROW: f32 = 84.0;
    /// Picture of a study in its row.
    pub const STUDY_PICTURE: [f32; 2] = [88.0, 66.0];
    /// Column of the number of slices.
    pub const STUDY_SLICES: f32 = 64.0;
    /// Column of the spacing.
    pub const STUDY_SPACING: f32 = 136.0;
    /// Row of facts: label and value.
    pub const FACT_ROW: f32 = 22.0;
    /// Row of a setting.
    pub const SETTING_ROW: f32 = 28.0;
    /// Radio row of layers.
    pub const RADIO_ROW: f32 = 24.0;
    /// Row of a check with an icon.
    pub const CHECK_ROW: f32 = 26.0;
    /// Buttons and fields.
    pub const HEIGHT: f32 = 28.0;
    /// The primary button.
    pub const LARGE: f32 = 36.0;
    /// Chips of tool bars, presets.
    pub const CHIP: f32 = 24.0;
    /// Smallest pointer target.
    pub const TARGET: f32 = 24.0;
    /// Padding of a button, left and right.
    pub const PAD: f32 = 12.0;
    /// Padding of a chip, left and right.
    pub const CHIP_PAD: f32 = 9.0;
    /// Icon to text in a button.
    pub const ICON_GAP: f32 = 6.0;
    /// Between chips.
    pub const CHIP_GAP: f32 = 6.0;
    /// Key cap.
    pub const KEY: f32 = 18.0;
    /// Padding of a key cap.
    pub const KEY_PAD: f32 = 5.0;
    /// Between key caps of one chord.
    pub const KEY_GAP: f32 = 3.0;
    /// Tag.
    pub const TAG: f32 = 18.0;
    /// Padding of a tag.
    pub const TAG_PAD: f32 = 6.0;
    /// Swatch.
    pub const SWATCH: f32 = 14.0;
    /// Checkbox and radio.
    pub const CHECK: f32 = 16.0;
    /// Dot of a radio.
    pub const RADIO_DOT: f32 = 8.0;
    /// Width of a toggle.
    pub const TOGGLE_WIDTH: f32 = 32.0;
    /// Height of a toggle.
    pub const TOGGLE: f32 = 18.0;
    /// Knob of a toggle.
    pub const TOGGLE_KNOB: f32 = 12.0;
    /// Slider.
    pub const SLIDER: f32 = 16.0;
    /// Knob of a slider.
    pub const SLIDER_KNOB: f32 = 12.0;
    /// Rail of a slider.
    pub const SLIDER_RAIL: f32 = 2.0;
    /// Label before a slider or field.
    pub const LABEL: f32 = 56.0;
    /// Value beside a slider.
    pub const VALUE: f32 = 48.0;
    /// Progress bar.
    pub const PROGRESS: f32 = 6.0;
    /// Memory bar.
    pub const MEMORY: f32 = 8.0;
    /// Segment of a choice.
    pub const SEGMENT: f32 = 26.0;
    /// Padding of a segment.
    pub const SEGMENT_PAD: f32 = 10.0;
    /// Padding of a segment whose word follows an icon.
    pub const SEGMENT_PAD_SIGNS: f32 = 6.0;
    /// Cell of the tile map.
    pub const TILE: f32 = 11.0;
    /// Between cells of the tile map.
    pub const TILE_GAP: f32 = 3.0;
    /// Most rows of the tile map.
    pub const TILE_ROWS: usize = 8;
    /// Columns of the tile map.
    pub const TILE_COLUMNS: usize = 12;
    /// Padding of a card, above and below.
    pub const CARD_PAD_Y: f32 = 10.0;
    /// Tool in the rail.
    pub const TOOL: f32 = 50.0;
    /// The same in the lowest windows.
    pub const TOOL_LEAST: f32 = 40.0;
    /// Space at both sides of a tool in the rail.
    pub const TOOL_INSET: f32 = 6.0;
    /// Middle of a tool's icon, from its top.
    pub const TOOL_ICON_Y: f32 = 17.0;
    /// Middle of a tool's name, from its top.
    pub const TOOL_NAME_Y: f32 = 35.0;
    /// Height of a separator between parts of a bar.
    pub const BAR_LINE: f32 = 20.0;
    /// Step of a wizard.
    pub const STEP: f32 = 52.0;
    /// Number of a step.
    pub const STEP_MARK: f32 = 22.0;
    /// Entry of a side list.
    pub const NAV: f32 = 36.0;
    /// Drop zone of Home.
    pub const DROP_ZONE: f32 = 200.0;
    /// Control of a setting.
    pub const SETTING: f32 = 260.0;
    /// Wide buttons of Home.
    pub const WIDE_BUTTON: f32 = 220.0;
    /// Head of a panel section.
    pub const SECTION_HEAD: f32 = 20.0;
    /// Entry of a menu.
    pub const MENU_ROW: f32 = 28.0;
    /// Column of a job's state: its longest word is "Cancelled at 100 %".
    pub const STATE: f32 = 128.0;
    /// Narrowest menu.
    pub const MENU: f32 = 160.0;
    /// Padding of a plate on an image.
    pub const PLATE_PAD: f32 = 4.0;
    /// Height of a plate on an image.
    pub const PLATE: f32 = 16.0;
    /// Plate to the edge of its pane.
    pub const PLATE_INSET: f32 = 6.0;
    /// Width of the doubt legend.
    pub const DOUBT_LEGEND: f32 = 120.0;
    /// Ticks at the ends of a scale bar.
    pub const SCALE_TICK: f32 = 5.0;
    /// Slice thumb at the right edge of a pane, width and height.
    pub const SLICE_THUMB: [f32; 2] = [6.0, 18.0];
    /// Offset of a shadow downwards.
    pub const SHADOW_Y: i8 = 8;
    /// Blur of a shadow.
    pub const SHADOW_BLUR: u8 = 24;
    /// Points a key press moves a slider, as a share of its range.
    pub const SLIDER_KEY_STEPS: f32 = 100.0;
}
