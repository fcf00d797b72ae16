//! 3D Slicer colour tables (`.ctbl`, `.txt`): `id name R G B A`, names without blanks.

use std::fmt::Write as _;

use volume::LabelTable;

use super::{Entry, parse_rows};

pub(super) fn to_text(table: &LabelTable) -> String {
    let mut text = String::from("# Color table file Voxelry\n");
    let _ = writeln!(text, "# {} values\n0 Background 0 0 0 0", table.iter().count() + 1);
    for label in table.iter() {
        let [r, g, b] = label.color;
        let name: String = label.name.chars().map(|c| if c.is_whitespace() || c.is_control() { '_' } else { c }).collect();
        // A row that began with an empty name would be read as another.
        let name = if name.is_empty() { "_" } else { &name };
        let _ = writeln!(text, "{} {name} {r} {g} {b} 255", label.value);
    }
    text
}

pub(super) fn parse(text: &str) -> Result<Vec<Entry>, String> {
    parse_rows(text, row, "id name R G B A")
}

/// One line. Opacity is a setting of the program; old files leave it out.
pub(super) fn row(line: &str) -> Option<Entry> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (value, name, color) = match fields.as_slice() {
        [value, name, r, g, b] => (value, name, [r, g, b]),
        [value, name, r, g, b, alpha] if component(alpha).is_some() => (value, name, [r, g, b]),
        _ => return None,
    };
    let color = [component(color[0])?, component(color[1])?, component(color[2])?];
    // Slicer takes off quotes that come from its scene files.
    Some(Entry { value: value.parse().ok()?, name: name.trim_matches('\'').to_owned(), color: Some(color) })
}

/// Slicer writes whole numbers but reads any.
fn component(text: &str) -> Option<u8> {
    let value: f64 = text.parse().ok()?;
    (0.0..=255.0).contains(&value).then(|| value.round() as u8)
}
