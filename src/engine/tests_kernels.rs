//! Single kernels against PyTorch's units, and plans under tight limits against the same plan without.

use bytemuck::{Pod, bytes_of};
use mednext::{Config, Generation, Preset, graph};

use crate::cpu::CpuRunner;
use crate::device::Device;
use crate::gpu::GpuRunner;
use crate::kernels::{DEPTHWISE_PLAIN_STRIP, DEPTHWISE_STRIP, Kernel, THREADS, Tile, WORKGROUP_BYTES};
use crate::params;
use crate::plan::{Buffer, Command, Dispatch, Heads, Limits, Plan, Precision, Range, Source, Tensor, Vec4, lower};
use crate::selftest::noise_weights;
use crate::tests_golden::{assert_close, devices, golden};

fn run(device: &Device, plan: Plan, input: &[f32]) -> Vec<f32> {
    let outputs = match device {
        Device::Cpu => CpuRunner::new(plan).unwrap().run_all(input, &|| false),
        Device::Gpu(gpu) => GpuRunner::new(gpu.clone(), plan).unwrap().run_all(input, &|| false),
    };
    outputs.unwrap().remove(0)
}

/// A plan made by hand: buffers of given sizes, the first holding the input.
struct Bench {
    plan: Plan,
}

impl Bench {
    fn new(input: Tensor, output: Tensor, buffers: Vec<usize>) -> Self {
        let precision = Precision::F32;
        let buffer = |n: usize| Buffer { name: "test", len: n.next_multiple_of(32), precision };
        let buffers = buffers.into_iter().map(buffer).collect();
        Self { plan: Plan { buffers, weights: vec![], commands: vec![], input, outputs: vec![output], precision, nodes: vec![] } }
    }

    fn constants(&mut self, values: impl IntoIterator<Item = [f32; 4]>) -> Range {
        let start = self.plan.weights.len();
        self.plan.weights.extend(values.into_iter().map(Vec4));
        let len = self.plan.weights.len() - start;
        self.plan.weights.resize(self.plan.weights.len().next_multiple_of(32), Vec4::default());
        Range { source: Source::Weights, start, len }
    }

    /// The last range is written.
    fn dispatch<P: Pod>(&mut self, kernel: Kernel, params: P, mut ranges: Vec<Range>, groups: [u32; 3]) {
        let writes = ranges.split_off(ranges.len() - 1);
        self.dispatch_to(kernel, params, ranges, writes, groups);
    }

    fn dispatch_to<P: Pod>(&mut self, kernel: Kernel, params: P, reads: Vec<Range>, writes: Vec<Range>, groups: [u32; 3]) {
        let params = bytes_of(&params).to_vec();
        self.plan.commands.push(Command::Dispatch(Dispatch { kernel, params, reads, writes, groups, flops: 0, node: 0 }));
    }
}

fn whole(buffer: usize, len: usize) -> Range {
    Range { source: Source::Buffer(buffer), start: 0, len }
}

fn fours(values: &[f32]) -> Vec<[f32; 4]> {
    values.chunks(4).map(|c| std::array::from_fn(|i| c.get(i).copied().unwrap_or(0.0))).collect()
}

/// y = gelu(x), through `mlp` with identity weights.
#[test]
fn gelu_is_the_exact_one() {
    let tensors = golden("gelu.safetensors");
    let (x, y) = (&tensors["x"].data, &tensors["gelu_erf"].data);
    let tensor = |buffer| Tensor { buffer, channels: 1, size_zyx: [1, 1, x.len()] };
    let (input, output) = (tensor(0), tensor(1));
    for device in devices() {
        let mut bench = Bench::new(input, output, vec![input.len(), output.len()]);
        let identity = [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]];
        let affine = bench.constants([[1.0; 4], [0.0; 4]]);
        let matrix = bench.constants(identity);
        let (zero, one) = (bench.constants([[0.0; 4]]), bench.constants([[1.0; 4]]));
        let size = x.len() as u32;
        let params = params::Mlp {
            d_x: size,
            voxels: size,
            d_plane: input.plane() as u32,
            hidden4: 1,
            out4: 1,
            out_x: size,
            out_y: 1,
            out_plane: output.plane() as u32,
            shift: 0,
        };
        let tile = Tile::mlp(1, 1, WORKGROUP_BYTES);
        let ranges = vec![input.planes(0, 1), affine, matrix, zero, one, matrix, zero, output.planes(0, 1)];
        bench.plan.commands.push(Command::Clear(1));
        bench.dispatch(Kernel::Mlp(tile), params, ranges, [size.div_ceil(tile.voxels), 1, 1]);
        let got = run(&device, bench.plan, x);
        assert_close(&format!("GELU on {}", device.describe()), &got, y);
        // The golden's small values too: a tanh approximation is off by 5e-4 near |x| = 2.
        let worst = got.iter().zip(y.iter()).fold(0.0_f32, |m, (a, b)| m.max((a - b).abs()));
        assert!(worst < 2e-6, "{worst:e}");
    }
}

/// Statistics that a depthwise convolution leaves (here one that changes nothing) and affine of instance norm, applied on the host.
/// A mean of many deviations must not cancel the variance.
#[test]
fn instance_norm_matches_pytorch() {
    let tensors = golden("groupnorm_perchannel.safetensors");
    let (x, y) = (&tensors["x"], &tensors["y"]);
    let (gamma, beta) = (fours(&tensors["weight"].data), fours(&tensors["bias"].data));
    let channels = x.shape[1];
    let size_zyx = [x.shape[2], x.shape[3], x.shape[4]];
    let input = Tensor { buffer: 0, channels, size_zyx };
    // [channel/4][scale, shift] read as a tensor of two voxels.
    let output = Tensor { buffer: 2, channels: channels.next_multiple_of(4), size_zyx: [1, 1, 2] };
    let [planes, out_y, out_x] = size_zyx.map(|n| n as u32);
    let (channels4, plane, voxels) = (input.channels4() as u32, input.plane() as u32, input.plane_voxels() as u32);
    let convolution = params::Depthwise {
        out_x,
        out_y,
        out_first: 0,
        out_plane: plane,
        in_x: out_x,
        in_y: out_y,
        in_z: planes,
        in_first: 0,
        in_plane: plane,
        channels4,
    };
    let variants = devices().into_iter().flat_map(|device| {
        let rolling = |run, subgroup| Kernel::DepthwiseRolling { kernel: 3, run, subgroup };
        let plain = Kernel::Depthwise { kernel: 3, stride: 1, threads: THREADS };
        let shapes = [plain, rolling(2, None), rolling(3, None)].map(|kernel| (kernel, THREADS, DEPTHWISE_PLAIN_STRIP, 1));
        let subgroup = device.limits().subgroup.map(|threads| (rolling(2, Some(threads)), threads, DEPTHWISE_STRIP, 2));
        shapes.into_iter().chain(subgroup).flat_map(move |shape| [0.0, 100.0].map(|offset| (device.clone(), shape, offset)))
    });
    for (device, (kernel, threads, strip, rows), offset) in variants {
        let tiles = (out_x.div_ceil(strip) * out_y.div_ceil(rows)).div_ceil(threads);
        let runs = if let Kernel::DepthwiseRolling { run, .. } = kernel { planes.div_ceil(run) } else { planes };
        let mut got = Vec::new();
        for sample in x.data.chunks(channels * input.voxels()) {
            let sample: Vec<f32> = sample.iter().map(|v| v + offset).collect();
            let (moments, partial) = ((planes * channels4 * 3) as usize, (planes * tiles * channels4 * 3) as usize);
            let mut bench = Bench::new(input, output, vec![input.len(), partial, output.len(), input.len(), moments]);
            let norm = bench.constants(gamma.iter().zip(&beta).flat_map(|(g, b)| [*g, *b]));
            let middle = bench.constants((0..27 * channels4).map(|i| [if i / channels4 == 13 { 1.0 } else { 0.0 }; 4]));
            let zero = bench.constants((0..channels4).map(|_| [0.0; 4]));
            let (reads, writes) = (vec![whole(0, input.len()), middle, zero], vec![whole(3, input.len()), whole(1, partial)]);
            bench.dispatch_to(kernel, convolution, reads, writes, [tiles, channels4, runs]);
            let params = params::NormPlane { tiles, voxels, channels4, first: 0 };
            bench.dispatch(Kernel::NormPlane { threads }, params, vec![whole(1, partial), whole(4, moments)], [channels4, planes, 1]);
            let params = params::NormAffine { planes, voxels, channels4, eps: 1e-5 };
            let ranges = vec![whole(4, moments), norm, whole(2, input.channels4() * 2)];
            bench.dispatch(Kernel::NormAffine { threads }, params, ranges, [channels4, 1, 1]);
            let affine = run(&device, bench.plan, &sample);
            got.extend(sample.iter().enumerate().map(|(i, v)| {
                let c = i / input.voxels();
                affine[c * 2] * v + affine[c * 2 + 1]
            }));
        }
        assert_close(&format!("instance norm about {offset}, {kernel} on {}", device.describe()), &got, &y.data);
    }
}

/// The factor of GRN with both reductions, from sums of squares taken on the host.
#[test]
fn grn_matches_pytorch_with_mean_and_sum() {
    let tensors = golden("grn.safetensors");
    let (x, gamma, beta) = (&tensors["x"], &tensors["gamma"].data, &tensors["beta"].data);
    let channels = x.shape[1];
    let volume: usize = x.shape[2..].iter().product();
    let tensor = |buffer| Tensor { buffer, channels, size_zyx: [1, 1, 1] };
    let (input, output) = (tensor(0), tensor(1));
    for device in devices() {
        for (key, divisor) in [("y_mean_official", channels as f32), ("y_sum_papertext", 1.0)] {
            let mut got = Vec::new();
            for sample in x.data.chunks(channels * volume) {
                let squares: Vec<f32> =
                    sample.chunks(volume).map(|c| c.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() as f32).collect();
                let mut bench = Bench::new(input, output, vec![input.len(), output.len()]);
                let gamma = bench.constants(fours(gamma));
                let hidden4 = channels.div_ceil(4);
                let params = params::GrnScale { hidden4: hidden4 as u32, divisor, eps: 1e-6 };
                bench.dispatch(Kernel::GrnScale, params, vec![whole(0, hidden4), gamma, whole(1, hidden4)], [1, 1, 1]);
                let scale = run(&device, bench.plan, &squares);
                got.extend(sample.iter().enumerate().map(|(i, v)| scale[i / volume] * v + beta[i / volume]));
            }
            assert_close(&format!("GRN {key} on {}", device.describe()), &got, &tensors[key].data);
        }
    }
}

/// Expanded activations stored, in slabs and in registers agree; between the first two, and whatever the slabs, in every bit.
#[test]
fn the_place_of_the_expanded_activation_changes_little_and_slabs_nothing() {
    let mut config = Config::preset(Preset::S, Generation::V2, 3, 12, 1, 3);
    config.blocks = [1; 9];
    let graph = graph(&config).unwrap();
    let weights = noise_weights(&graph);
    let patch = [32, 16, 48];
    let input: Vec<f32> = crate::selftest::noise(3).take(patch.iter().product()).collect();
    for device in devices() {
        let stored = Limits { store_hidden_channels: 0, slab_hidden_bytes: 4 << 20, ..device.limits() };
        let slabs = Limits { store_hidden_channels: usize::MAX, ..stored };
        let fused = Limits { slab_hidden_bytes: 0, ..slabs };
        // Room for one plane of the widest block.
        let tight = |limits| Limits { binding_bytes: 512 << 10, dispatch_flops: 1_000_000, store_up_bytes: 100 << 10, ..limits };
        let tight = [tight(stored), Limits { slab_hidden_bytes: 160 << 10, ..tight(slabs) }];
        let plan = |limits| lower(&graph, &weights, patch, Heads::Main, limits).unwrap();
        let kernels = |plan: &Plan| plan.dispatches().filter(|d| matches!(d.kernel, Kernel::Expand(_) | Kernel::Compress(_))).count();
        let [fused, stored, slabs] = [fused, stored, slabs].map(plan);
        let tight = tight.map(plan);
        assert!(kernels(&fused) == 0 && kernels(&stored) >= 2 * 16 && kernels(&slabs) >= kernels(&stored) + 16);
        assert!(tight.iter().all(|tight| kernels(tight) > 2 * kernels(&stored)));
        let [fused, stored, slabs] = [fused, stored, slabs].map(|plan| run(&device, plan, &input));
        assert_close(&format!("stored on {}", device.describe()), &stored, &fused);
        for other in tight.map(|plan| run(&device, plan, &input)).iter().chain([&slabs]) {
            assert!(stored.iter().zip(other).all(|(a, b)| a.to_bits() == b.to_bits()), "on {}", device.describe());
        }
    }
}

/// Half precision rounds what is stored and nothing else, wherever the expanded activation goes.
#[test]
fn half_precision_is_close() {
    let mut config = Config::preset(Preset::S, Generation::V2, 3, 12, 1, 3);
    config.blocks = [1; 9];
    let graph = graph(&config).unwrap();
    let weights = noise_weights(&graph);
    let patch = [16, 32, 16];
    let input: Vec<f32> = crate::selftest::noise(4).take(patch.iter().product()).collect();
    for device in devices().iter().filter(|device| device.has_f16()) {
        let result = |limits| run(device, lower(&graph, &weights, patch, Heads::Main, limits).unwrap(), &input);
        let single = Limits { slab_hidden_bytes: 1 << 20, ..device.limits() };
        let want = result(single);
        let largest = want.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        for store_hidden_channels in [0, usize::MAX] {
            let got = result(Limits { precision: Precision::F16, store_hidden_channels, ..single });
            let worst = got.iter().zip(&want).fold(0.0_f32, |m, (a, b)| if a.is_nan() { f32::INFINITY } else { m.max((a - b).abs()) });
            println!("half precision: {:.1e} of the largest value", worst / largest);
            assert!(worst > 0.0 && worst < 1e-2 * largest, "{worst:e} of {largest:e}");
        }
    }
}

/// Slabs, recomputed up blocks and small dispatches change no bit of the result.
#[test]
fn tight_limits_change_nothing() {
    let mut config = Config::preset(Preset::S, Generation::V2, 3, 8, 1, 3);
    config.blocks = [1; 9];
    let graph = graph(&config).unwrap();
    let weights = noise_weights(&graph);
    let patch = [32, 16, 48];
    let input: Vec<f32> = (0..patch.iter().product::<usize>()).map(|i| ((i * 7919) % 1000) as f32 / 500.0 - 1.0).collect();
    for device in devices() {
        let roomy = Limits { binding_bytes: u64::MAX, dispatch_flops: u64::MAX, store_up_bytes: u64::MAX, ..device.limits() };
        let roomy = Limits { binding_bytes: device.limits().binding_bytes.min(1 << 27), ..roomy };
        let tight = Limits { binding_bytes: 300 << 10, dispatch_flops: 1_000_000, store_up_bytes: 100 << 10, ..device.limits() };
        let plan = |limits| lower(&graph, &weights, patch, Heads::Main, limits).unwrap();
        let (roomy, tight) = (plan(roomy), plan(tight));
        assert!(tight.commands.len() > 2 * roomy.commands.len());
        for dispatch in tight.dispatches() {
            assert!(
                dispatch.reads.iter().chain(&dispatch.writes).all(|r| r.source == Source::Weights || r.len * 16 <= 300 << 10),
                "{:?}",
                dispatch.kernel
            );
        }
        let (want, got) = (run(&device, roomy, &input), run(&device, tight, &input));
        assert!(want.iter().zip(&got).all(|(a, b)| a.to_bits() == b.to_bits()), "on {}", device.describe());
    }
}

#[test]
fn impossible_limits_are_named() {
    let config = Config::preset(Preset::S, Generation::V2, 3, 8, 1, 3);
    let graph = graph(&config).unwrap();
    let limits = Limits { binding_bytes: 4 << 10, ..Limits::CPU };
    let error = lower(&graph, &noise_weights(&graph), [32; 3], Heads::Main, limits).unwrap_err();
    assert!(error.to_string().contains("binding"), "{error}");
}

#[test]
fn cancelling_stops_between_submissions() {
    let config = Config::preset(Preset::S, Generation::V2, 3, 8, 1, 3);
    let weights = noise_weights(&graph(&config).unwrap());
    for device in devices() {
        let mut runner = device.runner(&config, &weights, [32; 3], crate::TileOutput::Logits).unwrap();
        let mut output = vec![0.0; 3 * 32 * 32 * 32];
        let error = runner.run(&vec![0.0; 32 * 32 * 32], &mut output, &|| true).unwrap_err();
        assert!(matches!(error, crate::EngineError::Cancelled(_)));
        runner.run(&vec![0.0; 32 * 32 * 32], &mut output, &|| false).unwrap();
    }
}

#[test]
fn folds_share_memory_and_keep_their_own_results() {
    let mut config = Config::preset(Preset::S, Generation::V2, 3, 4, 1, 3);
    config.blocks = [1; 9];
    let first = noise_weights(&graph(&config).unwrap());
    let second: mednext::Weights = first
        .iter()
        .map(|(name, tensor)| {
            let values: Vec<f32> = tensor.data.iter().map(|v| v * 0.9).collect();
            (name.to_owned(), mednext::Tensor::new(tensor.shape.clone(), values))
        })
        .collect();
    let patch = [16, 32, 16];
    let input: Vec<f32> = crate::selftest::noise(5).take(patch.iter().product()).collect();
    for device in devices() {
        let run = |runner: &mut dyn crate::Runner| {
            let mut output = vec![0.0; 3 * input.len()];
            runner.run(&input, &mut output, &|| false).unwrap();
            output
        };
        let mut alone =
            [&first, &second].map(|weights| run(&mut *device.runner(&config, weights, patch, crate::TileOutput::Logits).unwrap()));
        let mut folds = device.runners(&config, &[&first, &second], patch, crate::TileOutput::Logits).unwrap();
        for _ in 0..2 {
            for (fold, alone) in folds.iter_mut().zip(&mut alone) {
                assert_eq!(&run(&mut **fold), alone, "on {}", device.describe());
            }
        }
        assert_ne!(alone[0], alone[1]);
    }
}

#[test]
fn what_cannot_fit_is_refused_not_aborted() {
    let mut config = Config::preset(Preset::S, Generation::V2, 3, 64, 1, 3);
    config.blocks = [0; 9];
    let weights = noise_weights(&graph(&config).unwrap());
    let error = Device::Cpu.runner(&config, &weights, [1024; 3], crate::TileOutput::Logits).err().unwrap();
    assert!(error.to_string().contains("MiB"), "{error}");
}

/// Wider than any published network: the tile of its bottleneck leaves no room in workgroup memory.
#[test]
fn workgroup_memory_is_checked() {
    let mut config = Config::preset(Preset::S, Generation::V1, 3, 256, 1, 1);
    (config.blocks, config.ratios) = ([0, 0, 0, 0, 1, 0, 0, 0, 0], [1; 9]);
    let graph = graph(&config).unwrap();
    let limits = Limits { tile_bytes: WORKGROUP_BYTES, groups: 65_535, ..Limits::CPU };
    let error = lower(&graph, &noise_weights(&graph), [16, 16, 32], Heads::Main, limits).unwrap_err();
    assert!(error.to_string().contains("workgroup memory"), "{error}");
}
