//! Sums on a graphics device against sums in host memory, and devices that are lost under way.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;

use engine::{Device, EngineError, Gpu, Runner, TileOutput, noise_weights};
use mednext::{Config, Generation, Preset, Weights, graph, infer};
use ndarray::Array3;

use crate::error::PipelineError;
use crate::predict::{Ensemble, FoldRunner, Head};
use crate::testkit::{Affine, affine_fold};
use crate::tests_golden::end_to_end;
use crate::tiles::{TileGrid, mirrorings};
use crate::window::{Callbacks, DeviceFailure, Plane, Recover, Window};

/// Hides that a runner could hold the sums.
struct OnHost(Box<dyn Runner>);

impl Runner for OnHost {
    fn device(&self) -> &str {
        self.0.device()
    }

    fn patch(&self) -> [usize; 3] {
        self.0.patch()
    }

    fn channels(&self) -> usize {
        self.0.channels()
    }

    fn run(&mut self, input: &[f32], output: &mut [f32], cancelled: &dyn Fn() -> bool) -> Result<(), EngineError> {
        self.0.run(input, output, cancelled)
    }
}

/// Loses its device at one run.
struct Failing {
    inner: Affine,
    runs_left: usize,
}

impl Runner for Failing {
    fn device(&self) -> &str {
        self.inner.device()
    }

    fn patch(&self) -> [usize; 3] {
        self.inner.patch()
    }

    fn channels(&self) -> usize {
        self.inner.channels()
    }

    fn run(&mut self, input: &[f32], output: &mut [f32], cancelled: &dyn Fn() -> bool) -> Result<(), EngineError> {
        if self.runs_left == 0 {
            output.fill(f32::NAN);
            return Err(EngineError::Device("injected".to_owned()));
        }
        self.runs_left -= 1;
        self.inner.run(input, output, cancelled)
    }
}

pub(crate) fn gpu() -> Device {
    Device::Gpu(Arc::new(Gpu::open(None).expect("GPU tests need a Vulkan, Metal or DX12 driver: tests/vulkan.sh installs one")))
}

pub(crate) const PATCH: [usize; 3] = [16, 16, 32];

/// Two folds of a network with two inputs: logits, or features with more classes after the head.
pub(crate) fn folds(device: &Device, output: TileOutput) -> Vec<FoldRunner> {
    let mut config = Config::preset(Preset::S, Generation::V2, 3, 5, 2, 3);
    config.blocks = [1, 0, 0, 0, 0, 0, 0, 0, 1];
    let first = noise_weights(&graph(&config).unwrap());
    let second: Weights = first
        .iter()
        .map(|(name, tensor)| {
            (name.to_owned(), mednext::Tensor::new(tensor.shape.clone(), tensor.data.iter().map(|v| v * 0.9).collect::<Vec<f32>>()))
        })
        .collect();
    let runners = device.runners(&config, &[&first, &second], PATCH, output).unwrap();
    let head = Head { weight_kc: (0..60).map(|i| (i as f32 * 0.7).sin()).collect(), bias: vec![0.1; 12] };
    let head = Some(head).filter(|_| output == TileOutput::Features);
    runners.into_iter().map(|runner| FoldRunner { runner, head: head.clone() }).collect()
}

pub(crate) fn on_host(folds: Vec<FoldRunner>) -> Vec<FoldRunner> {
    folds.into_iter().map(|fold| FoldRunner { runner: Box::new(OnHost(fold.runner)), ..fold }).collect()
}

fn image(size: [usize; 3], channels: usize) -> Vec<Array3<f32>> {
    let wave =
        |c: usize, z: usize, y: usize, x: usize| (z as f32 * 0.31).sin() + (y as f32 * 0.17).cos() * (x as f32 * 0.23 + c as f32).sin();
    (0..channels).map(|c| Array3::from_shape_fn(size, |(z, y, x)| wave(c, z, y, x))).collect()
}

fn window(image: &[Array3<f32>], patch: [usize; 3], mirror_axes: &[usize]) -> Window<'static> {
    let grid = TileGrid::new(image[0].dim().into(), patch, 0.5).unwrap();
    Window { grid, mirrorings: mirrorings(mirror_axes), labelling: None, device_bytes: None, handed_on: 0, cancelled: &|| false }
}

/// All means in order, with something to do after every run.
fn planes(
    window: &Window<'_>,
    image: &[Array3<f32>],
    folds: &mut [FoldRunner],
    on_run: &mut dyn FnMut(usize),
    recover: Option<&mut Recover<'_>>,
) -> Result<Vec<Vec<f32>>, PipelineError> {
    let ensemble = Ensemble::new(folds, window.grid.patch)?;
    let mut planes = Vec::new();
    let mut on_plane = |z: usize, plane: Plane| {
        let Plane::Means(plane) = plane else { panic!("labels that nobody asked for") };
        assert_eq!(z, planes.len());
        planes.push(plane.clone());
        Ok(Some(plane))
    };
    let recover = recover.map(|recover| -> &mut Recover<'_> { recover });
    window.predict(image, folds, &ensemble, Callbacks { on_run, on_plane: &mut on_plane, recover })?;
    Ok(planes)
}

fn undisturbed(window: &Window<'_>, image: &[Array3<f32>], mut folds: Vec<FoldRunner>) -> Vec<Vec<f32>> {
    let mut done = 0;
    let planes = planes(window, image, &mut folds, &mut |run| done = run, None).unwrap();
    assert_eq!(done, window.runs(folds.len()));
    planes
}

fn difference(a: &[Vec<f32>], b: &[Vec<f32>]) -> f32 {
    assert_eq!(a.iter().map(Vec::len).collect::<Vec<_>>(), b.iter().map(Vec::len).collect::<Vec<_>>());
    let largest = a.iter().flatten().fold(0.0_f32, |max, v| max.max(v.abs()));
    a.iter().flatten().zip(b.iter().flatten()).fold(0.0_f32, |max, (a, b)| max.max((a - b).abs())) / largest
}

/// Software drivers never fuse a product with its addition; others may.
#[track_caller]
fn assert_same(device: &Device, a: &[Vec<f32>], b: &[Vec<f32>]) {
    let difference = difference(a, b);
    println!("{}: {difference:e} of the largest mean", device.describe());
    assert!(difference <= 1e-6, "{difference:e}");
    assert!(difference == 0.0 || !device.describe().starts_with("llvmpipe"), "{difference:e}");
}

#[test]
fn the_device_sums_what_the_host_sums() {
    let device = gpu();
    for (size, output) in [([35, 16, 20], TileOutput::Logits), ([9, 19, 33], TileOutput::Features)] {
        let image = image(size, 2);
        let window = window(&image, PATCH, &[0, 2]);
        let folds = || folds(&device, output);
        assert!(folds().iter_mut().all(|fold| fold.runner.gpu().is_some()));
        let want = undisturbed(&window, &image, on_host(folds()));
        assert_same(&device, &undisturbed(&window, &image, folds()), &want);
        let without_room = Window { device_bytes: Some(100 << 10), ..window };
        assert_same(&device, &undisturbed(&without_room, &image, folds()), &want);
    }
}

#[test]
fn the_device_sums_what_the_host_sums_for_the_golden_study() {
    let (plan, ready, _) = end_to_end();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/golden/e2e/checkpoint_final.weights.safetensors");
    let weights = Weights::read_safetensors(&path).unwrap();
    let config = infer(&weights).unwrap();
    let device = gpu();
    let folds = || {
        let runner = device.runner(&config, &weights, plan.patch_size, TileOutput::Logits).unwrap();
        vec![FoldRunner { runner, head: None }]
    };
    let window = window(&ready.channels, plan.patch_size, &[]);
    let image = &ready.channels;
    assert_same(&device, &undisturbed(&window, image, folds()), &undisturbed(&window, image, on_host(folds())));
}

#[test]
fn a_network_that_fails_anywhere_changes_nothing() {
    let image = image([13, 9, 11], 1);
    let window = window(&image, [6, 4, 8], &[0]);
    let mut network = Affine::new([6, 4, 8], &[1.0, -0.5]);
    network.tilt = 1.5;
    let want = undisturbed(&window, &image, vec![affine_fold(network.clone())]);
    let runs = window.runs(1);
    let failing = |runs_left: usize| FoldRunner { runner: Box::new(Failing { inner: network.clone(), runs_left }), head: None };
    for first in 0..runs {
        let mut heard = Vec::new();
        let mut recover = |failure: &DeviceFailure| {
            heard.push(failure.clone());
            // The second network fails too, three runs later.
            Some(vec![failing(if heard.len() == 1 { 3 } else { runs })])
        };
        let mut last = 0;
        let mut on_run = |run| {
            assert_eq!(run, last + 1);
            last = run;
        };
        let found = planes(&window, &image, &mut [failing(first)], &mut on_run, Some(&mut recover)).unwrap();
        assert_eq!(found, want, "failed at {first}");
        assert_eq!(heard[0], DeviceFailure { reason: "injected".to_owned(), run: first + 1, runs });
        assert_eq!(heard.len(), if first + 3 < runs { 2 } else { 1 });
    }
}

#[test]
fn without_another_device_the_failure_is_the_answer() {
    let image = image([13, 9, 11], 1);
    let window = window(&image, [6, 4, 8], &[]);
    let failing = || [FoldRunner { runner: Box::new(Failing { inner: Affine::new([6, 4, 8], &[1.0]), runs_left: 2 }), head: None }];
    let failed = |found| matches!(found, Err(PipelineError::Engine(EngineError::Device(reason))) if reason == "injected");
    assert!(failed(planes(&window, &image, &mut failing(), &mut |_| {}, None)));
    assert!(failed(planes(&window, &image, &mut failing(), &mut |_| {}, Some(&mut |_| None))));
    let mut other = |_: &DeviceFailure| Some(vec![affine_fold(Affine::new([6, 4, 8], &[1.0, 2.0]))]);
    let refused = planes(&window, &image, &mut failing(), &mut |_| {}, Some(&mut other));
    assert!(matches!(refused, Err(PipelineError::Folds(_))));
}

/// At several places, on the device opened again: the same bits. On the processor: the same within its rounding.
#[test]
fn a_device_lost_under_way_changes_nothing() {
    let image = image([44, 16, 32], 2);
    let window = window(&image, PATCH, &[2]);
    let output = TileOutput::Features;
    let want = undisturbed(&window, &image, folds(&gpu(), output));
    let runs = window.runs(2);
    for (lost_at, on_cpu) in [(1, false), (runs / 2, false), (runs, false), (runs / 2 + 3, true)] {
        let first = gpu();
        let second = if on_cpu { Device::Cpu } else { gpu() };
        let mut networks = folds(&first, output);
        let heard = Cell::new(0);
        let mut recover = |failure: &DeviceFailure| {
            heard.set(heard.get() + 1);
            assert!(failure.reason.contains("lost"), "{}", failure.reason);
            assert!(failure.run <= runs.min(lost_at + 4), "{} after {lost_at}", failure.run);
            Some(folds(&second, output))
        };
        let mut on_run = |run| {
            if run == lost_at {
                first.abandon();
            }
        };
        let found = planes(&window, &image, &mut networks, &mut on_run, Some(&mut recover)).unwrap();
        assert_eq!(heard.get(), 1, "lost at {lost_at}");
        if on_cpu {
            assert!(difference(&found, &want) < 1e-4, "lost at {lost_at}");
        } else {
            assert_eq!(found, want, "lost at {lost_at}");
        }
    }
}
