//! Resamples a raw file of f32 and says how long that took: our side of `benches/resample.py`.
//!
//! `resample IN OUT CHANNELS SIZE NEW_SIZE SPACING NEW_SPACING ORDER`: sizes and spacings as `z,y,x`, files as (channel, z, y, x).

use std::error::Error;
use std::fs;
use std::str::FromStr;
use std::time::Instant;

use mednext::Resampling;
use ndarray::Array3;
use pipeline::resample_image;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, output, channels, size, new_size, spacing, new_spacing, order] = &arguments[..] else {
        return Err("wrong number of arguments; see the first lines of the source".into());
    };
    let size: [usize; 3] = three(size)?;
    let (new_size, spacing, new_spacing) = (three(new_size)?, three(spacing)?, three(new_spacing)?);
    let resampling = Resampling { order: order.parse()?, order_z: 0, force_separate_z: None };
    let images = read(input, channels.parse()?, size)?;

    let (started, before) = (Instant::now(), processor_seconds()?);
    let images = images
        .into_iter()
        .map(|image| resample_image(image, new_size, spacing, new_spacing, &resampling))
        .collect::<Result<Vec<_>, _>>()?;
    let (wall, cpu) = (started.elapsed().as_secs_f64(), processor_seconds()? - before);

    let bytes: Vec<u8> = images.iter().flatten().flat_map(|v| v.to_le_bytes()).collect();
    fs::write(output, bytes)?;
    println!("{}", serde_json::json!({ "cpu_seconds": cpu, "wall_seconds": wall }));
    Ok(())
}

fn three<T: FromStr>(text: &str) -> Result<[T; 3], Box<dyn Error>>
where
    T::Err: Error + 'static,
{
    let values = text.split(',').map(str::parse).collect::<Result<Vec<T>, _>>()?;
    values.try_into().map_err(|_| format!("\"{text}\" is not three numbers").into())
}

fn read(path: &str, channels: usize, size: [usize; 3]) -> Result<Vec<Array3<f32>>, Box<dyn Error>> {
    let bytes = fs::read(path)?;
    let voxels: usize = size.iter().product();
    if bytes.len() != channels * voxels * size_of::<f32>() {
        return Err(format!("{path} does not hold {channels} x {size:?} values").into());
    }
    let values = |bytes: &[u8]| bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    bytes.chunks_exact(voxels * size_of::<f32>()).map(|channel| Ok(Array3::from_shape_vec(size, values(channel))?)).collect()
}

/// Processor seconds of all threads so far, from Linux's scheduler: ticks of `/proc/self/stat` are too coarse.
fn processor_seconds() -> Result<f64, Box<dyn Error>> {
    let mut nanoseconds = 0;
    for task in fs::read_dir("/proc/self/task")? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        nanoseconds += text.split_whitespace().next().ok_or("schedstat is empty")?.parse::<u64>()?;
    }
    Ok(nanoseconds as f64 * 1e-9)
}
