//! One slice's place, rescale and the marks that tell volumes of one series apart.

use glam::DVec3;

/// Direction cosines may be off by this much before they are refused (headers round to a few digits).
const COSINE_TOLERANCE: f64 = 1e-3;

/// Where a slice lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Placement {
    /// Centre of the first pixel (PS3.3 C.7.6.2.1.1).
    pub(super) pos_lps_mm: DVec3,
    /// Direction of increasing column index: the x axis.
    pub(super) row: DVec3,
    /// Direction of increasing row index: the y axis.
    pub(super) column: DVec3,
    /// Distance between rows, between columns (PS3.3 10.7.1.3).
    pub(super) spacing_yx_mm: [f64; 2],
}

impl Placement {
    /// Refuses directions that are not unit vectors at right angles and spacings that are not positive.
    pub(super) fn new(pos_lps_mm: DVec3, row: DVec3, column: DVec3, spacing_yx_mm: [f64; 2]) -> Result<Self, String> {
        let unit = |axis: DVec3| (axis.length() - 1.0).abs() < COSINE_TOLERANCE;
        if !unit(row) || !unit(column) || row.dot(column).abs() > COSINE_TOLERANCE {
            return Err("ImageOrientationPatient does not hold two unit vectors at right angles".to_owned());
        }
        if spacing_yx_mm.iter().any(|mm| !mm.is_finite() || *mm <= 0.0) {
            return Err(format!("PixelSpacing is not positive ({} x {} mm)", spacing_yx_mm[0], spacing_yx_mm[1]));
        }
        Ok(Self { pos_lps_mm, row: row.normalize(), column: column.normalize(), spacing_yx_mm })
    }

    /// Unit normal of the slice plane; slices are stacked along it.
    pub(super) fn normal(&self) -> DVec3 {
        self.row.cross(self.column).normalize()
    }
}

/// Stored value to modality unit (PS3.3 C.11.1).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rescale {
    pub(super) slope: f64,
    pub(super) intercept: f64,
    /// Whether the header says slope and intercept, or identity was assumed.
    pub(super) stated: [bool; 2],
}

impl Default for Rescale {
    fn default() -> Self {
        Self { slope: 1.0, intercept: 0.0, stated: [false; 2] }
    }
}

/// How a mark's value is written for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// A bare number.
    None,
    /// A number in this unit.
    Of(&'static str),
    /// A time of day: not written, for it helps to identify a patient.
    TimeOfDay,
}

/// An attribute that may tell two slices at the same position apart, and its value where there is one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Mark {
    pub(super) name: &'static str,
    pub(super) unit: Unit,
    pub(super) value: Option<f64>,
}

/// What may tell two slices at the same position apart.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct FrameKeys {
    /// Time point, echo, b-value, acquisition ...: the same list of attributes for all frames of a kind.
    pub(super) split: Vec<Mark>,
    /// Positions of different frames of reference are not comparable.
    pub(super) frame_of_reference: String,
    /// InstanceNumber, or the frame's index.
    pub(super) instance: Option<f64>,
}

/// One slice.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// Index in its file.
    pub(super) index: usize,
    /// Where it lies, or what is missing to know.
    pub(super) placement: Result<Placement, String>,
    /// Extent of a slice without neighbours.
    pub(super) thickness_mm: Option<f64>,
    pub(super) rescale: Rescale,
    pub(super) keys: FrameKeys,
}
