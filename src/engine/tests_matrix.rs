//! Products on matrix units: the kernels themselves wherever a driver has some, and the same text with ordinary arithmetic in their
//! place wherever none has; what plans and tunings make of them; and the SPIR-V they become.

use std::process::{Command, Stdio};
use std::sync::Arc;

use mednext::{Config, Generation, Preset, graph};

use crate::device::Device;
use crate::fit::PrecisionChoice;
use crate::gpu::Gpu;
use crate::kernels::{Gemm, Kernel, Sharing};
use crate::matrix::Matrix;
use crate::plan::{Heads, Limits, Precision, lower};
use crate::selftest::{noise, noise_weights, same_result};
use crate::tests_golden::devices;
use crate::tests_shaders::{lowered_to_spirv, validated};
use crate::tune::Tuning;

const HALF_16: Matrix = Matrix { edge: 16, half: true };
const SINGLE_8: Matrix = Matrix { edge: 8, half: false };

/// The text of a kernel for a device that has only `matrices`: every thread of a subgroup keeps its blocks of sums as a whole, in
/// `played_sums`, operands stay where they were staged, and `coopLoad`, `coopMultiplyAdd` and `coopStore` become functions on their
/// places. Subgroups are runs of threads, so many that a tile has more, as many and fewer than its quarters. All else stays.
pub(crate) fn without_matrix_units(matrices: &[Matrix], kernel: Kernel, text: String) -> String {
    let Some(matrix) = kernel.matrix().filter(|matrix| !matrices.contains(matrix)) else { return text };
    let (Kernel::Expand(gemm) | Kernel::Compress(gemm)) = kernel else { return text };
    let Sharing::Cooperative { threads, .. } = gemm.sharing else { return text };
    let subgroup = match threads {
        8 => 1,
        16 => 4,
        _ => 16,
    };
    let scalar = if matrix.half { "f16" } else { "f32" };
    let mut text = text.replace("enable wgpu_cooperative_matrix;\n", "");
    let mut replace = |real: &str, played: &str| {
        assert!(text.contains(real), "{real}");
        text = text.replace(real, played);
    };
    for (role, scalar) in [("A", scalar), ("B", scalar), ("C", "f32")] {
        replace(&format!("coop_mat{0}x{0}<{scalar}, {role}>", matrix.edge), "u32");
    }
    replace("coopLoad<MatrixC>(&results[0], RESULT_STRIDE)", "played_load(0u)");
    replace("coopLoad<MatrixA>(&weights[", "(");
    replace("], WEIGHT_STRIDE)", ")");
    replace("coopLoadT<MatrixB>(&inputs[", "(");
    replace("], INPUT_STRIDE)", ")");
    replace("coopMultiplyAdd(", "played_multiply_add(");
    replace(", &results[to], RESULT_STRIDE)", ", to)");
    replace("coopStore(", "played_store(");
    replace("    @builtin(subgroup_id) subgroup: u32,\n    @builtin(num_subgroups) subgroups: u32,\n", "");
    replace(
        "tile_product(group, thread, subgroup, subgroups, params",
        "tile_product(group, thread, thread / PLAYED, THREADS / PLAYED, params",
    );
    text + &format!("const PLAYED: u32 = {subgroup}u;\n") + PLAYED
}

const PLAYED: &str = "
const BLOCK: u32 = EDGE * EDGE;
var<private> played_sums: array<f32, MATRICES_M * MATRICES_N * BLOCK>;
var<private> played_loads: u32;

fn played_load(at: u32) -> u32 {
    let to = played_loads % (MATRICES_M * MATRICES_N) * BLOCK;
    played_loads++;
    for (var i = 0u; i < BLOCK; i++) { played_sums[to + i] = results[at + i / EDGE * RESULT_STRIDE + i % EDGE]; }
    return to;
}
fn played_multiply_add(a: u32, b: u32, to: u32) -> u32 {
    for (var i = 0u; i < BLOCK; i++) {
        var sum = played_sums[to + i];
        for (var k = 0u; k < EDGE; k++) {
            sum += f32(weights[a + k * WEIGHT_STRIDE + i % EDGE]) * f32(inputs[b + k * INPUT_STRIDE + i / EDGE]);
        }
        played_sums[to + i] = sum;
    }
    return to;
}
fn played_store(source: u32, to: u32) {
    for (var i = 0u; i < BLOCK; i++) { results[to + i / EDGE * RESULT_STRIDE + i % EDGE] = played_sums[source + i]; }
}
";

/// The GPU of tests; opened with matrix units where it has some.
fn gpu() -> Arc<Gpu> {
    let gpu = devices().into_iter().find_map(|device| if let Device::Gpu(gpu) = device { Some(gpu) } else { None }).unwrap();
    if gpu.offered().is_empty() {
        println!("matrix units are played: {} has none", gpu.description());
        return gpu;
    }
    println!("matrix units of {}: {:?}", gpu.description(), gpu.offered());
    let again = Arc::new(gpu.again_with_matrices().unwrap());
    assert_eq!(again.matrices(), gpu.offered());
    assert!(gpu.matrices().is_empty(), "a device opened as usual has none");
    again
}

/// Small tiles of each kind of block, for three numbers of threads; played ones with few, because each does a whole subgroup's work.
fn shapes(gpu: &Gpu) -> Vec<(Precision, Gemm)> {
    let mut all = Vec::new();
    for matrix in [Matrix { edge: 8, half: true }, HALF_16, SINGLE_8] {
        let precision = if matrix.half { Precision::F16 } else { Precision::F32 };
        let sizes = if gpu.matrices().contains(&matrix) { [32, 64, 128] } else { [8, 16, 32] };
        let gemm = |threads| Gemm { voxels: 32, lanes: 1, rows: 8, sharing: Sharing::Cooperative { matrix, depth: 16, threads } };
        all.extend(sizes.map(|threads| (precision, gemm(threads))));
    }
    all
}

fn limits(gpu: &Gpu, precision: Precision, gemm: Gemm) -> Limits {
    let limits = Limits { precision, ..gpu.limits() };
    match precision {
        Precision::F32 => Limits { gemm, ..limits },
        Precision::F16 => Limits { half_gemm: Some(gemm), ..limits },
    }
}

/// Channels and voxels that fill several tiles, and some that do not; whatever the number of threads in a subgroup, and the slabs.
#[test]
fn products_agree_with_the_processor() {
    let gpu = gpu();
    let mut config = Config::preset(Preset::S, Generation::V2, 3, 5, 1, 3);
    config.blocks = [0, 1, 1, 0, 0, 0, 0, 0, 0];
    let graph = graph(&config).unwrap();
    let weights = noise_weights(&graph);
    let patch = [16, 16, 16];
    let input: Vec<f32> = noise(6).take(patch.iter().product()).collect();
    let run = |device: Device, limits: Limits| {
        let limits = Limits { store_hidden_channels: 0, store_hidden_bytes: u64::MAX, slab_hidden_bytes: 0, ..limits };
        device.run_plan(lower(&graph, &weights, patch, Heads::All, limits).unwrap(), &input).unwrap()
    };
    let want = run(Device::Cpu, Limits::CPU);
    for (precision, gemm) in shapes(&gpu) {
        let got = run(Device::Gpu(gpu.clone()), limits(&gpu, precision, gemm));
        let slabs = run(Device::Gpu(gpu.clone()), Limits { dispatch_flops: 100_000, ..limits(&gpu, precision, gemm) });
        for ((got, want), slabs) in got.iter().zip(&want).zip(&slabs) {
            same_result(got, want, precision).unwrap_or_else(|e| panic!("{gemm:?}: off by {e:e}"));
            assert!(got.iter().zip(slabs).all(|(a, b)| a.to_bits() == b.to_bits()), "{gemm:?}: slabs change bits");
        }
        println!("{gemm:?} agrees");
    }
}

/// Operands follow what is stored: an exact run never meets half-precision products.
#[test]
fn a_plan_uses_matrix_units_only_where_the_limits_say_so() {
    let mut config = Config::preset(Preset::S, Generation::V2, 3, 8, 1, 3);
    config.blocks = [1; 9];
    let graph = graph(&config).unwrap();
    let weights = noise_weights(&graph);
    let plain = Limits { store_hidden_channels: 0, gemm: Gemm::workgroup(64), tile_bytes: 16 << 10, ..Limits::CPU };
    let offered = Limits { half_gemm: Some(HALF_16.shapes([32, 32])[0]), ..plain };
    let plan = |limits| lower(&graph, &weights, [16, 32, 16], Heads::Main, limits).unwrap();
    let count = |limits| plan(limits).dispatches().filter(|dispatch| dispatch.kernel.matrix().is_some()).count();
    assert_eq!(plan(offered), plan(plain), "single precision is as without");
    let half = |limits: Limits| Limits { precision: Precision::F16, ..limits };
    assert_eq!(count(half(plain)), 0);
    assert!(count(half(offered)) >= 2 * 16);
    let refused = lower(&graph, &weights, [16, 32, 16], Heads::Main, Limits { tile_bytes: 8 << 10, ..half(offered) });
    assert!(refused.unwrap_err().to_string().contains("workgroup memory"));
}

#[test]
fn a_tuning_from_a_file_must_name_what_the_device_lists() {
    let plain = Limits { gemm: Gemm::workgroup(64), ..Limits::CPU };
    let tuning = Tuning { half_gemm: Some(HALF_16.shapes([32, 32])[1]), ..Tuning::of(&plain) };
    assert!(tuning.uses_matrices(Precision::F16) && !tuning.uses_matrices(Precision::F32));
    assert!(tuning.is_possible(&plain, &[HALF_16], [32, 32]));
    assert!(!tuning.is_possible(&plain, &[], [32, 32]) && !tuning.is_possible(&plain, &[SINGLE_8], [32, 32]));
    assert!(!tuning.is_possible(&plain, &[HALF_16], [64, 64]), "tuned for other subgroups");
    let swapped = Tuning { gemm: HALF_16.shapes([32, 32])[0], ..Tuning::of(&plain) };
    assert!(!swapped.is_possible(&plain, &[HALF_16], [32, 32]), "half-precision operands in an exact run");
    assert_eq!(tuning.without_matrices(Gemm::workgroup(64)), Tuning::of(&plain));
    let text = serde_json::to_string(&tuning).unwrap();
    assert_eq!(serde_json::from_str::<Tuning>(&text).unwrap(), tuning);
    assert!(tuning.to_string().contains("16x16x16 f16->f32"), "{tuning}");
}

/// Without matrix units there is nothing to ask for, and asking fails as a sentence; with them, the whole way from offer to use.
#[test]
fn matrix_units_are_used_after_they_were_offered_and_measured() {
    let gpu = devices().into_iter().find_map(|device| if let Device::Gpu(gpu) = device { Some(gpu) } else { None }).unwrap();
    let device = Device::Gpu(gpu.clone());
    let budget = std::time::Duration::from_secs(60);
    if gpu.offered().is_empty() {
        assert!(!device.offers_matrices(PrecisionChoice::Auto) && device.tune_matrices(budget, true).is_err());
        let tuning = Tuning { half_gemm: Some(HALF_16.shapes([32, 32])[0]), ..Tuning::of(&gpu.limits()) };
        assert!(device.with_matrices(tuning).is_err() && !device.use_tuning(tuning));
        return;
    }
    let (tuned, tuning) = device.tune_matrices(budget, true).unwrap().expect("the driver's matrix units compute right");
    println!("{tuning}");
    assert!([Precision::F32, Precision::F16].into_iter().any(|precision| tuning.uses_matrices(precision)));
    assert_eq!(tuned.tuning(), Some(tuning));
    assert_eq!(device.with_matrices(tuning).unwrap().tuning(), Some(tuning));
    assert!(!device.use_tuning(tuning), "this device was opened without");
}

/// The instructions are there, with f16 operands and f32 sums; `spirv-val`, where it is installed, agrees with the rest.
#[test]
fn spirv_multiplies_half_precision_blocks_into_single_precision_sums() {
    const MULTIPLY_ADD: u32 = 4459; // OpCooperativeMatrixMulAddKHR
    const MATRIX_TYPE: u32 = 4456; // OpTypeCooperativeMatrixKHR
    const FLOAT_TYPE: u32 = 22; // OpTypeFloat
    const ARRAY_TYPE: u32 = 28; // OpTypeArray, of a size that is known: only in workgroup memory
    const DECORATE: u32 = 71; // OpDecorate
    const ARRAY_STRIDE: u32 = 6;
    for gemm in HALF_16.shapes([32, 32]) {
        for kernel in [Kernel::Expand(gemm), Kernel::Compress(gemm)] {
            let (module, info) = validated(kernel, Precision::F16);
            let lowered = lowered_to_spirv(&module, &info, kernel);
            let words = &lowered;
            let instructions = || {
                let mut at = 5;
                std::iter::from_fn(move || {
                    let word = words.get(at)?;
                    let operands = &words[at + 1..at + (word >> 16) as usize];
                    at += (word >> 16) as usize;
                    Some((word & 0xffff, operands))
                })
            };
            // Width of the scalar of a matrix type.
            let width = |matrix: u32| {
                let scalar = instructions().find(|(op, operands)| *op == MATRIX_TYPE && operands[0] == matrix).unwrap().1[1];
                instructions().find(|(op, operands)| *op == FLOAT_TYPE && operands[0] == scalar).unwrap().1[1]
            };
            let sums: Vec<u32> = instructions().filter(|(op, _)| *op == MULTIPLY_ADD).map(|(_, operands)| width(operands[0])).collect();
            let blocks = (gemm.rows * 4 / 32 * gemm.voxels / 32) as usize;
            assert_eq!(sums, vec![32; blocks], "{gemm:?}");
            let mut widths: Vec<u32> =
                instructions().filter(|(op, _)| *op == MATRIX_TYPE).map(|(_, operands)| width(operands[0])).collect();
            widths.sort_unstable();
            assert_eq!(widths, [16, 16, 32], "two kinds of operands, one of sums");
            // naga says how workgroup arrays lie, in every kernel, which newer validators object to and drivers ignore.
            let workgroup_array = |id: u32| instructions().any(|(op, operands)| op == ARRAY_TYPE && operands[0] == id);
            let mut kept = words[..5].to_vec();
            for (op, operands) in instructions().filter(|(op, o)| !(*op == DECORATE && o[1] == ARRAY_STRIDE && workgroup_array(o[0]))) {
                kept.push((operands.len() as u32 + 1) << 16 | op);
                kept.extend(operands);
            }
            check_with_spirv_val(&kept);
        }
    }
}

fn check_with_spirv_val(words: &[u32]) {
    use std::io::Write as _;
    let tool = std::env::var_os("SPIRV_VAL").unwrap_or_else(|| "spirv-val".into());
    let spawned = Command::new(tool).args(["--target-env", "vulkan1.3", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut child) = spawned else {
        println!("spirv-val is not installed");
        return;
    };
    child.stdin.take().unwrap().write_all(bytemuck::cast_slice(words)).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
}
