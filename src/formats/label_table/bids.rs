//! BIDS `dseg.tsv`: a header line, then index, name and colour (`#rrggbb`) between tabs, in any order of columns.

use std::fmt::Write as _;

use volume::LabelTable;

use super::{Entry, one_line};

pub(super) fn to_text(table: &LabelTable) -> String {
    let mut text = String::from("index\tname\tcolor\n");
    for label in table.iter() {
        let [r, g, b] = label.color;
        let _ = writeln!(text, "{}\t{}\t#{r:02x}{g:02x}{b:02x}", label.value, one_line(&label.name, '\t', ' '));
    }
    text
}

pub(super) fn is_header(line: &str) -> bool {
    let columns: Vec<&str> = line.split('\t').map(str::trim).collect();
    columns.contains(&"index") && columns.contains(&"name")
}

pub(super) fn parse(text: &str) -> Result<Vec<Entry>, String> {
    let mut lines = text.lines().enumerate();
    let header: Vec<&str> = lines.next().map(|(_, line)| line.split('\t').map(str::trim).collect()).unwrap_or_default();
    let column = |name: &str| header.iter().position(|column| *column == name);
    let (Some(index), Some(name), color) = (column("index"), column("name"), column("color")) else {
        return Err("the first line does not name the columns index and name".into());
    };
    let mut entries = Vec::new();
    for (n, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
        let field = |at: usize| fields.get(at).copied().filter(|field| !field.is_empty() && *field != "n/a");
        let value = field(index).and_then(|text| text.parse().ok()).ok_or_else(|| format!("line {} has no index", n + 1))?;
        let Some(name) = field(name) else { return Err(format!("line {} has no name", n + 1)) };
        entries.push(Entry { value, name: name.to_owned(), color: color.and_then(field).and_then(hex) });
    }
    Ok(entries)
}

fn hex(text: &str) -> Option<[u8; 3]> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
    let number = u32::from_str_radix(digits, 16).ok()?;
    Some([(number >> 16) as u8, (number >> 8) as u8, number as u8])
}
