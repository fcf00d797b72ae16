//! What people read where files keep names as programs write them.

/// A structure's stored name as words: `kidney_left` is "Kidney left", a bare number is "Structure 4".
///
/// Files keep the stored name; only what people read goes through this.
pub fn structure_words(name: &str) -> String {
    let words = name.split(['_', ' ']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    if words.is_empty() {
        return "Structure".to_owned();
    }
    if words.chars().all(|letter| letter.is_ascii_digit()) {
        return format!("Structure {words}");
    }
    // A first word with capitals of its own is spelled as it is meant: "mDixon", "L3".
    let first = words.split(' ').next().unwrap_or_default();
    if first.chars().any(char::is_uppercase) {
        return words;
    }
    let mut letters = words.chars();
    letters.next().map(|letter| letter.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_programs_become_words() {
        for (name, words) in [
            ("kidney_left", "Kidney left"),
            ("Kidney right", "Kidney right"),
            ("inferior_vena_cava", "Inferior vena cava"),
            ("vertebrae_L3", "Vertebrae L3"),
            ("portal__vein_", "Portal vein"),
            ("L3", "L3"),
            ("mDixon_fat", "mDixon fat"),
            ("4", "Structure 4"),
            ("ösophagus", "Ösophagus"),
            ("aorta 2", "Aorta 2"),
            ("", "Structure"),
        ] {
            assert_eq!(structure_words(name), words);
        }
    }
}
