//! The structures of the phantom's truth.

use volume::LabelTable;

/// A structure of the truth; the discriminant is its mask value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Structure {
    /// Liver without the lesion.
    Liver = 1,
    /// The lesion in the liver.
    Lesion = 2,
    /// Spleen.
    Spleen = 3,
    /// Kidney on the patient's right, without the sinus.
    KidneyRight = 4,
    /// Kidney on the patient's left, without the sinus.
    KidneyLeft = 5,
    /// Stomach with wall, content and gas.
    Stomach = 6,
    /// Aorta.
    Aorta = 7,
    /// Vertebrae and discs without the canal.
    Spine = 8,
    /// Both lungs.
    Lungs = 9,
}

impl Structure {
    /// All structures, by mask value.
    pub const ALL: [Self; 9] = [
        Self::Liver,
        Self::Lesion,
        Self::Spleen,
        Self::KidneyRight,
        Self::KidneyLeft,
        Self::Stomach,
        Self::Aorta,
        Self::Spine,
        Self::Lungs,
    ];

    /// Value in the mask.
    pub fn value(self) -> u16 {
        self as u16
    }

    /// Name in the label table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Liver => "liver",
            Self::Lesion => "liver_lesion",
            Self::Spleen => "spleen",
            Self::KidneyRight => "kidney_right",
            Self::KidneyLeft => "kidney_left",
            Self::Stomach => "stomach",
            Self::Aorta => "aorta",
            Self::Spine => "spine",
            Self::Lungs => "lungs",
        }
    }

    /// Names and colours of all structures.
    pub fn table() -> LabelTable {
        LabelTable::from_names(Self::ALL.map(|structure| (structure.value(), structure.name().to_owned())))
    }
}
