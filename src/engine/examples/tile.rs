//! One tile of a network on one device, from files to a file, so that other programs can be compared value by value:
//!
//! ```text
//! cargo build --release -p engine --example tile
//! target/release/examples/tile gpu f16 64 weights.safetensors input.f32 output.f32
//! ```
//!
//! The network is read off the weights; images and scores are raw little-endian f32, channel first. `benches/accuracy.py` drives it.

use std::error::Error;
use std::fs;
use std::path::Path;

use engine::{Allowance, Device, TileOutput};
use mednext::{Weights, infer};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [device, precision, patch, weights, input, output] = arguments.as_slice() else {
        return Err("usage: tile DEVICE PRECISION PATCH WEIGHTS INPUT OUTPUT".into());
    };
    let device = Device::open(device.parse()?)?.device;
    let patch = [patch.parse()?; 3];
    let weights = Weights::read_safetensors(Path::new(weights))?;
    let config = infer(&weights)?;
    let input: Vec<f32> = fs::read(input)?.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let voxels: usize = patch.iter().product();
    if input.len() != config.in_channels * voxels {
        return Err(format!("the image holds {} values instead of {} x {voxels}", input.len(), config.in_channels).into());
    }

    let allowance = Allowance { precision: precision.parse()?, ..Allowance::default() };
    let mut prepared = device.prepare(&config, &[&weights], patch, TileOutput::Logits, allowance)?;
    let runner = &mut prepared.runners[0];
    let mut scores = vec![0.0; runner.channels() * voxels];
    runner.run(&input, &mut scores, &|| false)?;
    fs::write(output, scores.iter().flat_map(|score| score.to_le_bytes()).collect::<Vec<u8>>())?;
    println!("{}, {}, {config}", runner.device(), prepared.precision);
    Ok(())
}
