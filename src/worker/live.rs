//! A layer that fills while its run goes on: finished parts are written into its files in place, and the window is told.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write};
use std::time::{Duration, Instant};

use jobs::Event;
use jobs::case::{CaseFolder, LabelWidth, LayerFile, LayerFolder, LayerKind, LayerState, Unfinished};
use ndarray::{Array3, ArrayView3, s};
use pipeline::{FinishedPart, HandedOn, TilePlace};
use volume::Region;

use crate::run::Run;

/// Shortest time between two announcements.
const PAUSE: Duration = Duration::from_millis(250);

/// Shortest time between two notes of how far the layer is, each of which waits for the disk.
const MARK_PAUSE: Duration = Duration::from_secs(2);

/// Voxels that may wait to be written.
const MOST_WAITING: usize = 16 << 20;

/// The layer.
pub(crate) struct LiveLayer {
    folder: LayerFolder,
    file: LayerFile,
    size_zyx: [usize; 3],
    labels: File,
    doubt: File,
    /// Whether a value is kept; all are where nothing was chosen.
    kept: Option<Vec<bool>>,
    /// Neighbouring parts that make a box.
    waiting: Vec<(Region, Array3<u16>, Array3<u8>)>,
    waiting_box: Region,
    written: Instant,
    /// What was handed over, and may wait to be written.
    handed_over: Option<HandedOn>,
    /// When it was last noted how far the layer is.
    marked: Option<Instant>,
    /// Network runs done, and in all.
    runs: [usize; 2],
    /// Network runs that an earlier run has done.
    runs_before: Option<usize>,
    settled: bool,
}

impl LiveLayer {
    /// Makes the layer with empty voxel files of full length, so that a full disk shows now and not after minutes of work.
    pub(crate) fn create(case: &CaseFolder, size_zyx: [usize; 3], file: LayerFile) -> io::Result<Self> {
        let folder = case.create_layer()?;
        let made = Self::fill_folder(&folder, size_zyx, &file);
        let (labels, doubt) = made.inspect_err(|_| {
            // A layer that was never there is better than half of one.
            fs::remove_dir_all(folder.path()).ok();
        })?;
        Ok(Self::new(folder, file, size_zyx, labels, doubt))
    }

    /// Goes on with a layer that an earlier run left unfinished; none where that was another model, other settings, or another grid.
    pub(crate) fn resume(case: &CaseFolder, number: u32, size_zyx: [usize; 3], wanted: &LayerFile) -> Option<Self> {
        let folder = case.layer(number);
        let mut file = folder.read().ok()?;
        let (had, want) = (file.unfinished.as_deref()?, wanted.unfinished.as_deref()?);
        let same = Unfinished { in_planes: had.in_planes, count: had.count, ..want.clone() } == *had;
        let open = |path, bytes: usize| {
            let file = OpenOptions::new().write(true).open(path).ok()?;
            (file.metadata().ok()?.len() == bytes as u64).then_some(file)
        };
        let voxels: usize = size_zyx.iter().product();
        let labels = open(folder.labels_path(), voxels * file.width.voxel_type().bytes())?;
        let doubt = open(folder.doubt_path(), voxels)?;
        if !same || file.kind != LayerKind::Model || file.state == LayerState::Complete || file.width != wanted.width {
            return None;
        }
        file.state = LayerState::Running;
        folder.write(&file).ok()?;
        Some(Self::new(folder, file, size_zyx, labels, doubt))
    }

    fn new(folder: LayerFolder, file: LayerFile, size_zyx: [usize; 3], labels: File, doubt: File) -> Self {
        let structures = file.unfinished.as_ref().and_then(|unfinished| unfinished.structures.as_ref());
        Self {
            kept: structures.map(|kept| (0..=u16::MAX).map(|value| kept.contains(&value)).collect()),
            folder,
            file,
            size_zyx,
            labels,
            doubt,
            waiting: Vec::new(),
            waiting_box: Region { start_zyx: [0; 3], end_zyx: [0; 3] },
            written: Instant::now(),
            handed_over: None,
            marked: None,
            runs: [0, 1],
            runs_before: None,
            settled: false,
        }
    }

    fn fill_folder(folder: &LayerFolder, size_zyx: [usize; 3], file: &LayerFile) -> io::Result<(File, File)> {
        let voxels: usize = size_zyx.iter().product();
        let labels = zeros(&folder.labels_path(), voxels * file.width.voxel_type().bytes())?;
        let doubt = zeros(&folder.doubt_path(), voxels)?;
        folder.write(file)?;
        // Hundreds of megabytes of zeros take the disk a second; the first note of how far the layer is should not wait for them.
        for file in [&labels, &doubt] {
            let file = file.try_clone()?;
            std::thread::spawn(move || file.sync_data());
        }
        Ok((labels, doubt))
    }

    /// Its number.
    pub(crate) fn number(&self) -> u32 {
        self.folder.number()
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &LayerFolder {
        &self.folder
    }

    /// Network runs of this run: all, or those that an earlier one has not done.
    pub(crate) fn runs(&self) -> usize {
        self.runs[1] - self.runs_before.unwrap_or(0)
    }

    /// How much an earlier run has finished.
    pub(crate) fn handed_on(&self) -> Option<HandedOn> {
        let Unfinished { in_planes, count, .. } = *self.file.unfinished.as_deref()?;
        (count > 0).then_some(HandedOn { in_planes, count })
    }

    /// A tile is about to run.
    pub(crate) fn tile(&mut self, tile: &TilePlace, run: &mut Run<'_>) {
        self.runs = [tile.run, tile.runs];
        self.runs_before.get_or_insert(tile.run);
        run.send(Event::Tile { index: tile.run as u64, total: tile.runs as u64, region: tile.region });
        if self.written.elapsed() >= PAUSE
            && let Err(error) = self.write_waiting(run)
        {
            // The same error ends the run at its next part or at its end.
            tracing::warn!("a finished part cannot be written yet: {error}");
        }
    }

    /// A part is final.
    pub(crate) fn part(&mut self, part: &FinishedPart<'_>, run: &mut Run<'_>) -> io::Result<()> {
        let grown = if self.waiting.is_empty() { Some(part.region) } else { joined(&self.waiting_box, &part.region) };
        match grown {
            Some(grown) => self.waiting_box = grown,
            None => {
                self.write_waiting(run)?;
                self.waiting_box = part.region;
            }
        }
        let (mut labels, mut doubt) = (part.labels.to_owned(), part.doubt.to_owned());
        if let Some(kept) = &self.kept {
            for (label, doubt) in labels.iter_mut().zip(&mut doubt) {
                if *label != 0 && !kept[usize::from(*label)] {
                    (*label, *doubt) = (0, 0);
                }
            }
        }
        self.waiting.push((part.region, labels, doubt));
        self.handed_over = Some(part.handed_on);
        let waiting: usize = self.waiting_box.size_zyx().iter().product();
        if waiting >= MOST_WAITING || (part.last && self.written.elapsed() >= PAUSE) {
            self.write_waiting(run)?;
        }
        Ok(())
    }

    /// Writes what waits and tells the window.
    fn write_waiting(&mut self, run: &mut Run<'_>) -> io::Result<()> {
        let region = self.waiting_box;
        if self.write_box()? {
            run.send(Event::Labels { region });
            if self.marked.is_none_or(|marked| marked.elapsed() >= MARK_PAUSE) {
                self.mark()?;
            }
        }
        Ok(())
    }

    /// Notes how far the layer is, after the disk has what the note says: a run that broke goes on from here.
    fn mark(&mut self) -> io::Result<()> {
        self.labels.sync_data()?;
        self.doubt.sync_data()?;
        if let (Some(unfinished), Some(HandedOn { in_planes, count })) = (&mut self.file.unfinished, self.handed_over) {
            (unfinished.in_planes, unfinished.count) = (in_planes, count);
        }
        self.marked = Some(Instant::now());
        self.write_file()
    }

    fn write_file(&mut self) -> io::Result<()> {
        if self.runs_before.is_some() {
            self.file.done = self.runs[0] as f32 / self.runs[1].max(1) as f32;
        }
        self.folder.write(&self.file)
    }

    /// Writes what waits; whether anything did. What could not be written goes on waiting.
    fn write_box(&mut self) -> io::Result<bool> {
        if self.waiting.is_empty() {
            return Ok(false);
        }
        let region = self.waiting_box;
        let size = region.size_zyx();
        let (mut labels, mut doubt) = (Array3::<u16>::zeros(size), Array3::<u8>::zeros(size));
        for (part, part_labels, part_doubt) in &self.waiting {
            let range = |a: usize| part.start_zyx[a] - region.start_zyx[a]..part.end_zyx[a] - region.start_zyx[a];
            labels.slice_mut(s![range(0), range(1), range(2)]).assign(part_labels);
            doubt.slice_mut(s![range(0), range(1), range(2)]).assign(part_doubt);
        }
        match self.file.width {
            LabelWidth::U8 => write_into(&mut self.labels, self.size_zyx, region, labels.view(), |label| [label as u8])?,
            LabelWidth::U16 => write_into(&mut self.labels, self.size_zyx, region, labels.view(), u16::to_le_bytes)?,
        }
        write_into(&mut self.doubt, self.size_zyx, region, doubt.view(), |doubt| [doubt])?;
        self.waiting.clear();
        self.written = Instant::now();
        Ok(true)
    }

    /// Writes the rest; the voxels are then whole and on disk.
    pub(crate) fn finish_voxels(&mut self, run: &mut Run<'_>) -> io::Result<()> {
        self.write_waiting(run)?;
        self.labels.sync_all()?;
        self.doubt.sync_all()
    }

    /// The layer is whole.
    pub(crate) fn complete(&mut self, finish: impl FnOnce(&mut LayerFile)) -> io::Result<()> {
        let mut file = LayerFile { state: LayerState::Complete, done: 1.0, unfinished: None, ..self.file.clone() };
        finish(&mut file);
        self.folder.write(&file)?;
        self.settled = true;
        Ok(())
    }
}

impl Drop for LiveLayer {
    /// A run that was stopped, failed or broke leaves what it finished.
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        // What is written here may not be on the disk yet, and waiting for that would keep whoever cancelled waiting: the last note of
        // how far the layer is stays as it is.
        self.file.state = LayerState::Partial;
        let kept = self.write_box().and_then(|_| self.write_file());
        if let Err(error) = kept {
            tracing::warn!("the finished part of a layer could not be marked: {error}");
        }
    }
}

/// A file of zeros that really takes its place on disk.
fn zeros(path: &std::path::Path, bytes: usize) -> io::Result<File> {
    let mut out = BufWriter::with_capacity(1 << 16, File::create_new(path)?);
    let chunk = [0; 1 << 16];
    let mut left = bytes;
    while left > 0 {
        let part = left.min(chunk.len());
        out.write_all(&chunk[..part])?;
        left -= part;
    }
    Ok(out.into_inner()?)
}

/// The box both make together, if they make one.
fn joined(a: &Region, b: &Region) -> Option<Region> {
    let differ: Vec<usize> = (0..3).filter(|axis| a.range(*axis) != b.range(*axis)).collect();
    let [axis] = differ[..] else { return None };
    let touch = a.end_zyx[axis] == b.start_zyx[axis] || b.end_zyx[axis] == a.start_zyx[axis];
    let both = Region {
        start_zyx: std::array::from_fn(|a_| a.start_zyx[a_].min(b.start_zyx[a_])),
        end_zyx: std::array::from_fn(|a_| a.end_zyx[a_].max(b.end_zyx[a_])),
    };
    touch.then_some(both)
}

/// Writes a box of voxels into a file that holds the whole grid, in as few pieces as lie together there.
fn write_into<T: Copy, const N: usize>(
    file: &mut File,
    size_zyx: [usize; 3],
    region: Region,
    values: ArrayView3<'_, T>,
    bytes_of: impl Fn(T) -> [u8; N],
) -> io::Result<()> {
    let [_, ny, nx] = size_zyx;
    let [sz, sy, sx] = region.size_zyx();
    let bytes: Vec<u8> = values.iter().flat_map(|value| bytes_of(*value)).collect();
    let rows = if sx < nx {
        1
    } else if sy < ny {
        sy
    } else {
        sy * sz
    };
    for (piece, bytes) in bytes.chunks(rows * sx * N).enumerate() {
        let row = piece * rows;
        let (z, y) = (region.start_zyx[0] + row / sy, region.start_zyx[1] + row % sy);
        let at = (z * ny + y) * nx + region.start_zyx[2];
        file.seek(SeekFrom::Start((at * N) as u64))?;
        file.write_all(bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_land_where_they_belong() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.raw");
        let size = [3, 4, 5];
        for (start_zyx, end_zyx) in [([0; 3], size), ([1, 0, 0], [3, 4, 5]), ([1, 1, 0], [3, 3, 5]), ([0, 1, 2], [3, 4, 4])] {
            let mut file = zeros(&path, 120).unwrap();
            let region = Region { start_zyx, end_zyx };
            let mut next = 0_u16;
            let values = Array3::from_shape_simple_fn(region.size_zyx(), || {
                next += 300;
                next
            });
            write_into(&mut file, size, region, values.view(), u16::to_le_bytes).unwrap();
            let mut wanted = Array3::<u16>::zeros(size);
            wanted.slice_mut(s![region.range(0), region.range(1), region.range(2)]).assign(&values);
            let found: Vec<u16> = fs::read(&path).unwrap().chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]])).collect();
            assert_eq!(found, wanted.iter().copied().collect::<Vec<_>>(), "{region:?}");
            fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn only_neighbours_of_one_cross_section_are_joined() {
        let region = |start_zyx, end_zyx| Region { start_zyx, end_zyx };
        let a = region([0, 0, 0], [1, 4, 4]);
        assert_eq!(joined(&a, &region([1, 0, 0], [2, 4, 4])), Some(region([0, 0, 0], [2, 4, 4])));
        assert_eq!(joined(&region([2, 0, 0], [3, 4, 4]), &region([1, 0, 0], [2, 4, 4])), Some(region([1, 0, 0], [3, 4, 4])));
        assert_eq!(joined(&a, &region([2, 0, 0], [3, 4, 4])), None);
        assert_eq!(joined(&a, &region([1, 0, 0], [2, 4, 3])), None);
    }
}
