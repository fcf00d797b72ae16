//! Groups images into series, tells volumes from scouts and screenshots, and picks the one that was asked for.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::files::Catalogue;
use super::frame::{Frame, Placement};
use super::header::Header;
use crate::FormatError;

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
    let mut members: BTreeMap<(&str, u64, &str), Vec<usize>> = BTreeMap::new();
    for (index, header) in catalogue.headers.iter().enumerate() {
        members.entry((&header.series_uid, header.owner_hash, &header.modality)).or_default().push(index);
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
    let candidates = match wanted.map(str::trim) {
        Some(wanted) => matching(series, wanted),
        None if series.len() == 1 => series.iter().collect(),
        None => {
            let volumes: Vec<&Series> = series.iter().filter(|series| series.info.is_volume).collect();
            if volumes.is_empty() { series.iter().collect() } else { volumes }
        }
    };
    match (candidates.as_slice(), wanted) {
        ([only], _) => Ok(only),
        ([], Some(wanted)) => Err(FormatError::invalid(path, format!("no series has the number or UID {wanted}"))),
        ([], None) => Err(FormatError::invalid(path, "there is no DICOM image here")),
        (among, _) => Err(several(among)),
    }
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
