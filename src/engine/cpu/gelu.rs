//! Twin of `shared/gelu.wgsl`.

use pulp::Simd;

/// Exact GELU with erf by Abramowitz & Stegun 7.1.26, per lane.
#[inline(always)]
pub(super) fn gelu<S: Simd>(simd: S, u: S::f32s) -> S::f32s {
    let value = |v: f32| simd.splat_f32s(v);
    let fma = |a, b, c| simd.mul_add_e_f32s(a, b, c);
    let x = simd.mul_f32s(simd.abs_f32s(u), value(std::f32::consts::FRAC_1_SQRT_2));
    let t = simd.div_f32s(value(1.0), fma(value(0.327_591_1), x, value(1.0)));
    let poly = fma(value(1.061_405_4), t, value(-1.453_152));
    let poly = fma(poly, t, value(1.421_413_8));
    let poly = fma(poly, t, value(-0.284_496_72));
    let poly = simd.mul_f32s(fma(poly, t, value(0.254_829_6)), t);
    let decay = exp_of_negative(simd, simd.neg_f32s(simd.mul_f32s(x, x)));
    let erf_abs = simd.sub_f32s(value(1.0), simd.mul_f32s(poly, decay));
    // u/2 * (1 + sign(u) erf|x|) = (u + |u| erf|x|) / 2
    simd.mul_f32s(value(0.5), fma(simd.abs_f32s(u), erf_abs, u))
}

/// e^y for y <= 0: 2^n times a degree-6 polynomial on |r| <= ln(2)/2 (relative error below 3e-7). Below -87 it stays at e^-87,
/// which is nothing beside the 1 it is subtracted from.
#[inline(always)]
fn exp_of_negative<S: Simd>(simd: S, y: S::f32s) -> S::f32s {
    /// Adding 1.5 * 2^23 rounds to an integer, which then stands in the low mantissa bits.
    const ROUND: f32 = 12_582_912.0;
    /// ln 2 in two parts, so that n * ln 2 subtracts without rounding.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    const EXPONENT_BIAS: u32 = 127;
    const MANTISSA_BITS: u32 = 23;
    let value = |v: f32| simd.splat_f32s(v);
    let fma = |a, b, c| simd.mul_add_e_f32s(a, b, c);
    let y = simd.max_f32s(y, value(-87.0));
    let shifted = fma(y, value(std::f32::consts::LOG2_E), value(ROUND));
    let n = simd.sub_f32s(shifted, value(ROUND));
    let r = fma(n, value(-LN2_LOW), fma(n, value(-LN2_HIGH), y));
    let series = fma(value(1.0 / 720.0), r, value(1.0 / 120.0));
    let series = fma(series, r, value(1.0 / 24.0));
    let series = fma(series, r, value(1.0 / 6.0));
    let series = fma(series, r, value(0.5));
    let series = fma(series, r, value(1.0));
    let mantissa = fma(series, r, value(1.0));
    // n stands in the bits of `shifted`: moved into the exponent, it is 2^n.
    let offset = simd.splat_u32s(EXPONENT_BIAS.wrapping_sub(ROUND.to_bits()));
    let exponent = simd.add_u32s(simd.transmute_u32s_f32s(shifted), offset);
    let power = simd.wrapping_dyn_shl_u32s(exponent, simd.splat_u32s(MANTISSA_BITS));
    simd.mul_f32s(mantissa, simd.transmute_f32s_u32s(power))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_is_accurate_over_its_range() {
        for i in 0..=8700 {
            let y = -f64::from(i) / 100.0;
            let (got, want) = (f64::from(exp_of_negative(pulp::Scalar, y as f32)), f64::from(y as f32).exp());
            assert!((got / want - 1.0).abs() < 3e-7, "e^{y}: {got} instead of {want}");
        }
        assert!(exp_of_negative(pulp::Scalar, -1000.0) < 1e-37);
    }

    #[test]
    fn large_values_pass_and_vanish() {
        assert_eq!(gelu(pulp::Scalar, 50.0), 50.0);
        assert!(gelu(pulp::Scalar, -50.0).abs() < 1e-5);
        assert_eq!(gelu(pulp::Scalar, 0.0), 0.0);
    }
}
