//! The file stands alone, and no text of a case becomes markup.

use volume::Label;

use super::*;

/// The smallest PNG: one transparent pixel.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89";

fn written(report: &Report<'_>) -> Result<String, FormatError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.html");
    let result = write_report(&path, report);
    assert_eq!(result.is_ok(), path.exists());
    result.map(|()| std::fs::read_to_string(&path).unwrap())
}

fn plain<'a>(rows: &'a [StructureRow], labels: &'a LabelTable) -> Report<'a> {
    let table = StructureTable { case: "case 7", intensity_unit: "HU", structures: rows };
    Report { title: "Abdomen", created: "21 Nov 2026", table, labels, pictures: &[], warnings: &[], note: "", provenance: &[] }
}

#[test]
fn everything_asked_for_is_in_one_file() {
    let rows = [StructureRow {
        name: "liver".into(),
        value: 1,
        volume_ml: Some(1511.25),
        mean: Some(-9.04),
        sd: Some(21.0),
        pieces: Some(2),
        cut_by_edge: true,
        certainty: Some(0.934),
        decision: "accepted".into(),
        ..StructureRow::default()
    }];
    let labels = LabelTable::from_labels([Label { value: 1, name: "liver".into(), color: [224, 176, 128] }]);
    let warnings = ["one slice is missing".to_owned()];
    let provenance = [("Model".to_owned(), "torso v2".to_owned())];
    let pictures = [Picture { caption: "Axial, slice 87", png: PNG }];
    let report = Report { warnings: &warnings, provenance: &provenance, pictures: &pictures, note: "seen\ntwice", ..plain(&rows, &labels) };
    let html = written(&report).unwrap();
    for wanted in [
        "<title>Abdomen</title>",
        "<p>Case case 7 · 21 Nov 2026</p>",
        "<th scope=\"row\"><span class=\"swatch\" style=\"background:#e0b080\"></span>liver</th><td>1</td>\
         <td>≥ 1511.2</td><td>−9.0 ± 21.0</td><td>–</td>",
        "<td>2</td><td>93 %</td><td class=\"text\">accepted</td>",
        "≥: the edge of the image cuts",
        "<li>one slice is missing</li>",
        "<img alt=\"Axial, slice 87\" src=\"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ\">",
        "<th scope=\"row\">Model</th><td class=\"text\">torso v2</td>",
        "<p class=\"note\">seen\ntwice</p>",
    ] {
        assert!(html.contains(wanted), "{wanted} is not in {html}");
    }
    assert_eq!(html.matches(RESEARCH_USE).count(), 2);
    assert!(html.starts_with("<!DOCTYPE html>") && html.ends_with("</html>\n"));
}

#[test]
fn texts_stay_texts_and_nothing_is_loaded() {
    let evil = "<script src=\"http://x\">alert('&')</script>\u{1}";
    let safe = "&lt;script src=&quot;http://x&quot;&gt;alert(&#39;&amp;&#39;)&lt;/script&gt; ";
    let rows = [StructureRow { name: evil.into(), value: 1, decision: evil.into(), note: evil.into(), ..StructureRow::default() }];
    let labels = LabelTable::default();
    let texts = [evil.to_owned()];
    let provenance = [(evil.to_owned(), evil.to_owned())];
    let pictures = [Picture { caption: evil, png: PNG }];
    let table = StructureTable { case: evil, intensity_unit: evil, structures: &rows };
    let report = Report {
        title: evil,
        created: evil,
        table,
        labels: &labels,
        pictures: &pictures,
        warnings: &texts,
        note: evil,
        provenance: &provenance,
    };
    let html = written(&report).unwrap();
    // Title twice, case, date, unit, three cells, warning, caption twice, note, two of provenance.
    assert_eq!(html.matches(safe).count(), 14);
    assert!(!html.contains("<script") && !html.contains('\u{1}'));
    let without_texts = html.replace(safe, "");
    for reference in ["http", "src=\"/", "url(", "@import", "<link", "href", "javascript", "onload"] {
        let found = without_texts.replace("http-equiv", "").contains(reference);
        assert!(!found, "{reference}");
    }
}

#[test]
fn pictures_must_be_png() {
    let labels = LabelTable::default();
    let pictures = [Picture { caption: "view", png: b"<svg onload=alert(1)>" }];
    let refused = written(&Report { pictures: &pictures, ..plain(&[], &labels) }).unwrap_err().to_string();
    assert!(refused.contains("is not a PNG file"), "{refused}");
}
