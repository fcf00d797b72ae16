//! The labels of nnU-Net's `dataset.json`: `"labels": {"background": 0, "liver": 1}`, or the other way round in version 1.

use serde_json::Value;

use super::Entry;

pub(super) fn parse(text: &str) -> Result<Vec<Entry>, String> {
    let dataset: Value = serde_json::from_str(text).map_err(|error| format!("the JSON is damaged ({error})"))?;
    let labels = dataset.get("labels").and_then(Value::as_object).ok_or("the JSON has no \"labels\" as nnU-Net's dataset.json has them")?;
    labels.iter().map(|(key, value)| entry(key, value)).collect()
}

fn entry(key: &str, value: &Value) -> Result<Entry, String> {
    let entry = |value: u64, name: &str| Ok(Entry { value, name: name.to_owned(), color: None });
    match value {
        Value::Number(number) => {
            let whole = number.as_u64().ok_or_else(|| format!("label {key:?} has the value {number}, which is not a whole number"))?;
            entry(whole, key)
        }
        // Version 1: {"1": "liver"}.
        Value::String(name) => entry(key.parse().map_err(|_| format!("label {key:?} has no number"))?, name),
        Value::Array(_) => Err(format!("label {key:?} is a region of several values; masks of regions have other values than this table")),
        _ => Err(format!("label {key:?} has no number")),
    }
}
