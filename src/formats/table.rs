//! Measures of structures and the summary of a review as CSV and JSON.
//!
//! Column names are a contract: scripts of users read them. Units are in the names, but for `mean` and `sd`, whose unit depends on
//! the scan and stands in `intensity_unit`. What was not measured is an empty cell, or null.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use crate::{FormatError, write_atomically};

/// One structure of one case.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct StructureRow {
    /// Name as in the mask's table.
    pub name: String,
    /// Voxel value.
    pub value: u16,
    /// Volume in millilitres.
    pub volume_ml: Option<f64>,
    /// Mean of the scan inside, in the scan's unit.
    pub mean: Option<f64>,
    /// Standard deviation of the scan inside.
    pub sd: Option<f64>,
    /// Largest distance between two of its voxels, in millimetres.
    pub largest_diameter_mm: Option<f64>,
    /// Connected pieces.
    pub pieces: Option<u64>,
    /// Whether the edge of the image cuts it, so that measures are lower bounds.
    pub cut_by_edge: bool,
    /// From 0 to 1.
    pub certainty: Option<f64>,
    /// What the reviewer decided: a word such as accepted, rejected, flagged or open.
    pub decision: String,
    /// The reviewer's note.
    pub note: String,
}

/// The structures of one case.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct StructureTable<'a> {
    /// Which case.
    pub case: &'a str,
    /// Unit of `mean` and `sd`: "HU" for CT.
    pub intensity_unit: &'a str,
    /// By the mask's order.
    pub structures: &'a [StructureRow],
}

/// One case of a reviewed queue.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CaseRow {
    /// Name of the case.
    pub case: String,
    /// What the reviewer decided of the whole: a word.
    pub decision: String,
    /// Number of structures.
    pub structures: u64,
    /// How many of them were accepted.
    pub accepted: u64,
    /// How many were rejected.
    pub rejected: u64,
    /// How many are flagged.
    pub flagged: u64,
    /// How many nobody decided on.
    pub open: u64,
    /// How many were changed by hand.
    pub edited: u64,
    /// Certainty of the worst structure, from 0 to 1.
    pub lowest_certainty: Option<f64>,
    /// Who reviewed.
    pub reviewer: String,
    /// When, as ISO 8601.
    pub reviewed_at: String,
    /// How long the case was open.
    pub seconds: Option<f64>,
    /// Keys pressed on the case.
    pub keystrokes: Option<u64>,
    /// The reviewer's note.
    pub note: String,
}

const STRUCTURE_COLUMNS: [&str; 13] = [
    "case",
    "structure",
    "value",
    "volume_ml",
    "mean",
    "sd",
    "intensity_unit",
    "largest_diameter_mm",
    "pieces",
    "cut_by_edge",
    "certainty_0_to_1",
    "decision",
    "note",
];
const CASE_COLUMNS: [&str; 14] = [
    "case",
    "decision",
    "structures",
    "accepted",
    "rejected",
    "flagged",
    "open",
    "edited",
    "lowest_certainty_0_to_1",
    "reviewer",
    "reviewed_at",
    "review_s",
    "keystrokes",
    "note",
];

/// Writes the structures of one or more cases as CSV.
pub fn write_structures_csv(path: &Path, tables: &[StructureTable<'_>]) -> Result<(), FormatError> {
    write_atomically(path, |out| {
        put_line(out, &STRUCTURE_COLUMNS)?;
        for table in tables {
            for row in table.structures {
                let cut = if row.cut_by_edge { "yes" } else { "no" };
                put_line(
                    out,
                    &[
                        &text(table.case),
                        &text(&row.name),
                        &row.value.to_string(),
                        &number(row.volume_ml, 3),
                        &number(row.mean, 3),
                        &number(row.sd, 3),
                        &text(table.intensity_unit),
                        &number(row.largest_diameter_mm, 2),
                        &count(row.pieces),
                        cut,
                        &number(row.certainty, 4),
                        &text(&row.decision),
                        &text(&row.note),
                    ],
                )?;
            }
        }
        Ok(())
    })
}

/// Writes the same as JSON, with full precision.
pub fn write_structures_json(path: &Path, tables: &[StructureTable<'_>]) -> Result<(), FormatError> {
    #[derive(Serialize)]
    struct Document<'a> {
        format: &'static str,
        version: u32,
        cases: &'a [StructureTable<'a>],
    }
    let document = Document { format: "voxelry structures", version: 1, cases: tables };
    write_atomically(path, |out| {
        serde_json::to_writer_pretty(&mut *out, &document)?;
        out.write_all(b"\n")
    })
}

/// Writes the summary of a reviewed queue as CSV.
pub fn write_queue_csv(path: &Path, cases: &[CaseRow]) -> Result<(), FormatError> {
    write_atomically(path, |out| {
        put_line(out, &CASE_COLUMNS)?;
        for case in cases {
            let counts = [case.structures, case.accepted, case.rejected, case.flagged, case.open, case.edited].map(|n| n.to_string());
            let mut cells = vec![text(&case.case), text(&case.decision)];
            cells.extend(counts);
            cells.extend([
                number(case.lowest_certainty, 4),
                text(&case.reviewer),
                text(&case.reviewed_at),
                number(case.seconds, 1),
                count(case.keystrokes),
                text(&case.note),
            ]);
            put_line(out, &cells)?;
        }
        Ok(())
    })
}

fn put_line(out: &mut impl Write, cells: &[impl AsRef<str>]) -> io::Result<()> {
    for (n, cell) in cells.iter().enumerate() {
        if n > 0 {
            out.write_all(b",")?;
        }
        out.write_all(cell.as_ref().as_bytes())?;
    }
    out.write_all(b"\n")
}

/// A cell of text, quoted where RFC 4180 wants it.
///
/// Names come from files and notes from people: a spreadsheet must not take one for a formula, so those get an apostrophe in front.
fn text(text: &str) -> String {
    let guarded = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() };
    if guarded.contains([',', '"', '\n', '\r']) { format!("\"{}\"", guarded.replace('"', "\"\"")) } else { guarded }
}

/// A decimal point in every locale; nothing for what is not a number.
fn number(value: Option<f64>, digits: usize) -> String {
    value.filter(|v| v.is_finite()).map(|v| format!("{v:.digits$}")).unwrap_or_default()
}

fn count(value: Option<u64>) -> String {
    value.map(|n| n.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&Path) -> Result<(), FormatError>) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table");
        write(&path).unwrap();
        std::fs::read_to_string(&path).unwrap()
    }

    fn liver() -> StructureRow {
        StructureRow {
            name: "liver".into(),
            value: 1,
            volume_ml: Some(1511.25),
            mean: Some(-0.5),
            sd: Some(f64::NAN),
            largest_diameter_mm: Some(210.456),
            pieces: Some(1),
            cut_by_edge: true,
            certainty: Some(0.98765),
            decision: "accepted".into(),
            note: "two \"lobes\",\nsee below".into(),
        }
    }

    #[test]
    fn structures_as_csv() {
        let empty = StructureRow { name: "=1+1".into(), value: 300, ..StructureRow::default() };
        let rows = [liver(), empty];
        let table = StructureTable { case: "case 1", intensity_unit: "HU", structures: &rows };
        let wanted = "case,structure,value,volume_ml,mean,sd,intensity_unit,largest_diameter_mm,pieces,cut_by_edge,\
                      certainty_0_to_1,decision,note\n\
                      case 1,liver,1,1511.250,-0.500,,HU,210.46,1,yes,0.9877,accepted,\"two \"\"lobes\"\",\nsee below\"\n\
                      case 1,'=1+1,300,,,,HU,,,no,,,\n";
        assert_eq!(written(|path| write_structures_csv(path, &[table])), wanted);
    }

    #[test]
    fn structures_as_json() {
        let rows = [liver()];
        let table = StructureTable { case: "case 1", intensity_unit: "HU", structures: &rows };
        let json: serde_json::Value = serde_json::from_str(&written(|path| write_structures_json(path, &[table]))).unwrap();
        let row = &json["cases"][0]["structures"][0];
        assert_eq!((json["version"].as_u64(), json["cases"][0]["intensity_unit"].as_str()), (Some(1), Some("HU")));
        assert_eq!((row["volume_ml"].as_f64(), row["largest_diameter_mm"].as_f64()), (Some(1511.25), Some(210.456)));
        assert!(row["sd"].is_null());
        assert_eq!(row["note"], "two \"lobes\",\nsee below");
    }

    #[test]
    fn a_queue_as_csv() {
        let case = CaseRow {
            case: "a,b".into(),
            decision: "accepted".into(),
            structures: 5,
            accepted: 3,
            rejected: 1,
            flagged: 1,
            lowest_certainty: Some(0.25),
            reviewer: "R".into(),
            reviewed_at: "2026-11-21T14:00:00Z".into(),
            seconds: Some(12.34),
            keystrokes: Some(7),
            ..CaseRow::default()
        };
        let wanted = "case,decision,structures,accepted,rejected,flagged,open,edited,lowest_certainty_0_to_1,\
                      reviewer,reviewed_at,review_s,keystrokes,note\n\
                      \"a,b\",accepted,5,3,1,1,0,0,0.2500,R,2026-11-21T14:00:00Z,12.3,7,\n";
        assert_eq!(written(|path| write_queue_csv(path, &[case])), wanted);
        assert_eq!(written(|path| write_queue_csv(path, &[])).lines().count(), 1);
    }
}
