//! `plans.json` and `dataset.json` of nnU-Net v2, as far as inference needs them.
//!
//! Sources: nnU-Net 2.8.1, `utilities/plans_handling/plans_handler.py` and `utilities/label_handling/label_handling.py`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::config::Config;
use crate::plan::{Channel, InferencePlan, IntensityStats, LabelRule, ModelLabels, NamedLabel, Normalization, Resampling};

/// The resampling nnU-Net plans by default, and the only one implemented here.
const RESAMPLING: &str = "resample_data_or_seg_to_shape";

#[derive(Deserialize)]
pub(crate) struct Plans {
    pub(crate) dataset_name: Option<String>,
    image_reader_writer: String,
    transpose_forward: [usize; 3],
    transpose_backward: [usize; 3],
    configurations: BTreeMap<String, Map<String, Value>>,
    foreground_intensity_properties_per_channel: Option<BTreeMap<String, IntensityStats>>,
    /// The older name, which nnU-Net still accepts.
    foreground_intensity_properties_by_modality: Option<BTreeMap<String, IntensityStats>>,
    #[serde(default = "default_label_manager")]
    label_manager: String,
}

#[derive(Deserialize)]
pub(crate) struct Dataset {
    channel_names: Option<BTreeMap<String, String>>,
    /// The older name, which nnU-Net prefers where both are there.
    modality: Option<BTreeMap<String, String>>,
    labels: Ordered<LabelValue>,
    regions_class_order: Option<Vec<u16>>,
    // Free text, in which nnU-Net itself takes no interest.
    name: Option<Value>,
    description: Option<Value>,
    licence: Option<Value>,
    license: Option<Value>,
}

#[derive(Deserialize)]
struct Configuration {
    #[serde(default = "default_preprocessor")]
    preprocessor_name: String,
    patch_size: Vec<usize>,
    spacing: Vec<f64>,
    normalization_schemes: Vec<String>,
    use_mask_for_norm: Vec<bool>,
    resampling_fn_data: String,
    resampling_fn_data_kwargs: ResamplingArguments,
    resampling_fn_probabilities: String,
    resampling_fn_probabilities_kwargs: ResamplingArguments,
    previous_stage: Option<String>,
}

/// Arguments of `resample_data_or_seg_to_shape` with its defaults (`preprocessing/resampling/default_resampling.py`).
#[derive(Deserialize)]
struct ResamplingArguments {
    #[serde(default)]
    is_seg: bool,
    #[serde(default = "cubic")]
    order: u8,
    #[serde(default)]
    order_z: u8,
    /// Only an explicit null lets the spacing decide.
    #[serde(default = "never")]
    force_separate_z: Option<bool>,
    #[serde(default = "anisotropy_threshold")]
    separate_z_anisotropy_threshold: f64,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

fn default_label_manager() -> String {
    "LabelManager".to_owned()
}

fn default_preprocessor() -> String {
    "DefaultPreprocessor".to_owned()
}

fn cubic() -> u8 {
    3
}

fn never() -> Option<bool> {
    Some(false)
}

/// nnU-Net's `ANISO_THRESHOLD`.
fn anisotropy_threshold() -> f64 {
    3.0
}

#[derive(Deserialize)]
#[serde(untagged)]
enum LabelValue {
    One(u16),
    Text(String),
    Several(Vec<u16>),
}

/// A JSON object in the order it is written: regions are heads in that order.
struct Ordered<V>(Vec<(String, V)>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Ordered<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for Entries<V> {
            type Value = Ordered<V>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries: Vec<(String, V)> = Vec::new();
                while let Some((key, value)) = map.next_entry()? {
                    if entries.iter().any(|(known, _)| *known == key) {
                        return Err(serde::de::Error::custom(format!("{key} occurs twice")));
                    }
                    entries.push((key, value));
                }
                Ok(Ordered(entries))
            }
        }
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

/// Parses one of the two files; the error says what is wrong with it.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|e| format!("this is not a file as nnU-Net v2 writes it ({e})"))
}

impl Plans {
    fn intensity(&self, channel: &str) -> Option<&IntensityStats> {
        let stats = self.foreground_intensity_properties_per_channel.as_ref().or(self.foreground_intensity_properties_by_modality.as_ref());
        stats?.get(channel)
    }
}

impl Dataset {
    fn channels(&self) -> Option<&BTreeMap<String, String>> {
        self.modality.as_ref().or(self.channel_names.as_ref())
    }

    /// Channel names in order, for people.
    pub(crate) fn modality(&self) -> Option<String> {
        Some(self.channels()?.values().cloned().collect::<Vec<_>>().join(", "))
    }

    pub(crate) fn name(&self) -> Option<String> {
        text(self.name.as_ref())
    }

    pub(crate) fn description(&self) -> Option<String> {
        text(self.description.as_ref())
    }

    pub(crate) fn licence(&self) -> Option<String> {
        text(self.licence.as_ref()).or(text(self.license.as_ref()))
    }
}

fn text(value: Option<&Value>) -> Option<String> {
    value?.as_str().map(str::to_owned)
}

/// What happens around the network, for one configuration.
pub(crate) fn inference_plan(
    plans: &Plans,
    dataset: &Dataset,
    configuration: &str,
    mirror_axes: &[usize],
    config: &Config,
) -> Result<InferencePlan, String> {
    let resolved = resolve(plans, configuration)?;
    let chosen: Configuration =
        serde_json::from_value(Value::Object(resolved)).map_err(|e| format!("the configuration {configuration} is not complete ({e})"))?;
    if let Some(previous) = &chosen.previous_stage {
        return Err(format!("the configuration {configuration} is a cascade that needs the result of {previous}, which is not supported"));
    }
    let (Ok(patch_size), Ok(spacing_mm)) = (<[usize; 3]>::try_from(chosen.patch_size), <[f64; 3]>::try_from(chosen.spacing)) else {
        return Err(format!("the configuration {configuration} is not three-dimensional, and only 3D ones are supported"));
    };
    refuse_others("preprocessor", &chosen.preprocessor_name, &["DefaultPreprocessor"])?;
    refuse_others("resampling", &chosen.resampling_fn_data, &[RESAMPLING])?;
    refuse_others("resampling", &chosen.resampling_fn_probabilities, &[RESAMPLING])?;
    let plan = InferencePlan {
        patch_size,
        spacing_mm,
        transpose_forward: plans.transpose_forward,
        transpose_backward: plans.transpose_backward,
        channels: channels(plans, dataset, &chosen.normalization_schemes, &chosen.use_mask_for_norm, config.in_channels)?,
        resample_data: resampling(&chosen.resampling_fn_data_kwargs)?,
        resample_logits: resampling(&chosen.resampling_fn_probabilities_kwargs)?,
        mirror_axes: mirror_axes.to_vec(),
        reorient_to_ras: reorients(&plans.image_reader_writer)?,
    };
    plan.check(config).map_err(|e| e.to_string())?;
    Ok(plan)
}

/// Follows `inherits_from`; the child's entries win.
fn resolve(plans: &Plans, configuration: &str) -> Result<Map<String, Value>, String> {
    let mut visited = BTreeSet::new();
    let mut resolved = Map::new();
    let mut name = configuration.to_owned();
    loop {
        if !visited.insert(name.clone()) {
            return Err(format!("the configuration {name} inherits from itself"));
        }
        let Some(entries) = plans.configurations.get(&name) else {
            let known: Vec<&str> = plans.configurations.keys().map(String::as_str).collect();
            return Err(format!("the plans have no configuration {name}, only {}", known.join(", ")));
        };
        for (key, value) in entries {
            resolved.entry(key).or_insert_with(|| value.clone());
        }
        match entries.get("inherits_from") {
            Some(Value::String(parent)) => name = parent.clone(),
            _ => return Ok(resolved),
        }
    }
}

fn refuse_others(what: &str, name: &str, known: &[&str]) -> Result<(), String> {
    if known.contains(&name) { Ok(()) } else { Err(format!("the {what} {name} is not supported, only {}", known.join(", "))) }
}

fn reorients(reader: &str) -> Result<bool, String> {
    match reader {
        "SimpleITKIO" | "NibabelIO" => Ok(false),
        "SimpleITKIOWithReorient" | "NibabelIOWithReorient" => Ok(true),
        other => Err(format!("the image reader {other} is not supported, only SimpleITKIO and NibabelIO, with or without reorientation")),
    }
}

fn resampling(arguments: &ResamplingArguments) -> Result<Resampling, String> {
    if let Some(name) = arguments.others.keys().next() {
        return Err(format!("the plans resample with the argument {name}, which is not supported"));
    }
    if arguments.is_seg {
        return Err("the plans resample images or logits as if they were segmentations (is_seg), which is not supported".to_owned());
    }
    let (threshold, usual) = (arguments.separate_z_anisotropy_threshold, anisotropy_threshold());
    if threshold.total_cmp(&usual).is_ne() {
        return Err(format!("the plans resample with separate_z_anisotropy_threshold {threshold}, and only {usual} is supported"));
    }
    Ok(Resampling { order: arguments.order, order_z: arguments.order_z, force_separate_z: arguments.force_separate_z })
}

fn channels(plans: &Plans, dataset: &Dataset, schemes: &[String], masks: &[bool], count: usize) -> Result<Vec<Channel>, String> {
    let named = dataset.channels().map_or(0, BTreeMap::len);
    if [named, schemes.len(), masks.len()] != [count; 3] {
        return Err(format!(
            "the network takes {count} image channels, but dataset.json names {named} and the plans normalise {} (masks for {})",
            schemes.len(),
            masks.len()
        ));
    }
    (0..count).map(|index| channel(plans, dataset, index, &schemes[index], masks[index])).collect()
}

fn channel(plans: &Plans, dataset: &Dataset, index: usize, scheme: &str, use_mask: bool) -> Result<Channel, String> {
    let key = index.to_string();
    let name = dataset
        .channels()
        .and_then(|names| names.get(&key))
        .ok_or_else(|| format!("dataset.json does not name the channel {index}"))?
        .clone();
    let intensity = plans.intensity(&key).cloned();
    Ok(Channel { name, normalization: normalization(scheme)?, use_mask, intensity })
}

fn normalization(scheme: &str) -> Result<Normalization, String> {
    match scheme {
        "CTNormalization" => Ok(Normalization::Ct),
        "ZScoreNormalization" => Ok(Normalization::ZScore),
        "NoNormalization" => Ok(Normalization::None),
        "RescaleTo01Normalization" => Ok(Normalization::RescaleTo01),
        "RGBTo01Normalization" => Ok(Normalization::RgbTo01),
        other => Err(format!("the normalisation {other} is not supported")),
    }
}

/// The output side.
pub(crate) fn model_labels(plans: &Plans, dataset: &Dataset, config: &Config) -> Result<ModelLabels, String> {
    refuse_others("label manager", &plans.label_manager, &["LabelManager"])?;
    let mut labels = Vec::new();
    for (name, value) in &dataset.labels.0 {
        // The ignore label exists in training only.
        if name != "ignore" {
            labels.push((name, values(name, value)?));
        }
    }
    if labels.iter().find(|(name, _)| *name == "background").map(|(_, values)| values.as_slice()) != Some(&[0]) {
        return Err("the labels do not name background as 0".to_owned());
    }
    let has_regions = labels.iter().any(|(_, values)| values.len() > 1);
    let labels = if has_regions { regions(dataset, &labels)? } else { classes(&labels)? };
    labels.check(config).map_err(|e| e.to_string())?;
    Ok(labels)
}

fn values(name: &str, value: &LabelValue) -> Result<Vec<u16>, String> {
    match value {
        LabelValue::One(value) => Ok(vec![*value]),
        LabelValue::Text(text) => Ok(vec![text.trim().parse().map_err(|_| format!("the label {name} has the value {text}"))?]),
        LabelValue::Several(values) if values.is_empty() => Err(format!("the region {name} is empty")),
        LabelValue::Several(values) => Ok(values.clone()),
    }
}

/// Head i is label value i, so values must be 0, 1, 2, ...
fn classes(labels: &[(&String, Vec<u16>)]) -> Result<ModelLabels, String> {
    let distinct: BTreeSet<u16> = labels.iter().map(|(_, values)| values[0]).collect();
    if distinct.iter().zip(0..).any(|(value, index)| *value != index) {
        return Err(format!("label values must be consecutive from 0, not {distinct:?}"));
    }
    let foreground = labels.iter().filter(|(_, values)| values[0] != 0);
    let mut names: Vec<_> = foreground.map(|(name, values)| NamedLabel { name: (*name).clone(), value: values[0] }).collect();
    names.sort_by_key(|label| label.value);
    Ok(ModelLabels { names, rule: LabelRule::Argmax })
}

/// Head i is the i-th region in the order of dataset.json that is not background, painted with `regions_class_order[i]`.
fn regions(dataset: &Dataset, labels: &[(&String, Vec<u16>)]) -> Result<ModelLabels, String> {
    let foreground: Vec<_> = labels.iter().filter(|(_, values)| values.iter().any(|value| *value != 0)).collect();
    let order = dataset.regions_class_order.clone().ok_or("dataset.json has regions but no regions_class_order")?;
    if order.len() != foreground.len() {
        return Err(format!("regions_class_order has {} entries for {} regions", order.len(), foreground.len()));
    }
    let names = foreground.iter().zip(&order).map(|((name, _), value)| NamedLabel { name: (*name).clone(), value: *value }).collect();
    Ok(ModelLabels { names, rule: LabelRule::Regions { values: order } })
}
