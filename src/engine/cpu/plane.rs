//! Twins of `plane_mean.wgsl`, `plane_label.wgsl`, `plane_features.wgsl` and `plane_head.wgsl`, on plain (channel, row, column) planes.

use rayon::prelude::*;

use crate::labelling::{Labelling, Pick, Tap};

/// Divides the channels of a plane by the sums of weights; whether all means are finite.
pub fn plane_mean(values: &mut [f32], weights: &[f32]) -> bool {
    values.par_chunks_mut(weights.len()).all(|channel| {
        channel.iter_mut().zip(weights).for_each(|(value, weight)| *value /= weight);
        channel.iter().all(|value| value.is_finite())
    })
}

/// Labels one plane, (rows, columns), from the two planes of mean logits around it, rows of `image_x` values.
pub(crate) fn plane_label(tables: &Labelling, z: usize, first: &[f32], last: &[f32], image_x: usize) -> Vec<u16> {
    pick_labels(tables, &plane_features(tables, z, first, last, image_x))
}

/// Resamples one plane of all channels, as (rows, channels, columns).
pub(crate) fn plane_features(tables: &Labelling, z: usize, first: &[f32], last: &[f32], image_x: usize) -> Vec<f32> {
    let [planes, rows, columns] = &tables.taps;
    let channels = tables.head.as_ref().map_or(tables.values.len(), |head| head.weight_kc.len() / head.bias.len());
    let area = first.len() / (channels + 1);
    let at = |plane: &[f32], c: usize, row: &Tap, x: u32| {
        let row_at = |y: u32| plane[c * area + y as usize * image_x + x as usize];
        row.blend(row_at(row.first), row_at(row.last))
    };
    let mut features = Vec::with_capacity(rows.len() * channels * columns.len());
    for row in rows {
        for c in 0..channels {
            let column = |x: u32| planes[z].blend(at(first, c, row, x), at(last, c, row, x));
            features.extend(columns.iter().map(|tap| tap.blend(column(tap.first), column(tap.last))));
        }
    }
    features
}

/// Applies the head to (rows, channels, columns); returns labels.
pub(crate) fn plane_head(tables: &Labelling, features: &[f32]) -> Vec<u16> {
    pick_labels(tables, &head_logits(tables, features))
}

/// Logits as (rows, classes, columns) of features (rows, channels, columns).
pub(crate) fn head_logits(tables: &Labelling, features: &[f32]) -> Vec<f32> {
    let head = tables.head.as_ref().expect("features go through a head");
    let (channels, columns) = (head.weight_kc.len() / head.bias.len(), tables.taps[2].len());
    let mut logits = Vec::with_capacity(features.len() / channels * head.bias.len());
    for row in features.chunks_exact(channels * columns) {
        for (weights, bias) in head.weight_kc.chunks_exact(channels).zip(&head.bias) {
            let sum = |x: usize| weights.iter().enumerate().fold(*bias, |sum, (c, weight)| sum + weight * row[c * columns + x]);
            logits.extend((0..columns).map(sum));
        }
    }
    logits
}

/// Labels of (rows, classes, columns).
fn pick_labels(tables: &Labelling, logits: &[f32]) -> Vec<u16> {
    let (classes, columns) = (tables.values.len(), tables.taps[2].len());
    let mut labels = Vec::with_capacity(logits.len() / classes);
    for row in logits.chunks_exact(classes * columns) {
        for x in 0..columns {
            let logit = |k: usize| row[k * columns + x];
            labels.push(match tables.pick {
                Pick::Largest => tables.values[(1..classes).fold(0, |best, k| if logit(k) > logit(best) { k } else { best })],
                Pick::LastPositive => (0..classes).rev().find(|k| logit(*k) > 0.0).map_or(0, |k| tables.values[k]),
            });
        }
    }
    labels
}
