//! The fastest shapes of the kernels on one device, found by measurement.
//!
//! Devices differ in what costs them most: arithmetic, traffic, or weights read by every thread. Blocks of the published networks'
//! sizes are timed in the ways a plan can run them. A way counts only if it agrees with the CPU engine, so that a compiler bug in
//! one shape leaves the others.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mednext::{Block, BlockKind, Graph, GrnReduction, Node, Op, Weights};
use serde::{Deserialize, Serialize};

use crate::device::Device;
use crate::gpu::{Gpu, GpuRunner};
use crate::kernels::{DEPTHWISE_RUN, Gemm, Sharing};
use crate::matrix::Matrix;
use crate::plan::{Heads, Limits, Precision, lower};
use crate::runner::EngineError;
use crate::selftest::{check_network, noise, noise_weights, same_result};

/// What plans for one adapter and driver should prefer; the parts of [`Limits`] that are a matter of speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tuning {
    /// Shape of `expand` and `compress`.
    pub gemm: Gemm,
    /// Their shape in half precision, where matrix units are faster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub half_gemm: Option<Gemm>,
    /// Planes of a depthwise result that a thread computes one after another.
    #[serde(default)]
    pub depthwise_run: u32,
    /// Blocks of fewer channels do not store their expanded activation as a whole.
    pub store_hidden_channels: usize,
    /// What they do instead: expand into slabs of this size, or, if 0, into registers, twice.
    pub slab_hidden_bytes: u64,
}

impl fmt::Display for Tuning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; ", self.products_in_words(Precision::F32))?;
        if self.half_gemm.is_some() {
            write!(f, "in half precision {}; ", self.products_in_words(Precision::F16))?;
        }
        match self.store_hidden_channels {
            0 => f.write_str("expanded activations stored")?,
            usize::MAX => f.write_str("expanded activations never stored")?,
            channels => write!(f, "expanded activations stored from {channels} channels on")?,
        }
        match self.slab_hidden_bytes {
            0 => f.write_str(", else computed twice in registers"),
            bytes => write!(f, ", else in slabs of {} MiB", bytes >> 20),
        }
    }
}

/// Slabs to try: what caches hold.
const SLAB_BYTES: u64 = 16 << 20;
/// Times a way is run; the fastest counts.
const RUNS: usize = 3;

impl Tuning {
    /// What `limits` prefer.
    pub fn of(limits: &Limits) -> Self {
        let Limits { gemm, half_gemm, depthwise_run, store_hidden_channels, slab_hidden_bytes, .. } = *limits;
        Self { gemm, half_gemm, depthwise_run, store_hidden_channels, slab_hidden_bytes }
    }

    /// `limits` with these preferences.
    pub fn apply(self, limits: Limits) -> Limits {
        let Self { gemm, half_gemm, depthwise_run, store_hidden_channels, slab_hidden_bytes } = self;
        Limits { gemm, half_gemm, depthwise_run, store_hidden_channels, slab_hidden_bytes, ..limits }
    }

    /// Whether a device with these limits and matrix units could have been tuned to this: what a file says is not trusted.
    pub(crate) fn is_possible(&self, limits: &Limits, matrices: &[Matrix], subgroups: [u32; 2]) -> bool {
        let known = |gemm: &Gemm, precision| match gemm.matrix() {
            Some(matrix) => matrices.contains(&matrix) && matrix.serves(precision) && matrix.shapes(subgroups).contains(gemm),
            None => shapes(limits).contains(gemm),
        };
        known(&self.gemm, Precision::F32)
            && self.half_gemm.is_none_or(|gemm| known(&gemm, Precision::F16))
            && runs(limits).contains(&self.depthwise_run)
            && [0, SLAB_BYTES, limits.slab_hidden_bytes].contains(&self.slab_hidden_bytes)
    }

    /// Shape of products in a precision.
    fn products(self, precision: Precision) -> Gemm {
        match precision {
            Precision::F32 => self.gemm,
            Precision::F16 => self.half_gemm.unwrap_or(self.gemm),
        }
    }

    /// The same with another shape for a precision.
    fn with_products(self, precision: Precision, gemm: Gemm) -> Self {
        match precision {
            Precision::F32 => Self { gemm, ..self },
            Precision::F16 => Self { half_gemm: Some(gemm), ..self },
        }
    }

    /// How products run in a precision.
    pub fn products_in_words(&self, precision: Precision) -> String {
        let Gemm { voxels, lanes, rows, sharing } = self.products(precision);
        let outputs = 4 * rows;
        let sharing = match sharing {
            Sharing::Workgroup { .. } => "workgroup memory",
            Sharing::Subgroup => "subgroups",
            Sharing::Cooperative { matrix, threads, .. } => {
                return format!("products of {voxels} voxels x {outputs} outputs by {threads} threads, through {matrix} matrix units");
            }
        };
        format!("products of {lanes} voxels x {outputs} outputs a thread, {voxels} voxels a tile, through {sharing}")
    }

    /// Whether products in this precision go through matrix units.
    pub fn uses_matrices(&self, precision: Precision) -> bool {
        self.products(precision).matrix().is_some()
    }

    /// The same where matrix units may not be used, or do not compute right.
    pub(crate) fn without_matrices(self, plain: Gemm) -> Self {
        let gemm = if self.gemm.matrix().is_some() { plain } else { self.gemm };
        Self { gemm, half_gemm: self.half_gemm.filter(|gemm| gemm.matrix().is_none()), ..self }
    }
}

/// Shapes of `expand` and `compress` worth trying; the first is the device's own choice.
fn shapes(limits: &Limits) -> Vec<Gemm> {
    let mut shapes = vec![limits.gemm];
    for (lanes, rows) in [(4, 4), (4, 2), (2, 4), (8, 2)] {
        let shape = Gemm { lanes, rows, ..Gemm::workgroup(64) };
        if !shapes.contains(&shape) {
            shapes.push(shape);
        }
    }
    shapes
}

/// Planes a thread of the depthwise convolution may roll through; the first is the device's own choice, and software drivers have no
/// other kernel.
fn runs(limits: &Limits) -> Vec<u32> {
    if limits.subgroup.is_some() { vec![limits.depthwise_run] } else { vec![DEPTHWISE_RUN, 1] }
}

/// One block of a published network, its input and what the CPU engine makes of it.
struct Probe {
    channels: usize,
    graph: Graph,
    weights: Weights,
    patch: [usize; 3],
    input: Vec<f32>,
    want: Vec<f32>,
}

impl Probe {
    fn new(channels: usize, hidden: usize, patch: [usize; 3]) -> Result<Self, EngineError> {
        let graph = block_graph(channels, hidden);
        let weights = noise_weights(&graph);
        let input: Vec<f32> = noise(channels as u64).take(channels * patch.iter().product::<usize>()).collect();
        let want = Device::Cpu.run_once(&graph, &weights, patch, Heads::Features, &input)?.remove(0);
        Ok(Self { channels, graph, weights, patch, input, want })
    }

    /// Time of the fastest run, if the device computes what the CPU engine computes. A way that a driver refuses is none.
    fn time(&self, gpu: &Arc<Gpu>, limits: Limits) -> Option<Duration> {
        let plan = lower(&self.graph, &self.weights, self.patch, Heads::Features, limits).ok()?;
        let mut runner = gpu.trial(|| GpuRunner::new(Arc::clone(gpu), plan).ok())??;
        let got = gpu.trial(|| runner.run_all(&self.input, &|| false).ok())??.remove(0);
        same_result(&got, &self.want, limits.precision).ok()?;
        (0..RUNS).map(|_| runner.time().ok()).collect::<Option<Vec<_>>>()?.into_iter().min()
    }
}

/// A block as the levels of a network repeat it.
fn block_graph(channels: usize, hidden: usize) -> Graph {
    let block =
        Block { kind: BlockKind::Same, in_channels: channels, hidden, out_channels: channels, kernel: 3, grn: Some(GrnReduction::Mean) };
    let input = Node { name: "input".to_owned(), op: Op::Input, inputs: vec![], channels, level: 0 };
    let node = Node { name: "block".to_owned(), op: Op::Block(block), inputs: vec![0], channels, level: 0 };
    // A head that is never computed: `Heads::Features` asks for what it reads.
    let head = Node { name: "out_0".to_owned(), op: Op::Head, inputs: vec![1], channels: 1, level: 0 };
    Graph { nodes: vec![input, node, head], outputs: vec![2] }
}

/// Measures until `budget` is spent; what was not measured by then stays as the device would choose it.
pub(crate) fn tune(gpu: &Arc<Gpu>, budget: Duration) -> Result<Tuning, EngineError> {
    let deadline = Instant::now() + budget;
    let base = Limits { store_hidden_bytes: u64::MAX, ..gpu.limits() };
    let mut best = Tuning::of(&base);
    // Of ways that were all tried in time; one that had no rival has not won.
    let fastest = |probe: &Probe, ways: &[Tuning]| {
        let mut best: Option<(Duration, Tuning)> = None;
        for way in ways {
            if Instant::now() >= deadline {
                return None;
            }
            let time = probe.time(gpu, way.apply(base));
            best = best.into_iter().chain(time.map(|time| (time, *way))).min_by_key(|(time, _)| *time);
        }
        best.map(|(_, way)| way)
    };

    let deep = Probe::new(128, 512, [16, 16, 16])?;
    let stored = Tuning { store_hidden_channels: 0, ..best };
    let ways: Vec<Tuning> = shapes(&base).into_iter().map(|gemm| Tuning { gemm, ..stored }).collect();
    if let Some(way) = fastest(&deep, &ways) {
        best.gemm = way.gemm;
    }

    let shallow = Probe::new(32, 96, [32, 64, 64])?;
    let recomputed = Tuning { store_hidden_channels: usize::MAX, ..best };
    let ways = [best.slab_hidden_bytes, SLAB_BYTES, 0].map(|slab_hidden_bytes| Tuning { slab_hidden_bytes, ..recomputed });
    if let Some(way) = fastest(&shallow, &ways) {
        best.slab_hidden_bytes = way.slab_hidden_bytes;
    }

    let ways: Vec<Tuning> = runs(&base).into_iter().map(|depthwise_run| Tuning { depthwise_run, ..best }).collect();
    if ways.len() > 1
        && let Some(way) = fastest(&shallow, &ways)
    {
        best.depthwise_run = way.depthwise_run;
    }

    // From the most channels down, as long as storing is faster.
    let middle = Probe::new(64, 256, [16, 32, 32])?;
    for probe in [deep, middle, shallow] {
        let ways = [0, usize::MAX].map(|store_hidden_channels| Tuning { store_hidden_channels, ..best });
        match fastest(&probe, &ways) {
            Some(way) if way.store_hidden_channels == 0 => best.store_hidden_channels = best.store_hidden_channels.min(probe.channels),
            Some(_) => {
                best.store_hidden_channels = best.store_hidden_channels.max(probe.channels + 1);
                break;
            }
            None => break,
        }
    }
    gpu.check()?;
    Ok(best)
}

/// The fastest shape of matrix units in every precision that has some, if it beats what `plain` prefers there, or if it `must` be one;
/// `None` if there is none. `gpu` was opened with them.
pub(crate) fn tune_matrices(gpu: &Arc<Gpu>, plain: Tuning, budget: Duration, must: bool) -> Result<Option<Tuning>, EngineError> {
    let deadline = Instant::now() + budget;
    let base = Limits { store_hidden_bytes: u64::MAX, store_hidden_channels: 0, ..plain.apply(gpu.limits()) };
    let deep = Probe::new(128, 512, [16, 16, 16])?;
    let mut best = plain;
    for precision in [Precision::F16, Precision::F32] {
        let limits = Limits { precision, ..base };
        let way = |gemm| Limits { store_hidden_channels: 0, ..best.with_products(precision, gemm).apply(limits) };
        let units = gpu.matrices().iter().filter(|matrix| matrix.serves(precision));
        let shapes: Vec<Gemm> = units.flat_map(|matrix| matrix.shapes(gpu.subgroup_sizes())).collect();
        let rival = if must || shapes.is_empty() { None } else { deep.time(gpu, way(plain.products(precision))) };
        let mut fastest = rival.map(|time| (time, None));
        for gemm in shapes {
            // A shape that was found already is not lost when time is up.
            if Instant::now() >= deadline {
                break;
            }
            let time = deep.time(gpu, way(gemm));
            if let Some(time) = time.filter(|time| fastest.is_none_or(|(best, _)| *time < best))
                && matches!(gpu.trial(|| check_network(gpu, &way(gemm), 3)), Some(Ok(())))
            {
                fastest = Some((time, Some(gemm)));
            }
        }
        if let Some((_, Some(gemm))) = fastest {
            best = best.with_products(precision, gemm);
        }
    }
    gpu.check()?;
    Ok((best != plain).then_some(best))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests_golden::devices;

    #[test]
    fn tuning_ends_in_time_with_something_possible() {
        let gpu = devices().into_iter().find_map(|device| if let Device::Gpu(gpu) = device { Some(gpu) } else { None }).unwrap();
        let started = Instant::now();
        let found = tune(&gpu, Duration::from_millis(500)).unwrap();
        assert!(found.is_possible(&gpu.limits(), &[], [8, 8]), "{found:?}");
        // One way that has begun is finished.
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
        let text = serde_json::to_string(&found).unwrap();
        assert_eq!(serde_json::from_str::<Tuning>(&text).unwrap(), found);
        let absurd = Tuning { gemm: Gemm { lanes: 3, ..found.gemm }, ..found };
        assert!(!absurd.is_possible(&gpu.limits(), &[], [8, 8]));
    }

    #[test]
    fn no_time_leaves_the_devices_own_choice() {
        let gpu = devices().into_iter().find_map(|device| if let Device::Gpu(gpu) = device { Some(gpu) } else { None }).unwrap();
        assert_eq!(tune(&gpu, Duration::ZERO).unwrap(), Tuning::of(&gpu.limits()));
    }
}
