//! Tables as other programs write them, what is written, and what is refused.

use volume::{Label, LabelTable};

use super::*;

fn read_as(text: &str) -> Result<(TableKind, Vec<Label>), String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels");
    std::fs::write(&path, text).unwrap();
    read(&path).map(|(kind, table)| (kind, table.iter().cloned().collect())).map_err(|error| error.to_string())
}

fn written(kind: TableKind, table: &LabelTable) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels");
    write(&path, kind, table).unwrap();
    std::fs::read_to_string(&path).unwrap()
}

fn label(value: u16, name: &str, color: [u8; 3]) -> Label {
    Label { value, name: name.to_owned(), color }
}

fn sample() -> LabelTable {
    LabelTable::from_labels([label(7, "kidney_left", [255, 0, 16]), label(3, "Größe 1", [1, 2, 3]), label(1000, "c", [9, 99, 199])])
}

#[test]
fn every_kind_reads_back_what_it_wrote() {
    for kind in [TableKind::ItkSnap, TableKind::Slicer, TableKind::Bids] {
        let (found, labels) = read_as(&written(kind, &sample())).unwrap();
        assert_eq!(found, kind);
        let mut wanted: Vec<Label> = sample().iter().cloned().collect();
        if kind == TableKind::Slicer {
            wanted[0].name = "Größe_1".to_owned();
        }
        assert_eq!(labels, wanted);
    }
}

#[test]
fn written_text_is_what_the_programs_expect() {
    let snap = written(TableKind::ItkSnap, &LabelTable::from_labels([label(12, "a \"b\"", [255, 255, 150])]));
    assert!(snap.starts_with("################################################\n# ITK-SnAP Label Description File\n"));
    assert!(snap.ends_with("\"Clear Label\"\n   12   255  255  150        1  1  1    \"a 'b'\"\n"), "{snap}");
    let slicer = written(TableKind::Slicer, &sample());
    let wanted = "# Color table file Voxelry\n# 4 values\n0 Background 0 0 0 0\n3 Größe_1 1 2 3 255\n\
                  7 kidney_left 255 0 16 255\n1000 c 9 99 199 255\n";
    assert_eq!(slicer, wanted);
    let bids = written(TableKind::Bids, &sample());
    assert_eq!(bids, "index\tname\tcolor\n3\tGröße 1\t#010203\n7\tkidney_left\t#ff0010\n1000\tc\t#0963c7\n");
}

#[test]
fn tables_of_other_programs_are_read() {
    let snap = "# ITK-SnAP Label Description File\n    0     0    0    0     0    0   0  \"Clear Label\"\r\n\
                12   255  255  150     1    1   1  \"Label 1\"\n";
    assert_eq!(read_as(snap).unwrap(), (TableKind::ItkSnap, vec![label(12, "Label 1", [255, 255, 150])]));
    let slicer = "# Color table file C:/x.ctbl\n# 4 values\n0 Background 0 0 0 0\n1 artery 216 101 79 255\n2 'bone' 241.4 214 145\n";
    let wanted = vec![label(1, "artery", [216, 101, 79]), label(2, "bone", [241, 214, 145])];
    assert_eq!(read_as(slicer).unwrap(), (TableKind::Slicer, wanted));
    let bids = "\u{feff}name\tindex\tabbreviation\tcolor\nGray Matter\t1\tGM\t#ff53bb\nCSF\t5\tn/a\tn/a\n";
    let (kind, labels) = read_as(bids).unwrap();
    assert_eq!((kind, labels[0].clone()), (TableKind::Bids, label(1, "Gray Matter", [0xff, 0x53, 0xbb])));
    assert_eq!((labels[1].value, labels[1].name.as_str()), (5, "CSF"));
    for nnunet in [
        r#"{"channel_names": {"0": "CT"}, "labels": {"background": 0, "liver": 2, "spleen": 1}}"#,
        r#"{"modality": {"0": "CT"}, "labels": {"0": "background", "2": "liver", "1": "spleen"}}"#,
    ] {
        let (kind, labels) = read_as(nnunet).unwrap();
        let names: Vec<_> = labels.iter().map(|label| (label.value, label.name.as_str())).collect();
        assert_eq!((kind, names), (TableKind::NnUnet, vec![(1, "spleen"), (2, "liver")]));
        assert_ne!(labels[0].color, labels[1].color);
    }
}

#[test]
fn what_would_be_guessed_is_refused() {
    let cases = [
        ("", "not a label table"),
        ("hello world\n", "not a label table"),
        ("[{\"name\": \"Liver\"}]", "not a label table"),
        ("# Color procedural file x\n# 2 points\n0 0 0 0\n255 1 1 1\n", "continuous colour scale"),
        ("{\"labels\": {\"a\": ", "the JSON is damaged"),
        ("{\"name\": \"x\"}", "no \"labels\""),
        ("{\"labels\": {\"whole\": [1, 2]}}", "region of several values"),
        ("{\"labels\": {\"a\": 1.5}}", "not a whole number"),
        ("{\"labels\": {\"a\": -1}}", "not a whole number"),
        ("{\"labels\": {\"a\": 1, \"b\": 1}}", "label 1 has two names"),
        ("1 a 1 2 3 255\n1 b 1 2 3 255\n", "label 1 has two names"),
        ("1 a 1 2 3 255\nhello\n", "line 2 is not of the form id name R G B A"),
        ("1 1 2 3 1 1 1 \"a\"\n2 1 2 3 1 1 \"b\"\n", "line 2 is not of the form IDX"),
        ("70000 a 1 2 3 255\n", "label 70000 is too large"),
        ("index\tname\n1\n", "line 2 has no name"),
        ("index\tname\nx\ta\n", "line 2 has no index"),
    ];
    for (text, wanted) in cases {
        let refused = read_as(text).unwrap_err();
        assert!(refused.contains(wanted), "{text:?}: {refused}");
    }
    let folder = tempfile::tempdir().unwrap();
    assert!(read(folder.path()).unwrap_err().to_string().contains("not a regular file"));
    assert!(matches!(read(&folder.path().join("absent")), Err(FormatError::NotFound(_))));
    std::fs::write(folder.path().join("latin1"), b"1 Gr\xf6\xdfe 1 2 3 255\n").unwrap();
    assert!(read(&folder.path().join("latin1")).unwrap_err().to_string().contains("not UTF-8"));
    assert!(write(&folder.path().join("dataset.json"), TableKind::NnUnet, &sample()).is_err());
}
