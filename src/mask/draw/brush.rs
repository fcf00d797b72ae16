//! Brushes: a disc or square on a plane, a ball or cube in space, swept along the pointer's path so that fast strokes have no gaps.
//!
//! A swept convex shape is convex, so it meets every row of voxels in one interval. The interval is found analytically and its two ends
//! are settled by the plain definition: a voxel is drawn when its centre lies within the radius of the path, measured in millimetres.

use std::ops::Range;

use super::{Ink, Plane};
use crate::delta::Delta;
use crate::error::{MaskError, positive};
use crate::grid::{LabelGrid, linear};
use crate::runs::Runs;

/// Rounding of a centre that lies exactly on the rim counts as inside.
const RIM: f64 = 1.0 + 1e-9;

/// Outline of a brush.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Disc on a plane, ball in space.
    Round,
    /// Square on a plane, cube in space; along the grid's axes.
    Square,
}

/// A brush.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tip {
    /// Outline.
    pub shape: Shape,
    /// Radius, or half the side, in millimetres.
    pub radius_mm: f64,
    /// The plane it draws on; none draws in space.
    pub plane: Option<Plane>,
}

/// Draws from one pointer position to the next.
pub fn segment(grid: &LabelGrid, tip: &Tip, from_zyx: [f64; 3], to_zyx: [f64; 3], ink: &Ink<'_>) -> Result<Delta, MaskError> {
    stroke(grid, tip, &[from_zyx, to_zyx], ink)
}

/// Draws along a path; one position is a dab. The voxels the path runs through are always drawn, however small the brush.
pub fn stroke(grid: &LabelGrid, tip: &Tip, path_zyx: &[[f64; 3]], ink: &Ink<'_>) -> Result<Delta, MaskError> {
    grid.fits(ink.value)?;
    positive("the brush radius", tip.radius_mm)?;
    if let Some(plane) = tip.plane {
        plane.check(grid.size_zyx())?;
    }
    if let Some(bad) = path_zyx.iter().flatten().find(|at| !at.is_finite()) {
        return Err(MaskError::BadNumber { what: "the pointer position", value: *bad });
    }
    let mut ranges = Vec::new();
    match path_zyx {
        [] => {}
        [only] => Sweep::new(grid, tip, *only, *only).rows(&mut ranges),
        path => path.windows(2).for_each(|pair| Sweep::new(grid, tip, pair[0], pair[1]).rows(&mut ranges)),
    }
    Ok(ink.draw_all(grid, Runs::from_ranges(ranges).iter()))
}

/// A brush moved along one straight piece. Positions in millimetres along z, y, x from voxel (0, 0, 0).
struct Sweep {
    shape: Shape,
    radius: f64,
    from: [f64; 3],
    along: [f64; 3],
    spacing: [f64; 3],
    size: [usize; 3],
    /// Voxels that can be reached, per axis.
    reach: [Range<usize>; 3],
}

impl Sweep {
    fn new(grid: &LabelGrid, tip: &Tip, mut from_zyx: [f64; 3], mut to_zyx: [f64; 3]) -> Self {
        let (size, spacing) = (grid.size_zyx(), grid.spacing_zyx_mm());
        if let Some(plane) = tip.plane {
            from_zyx[plane.axis] = plane.index as f64;
            to_zyx[plane.axis] = plane.index as f64;
        }
        let reach = std::array::from_fn(|a| {
            if let Some(plane) = tip.plane.filter(|plane| plane.axis == a) {
                return plane.index..plane.index + 1;
            }
            let margin = tip.radius_mm / spacing[a] + 1.0;
            let first = (from_zyx[a].min(to_zyx[a]) - margin).max(0.0) as usize;
            let last = (from_zyx[a].max(to_zyx[a]) + margin).ceil().max(-1.0) + 1.0;
            first..(last as usize).min(size[a]).max(first)
        });
        Self {
            shape: tip.shape,
            radius: tip.radius_mm * RIM,
            from: std::array::from_fn(|a| from_zyx[a] * spacing[a]),
            along: std::array::from_fn(|a| (to_zyx[a] - from_zyx[a]) * spacing[a]),
            spacing,
            size,
            reach,
        }
    }

    /// Linear ranges of all rows that are met.
    fn rows(&self, into: &mut Vec<Range<usize>>) {
        for z in self.reach[0].clone() {
            for y in self.reach[1].clone() {
                let drawn = hull(self.shape_in_row(z, y), self.path_in_row(z, y));
                if let Some((first, last)) = drawn {
                    let row = linear(self.size, [z, y, 0]);
                    into.push(row + first..row + last + 1);
                }
            }
        }
    }

    /// First and last voxel of a row whose centres lie in the swept shape.
    fn shape_in_row(&self, z: usize, y: usize) -> Option<(usize, usize)> {
        let (z_mm, y_mm) = (z as f64 * self.spacing[0], y as f64 * self.spacing[1]);
        let (low, high) = match self.shape {
            Shape::Round => self.round_in_row(z_mm, y_mm)?,
            Shape::Square => self.square_in_row(z_mm, y_mm)?,
        };
        let (mut first, mut last) = self.clamp((low / self.spacing[2]).floor(), (high / self.spacing[2]).ceil())?;
        let inside = |x: usize| self.holds([z_mm, y_mm, x as f64 * self.spacing[2]]);
        while first <= last && !inside(first) {
            first += 1;
        }
        while first < last && !inside(last) {
            last -= 1;
        }
        (first <= last).then_some((first, last))
    }

    /// First and last voxel of a row that the path itself runs through.
    fn path_in_row(&self, z: usize, y: usize) -> Option<(usize, usize)> {
        let mut part = (0.0, 1.0);
        for (axis, index) in [(0, z), (1, y)] {
            part = self.part_near(part, axis, index as f64 * self.spacing[axis], 0.5 * self.spacing[axis])?;
        }
        let at = |t: f64| ((self.from[2] + t * self.along[2]) / self.spacing[2]).round();
        self.clamp(at(part.0).min(at(part.1)), at(part.0).max(at(part.1)))
    }

    /// The common part of a voxel range with the reachable one.
    fn clamp(&self, first: f64, last: f64) -> Option<(usize, usize)> {
        let reach = &self.reach[2];
        if reach.is_empty() || last < reach.start as f64 || first > (reach.end - 1) as f64 {
            return None;
        }
        Some(((first.max(0.0) as usize).max(reach.start), (last as usize).min(reach.end - 1)))
    }

    /// Whether a position lies in the swept shape.
    fn holds(&self, at: [f64; 3]) -> bool {
        match self.shape {
            Shape::Round => {
                let rel: [f64; 3] = std::array::from_fn(|a| at[a] - self.from[a]);
                let length2 = dot(self.along, self.along);
                let t = if length2 > 0.0 { (dot(rel, self.along) / length2).clamp(0.0, 1.0) } else { 0.0 };
                let off: [f64; 3] = std::array::from_fn(|a| rel[a] - t * self.along[a]);
                dot(off, off) <= self.radius * self.radius
            }
            Shape::Square => (0..3).try_fold((0.0, 1.0), |part, a| self.part_near(part, a, at[a], self.radius)).is_some(),
        }
    }

    /// The part of the path (0 to 1) that is within `reach` of `at` along one axis.
    fn part_near(&self, part: (f64, f64), axis: usize, at: f64, reach: f64) -> Option<(f64, f64)> {
        let (rel, along) = (at - self.from[axis], self.along[axis]);
        if along == 0.0 {
            return (rel.abs() <= reach).then_some(part);
        }
        let (a, b) = ((rel - reach) / along, (rel + reach) / along);
        let cut = (part.0.max(a.min(b)), part.1.min(a.max(b)));
        (cut.0 <= cut.1).then_some(cut)
    }

    /// A ball swept along a line: two balls and the cylinder between them, each cut by the row; the hull of the three intervals.
    fn round_in_row(&self, z_mm: f64, y_mm: f64) -> Option<(f64, f64)> {
        let radius2 = self.radius * self.radius;
        let ball = |at: [f64; 3]| {
            let rest = radius2 - (z_mm - at[0]).powi(2) - (y_mm - at[1]).powi(2);
            (rest >= 0.0).then(|| (at[2] - rest.sqrt(), at[2] + rest.sqrt()))
        };
        let to = std::array::from_fn(|a| self.from[a] + self.along[a]);
        hull(hull(ball(self.from), ball(to)), self.cylinder_in_row(z_mm - self.from[0], y_mm - self.from[1], radius2))
    }

    /// Points `s` along the row (from the start of the path) with 0 <= projection <= length and distance to the axis <= radius:
    /// `s^2 + q^2 - (s dx + qd)^2 / L^2 <= r^2`, q the offset across the row and qd its share of the projection.
    fn cylinder_in_row(&self, qz: f64, qy: f64, radius2: f64) -> Option<(f64, f64)> {
        let length2 = dot(self.along, self.along);
        if length2 == 0.0 {
            return None;
        }
        let dx = self.along[2];
        let qd = qz * self.along[0] + qy * self.along[1];
        let square = 1.0 - dx * dx / length2;
        let linear = -dx * qd / length2;
        let constant = qz * qz + qy * qy - qd * qd / length2 - radius2;
        let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
        if square > 1e-12 {
            let root = linear * linear - square * constant;
            if root < 0.0 {
                return None;
            }
            (low, high) = ((-linear - root.sqrt()) / square, (-linear + root.sqrt()) / square);
        } else if constant > 0.0 {
            return None;
        }
        if dx == 0.0 {
            if !(0.0..=length2).contains(&qd) {
                return None;
            }
        } else {
            let (a, b) = (-qd / dx, (length2 - qd) / dx);
            (low, high) = (low.max(a.min(b)), high.min(a.max(b)));
        }
        (low <= high).then(|| (low + self.from[2], high + self.from[2]))
    }

    fn square_in_row(&self, z_mm: f64, y_mm: f64) -> Option<(f64, f64)> {
        let part = self.part_near((0.0, 1.0), 0, z_mm, self.radius)?;
        let part = self.part_near(part, 1, y_mm, self.radius)?;
        let (a, b) = (self.from[2] + part.0 * self.along[2], self.from[2] + part.1 * self.along[2]);
        Some((a.min(b) - self.radius, a.max(b) + self.radius))
    }
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// The smallest interval around two.
fn hull<T: PartialOrd + Copy>(a: Option<(T, T)>, b: Option<(T, T)>) -> Option<(T, T)> {
    let (Some(a), Some(b)) = (a, b) else { return a.or(b) };
    Some((if a.0 < b.0 { a.0 } else { b.0 }, if a.1 > b.1 { a.1 } else { b.1 }))
}
