//! Label names and colours in a header extension: the XML that Caret defined and TotalSegmentator writes.
//!
//! `<CaretExtension><VolumeInformation><LabelTable><Label Key="1" Red="1" Green="0" Blue="0" Alpha="1">liver</Label>...`

use std::fmt::Write as _;
use std::io;

use volume::{Label, LabelTable};

use super::header::EXTENDER_BYTES;
use crate::stored::Stream;

/// No code, as TotalSegmentator writes it: nibabel 5 hands out the content of code 0 but not that of 30 (Caret), so that
/// TotalSegmentator's reader would fail. Read is whatever code comes.
const CODE: i32 = 0;
/// Size and code before the content of an extension.
const PREFIX_BYTES: usize = 8;
/// Extensions are multiples of this many bytes.
const STEP_BYTES: usize = 16;
/// Extensions beyond this are passed over: 65535 labels of 100 bytes need less.
const MAX_BYTES: u64 = 8 << 20;

/// One whole extension for the labels of a table.
pub(super) fn extension(table: &LabelTable) -> Vec<u8> {
    let xml = to_xml(table);
    let bytes = (PREFIX_BYTES + xml.len()).next_multiple_of(STEP_BYTES);
    let mut extension = Vec::with_capacity(bytes);
    extension.extend_from_slice(&(bytes as i32).to_le_bytes());
    extension.extend_from_slice(&CODE.to_le_bytes());
    extension.extend_from_slice(xml.as_bytes());
    // Blanks, not zeros: XML parsers are handed the padding too.
    extension.resize(bytes, b' ');
    extension
}

fn to_xml(table: &LabelTable) -> String {
    let mut xml = String::from(concat!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
        "<CaretExtension><VolumeInformation Index=\"0\"><LabelTable>\n"
    ));
    for label in table.iter() {
        let [red, green, blue] = label.color.map(|c| f64::from(c) / 255.0);
        // A CDATA section ends at "]]>", so such a name is split over two.
        let name = printable(&label.name).replace("]]>", "]]]]><![CDATA[>");
        let value = label.value;
        // Writing to a string cannot fail.
        let _ = writeln!(
            xml,
            "<Label Key=\"{value}\" Red=\"{red:.6}\" Green=\"{green:.6}\" Blue=\"{blue:.6}\" Alpha=\"1\"><![CDATA[{name}]]></Label>"
        );
    }
    xml.push_str("</LabelTable><StudyMetaDataLinkSet></StudyMetaDataLinkSet><VolumeType><![CDATA[Label]]></VolumeType>");
    xml.push_str("</VolumeInformation></CaretExtension>\n");
    xml
}

/// XML 1.0 has no control characters.
fn printable(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Looks for a label table between header and voxels, `room` bytes apart. Returns it and how many bytes were read.
pub(super) fn read(stream: &mut Stream, little_endian: bool, room: u64) -> io::Result<(Vec<Label>, u64)> {
    let least = (EXTENDER_BYTES + STEP_BYTES) as u64;
    if !(least..=MAX_BYTES).contains(&room) {
        return Ok((Vec::new(), 0));
    }
    let mut bytes = vec![0; room as usize];
    let filled = stream.fill(&mut bytes)?;
    let names = if bytes[0] == 0 { None } else { walk(&bytes[EXTENDER_BYTES.min(filled)..filled], little_endian) };
    Ok((names.unwrap_or_default(), filled as u64))
}

/// The labels of the first extension that has any.
fn walk(mut bytes: &[u8], little_endian: bool) -> Option<Vec<Label>> {
    loop {
        let size: [u8; 4] = bytes.get(..4)?.try_into().ok()?;
        let size = if little_endian { i32::from_le_bytes(size) } else { i32::from_be_bytes(size) };
        let size = usize::try_from(size).ok().filter(|size| *size >= STEP_BYTES)?;
        let content = bytes.get(PREFIX_BYTES..size)?;
        let labels = from_xml(&String::from_utf8_lossy(content));
        if !labels.is_empty() {
            return Some(labels);
        }
        bytes = &bytes[size..];
    }
}

/// Reads the label table; what is damaged in it is left out, so that its voxels are named by their number.
fn from_xml(xml: &str) -> Vec<Label> {
    let Some(start) = xml.find("<LabelTable") else { return Vec::new() };
    let table = &xml[start..];
    let mut rest = &table[..table.find("</LabelTable").unwrap_or(table.len())];
    let mut labels = Vec::new();
    while let Some(at) = rest.find("<Label ") {
        rest = &rest[at + "<Label ".len()..];
        let Some(end) = rest.find('>') else { break };
        let attributes = &rest[..end];
        rest = &rest[end + 1..];
        if attributes.ends_with('/') {
            continue;
        }
        let (name, behind) = content(rest);
        rest = behind;
        let component = |key| attribute(attributes, key).and_then(|text| text.parse::<f64>().ok()).filter(|v| v.is_finite());
        let byte = |value: f64| (value.clamp(0.0, 1.0) * 255.0).round() as u8;
        let color = ["Red", "Green", "Blue"].map(|key| component(key).map_or(190, byte));
        let name = name.trim().to_owned();
        if let Some(value) = attribute(attributes, "Key").and_then(|key| key.trim().parse().ok()).filter(|_| !name.is_empty()) {
            labels.push(Label { value, name, color });
        }
    }
    labels
}

fn attribute<'a>(attributes: &'a str, key: &str) -> Option<&'a str> {
    attributes.match_indices(key).find_map(|(at, _)| {
        let starts = at == 0 || attributes[..at].ends_with(char::is_whitespace);
        let value = attributes[at + key.len()..].trim_start().strip_prefix('=')?.trim_start();
        let quote = value.chars().next().filter(|c| starts && matches!(c, '"' | '\''))?;
        value[1..].split(quote).next()
    })
}

/// Text up to the closing tag, with CDATA sections as they are and entities replaced; and what follows.
fn content(mut rest: &str) -> (String, &str) {
    let mut text = String::new();
    loop {
        let Some(at) = rest.find('<') else { return (text, "") };
        text.push_str(&unescaped(&rest[..at]));
        let Some(section) = rest[at..].strip_prefix("<![CDATA[") else { return (text, &rest[at..]) };
        let Some(end) = section.find("]]>") else { return (text, "") };
        text.push_str(&section[..end]);
        rest = &section[end + 3..];
    }
}

fn unescaped(text: &str) -> String {
    // The ampersand last, so that "&amp;lt;" becomes "&lt;".
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(value: u16, name: &str, color: [u8; 3]) -> Label {
        Label { value, name: name.to_owned(), color }
    }

    #[test]
    fn the_xml_is_as_written_by_others_and_reads_back() {
        let table = LabelTable::from_labels([label(1, "liver", [255, 0, 51]), label(300, "a]]>b & <c>", [1, 2, 3])]);
        let bytes = extension(&table);
        assert_eq!((bytes.len() % 16, i32::from_le_bytes(bytes[..4].try_into().unwrap())), (0, bytes.len() as i32));
        let xml = std::str::from_utf8(&bytes[8..]).unwrap();
        let row = "<Label Key=\"1\" Red=\"1.000000\" Green=\"0.000000\" Blue=\"0.200000\" Alpha=\"1\"><![CDATA[liver]]></Label>\n";
        assert!(xml.contains(row), "{xml}");
        assert_eq!(walk(&bytes, true).unwrap(), table.iter().cloned().collect::<Vec<_>>());
    }

    #[test]
    fn tables_of_other_programs_are_read() {
        let totalsegmentator = "<?xml version=\"1.0\" encoding=\"UTF-8\"?> <CaretExtension>  \
            <Date><![CDATA[2013-07-14T05:45:09]]></Date>   \
            <VolumeInformation Index=\"0\">   <LabelTable>\n<Label Key=\"1\" Red=\"0.0\" Green=\"1.0\" Blue=\"0.5019607843137255\" \
            Alpha=\"1\"><![CDATA[spleen]]></Label>\n<Label Key='2' Red='1'>left &amp; right</Label><Label Key=\"x\">odd</Label>\
            <Label Key=\"70000\">far</Label><Label Key=\"3\"/></LabelTable><Label Key=\"9\">outside</Label></CaretExtension>";
        assert_eq!(from_xml(totalsegmentator), [label(1, "spleen", [0, 255, 128]), label(2, "left & right", [255, 190, 190])]);
    }

    #[test]
    fn damage_ends_the_search_quietly() {
        let open = "<LabelTable><Label Key=\"1\"";
        for xml in ["", "<LabelTable", open, &format!("{open}><![CDATA[x"), "<LabelTable><Label >x</Label>"] {
            assert_eq!(from_xml(xml), [], "{xml}");
        }
        for bytes in [&[][..], &[1, 2], &[0; 40], &[0xff; 40], &[16, 0, 0, 0, 30, 0, 0, 0]] {
            assert_eq!(walk(bytes, true), None);
        }
    }
}
