//! Icons by what they mean here: Material Symbols Rounded, outlined, filled where something is on.

use egui_material_icons::{MaterialIcon, icons as m};

/// An icon of the product.
pub type Icon = MaterialIcon;

macro_rules! icons {
    ($($(#[$doc:meta])* $name:ident = $icon:ident $style:ident;)*) => {
        $($(#[$doc])* pub const $name: Icon = m::$icon.$style();)*
        /// Every icon with its name, for the gallery.
        pub const ALL: &[(&str, Icon)] = &[$((stringify!($name), $name)),*];
    };
}

icons! {
    /// Back to Home.
    HOME = ICON_HOME outlined;
    /// Find.
    SEARCH = ICON_SEARCH outlined;
    /// Keyboard and help.
    HELP = ICON_HELP outlined;
    /// Settings.
    SETTINGS = ICON_SETTINGS outlined;
    /// Close, reject.
    CLOSE = ICON_CLOSE outlined;
    /// Shown.
    EYE = ICON_VISIBILITY outlined;
    /// Hidden.
    EYE_OFF = ICON_VISIBILITY_OFF outlined;
    /// Locked.
    LOCK = ICON_LOCK outlined;
    /// Unlocked.
    UNLOCK = ICON_LOCK_OPEN outlined;
    /// More.
    MORE = ICON_MORE_HORIZ outlined;
    /// Add.
    ADD = ICON_ADD outlined;
    /// The product.
    MARK = ICON_DEPLOYED_CODE outlined;
    /// Remove, not yet.
    MINUS = ICON_REMOVE outlined;
    /// Mode View, four panes.
    GRID = ICON_GRID_VIEW outlined;
    /// One pane.
    ONE_PANE = ICON_CROP_SQUARE outlined;
    /// 3D.
    THREE_D = ICON_VIEW_IN_AR outlined;
    /// Mode Segment.
    SEGMENT = ICON_WAND_STARS outlined;
    /// Mode Review.
    REVIEW = ICON_FACT_CHECK outlined;
    /// Mode Edit, brush.
    BRUSH = ICON_BRUSH outlined;
    /// Mode Export.
    EXPORT = ICON_EXIT_TO_APP outlined;
    /// Tool View.
    HAND = ICON_PAN_TOOL outlined;
    /// Tool Sphere.
    SPHERE = ICON_CIRCLE outlined;
    /// Tool Erase.
    ERASER = ICON_INK_ERASER outlined;
    /// Window, tool Threshold.
    CONTRAST = ICON_CONTRAST outlined;
    /// Tool Lasso.
    LASSO = ICON_GESTURE outlined;
    /// Tool Fill.
    FILL = ICON_FORMAT_COLOR_FILL outlined;
    /// Tool Measure.
    MEASURE = ICON_STRAIGHTEN outlined;
    /// Interpolate.
    INTERPOLATE = ICON_STACKS outlined;
    /// Slab, layers.
    LAYERS = ICON_LAYERS outlined;
    /// Islands.
    ISLANDS = ICON_BUBBLE_CHART outlined;
    /// Grow or shrink.
    GROW = ICON_EXPAND outlined;
    /// Smooth.
    SMOOTH = ICON_BLUR_ON outlined;
    /// Undo.
    UNDO = ICON_UNDO outlined;
    /// Redo.
    REDO = ICON_REDO outlined;
    /// Fit to the pane.
    FIT = ICON_FIT_SCREEN outlined;
    /// Go to.
    GO_TO = ICON_MY_LOCATION outlined;
    /// Flag a case.
    FLAG = ICON_FLAG outlined;
    /// Flagged.
    FLAGGED = ICON_FLAG filled;
    /// Done.
    CHECK = ICON_CHECK outlined;
    /// Accepted.
    ACCEPTED = ICON_CHECK_CIRCLE outlined;
    /// Not looked at yet.
    OPEN_CIRCLE = ICON_RADIO_BUTTON_UNCHECKED outlined;
    /// Look at this.
    WARNING = ICON_WARNING outlined;
    /// Stopped, failed.
    ERROR = ICON_ERROR outlined;
    /// For information.
    INFO = ICON_INFO outlined;
    /// Refused.
    REFUSED = ICON_CANCEL outlined;
    /// Device.
    CHIP = ICON_MEMORY outlined;
    /// Start.
    PLAY = ICON_PLAY_ARROW filled;
    /// Pause.
    PAUSE = ICON_PAUSE outlined;
    /// Stop.
    STOP = ICON_STOP outlined;
    /// Start again.
    RESTART = ICON_RESTART_ALT outlined;
    /// Working.
    WORKING = ICON_SYNC outlined;
    /// History.
    HISTORY = ICON_HISTORY outlined;
    /// Open a folder.
    FOLDER_OPEN = ICON_FOLDER_OPEN outlined;
    /// Storage.
    FOLDER = ICON_FOLDER outlined;
    /// A file, a log.
    FILE = ICON_DESCRIPTION outlined;
    /// Drop here.
    DOWNLOAD = ICON_DOWNLOAD outlined;
    /// Save.
    SAVE = ICON_SAVE outlined;
    /// Delete.
    DELETE = ICON_DELETE outlined;
    /// Copy.
    COPY = ICON_CONTENT_COPY outlined;
    /// Picture.
    PICTURE = ICON_PHOTO_CAMERA outlined;
    /// Jobs, hosts, cluster.
    JOBS = ICON_HUB outlined;
    /// Fine-tune, sample.
    FINE_TUNE = ICON_EXPERIMENT outlined;
    /// Models.
    MODELS = ICON_NETWORK_INTELLIGENCE outlined;
    /// Compare.
    COMPARE = ICON_COMPARE outlined;
    /// This computer.
    LAPTOP = ICON_LAPTOP outlined;
    /// A host.
    HOST = ICON_DNS outlined;
    /// Connected.
    NETWORK = ICON_LAN outlined;
    /// Details drawer.
    DETAILS = ICON_TUNE outlined;
    /// Filter a list.
    FILTER = ICON_FILTER_LIST outlined;
    /// Dark theme.
    MOON = ICON_DARK_MODE outlined;
    /// Light theme.
    SUN = ICON_LIGHT_MODE outlined;
    /// Keyboard.
    KEYBOARD = ICON_KEYBOARD outlined;
    /// Opens a list.
    DOWN = ICON_KEYBOARD_ARROW_DOWN outlined;
    /// Closes a list.
    UP = ICON_KEYBOARD_ARROW_UP outlined;
    /// Opens a page.
    RIGHT = ICON_CHEVRON_RIGHT outlined;
    /// Back.
    BACK = ICON_ARROW_BACK outlined;
    /// To.
    FORWARD = ICON_ARROW_FORWARD outlined;
}
