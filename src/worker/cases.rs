//! Folders in nnU-Net's naming: `<case>_0000.nii.gz`, `<case>_0001.nii.gz`, ...

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// File endings of images, longest first.
const ENDINGS: [&str; 2] = [".nii.gz", ".nii"];

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
        self.channels.as_ref().is_ok_and(|files| files.iter().all(|file| stem(file).and_then(case_and_channel).is_some()))
    }
}

/// File name without image ending.
pub(crate) fn stem(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?;
    ENDINGS.into_iter().find_map(|ending| name.strip_suffix(ending)).filter(|stem| !stem.is_empty())
}

/// Splits `liver_07_0001` into case and channel.
fn case_and_channel(stem: &str) -> Option<(&str, usize)> {
    let (case, digits) = stem.rsplit_once('_')?;
    let is_channel = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()) && !case.is_empty();
    if is_channel { Some((case, digits.parse().ok()?)) } else { None }
}

/// Every image of a folder by case, sorted by name; empty when the folder holds no image.
///
/// Where no name has a channel, every image is a case of one channel. Where some have, an image without one becomes a case
/// that says so, because leaving it out silently would lose it.
pub(crate) fn cases_of(folder: &Path) -> io::Result<Vec<Case>> {
    let mut images = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() && stem(&path).is_some() {
            images.push(path);
        }
    }
    images.sort();
    let named: Vec<_> = images.iter().map(|path| (path, stem(path).and_then(case_and_channel))).collect();
    if named.iter().all(|(_, name)| name.is_none()) {
        return Ok(single_channel_cases(images));
    }
    let mut by_case: BTreeMap<String, Vec<(usize, PathBuf)>> = BTreeMap::new();
    let mut odd = Vec::new();
    for (path, name) in named {
        match name {
            Some((case, channel)) => by_case.entry(case.to_owned()).or_default().push((channel, path.clone())),
            None => odd.push(Case {
                name: stem(path).unwrap_or_default().to_owned(),
                channels: Err("its file name lacks the channel, as in case_0000.nii.gz".to_owned()),
            }),
        }
    }
    let mut cases: Vec<Case> = by_case.into_iter().map(|(name, files)| Case { name, channels: in_channel_order(files) }).collect();
    cases.extend(odd);
    Ok(cases)
}

fn single_channel_cases(images: Vec<PathBuf>) -> Vec<Case> {
    let mut by_case: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for path in images {
        by_case.entry(stem(&path).unwrap_or_default().to_owned()).or_default().push(path);
    }
    let single = |(name, files): (String, Vec<PathBuf>)| {
        let channels = if files.len() == 1 { Ok(files) } else { Err("it exists twice, as .nii and .nii.gz".to_owned()) };
        Case { name, channels }
    };
    by_case.into_iter().map(single).collect()
}

fn in_channel_order(mut files: Vec<(usize, PathBuf)>) -> Result<Vec<PathBuf>, String> {
    files.sort();
    for (expected, (channel, _)) in files.iter().enumerate() {
        if *channel > expected {
            return Err(format!("channel _{expected:04} is missing"));
        }
        if *channel < expected {
            return Err(format!("channel _{channel:04} exists twice, as .nii and .nii.gz"));
        }
    }
    Ok(files.into_iter().map(|(_, path)| path).collect())
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
        let folder = folder(names);
        cases_of(folder.path()).unwrap().into_iter().map(|case| (case.name, case.channels.map(|files| files.len()))).collect()
    }

    #[test]
    fn channels_are_grouped_by_case() {
        let found = summary(&["b_0000.nii.gz", "a_1_0001.nii", "a_1_0000.nii.gz", "notes.txt", "dataset.json"]);
        assert_eq!(found, [("a_1".to_owned(), Ok(2)), ("b".to_owned(), Ok(1))]);
    }

    #[test]
    fn broken_cases_say_why() {
        let found = summary(&["a_0001.nii.gz", "b_0000.nii.gz", "b_0000.nii", "c.nii.gz"]);
        let reasons: Vec<String> = found.into_iter().map(|(_, channels)| channels.unwrap_err()).collect();
        assert!(reasons[0].contains("_0000 is missing"), "{reasons:?}");
        assert!(reasons[1].contains("twice"), "{reasons:?}");
        assert!(reasons[2].contains("lacks the channel"), "{reasons:?}");
    }

    #[test]
    fn where_no_name_has_a_channel_every_image_is_a_case() {
        let found = summary(&["b.nii.gz", "a.nii", "a.nii.gz", "IM0001"]);
        assert_eq!(found[0].1, Err("it exists twice, as .nii and .nii.gz".to_owned()));
        assert_eq!(found[1], ("b".to_owned(), Ok(1)));
        assert_eq!(summary(&["IM0001", "IM0002.dcm"]), []);
    }
}
