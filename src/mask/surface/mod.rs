//! Surfaces of structures as triangles in LPS millimetres, for the 3D view and for mesh files.

mod fair;
mod nets;

use std::collections::BTreeMap;

use glam::{DVec3, Vec3};
use rayon::prelude::*;
use volume::Region;

use crate::error::MaskError;
use crate::grid::{LabelGrid, Value, join, with_values, zyx};
use crate::runs::for_each_run;
use crate::watch::{Steps, Watch};

/// A closed surface; triangles run counter-clockwise seen from outside.
#[derive(Debug, Clone, PartialEq)]
pub struct Surface {
    /// The label it encloses.
    pub value: u16,
    /// Corners, LPS millimetres.
    pub positions_lps_mm: Vec<[f32; 3]>,
    /// One unit vector outwards per corner, LPS.
    pub normals: Vec<[f32; 3]>,
    /// Three corners each.
    pub triangles: Vec<[u32; 3]>,
    /// Voxels per sample along z, y, x that it was made with.
    pub stride_zyx: [usize; 3],
}

/// How surfaces are made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SurfaceOptions {
    /// Rounds of fairing; 0 keeps the steps of the voxels.
    pub rounds: u32,
    /// Which waves of the surface pass unchanged: those longer than about ten edges at 0.1, eighteen at 0.03. Shorter ones, such as
    /// the terraces that voxels make of a slope, fade with every round.
    pub pass_band: f32,
    /// Rounds in which each normal becomes the mean of its neighbours': takes what is left of terraces out of the shading.
    pub normal_rounds: u32,
    /// For display: takes blocks of voxels as one sample until there are no more triangles than this.
    pub max_triangles: Option<usize>,
}

impl Default for SurfaceOptions {
    fn default() -> Self {
        Self { rounds: 20, pass_band: 0.1, normal_rounds: 0, max_triangles: None }
    }
}

impl SurfaceOptions {
    /// For looking at: terraces are faired away and there are no more triangles than this. Measures are taken from voxels.
    pub fn display(max_triangles: usize) -> Self {
        Self { rounds: 60, pass_band: 0.03, normal_rounds: 8, max_triangles: Some(max_triangles) }
    }
}

/// Surfaces of the labels that are there, in the order asked for; background has none.
pub fn surfaces(grid: &LabelGrid, labels: &[u16], options: &SurfaceOptions, watch: Watch<'_>) -> Result<Vec<Surface>, MaskError> {
    let bounds = all_bounds(grid);
    watch.at(0.05)?;
    let present: Vec<(u16, Region)> = labels.iter().filter(|v| **v != 0).filter_map(|v| Some((*v, *bounds.get(v)?))).collect();
    watch.part(0.05, 1.0, |watch| {
        let steps = Steps::new(watch, present.len());
        let one = |(value, region): &(u16, Region)| {
            let surface = of_box(grid, *value, *region, options);
            steps.step()?;
            Ok(surface)
        };
        // One at a time per thread: large structures take seconds, and stealing keeps the threads even.
        present.par_iter().with_max_len(1).map(one).collect()
    })
}

/// The surface of one label; none if it is absent.
pub fn surface(grid: &LabelGrid, value: u16, options: &SurfaceOptions) -> Option<Surface> {
    grid.bounds(value).map(|region| of_box(grid, value, region, options))
}

/// The smallest box around every label, in one pass.
fn all_bounds(grid: &LabelGrid) -> BTreeMap<u16, Region> {
    let [_, ny, nx] = grid.size_zyx();
    let size = grid.size_zyx();
    with_values!(grid, |values| {
        let plane = |(z, plane): (usize, &[_])| {
            let mut found = BTreeMap::<u16, Region>::new();
            for (y, row) in plane.chunks_exact(nx).enumerate() {
                for_each_run(row, (z * ny + y) * nx, |run, value| {
                    let at = zyx(size, run.start);
                    let one = Region { start_zyx: at, end_zyx: [z + 1, y + 1, at[2] + run.len()] };
                    grow(&mut found, Value::wide(value), one);
                });
            }
            found
        };
        let merge = |mut a: BTreeMap<u16, Region>, b: BTreeMap<u16, Region>| {
            b.into_iter().for_each(|(value, region)| grow(&mut a, value, region));
            a
        };
        values.par_chunks_exact(ny * nx).enumerate().map(plane).reduce(BTreeMap::new, merge)
    })
}

fn grow(found: &mut BTreeMap<u16, Region>, value: u16, region: Region) {
    let all = join(found.get(&value).copied(), Some(region)).unwrap_or(region);
    found.insert(value, all);
}

fn of_box(grid: &LabelGrid, value: u16, region: Region, options: &SurfaceOptions) -> Surface {
    let mut stride_zyx = [1; 3];
    let net = loop {
        let net = nets::net(grid, value, region, stride_zyx);
        let limit = options.max_triangles.unwrap_or(usize::MAX).max(1000);
        let extent = region.size_zyx();
        let spacing = grid.spacing_zyx_mm();
        // Coarser along the axis whose samples lie closest, while there is something left to merge.
        let next = (0..3).filter(|a| stride_zyx[*a] * 4 <= extent[*a]).min_by(|a, b| {
            let step = |a: usize| spacing[a] * stride_zyx[a] as f64;
            step(*a).total_cmp(&step(*b))
        });
        match next {
            Some(axis) if 2 * net.quads.len() > limit && stride_zyx[axis] < 32 => {
                // All axes that are about as fine go together.
                let finest = spacing[axis] * stride_zyx[axis] as f64;
                for a in 0..3 {
                    if stride_zyx[a] * 4 <= extent[a] && spacing[a] * stride_zyx[a] as f64 <= finest * 1.5 {
                        stride_zyx[a] += 1;
                    }
                }
            }
            _ => break net,
        }
    };
    let place = grid.geometry().world_from_voxel();
    // Smoothed around the box's corner, where f32 has digits to spare.
    let corner = grid.geometry().pos_lps_mm(region.start_zyx.map(|i| i as f64));
    let to_mm = |p: &[f32; 3]| {
        let [x, y, z] = std::array::from_fn(|i| f64::from(p[i]) + region.start_zyx[2 - i] as f64);
        (place.transform_point3(DVec3::new(x, y, z)) - corner).as_vec3()
    };
    let mut points: Vec<Vec3> = net.points_xyz.iter().map(to_mm).collect();
    fair::fair(&mut points, &net.beside, options.rounds, options.pass_band);
    let triangles = triangles(&points, &net.quads, place.matrix3.determinant() < 0.0);
    let normals = fair::soften(normals(&points, &triangles), &net.beside, options.normal_rounds);
    let normals = normals.into_iter().map(|n| n.to_array()).collect();
    let positions_lps_mm = points.iter().map(|p| (p.as_dvec3() + corner).as_vec3().to_array()).collect();
    Surface { value, positions_lps_mm, normals, triangles, stride_zyx }
}

/// Cuts each quad along its shorter diagonal.
fn triangles(points: &[Vec3], quads: &[[u32; 4]], mirrored: bool) -> Vec<[u32; 3]> {
    let apart = |a: u32, b: u32| points[a as usize].distance_squared(points[b as usize]);
    let mut triangles = Vec::with_capacity(2 * quads.len());
    for quad in quads {
        let [a, b, c, d] = if mirrored { [quad[3], quad[2], quad[1], quad[0]] } else { *quad };
        if apart(a, c) <= apart(b, d) {
            triangles.extend([[a, b, c], [a, c, d]]);
        } else {
            triangles.extend([[a, b, d], [b, c, d]]);
        }
    }
    triangles
}

/// Mean of the triangles around each corner, weighted with their area.
fn normals(points: &[Vec3], triangles: &[[u32; 3]]) -> Vec<Vec3> {
    let mut normals = vec![Vec3::ZERO; points.len()];
    for triangle in triangles {
        let [a, b, c] = triangle.map(|i| points[i as usize]);
        let across = (b - a).cross(c - a);
        triangle.iter().for_each(|i| normals[*i as usize] += across);
    }
    normals.into_iter().map(|n| n.normalize_or(Vec3::Z)).collect()
}
