//! From "auto", "gpu" or "cpu" to something that runs networks.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use mednext::{Config, Graph, Weights, graph};

use crate::cpu::{self, CpuRunner};
use crate::gpu::{Gpu, GpuRunner, SOFTWARE, adapters};
use crate::plan::{Heads, Limits, Plan, lower};
use crate::runner::{EngineError, Runner, TileOutput};
use crate::selftest;

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
        config.check_patch(patch)?;
        let heads = match output {
            TileOutput::Logits => Heads::Main,
            TileOutput::Features => Heads::Features,
        };
        let graph = graph(config)?;
        let plans = folds.iter().map(|weights| lower(&graph, weights, patch, heads, self.limits()));
        match self {
            Self::Gpu(gpu) => share(plans, |plan| GpuRunner::new(Arc::clone(gpu), plan), GpuRunner::sibling),
            Self::Cpu => share(plans, CpuRunner::new, |first, plan| Ok(first.sibling(plan))),
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

/// The first plan gets buffers, the others a place in them.
fn share<R: Runner + 'static>(
    plans: impl Iterator<Item = Result<Plan, EngineError>>,
    first: impl Fn(Plan) -> Result<R, EngineError>,
    sibling: impl Fn(&R, Plan) -> Result<R, EngineError>,
) -> Result<Vec<Box<dyn Runner>>, EngineError> {
    let mut runners: Vec<R> = Vec::new();
    for plan in plans {
        let runner = match runners.first() {
            None => first(plan?)?,
            Some(owner) => sibling(owner, plan?)?,
        };
        runners.push(runner);
    }
    Ok(runners.into_iter().map(|runner| Box::new(runner) as Box<dyn Runner>).collect())
}
