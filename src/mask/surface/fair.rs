//! Fairing without shrinking (Taubin, SIGGRAPH 1995): a step towards the mean of the neighbours, then a slightly larger step back.

use glam::Vec3;

use super::nets::NONE;

const INWARDS: f32 = 0.5;
/// `1 / INWARDS + 1 / OUTWARDS` is 0.1: waves longer than about ten edges pass unchanged.
const OUTWARDS: f32 = -0.526_315_8;

/// Moves the points; `beside` lists up to six neighbours of each.
pub(super) fn fair(points: &mut Vec<Vec3>, beside: &[[u32; 6]], rounds: u32) {
    let mut moved = vec![Vec3::ZERO; points.len()];
    for _ in 0..rounds {
        for weight in [INWARDS, OUTWARDS] {
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
