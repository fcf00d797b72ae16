//! The safetensors container as a stream: header first, then one tensor at a time.
//!
//! The crate's own `deserialize` wants the whole file in memory, beside the f32 copy made of it; its `Metadata` alone
//! gives the same checks (offsets contiguous, sizes match shapes) for half the memory.

use std::collections::HashMap;
use std::io::{self, Read, Write};

use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use crate::weights::{MAX_WEIGHT_VALUES, Tensor, WeightsError};

/// Largest header accepted; five folds of the largest published network need 0.4 MiB.
const MAX_HEADER_BYTES: u64 = 8 << 20;

/// Values converted per step, so that a lie about a size costs this much and no more.
const CHUNK_VALUES: usize = 1 << 16;

/// Folds of the largest network one container may hold.
const MAX_FOLDS: u64 = 16;

/// What a container says about its tensors, in file order.
pub(crate) struct Header {
    pub(crate) text: HashMap<String, String>,
    pub(crate) tensors: Vec<(String, TensorInfo)>,
}

/// Reads and checks the header of a container of `size` bytes, leaving the reader at the first tensor.
pub(crate) fn read_header(reader: &mut impl Read, size: u64) -> Result<Header, WeightsError> {
    let bad = |reason: String| WeightsError::Container(reason);
    let mut length = [0; 8];
    reader.read_exact(&mut length).map_err(|_| bad("it is shorter than its length field".to_owned()))?;
    let length = u64::from_le_bytes(length);
    if length > MAX_HEADER_BYTES || length > size.saturating_sub(8) {
        return Err(bad(format!("its header claims {length} bytes")));
    }
    let mut header = Vec::new();
    reader.by_ref().take(length).read_to_end(&mut header).map_err(|e| bad(e.to_string()))?;
    if header.len() as u64 != length {
        return Err(bad("it ends inside its header".to_owned()));
    }
    let metadata: Metadata = serde_json::from_slice(&header).map_err(|e| bad(format!("its header is not valid ({e})")))?;
    let data_bytes = size - 8 - length;
    if metadata.data_len() as u64 != data_bytes {
        return Err(bad(format!("its header describes {} bytes of tensors, but {data_bytes} follow", metadata.data_len())));
    }
    let names = metadata.offset_keys();
    let tensors: Vec<_> = names.into_iter().filter_map(|name| metadata.info(&name).cloned().map(|info| (name, info))).collect();
    let declared = tensors.iter().map(|(_, info)| info.shape.iter().product::<usize>() as u64).fold(0, u64::saturating_add);
    if declared > MAX_FOLDS * MAX_WEIGHT_VALUES {
        return Err(WeightsError::TooLarge { declared });
    }
    Ok(Header { text: metadata.metadata().clone().unwrap_or_default(), tensors })
}

/// Reads every tensor a header announced.
pub(crate) fn read_tensors(reader: &mut impl Read, header: &Header) -> Result<Vec<(String, Tensor)>, WeightsError> {
    header.tensors.iter().map(|(name, info)| Ok((name.clone(), read_tensor(reader, name, info)?))).collect()
}

fn read_tensor(reader: &mut impl Read, name: &str, info: &TensorInfo) -> Result<Tensor, WeightsError> {
    let decode = decoder(name, info.dtype)?;
    let numel: usize = info.shape.iter().product();
    let width = info.dtype.bitsize() / 8;
    let mut values = Vec::new();
    let mut bytes = vec![0; numel.min(CHUNK_VALUES) * width];
    while values.len() < numel {
        let chunk = &mut bytes[..(numel - values.len()).min(CHUNK_VALUES) * width];
        reader.read_exact(chunk).map_err(|_| WeightsError::Container(format!("it ends inside the tensor {name}")))?;
        decode(chunk, &mut values);
    }
    Ok(Tensor::new(info.shape.clone(), values))
}

type Decode = fn(&[u8], &mut Vec<f32>);

fn decoder(name: &str, dtype: Dtype) -> Result<Decode, WeightsError> {
    match dtype {
        Dtype::F32 => Ok(decode_f32),
        Dtype::F16 => Ok(decode_f16),
        Dtype::BF16 => Ok(decode_bf16),
        Dtype::F64 => Ok(decode_f64),
        other => Err(WeightsError::ElementType { name: name.to_owned(), dtype: other.to_string() }),
    }
}

/// Appends little-endian f32 values.
pub(crate) fn decode_f32(bytes: &[u8], values: &mut Vec<f32>) {
    values.extend(bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)));
}

/// Appends little-endian half-precision values.
pub(crate) fn decode_f16(bytes: &[u8], values: &mut Vec<f32>) {
    values.extend(bytes.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()));
}

/// Appends little-endian bfloat16 values.
pub(crate) fn decode_bf16(bytes: &[u8], values: &mut Vec<f32>) {
    values.extend(bytes.as_chunks().0.iter().map(|b| bf16::from_le_bytes(*b).to_f32()));
}

/// Appends little-endian f64 values, rounded to f32.
pub(crate) fn decode_f64(bytes: &[u8], values: &mut Vec<f32>) {
    values.extend(bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as f32));
}

/// Writes a container of f32 tensors in the order given, with one text entry.
pub(crate) fn write(writer: &mut impl Write, text: (&str, String), tensors: &[(String, &Tensor)]) -> io::Result<()> {
    let mut offset = 0;
    let infos = tensors.iter().map(|(name, tensor)| {
        let start = offset;
        offset += tensor.data.len() * 4;
        (name.clone(), TensorInfo { dtype: Dtype::F32, shape: tensor.shape.clone(), data_offsets: (start, offset) })
    });
    let text = HashMap::from([(text.0.to_owned(), text.1)]);
    let metadata = Metadata::new(Some(text), infos.collect()).map_err(io::Error::other)?;
    let mut header = serde_json::to_vec(&metadata)?;
    // The format pads with spaces so that tensors start at a multiple of 8.
    header.resize(header.len().next_multiple_of(8), b' ');
    writer.write_all(&(header.len() as u64).to_le_bytes())?;
    writer.write_all(&header)?;
    for (_, tensor) in tensors {
        for chunk in tensor.data.chunks(CHUNK_VALUES) {
            writer.write_all(&encode(chunk))?;
        }
    }
    Ok(())
}

/// Little-endian bytes of f32 values.
pub(crate) fn encode(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}
