//! Where voxels lie: the header's qform, sform and pixdim, in RAS and any unit, to and from LPS millimetres.
//!
//! Which transform counts, and why:
//! - the sform where `sform_code > 0`, as nibabel does. SimpleITK, which nnU-Net reads with, takes the qform instead when
//!   `sform_code` is not 1 and the two differ; consistent files mean the same place either way, others get a warning.
//! - else the qform where `qform_code > 0`.
//! - else spacing alone, along LPS with the origin at zero, as SimpleITK does, with a warning.

use glam::{DAffine3, DMat3, DQuat, DVec3};
use serde::{Deserialize, Serialize};
use volume::{Geometry, GeometryError};

use crate::{Warning, WarningCode};

/// `xyzt_units`: the low three bits are the unit of space.
const UNIT_MASK: u8 = 7;
const UNIT_METRE: u8 = 1;
const UNIT_MM: u8 = 2;
const UNIT_MICRON: u8 = 3;
/// `NIFTI_XFORM_SCANNER_ANAT`, which makes every reader believe the sform.
const SCANNER_ANAT: i32 = 1;
/// ITK's tolerance for "orthonormal" (itkNiftiImageIO.cxx, SetImageIOOrientationFromNIfTI).
const ORTHOGONAL_TOLERANCE: f64 = 1e-4;
/// Below this drift at the far end of an axis, pixdim and sform say the same spacing.
const SAME_SPACING_MM: f64 = 0.005;
/// Above this difference ITK calls the scales of the sform unexpected.
const ODD_SPACING_MM: f64 = 1e-3;

/// The header fields that place a NIfTI volume, as stored, so that a mask can be written with the very same ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NiftiPlacement {
    /// Above 0 where the quaternion counts.
    pub qform_code: i32,
    /// Above 0 where `srow_xyz` counts.
    pub sform_code: i32,
    /// Unit quaternion without its first component.
    pub quatern_bcd: [f64; 3],
    /// Translation that goes with the quaternion.
    pub qoffset_xyz: [f64; 3],
    /// Rows of the affine, voxel x, y, z to RAS.
    pub srow_xyz: [[f64; 4]; 3],
    /// qfac, then spacing along x, y, z.
    pub pixdim: [f64; 4],
    /// Units of space and time.
    pub xyzt_units: u8,
}

impl NiftiPlacement {
    /// Size and placement in LPS millimetres, and what is doubtful about them.
    pub fn geometry(&self, size_xyz: [usize; 3]) -> Result<(Geometry, Vec<Warning>), GeometryError> {
        let mut warnings = Vec::new();
        if let Some(unit) = self.converted_unit() {
            warnings.push(Warning::new(WarningCode::Units, format!("lengths are stored in {unit}; they were converted to millimetres")));
        }
        let pixdim_mm = self.pixdim_mm(size_xyz);
        let from_qform = || self.qform(pixdim_mm).and_then(|affine| place(size_xyz, affine, pixdim_mm));
        let geometry = if self.sform_code > 0 {
            match (place(size_xyz, self.sform(), pixdim_mm), self.qform_code > 0) {
                (Ok(geometry), has_qform) => {
                    warnings.extend(disagreement(&geometry, has_qform.then(from_qform), pixdim_mm));
                    geometry
                }
                (Err(reason), true) => {
                    warnings.push(doubt(format!("the sform is unusable ({reason}); the qform is used")));
                    from_qform()?
                }
                (Err(reason), false) => return Err(reason),
            }
        } else if self.qform_code > 0 {
            from_qform()?
        } else {
            warnings.push(doubt("the file has neither qform nor sform; left and right cannot be known"));
            check_spacing(pixdim_mm)?;
            Geometry::axis_aligned([size_xyz[2], size_xyz[1], size_xyz[0]], [pixdim_mm[2], pixdim_mm[1], pixdim_mm[0]])
        };
        if !is_orthogonal(&geometry.direction) {
            warnings.push(Warning::new(WarningCode::Shear, "the voxel axes are not at right angles; spacing is measured along them"));
        }
        Ok((geometry, warnings))
    }

    /// The fields for a volume that does not come from a NIfTI file: qform and sform alike, rounded to what NIfTI-1 stores.
    pub(super) fn from_geometry(geometry: &Geometry) -> Self {
        let affine = flip_lps_ras(geometry.world_from_voxel());
        let mut rotation = flip_lps_ras(DAffine3::from_mat3(geometry.direction)).matrix3;
        let qfac = if rotation.determinant() < 0.0 { -1.0 } else { 1.0 };
        rotation.z_axis *= qfac;
        // A quaternion cannot shear: such a grid is described by the sform alone.
        let has_qform = is_orthogonal(&geometry.direction);
        let quaternion = if has_qform { DQuat::from_mat3(&rotation).normalize() } else { DQuat::IDENTITY };
        // NIfTI drops the first component and takes it as positive.
        let quaternion = if quaternion.w < 0.0 { -quaternion } else { quaternion };
        let matrix = affine.matrix3;
        let [sz, sy, sx] = geometry.spacing_zyx_mm;
        Self {
            qform_code: if has_qform { SCANNER_ANAT } else { 0 },
            sform_code: SCANNER_ANAT,
            quatern_bcd: [quaternion.x, quaternion.y, quaternion.z].map(as_stored),
            qoffset_xyz: affine.translation.to_array().map(as_stored),
            srow_xyz: std::array::from_fn(|row| {
                [matrix.x_axis[row], matrix.y_axis[row], matrix.z_axis[row], affine.translation[row]].map(as_stored)
            }),
            pixdim: [qfac, sx, sy, sz].map(as_stored),
            xyzt_units: UNIT_MM,
        }
    }

    /// Whether NIfTI-1, which stores 32-bit floats, holds every field without loss.
    pub(super) fn is_exact_in_f32(&self) -> bool {
        let fields = [&self.quatern_bcd[..], &self.qoffset_xyz, &self.pixdim, self.srow_xyz.as_flattened()];
        fields.into_iter().flatten().all(|v| v.is_nan() || as_stored(*v) == *v)
    }

    fn unit_mm(&self) -> f64 {
        match self.xyzt_units & UNIT_MASK {
            UNIT_METRE => 1000.0,
            UNIT_MICRON => 1e-3,
            _ => 1.0,
        }
    }

    fn converted_unit(&self) -> Option<&'static str> {
        match self.xyzt_units & UNIT_MASK {
            UNIT_METRE => Some("metres"),
            UNIT_MICRON => Some("micrometres"),
            _ => None,
        }
    }

    /// Spacing as stored; an axis of one voxel may leave it out.
    fn pixdim_mm(&self, size_xyz: [usize; 3]) -> [f64; 3] {
        std::array::from_fn(|axis| match self.pixdim[axis + 1] {
            0.0 if size_xyz[axis] == 1 => 1.0,
            spacing => spacing * self.unit_mm(),
        })
    }

    /// NIfTI-1 "method 3", RAS millimetres.
    fn sform(&self) -> DAffine3 {
        let [x, y, z] = self.srow_xyz.map(|row| row.map(|v| v * self.unit_mm()));
        let column = |i: usize| DVec3::new(x[i], y[i], z[i]);
        DAffine3 { matrix3: DMat3::from_cols(column(0), column(1), column(2)), translation: column(3) }
    }

    /// NIfTI-1 "method 2", RAS millimetres; a quaternion longer than 1 is shortened as nifti_quatern_to_mat44 does.
    fn qform(&self, pixdim_mm: [f64; 3]) -> Result<DAffine3, GeometryError> {
        check_spacing(pixdim_mm)?;
        let bcd = DVec3::from_array(self.quatern_bcd);
        let rest = 1.0 - bcd.length_squared();
        let quaternion = if rest < 1e-7 {
            DQuat::from_xyzw(bcd.x, bcd.y, bcd.z, 0.0).normalize()
        } else {
            DQuat::from_xyzw(bcd.x, bcd.y, bcd.z, rest.sqrt())
        };
        let qfac = if self.pixdim[0] < 0.0 { -1.0 } else { 1.0 };
        let scale = DVec3::from_array(pixdim_mm) * DVec3::new(1.0, 1.0, qfac);
        Ok(DAffine3 {
            matrix3: DMat3::from_quat(quaternion) * DMat3::from_diagonal(scale),
            translation: DVec3::from_array(self.qoffset_xyz) * self.unit_mm(),
        })
    }
}

/// The value after a trip through NIfTI-1's 32-bit floats.
fn as_stored(value: f64) -> f64 {
    f64::from(value as f32)
}

/// RAS to LPS or back: x and y change sign.
fn flip_lps_ras(affine: DAffine3) -> DAffine3 {
    DAffine3::from_scale(DVec3::new(-1.0, -1.0, 1.0)) * affine
}

fn doubt(text: impl Into<String>) -> Warning {
    Warning::new(WarningCode::OrientationUnknown, text)
}

fn check_spacing(pixdim_mm: [f64; 3]) -> Result<(), GeometryError> {
    if pixdim_mm.iter().all(|s| s.is_finite() && *s > 0.0) {
        return Ok(());
    }
    Err(GeometryError::BadSpacing([pixdim_mm[2], pixdim_mm[1], pixdim_mm[0]]))
}

/// Takes spacing from pixdim where the affine says the same, because SimpleITK (and so nnU-Net) does and the affine's is rounded.
fn place(size_xyz: [usize; 3], ras: DAffine3, pixdim_mm: [f64; 3]) -> Result<Geometry, GeometryError> {
    let mut geometry = Geometry::from_affine([size_xyz[2], size_xyz[1], size_xyz[0]], flip_lps_ras(ras))?;
    for (axis, stored) in pixdim_mm.into_iter().enumerate() {
        let measured = &mut geometry.spacing_zyx_mm[2 - axis];
        if (stored - *measured).abs() * (size_xyz[axis] as f64) < SAME_SPACING_MM && stored > 0.0 {
            *measured = stored;
        }
    }
    Ok(geometry)
}

fn is_orthogonal(direction: &DMat3) -> bool {
    let [x, y, z] = [direction.x_axis, direction.y_axis, direction.z_axis];
    [x.dot(y), y.dot(z), z.dot(x)].iter().all(|cosine| cosine.abs() <= ORTHOGONAL_TOLERANCE)
}

/// A warning where the rest of the header contradicts the sform by more than rounding.
fn disagreement(sform: &Geometry, qform: Option<Result<Geometry, GeometryError>>, pixdim_mm: [f64; 3]) -> Option<Warning> {
    if let Some(Ok(qform)) = qform {
        let apart = sform.corners_lps_mm().iter().zip(qform.corners_lps_mm()).map(|(a, b)| a.distance(b)).fold(0.0, f64::max);
        let half_voxel = sform.spacing_zyx_mm.iter().copied().fold(f64::INFINITY, f64::min) / 2.0;
        if apart > half_voxel {
            return Some(doubt(format!("sform and qform place voxels up to {apart:.1} mm apart; the sform is used")));
        }
    }
    let odd = (0..3).any(|axis| {
        let difference = pixdim_mm[axis] - sform.spacing_zyx_mm[2 - axis];
        difference.is_nan() || difference.abs() > ODD_SPACING_MM
    });
    odd.then(|| Warning::new(WarningCode::NonuniformSpacing, "the spacing in pixdim is not the sform's; the sform's is used"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: [usize; 3] = [20, 30, 10];

    /// A grid turned about all axes, with a left-handed copy on request.
    fn oblique(left_handed: bool) -> Geometry {
        let mut direction = DMat3::from_rotation_z(0.4) * DMat3::from_rotation_x(-0.3) * DMat3::from_rotation_y(2.0);
        if left_handed {
            direction.z_axis *= -1.0;
        }
        Geometry {
            size_zyx: [SIZE[2], SIZE[1], SIZE[0]],
            spacing_zyx_mm: [3.25, 0.5, 0.75],
            origin_lps_mm: DVec3::new(-120.5, 64.25, -310.0),
            direction,
        }
    }

    fn codes(warnings: &[Warning]) -> Vec<WarningCode> {
        warnings.iter().map(|w| w.code).collect()
    }

    #[test]
    fn qform_and_sform_of_a_grid_both_lead_back() {
        for left_handed in [false, true] {
            let geometry = oblique(left_handed);
            let both = NiftiPlacement::from_geometry(&geometry);
            let (back, warnings) = both.geometry(SIZE).unwrap();
            assert!(back.same_place(&geometry, 1e-4) && warnings.is_empty(), "{warnings:?}");
            let qform_only = NiftiPlacement { sform_code: 0, ..both };
            let (back, warnings) = qform_only.geometry(SIZE).unwrap();
            assert!(back.same_place(&geometry, 1e-3) && warnings.is_empty(), "{warnings:?}");
        }
    }

    #[test]
    fn left_is_left() {
        // NIfTI RAS: voxel x grows to the right by 2 mm, so in LPS it grows towards minus.
        let mut placement = NiftiPlacement::from_geometry(&Geometry::axis_aligned([1, 1, 1], [2.0; 3]));
        placement.srow_xyz = [[2.0, 0.0, 0.0, -10.0], [0.0, 2.0, 0.0, -20.0], [0.0, 0.0, 2.0, -30.0]];
        placement.qform_code = 0;
        let (geometry, _) = placement.geometry([1, 1, 1]).unwrap();
        assert_eq!(geometry.origin_lps_mm, DVec3::new(10.0, 20.0, -30.0));
        assert_eq!(geometry.direction, DMat3::from_diagonal(DVec3::new(-1.0, -1.0, 1.0)));
    }

    #[test]
    fn metres_and_micrometres_become_millimetres() {
        let geometry = oblique(false);
        for (unit, scale) in [(UNIT_METRE, 1e-3), (UNIT_MICRON, 1e3)] {
            let mut placement = NiftiPlacement::from_geometry(&geometry);
            placement.xyzt_units = unit | 8;
            placement.srow_xyz.as_flattened_mut().iter_mut().for_each(|v| *v *= scale);
            placement.qoffset_xyz.iter_mut().for_each(|v| *v *= scale);
            placement.pixdim[1..].iter_mut().for_each(|v| *v *= scale);
            let (back, warnings) = placement.geometry(SIZE).unwrap();
            assert!(back.same_place(&geometry, 1e-3));
            assert_eq!(codes(&warnings), [WarningCode::Units]);
        }
    }

    #[test]
    fn without_any_transform_only_the_spacing_is_known() {
        let placement = NiftiPlacement { qform_code: 0, sform_code: 0, ..NiftiPlacement::from_geometry(&oblique(true)) };
        let (geometry, warnings) = placement.geometry(SIZE).unwrap();
        assert_eq!(geometry, Geometry::axis_aligned([10, 30, 20], [3.25, 0.5, 0.75]));
        assert_eq!(codes(&warnings), [WarningCode::OrientationUnknown]);
    }

    #[test]
    fn contradictions_are_named_and_the_sform_wins() {
        let geometry = oblique(false);
        let mut apart = NiftiPlacement::from_geometry(&geometry);
        apart.qoffset_xyz[2] += 40.0;
        let (back, warnings) = apart.geometry(SIZE).unwrap();
        assert!(back.same_place(&geometry, 1e-4));
        assert_eq!(codes(&warnings), [WarningCode::OrientationUnknown]);
        assert!(warnings[0].text.contains("40.0 mm"), "{}", warnings[0].text);

        let mut odd = NiftiPlacement { qform_code: 0, ..NiftiPlacement::from_geometry(&geometry) };
        odd.pixdim[2] = 1.0;
        let (back, warnings) = odd.geometry(SIZE).unwrap();
        assert!(back.same_place(&geometry, 1e-4));
        assert_eq!(codes(&warnings), [WarningCode::NonuniformSpacing]);
    }

    #[test]
    fn a_useless_sform_gives_way_to_the_qform() {
        let geometry = oblique(true);
        let mut placement = NiftiPlacement { srow_xyz: [[0.0; 4]; 3], ..NiftiPlacement::from_geometry(&geometry) };
        let (back, warnings) = placement.geometry(SIZE).unwrap();
        assert!(back.same_place(&geometry, 1e-3));
        assert_eq!(codes(&warnings), [WarningCode::OrientationUnknown]);
        placement.qform_code = 0;
        assert!(placement.geometry(SIZE).is_err());
    }

    #[test]
    fn shear_is_kept_and_named() {
        let mut placement = NiftiPlacement::from_geometry(&oblique(false));
        placement.srow_xyz[0][1] += 0.1;
        placement.qform_code = 0;
        let (sheared, warnings) = placement.geometry(SIZE).unwrap();
        assert!(codes(&warnings).contains(&WarningCode::Shear));
        let again = NiftiPlacement::from_geometry(&sheared);
        assert_eq!(again.qform_code, 0);
        assert!(again.geometry(SIZE).unwrap().0.same_place(&sheared, 1e-4));
    }

    #[test]
    fn an_overlong_quaternion_is_shortened_and_bad_numbers_are_refused() {
        let good = NiftiPlacement { sform_code: 0, ..NiftiPlacement::from_geometry(&oblique(false)) };
        let long = NiftiPlacement { quatern_bcd: [0.0, 0.0, 7.0], ..good.clone() };
        let (geometry, _) = long.geometry(SIZE).unwrap();
        assert!((geometry.direction - DMat3::IDENTITY).to_cols_array().iter().all(|v| v.abs() < 1e-12));
        for spacing in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let mut bad = good.clone();
            bad.pixdim[1] = spacing;
            assert!(matches!(bad.geometry(SIZE), Err(GeometryError::BadSpacing(_))), "{spacing}");
        }
        let nan = NiftiPlacement { quatern_bcd: [f64::NAN; 3], ..good.clone() };
        assert!(nan.geometry(SIZE).is_err());
        let far = NiftiPlacement { qoffset_xyz: [f64::INFINITY, 0.0, 0.0], ..good };
        assert_eq!(far.geometry(SIZE).unwrap_err(), GeometryError::BadOrigin);
    }
}
