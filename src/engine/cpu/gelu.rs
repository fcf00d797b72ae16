//! Twin of `shared/gelu.wgsl`.

/// Exact GELU with erf by Abramowitz & Stegun 7.1.26; branch-free, so that loops over lanes vectorise.
#[inline(always)]
pub(super) fn gelu<const FMA: bool>(u: f32) -> f32 {
    let fma = |a: f32, b: f32, c: f32| if FMA { a.mul_add(b, c) } else { a * b + c };
    let x = u.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / fma(0.327_591_1, x, 1.0);
    let poly = fma(fma(fma(fma(1.061_405_4, t, -1.453_152), t, 1.421_413_8), t, -0.284_496_72), t, 0.254_829_6) * t;
    let erf_abs = 1.0 - poly * exp_of_negative::<FMA>(-x * x);
    0.5 * u * (1.0 + erf_abs.copysign(u))
}

/// e^y for y <= 0: 2^n times a degree-6 polynomial on |r| <= ln(2)/2 (relative error below 2e-7); 0 below -87.
#[inline(always)]
fn exp_of_negative<const FMA: bool>(y: f32) -> f32 {
    /// Adding this rounds to an integer in the low mantissa bits.
    const ROUND: f32 = 12_582_912.0;
    /// ln 2 in two parts, so that n * ln 2 subtracts without rounding.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let fma = |a: f32, b: f32, c: f32| if FMA { a.mul_add(b, c) } else { a * b + c };
    let clamped = y.max(-87.0);
    let shifted = fma(clamped, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = fma(n, -LN2_LOW, fma(n, -LN2_HIGH, clamped));
    let series = fma(fma(fma(fma(fma(1.0 / 720.0, r, 1.0 / 120.0), r, 1.0 / 24.0), r, 1.0 / 6.0), r, 0.5), r, 1.0);
    let mantissa = fma(series, r, 1.0);
    let power = f32::from_bits(((n as i32 + 127) as u32) << 23);
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
