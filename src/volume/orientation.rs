//! The 48 ways a voxel grid can lie along the patient's axes, and moving between them without resampling.

use std::fmt;
use std::str::FromStr;

use glam::{DMat3, DVec3};
use ndarray::Axis;

use crate::geometry::Geometry;
use crate::scan::Volume;

/// The patient direction an axis index grows towards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AxisCode {
    /// LPS axis: 0 left-right, 1 posterior-anterior, 2 superior-inferior.
    pub lps_axis: usize,
    /// Whether the index grows towards R, A or I (against LPS).
    pub flipped: bool,
}

impl AxisCode {
    /// The letter the index grows towards: L, P, S or R, A, I.
    pub fn letter(self) -> char {
        match (self.lps_axis, self.flipped) {
            (0, false) => 'L',
            (0, true) => 'R',
            (1, false) => 'P',
            (1, true) => 'A',
            (_, false) => 'S',
            (_, true) => 'I',
        }
    }

    fn from_letter(letter: char) -> Option<Self> {
        let (lps_axis, flipped) = match letter.to_ascii_uppercase() {
            'L' => (0, false),
            'R' => (0, true),
            'P' => (1, false),
            'A' => (1, true),
            'S' => (2, false),
            'I' => (2, true),
            _ => return None,
        };
        Some(Self { lps_axis, flipped })
    }
}

/// Codes of the voxel axes x, y, z, written as three letters ("LPS", "RAS", ...).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Orientation {
    axes_xyz: [AxisCode; 3],
}

impl Orientation {
    /// Code of the voxel axes x, y, z.
    pub fn axes_xyz(&self) -> [AxisCode; 3] {
        self.axes_xyz
    }

    /// All 48 orientations.
    pub fn all() -> impl Iterator<Item = Self> {
        const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        ORDERS.into_iter().flat_map(|order| {
            (0..8_usize)
                .map(move |flips| Self { axes_xyz: std::array::from_fn(|i| AxisCode { lps_axis: order[i], flipped: flips >> i & 1 == 1 }) })
        })
    }
}

impl fmt::Display for Orientation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.axes_xyz.iter().try_for_each(|axis| write!(f, "{}", axis.letter()))
    }
}

impl FromStr for Orientation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let axes: Option<Vec<AxisCode>> = text.chars().map(AxisCode::from_letter).collect();
        let axes_xyz: [AxisCode; 3] = axes
            .and_then(|axes| axes.try_into().ok())
            .ok_or_else(|| format!("\"{text}\" is not an orientation: three of the letters L/R, P/A, S/I"))?;
        let mut seen = [false; 3];
        axes_xyz.iter().for_each(|axis| seen[axis.lps_axis] = true);
        if seen == [true; 3] { Ok(Self { axes_xyz }) } else { Err(format!("\"{text}\" names an axis twice")) }
    }
}

/// The closest orientation of an oblique grid: the assignment of axes that maximises the summed |cosines|.
///
/// Taking the best whole assignment, rather than the largest component per axis, never uses one patient axis twice.
pub fn orientation_of(geometry: &Geometry) -> Orientation {
    let columns = [geometry.direction.x_axis, geometry.direction.y_axis, geometry.direction.z_axis];
    let score = |o: &Orientation| -> f64 {
        (0..3).map(|i| columns[i][o.axes_xyz[i].lps_axis] * if o.axes_xyz[i].flipped { -1.0 } else { 1.0 }).sum()
    };
    Orientation::all().max_by(|a, b| score(a).total_cmp(&score(b))).expect("there are 48 orientations")
}

/// For each target voxel axis (x, y, z): which source axis feeds it, and whether it is reversed.
fn axis_moves(from: Orientation, to: Orientation) -> [(usize, bool); 3] {
    std::array::from_fn(|i| {
        let want = to.axes_xyz[i];
        let source = from.axes_xyz.iter().position(|a| a.lps_axis == want.lps_axis).expect("each patient axis occurs once");
        (source, from.axes_xyz[source].flipped != want.flipped)
    })
}

/// The geometry after [`reorient`]; every voxel keeps its place in the patient.
pub fn reorient_geometry(geometry: &Geometry, to: Orientation) -> Geometry {
    let moves = axis_moves(orientation_of(geometry), to);
    let columns = [geometry.direction.x_axis, geometry.direction.y_axis, geometry.direction.z_axis];
    let mut size_zyx = [0; 3];
    let mut spacing_zyx_mm = [0.0; 3];
    let mut direction = [DVec3::ZERO; 3];
    let mut first_zyx = [0.0; 3];
    for (target, (source, reversed)) in moves.into_iter().enumerate() {
        size_zyx[2 - target] = geometry.size_zyx[2 - source];
        spacing_zyx_mm[2 - target] = geometry.spacing_zyx_mm[2 - source];
        direction[target] = if reversed { -columns[source] } else { columns[source] };
        if reversed {
            first_zyx[2 - source] = (geometry.size_zyx[2 - source] - 1) as f64;
        }
    }
    Geometry {
        size_zyx,
        spacing_zyx_mm,
        origin_lps_mm: geometry.pos_lps_mm(first_zyx),
        direction: DMat3::from_cols(direction[0], direction[1], direction[2]),
    }
}

/// Permutes and flips axes so that the grid's orientation becomes `to`. No value changes.
pub fn reorient<T: Clone>(volume: &Volume<T>, to: Orientation) -> Volume<T> {
    let moves = axis_moves(orientation_of(&volume.geometry), to);
    let mut view = volume.voxels.view();
    for (source, reversed) in moves {
        if reversed {
            view.invert_axis(Axis(2 - source));
        }
    }
    // Array axis a (z,y,x) of the result comes from the array axis that feeds voxel axis 2-a.
    let order = std::array::from_fn::<usize, 3, _>(|a| 2 - moves[2 - a].0);
    let voxels = view.permuted_axes(order).as_standard_layout().into_owned();
    Volume::new(reorient_geometry(&volume.geometry, to), voxels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;
    use proptest::prelude::*;

    fn numbered(geometry: Geometry) -> Volume<u32> {
        let mut n = 0;
        let voxels = Array3::from_shape_simple_fn(geometry.size_zyx, || {
            n += 1;
            n
        });
        Volume::new(geometry, voxels)
    }

    #[test]
    fn codes_round_trip_as_text() {
        let texts: std::collections::BTreeSet<String> = Orientation::all().map(|o| o.to_string()).collect();
        assert_eq!(texts.len(), 48);
        for text in texts {
            assert_eq!(text.parse::<Orientation>().unwrap().to_string(), text);
        }
        assert!("LLS".parse::<Orientation>().is_err());
        assert!("LP".parse::<Orientation>().is_err());
    }

    proptest! {
        /// Any oblique grid, any of the 48 targets: same voxel values at the same places, and back without loss.
        #[test]
        fn reorient_keeps_places_and_returns(
            size in prop::array::uniform3(1_usize..5),
            spacing in prop::array::uniform3(0.3_f64..4.0),
            origin in prop::array::uniform3(-200.0_f64..200.0),
            angles in prop::array::uniform3(-0.7_f64..0.7),
            start in 0_usize..48,
            target in 0_usize..48,
        ) {
            let turn = DMat3::from_rotation_x(angles[0]) * DMat3::from_rotation_y(angles[1] * 0.5) * DMat3::from_rotation_z(angles[2] * 0.5);
            let start = Orientation::all().nth(start).unwrap();
            let columns = start.axes_xyz().map(|axis| {
                let mut unit = DVec3::ZERO;
                unit[axis.lps_axis] = if axis.flipped { -1.0 } else { 1.0 };
                turn * unit
            });
            let volume = numbered(Geometry {
                size_zyx: size,
                spacing_zyx_mm: spacing,
                origin_lps_mm: DVec3::from_array(origin),
                direction: DMat3::from_cols(columns[0], columns[1], columns[2]),
            });
            let home = orientation_of(&volume.geometry);
            let target = Orientation::all().nth(target).unwrap();
            let moved = reorient(&volume, target);
            prop_assert_eq!(orientation_of(&moved.geometry), target);
            let place_of = |v: &Volume<u32>| -> Vec<(u32, DVec3)> {
                let mut places: Vec<_> = v.voxels.indexed_iter()
                    .map(|((z, y, x), value)| (*value, v.geometry.pos_lps_mm([z as f64, y as f64, x as f64])))
                    .collect();
                places.sort_by_key(|(value, _)| *value);
                places
            };
            for ((value, here), (same, there)) in place_of(&volume).into_iter().zip(place_of(&moved)) {
                prop_assert_eq!(value, same);
                prop_assert!(here.distance(there) < 1e-9);
            }
            let back = reorient(&moved, home);
            prop_assert_eq!(&back.voxels, &volume.voxels);
            prop_assert!(back.geometry.same_place(&volume.geometry, 1e-9));
        }
    }
}
