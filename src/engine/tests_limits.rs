//! The base network under a device's limits, at full size: what it takes, and that caps on bindings change nothing.

use mednext::{Config, Generation, Graph, Preset, graph};

use crate::device::Device;
use crate::gpu::GpuRunner;
use crate::kernels::{Gemm, WORKGROUP_BYTES};
use crate::plan::{Heads, Limits, Plan, Precision, Source, lower, plan_bytes};
use crate::selftest::{noise, noise_weights};
use crate::tests_golden::devices;

/// MedNeXt-v2 base.
fn base() -> Graph {
    graph(&Config::preset(Preset::L, Generation::V2, 3, 32, 1, 3)).unwrap()
}

/// As a card of 128 MiB bindings, a software driver and the CPU engine plan it.
#[test]
fn the_base_network_keeps_to_its_memory() {
    let graph = base();
    let gpu = Limits {
        binding_bytes: 128 << 20,
        dispatch_flops: 4_000_000_000,
        tile_bytes: WORKGROUP_BYTES,
        gemm: Gemm::workgroup(64),
        ..Limits::CPU
    };
    let software =
        Limits { store_hidden_channels: 0, slab_hidden_bytes: 16 << 20, subgroup: Some(8), gemm: Gemm::subgroup(8).unwrap(), ..gpu };
    let mib = |patch: usize, limits: Limits| plan_bytes(&graph, [patch; 3], Heads::Main, limits).unwrap() >> 20;
    for limits in [Limits::CPU, gpu, software] {
        let (capped, half) = (Limits { binding_bytes: 16 << 20, ..limits }, Limits { precision: Precision::F16, ..limits });
        let [small, capped, large, half] =
            [(128, limits), (128, capped), (192, limits), (192, half)].map(|(patch, limits)| mib(patch, limits));
        println!("128^3 {small} MiB ({capped} with 16 MiB bindings), 192^3 {large} MiB, 192^3 f16 {half} MiB");
        assert!(small.max(capped) <= 921 && large <= 2252 && half <= 1228, "{small}, {capped}, {large}, {half} MiB");
    }
}

/// Devices that bind 16 or 128 MiB at once compute the same bits as this one does by itself.
#[test]
#[ignore = "takes minutes; tests/long.sh runs it"]
fn caps_on_bindings_change_no_bit_at_full_size() {
    let (graph, patch) = (base(), [128; 3]);
    let weights = noise_weights(&graph);
    let input: Vec<f32> = noise(7).take(patch.iter().product()).collect();
    let gpu = devices().into_iter().find_map(|device| if let Device::Gpu(gpu) = device { Some(gpu) } else { None }).unwrap();
    let largest = |plan: &Plan| {
        let ranges = plan.dispatches().flat_map(|dispatch| dispatch.reads.iter().chain(&dispatch.writes));
        ranges.filter(|range| range.source != Source::Weights).map(|range| plan.range_bytes(range).len() as u64).max().unwrap()
    };
    let run = |binding_bytes: u64| {
        let plan = lower(&graph, &weights, patch, Heads::Main, Limits { binding_bytes, ..gpu.limits() }).unwrap();
        println!(
            "bindings up to {} MiB: the largest takes {} MiB, {} commands",
            binding_bytes >> 20,
            largest(&plan) >> 20,
            plan.commands.len()
        );
        GpuRunner::new(gpu.clone(), plan).unwrap().run_all(&input, &|| false).unwrap().remove(0)
    };
    let own = gpu.limits().binding_bytes;
    let want = run(own);
    // Software drivers allow no more than 128 MiB by themselves.
    for cap in [16 << 20, 128 << 20].into_iter().filter(|cap| *cap < own) {
        let got = run(cap);
        assert!(want.iter().zip(&got).all(|(a, b)| a.to_bits() == b.to_bits()), "bindings capped at {} MiB", cap >> 20);
    }
}
