//! The network's last layer, a 1x1x1 convolution, on a row of averaged features.

use pulp::{Arch, Simd, WithSimd};

use crate::predict::Head;

/// `logits[k] = bias[k] + sum over c of weight[k][c] * features[c]`, each of `columns` values.
pub(crate) fn apply_head(head: &Head, features: &[f32], columns: usize, logits: &mut Vec<f32>) {
    // Every value is written, so that old ones need no clearing.
    logits.resize(head.bias.len() * columns, 0.0);
    Arch::new().dispatch(Row { head, features, columns, logits });
}

struct Row<'a> {
    head: &'a Head,
    features: &'a [f32],
    columns: usize,
    logits: &'a mut [f32],
}

impl WithSimd for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let classes = self.head.bias.len();
        let mut k = 0;
        while k < classes {
            // Eight sums hide the latency of their additions.
            k += match classes - k {
                8.. => self.classes::<S, 8>(simd, k),
                4.. => self.classes::<S, 4>(simd, k),
                _ => self.classes::<S, 1>(simd, k),
            };
        }
    }
}

impl Row<'_> {
    /// Classes `k..k + K`, one register of columns at a time: the sums stay in registers. Returns `K`.
    #[inline(always)]
    fn classes<S: Simd, const K: usize>(&mut self, simd: S, k: usize) -> usize {
        let (head, columns) = (self.head, self.columns);
        let width = head.weight_kc.len() / head.bias.len();
        let weights: [&[f32]; K] = std::array::from_fn(|i| &head.weight_kc[(k + i) * width..][..width]);
        for first in (0..columns).step_by(S::F32_LANES) {
            let lanes = first..columns.min(first + S::F32_LANES);
            let mut sums: [S::f32s; K] = std::array::from_fn(|i| simd.splat_f32s(head.bias[k + i]));
            for (c, line) in self.features.chunks_exact(columns).enumerate() {
                let x = load(simd, &line[lanes.clone()]);
                for (sum, weights) in sums.iter_mut().zip(weights) {
                    *sum = simd.mul_add_e_f32s(simd.splat_f32s(weights[c]), x, *sum);
                }
            }
            let rows = self.logits[k * columns..].chunks_exact_mut(columns);
            rows.zip(sums).for_each(|(row, sum)| simd.partial_store_f32s(&mut row[lanes.clone()], sum));
        }
        K
    }
}

/// Up to a register of values; whole registers need no mask.
#[inline(always)]
fn load<S: Simd>(simd: S, values: &[f32]) -> S::f32s {
    match S::as_simd_f32s(values).0 {
        [whole] => *whole,
        _ => simd.partial_load_f32s(values),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_and_column_is_a_dot_product() {
        for (classes, width, columns) in [(1, 1, 1), (3, 5, 7), (4, 8, 16), (9, 3, 37), (118, 32, 65)] {
            let wave = |i: usize| ((i * 37 + 11) % 101) as f32 / 50.0 - 1.0;
            let head = Head { weight_kc: (0..classes * width).map(wave).collect(), bias: (0..classes).map(|k| wave(k + 5)).collect() };
            let features: Vec<f32> = (0..width * columns).map(|i| wave(i * 3)).collect();
            let mut logits = vec![f32::NAN; 3];
            apply_head(&head, &features, columns, &mut logits);
            assert_eq!(logits.len(), classes * columns);
            for (i, found) in logits.iter().enumerate() {
                let (k, column) = (i / columns, i % columns);
                let sum: f64 =
                    (0..width).map(|c| f64::from(head.weight_kc[k * width + c]) * f64::from(features[c * columns + column])).sum();
                assert!((sum + f64::from(head.bias[k]) - f64::from(*found)).abs() < 1e-4, "class {k} column {column}");
            }
        }
    }
}
