//! Fairing without shrinking (Taubin, SIGGRAPH 1995): a step towards the mean of the neighbours, then a slightly larger step back.

use glam::Vec3;

use super::nets::NONE;

const INWARDS: f32 = 0.5;

/// Moves the points; `beside` lists up to six neighbours of each. `pass_band` is the sum of the reciprocals of both steps.
pub(super) fn fair(points: &mut Vec<Vec3>, beside: &[[u32; 6]], rounds: u32, pass_band: f32) {
    let outwards = 1.0 / (pass_band - 1.0 / INWARDS);
    let mut moved = vec![Vec3::ZERO; points.len()];
    for _ in 0..rounds {
        for weight in [INWARDS, outwards] {
            for ((at, near), moved) in points.iter().zip(beside).zip(&mut moved) {
                let (mut sum, mut count) = (Vec3::ZERO, 0.0);
                for other in near.iter().filter(|other| **other != NONE) {
                    sum += points[*other as usize];
                    count += 1.0;
                }
                *moved = if count > 0.0 { *at + (sum / count - *at) * weight } else { *at };
            }
            std::mem::swap(points, &mut moved);
        }
    }
}

/// Unit normals, each with its neighbours' in every round.
pub(super) fn soften(mut normals: Vec<Vec3>, beside: &[[u32; 6]], rounds: u32) -> Vec<Vec3> {
    for _ in 0..rounds {
        let near =
            |at: &Vec3, near: &[u32; 6]| near.iter().filter(|other| **other != NONE).fold(*at, |sum, other| sum + normals[*other as usize]);
        normals = normals.iter().zip(beside).map(|(at, beside)| near(at, beside).normalize_or(*at)).collect();
    }
    normals
}
