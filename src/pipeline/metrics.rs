//! How two masks agree, and how large structures are.

use std::collections::BTreeMap;

use thiserror::Error;
use volume::{LabelMap, LabelVoxels};

/// Why masks cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MetricsError {
    /// Voxels do not correspond.
    #[error("the masks have different sizes ({0:?} and {1:?} along z, y, x); bring them onto one grid first")]
    Sizes([usize; 3], [usize; 3]),
}

/// Voxel counts of one label in two masks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LabelOverlap {
    /// Voxel value.
    pub value: u16,
    /// Voxels with that value in the mask under test.
    pub predicted: u64,
    /// Voxels with that value in the reference.
    pub reference: u64,
    /// Voxels with that value in both.
    pub both: u64,
}

impl LabelOverlap {
    /// Dice coefficient; none when the label is in neither mask.
    pub fn dice(&self) -> Option<f64> {
        let sum = self.predicted + self.reference;
        (sum > 0).then(|| 2.0 * self.both as f64 / sum as f64)
    }
}

/// Overlap of every label but background that either mask contains or names, by rising value.
pub fn label_overlaps(predicted: &LabelMap, reference: &LabelMap) -> Result<Vec<LabelOverlap>, MetricsError> {
    let (a, b) = (predicted.voxels.size_zyx(), reference.voxels.size_zyx());
    if a != b {
        return Err(MetricsError::Sizes(a, b));
    }
    let mut counts = BTreeMap::<u16, [u64; 3]>::new();
    for label in predicted.table.iter().chain(reference.table.iter()) {
        counts.entry(label.value).or_default();
    }
    // Masks are mostly long runs: count a pair of values until it changes.
    let mut run = ((0, 0), 0);
    for pair in values(&predicted.voxels).zip(values(&reference.voxels)) {
        if pair == run.0 {
            run.1 += 1;
        } else {
            count_run(&mut counts, run);
            run = (pair, 1);
        }
    }
    count_run(&mut counts, run);
    counts.remove(&0);
    Ok(counts.into_iter().map(|(value, [predicted, reference, both])| LabelOverlap { value, predicted, reference, both }).collect())
}

fn count_run(counts: &mut BTreeMap<u16, [u64; 3]>, ((predicted, reference), length): ((u16, u16), u64)) {
    counts.entry(predicted).or_default()[0] += length;
    counts.entry(reference).or_default()[1] += length;
    if predicted == reference {
        counts.entry(predicted).or_default()[2] += length;
    }
}

fn values(voxels: &LabelVoxels) -> Box<dyn Iterator<Item = u16> + '_> {
    match voxels {
        LabelVoxels::U8(voxels) => Box::new(voxels.iter().map(|v| u16::from(*v))),
        LabelVoxels::U16(voxels) => Box::new(voxels.iter().copied()),
    }
}

/// Volume of every label but background in millilitres, by rising value; named labels that are absent have 0.
pub fn label_volumes_ml(labels: &LabelMap) -> Vec<(u16, f64)> {
    let voxel_ml = labels.geometry.voxel_volume_mm3() / 1000.0;
    let mut volumes: BTreeMap<u16, f64> = labels.table.iter().map(|label| (label.value, 0.0)).collect();
    volumes.extend(labels.voxels.counts().into_iter().map(|(value, count)| (value, count as f64 * voxel_ml)));
    volumes.remove(&0);
    volumes.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;
    use volume::{Geometry, LabelTable};

    fn mask(values: &[u16]) -> LabelMap {
        let geometry = Geometry::axis_aligned([1, 1, values.len()], [5.0, 10.0, 2.0]);
        let voxels = Array3::from_shape_vec((1, 1, values.len()), values.to_vec()).unwrap();
        LabelMap { geometry, voxels: LabelVoxels::U16(voxels), table: LabelTable::from_names([(3, "liver".to_owned())]) }
    }

    #[test]
    fn overlaps_count_every_label_once() {
        let overlaps = label_overlaps(&mask(&[0, 1, 1, 2, 2]), &mask(&[0, 1, 2, 2, 0])).unwrap();
        let dice: Vec<_> = overlaps.iter().map(|o| (o.value, o.dice())).collect();
        assert_eq!(dice, [(1, Some(2.0 / 3.0)), (2, Some(0.5)), (3, None)]);
        assert!(label_overlaps(&mask(&[0]), &mask(&[0, 0])).is_err());
    }

    #[test]
    fn volumes_are_millilitres() {
        assert_eq!(label_volumes_ml(&mask(&[0, 7, 7])), [(3, 0.0), (7, 0.2)]);
    }
}
