//! Activations on their way to and from a device that stores them in half precision.

use half::f16;

use crate::plan::Vec4;

/// Rounds to half precision; what it cannot hold is clamped, as the kernels do.
pub(super) fn narrow(values: &[Vec4]) -> Vec<[u16; 4]> {
    let bits = |v: f32| f16::from_f32(v.clamp(-f16::MAX.to_f32(), f16::MAX.to_f32())).to_bits();
    values.iter().map(|v| v.0.map(bits)).collect()
}

/// Back to single precision, exactly.
pub(super) fn widen(values: &[[u16; 4]]) -> Vec<Vec4> {
    values.iter().map(|v| Vec4(v.map(|bits| f16::from_bits(bits).to_f32()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_rounds_and_clamps() {
        let back = widen(&narrow(&[Vec4([1.0, -0.1, 1e6, f32::NEG_INFINITY])]))[0].0;
        assert_eq!((back[0], back[2], back[3]), (1.0, 65504.0, -65504.0));
        assert!((back[1] + 0.1).abs() < 5e-5 && back[1] != -0.1);
    }
}
