//! ITK-SNAP label descriptions: `IDX R G B A VIS MSH "LABEL"`, 0 is "Clear Label".

use std::fmt::Write as _;

use volume::LabelTable;

use super::{Entry, one_line, parse_rows};

const HEADER: &str = "\
################################################
# ITK-SnAP Label Description File
# File format:
# IDX   -R-  -G-  -B-  -A--  VIS MSH  LABEL
# Fields:
#    IDX:   Zero-based index
#    -R-:   Red color component (0..255)
#    -G-:   Green color component (0..255)
#    -B-:   Blue color component (0..255)
#    -A-:   Label transparency (0.00 .. 1.00)
#    VIS:   Label visibility (0 or 1)
#    MSH:   Label mesh visibility (0 or 1)
#  LABEL:   Label description
################################################
    0     0    0    0        0  0  0    \"Clear Label\"
";

pub(super) fn to_text(table: &LabelTable) -> String {
    let mut text = HEADER.to_owned();
    for label in table.iter() {
        let [r, g, b] = label.color;
        // ITK-SNAP reads a name up to the next quotation mark.
        let name = one_line(&label.name, '"', '\'');
        let _ = writeln!(text, "{:>5} {r:>5} {g:>4} {b:>4}        1  1  1    \"{name}\"", label.value);
    }
    text
}

pub(super) fn parse(text: &str) -> Result<Vec<Entry>, String> {
    parse_rows(text, row, "IDX R G B A VIS MSH \"LABEL\"")
}

/// One line; visibility is a setting of the program, not of the label.
pub(super) fn row(line: &str) -> Option<Entry> {
    let (numbers, quoted) = line.split_once('"')?;
    let name = quoted.split('"').next()?.trim().to_owned();
    let numbers: Vec<&str> = numbers.split_whitespace().collect();
    let [value, r, g, b, alpha, visible, mesh] = numbers.as_slice() else { return None };
    let flags = [alpha, visible, mesh].into_iter().all(|flag| flag.parse::<f64>().is_ok());
    let color = [r.parse().ok()?, g.parse().ok()?, b.parse().ok()?];
    if flags && !name.is_empty() { Some(Entry { value: value.parse().ok()?, name, color: Some(color) }) } else { None }
}
