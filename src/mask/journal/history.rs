//! A mask and everything that was done to it: named steps, undo, redo and jumps, all of it in the journal first.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use volume::Region;

use super::file::{Found, Journal, Place, Recovery};
use super::format::{Kind, Record};
use crate::delta::Delta;
use crate::error::MaskError;
use crate::grid::{LabelGrid, join};

/// One step of the history.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// "Brush, Liver".
    pub name: String,
    /// More words, as the caller gave them.
    pub detail: String,
    /// When it was begun, milliseconds since 1970 UTC.
    pub time_utc_ms: u64,
    /// Voxels each label gained, or lost, below zero; background included.
    pub gains: BTreeMap<u16, i64>,
    /// The box it changed.
    pub bounds: Option<Region>,
    records: Vec<Place>,
}

impl Step {
    fn new(name: &str, detail: &str, time_utc_ms: u64, place: Place, delta: &Delta, grid: &LabelGrid) -> Self {
        let (name, detail) = (name.to_owned(), detail.to_owned());
        let (gains, bounds) = (delta.gains(), delta.bounds(grid.size_zyx()));
        Self { name, detail, time_utc_ms, gains, bounds, records: vec![place] }
    }
}

/// Words that were put into the journal beside the edits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What it is about.
    pub name: String,
    /// The words.
    pub detail: String,
    /// When, milliseconds since 1970 UTC.
    pub time_utc_ms: u64,
}

/// The current voxels of a layer, with its journal.
pub struct History {
    /// Shared with who works something out beside this thread; a change meanwhile copies it first.
    grid: Arc<LabelGrid>,
    journal: Shared,
    /// Records of the journal that are in the voxels and steps here.
    seen: u64,
    steps: Vec<Step>,
    /// How many of the steps are in the voxels; the rest can be made again.
    done: usize,
    notes: Vec<Note>,
}

/// A journal that steps may be written to beside the thread of its history; none once the history is gone.
#[derive(Clone)]
struct Shared(Arc<Mutex<Option<Journal>>>);

const GONE: MaskError = MaskError::Nothing("this mask is no longer open");
const BEHIND: MaskError = MaskError::Nothing("the mask was changed meanwhile");

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Option<Journal>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<R>(&self, act: impl FnOnce(&mut Journal) -> Result<R, MaskError>) -> Result<R, MaskError> {
        act(self.lock().as_mut().ok_or(GONE)?)
    }
}

/// The voxels of a history and a way into its journal, for a thread that works out a step and writes it down.
pub struct Aside {
    grid: Arc<LabelGrid>,
    journal: Shared,
    seen: u64,
}

/// A step that is in the journal and on the disk itself, to be taken in by [`History::adopt`].
pub struct Made {
    grid: Arc<LabelGrid>,
    step: Step,
    seen: u64,
}

impl Aside {
    /// The voxels as they were when this was asked for.
    pub fn grid(&self) -> &LabelGrid {
        &self.grid
    }

    /// Writes an edit down as a new step, waits until it is on the disk itself, and makes it on a copy of the voxels.
    ///
    /// None where nothing changes. On an error nothing changed, neither the voxels nor the file; so it is where the history was
    /// changed meanwhile or is gone.
    pub fn edit(self, name: &str, detail: &str, delta: &Delta) -> Result<Option<Made>, MaskError> {
        if delta.is_empty() {
            return Ok(None);
        }
        let mut grid = (*self.grid).clone();
        delta.apply(&mut grid)?;
        let encoded = delta.encode();
        let (place, time_utc_ms) = self.journal.with(|journal| {
            if journal.records() != self.seen {
                return Err(BEHIND);
            }
            let written = journal.append(Kind::Edit, name, detail, encoded)?;
            // A disk that will not say that it holds the step says so again to the next who asks.
            journal.sync().ok();
            Ok(written)
        })?;
        let step = Step::new(name, detail, time_utc_ms, place, delta, &grid);
        Ok(Some(Made { grid: Arc::new(grid), step, seen: self.seen }))
    }
}

impl Drop for History {
    /// Lets another open the journal, after what is being written beside this thread.
    fn drop(&mut self) {
        self.journal.lock().take();
    }
}

impl History {
    /// Replays the journal at `path` on the mask it was begun with, or begins it.
    pub fn open(base: LabelGrid, path: &Path) -> Result<(Self, Recovery), MaskError> {
        let journal = Journal::open(path, &base)?;
        Self::replay(base, journal)
    }

    /// Replays to the last record that is whole and makes sense; the rest is kept aside.
    pub(crate) fn replay(base: LabelGrid, journal: Journal) -> Result<(Self, Recovery), MaskError> {
        let journal = Shared(Arc::new(Mutex::new(Some(journal))));
        let mut history = Self { grid: Arc::new(base), journal, seen: 0, steps: Vec::new(), done: 0, notes: Vec::new() };
        let fault = loop {
            match history.journal.with(Journal::next)? {
                Found::End => break None,
                Found::Broken(reason) => break Some(reason),
                Found::Record(place, record) => {
                    if history.again(place, &record)?.is_none() {
                        break Some("a record does not fit the ones before it");
                    }
                    history.journal.with(|journal| journal.accept(place))?;
                    history.seen += 1;
                }
            }
        };
        let recovery = match fault {
            None => Recovery { records: history.seen, ..Recovery::default() },
            Some(reason) => history.journal.with(|journal| journal.settle_tail(reason))?,
        };
        Ok((history, recovery))
    }

    /// Does what a record says; none, and no change, if that cannot be.
    fn again(&mut self, place: Place, record: &Record) -> Result<Option<()>, MaskError> {
        let count = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        match record.kind {
            Kind::Note => {
                self.notes.push(Note { name: record.name.clone(), detail: record.detail.clone(), time_utc_ms: record.time_utc_ms });
            }
            Kind::Edit | Kind::More => {
                let Ok(delta) = Delta::decode(&record.delta, self.grid.len()) else { return Ok(None) };
                if delta.max_value() > self.grid.max_value() {
                    self.widen();
                }
                if record.kind == Kind::More && !self.can_continue() || delta.apply(self.voxels()).is_err() {
                    return Ok(None);
                }
                match record.kind {
                    Kind::Edit => self.begin_step(&record.name, &record.detail, record.time_utc_ms, place, &delta),
                    _ => self.continue_step(place, &delta),
                }
            }
            Kind::Undo(n) | Kind::Redo(n) => {
                let target = match record.kind {
                    Kind::Undo(_) => self.done.checked_sub(count(n)),
                    _ => self.done.checked_add(count(n)).filter(|target| *target <= self.steps.len()),
                };
                let Some(target) = target.filter(|target| *target != self.done) else { return Ok(None) };
                match self.go(target) {
                    Ok(_) => {}
                    Err(error @ MaskError::File { .. }) => return Err(error),
                    Err(_) => return Ok(None),
                }
            }
        }
        Ok(Some(()))
    }

    /// The voxels as they are now.
    pub fn grid(&self) -> &LabelGrid {
        &self.grid
    }

    /// All steps that are done or can be done again, oldest first.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// How many of the steps are done.
    pub fn done(&self) -> usize {
        self.done
    }

    /// Notes, oldest first.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// How many records the journal has; rises with every call that returned `Ok` and changed something.
    pub fn records(&self) -> u64 {
        self.seen
    }

    /// What a thread beside this one needs to work out a step and write it down. Costs nothing; a change made here before that is
    /// done copies the voxels, and then that thread's step is refused.
    pub fn aside(&self) -> Aside {
        Aside { grid: Arc::clone(&self.grid), journal: self.journal.clone(), seen: self.seen }
    }

    /// Takes in a step that was written down by [`Aside::edit`]. Returns the box that changed.
    pub fn adopt(&mut self, made: Made) -> Result<Option<Region>, MaskError> {
        if made.seen != self.seen {
            return Err(BEHIND);
        }
        let bounds = made.step.bounds;
        let wide = self.grid.max_value() > made.grid.max_value();
        self.grid = made.grid;
        if wide {
            // Room for more labels was made meanwhile.
            self.widen();
        }
        self.seen += 1;
        self.push(made.step);
        Ok(bounds)
    }

    /// The voxels, to be changed.
    fn voxels(&mut self) -> &mut LabelGrid {
        Arc::make_mut(&mut self.grid)
    }

    /// Writes a record behind those that are in the voxels here.
    fn append(&mut self, kind: Kind, name: &str, detail: &str, delta: Vec<u8>) -> Result<(Place, u64), MaskError> {
        let seen = self.seen;
        let written = self.journal.with(|journal| {
            // A step written beside this thread is taken in before another one is made.
            if journal.records() == seen { journal.append(kind, name, detail, delta) } else { Err(BEHIND) }
        })?;
        self.seen += 1;
        Ok(written)
    }

    /// How many millilitres a label gained (or lost, below zero) in a step.
    pub fn ml_change(&self, step: &Step, value: u16) -> f64 {
        step.gains.get(&value).map_or(0.0, |gain| *gain as f64 * self.grid.geometry().voxel_volume_mm3() / 1000.0)
    }

    /// Makes room for labels above 255.
    pub fn widen(&mut self) {
        self.voxels().widen();
    }

    /// Writes an edit down and makes it, as a new step; steps that were undone can no longer be made again.
    ///
    /// On an error nothing changed, neither the voxels nor the file. An edit that changes no voxel is no step.
    pub fn edit(&mut self, name: &str, detail: &str, delta: &Delta) -> Result<Option<Region>, MaskError> {
        if delta.is_empty() {
            return Ok(None);
        }
        delta.check(&self.grid)?;
        let (place, time_utc_ms) = self.append(Kind::Edit, name, detail, delta.encode())?;
        delta.apply(self.voxels())?;
        self.begin_step(name, detail, time_utc_ms, place, delta);
        Ok(delta.bounds(self.grid.size_zyx()))
    }

    /// Writes down and makes more of the last step, so that a long stroke is on disk while it is drawn and is still undone at once.
    pub fn more(&mut self, delta: &Delta) -> Result<Option<Region>, MaskError> {
        if delta.is_empty() {
            return Ok(None);
        }
        if !self.can_continue() {
            return Err(MaskError::Nothing("there is no step to go on with"));
        }
        delta.check(&self.grid)?;
        let (place, _) = self.append(Kind::More, "", "", delta.encode())?;
        delta.apply(self.voxels())?;
        self.continue_step(place, delta);
        Ok(delta.bounds(self.grid.size_zyx()))
    }

    /// Puts words into the journal.
    pub fn note(&mut self, name: &str, detail: &str) -> Result<(), MaskError> {
        let (_, time_utc_ms) = self.append(Kind::Note, name, detail, Vec::new())?;
        self.notes.push(Note { name: name.to_owned(), detail: detail.to_owned(), time_utc_ms });
        Ok(())
    }

    /// Takes the last step back. Returns the box that changed; none if there is nothing to undo.
    pub fn undo(&mut self) -> Result<Option<Region>, MaskError> {
        self.jump(self.done.saturating_sub(1))
    }

    /// Makes the next step again.
    pub fn redo(&mut self) -> Result<Option<Region>, MaskError> {
        self.jump((self.done + 1).min(self.steps.len()))
    }

    /// Goes to the state after the first `done` steps, as one record.
    pub fn jump(&mut self, done: usize) -> Result<Option<Region>, MaskError> {
        if done > self.steps.len() {
            return Err(MaskError::Outside { what: "step", index: done });
        }
        let before = self.done;
        let kind = match done.cmp(&before) {
            std::cmp::Ordering::Equal => return Ok(None),
            std::cmp::Ordering::Less => Kind::Undo((before - done) as u64),
            std::cmp::Ordering::Greater => Kind::Redo((done - before) as u64),
        };
        // Whether all steps can be read is known only after going there; without a record it is taken back.
        let bounds = self.go(done)?;
        let name = &self.steps[done.min(before)].name.clone();
        if let Err(error) = self.append(kind, name, "", Vec::new()) {
            self.go(before)?;
            return Err(error);
        }
        Ok(bounds)
    }

    /// Waits until everything is on the disk itself; call it about once a second while edits come in, and at the end.
    pub fn sync(&mut self) -> Result<(), MaskError> {
        self.journal.with(Journal::sync)
    }

    /// Changes the voxels to the state after `target` steps; on an error they are as before.
    fn go(&mut self, target: usize) -> Result<Option<Region>, MaskError> {
        let back = target < self.done;
        let (first, end) = (target.min(self.done), target.max(self.done));
        let mut places: Vec<Place> = self.steps[first..end].iter().flat_map(|step| step.records.iter().copied()).collect();
        if back {
            places.reverse();
        }
        let mut applied = Vec::new();
        for place in places {
            let loaded = self.load(place).and_then(|delta| {
                let delta = if back { delta.inverse() } else { delta };
                delta.apply(self.voxels())?;
                Ok(delta)
            });
            match loaded {
                Ok(delta) => applied.push(delta),
                Err(error) => {
                    applied.iter().rev().for_each(|delta| delta.revert(Arc::make_mut(&mut self.grid)).expect("it was applied just now"));
                    return Err(error);
                }
            }
        }
        self.done = target;
        Ok(self.steps[first..end].iter().fold(None, |all, step| join(all, step.bounds)))
    }

    fn load(&mut self, place: Place) -> Result<Delta, MaskError> {
        let record =
            self.journal.with(|journal| journal.read(place))?.ok_or(MaskError::BadDelta("the journal changed under this window"))?;
        Delta::decode(&record.delta, self.grid.len())
    }

    fn can_continue(&self) -> bool {
        self.done > 0 && self.done == self.steps.len()
    }

    fn begin_step(&mut self, name: &str, detail: &str, time_utc_ms: u64, place: Place, delta: &Delta) {
        let step = Step::new(name, detail, time_utc_ms, place, delta, &self.grid);
        self.push(step);
    }

    fn push(&mut self, step: Step) {
        self.steps.truncate(self.done);
        self.steps.push(step);
        self.done += 1;
    }

    fn continue_step(&mut self, place: Place, delta: &Delta) {
        let bounds = delta.bounds(self.grid.size_zyx());
        if let Some(step) = self.steps.last_mut() {
            for (value, gain) in delta.gains() {
                *step.gains.entry(value).or_insert(0) += gain;
            }
            step.gains.retain(|_, gain| *gain != 0);
            step.bounds = join(step.bounds, bounds);
            step.records.push(place);
        }
    }
}
