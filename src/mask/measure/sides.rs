//! Left and right: finds pairs of structures named for the sides, and says which lie the wrong way round.

use std::collections::BTreeMap;

use volume::LabelTable;

use super::Measure;

/// A pair whose left one lies to the right of its right one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwappedSides {
    /// The label whose name says left.
    pub left: u16,
    /// The label whose name says right.
    pub right: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// Pairs such as "Kidney left" and "Kidney right" whose centroids are swapped: the patient's left is +x in LPS.
///
/// A structure without its partner is not judged, because the midline is not known.
pub fn swapped_sides(table: &LabelTable, measures: &[Measure]) -> Vec<SwappedSides> {
    let mut pairs = BTreeMap::<String, [Option<&Measure>; 2]>::new();
    for label in table.iter() {
        let Some((side, rest)) = side_of(&label.name) else { continue };
        let Some(measure) = measures.iter().find(|measure| measure.value == label.value) else { continue };
        pairs.entry(rest).or_default()[usize::from(side == Side::Right)] = Some(measure);
    }
    let swapped = |pair: [Option<&Measure>; 2]| {
        let [left, right] = [pair[0]?, pair[1]?];
        (left.centroid_lps_mm.x < right.centroid_lps_mm.x).then_some(SwappedSides { left: left.value, right: right.value })
    };
    pairs.into_values().filter_map(swapped).collect()
}

/// The side a name speaks of, and the name without it; none if it names no side or both.
fn side_of(name: &str) -> Option<(Side, String)> {
    let name = name.to_lowercase();
    let mut side = None;
    let mut rest = Vec::new();
    for word in name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let whole = match word {
            "left" | "l" | "lt" => Some((Side::Left, "")),
            "right" | "r" | "rt" => Some((Side::Right, "")),
            _ => None,
        };
        let joined = || {
            let left = word.strip_prefix("left").or_else(|| word.strip_suffix("left")).map(|rest| (Side::Left, rest));
            left.or_else(|| word.strip_prefix("right").or_else(|| word.strip_suffix("right")).map(|rest| (Side::Right, rest)))
        };
        match whole.or_else(joined) {
            Some(_) if side.is_some() => return None,
            Some((found, left_over)) => {
                side = Some(found);
                rest.push(left_over.to_owned());
            }
            None => rest.push(word.to_owned()),
        }
    }
    rest.retain(|word| !word.is_empty());
    rest.sort();
    Some((side?, rest.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_sides_are_understood() {
        let base = |name: &str| side_of(name).map(|(side, rest)| (side == Side::Left, rest));
        for name in ["kidney_left", "Left Kidney", "Kidney (L)", "leftKidney", "Kidney, left", "KIDNEY-LT"] {
            assert_eq!(base(name), Some((true, "kidney".to_owned())), "{name}");
        }
        assert_eq!(base("lung_upper_lobe_right"), Some((false, "lobe lung upper".to_owned())));
        assert_eq!(base("liver"), None);
        assert_eq!(base("left right thing"), None);
    }
}
