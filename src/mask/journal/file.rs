//! The append-only file: one write per record, a tail that is not whole is kept aside, and a full disk loses nothing.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::format::{HEAD_BYTES, HEADER_BYTES, Kind, Record, checksum, head, header, header_fault};
use crate::error::MaskError;
use crate::grid::LabelGrid;

/// What was found when a journal was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Whole records that were replayed.
    pub records: u64,
    /// Bytes behind them that were not used; 0 after an orderly end.
    pub dropped_bytes: u64,
    /// Why not.
    pub reason: Option<&'static str>,
    /// Where these bytes are now; none while there is no room to copy them, and then they are still in the journal.
    pub kept_aside: Option<PathBuf>,
}

/// A file as the journal needs it; tests put a disk that fills up behind it.
pub(crate) trait Store: Send {
    fn len(&mut self) -> io::Result<u64>;
    fn read_at(&mut self, offset: u64, bytes: &mut [u8]) -> io::Result<()>;
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    fn cut(&mut self, length: u64) -> io::Result<()>;
    fn sync(&mut self) -> io::Result<()>;
    /// Lets another open the file.
    fn release(&mut self) {}
}

impl Store for File {
    fn len(&mut self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&mut self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.seek(SeekFrom::Start(offset))?;
        self.read_exact(bytes)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.seek(SeekFrom::Start(offset))?;
        self.write_all(bytes)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn release(&mut self) {
        // Closing is not enough: a process being started just now holds a copy of the handle until it runs its own program.
        let _ = self.unlock();
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.store.release();
    }
}

/// Where a record lies in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    offset: u64,
}

/// An open journal.
pub(crate) struct Journal {
    store: Box<dyn Store>,
    path: PathBuf,
    /// Where the next record goes: right behind the last whole one.
    end: u64,
    next_sequence: u64,
    /// Whether there may be bytes behind `end`.
    tail: Tail,
}

/// What lies at the end of what was replayed so far.
pub(super) enum Found {
    /// Nothing.
    End,
    /// A whole record.
    Record(Place, Record),
    /// Bytes that are none, and why.
    Broken(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tail {
    /// The file ends at `end`.
    None,
    /// Part of a record whose writing failed; nobody was told that it is saved.
    Unfinished,
    /// Found when opening; copied aside before anything is written over it.
    Foreign,
}

impl Journal {
    /// Opens the journal of `base`, or makes it. Nobody else may have it open. Returns records through [`Journal::next`].
    pub(super) fn open(path: &Path, base: &LabelGrid) -> Result<Self, MaskError> {
        let at = |source| MaskError::File { path: path.to_owned(), source };
        let expected = header(base)?;
        let mut file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => create(path, &expected).map_err(at)?,
            Err(error) => return Err(at(error)),
        };
        lock(&file, path)?;
        let length = Store::len(&mut file).map_err(at)?;
        if length < HEADER_BYTES as u64 {
            // It cannot hold a record. An empty file or the beginning of this very header is replaced, anything else is not ours.
            let mut begun = vec![0; length as usize];
            file.read_at(0, &mut begun).map_err(at)?;
            if !expected.starts_with(&begun) {
                return Err(MaskError::NotAJournal { path: path.to_owned(), why: "this is not an edit journal" });
            }
            drop(file);
            file = create(path, &expected).map_err(at)?;
            lock(&file, path)?;
        }
        let mut found = [0; HEADER_BYTES];
        file.read_at(0, &mut found).map_err(at)?;
        if let Some(why) = header_fault(&found, &expected) {
            return Err(MaskError::NotAJournal { path: path.to_owned(), why });
        }
        Ok(Self::over(Box::new(file), path))
    }

    /// A journal whose header is known to be right.
    pub(crate) fn over(store: Box<dyn Store>, path: &Path) -> Self {
        Self { store, path: path.to_owned(), end: HEADER_BYTES as u64, next_sequence: 0, tail: Tail::None }
    }

    /// The next record while replaying.
    pub(super) fn next(&mut self) -> Result<Found, MaskError> {
        let length = self.store.len().map_err(|e| self.failed(e))?;
        let left = length.saturating_sub(self.end);
        if left == 0 {
            return Ok(Found::End);
        }
        const TORN: Found = Found::Broken("the last record is not complete");
        let mut bytes = [0; HEAD_BYTES];
        if left < HEAD_BYTES as u64 {
            return Ok(TORN);
        }
        self.store.read_at(self.end, &mut bytes).map_err(|e| self.failed(e))?;
        let (payload, _) = head(bytes);
        if u64::from(payload) > left - HEAD_BYTES as u64 {
            return Ok(TORN);
        }
        let place = Place { offset: self.end };
        Ok(match self.read(place)? {
            Some(record) if record.sequence == self.next_sequence => Found::Record(place, record),
            Some(_) => Found::Broken("a record is out of order"),
            None => Found::Broken("a record is damaged"),
        })
    }

    /// The record that [`Journal::next`] gave was of use.
    pub(super) fn accept(&mut self, place: Place) -> Result<(), MaskError> {
        let mut bytes = [0; HEAD_BYTES];
        self.store.read_at(place.offset, &mut bytes).map_err(|e| self.failed(e))?;
        self.end = place.offset + HEAD_BYTES as u64 + u64::from(head(bytes).0);
        self.next_sequence += 1;
        Ok(())
    }

    /// Ends replaying: what lies behind the last accepted record is copied aside and cut off.
    ///
    /// Without room for the copy it stays where it is, and the next append tries again before it writes.
    pub(super) fn settle_tail(&mut self, reason: &'static str) -> Result<Recovery, MaskError> {
        let length = self.store.len().map_err(|e| self.failed(e))?;
        self.tail = Tail::Foreign;
        let dropped_bytes = length.saturating_sub(self.end);
        let kept_aside = self.clear_tail().ok().flatten();
        Ok(Recovery { records: self.next_sequence, dropped_bytes, reason: Some(reason), kept_aside })
    }

    /// How many records there are.
    pub(super) fn records(&self) -> u64 {
        self.next_sequence
    }

    /// Reads a record; none if it is damaged.
    pub(super) fn read(&mut self, place: Place) -> Result<Option<Record>, MaskError> {
        let mut bytes = [0; HEAD_BYTES];
        self.store.read_at(place.offset, &mut bytes).map_err(|e| self.failed(e))?;
        let (length, crc) = head(bytes);
        let there = self.store.len().map_err(|e| self.failed(e))?;
        if u64::from(length) > there.saturating_sub(place.offset + HEAD_BYTES as u64) {
            return Ok(None);
        }
        let mut payload = vec![0; length as usize];
        self.store.read_at(place.offset + HEAD_BYTES as u64, &mut payload).map_err(|e| self.failed(e))?;
        Ok((checksum(length, &payload) == crc).then(|| Record::decode(&payload)).flatten())
    }

    /// Writes a record in one write. When it returns, the record outlives this process; [`Journal::sync`] makes it outlive the machine.
    pub(super) fn append(&mut self, kind: Kind, name: &str, detail: &str, delta: Vec<u8>) -> Result<(Place, u64), MaskError> {
        self.clear_tail().map_err(|e| self.failed(e))?;
        let time_utc_ms = now_utc_ms();
        let record = Record { sequence: self.next_sequence, time_utc_ms, kind, name: name.to_owned(), detail: detail.to_owned(), delta };
        let bytes = record.encode()?;
        let place = Place { offset: self.end };
        if let Err(error) = self.store.write_at(self.end, &bytes) {
            self.tail = Tail::Unfinished;
            // If cutting fails too, the next append cuts before it writes, and opening drops what is not whole.
            let _ = self.clear_tail();
            return Err(self.failed(error));
        }
        self.end += bytes.len() as u64;
        self.next_sequence += 1;
        Ok((place, time_utc_ms))
    }

    /// Waits until everything is on the disk itself.
    pub(super) fn sync(&mut self) -> Result<(), MaskError> {
        self.store.sync().map_err(|e| self.failed(e))
    }

    /// Makes the file end behind the last whole record.
    fn clear_tail(&mut self) -> io::Result<Option<PathBuf>> {
        let kept = match self.tail {
            Tail::None => return Ok(None),
            Tail::Unfinished => None,
            Tail::Foreign => Some(self.keep_aside()?),
        };
        self.store.cut(self.end)?;
        self.tail = Tail::None;
        Ok(kept)
    }

    /// Copies the tail into a new file beside the journal.
    fn keep_aside(&mut self) -> io::Result<PathBuf> {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".torn-{}", now_utc_ms()));
        let path = PathBuf::from(name);
        let copied = (|| {
            let mut aside = OpenOptions::new().write(true).create_new(true).open(&path)?;
            let length = self.store.len()?;
            let mut at = self.end;
            while at < length {
                let mut piece = vec![0; (length - at).min(1 << 20) as usize];
                self.store.read_at(at, &mut piece)?;
                aside.write_all(&piece)?;
                at += piece.len() as u64;
            }
            aside.sync_all()
        })();
        match copied {
            Ok(()) => Ok(path),
            Err(error) => {
                if error.kind() != io::ErrorKind::AlreadyExists {
                    let _ = std::fs::remove_file(&path);
                }
                Err(error)
            }
        }
    }

    fn failed(&self, source: io::Error) -> MaskError {
        MaskError::File { path: self.path.clone(), source }
    }
}

/// A new journal appears whole or not at all.
fn create(path: &Path, header: &[u8]) -> io::Result<File> {
    let mut name = path.to_owned().into_os_string();
    name.push(format!(".new-{}", std::process::id()));
    let new = PathBuf::from(name);
    let made = (|| {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&new)?;
        file.write_all(header)?;
        file.sync_all()?;
        std::fs::rename(&new, path)?;
        Ok(file)
    })();
    if made.is_err() {
        let _ = std::fs::remove_file(&new);
    }
    made
}

/// Keeps a second window from appending to the same journal. File systems without locks are used without.
fn lock(file: &File, path: &Path) -> Result<(), MaskError> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(MaskError::InUse(path.to_owned())),
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

fn now_utc_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
