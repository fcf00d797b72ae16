//! `compare`: two layers, structure by structure.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use jobs::{CompareJob, CompareReport, ComparedStructure, Failure, FailureKind, Stage};
use mask::Watch;
use mask::measure::agreement;

use crate::layers::{open_case, operation};
use crate::run::Run;

/// Compares values of the same number; layers whose numbers mean different things are refused.
pub(crate) fn compare(job: &CompareJob, run: &mut Run<'_>) -> Result<CompareReport, Failure> {
    run.stage(Stage::Measuring)?;
    let case = open_case(&job.case)?;
    let (first, second) = (case.mask(job.layer)?, case.mask(job.reference)?);
    let values: BTreeSet<u16> = first.file.table.iter().chain(second.file.table.iter()).map(|label| label.value).collect();
    let voxel_ml = case.file.geometry.voxel_volume_mm3() / 1000.0;
    let cancel = run.cancel_flag();
    let going_on = |_: f32| !cancel.load(Ordering::Relaxed);
    let mut structures = Vec::new();
    for value in values {
        let names = [first.file.table.get(value), second.file.table.get(value)].map(|label| label.map(|label| label.name.as_str()));
        if let [Some(a), Some(b)] = names
            && a != b
        {
            let sentence = format!("the layers mean different things by {value}: {a} and {b}; compare layers of the same structures");
            return Err(Failure::new(FailureKind::Usage, sentence));
        }
        let agreed = agreement((&first.grid, value), (&second.grid, value), job.tolerance_mm, Watch::new(&going_on));
        let agreed = agreed.map_err(|error| operation(&error))?;
        structures.push(ComparedStructure {
            value,
            name: names.into_iter().flatten().next().unwrap_or_default().to_owned(),
            dice: agreed.map(|agreed| agreed.dice),
            nsd: agreed.map(|agreed| agreed.nsd),
            hd95_mm: agreed.map(|agreed| agreed.hd95_mm).filter(|mm| mm.is_finite()),
            volume_ml: agreed.map_or([0.0; 2], |agreed| [agreed.voxels[0] as f64 * voxel_ml, agreed.voxels[1] as f64 * voxel_ml]),
        });
    }
    structures.sort_by(|a, b| a.dice.unwrap_or(2.0).total_cmp(&b.dice.unwrap_or(2.0)));
    Ok(CompareReport { structures })
}
