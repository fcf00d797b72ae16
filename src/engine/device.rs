//! From "auto", "gpu" or "cpu" to something that runs networks.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use mednext::{Config, Graph, Weights, graph};

use crate::cpu::{self, CpuRunner};
use crate::fit::PrecisionChoice;
use crate::gpu::{Gpu, GpuRunner, SOFTWARE, adapters};
use crate::plan::{Heads, Limits, Plan, Precision, lower};
use crate::runner::{EngineError, Runner, TileOutput};
use crate::selftest;
use crate::tune::{self, Tuning};

/// What the user asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The best hardware adapter that computes correctly; the CPU engine when there is none.
    #[default]
    Auto,
    /// An adapter by its position in `voxelry doctor`, or the best one; software drivers count.
    Gpu(Option<usize>),
    /// The CPU engine.
    Cpu,
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "gpu" => Ok(Self::Gpu(None)),
            "cpu" => Ok(Self::Cpu),
            _ => text
                .strip_prefix("gpu:")
                .and_then(|index| index.parse().ok())
                .map(|index| Self::Gpu(Some(index)))
                .ok_or_else(|| format!("\"{text}\" is not a device; use auto, gpu, gpu:N or cpu")),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Gpu(None) => f.write_str("gpu"),
            Self::Gpu(Some(index)) => write!(f, "gpu:{index}"),
            Self::Cpu => f.write_str("cpu"),
        }
    }
}

/// A device that may be used, and what the user should hear about how it was chosen.
pub struct Opened {
    /// The device.
    pub device: Device,
    /// Sentences: an untrustworthy driver, or why the CPU took over.
    pub doubts: Vec<String>,
}

/// An opened device; clones share it.
#[derive(Clone)]
pub enum Device {
    /// A graphics device.
    Gpu(Arc<Gpu>),
    /// The processor.
    Cpu,
}

impl Device {
    /// Opens what was asked for. A graphics device must first agree with the CPU engine on every kernel.
    ///
    /// `Auto` passes over software drivers: they compute on the processor too, several times slower than the CPU engine.
    pub fn open(choice: DeviceChoice) -> Result<Opened, EngineError> {
        match choice {
            DeviceChoice::Cpu => Ok(Opened { device: Self::Cpu, doubts: vec![] }),
            DeviceChoice::Gpu(index) => {
                let gpu = Arc::new(Gpu::open(index)?);
                selftest::check(&gpu)?;
                let doubts = gpu.warning().map(str::to_owned).into_iter().collect();
                Ok(Opened { device: Self::Gpu(gpu), doubts })
            }
            DeviceChoice::Auto => Ok(Self::best()),
        }
    }

    /// The first hardware adapter that opens and computes correctly; a doubt for every one passed over.
    fn best() -> Opened {
        let mut doubts = Vec::new();
        for adapter in adapters().into_iter().filter(|adapter| adapter.kind != SOFTWARE) {
            let tried = Gpu::open(Some(adapter.index)).map(Arc::new).and_then(|gpu| selftest::check(&gpu).map(|()| gpu));
            match tried {
                Ok(gpu) => return Opened { device: Self::Gpu(gpu), doubts },
                Err(error) => doubts.push(format!("{} was passed over: {error}", adapter.name)),
            }
        }
        Opened { device: Self::Cpu, doubts }
    }

    /// What a tuning of a graphics device belongs to; the CPU engine needs none.
    pub fn tuning_identity(&self) -> Option<String> {
        match self {
            Self::Gpu(gpu) => Some(gpu.identity().to_owned()),
            Self::Cpu => None,
        }
    }

    /// Finds what is fastest on a graphics device, within about `budget`, and prefers it from now on.
    pub fn tune(&self, budget: Duration) -> Result<Option<Tuning>, EngineError> {
        let Self::Gpu(gpu) = self else { return Ok(None) };
        let found = tune::tune(gpu, budget)?;
        gpu.set_tuning(found);
        Ok(Some(found))
    }

    /// Prefers what was found earlier; `false` if it cannot have been found on this device.
    pub fn use_tuning(&self, tuning: Tuning) -> bool {
        let Self::Gpu(gpu) = self else { return false };
        let possible = tuning.is_possible(&gpu.limits(), gpu.matrices(), gpu.subgroup_sizes());
        if possible {
            gpu.set_tuning(tuning);
        }
        possible
    }

    /// Whether its matrix units might serve a run of this precision. This device does not use them unless it came from
    /// [`tune_matrices`](Self::tune_matrices) or [`with_matrices`](Self::with_matrices).
    pub fn offers_matrices(&self, choice: PrecisionChoice) -> bool {
        let Self::Gpu(gpu) = self else { return false };
        gpu.offered().iter().any(|matrix| precisions(choice).any(|precision| matrix.serves(precision)))
    }

    /// Measures, on the adapter opened once more, whether matrix units are faster than what this device prefers, in about `budget`.
    /// The device that uses them, and its tuning; `None` if they are not faster or compute wrongly. With `must`, the fastest that
    /// computes right, for benchmarks.
    pub fn tune_matrices(&self, budget: Duration, must: bool) -> Result<Option<(Self, Tuning)>, EngineError> {
        let Self::Gpu(gpu) = self else { return Ok(None) };
        let again = Arc::new(gpu.again_with_matrices()?);
        let found = tune::tune_matrices(&again, Tuning::of(&gpu.limits()), budget, must)?;
        Ok(found.map(|tuning| {
            again.set_tuning(tuning);
            (Self::Gpu(again), tuning)
        }))
    }

    /// The adapter opened once more, with the matrix units an earlier measurement preferred; they must agree with the CPU engine again.
    pub fn with_matrices(&self, tuning: Tuning) -> Result<Self, EngineError> {
        let Self::Gpu(gpu) = self else { return Err(EngineError::NoAdapter("the processor has no matrix units".to_owned())) };
        let again = Arc::new(gpu.again_with_matrices()?);
        if !tuning.is_possible(&again.limits(), again.matrices(), again.subgroup_sizes()) {
            return Err(EngineError::NoAdapter("the adapter does not offer these matrix units".to_owned()));
        }
        again.set_tuning(tuning);
        selftest::check(&again)?;
        if again.has_f16() {
            selftest::check_network(&again, &Limits { precision: Precision::F16, ..again.limits() }, 3)?;
        }
        Ok(Self::Gpu(again))
    }

    /// How kernels run on a graphics device; the CPU engine has one way.
    pub fn tuning(&self) -> Option<Tuning> {
        matches!(self, Self::Gpu(_)).then(|| Tuning::of(&self.limits()))
    }

    /// Whether it is a driver that computes on the processor.
    pub fn is_software(&self) -> bool {
        matches!(self, Self::Gpu(gpu) if gpu.is_software())
    }

    /// Name a user knows.
    pub fn describe(&self) -> String {
        match self {
            Self::Gpu(gpu) => gpu.description().to_owned(),
            Self::Cpu => cpu::describe(),
        }
    }

    /// What plans for this device must respect.
    pub fn limits(&self) -> Limits {
        match self {
            Self::Gpu(gpu) => gpu.limits(),
            Self::Cpu => Limits::CPU,
        }
    }

    /// Gives a graphics device up and frees what it holds; everything on it fails from now on, as if the driver had lost it.
    pub fn abandon(&self) {
        if let Self::Gpu(gpu) = self {
            gpu.abandon();
        }
    }

    /// Prepares a network for tiles of `patch` (axes as the network sees them).
    pub fn runner(
        &self,
        config: &Config,
        weights: &Weights,
        patch: [usize; 3],
        output: TileOutput,
    ) -> Result<Box<dyn Runner>, EngineError> {
        let mut runners = self.runners(config, &[weights], patch, output)?;
        Ok(runners.remove(0))
    }

    /// Prepares the folds of an ensemble, which differ in weights only and share their working memory.
    pub fn runners(
        &self,
        config: &Config,
        folds: &[&Weights],
        patch: [usize; 3],
        output: TileOutput,
    ) -> Result<Vec<Box<dyn Runner>>, EngineError> {
        self.runners_within(config, folds, patch, output, self.limits(), None).map(|(_, runners)| runners)
    }

    /// [`runners`](Self::runners) under other limits and at most `cap` bytes; also says how many they take.
    pub(crate) fn runners_within(
        &self,
        config: &Config,
        folds: &[&Weights],
        patch: [usize; 3],
        output: TileOutput,
        limits: Limits,
        cap: Option<u64>,
    ) -> Result<(u64, Vec<Box<dyn Runner>>), EngineError> {
        config.check_patch(patch)?;
        let heads = match output {
            TileOutput::Logits => Heads::Main,
            TileOutput::Features => Heads::Features,
        };
        let graph = graph(config)?;
        // One plan at a time: a device keeps a copy of the weights, the plan's can go.
        let mut plans = folds.iter().map(|weights| lower(&graph, weights, patch, heads, limits));
        let Some(first) = plans.next().transpose()? else { return Ok((0, Vec::new())) };
        let bytes = first.bytes() + (folds.len() as u64 - 1) * first.weight_bytes();
        if let Some(cap) = cap.filter(|cap| bytes > *cap) {
            return Err(EngineError::DoesNotFit(format!("it needs {} MiB, {} MiB are allowed", bytes >> 20, cap >> 20)));
        }
        let runners = match self {
            Self::Gpu(gpu) => share(first, plans, |plan| GpuRunner::new(Arc::clone(gpu), plan), GpuRunner::sibling),
            Self::Cpu => share(first, plans, CpuRunner::new, |first, plan| Ok(first.sibling(plan))),
        };
        Ok((bytes, runners?))
    }

    /// Whether activations can be stored in half precision.
    pub fn has_f16(&self) -> bool {
        match self {
            Self::Gpu(gpu) => gpu.has_f16(),
            Self::Cpu => false,
        }
    }

    /// Whether its memory is the processor's.
    pub(crate) fn shares_host_memory(&self) -> bool {
        match self {
            Self::Gpu(gpu) => gpu.shares_host_memory(),
            Self::Cpu => true,
        }
    }

    /// Runs a graph once and returns the outputs `heads` names, as (channel, z, y, x) arrays: for checks, not for scans.
    pub fn run_once(
        &self,
        graph: &Graph,
        weights: &Weights,
        patch: [usize; 3],
        heads: Heads,
        input: &[f32],
    ) -> Result<Vec<Vec<f32>>, EngineError> {
        self.run_plan(lower(graph, weights, patch, heads, self.limits())?, input)
    }

    /// Runs a plan once.
    pub(crate) fn run_plan(&self, plan: Plan, input: &[f32]) -> Result<Vec<Vec<f32>>, EngineError> {
        match self {
            Self::Gpu(gpu) => GpuRunner::new(Arc::clone(gpu), plan)?.run_all(input, &|| false),
            Self::Cpu => CpuRunner::new(plan)?.run_all(input, &|| false),
        }
    }
}

/// Precisions a choice may lead to.
fn precisions(choice: PrecisionChoice) -> impl Iterator<Item = Precision> {
    let may = move |precision: &Precision| match choice {
        PrecisionChoice::F32 => *precision == Precision::F32,
        PrecisionChoice::F16 => *precision == Precision::F16,
        PrecisionChoice::Auto => true,
    };
    [Precision::F32, Precision::F16].into_iter().filter(may)
}

/// The first plan gets buffers, the others a place in them.
fn share<R: Runner + 'static>(
    first: Plan,
    others: impl Iterator<Item = Result<Plan, EngineError>>,
    own: impl Fn(Plan) -> Result<R, EngineError>,
    sibling: impl Fn(&R, Plan) -> Result<R, EngineError>,
) -> Result<Vec<Box<dyn Runner>>, EngineError> {
    let mut runners = vec![own(first)?];
    for plan in others {
        runners.push(sibling(&runners[0], plan?)?);
    }
    Ok(runners.into_iter().map(|runner| Box::new(runner) as Box<dyn Runner>).collect())
}
