//! One tile of MedNeXt through burn's generic operations on wgpu, to compare `voxelry bench --device gpu` with:
//!
//! ```text
//! cargo build --release --manifest-path benches/burn/Cargo.toml --target-dir target/burn
//! target/burn/release/burn-peer --preset v2-base --patch 64 --repeat 3
//! ```
//!
//! Prints JSON with wall and processor seconds of every tile after a first one that does not count. A tile is the upload of the
//! image, the network and the reading back of the scores, which is also what waits for the device.
//!
//! Every tensor is one binding: an adapter that binds 128 MiB at most, as Mesa's software driver, cannot run v2-base on 64^3.

mod measure;
mod network;
mod weights;

use std::error::Error;
use std::path::PathBuf;
use std::{fs, panic, process};

use burn::backend::Wgpu;
use burn::backend::wgpu::{RuntimeOptions, WgpuDevice, graphics::AutoGraphicsApi, init_setup};
use burn::tensor::{DType, Tensor, TensorData};
use clap::{Parser, ValueEnum};
use serde_json::json;

use crate::network::{Network, Pointwise, Preset};
use crate::weights::{Weights, noise};

/// Half precision and 64 bits are never meant; tensors are made with an explicit f32.
pub type Backend = Wgpu<f32, i32, u32>;

#[derive(Debug, Parser)]
#[command(about = "One tile of MedNeXt through burn's generic operations")]
struct Arguments {
    /// v1-s, v1-b, v1-m, v1-l, v2-s, v2-b, v2-m, v2-l, or v2-base (the paper's base, v2-l)
    #[arg(long, default_value = "v2-base")]
    preset: Preset,
    /// Depthwise kernel edge
    #[arg(long, default_value_t = 3)]
    kernel: usize,
    /// Channels after the stem
    #[arg(long, default_value_t = 32)]
    width: usize,
    /// Tile edge
    #[arg(long, default_value_t = 64)]
    patch: usize,
    /// Tiles to measure
    #[arg(long, default_value_t = 3)]
    repeat: usize,
    /// The adapter burn computes on
    #[arg(long, value_enum, default_value_t = Adapter::Software)]
    adapter: Adapter,
    /// How 1x1x1 convolutions are computed
    #[arg(long, value_enum, default_value_t = Pointwise::Conv)]
    pointwise: Pointwise,
    /// Weights under their published names (safetensors, f32) instead of noise
    #[arg(long, requires = "input", requires = "output")]
    weights: Option<PathBuf>,
    /// Image tile, raw little-endian f32
    #[arg(long, requires = "weights")]
    input: Option<PathBuf>,
    /// Where the scores go, raw little-endian f32
    #[arg(long, requires = "weights")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Adapter {
    /// The driver that computes on the processor
    Software,
    /// The best one there is
    Best,
}

/// burn computes on a thread of its own, and goes on without what could not be allocated there.
fn end_on_any_panic() {
    let say = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        say(info);
        process::exit(101);
    }));
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    end_on_any_panic();
    let device = match arguments.adapter {
        Adapter::Software => WgpuDevice::Cpu,
        Adapter::Best => WgpuDevice::DefaultDevice,
    };
    let adapter = init_setup::<AutoGraphicsApi>(&device, RuntimeOptions::default()).adapter.get_info();

    let mut weights = match &arguments.weights {
        Some(path) => Weights::read(path, &device)?,
        None => Weights::noise(&device),
    };
    let network = Network::new(&arguments.preset, arguments.kernel, arguments.width, arguments.pointwise, &mut weights)?;
    let edge = arguments.patch;
    let input = match &arguments.input {
        Some(path) => fs::read(path)?.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
        None => noise(1).take(edge.pow(3)).collect::<Vec<f32>>(),
    };
    if input.len() != edge.pow(3) {
        return Err(format!("the tile holds {} values instead of {edge}^3", input.len()).into());
    }
    let tile = || -> Result<Vec<f32>, Box<dyn Error>> {
        let data = TensorData::new(input.clone(), [1, 1, edge, edge, edge]);
        let x = Tensor::<Backend, 5>::from_data(data, (&device, DType::F32));
        let scores = network.forward(x);
        if scores.dims() != [1, network::CLASSES, edge, edge, edge] {
            return Err(format!("the scores have the shape {:?}", scores.dims()).into());
        }
        scores.into_data().into_vec::<f32>().map_err(|error| format!("{error:?}").into())
    };

    let scores = tile()?;
    if scores.iter().any(|score| !score.is_finite()) {
        return Err("the scores are not finite".into());
    }
    if let Some(path) = &arguments.output {
        fs::write(path, scores.iter().flat_map(|score| score.to_le_bytes()).collect::<Vec<u8>>())?;
    }
    let mut tiles = Vec::with_capacity(arguments.repeat);
    for _ in 0..arguments.repeat {
        let clock = measure::Clock::start();
        tile()?;
        tiles.push(clock.stop());
    }
    let report = json!({
        "device": adapter.name,
        "driver": format!("{} {}", adapter.driver, adapter.driver_info),
        "network": network.to_string(),
        "patch": edge,
        "tiles": tiles,
        "peak_process_mib": measure::peak_mib(),
    });
    println!("{report:#}");
    Ok(())
}
