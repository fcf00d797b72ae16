//! Learning rates, set once per epoch as nnU-Net sets them.

use serde::{Deserialize, Serialize};

/// How the learning rate follows the epochs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    /// Always the same (MedNeXt v1).
    Constant,
    /// `rate * (1 - epoch / epochs)^exponent` (nnU-Net's `PolyLRScheduler`, exponent 0.9).
    Poly {
        /// Exponent.
        exponent: f64,
    },
    /// `rate / warmup * (1 + epoch)` for so many epochs, then constant (MedNeXt-v2's paper).
    Warmup {
        /// Epochs.
        warmup: u32,
    },
    /// `rate / warmup * (1 + epoch)` for so many epochs, then poly over the remaining ones (`nnUNetTrainer_warmup.py`).
    WarmupPoly {
        /// Epochs.
        warmup: u32,
        /// Exponent of the rest.
        exponent: f64,
    },
}

impl Schedule {
    /// The learning rate of an epoch, counted from 0, of `epochs`.
    pub fn rate(self, highest: f64, epoch: u32, epochs: u32) -> f64 {
        let rising = |warmup: u32| highest / f64::from(warmup) * f64::from(1 + epoch);
        let poly = |begin: u32, exponent: f64| {
            let (done, all) = (f64::from(epoch - begin), f64::from(epochs.saturating_sub(begin).max(1)));
            highest * (1.0 - done / all).max(0.0).powf(exponent)
        };
        match self {
            Self::Constant => highest,
            Self::Poly { exponent } => poly(0, exponent),
            Self::Warmup { warmup } | Self::WarmupPoly { warmup, .. } if epoch < warmup => rising(warmup),
            Self::Warmup { .. } => highest,
            Self::WarmupPoly { warmup, exponent } => poly(warmup, exponent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::misc_json;

    #[test]
    fn rates_are_those_of_nnunet() {
        let table = &misc_json()["lr"];
        let exponent = 0.9;
        let cases = [
            ("poly_1e-2_1000", Schedule::Poly { exponent }, 1e-2, 0, 50, 1000),
            ("warmup50_1e-3", Schedule::WarmupPoly { warmup: 50, exponent }, 1e-3, 0, 1, 300),
            ("warmup50_1e-3", Schedule::Warmup { warmup: 50 }, 1e-3, 0, 1, 300),
            ("poly_offset50_300_1e-3_from_epoch50", Schedule::WarmupPoly { warmup: 50, exponent }, 1e-3, 50, 10, 300),
        ];
        for (name, schedule, highest, first, step, epochs) in cases {
            for (i, want) in table[name].as_array().unwrap().iter().enumerate() {
                let (got, want) = (schedule.rate(highest, first + step * i as u32, epochs), want.as_f64().unwrap());
                assert!((got - want).abs() <= 1e-12 * highest, "{name}, {i}: {got} instead of {want}");
            }
        }
        assert_eq!(Schedule::Warmup { warmup: 50 }.rate(1e-3, 299, 300), 1e-3);
        assert_eq!(Schedule::Constant.rate(1e-3, 7, 300), 1e-3);
    }

    #[test]
    fn rates_stay_positive_to_the_end() {
        for schedule in [Schedule::Poly { exponent: 0.9 }, Schedule::WarmupPoly { warmup: 50, exponent: 0.9 }] {
            assert!((0..300).all(|epoch| schedule.rate(1e-3, epoch, 300) > 0.0));
            // Shorter than its own warm-up, and past its end.
            assert!((0..10).all(|epoch| schedule.rate(1e-3, epoch, 10) > 0.0));
            assert_eq!(schedule.rate(1e-3, 400, 300), 0.0);
        }
    }
}
