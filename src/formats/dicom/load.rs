//! A series to a scan: sort out what does not belong, stack the rest, decode it.

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::Array3;
use rayon::prelude::*;
use volume::{Scan, Volume};

use super::DicomStudy;
use super::codec::{Codec, is_lossy};
use super::dataset::DataSet;
use super::fault::Fault;
use super::files::{BadFile, Catalogue, load};
use super::frame::{Frame, Placement};
use super::header::Header;
use super::pixels::{check_format, decode_frame, fingerprint};
use super::series::Series;
use super::stack::{Stack, stack};
use super::volumes::{Candidate, NoVolume, main_plane, one_per_position};
use crate::{FormatError, Warning, WarningCode};

/// At least this part of a series' slices must be readable.
const READABLE_SHARE: f64 = 0.75;

/// One slice of the series that can be placed.
#[derive(Clone, Copy)]
struct Slice<'a> {
    header: &'a Header,
    frame: &'a Frame,
    placement: &'a Placement,
}

/// Reads a series of a catalogue into a scan of at most `budget_bytes`.
pub(super) fn load_series(path: &Path, catalogue: &Catalogue, series: &Series, budget_bytes: u64) -> Result<DicomStudy, FormatError> {
    let refuse = |reason: String| FormatError::invalid(path, reason);
    let mut bad = Vec::new();
    let mut slices = usable_slices(catalogue, series, &mut bad);
    loop {
        if (slices.len() as f64) < READABLE_SHARE * series.slices.len() as f64 || slices.is_empty() {
            return Err(refuse(unreadable(&bad, series.slices.len())));
        }
        let mut chosen = match arrange(&slices, budget_bytes) {
            Ok(stack) => stack,
            Err(NoVolume::Mixed(reason)) => return Err(refuse(reason)),
            Err(NoVolume::Pixels((index, fault))) => {
                drop_slices(&mut slices, vec![(index, fault)], &mut bad);
                continue;
            }
        };
        check_budget(path, &chosen, budget_bytes)?;
        let stacked: Vec<Slice<'_>> = chosen.order.iter().map(|index| slices[*index]).collect();
        let (voxels, failures) = decode(&stacked, chosen.geometry.size_zyx, budget_bytes);
        if !failures.is_empty() {
            let failures = failures.into_iter().map(|(z, fault)| (chosen.order[z], fault)).collect();
            drop_slices(&mut slices, failures, &mut bad);
            continue;
        }
        let mut warnings = std::mem::take(&mut chosen.warnings);
        warnings.extend(bad.iter().map(BadFile::warning));
        warnings.extend(value_warnings(&stacked));
        return Ok(DicomStudy {
            scan: voxels_to_scan(chosen, voxels),
            warnings,
            series: series.info.clone(),
            sop_instance_uids: stacked.iter().map(|slice| slice.header.sop_instance_uid.clone()).collect(),
        });
    }
}

/// Slices of a supported kind whose place is known; the others with their reason.
fn usable_slices<'a>(catalogue: &'a Catalogue, series: &Series, bad: &mut Vec<BadFile>) -> Vec<Slice<'a>> {
    let mut slices = Vec::with_capacity(series.slices.len());
    for (header, frame) in &series.slices {
        let header = &catalogue.headers[*header];
        let frame = &header.frames[*frame];
        let supported = Codec::of(&header.transfer_syntax).and_then(|_| check_format(header));
        match supported.and_then(|()| frame.placement.as_ref().map_err(Clone::clone)) {
            Ok(placement) => slices.push(Slice { header, frame, placement }),
            Err(reason) => bad.push(BadFile { path: header.path.clone(), reason }),
        }
    }
    without_rescale(&mut slices, bad);
    slices
}

/// Drops slices that lack a rescale which others of their series state: a guessed one would be off by it.
fn without_rescale(slices: &mut Vec<Slice<'_>>, bad: &mut Vec<BadFile>) {
    let states = |part: usize| slices.iter().any(|slice| slice.frame.rescale.stated[part]);
    let wanted = [states(0), states(1)];
    slices.retain(|slice| {
        let complete = slice.frame.rescale.stated == wanted;
        if !complete {
            let reason = "the rescale that other slices of the series state is missing".to_owned();
            bad.push(BadFile { path: slice.header.path.clone(), reason });
        }
        complete
    });
}

fn unreadable(bad: &[BadFile], of: usize) -> String {
    let first = bad.first().map_or_else(|| "no slice can be read".to_owned(), BadFile::sentence);
    if of == 1 { first } else { format!("{} of {of} slices cannot be used, e.g. {first}", bad.len()) }
}

fn drop_slices(slices: &mut Vec<Slice<'_>>, mut failures: Vec<(usize, Fault)>, bad: &mut Vec<BadFile>) {
    failures.sort_by_key(|failure| std::cmp::Reverse(failure.0));
    for (index, fault) in failures {
        let slice = slices.remove(index);
        bad.push(BadFile { path: slice.header.path.clone(), reason: fault.reason() });
    }
}

/// Picks one volume's slices and stacks them; `order` of the result indexes `slices`.
fn arrange(slices: &[Slice<'_>], budget_bytes: u64) -> Result<Stack, NoVolume<(usize, Fault)>> {
    let candidates: Vec<Candidate<'_>> = slices.iter().filter_map(|slice| Candidate::of(slice.header, slice.frame)).collect();
    let (plane, mut warnings) = main_plane(&candidates).map_err(NoVolume::Mixed)?;
    let in_plane: Vec<Candidate<'_>> = plane.iter().map(|index| candidates[*index]).collect();
    let mut loaded = Loaded { budget_bytes, last: None };
    let mut pixels = |index: usize| loaded.fingerprint(&slices[plane[index]]).map_err(|fault| (plane[index], fault));
    let (kept, more) = one_per_position(&in_plane, &mut pixels)?;
    warnings.extend(more);
    let kept: Vec<usize> = kept.into_iter().map(|index| plane[index]).collect();
    let placements: Vec<Placement> = kept.iter().map(|index| *slices[*index].placement).collect();
    let first = &slices[kept[0]];
    let mut stacked = stack(&placements, first.header.format.size_yx, first.frame.thickness_mm).map_err(NoVolume::Mixed)?;
    stacked.order.iter_mut().for_each(|index| *index = kept[*index]);
    stacked.warnings.splice(0..0, warnings);
    Ok(stacked)
}

/// The last file loaded for comparison: frames of one file follow each other.
struct Loaded<'a> {
    budget_bytes: u64,
    last: Option<(&'a Path, DataSet)>,
}

impl<'a> Loaded<'a> {
    fn fingerprint(&mut self, slice: &Slice<'a>) -> Result<u64, Fault> {
        let path = slice.header.path.as_path();
        let set = match self.last.take() {
            Some((last, set)) if last == path => set,
            _ => load(slice.header, self.budget_bytes)?,
        };
        let (_, set) = self.last.insert((path, set));
        fingerprint(set, slice.header, slice.frame)
    }
}

fn check_budget(path: &Path, chosen: &Stack, budget_bytes: u64) -> Result<(), FormatError> {
    let needed = chosen.geometry.size_zyx.iter().fold(4_u64, |product, size| product.saturating_mul(*size as u64));
    if needed > budget_bytes { Err(Fault::TooLarge { needed, allowed: budget_bytes }.at(path)) } else { Ok(()) }
}

/// Decodes all slices, file by file in parallel; slices that fail come back with their reason.
fn decode(stacked: &[Slice<'_>], size_zyx: [usize; 3], budget_bytes: u64) -> (Vec<f32>, Vec<(usize, Fault)>) {
    let mut voxels = vec![0.0; size_zyx.iter().product()];
    let mut by_file: BTreeMap<&Path, Vec<(usize, &mut [f32])>> = BTreeMap::new();
    for (z, values) in voxels.chunks_exact_mut(size_zyx[1] * size_zyx[2]).enumerate() {
        by_file.entry(&stacked[z].header.path).or_default().push((z, values));
    }
    let failures = by_file
        .into_par_iter()
        .flat_map(|(_, frames)| match load(stacked[frames[0].0].header, budget_bytes) {
            Ok(set) => frames
                .into_par_iter()
                .filter_map(|(z, values)| decode_frame(&set, stacked[z].header, stacked[z].frame, values).err().map(|fault| (z, fault)))
                .collect::<Vec<_>>(),
            Err(fault) => frames.into_iter().map(|(z, _)| (z, Fault::Bad(fault.reason()))).collect(),
        })
        .collect();
    (voxels, failures)
}

fn voxels_to_scan(chosen: Stack, voxels: Vec<f32>) -> Scan {
    let voxels = Array3::from_shape_vec(chosen.geometry.size_zyx, voxels).expect("one chunk per slice");
    Volume::new(chosen.geometry, voxels)
}

fn value_warnings(stacked: &[Slice<'_>]) -> Vec<Warning> {
    let count = |doubtful: &dyn Fn(&Slice<'_>) -> bool| stacked.iter().filter(|slice| doubtful(slice)).count();
    let mut warnings = Vec::new();
    let unscaled = count(&|slice| slice.header.modality == "CT" && slice.frame.rescale.stated != [true; 2]);
    if unscaled > 0 {
        let text = format!("{unscaled} CT slices have no rescale; their stored values are taken for Hounsfield units");
        warnings.push(Warning::new(WarningCode::NoRescale, text));
    }
    let lossy = count(&|slice| is_lossy(&slice.header.transfer_syntax, slice.header.lossy));
    if lossy > 0 {
        warnings.push(Warning::new(WarningCode::LossySource, format!("{lossy} slices went through a lossy codec")));
    }
    warnings
}
