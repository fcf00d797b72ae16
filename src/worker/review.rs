//! `review`: every structure of a layer measured, the one most worth looking at first.

use std::sync::atomic::Ordering;

use jobs::case::{ReviewFile, StructureReview, Swap};
use jobs::{Failure, ReviewJob, Stage};
use mask::Watch;
use mask::measure::{Measure, measure, swapped_sides};
use volume::{Geometry, orientation_of};

use crate::layers::{Mask, open_case, operation, unreadable, unwritable};
use crate::run::Run;
use crate::usual;

/// Doubt from which a voxel counts as doubtful: the second likeliest structure is half as likely as the first.
const DOUBTFUL: u8 = 128;

/// Share of doubtful voxels from which doubt is the reason given.
const MUCH_DOUBT: f32 = 0.2;

/// What the score is multiplied by when left and right look swapped, when the volume is out of range, and per piece too many.
const SWAPPED: f32 = 0.3;
const OUT_OF_RANGE: f32 = 0.8;
const PER_PIECE: f32 = 0.93;
/// Pieces beyond this many make it no worse.
const MOST_PIECES: i32 = 6;

/// Measures and writes `review.json`; decisions and notes that are there stay.
pub(crate) fn review(job: &ReviewJob, run: &mut Run<'_>) -> Result<(), Failure> {
    run.stage(Stage::Measuring)?;
    let case = open_case(&job.case)?;
    let mask = case.mask(job.layer)?;
    let image = case.image()?;
    let doubt = mask.folder.map_doubt(case.file.geometry.size_zyx).map_err(|error| unreadable("the doubt map", &error))?;
    let [_, ny, nx] = case.file.geometry.size_zyx;
    let value_at = |index: usize| image.value([index / (ny * nx), index / nx % ny, index % nx]);
    let cancel = run.cancel_flag();
    let going_on = |_: f32| !cancel.load(Ordering::Relaxed);
    let measures = measure(&mask.grid, Some(&value_at), Watch::new(&going_on)).map_err(|error| operation(&error))?;
    run.check_cancelled()?;
    let slices = Slices::of(&mask, doubt.as_ref().and_then(|doubt| doubt.as_u8()));
    let swapped = swapped_sides(&mask.file.table, &measures);
    let old = mask.folder.read_review().unwrap_or_default().unwrap_or_default();
    let mut structures = Vec::new();
    for label in mask.file.table.iter() {
        let known = old.structures.iter().find(|structure| structure.value == label.value);
        let measured = measures.iter().find(|measure| measure.value == label.value);
        let swap = if swapped.iter().any(|pair| [pair.left, pair.right].contains(&label.value)) { Swap::Swapped } else { Swap::Right };
        let mut structure = structure(label.value, &label.name, measured, swap, &slices, &case.file.geometry);
        if let Some(known) = known {
            structure.decision = known.decision;
            structure.decided_at.clone_from(&known.decided_at);
            structure.note.clone_from(&known.note);
        }
        structures.push(structure);
    }
    // What is absent comes last: there is nothing to look at.
    structures.sort_by(|a, b| (a.voxels == 0).cmp(&(b.voxels == 0)).then(a.score.total_cmp(&b.score)));
    let review = ReviewFile { structures, edits: old.edits, reviewer: old.reviewer };
    mask.folder.write_review(&review).map_err(|error| unwritable("the review", &error))
}

fn structure(value: u16, name: &str, measured: Option<&Measure>, swap: Swap, slices: &Slices, geometry: &Geometry) -> StructureReview {
    let usual_ml = usual::volume_ml(name);
    let found = slices.of_value(value);
    let found = found.as_ref();
    let mut structure = StructureReview {
        value,
        name: name.to_owned(),
        voxels: measured.map_or(0, |measured| measured.voxels),
        volume_ml: measured.map_or(0.0, |measured| measured.ml),
        mean: measured.and_then(|measured| measured.mean).unwrap_or(0.0),
        sd: measured.and_then(|measured| measured.sd).unwrap_or(0.0),
        largest_diameter_mm: measured.map_or(0.0, |measured| measured.diameter_mm),
        pieces: measured.map_or(0, |measured| measured.pieces),
        cut_by_edge: measured.is_some_and(|measured| measured.cut),
        cut_edge: measured.filter(|measured| measured.cut).and_then(|measured| cut_edge(measured, geometry)),
        certainty: found.and_then(|found| found.certainty),
        doubtful_share: found.and_then(|found| found.doubtful_share),
        focus_zyx: found.map_or([0; 3], |found| found.focus_zyx),
        swap,
        usual_ml,
        score: 1.0,
        reason: String::new(),
        decision: Default::default(),
        decided_at: None,
        note: String::new(),
    };
    structure.score = score(&structure);
    structure.reason = reason(&structure);
    structure
}

/// Whether its volume can be compared with the usual range and lies outside.
fn out_of_range(structure: &StructureReview) -> bool {
    // A cut structure is only known to be larger than measured.
    structure.usual_ml.is_some_and(|[least, most]| structure.volume_ml > most || (structure.volume_ml < least && !structure.cut_by_edge))
}

fn score(structure: &StructureReview) -> f32 {
    let pieces = (structure.pieces as i32 - 1).clamp(0, MOST_PIECES);
    let mut score = structure.certainty.unwrap_or(1.0) * PER_PIECE.powi(pieces);
    if structure.swap == Swap::Swapped {
        score *= SWAPPED;
    }
    if out_of_range(structure) {
        score *= OUT_OF_RANGE;
    }
    score
}

/// The heaviest reason for its place, in a few words.
fn reason(structure: &StructureReview) -> String {
    let doubt = structure.doubtful_share.unwrap_or(0.0);
    if structure.voxels == 0 {
        "not found".to_owned()
    } else if structure.swap == Swap::Swapped {
        "Left and right look swapped".to_owned()
    } else if out_of_range(structure) {
        "Volume outside the usual range".to_owned()
    } else if doubt >= MUCH_DOUBT {
        format!("{:.0} % of it in doubt", doubt * 100.0)
    } else if structure.pieces > 1 {
        format!("{} pieces", structure.pieces)
    } else if let Some(edge) = &structure.cut_edge {
        format!("Cut by {edge} edge")
    } else {
        String::new()
    }
}

/// The edge of the image a structure touches, as the patient lies; the first where there are several.
fn cut_edge(measured: &Measure, geometry: &Geometry) -> Option<String> {
    let codes = orientation_of(geometry).axes_xyz();
    // Feet and head first: scans end there on purpose.
    let axis = (0..3).filter(|axis| touches(measured, geometry, *axis) != [false; 2]).min_by_key(|axis| *axis)?;
    let rising = codes[2 - axis].letter();
    let [low, high] = touches(measured, geometry, axis);
    let letter = if high { rising } else { opposite(rising) };
    debug_assert!(low || high);
    let edge = match letter {
        'S' => "upper",
        'I' => "lower",
        'L' => "left",
        'R' => "right",
        'A' => "front",
        _ => "back",
    };
    Some(edge.to_owned())
}

fn touches(measured: &Measure, geometry: &Geometry, axis: usize) -> [bool; 2] {
    [measured.bounds.start_zyx[axis] == 0, measured.bounds.end_zyx[axis] == geometry.size_zyx[axis]]
}

fn opposite(letter: char) -> char {
    match letter {
        'S' => 'I',
        'I' => 'S',
        'L' => 'R',
        'R' => 'L',
        'A' => 'P',
        _ => 'A',
    }
}

/// What a structure's slices say.
struct Found {
    certainty: Option<f32>,
    doubtful_share: Option<f32>,
    focus_zyx: [usize; 3],
}

/// Sums over the axial slices of every label.
struct Slices {
    /// Array axis that axial slices follow.
    axis: usize,
    /// By value: per slice weight, and the weighted sum of the index.
    sums: Vec<Option<Vec<Slice>>>,
    with_doubt: bool,
}

#[derive(Clone, Default)]
struct Slice {
    voxels: u64,
    doubt: u64,
    doubtful: u64,
    /// Sum of the voxel indices, weighted by doubt where there is any; else plain.
    moment: [u64; 3],
    weight: u64,
}

impl Slices {
    fn of(mask: &Mask, doubt: Option<&[u8]>) -> Self {
        let geometry = mask.grid.geometry();
        let codes = orientation_of(geometry).axes_xyz();
        let axis = (0..3).find(|axis| matches!(codes[2 - axis].letter(), 'S' | 'I')).unwrap_or(0);
        let count = geometry.size_zyx[axis];
        let mut sums: Vec<Option<Vec<Slice>>> = vec![None; usize::from(u16::MAX) + 1];
        for index in 0..mask.grid.len() {
            let value = mask.grid.get(index);
            if value == 0 {
                continue;
            }
            let at = mask.grid.zyx_of(index);
            let slice = &mut sums[usize::from(value)].get_or_insert_with(|| vec![Slice::default(); count])[at[axis]];
            let here = doubt.map_or(1, |doubt| u64::from(doubt[index]));
            slice.voxels += 1;
            slice.doubt += here;
            slice.doubtful += u64::from(doubt.is_some_and(|doubt| doubt[index] >= DOUBTFUL));
            // One more than the doubt, so that a slice without any still has a middle.
            slice.weight += here + 1;
            slice.moment = std::array::from_fn(|axis| slice.moment[axis] + (here + 1) * at[axis] as u64);
        }
        Self { axis, sums, with_doubt: doubt.is_some() }
    }

    fn of_value(&self, value: u16) -> Option<Found> {
        let slices = self.sums[usize::from(value)].as_ref()?;
        let (best, slice) = slices.iter().enumerate().max_by_key(|(_, slice)| if self.with_doubt { slice.doubt } else { slice.voxels })?;
        let mut focus_zyx = slice.moment.map(|moment| (moment / slice.weight.max(1)) as usize);
        focus_zyx[self.axis] = best;
        let total = |part: fn(&Slice) -> u64| slices.iter().map(part).sum::<u64>() as f32;
        let voxels = total(|slice| slice.voxels).max(1.0);
        Some(Found {
            certainty: self.with_doubt.then(|| 1.0 - total(|slice| slice.doubt) / voxels / 255.0),
            doubtful_share: self.with_doubt.then(|| total(|slice| slice.doubtful) / voxels),
            focus_zyx,
        })
    }
}
