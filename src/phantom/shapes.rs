//! Signed distances in millimetres (negative inside) of the primitives organs are joined from.
//!
//! Distances are first-order approximations: exact on the surface, which is where partial volume and labels are decided.

use glam::DVec3;

/// Ellipsoid at the origin with semi-axes `radii`.
pub(crate) fn ellipsoid(p: DVec3, radii: DVec3) -> f64 {
    let scaled = (p / radii).length();
    let gradient = (p / (radii * radii)).length();
    if gradient < 1e-9 { -radii.min_element() } else { scaled * (scaled - 1.0) / gradient }
}

/// Superellipse `|x/a|^n + |y/b|^n = 1` at the origin; `n` = 2 is an ellipse, larger is boxier.
pub(crate) fn superellipse(x: f64, y: f64, a: f64, b: f64, n: f64) -> f64 {
    let (u, v) = ((x / a).abs(), (y / b).abs());
    let sum = u.powf(n) + v.powf(n);
    if sum < 1e-9 {
        return -a.min(b);
    }
    let f = sum.powf(1.0 / n);
    let slope = f.powf(1.0 - n);
    let gradient = (slope * u.powf(n - 1.0) / a).hypot(slope * v.powf(n - 1.0) / b);
    (f - 1.0) / gradient
}

/// Ellipse at the origin.
pub(crate) fn ellipse(x: f64, y: f64, a: f64, b: f64) -> f64 {
    ellipsoid(DVec3::new(x, y, 0.0), DVec3::new(a, b, 1.0))
}

/// Round cone from `a` to `b` whose radius goes linearly from `radius_a` to `radius_b`.
pub(crate) fn capsule(p: DVec3, a: DVec3, b: DVec3, radius_a: f64, radius_b: f64) -> f64 {
    let along = b - a;
    let t = ((p - a).dot(along) / along.length_squared()).clamp(0.0, 1.0);
    (p - a - along * t).length() - (radius_a + (radius_b - radius_a) * t)
}

/// A point a tube passes through, and its radius there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Knot {
    pub(crate) at: DVec3,
    pub(crate) radius: f64,
}

/// Knot from coordinates.
pub(crate) fn knot(x: f64, y: f64, z: f64, radius: f64) -> Knot {
    Knot { at: DVec3::new(x, y, z), radius }
}

/// Capsules in a row, blended over `blend` millimetres at the joints.
pub(crate) fn tube(p: DVec3, knots: &[Knot], blend: f64) -> f64 {
    knots
        .windows(2)
        .map(|pair| capsule(p, pair[0].at, pair[1].at, pair[0].radius, pair[1].radius))
        .reduce(|a, b| smooth_min(a, b, blend))
        .unwrap_or(f64::INFINITY)
}

/// Union with a fillet of `blend` millimetres (quadratic polynomial smooth minimum).
pub(crate) fn smooth_min(a: f64, b: f64, blend: f64) -> f64 {
    let h = (blend - (a - b).abs()).max(0.0) / blend;
    a.min(b) - h * h * blend * 0.25
}

/// Intersection with a fillet.
pub(crate) fn smooth_max(a: f64, b: f64, blend: f64) -> f64 {
    -smooth_min(-a, -b, blend)
}

/// `a` without `b`, with a fillet.
pub(crate) fn carve(a: f64, b: f64, blend: f64) -> f64 {
    smooth_max(a, -b, blend)
}

/// 0 below `low`, 1 above `high`, smooth between.
pub(crate) fn ramp(value: f64, low: f64, high: f64) -> f64 {
    let t = ((value - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_right_at_the_surface() {
        let radii = DVec3::new(30.0, 20.0, 10.0);
        assert!(ellipsoid(DVec3::new(30.0, 0.0, 0.0), radii).abs() < 1e-9);
        assert!((ellipsoid(DVec3::new(0.0, 21.0, 0.0), radii) - 1.0).abs() < 0.06);
        assert!((superellipse(0.0, 98.0, 140.0, 100.0, 2.3) + 2.0).abs() < 0.05);
        let knots = [knot(0.0, 0.0, 0.0, 5.0), knot(0.0, 0.0, 50.0, 10.0)];
        assert!((tube(DVec3::new(8.5, 0.0, 25.0), &knots, 1.0) - 1.0).abs() < 0.1);
    }

    #[test]
    fn fillets_only_add_or_only_remove() {
        for (a, b) in [(3.0, -2.0), (0.5, 0.4), (-7.0, 9.0)] {
            assert!(smooth_min(a, b, 4.0) <= a.min(b));
            assert!(smooth_max(a, b, 4.0) >= a.max(b));
            assert!(carve(a, b, 4.0) >= a.max(-b));
        }
    }
}
