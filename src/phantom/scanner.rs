//! From anatomy to voxels: grid, partial volume, noise, drift.

use glam::{DMat3, DVec3};
use ndarray::{Array3, Axis};
use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use volume::{Geometry, LabelMap, LabelVoxels, Scan};

use crate::anatomy::Anatomy;
use crate::label::Structure;
use crate::random::{Draw, Stream};

/// Hounsfield range of a 12-bit scanner.
const HU_RANGE: (f64, f64) = (-1024.0, 3071.0);

/// Grid of a study, centred on the patient.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// Voxels along z, y, x.
    pub size_zyx: [usize; 3],
    /// Distance between voxel centres along z, y, x, millimetres.
    pub spacing_zyx_mm: [f64; 3],
    /// Rotation of the grid about the patient's x, y and z axes, degrees: an oblique study when not zero.
    pub tilt_xyz_deg: [f64; 3],
}

impl Shape {
    /// 128 x 128 x 64 voxels of 2.5 x 2.5 x 4 mm: two megabytes, one abdomen.
    pub fn small() -> Self {
        Self { size_zyx: [64, 128, 128], spacing_zyx_mm: [4.0, 2.5, 2.5], tilt_xyz_deg: [0.0; 3] }
    }

    /// The grid in LPS millimetres.
    pub fn geometry(&self) -> Geometry {
        let [x, y, z] = self.tilt_xyz_deg.map(f64::to_radians);
        let direction = DMat3::from_rotation_z(z) * DMat3::from_rotation_y(y) * DMat3::from_rotation_x(x);
        let mut geometry = Geometry { direction, ..Geometry::axis_aligned(self.size_zyx, self.spacing_zyx_mm) };
        let centre = geometry.pos_lps_mm(self.size_zyx.map(|n| (n as f64 - 1.0) / 2.0));
        geometry.origin_lps_mm = -centre;
        geometry
    }
}

/// A synthetic study: image and exact mask on one grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Phantom {
    /// The image, whole Hounsfield units.
    pub scan: Scan,
    /// The truth.
    pub truth: LabelMap,
}

/// What the scanner adds to the tissue's value.
struct Acquisition {
    noise_hu: f64,
    drift_hu: f64,
    drift_along: DVec3,
    drift_phase: f64,
}

impl Acquisition {
    fn draw(seed: u64) -> Self {
        let mut draw = Draw::new(seed, Stream::Acquisition);
        Self {
            noise_hu: draw.range(9.0, 16.0),
            drift_hu: draw.range(2.0, 6.0),
            drift_along: draw.point([0.0; 3], [0.012; 3]),
            drift_phase: draw.range(0.0, std::f64::consts::TAU),
        }
    }

    fn drift(&self, p: DVec3) -> f64 {
        self.drift_hu * (self.drift_along.dot(p) + self.drift_phase).sin()
    }
}

impl Phantom {
    /// Scans the patient of a seed.
    ///
    /// # Panics
    /// If the shape is empty or its spacing is not positive.
    pub fn new(seed: u64, shape: &Shape) -> Self {
        let geometry = shape.geometry();
        assert!(geometry.check().is_ok(), "a phantom needs voxels of positive size");
        let anatomy = Anatomy::draw(seed);
        let acquisition = Acquisition::draw(seed);
        let mut voxels = Array3::<f32>::zeros(shape.size_zyx);
        let mut labels = Array3::<u8>::zeros(shape.size_zyx);
        let slices: Vec<_> = voxels.axis_iter_mut(Axis(0)).zip(labels.axis_iter_mut(Axis(0))).collect();
        slices.into_par_iter().enumerate().for_each(|(z, (mut hu, mut label))| {
            let edge_mm = geometry.voxel_volume_mm3().cbrt();
            let grain = Grain::draw(seed, z, shape);
            for ((y, x), value) in hu.indexed_iter_mut() {
                let p = geometry.pos_lps_mm([z as f64, y as f64, x as f64]);
                let tissue = anatomy.at(p, edge_mm);
                let noisy = tissue.hu + acquisition.drift(p) + acquisition.noise_hu * grain.at(y, x);
                *value = noisy.round().clamp(HU_RANGE.0, HU_RANGE.1) as f32;
                label[[y, x]] = tissue.structure.map_or(0, |s| s as u8);
            }
        });
        let truth = LabelMap { geometry: geometry.clone(), voxels: LabelVoxels::U8(labels), table: Structure::table() };
        Self { scan: Scan::new(geometry, voxels), truth }
    }
}

/// Noise of one slice with the grain of a reconstruction kernel: white noise, slightly smoothed, of unit variance.
struct Grain {
    values: Vec<f64>,
    width: usize,
}

impl Grain {
    fn draw(seed: u64, z: usize, shape: &Shape) -> Self {
        let mut draw = Draw::new(seed, Stream::Slice(z));
        let width = shape.size_zyx[2] + 1;
        let values = (0..width * (shape.size_zyx[1] + 1)).map(|_| draw.normal()).collect();
        Self { values, width }
    }

    fn at(&self, y: usize, x: usize) -> f64 {
        let white = |y: usize, x: usize| self.values[y * self.width + x];
        // Weights 1, 0.5, 0.5, 0.25 have the norm 1.25.
        (white(y, x) + 0.5 * (white(y + 1, x) + white(y, x + 1)) + 0.25 * white(y + 1, x + 1)) / 1.25
    }
}
