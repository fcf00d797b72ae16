//! Golden files of PyTorch and nnU-Net for tests.

use std::collections::BTreeMap;
use std::path::PathBuf;

use safetensors::{Dtype, SafeTensors};

fn path(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/golden")).join(name)
}

/// `misc/misc.json`.
pub(crate) fn misc_json() -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(path("misc/misc.json")).unwrap()).unwrap()
}

/// A tensor of a golden file: its shape, and its values whatever their type.
pub(crate) struct Golden {
    pub(crate) shape: Vec<usize>,
    pub(crate) data: Vec<f64>,
}

/// All tensors of a golden file.
pub(crate) fn golden(name: &str) -> BTreeMap<String, Golden> {
    let bytes = std::fs::read(path(name)).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    file.iter()
        .map(|(name, view)| {
            let data = match view.dtype() {
                Dtype::F32 => view.data().as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect(),
                Dtype::F64 => view.data().as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
                Dtype::U8 => view.data().iter().map(|b| f64::from(*b)).collect(),
                Dtype::I16 => view.data().as_chunks().0.iter().map(|b| f64::from(i16::from_le_bytes(*b))).collect(),
                other => panic!("{name} is {other:?}"),
            };
            (name.to_owned(), Golden { shape: view.shape().to_vec(), data })
        })
        .collect()
}
