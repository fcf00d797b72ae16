//! Everything a person can do, as one flat list. Widgets, keys, the palette and tests all speak it; `apply` is where it happens.

use std::path::PathBuf;
use std::sync::Arc;

use egui::ColorImage;
use jobs::case::Decision;
use jobs::{ExportKind, Quality};

use crate::render::camera::Camera;
use crate::render::plane::{self, Plane};
use crate::state::{
    Dialog, Layout, Mode, OverlayStyle, Overwrite, Pane, Preset, Screen, Settings, SettingsPage, Slab, StrokeShape, Tool, Window,
};

/// One action.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    // Everywhere.
    /// Asks for a folder.
    OpenFolder,
    /// Asks for a file.
    OpenFile,
    /// Looks at what was dropped, pasted or named on the command line.
    OpenPaths(Vec<PathBuf>),
    /// Opens a case again by its folder.
    OpenCase(PathBuf),
    /// Opens a queue again by the folder of its files, as far as it was.
    ReopenQueue(PathBuf),
    /// Opens the sample study.
    OpenSample,
    /// Takes a case off the list of recent ones; its folder stays.
    ForgetRecent(PathBuf),
    /// Shows a screen.
    Show(Screen),
    /// Shows a page of the settings.
    ShowSettings(SettingsPage),
    /// Changes what is done with the case.
    SetMode(Mode),
    /// Lays something over the screen, or takes it away.
    ShowDialog(Dialog),
    /// One step back: dialog, lasso, tool, mode, screen.
    Back,
    /// Takes away the banner with this cause.
    DismissBanner(String),
    /// Puts what a defect report needs on the clipboard.
    CopyReport(String),
    /// Changes preferences.
    SetSettings(Box<Settings>),
    /// Starts the worker again, and the run it was at.
    RestartEngine,
    /// Asks for the folder of all cases.
    PickCasesFolder,
    /// Empties the list of recent cases; their folders stay.
    ForgetRecents,

    // Series.
    /// Selects a series.
    SelectSeries(usize),
    /// Filters the series.
    FilterSeries(String),
    /// Lists skipped files, or no longer.
    ShowSkipped(bool),
    /// Opens the series selected.
    OpenSelected,
    /// Reads the folder as a queue of cases.
    OpenQueue,

    // Images.
    /// Moves the crosshair.
    SetCursor([usize; 3]),
    /// Moves a plane by slices, down the stack where positive.
    StepSlice(Plane, i32),
    /// Makes a pane the one keys act on.
    Activate(Pane),
    /// Chooses panes.
    SetLayout(Layout),
    /// Sets grey values.
    SetWindow(Window),
    /// Sets grey values by name.
    SetPreset(Preset),
    /// Sets the slab.
    SetSlab(Slab),
    /// Zooms and shifts a plane.
    SetPlaneView(Plane, plane::View),
    /// Fits all planes and the camera.
    Fit,
    /// Room of a plane's pane for the image, points, and pixels per point.
    SetRoom(Plane, [f32; 2], f32),
    /// A voxel of the image as a pixel of the screen, in all planes.
    ActualSize,
    /// Patient's right on the left, or the other way round.
    SetRadiological(bool),
    /// What the pointer is over: continuous voxel index.
    Point(Option<[f64; 3]>),
    /// Left button measures, or no longer.
    SetMeasuring(bool),
    /// Begins a distance.
    MeasureFrom(Plane, [f64; 3]),
    /// Moves the end of the last distance.
    MeasureTo([f64; 3]),
    /// Forgets all distances.
    ClearMeasurements,
    /// Sets the camera of the surface pane.
    SetCamera(Camera),

    // Masks.
    /// Puts a structure in focus.
    Select(Option<u16>),
    /// The next or previous structure of the list.
    SelectBy(i32),
    /// Moves the crosshair to a structure.
    GoTo(u16),
    /// Structure under the pointer.
    Hover(Option<u16>),
    /// Shows or hides a structure.
    SetVisible(u16, bool),
    /// Locks or frees a structure.
    SetLocked(u16, bool),
    /// Shows all or hides all.
    SetAllVisible(bool),
    /// Filters the structures.
    FilterStructures(String),
    /// Shows or hides masks.
    ShowMask(bool),
    /// Hides masks while a key is held.
    Peek(bool),
    /// Opacity, 0 to 1.
    SetOpacity(f32),
    /// Fill, outline or both.
    SetOverlay(OverlayStyle),
    /// Shows doubt.
    ShowDoubt(bool),
    /// Shows only the structure in focus.
    OnlySelected(bool),
    /// Shows a layer by its number.
    ShowLayer(u32),
    /// A new, empty layer to draw in.
    NewLayer,
    /// Renames a structure of a layer that may be edited.
    RenameStructure(u16, String),
    /// Colours a structure.
    ColorStructure(u16, [u8; 3]),
    /// Reads a mask file as a layer.
    ImportLayer(PathBuf),
    /// Reads names and colours from a label table.
    ImportLabels(PathBuf),

    // Runs.
    /// Chooses a model by path.
    ChooseModel(PathBuf),
    /// Adds a model file or folder to the places looked at.
    AddModel(PathBuf),
    /// Asks for a model file, or a folder of models.
    PickModel {
        /// A folder.
        folder: bool,
    },
    /// Chooses how carefully.
    ChooseQuality(Quality),
    /// Mirroring on or off.
    SetMirroring(bool),
    /// Structures to keep; all when absent.
    KeepStructures(Option<Vec<u16>>),
    /// Device of the next run.
    SetRunDevice(String),
    /// Starts the run.
    StartRun,
    /// Starts it although the model does not fit.
    RunAnyway,
    /// Stops the run; what is finished stays as a layer.
    CancelRun,
    /// Runs a stopped layer again.
    ContinueRun,

    // Review.
    /// Measures the layer shown.
    Measure,
    /// Decides about the structure in focus; `true` goes on to the next.
    Decide(Decision, bool),
    /// Accepts the whole case and goes to the next of the queue.
    AcceptCase,
    /// Rejects the whole case and goes to the next of the queue.
    RejectCase,
    /// Goes to the next structure that is not decided.
    NextOpen,
    /// Notes something about the structure in focus.
    SetNote(String),
    /// Notes something about the case.
    SetCaseNote(String),
    /// Gives the note the keyboard.
    EditNote(bool),
    /// Goes to the next or previous case of the queue.
    StepCase(i32),
    /// Goes to a case of the queue.
    GoToCase(usize),
    /// Corrects the structure in focus.
    FixInEdit,
    /// Runs the model again, carefully.
    RunAgainBest,
    /// Compares with a layer, or with none.
    CompareWith(Option<u32>),
    /// Asks where the summary of the queue goes.
    ChooseSummary,
    /// Writes a summary of the queue.
    SaveSummary(PathBuf),

    // Edit.
    /// Takes a tool.
    TakeTool(Tool),
    /// Exchanges the last two tools.
    SwapTools,
    /// Brush size, mm.
    SetBrushSize(f32),
    /// Brush outline.
    SetBrushShape(StrokeShape),
    /// Draws only within the range.
    OnlyWithin(bool),
    /// The range.
    SetRange([f32; 2]),
    /// Takes the range from the image around the crosshair.
    PickRange,
    /// What drawing may replace.
    SetOverwrite(Overwrite),
    /// Brushes take away while Ctrl is held.
    Invert(bool),
    /// Button pressed at a continuous voxel index.
    StrokeBegin(Plane, [f64; 3]),
    /// Pointer moved.
    StrokeTo([f64; 3]),
    /// Button released: the step is kept.
    StrokeEnd,
    /// Adds a corner to the lasso.
    LassoPoint(Plane, [f64; 3]),
    /// Closes and applies the lasso.
    LassoApply,
    /// Drops the lasso.
    LassoDrop,
    /// Fills from a voxel, on the slice or in 3D.
    FillAt {
        /// Plane.
        plane: Plane,
        /// Continuous voxel index.
        at_zyx: [f64; 3],
        /// Through all slices.
        in_3d: bool,
    },
    /// Adds a structure and draws into it.
    NewStructure(String),
    /// Fills in slices between those drawn.
    Interpolate(Plane),
    /// Keeps the largest piece of the structure in focus.
    KeepLargest,
    /// Keeps the piece under the crosshair.
    KeepPiece,
    /// Removes small pieces.
    RemoveSmall,
    /// Makes every piece a structure.
    SplitPieces,
    /// Grows by a distance, mm; shrinks where negative.
    Grow(f32),
    /// Smooths structures together, mm.
    Smooth(f32),
    /// Turns one structure into another.
    Relabel {
        /// From.
        from: u16,
        /// To.
        to: u16,
    },
    /// Distance of grow, shrink and smooth, mm.
    SetDistance(f32),
    /// Size of small pieces, mL.
    SetIslandSize(f32),
    /// Takes back a step.
    Undo,
    /// Does it again.
    Redo,
    /// Goes to a step of the history: that many steps done.
    JumpTo(usize),
    /// Tries to write again after the disk was full.
    ResumeEditing,
    /// Stops the operation at work; the mask stays as it is.
    StopWork,

    // Export.
    /// Chooses a kind of file, or not.
    SetExportKind(ExportKind, bool),
    /// Asks for a folder.
    ChooseExportFolder,
    /// Folder to write to.
    SetExportFolder(PathBuf),
    /// Start of the file names.
    SetExportStem(String),
    /// Leaves out what is not accepted.
    SetOnlyAccepted(bool),
    /// Leaves the patient out.
    SetWithoutPatient(bool),
    /// Writes; `true` replaces files that are there.
    Export(bool),
    /// Saves a picture of the panes.
    SavePicture,
    /// Takes a picture of the panes for a file.
    TakePicture(PathBuf),
    /// Writes a picture of the panes as PNG.
    KeepPicture(PathBuf, Arc<ColorImage>),
}
