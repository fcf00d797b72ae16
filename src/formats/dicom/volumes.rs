//! One volume out of a series: leaves out slices that do not belong, and separates echoes, time points and copies.

use std::collections::HashSet;

use glam::DVec3;

use super::frame::{FrameKeys, Placement};
use crate::{Warning, WarningCode};

/// Direction cosines of one stack agree this well; more is a different plane.
const SAME_DIRECTION: f64 = 1e-4;
/// Pixel spacings of one stack agree this well (relative).
const SAME_SPACING: f64 = 1e-4;
/// Up to this part of the slices may be left out as not belonging.
const ODD_SHARE: f64 = 0.10;
/// Positions closer than this are the same.
const SAME_POSITION_MM: f64 = 0.01;

/// One slice as this step sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub(super) placement: &'a Placement,
    pub(super) keys: &'a FrameKeys,
    pub(super) size_yx: [usize; 2],
}

/// Indices kept, and what was decided on the way.
pub(super) type Kept = (Vec<usize>, Vec<Warning>);

/// The slices of the series' main plane: equal size, spacing and orientation.
pub(super) fn main_plane(slices: &[Candidate<'_>]) -> Result<Kept, String> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, slice) in slices.iter().enumerate() {
        match groups.iter_mut().find(|group| same_plane(&slices[group[0]], slice)) {
            Some(group) => group.push(index),
            None => groups.push(vec![index]),
        }
    }
    let main = groups.iter().max_by_key(|group| group.len()).cloned().unwrap_or_default();
    let odd = slices.len() - main.len();
    if odd == 0 {
        return Ok((main, Vec::new()));
    }
    if odd as f64 > ODD_SHARE * slices.len() as f64 {
        let sizes: Vec<String> = groups.iter().take(4).map(|group| group.len().to_string()).collect();
        return Err(format!(
            "the series mixes {} kinds of slices (size, spacing, orientation or frame of reference differ; {} slices{}); split it first",
            groups.len(),
            sizes.join(" + "),
            if groups.len() > 4 { " ..." } else { "" }
        ));
    }
    let text = format!("{odd} of {} slices differ in size, spacing, orientation or frame of reference and were left out", slices.len());
    Ok((main, vec![Warning::new(WarningCode::OddSliceOut, text)]))
}

fn same_plane(a: &Candidate<'_>, b: &Candidate<'_>) -> bool {
    let close = |x: DVec3, y: DVec3| (x - y).abs().max_element() < SAME_DIRECTION;
    let spacing = |axis: usize| {
        let (x, y) = (a.placement.spacing_yx_mm[axis], b.placement.spacing_yx_mm[axis]);
        (x - y).abs() <= SAME_SPACING * x
    };
    a.size_yx == b.size_yx
        && close(a.placement.row, b.placement.row)
        && close(a.placement.column, b.placement.column)
        && spacing(0)
        && spacing(1)
        && a.keys.frame_of_reference == b.keys.frame_of_reference
}

/// Identifies a slice's stored values and rescale.
pub(super) type Fingerprint<'a, E> = dyn FnMut(usize) -> Result<u64, E> + 'a;

/// Why no single volume could be separated.
#[derive(Debug)]
pub(super) enum NoVolume<E> {
    /// A sentence.
    Mixed(String),
    /// Comparing pixels failed.
    Pixels(E),
}

/// One slice per position. Attributes that split the series into whole volumes win; then copies are dropped; then the
/// rest is split by attributes or instance order. The first volume is taken.
pub(super) fn one_per_position<E>(slices: &[Candidate<'_>], fingerprint: &mut Fingerprint<'_, E>) -> Result<Kept, NoVolume<E>> {
    let mut places = positions(slices);
    let mut warnings = Vec::new();
    if places.iter().all(|place| place.len() == 1) {
        return Ok((places.concat(), warnings));
    }
    if let Some(kept) = by_attribute(slices, &places) {
        return Ok(kept);
    }
    let dropped = drop_copies(&mut places, fingerprint).map_err(NoVolume::Pixels)?;
    if dropped > 0 {
        warnings.push(Warning::new(WarningCode::Duplicate, format!("{dropped} slices are exact copies of others and were left out")));
    }
    if places.iter().all(|place| place.len() == 1) {
        return Ok((places.concat(), warnings));
    }
    let (kept, more) = by_attribute(slices, &places).or_else(|| by_instance(slices, &places)).ok_or_else(|| {
        let crowded = places.iter().filter(|place| place.len() > 1).count();
        NoVolume::Mixed(format!("{crowded} positions hold several different slices and nothing in the headers tells them apart"))
    })?;
    warnings.extend(more);
    Ok((kept, warnings))
}

/// Slices grouped by position along the normal, in order.
fn positions(slices: &[Candidate<'_>]) -> Vec<Vec<usize>> {
    let Some(first) = slices.first() else { return Vec::new() };
    let normal = first.placement.normal();
    let along = |index: usize| slices[index].placement.pos_lps_mm.dot(normal);
    let mut order: Vec<usize> = (0..slices.len()).collect();
    order.sort_by(|a, b| along(*a).total_cmp(&along(*b)));
    let mut places: Vec<Vec<usize>> = Vec::new();
    for index in order {
        match places.last_mut() {
            Some(place) if along(index) - along(place[0]) < SAME_POSITION_MM => place.push(index),
            _ => places.push(vec![index]),
        }
    }
    places
}

/// Splits by the first attribute that leaves one slice per position in each volume; the fullest volume counts as first.
fn by_attribute(slices: &[Candidate<'_>], places: &[Vec<usize>]) -> Option<Kept> {
    let volumes = places.iter().map(Vec::len).max()?;
    let attributes = slices[places[0][0]].keys.split.len();
    (0..attributes).find_map(|attribute| {
        let mut groups: Vec<(f64, Vec<usize>)> = Vec::new();
        for place in places {
            let mut here: Vec<f64> = Vec::new();
            for index in place {
                let key = slices[*index].keys.split.get(attribute).copied().flatten()?;
                if here.contains(&key) {
                    return None;
                }
                here.push(key);
                match groups.iter().position(|group| group.0 == key) {
                    Some(at) => groups[at].1.push(*index),
                    None if groups.len() < volumes => groups.push((key, vec![*index])),
                    None => return None,
                }
            }
        }
        groups.sort_by(|a, b| b.1.len().cmp(&a.1.len()).then(a.0.total_cmp(&b.0)));
        Some((groups.swap_remove(0).1, vec![first_of(volumes)]))
    })
}

/// Splits by rank in instance order, where every position holds equally many slices.
fn by_instance(slices: &[Candidate<'_>], places: &[Vec<usize>]) -> Option<Kept> {
    let volumes = places[0].len();
    if places.iter().any(|place| place.len() != volumes) {
        return None;
    }
    let first = places.iter().map(|place| {
        let mut numbered: Vec<(f64, usize)> =
            place.iter().map(|index| Some((slices[*index].keys.instance?, *index))).collect::<Option<_>>()?;
        numbered.sort_by(|a, b| a.0.total_cmp(&b.0));
        let distinct = numbered.windows(2).all(|pair| pair[0].0 < pair[1].0);
        distinct.then(|| numbered[0].1)
    });
    Some((first.collect::<Option<Vec<usize>>>()?, vec![first_of(volumes)]))
}

fn first_of(volumes: usize) -> Warning {
    Warning::new(
        WarningCode::MultiVolume,
        format!("the series holds {volumes} volumes (echoes, time points or acquisitions); the first is used"),
    )
}

/// Keeps the first of equal slices at each position; returns how many went.
fn drop_copies<E>(places: &mut [Vec<usize>], fingerprint: &mut Fingerprint<'_, E>) -> Result<usize, E> {
    let mut dropped = 0;
    for place in places.iter_mut().filter(|place| place.len() > 1) {
        let mut known = HashSet::new();
        let mut distinct = Vec::new();
        for index in place.iter().copied() {
            if known.insert(fingerprint(index)?) {
                distinct.push(index);
            }
        }
        dropped += place.len() - distinct.len();
        *place = distinct;
    }
    Ok(dropped)
}
