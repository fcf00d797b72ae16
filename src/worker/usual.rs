//! Volumes that organs of adults usually have, to notice gross faults.
//!
//! The ranges are wide on purpose: about half of the smallest and twice the largest healthy volume of the anatomy textbooks, so that a
//! leaked or half-missed organ stands out and an unusual patient does not. They decide nothing; they move a structure up the list.

/// Words of a name that must all be there, and millilitres from and to. The first row that fits counts.
const USUAL: &[(&[&str], [f64; 2])] = &[
    (&["liver"], [500.0, 3500.0]),
    (&["spleen"], [40.0, 900.0]),
    (&["kidney"], [50.0, 500.0]),
    (&["pancreas"], [15.0, 250.0]),
    (&["gallbladder"], [2.0, 200.0]),
    (&["urinary", "bladder"], [10.0, 1500.0]),
    (&["adrenal"], [0.5, 25.0]),
    (&["aorta"], [20.0, 600.0]),
    (&["stomach"], [30.0, 3000.0]),
    (&["prostate"], [8.0, 200.0]),
    (&["heart"], [200.0, 2000.0]),
    (&["brain"], [700.0, 2200.0]),
];

/// Words that make a name mean a part, a hole or a lesion of the organ.
const PARTS: &[&str] = &["lesion", "tumor", "tumour", "cyst", "vessel", "vein", "artery", "lobe", "segment", "atrium", "ventricle", "stem"];

/// The usual range of a structure by its name.
pub(crate) fn volume_ml(name: &str) -> Option<[f64; 2]> {
    let name = name.to_lowercase();
    let words: Vec<&str> = name.split(|letter: char| !letter.is_alphabetic()).collect();
    if PARTS.iter().any(|part| name.contains(part)) {
        return None;
    }
    USUAL.iter().find(|(wanted, _)| wanted.iter().all(|word| words.contains(word))).map(|(_, range)| *range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_organs_but_not_of_their_parts() {
        assert_eq!(volume_ml("kidney_right"), volume_ml("Kidney left"));
        assert!(volume_ml("kidney_right").is_some() && volume_ml("urinary_bladder").is_some());
        assert_eq!([volume_ml("kidney cyst"), volume_ml("portal_vein_and_splenic_vein"), volume_ml("bone")], [None; 3]);
    }
}
