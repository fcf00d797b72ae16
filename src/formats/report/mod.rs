//! A report of one case as a single HTML file: pictures inside, no script, nothing loaded from anywhere, fit for printing.

mod base64;
mod html;

#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::path::Path;

use volume::LabelTable;

use crate::table::{StructureRow, StructureTable};
use crate::{FormatError, write_atomically};
use html::escaped;

/// Said in every report.
pub const RESEARCH_USE: &str = "Research use only. Not a medical device.";

/// What every PNG file begins with.
const PNG_SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";
const STYLE: &str = include_str!("style.css");

/// A picture and what it shows.
#[derive(Debug, Clone, Copy)]
pub struct Picture<'a> {
    /// Under the picture, and read aloud for those who do not see it.
    pub caption: &'a str,
    /// The bytes of a PNG file.
    pub png: &'a [u8],
}

/// What a report says.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// The heading.
    pub title: &'a str,
    /// When it was made, as it shall be read.
    pub created: &'a str,
    /// Which case, and its structures.
    pub table: StructureTable<'a>,
    /// Colours of the structures.
    pub labels: &'a LabelTable,
    /// In order.
    pub pictures: &'a [Picture<'a>],
    /// Doubts about the study, a sentence each.
    pub warnings: &'a [String],
    /// The reviewer's note on the case.
    pub note: &'a str,
    /// Where the mask comes from, as pairs of name and value.
    pub provenance: &'a [(String, String)],
}

/// Writes the report.
pub fn write_report(path: &Path, report: &Report<'_>) -> Result<(), FormatError> {
    if let Some(picture) = report.pictures.iter().find(|picture| !picture.png.starts_with(&PNG_SIGNATURE)) {
        return Err(FormatError::invalid(path, format!("the picture {:?} is not a PNG file; nothing was written", picture.caption)));
    }
    write_atomically(path, |out| put(out, report))
}

fn put(out: &mut impl Write, report: &Report<'_>) -> io::Result<()> {
    let title = escaped(report.title);
    // The policy forbids whatever a text from a file could still smuggle in.
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n"
    )?;
    let (case, created) = (escaped(report.table.case), escaped(report.created));
    write!(out, "<header>\n<p class=\"notice\">{RESEARCH_USE}</p>\n<h1>{title}</h1>\n<p>Case {case} · {created}</p>\n</header>\n<main>\n")?;
    put_warnings(out, report.warnings)?;
    put_pictures(out, report.pictures)?;
    put_structures(out, report)?;
    if !report.note.trim().is_empty() {
        write!(out, "<section>\n<h2>Note</h2>\n<p class=\"note\">{}</p>\n</section>\n", escaped(report.note))?;
    }
    put_provenance(out, report.provenance)?;
    write!(out, "</main>\n<footer>{RESEARCH_USE}</footer>\n</body>\n</html>\n")
}

fn put_warnings(out: &mut impl Write, warnings: &[String]) -> io::Result<()> {
    if warnings.is_empty() {
        return Ok(());
    }
    write!(out, "<section class=\"warnings\">\n<h2>Doubts about the study</h2>\n<ul>\n")?;
    warnings.iter().try_for_each(|warning| writeln!(out, "<li>{}</li>", escaped(warning)))?;
    write!(out, "</ul>\n</section>\n")
}

fn put_pictures(out: &mut impl Write, pictures: &[Picture<'_>]) -> io::Result<()> {
    if pictures.is_empty() {
        return Ok(());
    }
    write!(out, "<section class=\"pictures\">\n<h2>Pictures</h2>\n")?;
    for picture in pictures {
        let caption = escaped(picture.caption);
        write!(out, "<figure>\n<img alt=\"{caption}\" src=\"data:image/png;base64,")?;
        base64::encode(out, picture.png)?;
        write!(out, "\">\n<figcaption>{caption}</figcaption>\n</figure>\n")?;
    }
    writeln!(out, "</section>")
}

fn put_structures(out: &mut impl Write, report: &Report<'_>) -> io::Result<()> {
    let unit = escaped(report.table.intensity_unit);
    write!(
        out,
        "<section>\n<h2>Structures</h2>\n<table>\n<thead><tr><th scope=\"col\">Structure</th><th scope=\"col\">Value</th>\
         <th scope=\"col\">Volume, ml</th><th scope=\"col\">Mean ± SD, {unit}</th><th scope=\"col\">Largest diameter, mm</th>\
         <th scope=\"col\">Pieces</th><th scope=\"col\">Certainty</th><th scope=\"col\">Decision</th>\
         <th scope=\"col\">Note</th></tr></thead>\n<tbody>\n"
    )?;
    for row in report.table.structures {
        put_structure(out, row, report.labels)?;
    }
    write!(out, "</tbody>\n</table>\n")?;
    if report.table.structures.iter().any(|row| row.cut_by_edge) {
        writeln!(out, "<p class=\"hint\">≥: the edge of the image cuts the structure, so it is at least that large.</p>")?;
    }
    writeln!(out, "</section>")
}

fn put_structure(out: &mut impl Write, row: &StructureRow, labels: &LabelTable) -> io::Result<()> {
    let swatch = labels.get(row.value).map_or(String::new(), |label| {
        let [r, g, b] = label.color;
        format!("<span class=\"swatch\" style=\"background:#{r:02x}{g:02x}{b:02x}\"></span>")
    });
    let at_least = if row.cut_by_edge { "≥ " } else { "" };
    let bound = |value: Option<f64>, digits: usize| number(value, digits).map_or("–".to_owned(), |text| format!("{at_least}{text}"));
    let mean = match (number(row.mean, 1), number(row.sd, 1)) {
        (Some(mean), Some(sd)) => format!("{mean} ± {sd}"),
        (Some(mean), None) => mean,
        _ => "–".to_owned(),
    };
    let certainty = number(row.certainty.map(|v| v * 100.0), 0).map_or("–".to_owned(), |text| format!("{text} %"));
    write!(out, "<tr><th scope=\"row\">{swatch}{}</th><td>{}</td>", escaped(&row.name), row.value)?;
    write!(out, "<td>{}</td><td>{mean}</td><td>{}</td>", bound(row.volume_ml, 1), bound(row.largest_diameter_mm, 1))?;
    write!(out, "<td>{}</td><td>{certainty}</td>", row.pieces.map_or("–".to_owned(), |n| n.to_string()))?;
    writeln!(out, "<td class=\"text\">{}</td><td class=\"text\">{}</td></tr>", escaped(&row.decision), escaped(&row.note))
}

/// With the minus sign that is as wide as a digit.
fn number(value: Option<f64>, digits: usize) -> Option<String> {
    value.filter(|v| v.is_finite()).map(|v| format!("{v:.digits$}").replace('-', "−"))
}

fn put_provenance(out: &mut impl Write, provenance: &[(String, String)]) -> io::Result<()> {
    if provenance.is_empty() {
        return Ok(());
    }
    write!(out, "<section>\n<h2>Where this comes from</h2>\n<table class=\"pairs\">\n<tbody>\n")?;
    for (name, value) in provenance {
        writeln!(out, "<tr><th scope=\"row\">{}</th><td class=\"text\">{}</td></tr>", escaped(name), escaped(value))?;
    }
    write!(out, "</tbody>\n</table>\n</section>\n")
}
