//! The summary of a queue as CSV: one line per case, with the columns of the other tables (`formats::table`).

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::path::Path;

use jobs::case::{CaseFolder, CaseState, Decision, LayerFolder, LayerKind, replace_file};

use crate::state::QueueCase;

const COLUMNS: &str = "case,decision,structures,accepted,rejected,flagged,open,edited,lowest_certainty_0_to_1,\
                       reviewer,reviewed_at,review_s,keystrokes,note\n";

/// Writes the file as a whole.
pub(super) fn write(path: &Path, cases: &[QueueCase]) -> io::Result<()> {
    let lines: String = cases.iter().map(line).collect();
    replace_file(path, |file| {
        file.write_all(COLUMNS.as_bytes())?;
        file.write_all(lines.as_bytes())
    })
}

fn line(case: &QueueCase) -> String {
    let (mut counts, mut cells) = ([0_usize; 6], [const { String::new() }; 4]);
    let mut decision = if case.refused.is_some() { "refused" } else { "open" };
    if let Some(folder) = case.case.as_ref().map(CaseFolder::at)
        && let Ok(file) = folder.read()
    {
        decision = match file.state {
            CaseState::Accepted => "accepted",
            CaseState::Rejected => "rejected",
            CaseState::Flagged => "flagged",
            CaseState::Opened | CaseState::InReview => decision,
        };
        let last = folder.layers().ok().and_then(|layers| layers.last().cloned());
        let edited = last.as_ref().and_then(|layer| edited(layer, file.geometry.size_zyx).ok()).unwrap_or(0);
        let review = last.and_then(|layer| layer.read_review().ok().flatten()).unwrap_or_default();
        let there: Vec<_> = review.structures.iter().filter(|known| known.voxels > 0).collect();
        let decided = |wanted: Decision| there.iter().filter(|known| known.decision == wanted).count();
        let of = [Decision::Accepted, Decision::Rejected, Decision::Flagged, Decision::Open].map(decided);
        counts = [there.len(), of[0], of[1], of[2], of[3], edited];
        let lowest = there.iter().filter_map(|known| known.certainty).min_by(f32::total_cmp);
        let latest = review.structures.iter().filter_map(|known| known.decided_at.clone()).max().unwrap_or_default();
        cells = [lowest.map(|lowest| format!("{lowest:.4}")).unwrap_or_default(), text(&review.reviewer), text(&latest), text(&file.note)];
    }
    let [lowest, reviewer, latest, note] = cells;
    let counts = counts.map(|count| count.to_string()).join(",");
    let seconds = if case.seconds > 0.0 { format!("{:.1}", case.seconds) } else { String::new() };
    // Keystrokes are not counted.
    format!("{},{decision},{counts},{lowest},{reviewer},{latest},{seconds},,{note}\n", text(&case.name))
}

/// How many structures of a layer were changed by hand: those whose voxels differ from the mask it began with.
fn edited(layer: &LayerFolder, size_zyx: [usize; 3]) -> io::Result<usize> {
    let file = layer.read()?;
    if file.kind != LayerKind::Corrections || !layer.current_path().exists() {
        return Ok(0);
    }
    let (before, after) = (layer.map_labels(&file, size_zyx)?, layer.map_current(&file, size_zyx)?);
    let mut touched = BTreeSet::new();
    if let (Some(before), Some(after)) = (before.as_u8(), after.as_u8()) {
        for (old, new) in before.iter().zip(after).filter(|(old, new)| old != new) {
            touched.extend([u16::from(*old), u16::from(*new)]);
        }
    } else {
        let [nz, ny, nx] = size_zyx;
        for at in (0..nz).flat_map(|z| (0..ny).flat_map(move |y| (0..nx).map(move |x| [z, y, x]))) {
            let (old, new) = (before.value(at) as u16, after.value(at) as u16);
            if old != new {
                touched.extend([old, new]);
            }
        }
    }
    touched.remove(&0);
    Ok(touched.len())
}

/// A cell of text, quoted where RFC 4180 wants it. A spreadsheet must not take a name or note for a formula.
fn text(text: &str) -> String {
    let guarded = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() };
    if guarded.contains([',', '"', '\n', '\r']) { format!("\"{}\"", guarded.replace('"', "\"\"")) } else { guarded }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_a_spreadsheet_would_misread_is_quoted() {
        assert_eq!(text("a,b"), "\"a,b\"");
        assert_eq!(text("two \"lobes\",\nsee"), "\"two \"\"lobes\"\",\nsee\"");
        assert_eq!(text("=1+1"), "'=1+1");
        assert_eq!(text("plain"), "plain");
    }
}
