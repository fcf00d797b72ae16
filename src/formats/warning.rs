//! Doubts about a study that loads: named, so that they reach the screen, the JSON and the output's provenance.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What is doubtful. The names are the command line's contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WarningCode {
    /// A slice is missing from an otherwise regular stack.
    MissingSlice,
    /// Distances of slices or voxels differ, contradict each other, or cannot be measured.
    NonuniformSpacing,
    /// Slices are sheared against their normal.
    GantryTilt,
    /// The series holds several volumes (echoes, time points); one was chosen.
    MultiVolume,
    /// A slice occurs twice; one was kept.
    Duplicate,
    /// A slice does not belong to the stack (size, orientation, patient, series) and was left out.
    OddSliceOut,
    /// A file could not be read and was left out.
    BadSlice,
    /// CT without rescale: values are assumed to be Hounsfield units.
    NoRescale,
    /// The file does not say how voxels lie in the patient, or contradicts itself.
    OrientationUnknown,
    /// NaN or infinite voxels were replaced by zero.
    NanVoxels,
    /// Units other than millimetres were converted, or are not named.
    Units,
    /// The affine shears; spacing and direction are approximations.
    Shear,
    /// Voxels come from a lossy codec.
    LossySource,
    /// The volume was cut.
    Cropped,
}

impl fmt::Display for WarningCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MissingSlice => "MISSING_SLICE",
            Self::NonuniformSpacing => "NONUNIFORM_SPACING",
            Self::GantryTilt => "GANTRY_TILT",
            Self::MultiVolume => "MULTI_VOLUME",
            Self::Duplicate => "DUPLICATE",
            Self::OddSliceOut => "ODD_SLICE_OUT",
            Self::BadSlice => "BAD_SLICE",
            Self::NoRescale => "NO_RESCALE",
            Self::OrientationUnknown => "ORIENTATION_UNKNOWN",
            Self::NanVoxels => "NAN_VOXELS",
            Self::Units => "UNITS",
            Self::Shear => "SHEAR",
            Self::LossySource => "LOSSY_SOURCE",
            Self::Cropped => "CROPPED",
        })
    }
}

/// One doubt, in a sentence without patient identifiers, but for the names of files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// What kind.
    pub code: WarningCode,
    /// What exactly, e.g. "one slice is missing near position 42.5 mm".
    pub text: String,
    /// The same without names of files, which may hold a patient's name; where `text` has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anonymous: Option<String>,
}

impl Warning {
    /// Joins code and sentence.
    pub fn new(code: WarningCode, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), anonymous: None }
    }

    /// A doubt about a file: its name is for the screen, not for what is stored with a result.
    pub fn of_file(code: WarningCode, name: &str, reason: &str) -> Self {
        Self { code, text: format!("{name}: {reason}"), anonymous: Some(format!("one file: {reason}")) }
    }

    /// The sentence for records that outlive the screen: without names of files.
    pub fn stored(&self) -> &str {
        self.anonymous.as_deref().unwrap_or(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_stay_on_the_screen() {
        let bad = Warning::of_file(WarningCode::BadSlice, "Doe_Jane.dcm", "the file is cut off");
        assert_eq!(bad.text, "Doe_Jane.dcm: the file is cut off");
        assert_eq!(bad.stored(), "one file: the file is cut off");
        assert_eq!(Warning::new(WarningCode::Cropped, "cut").stored(), "cut");
    }
}
