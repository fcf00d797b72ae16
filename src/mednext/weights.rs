//! Named tensors, and whether they fit a network.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use thiserror::Error;

use crate::error::ModelError;
use crate::graph::Graph;
use crate::names::{is_auxiliary_head, published_name};
use crate::safetensors_io::{read_header, read_tensors};

/// Most values one set of weights may hold (4 GiB as f32): four times the largest published network, MedNeXt-L of width 64.
pub const MAX_WEIGHT_VALUES: u64 = 1 << 30;

/// How many differences an error lists.
const LISTED: usize = 10;

/// One tensor, C order; clones share the values.
#[derive(Clone, PartialEq)]
pub struct Tensor {
    /// Extents as PyTorch stores them.
    pub shape: Vec<usize>,
    /// Values.
    pub data: Arc<[f32]>,
}

impl Tensor {
    /// Joins shape and values.
    ///
    /// # Panics
    /// If the shape does not multiply to the number of values: callers build both from one source.
    pub fn new(shape: Vec<usize>, data: impl Into<Arc<[f32]>>) -> Self {
        let data = data.into();
        assert_eq!(shape.iter().product::<usize>(), data.len(), "shape and values disagree");
        Self { shape, data }
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tensor").field("shape", &self.shape).finish_non_exhaustive()
    }
}

/// Why tensors are not a network's weights.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WeightsError {
    /// A file with nothing in it.
    #[error("there is not a single tensor in it")]
    Empty,
    /// Names or shapes differ from the network's.
    #[error("the weights do not fit the network: {0}")]
    Mismatch(String),
    /// NaN or infinity.
    #[error("the tensor {0} holds NaN or infinite values, so the weights are damaged or training diverged")]
    NotFinite(String),
    /// Integers, booleans, 8-bit floats.
    #[error("the tensor {name} has the element type {dtype}, but weights must be f32, f16, bf16 or f64")]
    ElementType {
        /// Which tensor.
        name: String,
        /// What it holds.
        dtype: String,
    },
    /// Two tensors become one name once wrapper prefixes are stripped.
    #[error("the tensor {0} occurs twice under different wrapper prefixes")]
    Duplicate(String),
    /// More than [`MAX_WEIGHT_VALUES`].
    #[error("it declares {declared} weight values, more than the {MAX_WEIGHT_VALUES} any MedNeXt needs")]
    TooLarge {
        /// What the file says.
        declared: u64,
    },
    /// Not a safetensors container.
    #[error("this is not a readable safetensors file: {0}")]
    Container(String),
}

/// Tensors by published name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Weights(BTreeMap<String, Tensor>);

impl Weights {
    /// Looks a tensor up.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.0.get(name)
    }

    /// All tensors by rising name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.0.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// Number of tensors.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds or replaces a tensor.
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor) -> Option<Tensor> {
        self.0.insert(name.into(), tensor)
    }

    /// Number of values in all tensors.
    pub fn numel(&self) -> usize {
        self.0.values().map(|tensor| tensor.data.len()).sum()
    }

    /// Names and shapes by rising name.
    pub fn shapes(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.iter().map(|(name, tensor)| (name, tensor.shape.as_slice()))
    }

    /// Strips wrapper prefixes from names and drops MedNeXt's unused `dummy_tensor`.
    pub fn published(named: impl IntoIterator<Item = (String, Tensor)>) -> Result<Self, WeightsError> {
        let mut weights = Self::default();
        for (name, tensor) in named {
            let Some(published) = published_name(&name) else { continue };
            if weights.insert(published, tensor).is_some() {
                return Err(WeightsError::Duplicate(published.to_owned()));
            }
        }
        Ok(weights)
    }

    /// Reads a safetensors container in memory; f16, bf16 and f64 become f32. Names come out as published.
    pub fn from_safetensors_bytes(bytes: &[u8]) -> Result<Self, WeightsError> {
        let mut reader = bytes;
        let header = read_header(&mut reader, bytes.len() as u64)?;
        Self::published(read_tensors(&mut reader, &header)?)
    }

    /// Reads a safetensors file; f16, bf16 and f64 become f32. Names come out as published.
    pub fn read_safetensors(path: &Path) -> Result<Self, ModelError> {
        let file = File::open(path).map_err(|e| ModelError::io("read", path, e))?;
        let size = file.metadata().map_err(|e| ModelError::io("read", path, e))?.len();
        let mut reader = BufReader::new(file);
        let header = read_header(&mut reader, size).map_err(|e| ModelError::invalid(path, e.to_string()))?;
        let tensors = read_tensors(&mut reader, &header).map_err(|e| ModelError::invalid(path, e.to_string()))?;
        Self::published(tensors).map_err(|e| ModelError::invalid(path, e.to_string()))
    }

    /// Refuses weights that lack, add or misshape tensors of a network, or are not finite. Auxiliary heads
    /// (`out_1` to `out_4`) may be there although the graph does without.
    pub fn check(&self, graph: &Graph) -> Result<(), WeightsError> {
        check_shapes(graph, &self.shapes().collect())?;
        self.check_finite()
    }

    /// Refuses NaN and infinity.
    pub fn check_finite(&self) -> Result<(), WeightsError> {
        match self.iter().find(|(_, tensor)| tensor.data.iter().any(|v| !v.is_finite())) {
            Some((name, _)) => Err(WeightsError::NotFinite(name.to_owned())),
            None => Ok(()),
        }
    }
}

impl FromIterator<(String, Tensor)> for Weights {
    fn from_iter<I: IntoIterator<Item = (String, Tensor)>>(named: I) -> Self {
        Self(named.into_iter().collect())
    }
}

/// Compares names and shapes with those of a network, before any value is read.
pub(crate) fn check_shapes(graph: &Graph, shapes: &BTreeMap<&str, &[usize]>) -> Result<(), WeightsError> {
    if shapes.is_empty() {
        return Err(WeightsError::Empty);
    }
    let wanted: BTreeMap<String, Vec<usize>> = graph.params().into_iter().map(|param| (param.name, param.shape)).collect();
    let mut differences = Vec::new();
    for (name, shape) in &wanted {
        match shapes.get(name.as_str()) {
            None => differences.push(format!("{name} is missing")),
            Some(found) if found != shape => differences.push(format!("{name} has shape {found:?} instead of {shape:?}")),
            Some(_) => {}
        }
    }
    let unknown = shapes.keys().filter(|name| !wanted.contains_key(**name) && !is_auxiliary_head(name));
    differences.extend(unknown.map(|name| format!("{name} is unknown")));
    if differences.is_empty() {
        return Ok(());
    }
    let more = differences.len().saturating_sub(LISTED);
    differences.truncate(LISTED);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    Err(WeightsError::Mismatch(differences.join("; ") + &more))
}
