//! Making a network fit a device: ways of running it with ever less memory.
//!
//! Every way gives the same answer but for rounding, except half precision, which the user must allow. The patch is never made smaller: norm
//! statistics depend on it.

use std::fmt;
use std::str::FromStr;

use mednext::{Config, Weights};

use crate::device::Device;
use crate::memory::available_memory_bytes;
use crate::plan::{Limits, Precision};
use crate::runner::{EngineError, Runner, TileOutput};
use crate::selftest;

/// How exact the user wants the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PrecisionChoice {
    /// Always single precision.
    #[default]
    F32,
    /// Half-precision activations wherever the device can.
    F16,
    /// Half precision only if single precision does not fit.
    Auto,
}

impl FromStr for PrecisionChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "f32" => Ok(Self::F32),
            "f16" => Ok(Self::F16),
            "auto" => Ok(Self::Auto),
            _ => Err(format!("\"{text}\" is not a precision; use f32, f16 or auto")),
        }
    }
}

/// What a network may take and how exact it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allowance {
    /// Memory of a graphics device it may take; all there is when absent.
    pub device_bytes: Option<u64>,
    /// How activations may be stored.
    pub precision: PrecisionChoice,
}

/// Networks ready to run, and how they were made to fit.
pub struct Prepared {
    /// One per fold.
    pub runners: Vec<Box<dyn Runner>>,
    /// Where they run: another device than asked for if they did not fit that one.
    pub device: Device,
    /// What they take.
    pub memory: Memory,
    /// How activations are stored.
    pub precision: Precision,
    /// What was done to make them fit, in sentences.
    pub notes: Vec<String>,
}

/// Memory a network takes, and what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Weights of all folds and one set of working buffers.
    pub needed_bytes: u64,
    /// What is free, where that is known.
    pub available_bytes: Option<u64>,
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
        match self.available_bytes {
            Some(available) => write!(f, "needs {:.1} of {:.1} GiB", gib(self.needed_bytes), gib(available)),
            None => write!(f, "needs {:.1} GiB", gib(self.needed_bytes)),
        }
    }
}

/// A way of running a network, and what to say about it.
struct Rung {
    limits: Limits,
    note: Option<&'static str>,
}

/// Ways for one device, from the fastest to the smallest.
fn ladder(limits: Limits, choice: PrecisionChoice, has_f16: bool) -> Vec<Rung> {
    let fast = Limits { precision: if choice == PrecisionChoice::F16 && has_f16 { Precision::F16 } else { Precision::F32 }, ..limits };
    let small_slabs = Limits { store_up_bytes: limits.store_up_bytes.min(16 << 20), store_hidden_bytes: 0, ..fast };
    let slab_hidden_bytes = limits.slab_hidden_bytes.min(1 << 20);
    let recompute = Limits { store_hidden_channels: usize::MAX, slab_hidden_bytes, ..small_slabs };
    let mut rungs = vec![
        Rung { limits: fast, note: None },
        Rung { limits: small_slabs, note: Some("to save memory, large results are computed in smaller pieces; the result is the same") },
        Rung {
            limits: recompute,
            note: Some("to save memory, large results are computed twice instead of stored; the result is the same"),
        },
    ];
    if choice == PrecisionChoice::Auto && has_f16 {
        let limits = Limits { precision: Precision::F16, ..recompute };
        rungs.push(Rung {
            limits,
            note: Some("to save memory, half precision is used, as allowed; the result may differ at faint borders"),
        });
    }
    rungs
}

impl Device {
    /// Prepares the folds of an ensemble, stepping down until they fit; the last step is the CPU engine.
    pub fn prepare(
        &self,
        config: &Config,
        folds: &[&Weights],
        patch: [usize; 3],
        output: TileOutput,
        allowance: Allowance,
    ) -> Result<Prepared, EngineError> {
        let cap = match self {
            Self::Gpu(_) => allowance.device_bytes,
            Self::Cpu => None,
        };
        let mut reason = None;
        for Rung { limits, note } in ladder(self.limits(), allowance.precision, self.has_f16()) {
            // Asked before the network takes its share.
            let available_bytes = cap.or_else(|| self.host_memory());
            // A way that computes wrongly is passed over like one that does not fit.
            if let Self::Gpu(gpu) = self
                && let Err(error) = selftest::check_network(gpu, &limits, config.kernel)
            {
                if gpu.leave_matrices() {
                    return self.prepare(config, folds, patch, output, allowance);
                }
                reason.get_or_insert(error.to_string());
                continue;
            }
            match self.runners_within(config, folds, patch, output, limits, cap) {
                Ok((needed_bytes, runners)) => {
                    let memory = Memory { needed_bytes, available_bytes };
                    let refused = allowance.precision == PrecisionChoice::F16 && limits.precision == Precision::F32;
                    let refused = refused.then_some("this device has no half precision; computing in single precision");
                    let notes = refused.into_iter().chain(note).map(str::to_owned).collect();
                    return Ok(Prepared { runners, device: self.clone(), memory, precision: limits.precision, notes });
                }
                Err(EngineError::DoesNotFit(sentence)) => reason.get_or_insert(sentence),
                Err(error) => return Err(error),
            };
        }
        let reason = reason.expect("the ladder has a rung");
        if matches!(self, Self::Cpu) {
            return Err(EngineError::DoesNotFit(reason));
        }
        let mut prepared = Self::Cpu.prepare(config, folds, patch, output, allowance)?;
        prepared.notes.insert(0, format!("{} cannot run the model ({reason}); it runs on the processor instead", self.describe()));
        Ok(prepared)
    }

    /// Free memory of devices that share the host's.
    fn host_memory(&self) -> Option<u64> {
        if self.shares_host_memory() { available_memory_bytes() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use mednext::{Generation, Preset, graph};

    use super::*;
    use crate::selftest::{noise, noise_weights};
    use crate::tests_golden::{assert_close, devices};

    /// Each smaller allowance is met by the next way, and only half precision changes the result beyond rounding.
    #[test]
    fn a_network_steps_down_until_it_fits() {
        let mut config = Config::preset(Preset::S, Generation::V2, 3, 32, 1, 3);
        config.blocks = [1; 9];
        config.ratios = [2; 9];
        let weights = noise_weights(&graph(&config).unwrap());
        let patch = [32, 16, 16];
        let input: Vec<f32> = noise(9).take(patch.iter().product()).collect();
        let gpu = devices().into_iter().find(|device| matches!(device, Device::Gpu(_))).unwrap();
        let prepare = |mib: Option<u64>, precision: PrecisionChoice| {
            let allowance = Allowance { device_bytes: mib, precision };
            gpu.prepare(&config, &[&weights], patch, TileOutput::Logits, allowance).unwrap()
        };
        let run = |prepared: &mut Prepared| {
            let mut output = vec![0.0; 3 * input.len()];
            prepared.runners[0].run(&input, &mut output, &|| false).unwrap();
            output
        };
        let mut roomy = prepare(None, PrecisionChoice::F32);
        assert!(roomy.notes.is_empty());
        let want = run(&mut roomy);
        let mut cap = roomy.memory.needed_bytes;
        let mut seen = Vec::new();
        while seen.last() != Some(&"cpu") && seen.len() < 5 {
            cap -= 1;
            let mut prepared = prepare(Some(cap), PrecisionChoice::Auto);
            let got = run(&mut prepared);
            if prepared.precision == Precision::F32 {
                assert_close(&prepared.notes[0], &got, &want);
            }
            let on_cpu = matches!(prepared.device, Device::Cpu);
            seen.push(if on_cpu {
                "cpu"
            } else if prepared.precision == Precision::F16 {
                "f16"
            } else {
                "f32"
            });
            assert!(on_cpu || prepared.memory.needed_bytes <= cap);
            cap = prepared.memory.needed_bytes;
        }
        assert_eq!(seen.iter().filter(|way| **way == "cpu").count(), 1, "{seen:?}");
        assert!(seen.contains(&"f16") && seen.contains(&"f32"), "{seen:?}");
        let exact = prepare(Some(1 << 20), PrecisionChoice::F32);
        assert!(exact.precision == Precision::F32 && matches!(exact.device, Device::Cpu), "half precision is never used unasked");
    }
}
