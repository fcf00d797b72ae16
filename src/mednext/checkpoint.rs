//! PyTorch checkpoints: nnU-Net v2 and v1, and bare state dictionaries. A pickle is read as data and never executed.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::BufReader;
use std::panic::catch_unwind;
use std::path::Path;

use pytorch_reader::{DType, PickleValue, PytorchReader};
use serde::Serialize;
use zip::read::ZipReadOptions;
use zip::{CompressionMethod, ZipArchive};

use crate::config::Config;
use crate::error::ModelError;
use crate::file_kind::FileKind;
use crate::infer::infer_shapes;
use crate::names::published_name;
use crate::pickle_scan::Scan;
use crate::safetensors_io::{decode_bf16, decode_f16, decode_f32, decode_f64};
use crate::weights::{MAX_WEIGHT_VALUES, Tensor, Weights, WeightsError};

/// Keys that hold the network inside a training checkpoint: nnU-Net v2, nnU-Net v1 and Lightning, other habits.
const NETWORK_KEYS: [&str; 4] = ["network_weights", "state_dict", "model_state_dict", "model"];

/// Pickles before the tensors of a legacy file: magic, protocol, system, the object, storage keys.
const LEGACY_PICKLES: usize = 5;

/// Most entries of a zip checkpoint: weights, two optimiser states and averaged weights of the largest network fit.
const MAX_ENTRIES: usize = 50_000;

/// What an nnU-Net v2 checkpoint says about its training.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NnunetTraining {
    /// Trainer class.
    pub trainer: String,
    /// Configuration, e.g. `3d_fullres`.
    pub configuration: String,
    /// Fold: a number or `all`.
    pub fold: Option<String>,
    /// Axes of the transposed array that may be mirrored at test time; empty for none.
    pub mirror_axes: Vec<usize>,
}

/// Weights from a training framework.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// The network, inferred from names and shapes.
    pub config: Config,
    /// Its tensors, complete and finite.
    pub weights: Weights,
    /// Present in nnU-Net v2 checkpoints.
    pub nnunet: Option<NnunetTraining>,
}

/// Reads a `.pth` or `.pt` file.
pub fn read_checkpoint(path: &Path) -> Result<Checkpoint, ModelError> {
    read_checkpoint_as(path, path)
}

/// [`read_checkpoint`] of a temporary copy, naming the original in errors.
pub(crate) fn read_checkpoint_as(path: &Path, shown: &Path) -> Result<Checkpoint, ModelError> {
    scan(path, shown)?;
    // The reader is written for hostile files; the guard turns what it overlooks into a refusal.
    let read = catch_unwind(|| read(path)).unwrap_or_else(|_| Err("its content contradicts itself".to_owned()));
    read.map_err(|reason| ModelError::invalid(shown, clip(&reason)))
}

/// Refuses files whose pickles are floods or attacks, and archives that inflate, before anything is built.
fn scan(path: &Path, shown: &Path) -> Result<(), ModelError> {
    let kind = FileKind::of(path, shown)?;
    let file = File::open(path).map_err(|e| ModelError::io("read", shown, e))?;
    let scanned = match kind {
        FileKind::ZipCheckpoint => catch_unwind(|| scan_zip(file)).unwrap_or_else(|_| Err("its archive is damaged".to_owned())),
        FileKind::LegacyCheckpoint => scan_legacy(file),
        FileKind::Safetensors | FileKind::Archive => Err("this is not a PyTorch checkpoint".to_owned()),
    };
    let scan = scanned.map_err(|reason| ModelError::invalid(shown, clip(&reason)))?;
    match scan.hostile_global() {
        Some(global) => {
            let reason = format!("this checkpoint asks the program that opens it to call {}, as attacks do, and is refused", clip(global));
            Err(ModelError::invalid(shown, reason))
        }
        None => Ok(()),
    }
}

fn scan_legacy(file: File) -> Result<Scan, String> {
    let mut reader = BufReader::new(file);
    let mut scan = Scan::default();
    for _ in 0..LEGACY_PICKLES {
        scan.pickle(&mut reader)?;
    }
    Ok(scan)
}

fn scan_zip(file: File) -> Result<Scan, String> {
    let file_bytes = file.metadata().map_err(|e| e.to_string())?.len();
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|e| format!("its archive is damaged ({e})"))?;
    if archive.len() > MAX_ENTRIES {
        return Err(format!("its archive has {} entries", archive.len()));
    }
    let mut declared = 0_u64;
    let mut scan = Scan::default();
    for index in 0..archive.len() {
        // Checksums may be absent (`torch.save` can leave them out); the tensor reader knows when to check them.
        let options = ZipReadOptions::new().ignore_crc32(true);
        let entry = archive.by_index_with_options(index, options).map_err(|e| format!("its archive is damaged ({e})"))?;
        if entry.compression() != CompressionMethod::Stored {
            return Err("its archive is compressed, which torch.save never does; save it again with PyTorch".to_owned());
        }
        declared = declared.saturating_add(entry.size());
        if entry.size() != entry.compressed_size() || declared > file_bytes {
            return Err("its archive claims to hold more than the file does".to_owned());
        }
        if entry.name().map_err(|e| e.to_string())?.ends_with("data.pkl") {
            scan.pickle(&mut BufReader::new(entry))?;
        }
    }
    Ok(scan)
}

fn read(path: &Path) -> Result<Checkpoint, String> {
    let root = PytorchReader::read_pickle_data(path, None).map_err(|e| e.to_string())?;
    let PickleValue::Dict(root) = root else { return Err("its content is not a dictionary".to_owned()) };
    let reader = PytorchReader::new(path).map_err(|e| e.to_string())?;
    let stored_bytes = reader.metadata().total_data_size.unwrap_or(0) as u64;

    let key = NETWORK_KEYS.into_iter().find(|key| matches!(root.get(*key), Some(PickleValue::Dict(_))));
    let prefix = key.map_or(String::new(), |key| format!("{key}."));
    let mut tensors = BTreeMap::new();
    for (name, tensor) in reader.tensors() {
        let Some(published) = name.strip_prefix(&prefix).and_then(published_name) else { continue };
        if tensors.insert(published, tensor).is_some() {
            return Err(WeightsError::Duplicate(published.to_owned()).to_string());
        }
    }

    let config = infer_shapes(&tensors.iter().map(|(name, tensor)| (*name, tensor.shape())).collect()).map_err(|e| e.to_string())?;
    let (values, bytes) = tensors.values().fold((0_u64, 0_u64), |(values, bytes), tensor| {
        (values.saturating_add(tensor.num_elements() as u64), bytes.saturating_add(tensor.byte_len() as u64))
    });
    if values > MAX_WEIGHT_VALUES {
        return Err(WeightsError::TooLarge { declared: values }.to_string());
    }
    if bytes > stored_bytes {
        return Err(format!("its tensors claim {bytes} bytes, but the file stores {stored_bytes}"));
    }
    let weights = tensors.into_iter().map(|(name, tensor)| Ok((name.to_owned(), decode(name, tensor)?)));
    let weights: Weights = weights.collect::<Result<Vec<_>, String>>()?.into_iter().collect();
    weights.check_finite().map_err(|e| e.to_string())?;
    Ok(Checkpoint { config, weights, nnunet: nnunet_training(&root)? })
}

fn decode(name: &str, tensor: &pytorch_reader::Tensor) -> Result<Tensor, String> {
    let decode = match tensor.dtype() {
        DType::F32 => decode_f32,
        DType::F16 => decode_f16,
        DType::BF16 => decode_bf16,
        DType::F64 => decode_f64,
        other => {
            let dtype = format!("{other:?}").to_lowercase();
            return Err(WeightsError::ElementType { name: name.to_owned(), dtype }.to_string());
        }
    };
    let bytes = tensor.read().map_err(|e| e.to_string())?;
    let mut values = Vec::with_capacity(tensor.num_elements());
    decode(&bytes, &mut values);
    if values.len() != tensor.num_elements() {
        return Err(format!("the tensor {name} is cut short"));
    }
    Ok(Tensor::new(tensor.shape().to_vec(), values))
}

/// Source: `nnUNetTrainer.save_checkpoint`.
fn nnunet_training(root: &HashMap<String, PickleValue>) -> Result<Option<NnunetTraining>, String> {
    let (Some(PickleValue::String(trainer)), Some(PickleValue::Dict(arguments))) = (root.get("trainer_name"), root.get("init_args")) else {
        return Ok(None);
    };
    let Some(PickleValue::String(configuration)) = arguments.get("configuration") else {
        return Err("its init_args do not name the configuration".to_owned());
    };
    let fold = match arguments.get("fold") {
        Some(PickleValue::Int(fold)) => Some(fold.to_string()),
        Some(PickleValue::String(fold)) => Some(fold.clone()),
        _ => None,
    };
    let mirror_axes = match root.get("inference_allowed_mirroring_axes") {
        None | Some(PickleValue::None) => Vec::new(),
        Some(PickleValue::List(axes)) => {
            axes.iter().map(axis).collect::<Option<Vec<_>>>().ok_or("its mirroring axes are not numbers 0 to 2")?
        }
        Some(_) => return Err("its mirroring axes are not a list".to_owned()),
    };
    Ok(Some(NnunetTraining { trainer: trainer.clone(), configuration: configuration.clone(), fold, mirror_axes }))
}

fn axis(value: &PickleValue) -> Option<usize> {
    match value {
        PickleValue::Int(axis) => usize::try_from(*axis).ok().filter(|axis| *axis < 3),
        _ => None,
    }
}

/// Keeps what a hostile file puts into a message to one short line.
fn clip(text: &str) -> String {
    let line: String = text.chars().take(300).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(300).is_some() { line + "..." } else { line }
}
