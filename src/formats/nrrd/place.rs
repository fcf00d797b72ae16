//! Axes of a NRRD file to a grid in LPS millimetres, and which axis is not one of space.

use glam::{DAffine3, DMat3, DVec3};
use volume::{Geometry, GeometryError};

use super::header::Header;
use crate::{Warning, WarningCode};

/// Cosine of the angle between axes above which a grid counts as sheared.
const ORTHOGONAL_TOLERANCE: f64 = 1e-3;

/// The axes of a file, sorted out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axes {
    /// Sizes of the axes of space, in stored order.
    pub(super) size_xyz: [usize; 3],
    /// Values or layers beside each other, 1 for a plain volume.
    pub(super) several: usize,
    /// Whether they are stored voxel by voxel (first axis), not volume by volume (last axis).
    pub(super) interleaved: bool,
    /// Direction and length of each axis of space, where the file says them.
    directions: Option<[DVec3; 3]>,
}

/// Why a grid cannot be used.
pub(super) enum PlaceError {
    Geometry(GeometryError),
    Invalid(String),
}

impl From<String> for PlaceError {
    fn from(reason: String) -> Self {
        Self::Invalid(reason)
    }
}

/// Finds the three axes of space by their directions, otherwise by their kinds.
pub(super) fn axes(header: &Header) -> Result<Axes, String> {
    let rank = header.sizes.len();
    let directions = header.fields.get("space directions").map(|text| vectors(text)).transpose()?;
    let kinds: Option<Vec<&str>> = header.fields.get("kinds").map(|text| text.split_whitespace().collect());
    if directions.as_ref().is_some_and(|vectors| vectors.len() != rank) || kinds.as_ref().is_some_and(|kinds| kinds.len() != rank) {
        return Err("the header contradicts itself: not as many space directions or kinds as dimensions".into());
    }
    let other = if rank == 3 { None } else { Some(other_axis(directions.as_deref(), kinds.as_deref())?) };
    if let (Some(axis), Some(kinds)) = (other, &kinds) {
        let kind = kinds[axis].to_ascii_lowercase();
        if ["color", "complex", "matrix", "quaternion"].iter().any(|word| kind.contains(word)) {
            return Err(format!("voxels of kind {kind} are not a scan or mask; export one channel as a grey image"));
        }
    }
    let of_space: Vec<usize> = (0..rank).filter(|axis| Some(*axis) != other).collect();
    let directions = match directions {
        None => None,
        Some(vectors) => {
            let found: Option<Vec<DVec3>> = of_space.iter().map(|axis| vectors[*axis]).collect();
            let found = found.ok_or("an axis of space has no direction (space directions)")?;
            Some([found[0], found[1], found[2]])
        }
    };
    Ok(Axes {
        size_xyz: std::array::from_fn(|i| header.sizes[of_space[i]]),
        several: other.map_or(1, |axis| header.sizes[axis]),
        interleaved: other == Some(0),
        directions,
    })
}

/// The one axis of four that is not of space: the first or the last.
fn other_axis(directions: Option<&[Option<DVec3>]>, kinds: Option<&[&str]>) -> Result<usize, String> {
    let no_direction = |axis: usize| directions.is_some_and(|vectors| vectors[axis].is_none());
    let no_space = |axis: usize| kinds.is_some_and(|kinds| !["domain", "space", "???", "none"].contains(&kinds[axis]));
    let candidates = |is: &dyn Fn(usize) -> bool| (0..4).filter(|axis| is(*axis)).collect::<Vec<_>>();
    match (candidates(&no_direction).as_slice(), candidates(&no_space).as_slice()) {
        ([axis @ (0 | 3)], _) | ([], [axis @ (0 | 3)]) => Ok(*axis),
        _ => Err("of its four axes, none or several are not of space, so volumes or layers cannot be told apart".into()),
    }
}

/// Vectors like `none (1,0,0) (0, 1, 0)`; `none` and NaN mean that the axis is not one of space.
fn vectors(text: &str) -> Result<Vec<Option<DVec3>>, String> {
    let mut vectors = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if let Some(behind) = rest.strip_prefix("none") {
            vectors.push(None);
            rest = behind.trim_start();
            continue;
        }
        let (inside, behind) = rest
            .strip_prefix('(')
            .and_then(|open| open.split_once(')'))
            .ok_or("the NRRD header has a vector that cannot be read; vectors look like (1,0,0)")?;
        let numbers: Option<Vec<f64>> = inside.split(',').map(|n| n.trim().parse().ok()).collect();
        let [x, y, z] = numbers
            .and_then(|numbers| <[f64; 3]>::try_from(numbers).ok())
            .ok_or("the NRRD header has a vector that is not three numbers; only spaces of three dimensions are read")?;
        vectors.push(if [x, y, z].iter().all(|v| v.is_nan()) { None } else { Some(DVec3::new(x, y, z)) });
        rest = behind.trim_start();
        if vectors.len() > 4 {
            return Err("the NRRD header has more space directions than dimensions".into());
        }
    }
    Ok(vectors)
}

/// Size and placement in LPS millimetres, and what is doubtful about them.
pub(super) fn geometry(header: &Header, axes: &Axes) -> Result<(Geometry, Vec<Warning>), PlaceError> {
    let mut warnings = Vec::new();
    let [nx, ny, nz] = axes.size_xyz;
    let size_zyx = [nz, ny, nx];
    let lps_from_space = lps_from_space(header.fields.get("space").map(String::as_str), &mut warnings)?;
    let Some(directions) = axes.directions else {
        let spacing_xyz = spacings(header, axes)?;
        if warnings.is_empty() {
            warnings.push(doubt("the file does not say how its axes lie in the patient; left and right cannot be known"));
        }
        let geometry = Geometry::axis_aligned(size_zyx, [spacing_xyz[2], spacing_xyz[1], spacing_xyz[0]]);
        geometry.check().map_err(PlaceError::Geometry)?;
        return Ok((geometry, warnings));
    };
    let origin = match header.fields.get("space origin").map(|text| vectors(text)).transpose()?.as_deref() {
        Some([Some(origin)]) => *origin,
        Some(_) => return Err(PlaceError::Geometry(GeometryError::BadOrigin)),
        None => {
            warnings.push(doubt("the file does not say where its first voxel lies (space origin); positions are relative"));
            DVec3::ZERO
        }
    };
    let scale = unit_mm(header, &mut warnings)?;
    let matrix = lps_from_space * DMat3::from_cols(directions[0], directions[1], directions[2]) * scale;
    let affine = DAffine3 { matrix3: matrix, translation: lps_from_space * origin * scale };
    let geometry = Geometry::from_affine(size_zyx, affine).map_err(PlaceError::Geometry)?;
    let [x, y, z] = [geometry.direction.x_axis, geometry.direction.y_axis, geometry.direction.z_axis];
    if [x.dot(y), y.dot(z), z.dot(x)].iter().any(|cosine| cosine.abs() > ORTHOGONAL_TOLERANCE) {
        warnings.push(Warning::new(WarningCode::Shear, "the voxel axes are not at right angles; spacing is measured along them"));
    }
    Ok((geometry, warnings))
}

fn lps_from_space(space: Option<&str>, warnings: &mut Vec<Warning>) -> Result<DMat3, String> {
    let flip = |x: f64, y: f64| Ok(DMat3::from_diagonal(DVec3::new(x, y, 1.0)));
    match space.map(str::to_ascii_lowercase).as_deref() {
        Some("left-posterior-superior" | "lps") => flip(1.0, 1.0),
        Some("right-anterior-superior" | "ras") => flip(-1.0, -1.0),
        Some("left-anterior-superior" | "las") => flip(1.0, -1.0),
        Some("scanner-xyz" | "3d-right-handed" | "3d-left-handed") => {
            warnings.push(doubt("the file names a space without sides of the patient; it was taken as left-posterior-superior"));
            flip(1.0, 1.0)
        }
        Some(other) => Err(format!("{:?} is not a space Voxelry reads", other.chars().take(40).collect::<String>())),
        None => {
            warnings.push(doubt("the file names no space; left and right cannot be known"));
            flip(1.0, 1.0)
        }
    }
}

/// Spacing of a file without directions; not even that may be known.
fn spacings(header: &Header, axes: &Axes) -> Result<[f64; 3], String> {
    let Some(text) = header.fields.get("spacings") else {
        return Err("the file says neither space directions nor spacings, so sizes in millimetres cannot be known".into());
    };
    let numbers: Vec<f64> = text.split_whitespace().map(|n| n.parse().unwrap_or(f64::NAN)).collect();
    if numbers.len() != header.sizes.len() {
        return Err("the header contradicts itself: not as many spacings as dimensions".into());
    }
    let first = usize::from(axes.interleaved);
    Ok(std::array::from_fn(|i| numbers[first + i]))
}

/// Millimetres per unit of space; the standard leaves the unit open, and everybody means millimetres.
fn unit_mm(header: &Header, warnings: &mut Vec<Warning>) -> Result<f64, String> {
    let Some(text) = header.fields.get("space units") else { return Ok(1.0) };
    let units: Vec<&str> = text.split('"').map(str::trim).filter(|unit| !unit.is_empty()).collect();
    let Some(unit) = units.first() else { return Ok(1.0) };
    let factor = match *unit {
        "mm" | "millimeter" | "millimeters" | "millimetre" | "millimetres" | "???" => 1.0,
        "cm" => 10.0,
        "m" | "meter" | "metre" => 1000.0,
        "um" | "µm" | "μm" | "micron" | "microns" | "micrometer" | "micrometre" => 1e-3,
        other => return Err(format!("{:?} is not a unit of length Voxelry reads", other.chars().take(20).collect::<String>())),
    };
    if units.iter().any(|other| other != unit) {
        return Err("its axes have different units of length".into());
    }
    if factor != 1.0 {
        warnings.push(Warning::new(WarningCode::Units, format!("lengths are stored in {unit}; they were converted to millimetres")));
    }
    Ok(factor)
}

fn doubt(text: &str) -> Warning {
    Warning::new(WarningCode::OrientationUnknown, text)
}
