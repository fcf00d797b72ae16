//! Twin of `shared/gelu.wgsl`.

use super::simd::fused;

/// Exact GELU with erf by Abramowitz & Stegun 7.1.26; branch-free, so that loops over lanes vectorise.
#[inline(always)]
pub(super) fn gelu<const FMA: bool>(u: f32) -> f32 {
    let x = u.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / fused::<FMA>(0.327_591_1, x, 1.0);
    let poly = fused::<FMA>(
        fused::<FMA>(fused::<FMA>(fused::<FMA>(1.061_405_4, t, -1.453_152), t, 1.421_413_8), t, -0.284_496_72),
        t,
        0.254_829_6,
    ) * t;
    let erf_abs = 1.0 - poly * exp_of_negative::<FMA>(-x * x);
    0.5 * u * (1.0 + erf_abs.copysign(u))
}

/// e^y for y <= 0: 2^n times a degree-6 polynomial on |r| <= ln(2)/2 (relative error below 2e-7); 0 below -87.
#[inline(always)]
fn exp_of_negative<const FMA: bool>(y: f32) -> f32 {
    /// Adding 1.5 * 2^23 rounds to an integer, which then stands in the low mantissa bits.
    const ROUND: f32 = 12_582_912.0;
    /// ln 2 in two parts, so that n * ln 2 subtracts without rounding.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let clamped = y.max(-87.0);
    let shifted = fused::<FMA>(clamped, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = fused::<FMA>(n, -LN2_LOW, fused::<FMA>(n, -LN2_HIGH, clamped));
    let series = fused::<FMA>(
        fused::<FMA>(fused::<FMA>(fused::<FMA>(fused::<FMA>(1.0 / 720.0, r, 1.0 / 120.0), r, 1.0 / 24.0), r, 1.0 / 6.0), r, 0.5),
        r,
        1.0,
    );
    let mantissa = fused::<FMA>(series, r, 1.0);
    // Integer arithmetic on the bits: a float-to-integer cast would saturate, which does not vectorise.
    let power = f32::from_bits(shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23);
    if y < -87.0 { 0.0 } else { mantissa * power }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_is_accurate_over_its_range() {
        for i in 0..=8700 {
            let y = -f64::from(i) / 100.0;
            let (got, want) = (f64::from(exp_of_negative::<false>(y as f32)), f64::from(y as f32).exp());
            assert!((got / want - 1.0).abs() < 3e-7, "e^{y}: {got} instead of {want}");
        }
        assert_eq!(exp_of_negative::<false>(-1000.0), 0.0);
    }
}
