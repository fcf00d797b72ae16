//! Surfaces of the mask shown, made beside the window: all of them when a mask is new, those that changed a moment after an edit.
//!
//! The thread keeps a copy of the mask of its own, which follows by boxes and is packed while nothing happens, and leaves the newest
//! surfaces in a slot.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use mask::surface::{SurfaceOptions, surfaces};
use mask::{LabelGrid, Packed, Watch};
use ndarray::Array3;
use volume::{Geometry, LabelVoxels, Region};

use crate::panes::follow::{self, Key, Whole};
use crate::render::mesh::Mesh;
use crate::state::Case;
use crate::tasks::Wake;

/// Triangles of a structure on screen.
const MOST_TRIANGLES: usize = 60_000;
/// Triangles of all structures; whole-body models have more than a hundred, which share them.
const ALL_TRIANGLES: usize = 600_000;
/// Wait after an edit; a stroke is many.
const QUIET: Duration = Duration::from_millis(350);
/// Longest wait while edits keep coming.
const LATEST: Duration = Duration::from_millis(2500);
/// Without orders for so long, the copy of the mask is packed.
const REST: Duration = Duration::from_secs(4);
/// Structures made at once, so that the first ones show early.
const BATCH: usize = 6;

/// What the thread is told.
enum Order {
    /// Another mask.
    Whole { number: u64, geometry: Geometry, voxels: Whole, labels: Vec<u16> },
    /// A box of it changed.
    Patch { region: Region, values: LabelVoxels },
}

/// The newest surfaces and the mask they belong to.
#[derive(Default)]
struct Slot {
    number: u64,
    meshes: Arc<Vec<Arc<Mesh>>>,
}

/// Surfaces of the mask shown.
pub(crate) struct Surfaces {
    orders: Sender<Order>,
    slot: Arc<Mutex<Slot>>,
    /// Number of the mask wanted; the thread stops work on another one.
    wanted: Arc<AtomicU64>,
    making: Arc<AtomicBool>,
    follows: Option<(Key, u64)>,
}

impl Surfaces {
    /// Starts the thread; `wake` is called when surfaces are new.
    pub(crate) fn new(wake: Wake) -> Self {
        let (orders, receive) = channel();
        let (slot, wanted, making) = (Arc::default(), Arc::default(), Arc::default());
        let maker = Maker {
            slot: Arc::clone(&slot),
            wanted: Arc::clone(&wanted),
            making: Arc::clone(&making),
            wake,
            number: 0,
            copy: Kept::None,
            most_triangles: MOST_TRIANGLES,
            meshes: BTreeMap::new(),
            stale: BTreeSet::new(),
            since: None,
        };
        if let Err(error) = thread::Builder::new().name("surfaces".to_owned()).spawn(move || maker.work(&receive)) {
            tracing::error!("no thread for surfaces: {error}");
        }
        Self { orders, slot, wanted, making, follows: None }
    }

    /// The surfaces there are of the layer shown; tells the thread what changed.
    pub(crate) fn of(&mut self, case: &Case) -> Arc<Vec<Arc<Mesh>>> {
        self.follow(case);
        let slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = self.follows.is_some() && slot.number == self.wanted.load(Ordering::Acquire);
        if fits { Arc::clone(&slot.meshes) } else { Arc::default() }
    }

    /// Whether surfaces are being made.
    pub(crate) fn is_making(&self) -> bool {
        self.making.load(Ordering::Acquire)
    }

    fn follow(&mut self, case: &Case) {
        let Some((layer, key)) = case.layer().and_then(|layer| Some((layer, Key::of(case, layer)?))) else {
            self.follows = None;
            return;
        };
        match &mut self.follows {
            Some((known, seen)) if *known == key => {
                for region in follow::since(layer, *seen) {
                    if let Some(values) = follow::patch(layer, &region) {
                        // Without a thread there are no surfaces; the log has said so.
                        self.orders.send(Order::Patch { region, values }).ok();
                    }
                }
                *seen = layer.revision;
            }
            _ => {
                let Some(voxels) = follow::whole(case, layer) else { return };
                let number = self.wanted.fetch_add(1, Ordering::AcqRel) + 1;
                let labels = layer.file.table.iter().map(|label| label.value).collect();
                self.making.store(true, Ordering::Release);
                self.orders.send(Order::Whole { number, geometry: case.file.geometry.clone(), voxels, labels }).ok();
                self.follows = Some((key, layer.revision));
            }
        }
    }
}

/// The thread's copy of the mask.
enum Kept {
    None,
    Grid(LabelGrid),
    Packed(Packed),
}

impl Kept {
    /// The mask itself, unpacked if need be.
    fn take(&mut self) -> Option<LabelGrid> {
        match std::mem::replace(self, Self::None) {
            Self::Grid(grid) => Some(grid),
            Self::Packed(packed) => packed.unpack().ok(),
            Self::None => None,
        }
    }
}

/// The thread's side.
struct Maker {
    slot: Arc<Mutex<Slot>>,
    wanted: Arc<AtomicU64>,
    making: Arc<AtomicBool>,
    wake: Wake,
    number: u64,
    copy: Kept,
    /// A structure's share of all triangles.
    most_triangles: usize,
    meshes: BTreeMap<u16, Arc<Mesh>>,
    /// Structures whose surface is out of date.
    stale: BTreeSet<u16>,
    /// When the first of them became so; absent for a mask that is new, which nothing waits for.
    since: Option<Instant>,
}

impl Maker {
    /// Until the window is gone.
    fn work(mut self, orders: &Receiver<Order>) {
        loop {
            let order = if self.stale.is_empty() {
                self.making.store(false, Ordering::Release);
                (self.wake)();
                self.rest(orders)
            } else {
                orders.recv_timeout(self.patience())
            };
            match order {
                Ok(Order::Whole { number, geometry, voxels, labels }) => self.begin(number, geometry, &voxels, labels),
                Ok(Order::Patch { region, values }) => self.patch(&region, &values),
                Err(RecvTimeoutError::Timeout) => self.make(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Waits for the next order; the copy of the mask is packed meanwhile.
    fn rest(&mut self, orders: &Receiver<Order>) -> Result<Order, RecvTimeoutError> {
        if let Kept::Grid(grid) = &self.copy {
            match orders.recv_timeout(REST) {
                Err(RecvTimeoutError::Timeout) => self.copy = Kept::Packed(Packed::new(grid)),
                order => return order,
            }
        }
        orders.recv().map_err(|_| RecvTimeoutError::Disconnected)
    }

    fn patience(&self) -> Duration {
        self.since.map_or(Duration::ZERO, |since| QUIET.min(LATEST.saturating_sub(since.elapsed())))
    }

    fn begin(&mut self, number: u64, geometry: Geometry, voxels: &Whole, labels: Vec<u16>) {
        let size = geometry.size_zyx;
        let values = match voxels {
            Whole::File(map) => match (map.as_u8(), map.as_u16()) {
                (Some(values), _) => Array3::from_shape_vec(size, values.to_vec()).map(LabelVoxels::U8),
                (_, values) => Array3::from_shape_vec(size, values.unwrap_or_default().to_vec()).map(LabelVoxels::U16),
            },
            Whole::U8(values) => Array3::from_shape_vec(size, values.to_vec()).map(LabelVoxels::U8),
            Whole::U16(values) => Array3::from_shape_vec(size, values.to_vec()).map(LabelVoxels::U16),
        };
        self.making.store(true, Ordering::Release);
        self.number = number;
        self.copy = values.ok().and_then(|values| LabelGrid::new(geometry, values).ok()).map_or(Kept::None, Kept::Grid);
        self.most_triangles = MOST_TRIANGLES.min(ALL_TRIANGLES / labels.len().max(1));
        self.meshes.clear();
        (self.stale, self.since) = (labels.into_iter().collect(), None);
        self.publish();
    }

    /// Takes over a box and notes whose voxels it changed.
    fn patch(&mut self, region: &Region, values: &LabelVoxels) {
        let Some(grid) = self.copy.take() else { return };
        let geometry = grid.geometry().clone();
        let mut voxels = grid.into_voxels();
        let [nz, ny, nx] = region.size_zyx();
        for at in (0..nz).flat_map(|z| (0..ny).flat_map(move |y| (0..nx).map(move |x| [z, y, x]))) {
            let index: [usize; 3] = std::array::from_fn(|axis| region.start_zyx[axis] + at[axis]);
            let (old, new) = (voxels.at(index), values.at(at));
            if old != new {
                voxels.set(index, new);
                self.stale.extend([old, new].into_iter().filter(|value| *value != 0));
            }
        }
        self.copy = LabelGrid::new(geometry, voxels).map_or(Kept::None, Kept::Grid);
        if !self.stale.is_empty() {
            self.making.store(true, Ordering::Release);
            self.since.get_or_insert_with(Instant::now);
        }
    }

    /// Makes what is out of date, some at a time.
    fn make(&mut self) {
        let batch: Vec<u16> = self.stale.iter().copied().take(BATCH).collect();
        let (wanted, number) = (Arc::clone(&self.wanted), self.number);
        let goes_on = move |_: f32| wanted.load(Ordering::Acquire) == number;
        let options = SurfaceOptions::display(self.most_triangles);
        let grid = self.copy.take();
        let made = grid.as_ref().and_then(|grid| surfaces(grid, &batch, &options, Watch::new(&goes_on)).ok());
        self.copy = grid.map_or(Kept::None, Kept::Grid);
        let Some(made) = made else {
            // Another mask is wanted, or there is none.
            self.stale.clear();
            return;
        };
        for value in &batch {
            self.stale.remove(value);
            self.meshes.remove(value);
        }
        for surface in made {
            if let Some(mesh) = Mesh::new(surface.value, surface.positions_lps_mm, surface.normals, surface.triangles) {
                self.meshes.insert(surface.value, mesh);
            }
        }
        if self.stale.is_empty() {
            self.since = None;
        }
        self.publish();
    }

    fn publish(&self) {
        let meshes = Arc::new(self.meshes.values().cloned().collect());
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = Slot { number: self.number, meshes };
        (self.wake)();
    }
}
