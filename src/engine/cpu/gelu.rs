//! Twin of `shared/gelu.wgsl`.

use pulp::Simd;

/// Exact GELU per lane: `max(u, 0) - |u| erfc(|u| / sqrt 2) / 2`, with the halved erfc as two to the power of a polynomial.
/// The absolute error stays below 3e-7.
#[inline(always)]
pub(super) fn gelu<S: Simd>(simd: S, u: S::f32s) -> S::f32s {
    /// log2(erfc(a / sqrt 2) / 2) for a up to `LAST`, fitted so that the error of GELU is level (7e-8).
    const TAIL: [f32; 7] = [-0.999_996_3, -1.151_177_2, -0.458_834_32, -0.053_337_436, 8.036_997e-3, -7.569_23e-4, 3.177_573e-5];
    /// From here on the halved erfc stays at 1e-9, nothing beside the 1 it is subtracted from.
    const LAST: f32 = 6.0;
    let magnitude = simd.abs_f32s(u);
    let exponent = polynomial(simd, &TAIL, simd.min_f32s(magnitude, simd.splat_f32s(LAST)));
    let positive = simd.max_f32s(u, simd.splat_f32s(0.0));
    simd.negate_mul_add_e_f32s(magnitude, power_of_two(simd, exponent), positive)
}

/// 2^y for -64 <= y <= 0: a polynomial for the part within 1/2 of an integer (relative error below 1e-7), whose exponent then
/// grows by the integer.
#[inline(always)]
fn power_of_two<S: Simd>(simd: S, y: S::f32s) -> S::f32s {
    const POWER: [f32; 6] = [1.000_000_1, 0.693_146_94, 0.240_221_2, 0.055_507_135, 9.675_541e-3, 1.327_646_4e-3];
    /// Adding 1.5 * 2^23 rounds to an integer, which then stands in the low mantissa bits.
    const ROUND: f32 = 12_582_912.0;
    const MANTISSA_BITS: u32 = 23;
    let shifted = simd.add_f32s(y, simd.splat_f32s(ROUND));
    let rest = simd.sub_f32s(y, simd.sub_f32s(shifted, simd.splat_f32s(ROUND)));
    let power = polynomial(simd, &POWER, rest);
    let integer = simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(MANTISSA_BITS));
    simd.transmute_f32s_u32s(simd.add_u32s(simd.transmute_u32s_f32s(power), integer))
}

/// Coefficients in rising order.
#[inline(always)]
fn polynomial<S: Simd>(simd: S, coefficients: &[f32], x: S::f32s) -> S::f32s {
    let mut coefficients = coefficients.iter().rev();
    let mut sum = simd.splat_f32s(*coefficients.next().unwrap_or(&0.0));
    for coefficient in coefficients {
        sum = simd.mul_add_e_f32s(sum, x, simd.splat_f32s(*coefficient));
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_accurate_over_their_range() {
        for i in 0..=6400 {
            let y = -i as f32 / 100.0;
            let (got, want) = (f64::from(power_of_two(pulp::Scalar, y)), f64::from(y).exp2());
            assert!((got / want - 1.0).abs() < 3e-7, "2^{y}: {got} instead of {want}");
        }
    }

    #[test]
    fn large_values_pass_and_vanish() {
        assert_eq!(gelu(pulp::Scalar, 50.0), 50.0);
        assert!(gelu(pulp::Scalar, -50.0).abs() < 1e-6);
        assert_eq!(gelu(pulp::Scalar, 0.0), 0.0);
    }
}
