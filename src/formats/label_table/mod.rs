//! Names and colours of labels in the files other programs keep them in, told apart by content.
//!
//! ITK-SNAP label descriptions, Slicer colour tables, nnU-Net's `dataset.json` (read only) and BIDS `dseg.tsv`.
//! Values are taken as they are: a table that would need renumbering is refused.

mod bids;
mod itksnap;
mod nnunet;
mod slicer;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use volume::{Label, LabelTable};

use crate::{FormatError, write_atomically};

/// 65535 labels of 120 bytes need less.
const MAX_BYTES: u64 = 8 << 20;

/// Which program's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableKind {
    /// ITK-SNAP label descriptions: `IDX R G B A VIS MSH "LABEL"`.
    ItkSnap,
    /// 3D Slicer colour table: `id name R G B A`. Names are one word there: blanks are written as `_`.
    Slicer,
    /// nnU-Net `dataset.json`; without colours.
    NnUnet,
    /// BIDS `dseg.tsv`: index, name, color.
    Bids,
}

/// A row of a file, before it is believed.
struct Entry {
    value: u64,
    name: String,
    color: Option<[u8; 3]>,
}

/// Reads a table of any kind. Labels without a colour get distinguishable ones.
pub fn read(path: &Path) -> Result<(TableKind, LabelTable), FormatError> {
    let text = read_text(path)?;
    let (kind, entries) = parse(&text).map_err(|reason| FormatError::invalid(path, reason))?;
    let table = check(entries).map_err(|reason| FormatError::invalid(path, reason))?;
    Ok((kind, table))
}

/// Writes a table; nnU-Net's `dataset.json` holds much more than labels and is not written.
pub fn write(path: &Path, kind: TableKind, table: &LabelTable) -> Result<(), FormatError> {
    let text = match kind {
        TableKind::ItkSnap => itksnap::to_text(table),
        TableKind::Slicer => slicer::to_text(table),
        TableKind::Bids => bids::to_text(table),
        TableKind::NnUnet => {
            return Err(FormatError::invalid(path, "a dataset.json is written by whoever makes the dataset, not from labels"));
        }
    };
    write_atomically(path, |out| out.write_all(text.as_bytes()))
}

fn read_text(path: &Path) -> Result<String, FormatError> {
    let failed = |source| FormatError::io("read", path, source);
    let about = fs::metadata(path).map_err(failed)?;
    if !about.is_file() {
        return Err(FormatError::invalid(path, "not a regular file"));
    }
    if about.len() > MAX_BYTES {
        return Err(FormatError::invalid(path, format!("not a label table: more than {} MiB long", MAX_BYTES >> 20)));
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes)).map_err(failed)?;
    let text = String::from_utf8(bytes).map_err(|_| FormatError::invalid(path, "not a label table: the text is not UTF-8"))?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

fn parse(text: &str) -> Result<(TableKind, Vec<Entry>), String> {
    if text.trim_start().starts_with('{') {
        return Ok((TableKind::NnUnet, nnunet::parse(text)?));
    }
    if bids::is_header(text.lines().next().unwrap_or_default()) {
        return Ok((TableKind::Bids, bids::parse(text)?));
    }
    let first = rows(text).next().map(|(_, row)| row);
    match first {
        Some(row) if itksnap::row(row).is_some() => Ok((TableKind::ItkSnap, itksnap::parse(text)?)),
        Some(row) if slicer::row(row).is_some() => Ok((TableKind::Slicer, slicer::parse(text)?)),
        _ if text.starts_with("# Color procedural file") => Err("a continuous colour scale names no labels".into()),
        _ => Err("not a label table; Voxelry reads those of ITK-SNAP, 3D Slicer, nnU-Net (dataset.json) and BIDS (dseg.tsv)".into()),
    }
}

/// Lines that are neither empty nor comments, with their number from 1.
fn rows(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(n, line)| (n + 1, line.trim())).filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// Every row must be one: a table that is half understood would name the wrong things.
fn parse_rows(text: &str, row: impl Fn(&str) -> Option<Entry>, form: &str) -> Result<Vec<Entry>, String> {
    rows(text).map(|(n, line)| row(line).ok_or_else(|| format!("line {n} is not of the form {form}"))).collect()
}

/// Refuses values that cannot be kept as they are.
fn check(entries: Vec<Entry>) -> Result<LabelTable, String> {
    let mut names: HashMap<u16, &str> = HashMap::new();
    for entry in &entries {
        let value = u16::try_from(entry.value).map_err(|_| format!("label {} is too large; labels go up to 65535", entry.value))?;
        if let Some(other) = names.insert(value, &entry.name).filter(|other| *other != entry.name) {
            return Err(format!("label {value} has two names, {other:?} and {:?}", entry.name));
        }
    }
    let named = entries.iter().map(|entry| (entry.value as u16, entry.name.clone()));
    let colors: HashMap<u16, [u8; 3]> = entries.iter().filter_map(|entry| Some((entry.value as u16, entry.color?))).collect();
    let with_color = |label: &Label| Label { color: colors.get(&label.value).copied().unwrap_or(label.color), ..label.clone() };
    Ok(LabelTable::from_labels(LabelTable::from_names(named).iter().map(with_color)))
}

/// A name on one line, without the character that would end it.
fn one_line(name: &str, end: char, instead: char) -> String {
    name.chars().map(|c| if c.is_control() { ' ' } else { c }).map(|c| if c == end { instead } else { c }).collect()
}

#[cfg(test)]
mod tests;
