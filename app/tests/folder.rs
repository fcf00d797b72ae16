//! A synthetic case folder and a window without pixels, for tests of what commands do.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use jobs::WorkerCommand;
use jobs::case::{CaseFile, CaseFolder, CaseSource, CaseState, LabelWidth, LayerFile, LayerKind, LayerState, VoxelType};
use jobs::utc_timestamp;
use volume::{Geometry, Label, LabelTable};
use voxelry_app::state::{LayerVoxels, Mode, Screen, State};
use voxelry_app::{Command, Core, Places};

/// Voxels along z, y, x.
pub(super) const SIZE: [usize; 3] = [16, 40, 48];
/// Values of the structures of the model's layer.
pub(super) const LIVER: u16 = 1;
pub(super) const SPLEEN: u16 = 2;
pub(super) const CYST: u16 = 3;

/// A box, ends included.
fn inside(index_zyx: [usize; 3], from: [usize; 3], to: [usize; 3]) -> bool {
    (0..3).all(|axis| (from[axis]..=to[axis]).contains(&index_zyx[axis]))
}

/// What the model said: a liver in two pieces, a spleen, and no cyst.
pub(super) fn model_label(index_zyx: [usize; 3]) -> u8 {
    if inside(index_zyx, [4, 10, 6], [10, 28, 20]) || inside(index_zyx, [13, 34, 4], [13, 35, 5]) {
        LIVER as u8
    } else if inside(index_zyx, [5, 12, 30], [9, 22, 40]) {
        SPLEEN as u8
    } else {
        0
    }
}

/// Soft tissue with a bright half, in air.
fn image_value(index_zyx: [usize; 3]) -> i16 {
    let body = inside(index_zyx, [0, 4, 2], [15, 36, 45]);
    if !body {
        -1000
    } else if index_zyx[2] >= 24 {
        180
    } else {
        60
    }
}

fn all(size: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
    let [nz, ny, nx] = size;
    (0..nz).flat_map(move |z| (0..ny).flat_map(move |y| (0..nx).map(move |x| [z, y, x])))
}

pub(super) fn label(value: u16, name: &str, color: [u8; 3]) -> Label {
    Label { value, name: name.to_owned(), color }
}

/// Writes a case with a model's layer.
pub(super) fn write_case(cases: &Path, id: &str) -> PathBuf {
    let folder = CaseFolder::at(cases.join(id));
    fs::create_dir_all(folder.path()).unwrap();
    let mut geometry = Geometry::axis_aligned(SIZE, [3.0, 1.5, 1.5]);
    geometry.origin_lps_mm = [-36.0, -30.0, 0.0].into();
    let image: Vec<u8> = all(SIZE).flat_map(|at| image_value(at).to_le_bytes()).collect();
    fs::write(folder.image_path(), image).unwrap();
    folder
        .write(&CaseFile {
            format: CaseFolder::FORMAT,
            title: format!("Phantom {id}"),
            subtitle: String::new(),
            source: CaseSource::default(),
            modality: "CT".to_owned(),
            geometry,
            voxel_type: VoxelType::I16,
            value_range: [-1000.0, 180.0],
            auto_window: [350.0, 50.0],
            warnings: Vec::new(),
            opened_at: utc_timestamp(std::time::SystemTime::now()),
            state: CaseState::Opened,
            note: String::new(),
        })
        .unwrap();
    let layer = folder.create_layer().unwrap();
    fs::write(layer.labels_path(), all(SIZE).map(model_label).collect::<Vec<u8>>()).unwrap();
    // Doubt along the liver's left edge.
    let doubt: Vec<u8> = all(SIZE).map(|at| if model_label(at) == LIVER as u8 && at[2] >= 18 { 200 } else { 8 }).collect();
    fs::write(layer.doubt_path(), doubt).unwrap();
    let table = LabelTable::from_labels([
        label(LIVER, "Liver", [224, 176, 128]),
        label(SPLEEN, "Spleen", [80, 112, 208]),
        label(CYST, "Cyst", [48, 240, 240]),
    ]);
    layer
        .write(&LayerFile {
            name: "Abdomen, Balanced".to_owned(),
            kind: LayerKind::Model,
            state: LayerState::Complete,
            done: 1.0,
            based_on: None,
            width: LabelWidth::U8,
            table,
            created_at: utc_timestamp(std::time::SystemTime::now()),
            device: "test".to_owned(),
            setting: "Balanced".to_owned(),
            provenance: None,
            unfinished: None,
        })
        .unwrap();
    folder.path().to_owned()
}

/// A window's state with its own worker and folders.
pub(super) struct Desk {
    pub(super) core: Core,
    pub(super) case: PathBuf,
    pub(super) folder: tempfile::TempDir,
}

impl Desk {
    /// With the synthetic case open.
    pub(super) fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let case = write_case(&folder.path().join("data/cases"), "one");
        let mut desk = Self { core: core(folder.path()), case: case.clone(), folder };
        desk.apply(Command::OpenCase(case));
        desk
    }

    /// With the case open for editing, drawing into a structure on the middle slice.
    pub(super) fn editing(value: u16) -> Self {
        let mut desk = Self::open();
        desk.apply(Command::SetMode(Mode::Edit));
        desk.apply(Command::Select(Some(value)));
        desk
    }

    /// The program is closed in order and started again.
    pub(super) fn restart(mut self) -> Self {
        self.core.close();
        self.again()
    }

    /// The program is started again, with whatever the last one left.
    pub(super) fn again(self) -> Self {
        let Self { core: old, case, folder } = self;
        drop(old);
        let mut desk = Self { core: core(folder.path()), case: case.clone(), folder };
        desk.apply(Command::OpenCase(case));
        desk
    }

    pub(super) fn apply(&mut self, command: Command) {
        self.core.apply(command);
    }

    pub(super) fn state(&self) -> &State {
        &self.core.state
    }

    /// Takes in news until something holds.
    ///
    /// # Panics
    /// After a minute.
    pub(super) fn until(&mut self, what: &str, holds: impl Fn(&State) -> bool) {
        let patience = Instant::now() + Duration::from_secs(60);
        while !holds(&self.core.state) {
            let state = &self.core.state;
            assert!(Instant::now() < patience, "waited for {what}; banners: {:?}, log: {:?}", state.banners, state.log);
            thread::sleep(Duration::from_millis(10));
            self.core.logic();
        }
    }

    /// Waits for the operation at work.
    pub(super) fn worked(&mut self) {
        self.until("the operation", |state| state.case.as_ref().is_some_and(|case| case.edit.working.is_none()));
    }

    /// Label of the layer shown.
    pub(super) fn at(&self, index_zyx: [usize; 3]) -> u16 {
        self.state().case.as_ref().unwrap().label_at(index_zyx)
    }

    /// All labels of the layer shown.
    pub(super) fn labels(&self) -> Vec<u16> {
        all(SIZE).map(|at| self.at(at)).collect()
    }

    /// Voxels of a structure of the layer shown.
    pub(super) fn count(&self, value: u16) -> usize {
        self.labels().into_iter().filter(|label| *label == value).count()
    }

    /// Names of the steps, and how many are done.
    pub(super) fn steps(&self) -> (Vec<String>, usize) {
        let case = self.state().case.as_ref().unwrap();
        match &case.layer().unwrap().voxels {
            LayerVoxels::Edited(history) => (history.steps().iter().map(|step| step.name.clone()).collect(), history.done()),
            _ => (Vec::new(), 0),
        }
    }

    /// Causes of the banners.
    pub(super) fn causes(&self) -> Vec<String> {
        self.state().banners.iter().map(|banner| banner.cause.clone()).collect()
    }

    pub(super) fn is_in(&self, mode: Mode) -> bool {
        self.state().screen == Screen::Case(mode)
    }
}

/// A core with its folders under `folder`.
pub(super) fn core(folder: &Path) -> Core {
    let mut worker = WorkerCommand::program(env!("CARGO_BIN_EXE_voxelry-app"));
    worker.environment.push(("XDG_CACHE_HOME".into(), folder.join("cache").into()));
    // Without graphics drivers: checking every device against the CPU engine would be most of what each of these windows does.
    worker.environment.push(("VK_DRIVER_FILES".into(), "/dev/null".into()));
    let places = Places { data: folder.join("data"), config: folder.join("config") };
    Core::new(places, worker, Arc::new(|| {}))
}
