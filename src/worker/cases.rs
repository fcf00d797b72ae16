//! Folders in nnU-Net's naming: `<case>_0000.nii.gz`, `<case>_0001.nii.gz`, ...

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Endings of images Voxelry does not read in a folder of cases, so that they are not passed over silently.
const OTHER_IMAGES: [&str; 16] =
    ["mha", "mhd", "nrrd", "nhdr", "mgh", "mgz", "mnc", "dcm", "dicom", "ima", "tif", "tiff", "png", "jpg", "jpeg", "bmp"];

/// One case of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Case {
    /// File name without channel and ending.
    pub(crate) name: String,
    /// One file per channel, in channel order; or why the files do not make a case.
    pub(crate) channels: Result<Vec<PathBuf>, String>,
}

impl Case {
    /// Whether its files carry nnU-Net's channel number.
    pub(crate) fn names_channels(&self) -> bool {
        self.channels.as_ref().is_ok_and(|files| files.iter().all(|file| case_and_channel(&name_of(file)).is_some()))
    }
}

/// What a folder holds.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Sorted by name; empty when the folder holds no image.
    pub(crate) cases: Vec<Case>,
    /// A sentence per kind of image that cannot be a case.
    pub(crate) skipped: Vec<String>,
}

/// File name of a `.nii` or `.nii.gz` without its ending.
pub(crate) fn stem(path: &Path) -> Option<&OsStr> {
    without_ending(path, &["nii"])
}

/// File name of a NIfTI file, or of the header of a pair, without its ending.
pub(crate) fn image_stem(path: &Path) -> Option<&OsStr> {
    without_ending(path, &["nii", "hdr"])
}

/// The file itself, or header and image of a pair.
pub(crate) fn files_of_image(path: &Path) -> Vec<PathBuf> {
    const PAIR: [&str; 2] = ["hdr", "img"];
    let Some(stem) = without_ending(path, &PAIR) else { return vec![path.to_owned()] };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries.filter(|file| without_ending(file, &PAIR) == Some(stem)).collect();
    files.sort();
    files
}

/// Endings are compared without case, and also with `.gz` behind them.
fn without_ending<'a>(path: &'a Path, endings: &[&str]) -> Option<&'a OsStr> {
    let name = Path::new(path.file_name()?);
    let bare = if ending_of(name).as_deref() == Some("gz") { Path::new(name.file_stem()?) } else { name };
    let ending = ending_of(bare)?;
    if endings.contains(&ending.as_str()) { bare.file_stem() } else { None }
}

fn ending_of(path: &Path) -> Option<String> {
    Some(path.extension()?.to_str()?.to_ascii_lowercase())
}

/// File name without ending, as a case is called.
fn name_of(image: &Path) -> String {
    image_stem(image).unwrap_or_default().to_string_lossy().into_owned()
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Splits `liver_07_0001` into case and channel.
fn case_and_channel(stem: &str) -> Option<(&str, usize)> {
    let (case, digits) = stem.rsplit_once('_')?;
    let is_channel = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()) && !case.is_empty();
    if is_channel { Some((case, digits.parse().ok()?)) } else { None }
}

/// Files given one by one, in the order of their channel numbers; unchanged where not all of them have one.
pub(crate) fn in_named_order(files: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let names: Vec<String> = files.iter().map(|file| name_of(file)).collect();
    let Some(named) = names.iter().map(|name| case_and_channel(name)).collect::<Option<Vec<_>>>().filter(|named| named.len() > 1) else {
        return Ok(files.to_vec());
    };
    let case = named[0].0;
    if let Some((other, _)) = named.iter().find(|(name, _)| *name != case) {
        return Err(format!(
            "the files are named as channels of different cases, {case} and {other}; give the channels of one case, or rename them"
        ));
    }
    in_channel_order(named.iter().map(|(_, channel)| *channel).zip(files.iter().cloned()).collect())
        .map_err(|reason| format!("{reason}: {case}"))
}

/// Every image of a folder by case.
///
/// Where no name has a channel, every image is a case of one channel. Where some have, an image without one becomes a case
/// that says so, because leaving it out silently would lose it.
pub(crate) fn cases_of(folder: &Path) -> io::Result<Listing> {
    let mut images = Vec::new();
    let mut others = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        // Hidden files are what a system or an interrupted program left.
        if file_name(&path).starts_with('.') || !path.is_file() {
            continue;
        }
        if image_stem(&path).is_some() { images.push(path) } else { others.push(path) }
    }
    images.sort();
    let skipped = skipped(others, &images);
    let has_channel = |path: &PathBuf| case_and_channel(&name_of(path)).is_some();
    let cases = if images.iter().any(has_channel) { cases_by_channel(images) } else { single_channel_cases(images) };
    Ok(Listing { cases, skipped })
}

fn cases_by_channel(images: Vec<PathBuf>) -> Vec<Case> {
    let mut by_case: BTreeMap<String, Vec<(usize, PathBuf)>> = BTreeMap::new();
    let mut odd = Vec::new();
    for path in images {
        let name = name_of(&path);
        match case_and_channel(&name) {
            Some((case, channel)) => by_case.entry(case.to_owned()).or_default().push((channel, path)),
            None => odd.push(Case { name, channels: Err("its file name lacks the channel, as in case_0000.nii.gz".to_owned()) }),
        }
    }
    let mut cases: Vec<Case> = by_case.into_iter().map(|(name, files)| Case { name, channels: in_channel_order(files) }).collect();
    cases.extend(odd);
    cases
}

fn single_channel_cases(images: Vec<PathBuf>) -> Vec<Case> {
    let mut by_case: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    images.into_iter().for_each(|path| by_case.entry(name_of(&path)).or_default().push(path));
    let single = |(name, files): (String, Vec<PathBuf>)| {
        let channels = match files.as_slice() {
            [first, second, ..] => Err(format!("it exists twice, as {} and {}", file_name(first), file_name(second))),
            _ => Ok(files),
        };
        Case { name, channels }
    };
    by_case.into_iter().map(single).collect()
}

fn in_channel_order(mut files: Vec<(usize, PathBuf)>) -> Result<Vec<PathBuf>, String> {
    files.sort();
    for (expected, (channel, path)) in files.iter().enumerate() {
        if *channel > expected {
            return Err(format!("channel _{expected:04} is missing"));
        }
        if *channel < expected {
            let twin = file_name(&files[expected - 1].1);
            return Err(format!("channel _{channel:04} exists twice, as {twin} and {}", file_name(path)));
        }
    }
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

/// One sentence per ending of what looks like an image and cannot be a case.
fn skipped(others: Vec<PathBuf>, images: &[PathBuf]) -> Vec<String> {
    let mut by_reason: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in others {
        let reason = match without_ending(&path, &["img"]) {
            Some(stem) if images.iter().any(|image| image_stem(image) == Some(stem)) => continue,
            Some(_) => "an .img needs the .hdr that belongs to it".to_owned(),
            None => match ending_of(&path).filter(|ending| OTHER_IMAGES.contains(&ending.as_str())) {
                Some(ending) => format!("a folder of cases holds NIfTI files, .{ending} is not one"),
                None => continue,
            },
        };
        by_reason.entry(reason).or_default().push(file_name(&path));
    }
    let sentence = |(reason, mut names): (String, Vec<String>)| {
        names.sort();
        let more = if names.len() > 3 { format!(" and {} more", names.len() - 3) } else { String::new() };
        names.truncate(3);
        format!("skipped {}{more}: {reason}", names.join(", "))
    };
    by_reason.into_iter().map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        names.iter().for_each(|name| fs::write(folder.path().join(name), b"").unwrap());
        folder
    }

    fn summary(names: &[&str]) -> Vec<(String, Result<usize, String>)> {
        let cases = cases_of(folder(names).path()).unwrap().cases;
        cases.into_iter().map(|case| (case.name, case.channels.map(|files| files.len()))).collect()
    }

    #[test]
    fn channels_are_grouped_by_case() {
        let found = summary(&["b_0000.nii.gz", "a_1_0001.nii", "a_1_0000.NII.GZ", "notes.txt", "dataset.json"]);
        assert_eq!(found, [("a_1".to_owned(), Ok(2)), ("b".to_owned(), Ok(1))]);
    }

    #[test]
    fn broken_cases_say_why() {
        let found = summary(&["a_0001.nii.gz", "b_0000.nii.gz", "b_0000.nii", "c.nii.gz"]);
        let reasons: Vec<String> = found.into_iter().map(|(_, channels)| channels.unwrap_err()).collect();
        assert!(reasons[0].contains("_0000 is missing"), "{reasons:?}");
        assert!(reasons[1].contains("twice, as b_0000.nii and b_0000.nii.gz"), "{reasons:?}");
        assert!(reasons[2].contains("lacks the channel"), "{reasons:?}");
    }

    #[test]
    fn where_no_name_has_a_channel_every_image_is_a_case() {
        let found = summary(&["b.nii.gz", "a.nii", "a.nii.gz", "IM0001", "._b.nii.gz"]);
        assert_eq!(found[0].1, Err("it exists twice, as a.nii and a.nii.gz".to_owned()));
        assert_eq!(found[1], ("b".to_owned(), Ok(1)));
        assert_eq!(summary(&["IM0001", "IM0002.dcm"]), []);
    }

    #[test]
    fn pairs_are_cases_and_other_images_are_named() {
        let folder = folder(&["a.HDR", "a.img", "alone.img", "b.nii", "c.mha", "d.NRRD", "e.mha", "f.mha", "g.mha", "notes.txt"]);
        let listing = cases_of(folder.path()).unwrap();
        let names: Vec<&str> = listing.cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(listing.skipped.len(), 3, "{:?}", listing.skipped);
        assert!(listing.skipped[0].starts_with("skipped c.mha, e.mha, f.mha and 1 more: "), "{:?}", listing.skipped);
        assert!(listing.skipped[1].starts_with("skipped d.NRRD: "), "{:?}", listing.skipped);
        assert!(listing.skipped[2].starts_with("skipped alone.img: "), "{:?}", listing.skipped);
        assert_eq!(files_of_image(&folder.path().join("a.HDR")).len(), 2);
        assert_eq!(files_of_image(&folder.path().join("b.nii")), [folder.path().join("b.nii")]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn names_that_are_not_unicode_are_cases_too() {
        use std::os::unix::ffi::OsStrExt as _;
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(OsStr::from_bytes(b"gr\xf6\xdfe.nii.gz")), b"").unwrap();
        assert_eq!(cases_of(folder.path()).unwrap().cases.len(), 1);
    }

    #[test]
    fn files_given_one_by_one_are_ordered_by_their_channel() {
        let order = |names: &[&str]| in_named_order(&names.iter().map(PathBuf::from).collect::<Vec<_>>());
        let names = |names: &[&str]| Ok(names.iter().map(PathBuf::from).collect::<Vec<_>>());
        assert_eq!(order(&["x/a_0001.nii", "x/a_0000.nii.gz"]), names(&["x/a_0000.nii.gz", "x/a_0001.nii"]));
        assert_eq!(order(&["t2.nii", "t1.nii"]), names(&["t2.nii", "t1.nii"]));
        assert_eq!(order(&["t2_0001.nii", "t1.nii"]), names(&["t2_0001.nii", "t1.nii"]));
        assert_eq!(order(&["patient_0012.nii"]), names(&["patient_0012.nii"]));
        assert!(order(&["a_0000.nii", "b_0001.nii"]).unwrap_err().contains("different cases, a and b"));
        assert!(order(&["a_0000.nii", "a_0002.nii"]).unwrap_err().contains("_0001 is missing: a"));
        assert!(order(&["a_0000.nii", "x/a_0000.nii"]).unwrap_err().contains("twice"));
    }
}
