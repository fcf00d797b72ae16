//! Groups images into series, tells volumes from scouts and screenshots, and picks the one that was asked for.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::files::Catalogue;
use super::frame::{Frame, Placement};
use super::header::{Header, Whose};
use super::volumes::{Candidate, ODD_SHARE, counted, same_plane};
use crate::{FormatError, Warning, WarningCode};

/// One series of a folder, for lists people choose from. Not for logs: the description may be personal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesInfo {
    /// SeriesInstanceUID.
    pub uid: String,
    /// SeriesNumber.
    pub number: Option<i64>,
    /// SeriesDescription.
    pub description: Option<String>,
    /// Modality: CT, MR, ...
    pub modality: String,
    /// Patient and date; not written with the rest.
    #[serde(skip)]
    pub whose: Whose,
    /// Number of slices (frames) found.
    pub slices: usize,
    /// Slices, rows, columns of the first image's size.
    pub size_zyx: [usize; 3],
    /// Typical distance of neighbouring slices, rows and columns, where the headers say it.
    pub spacing_zyx_mm: Option<[f64; 3]>,
    /// Whether it looks like a stack of grey slices rather than a scout, a report page or a single image.
    pub is_volume: bool,
}

impl SeriesInfo {
    /// One line for a list: number, description, modality, size and the end of the UID.
    pub fn line(&self) -> String {
        let number = self.number.map_or_else(|| "without number".to_owned(), |number| number.to_string());
        let description = self.description.as_ref().map_or_else(String::new, |text| format!(" \"{text}\""));
        let tail: String = self.uid.chars().skip(self.uid.chars().count().saturating_sub(12)).collect();
        let [_, rows, columns] = self.size_zyx;
        format!("series {number}{description}: {}, {} slices of {columns} x {rows}, uid ...{tail}", self.modality, self.slices)
    }
}

/// A series: its summary and its slices as (header, frame) indices into the catalogue.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) info: SeriesInfo,
    pub(super) slices: Vec<(usize, usize)>,
}

/// Groups a catalogue by series; studies and patients that share a series UID stay apart.
pub(super) fn group(catalogue: &Catalogue) -> Vec<Series> {
    let mut members: BTreeMap<(&str, u64, u64, &str), Vec<usize>> = BTreeMap::new();
    for (index, header) in catalogue.headers.iter().enumerate() {
        let owner = (&*header.series_uid, header.patient_hash, header.study_hash, &*header.modality);
        members.entry(owner).or_default().push(index);
    }
    let mut series: Vec<Series> = members.values().map(|headers| summarise(catalogue, headers)).collect();
    series.sort_by(|a, b| (a.info.number, &a.info.uid).cmp(&(b.info.number, &b.info.uid)));
    series
}

fn summarise(catalogue: &Catalogue, headers: &[usize]) -> Series {
    let slices: Vec<(usize, usize)> =
        headers.iter().flat_map(|header| (0..catalogue.headers[*header].frames.len()).map(|frame| (*header, frame))).collect();
    let first = &catalogue.headers[headers[0]];
    let frames = || slices.iter().map(|(header, frame)| &catalogue.headers[*header].frames[*frame]);
    let spacing_z = typical_distance(frames());
    let in_plane = frames().find_map(|frame| frame.placement.as_ref().ok()).map(|placement| placement.spacing_yx_mm);
    let image_like = |header: &Header| !header.localizer && header.format.samples == 1;
    let grey = headers.iter().filter(|header| image_like(&catalogue.headers[**header])).count();
    Series {
        info: SeriesInfo {
            uid: first.series_uid.clone(),
            number: first.number,
            description: first.description.clone(),
            modality: first.modality.clone(),
            whose: first.whose.clone(),
            slices: slices.len(),
            size_zyx: [slices.len(), first.format.size_yx[0], first.format.size_yx[1]],
            spacing_zyx_mm: in_plane.and_then(|[sy, sx]| Some([spacing_z?, sy, sx])),
            is_volume: 2 * grey > headers.len() && spacing_z.is_some(),
        },
        slices,
    }
}

/// Median distance of neighbouring positions along the first slice's normal; none where most slices are not parallel to it.
fn typical_distance<'a>(frames: impl Iterator<Item = &'a Frame>) -> Option<f64> {
    let placements: Vec<&Placement> = frames.filter_map(|frame| frame.placement.as_ref().ok()).collect();
    let normal = placements.first()?.normal();
    let parallel = placements.iter().filter(|placement| placement.normal().dot(normal) > 0.999);
    let mut along: Vec<f64> = parallel.map(|placement| placement.pos_lps_mm.dot(normal)).collect();
    if 2 * along.len() <= placements.len() {
        return None;
    }
    along.sort_by(f64::total_cmp);
    let mut distances: Vec<f64> = along.windows(2).map(|pair| pair[1] - pair[0]).filter(|mm| *mm > 0.01).collect();
    distances.sort_by(f64::total_cmp);
    distances.get(distances.len() / 2).copied()
}

/// The series that `wanted` names (UID, end of the UID, or number); without a wish, the only volume.
pub(super) fn choose<'a>(path: &Path, series: &'a [Series], wanted: Option<&str>) -> Result<&'a Series, FormatError> {
    let several = |among: &[&Series]| FormatError::SeveralSeries {
        path: path.to_owned(),
        series: among.iter().map(|series| series.info.line()).collect(),
    };
    let candidates = match wanted {
        Some(wanted) => matching(series, as_printed(wanted)),
        None if series.len() == 1 => series.iter().collect(),
        None => {
            let volumes: Vec<&Series> = series.iter().filter(|series| series.info.is_volume).collect();
            if volumes.is_empty() { series.iter().collect() } else { volumes }
        }
    };
    match (candidates.as_slice(), wanted) {
        ([only], _) => Ok(only),
        ([], Some(wanted)) if !series.is_empty() => {
            let there: Vec<String> = series.iter().map(|series| series.info.line()).collect();
            Err(FormatError::invalid(path, format!("no series has the number or UID {wanted}; there are: {}", there.join("; "))))
        }
        ([], _) => Err(FormatError::invalid(path, "there is no DICOM image here")),
        ([first, rest @ ..], _) if rest.iter().all(|other| same_name(&first.info, &other.info)) => one_of_parts(path, &candidates),
        (among, _) => Err(several(among)),
    }
}

/// A wish without what the list prints around numbers and UIDs: "series 3", "uid ...1234".
fn as_printed(wanted: &str) -> &str {
    let wanted = wanted.trim();
    let bare = ["series ", "uid "].iter().find_map(|word| wanted.strip_prefix(word)).unwrap_or(wanted);
    bare.trim_start_matches(|c: char| c == '.' || c == '…' || c.is_whitespace())
}

/// Whether no wish could tell two series apart.
fn same_name(a: &SeriesInfo, b: &SeriesInfo) -> bool {
    a.uid == b.uid && a.number == b.number
}

/// Parts that share UID and number: stray images beside the only volume are left out, several volumes are refused.
fn one_of_parts<'a>(path: &Path, parts: &[&'a Series]) -> Result<&'a Series, FormatError> {
    let mut volumes = parts.iter().filter(|part| part.info.is_volume);
    match (volumes.next(), volumes.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(FormatError::invalid(
            path,
            format!(
                "{} parts share one series UID but differ in patient, study or modality, so no choice can name one; \
                 split the folder, one part in each",
                parts.len()
            ),
        )),
    }
}

/// Slices beside the chosen series that may belong to it: parts of its UID, and single images that lie in its plane.
pub(super) fn left_out(catalogue: &Catalogue, series: &[Series], chosen: &Series) -> Vec<Warning> {
    let (parts, others): (Vec<&Series>, Vec<&Series>) =
        series.iter().filter(|other| !std::ptr::eq(*other, chosen)).partition(|other| other.info.uid == chosen.info.uid);
    let warn = |text: String| Warning::new(WarningCode::OddSliceOut, text);
    let mut warnings: Vec<Warning> = parts
        .into_iter()
        .map(|part| {
            let differs = differences(&catalogue.headers[part.slices[0].0], &catalogue.headers[chosen.slices[0].0]).join(" and ");
            warn(format!("left out: {} of the same series UID but another {differs}", counted(part.slices.len(), "slice")))
        })
        .collect();
    let few = |count: usize| count > 0 && count as f64 <= ODD_SHARE * chosen.slices.len() as f64;
    let strays: usize = others
        .into_iter()
        .filter(|other| !other.info.is_volume && few(other.slices.len()))
        .map(|other| strays_of(catalogue, other, chosen))
        .sum();
    if few(strays) {
        warnings.push(warn(format!("left out: {} of other series that would continue this one", counted(strays, "image"))));
    }
    warnings
}

/// What two images of one series UID do not share.
fn differences(a: &Header, b: &Header) -> Vec<&'static str> {
    let differs =
        [(a.patient_hash != b.patient_hash, "patient"), (a.study_hash != b.study_hash, "study"), (a.modality != b.modality, "modality")];
    differs.into_iter().filter_map(|(differs, what)| differs.then_some(what)).collect()
}

/// How many slices of `other` could extend `chosen` or fill a gap: in its plane, and where it has no slice.
/// Localisers are expected in a folder, and so are images at places that the series covers.
fn strays_of(catalogue: &Catalogue, other: &Series, chosen: &Series) -> usize {
    let Some([distance_mm, ..]) = chosen.info.spacing_zyx_mm else { return 0 };
    let stack: Vec<Candidate<'_>> = candidates(catalogue, chosen).collect();
    let missing = |stray: &Candidate<'_>| {
        let normal = stray.placement.normal();
        let mut in_plane = stack.iter().filter(|slice| same_plane(slice, stray)).peekable();
        in_plane.peek().is_some()
            && in_plane.all(|slice| (slice.placement.pos_lps_mm - stray.placement.pos_lps_mm).dot(normal).abs() > distance_mm / 2.0)
    };
    candidates(catalogue, other).filter(missing).count()
}

/// The slices of a series whose place is known, without localisers.
fn candidates<'a>(catalogue: &'a Catalogue, series: &Series) -> impl Iterator<Item = Candidate<'a>> {
    series.slices.iter().filter_map(|(header, frame)| {
        let header = &catalogue.headers[*header];
        if header.localizer { None } else { Candidate::of(header, &header.frames[*frame]) }
    })
}

/// The best kind of match decides: the whole UID, else the number, else the end of the UID.
fn matching<'a>(series: &'a [Series], wanted: &str) -> Vec<&'a Series> {
    let number = wanted.parse::<i64>().ok();
    let kinds: [&dyn Fn(&SeriesInfo) -> bool; 3] =
        [&|info| info.uid == wanted, &|info| number.is_some() && info.number == number, &|info| {
            !wanted.is_empty() && info.uid.ends_with(wanted)
        }];
    let matches = |kind: &dyn Fn(&SeriesInfo) -> bool| series.iter().filter(|series| kind(&series.info)).collect::<Vec<_>>();
    kinds.into_iter().map(matches).find(|found| !found.is_empty()).unwrap_or_default()
}
