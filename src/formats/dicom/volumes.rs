//! One volume out of a series: leaves out slices that do not belong, and separates echoes, time points and copies.

use std::collections::HashSet;

use glam::DVec3;

use super::frame::{Frame, FrameKeys, Mark, Placement, Unit};
use super::header::Header;
use crate::{Warning, WarningCode};

/// Direction cosines of one stack agree this well; more is a different plane.
const SAME_DIRECTION: f64 = 1e-4;
/// Pixel spacings of one stack agree this well (relative).
const SAME_SPACING: f64 = 1e-4;
/// Up to this part of the slices may be left out as not belonging.
pub(super) const ODD_SHARE: f64 = 0.10;
/// Positions closer than this are the same.
const SAME_POSITION_MM: f64 = 0.01;
/// Several volumes that each cover this part of the positions are whole volumes; less is a patient scanned in parts.
const VOLUME_SHARE: f64 = 0.90;
/// So many values of an attribute are listed.
const LISTED_VALUES: usize = 6;

/// One slice as this step sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub(super) placement: &'a Placement,
    pub(super) keys: &'a FrameKeys,
    pub(super) size_yx: [usize; 2],
}

impl<'a> Candidate<'a> {
    /// None for a frame whose place is not known.
    pub(super) fn of(header: &Header, frame: &'a Frame) -> Option<Self> {
        let placement = frame.placement.as_ref().ok()?;
        Some(Self { placement, keys: &frame.keys, size_yx: header.format.size_yx })
    }
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

/// Whether two slices could be of one stack: equal size, spacing, orientation and frame of reference.
pub(super) fn same_plane(a: &Candidate<'_>, b: &Candidate<'_>) -> bool {
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
/// rest is split by attributes or instance order. Of several volumes the fullest is taken, of equal ones the first.
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
        warnings.push(Warning::new(WarningCode::Duplicate, format!("left out as exact copies of others: {}", counted(dropped, "slice"))));
    }
    if places.iter().all(|place| place.len() == 1) {
        return Ok((places.concat(), warnings));
    }
    let kept = by_attribute(slices, &places).or_else(|| by_instance(slices, &places));
    let (kept, more) = kept.ok_or_else(|| NoVolume::Mixed(inseparable(slices, &places)))?;
    warnings.extend(more);
    Ok((kept, warnings))
}

/// A number of things, for sentences.
pub(super) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// Why slices at the same positions cannot be told apart, and what to do about it.
fn inseparable(slices: &[Candidate<'_>], places: &[Vec<usize>]) -> String {
    let crowded = places.iter().filter(|place| place.len() > 1).count();
    let positions = if crowded == 1 { "1 position holds" } else { &format!("{crowded} positions hold") };
    match splits(slices, places).next() {
        Some(split) => format!(
            "{positions} several different slices, and the parts that {name} tells apart ({parts} slices) overlap without covering \
             the same positions; split the folder by {name}, or keep one slice per position",
            name = split.mark.name,
            parts = split.groups.iter().map(|group| group.1.len().to_string()).collect::<Vec<_>>().join(" + "),
        ),
        None => format!(
            "{positions} several different slices and nothing in the headers tells them apart; keep one slice per position in the folder"
        ),
    }
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

/// Slices separated by one attribute.
struct Split {
    mark: Mark,
    /// Value and slices of each volume: the fullest first, equal ones by value.
    groups: Vec<(f64, Vec<usize>)>,
}

/// Splits by each attribute that leaves at most one slice per position in each part.
fn splits(slices: &[Candidate<'_>], places: &[Vec<usize>]) -> impl Iterator<Item = Split> {
    let most = places.iter().map(Vec::len).max().unwrap_or(0);
    let marks = &slices[places[0][0]].keys.split;
    marks.iter().enumerate().filter_map(move |(attribute, mark)| {
        let mut groups: Vec<(f64, Vec<usize>)> = Vec::new();
        for place in places {
            let mut here: Vec<f64> = Vec::new();
            for index in place {
                let key = slices[*index].keys.split.get(attribute).filter(|own| own.name == mark.name)?.value?;
                if here.contains(&key) {
                    return None;
                }
                here.push(key);
                match groups.iter().position(|group| group.0 == key) {
                    Some(at) => groups[at].1.push(*index),
                    None if groups.len() < most => groups.push((key, vec![*index])),
                    None => return None,
                }
            }
        }
        groups.sort_by(|a, b| b.1.len().cmp(&a.1.len()).then(a.0.total_cmp(&b.0)));
        Some(Split { mark: *mark, groups })
    })
}

/// The fullest volume of the first split that loses nothing of the patient: that volume covers every position, or all
/// of them cover nearly every one.
fn by_attribute(slices: &[Candidate<'_>], places: &[Vec<usize>]) -> Option<Kept> {
    let whole = |split: &Split| {
        let covers = |part: f64| move |group: &(f64, Vec<usize>)| group.1.len() as f64 >= part * places.len() as f64;
        split.groups.first().is_some_and(covers(1.0)) || split.groups.iter().all(covers(VOLUME_SHARE))
    };
    let mut split = splits(slices, places).find(whole)?;
    let mut warnings = vec![Warning::new(WarningCode::MultiVolume, split.choice())];
    let kept = split.groups.swap_remove(0).1;
    if kept.len() < places.len() {
        let text = format!(
            "{} of {} positions, which only other volumes of the series hold, are left out",
            places.len() - kept.len(),
            places.len()
        );
        warnings.push(Warning::new(WarningCode::Cropped, text));
    }
    Some((kept, warnings))
}

impl Split {
    /// Which volume is taken, of which, and why that one.
    fn choice(&self) -> String {
        let count = self.groups.len();
        let name = self.mark.name;
        let fullest = if self.groups[0].1.len() > self.groups[1..].iter().map(|group| group.1.len()).max().unwrap_or(0) {
            ", the fullest,"
        } else {
            ""
        };
        let unit = match self.mark.unit {
            Unit::None => String::new(),
            Unit::Of(unit) => format!(" {unit}"),
            Unit::TimeOfDay => {
                let which = if fullest.is_empty() { "earliest" } else { "fullest" };
                return format!("the series holds {count} volumes of different {name}; the {which} is used");
            }
        };
        let mut values: Vec<f64> = self.groups.iter().map(|group| group.0).collect();
        values.sort_by(f64::total_cmp);
        let mut listed = values.iter().take(LISTED_VALUES).map(f64::to_string).collect::<Vec<_>>().join(", ");
        if count > LISTED_VALUES {
            listed.push_str(", ...");
        }
        let chosen = self.groups[0].0;
        format!("the series holds {count} volumes; the one with {name} {chosen}{unit} of {listed}{unit}{fullest} is used")
    }
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
    let text = format!("the series holds {volumes} volumes that only InstanceNumber tells apart; the one with the lowest numbers is used");
    Some((first.collect::<Option<Vec<usize>>>()?, vec![Warning::new(WarningCode::MultiVolume, text)]))
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
