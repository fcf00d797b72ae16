//! The journal: undo over restarts, every torn tail, hostile bytes, a full disk.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::journal::testing::{Journal, Store, header};
use crate::tests_edit::{noise, random_edit};
use crate::{Delta, History, LabelGrid, MaskError};

fn base() -> LabelGrid {
    noise([5, 9, 11], [2.0, 0.8, 1.0], 3)
}

/// One random act; returns whether a record was written.
pub(crate) fn act(history: &mut History, rng: &mut impl Rng) -> Result<bool, MaskError> {
    let before = history.records();
    match rng.random_range(0..10) {
        0 | 1 => drop(history.undo()?),
        2 => drop(history.redo()?),
        3 => drop(history.jump(rng.random_range(0..=history.steps().len()))?),
        4 => history.note("Reviewed", "structure 3 accepted")?,
        6 => {
            let delta = random_edit(history.grid(), rng);
            if let Some(made) = history.aside().edit("Grow, Liver", "2 mm", &delta)? {
                history.adopt(made)?;
            }
        }
        5 if history.done() > 0 && history.done() == history.steps().len() => {
            let delta = random_edit(history.grid(), rng);
            history.more(&delta)?;
        }
        _ => {
            let delta = random_edit(history.grid(), rng);
            history.edit("Brush, Liver", "radius 4 mm", &delta)?;
        }
    }
    Ok(history.records() > before)
}

fn same(a: &History, b: &History) {
    assert_eq!(a.grid(), b.grid());
    assert_eq!((a.steps(), a.done(), a.notes(), a.records()), (b.steps(), b.done(), b.notes(), b.records()));
}

fn open(path: &Path) -> (History, crate::Recovery) {
    History::open(base(), path).unwrap()
}

#[test]
fn undo_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.vxj");
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let (mut history, recovery) = open(&path);
    assert_eq!(recovery, crate::Recovery::default());
    for round in 0..6 {
        for _ in 0..15 {
            act(&mut history, &mut rng).unwrap();
        }
        history.sync().unwrap();
        let records = history.records();
        let (grid, steps, done, notes) = (history.grid().clone(), history.steps().to_vec(), history.done(), history.notes().to_vec());
        drop(history);
        let (again, recovery) = open(&path);
        assert_eq!((recovery.records, recovery.dropped_bytes, recovery.reason), (records, 0, None), "round {round}");
        assert_eq!((again.grid(), again.steps(), again.done(), again.notes()), (&grid, steps.as_slice(), done, notes.as_slice()));
        history = again;
    }
    // All the way back are the first bytes, and forward the last.
    let last = history.grid().clone();
    let (done, all) = (history.done(), history.steps().len());
    history.jump(0).unwrap();
    assert_eq!(history.grid(), &base());
    history.jump(all).unwrap();
    history.jump(done).unwrap();
    assert_eq!(history.grid(), &last);
    assert!(matches!(history.jump(all + 1), Err(MaskError::Outside { .. })));
}

#[test]
fn steps_say_what_they_did() {
    let folder = tempfile::tempdir().unwrap();
    let mask = crate::tests_edit::grid([1, 2, 5], [2.0, 10.0, 5.0], |_| 1);
    let (mut history, _) = History::open(mask, &folder.path().join("j")).unwrap();
    let change = |start, len, old, new| Delta::from_changes(vec![crate::Change { start, len, old, new }], 10).unwrap();
    history.edit("Erase", "", &change(1, 2, 1, 0)).unwrap();
    let bounds = history.more(&change(6, 1, 1, 2)).unwrap().unwrap();
    assert_eq!((bounds.start_zyx, bounds.end_zyx), ([0, 1, 1], [1, 2, 2]));
    assert_eq!(history.steps().len(), 1);
    let step = history.steps()[0].clone();
    assert_eq!(step.gains.into_iter().collect::<Vec<_>>(), [(0, 2), (1, -3), (2, 1)]);
    assert!((history.ml_change(&history.steps()[0], 1) + 0.3).abs() < 1e-12);
    assert!(history.edit("Nothing", "", &Delta::default()).unwrap().is_none());
    assert_eq!(history.records(), 2);
    history.undo().unwrap();
    assert!(matches!(history.more(&change(0, 1, 1, 2)), Err(MaskError::Nothing(_))));
    // A new edit ends what could be made again.
    history.edit("Other", "", &change(0, 1, 1, 2)).unwrap();
    assert!(history.redo().unwrap().is_none());
    assert_eq!(history.steps().iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["Other"]);
    assert!(matches!(history.edit("Wrong", "", &change(0, 1, 1, 2)), Err(MaskError::NotThisMask { .. })));
    assert!(matches!(history.edit("Wide", "", &change(5, 1, 1, 700)), Err(MaskError::TooWide { .. })));
    history.widen();
    history.edit("Wide", "", &change(5, 1, 1, 700)).unwrap();
    let last = history.grid().clone();
    drop(history);
    let mask = crate::tests_edit::grid([1, 2, 5], [2.0, 10.0, 5.0], |_| 1);
    assert_eq!(History::open(mask, &folder.path().join("j")).unwrap().0.grid(), &last);
}

/// A step written down by another thread is on disk before it is in the voxels, and nothing comes between.
#[test]
fn a_step_is_written_down_beside_the_history() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.vxj");
    let (mut history, _) = open(&path);
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut edit = |history: &History| random_edit(history.grid(), &mut rng);
    let (first, second) = (edit(&history), edit(&history));
    let (early, late) = (history.aside(), history.aside());
    assert!(std::ptr::eq(early.grid(), history.grid()), "nothing is copied to begin with");
    let made = std::thread::spawn(move || early.edit("Grow", "2 mm", &first).unwrap().unwrap()).join().unwrap();
    assert_eq!((history.grid(), history.records(), history.steps().len()), (&base(), 0, 0), "not on screen yet");
    // Both would be worked out from voxels that are about to change.
    assert!(matches!(history.edit("Brush", "", &second), Err(MaskError::Nothing(_))));
    assert!(matches!(late.edit("Smooth", "", &second), Err(MaskError::Nothing(_))));
    history.widen();
    assert!(history.adopt(made).unwrap().is_some());
    assert_eq!((history.steps().len(), history.done(), history.records()), (1, 1, 1));
    assert!(history.grid().max_value() > 255, "room that was made meanwhile stays");
    let third = edit(&history);
    history.edit("Brush", "", &third).unwrap();
    let stale = history.aside();
    history.undo().unwrap();
    let (grid, steps) = (history.grid().clone(), history.steps().to_vec());
    drop(history);
    assert!(matches!(stale.edit("Late", "", &third.inverse()), Err(MaskError::Nothing(_))), "the journal is let go of with its history");
    let (again, recovery) = open(&path);
    assert_eq!((recovery.records, recovery.reason), (3, None));
    assert_eq!((again.steps(), again.done()), (steps.as_slice(), 1));
    assert!((0..grid.len()).all(|index| again.grid().get(index) == grid.get(index)));
}

/// Cut at every byte: the whole records are there, the rest is beside it, and work goes on.
#[test]
fn every_torn_tail_is_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.vxj");
    let (mut history, _) = open(&path);
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut states = vec![(std::fs::metadata(&path).unwrap().len(), history.grid().clone())];
    while states.len() < 12 {
        if act(&mut history, &mut rng).unwrap() {
            states.push((std::fs::metadata(&path).unwrap().len(), history.grid().clone()));
        }
    }
    drop(history);
    let bytes = std::fs::read(&path).unwrap();
    for length in 0..=bytes.len() {
        let path = folder.path().join(format!("cut-{length}.vxj"));
        std::fs::write(&path, &bytes[..length]).unwrap();
        let (mut history, recovery) = open(&path);
        let whole = states.iter().rposition(|(end, _)| *end <= length as u64).unwrap_or(0);
        assert_eq!(history.grid(), &states[whole].1, "cut at {length}");
        assert_eq!(recovery.records, whole as u64);
        let dropped = (length as u64).saturating_sub(states[whole].0);
        assert_eq!(recovery.dropped_bytes, dropped);
        match &recovery.kept_aside {
            None => assert_eq!(dropped, 0),
            Some(aside) => assert_eq!(std::fs::read(aside).unwrap(), bytes[length - dropped as usize..length]),
        }
        history.note("on", "").unwrap();
        let records = history.records();
        drop(history);
        let (_, recovery) = open(&path);
        assert_eq!((recovery.records, recovery.dropped_bytes), (records, 0));
        std::fs::remove_file(&path).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    /// Any byte of a journal changed: it opens to a state it once had, or is refused untouched.
    #[test]
    fn damage_never_makes_a_new_state(seed in 0_u64..8, at in any::<prop::sample::Index>(), flip in 1_u8..=255) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.vxj");
        let (mut history, _) = open(&path);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut states = vec![history.grid().checksum()];
        for _ in 0..10 {
            act(&mut history, &mut rng).unwrap();
            states.push(history.grid().checksum());
        }
        drop(history);
        let mut bytes = std::fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        std::fs::write(&path, &bytes).unwrap();
        match History::open(base(), &path) {
            Ok((history, recovery)) => {
                prop_assert!(states.contains(&history.grid().checksum()));
                prop_assert!(recovery.dropped_bytes > 0 && recovery.kept_aside.is_some());
            }
            Err(MaskError::NotAJournal { .. }) => prop_assert_eq!(std::fs::read(&path).unwrap(), bytes),
            Err(other) => prop_assert!(false, "{other}"),
        }
    }

    /// Records with right checksums and any content: no panic, and what cannot be is dropped.
    #[test]
    fn hostile_records_are_answered(payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..4), kind in 0_u8..7) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.vxj");
        drop(open(&path));
        let mut bytes = std::fs::read(&path).unwrap();
        for (sequence, mut payload) in payloads.into_iter().enumerate() {
            payload.splice(0..0, [sequence as u8, 1, kind]);
            let length = payload.len() as u32;
            let mut crc = crc32fast::Hasher::new();
            crc.update(&length.to_le_bytes());
            crc.update(&payload);
            bytes.extend(length.to_le_bytes());
            bytes.extend(crc.finalize().to_le_bytes());
            bytes.extend(payload);
        }
        bytes.extend([0xff; 9]);
        std::fs::write(&path, &bytes).unwrap();
        let (history, recovery) = open(&path);
        prop_assert!(recovery.dropped_bytes >= 9);
        prop_assert_eq!(history.records(), recovery.records);
    }
}

#[test]
fn other_files_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.vxj");
    for content in [b"short".to_vec(), vec![7; 100]] {
        std::fs::write(&path, &content).unwrap();
        assert!(matches!(History::open(base(), &path), Err(MaskError::NotAJournal { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), content);
    }
    std::fs::remove_file(&path).unwrap();
    let (history, _) = open(&path);
    assert!(matches!(History::open(base(), &path), Err(MaskError::InUse(_))));
    drop(history);
    let other = noise([5, 9, 11], [2.0, 0.8, 1.0], 4);
    assert!(matches!(History::open(other, &path), Err(MaskError::NotAJournal { why: "the edit journal belongs to another mask", .. })));
    assert!(History::open(base(), &folder.path().join("no/such/folder.vxj")).is_err());
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["journal.vxj"]);
}

/// A disk in memory that writes what fits and then says that it is full.
#[derive(Clone, Default)]
struct Disk {
    bytes: Arc<Mutex<Vec<u8>>>,
    room: Arc<Mutex<usize>>,
    stuck: Arc<Mutex<bool>>,
}

impl Store for Disk {
    fn len(&mut self) -> io::Result<u64> {
        Ok(self.bytes.lock().unwrap().len() as u64)
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let bytes = self.bytes.lock().unwrap();
        let from = bytes.get(offset as usize..offset as usize + into.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        into.copy_from_slice(from);
        Ok(())
    }

    fn write_at(&mut self, offset: u64, new: &[u8]) -> io::Result<()> {
        let mut bytes = self.bytes.lock().unwrap();
        assert_eq!(bytes.len() as u64, offset, "nothing is ever written over");
        let fits = self.room.lock().unwrap().saturating_sub(bytes.len()).min(new.len());
        bytes.extend(&new[..fits]);
        if fits == new.len() { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        if *self.stuck.lock().unwrap() {
            return Err(io::ErrorKind::Other.into());
        }
        self.bytes.lock().unwrap().truncate(length as usize);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Full at every possible byte, with and without the file being cut back at once: nothing changes, and it works again with room.
#[test]
fn a_full_disk_loses_nothing() {
    for seed in 0..4 {
        for extra in 0..60 {
            let disk = Disk { bytes: Arc::new(Mutex::new(header(&base()).unwrap().to_vec())), ..Disk::default() };
            *disk.room.lock().unwrap() = usize::MAX;
            let replay = || History::replay(base(), Journal::over(Box::new(disk.clone()), Path::new("j"))).unwrap();
            let mut history = replay().0;
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            for _ in 0..8 {
                act(&mut history, &mut rng).unwrap();
            }
            let before = (history.grid().clone(), history.steps().to_vec(), history.done(), history.records());
            let whole = disk.bytes.lock().unwrap().len();
            *disk.room.lock().unwrap() = whole + extra;
            *disk.stuck.lock().unwrap() = extra % 2 == 1;
            let mut failed = None;
            for _ in 0..40 {
                let grid = history.grid().clone();
                let records = history.records();
                match act(&mut history, &mut rng) {
                    Ok(_) => {}
                    Err(error) => {
                        assert!(error.is_disk_full() || *disk.stuck.lock().unwrap(), "{error}");
                        assert_eq!((history.grid(), history.records()), (&grid, records));
                        failed = Some(grid);
                        break;
                    }
                }
            }
            let grid = failed.expect("forty acts do not fit sixty bytes");
            assert!(history.records() >= before.3);
            // What is on the disk now replays to the state that was shown, torn tail or not.
            let crashed = Disk { bytes: Arc::new(Mutex::new(disk.bytes.lock().unwrap().clone())), ..Disk::default() };
            let (again, _) = History::replay(base(), Journal::over(Box::new(crashed), Path::new("/nonexistent/j"))).unwrap();
            assert_eq!(again.grid(), &grid);
            // Room again: work goes on, and all of it is there.
            *disk.room.lock().unwrap() = usize::MAX;
            *disk.stuck.lock().unwrap() = false;
            for _ in 0..5 {
                act(&mut history, &mut rng).unwrap();
            }
            let (again, recovery) = replay();
            assert_eq!(recovery.dropped_bytes, 0);
            same(&again, &history);
        }
    }
}

/// A damaged tail that cannot be copied aside is neither lost nor written over: appending waits for room.
#[test]
fn a_tail_without_room_is_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    let aside = folder.path().join("later");
    let mut bytes = header(&base()).unwrap().to_vec();
    bytes.extend([9; 20]);
    let disk = Disk { bytes: Arc::new(Mutex::new(bytes.clone())), room: Arc::new(Mutex::new(usize::MAX)), ..Disk::default() };
    let (mut history, recovery) = History::replay(base(), Journal::over(Box::new(disk.clone()), &aside.join("j"))).unwrap();
    assert_eq!((recovery.dropped_bytes, recovery.kept_aside), (20, None));
    assert!(history.note("a", "").is_err());
    assert_eq!(*disk.bytes.lock().unwrap(), bytes);
    std::fs::create_dir(&aside).unwrap();
    history.note("a", "").unwrap();
    let kept: Vec<_> = std::fs::read_dir(&aside).unwrap().map(|e| std::fs::read(e.unwrap().path()).unwrap()).collect();
    assert_eq!(kept, [vec![9; 20]]);
}
