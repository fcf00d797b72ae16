//! Models: what they hold, and foreign checkpoints into our own file.

use std::path::Path;

use engine::{Heads, Limits, TileOutput, plan_bytes};
use jobs::{Failure, FailureKind, GrnReduction, ImportJob, ImportReport, InspectWeightsJob, ModelReport, Notice, Stage, WeightsReport};
use mednext::{Graph, InspectedModel, Model, NnunetOptions, Provenance, SourceKind, graph, open_checkpoint, open_nnunet_folder};
use serde::Serialize;

use crate::failure;
use crate::files::check_target;
use crate::run::Run;

/// Describes a model or bare weights.
pub(crate) fn inspect(job: &InspectWeightsJob, run: &mut Run<'_>) -> Result<WeightsReport, Failure> {
    run.stage(Stage::LoadingModel)?;
    describe(&job.model)
}

/// Converts a model into one `.safetensors` and describes the file as it reads back.
pub(crate) fn import(job: &ImportJob, run: &mut Run<'_>) -> Result<ImportReport, Failure> {
    if job.output.extension().is_none_or(|extension| extension != "safetensors") {
        let sentence = format!("the model file's name must end in .safetensors: {}", job.output.display());
        return Err(Failure::new(FailureKind::Usage, sentence));
    }
    check_target(&job.output)?;
    run.stage(Stage::LoadingModel)?;
    let mut model = match &job.plans {
        None => open(&job.input, None)?,
        Some(folder) => open_checkpoint(&job.input, folder).map_err(|error| failure::model(&error))?,
    };
    if let Some(licence) = &job.licence {
        model.card.licence = Some(licence.clone());
    }
    if let Some(reduction) = job.grn_reduction {
        set_grn_reduction(&mut model, reduction)?;
    }
    if model.card.licence.is_none() {
        let text = "the model states no licence; ask its publisher and import again with --licence".to_owned();
        run.warn(Notice { code: "NO_LICENCE".to_owned(), text });
    }
    run.stage(Stage::Writing)?;
    mednext::save(&model, &job.output).map_err(|error| Failure::new(FailureKind::Output, error.to_string()))?;
    Ok(ImportReport { output: job.output.clone(), model: describe(&job.output)? })
}

/// Mean and sum give different masks from the same weights, and only the trainer knows which is right.
fn set_grn_reduction(model: &mut Model, reduction: GrnReduction) -> Result<(), Failure> {
    if !model.config.uses_grn() {
        return Err(Failure::new(FailureKind::Usage, "this network has no GRN, so leave --grn-reduction out".to_owned()));
    }
    model.config.grn_reduction = match reduction {
        GrnReduction::Mean => mednext::GrnReduction::Mean,
        GrnReduction::Sum => mednext::GrnReduction::Sum,
    };
    Ok(())
}

/// Opens whatever names a model: our file, an nnU-Net folder, its zip, or one fold's checkpoint in its place in such a folder.
pub(crate) fn open(path: &Path, folds: Option<&[String]>) -> Result<Model, Failure> {
    let opened = match checkpoint_in_folder(path) {
        None => Model::open(path, folds),
        Some(_) if folds.is_some() => {
            let sentence = format!("a checkpoint is one fold, so leave --folds out: {}", path.display());
            return Err(Failure::new(FailureKind::Usage, sentence));
        }
        Some((folder, options)) => open_nnunet_folder(folder, &options),
    };
    opened.map_err(|error| failure::model(&error))
}

/// nnU-Net keeps `plans.json` two levels above `fold_0/checkpoint_final.pth`.
fn checkpoint_in_folder(path: &Path) -> Option<(&Path, NnunetOptions)> {
    let name = path.file_name()?.to_str()?;
    let fold = path.parent()?;
    let folder = fold.parent()?;
    let is_checkpoint = matches!(name, "checkpoint_final.pth" | "checkpoint_best.pth") && folder.join("plans.json").is_file();
    let options = NnunetOptions { folds: Some(vec![fold.file_name()?.to_str()?.to_owned()]), prefer_best: name.contains("best") };
    is_checkpoint.then_some((folder, options))
}

fn describe(path: &Path) -> Result<WeightsReport, Failure> {
    let inspection = mednext::inspect(path).map_err(|error| failure::model(&error))?;
    let graph = inspection.config.as_ref().and_then(|config| graph(config).ok());
    let model = inspection.model.as_ref().zip(graph).map(|(model, graph)| model_report(model, &graph)).transpose()?;
    Ok(WeightsReport {
        kind: json(&inspection.kind)?.as_str().unwrap_or_default().to_owned(),
        file_sha256: inspection.sha256,
        network: inspection.config.as_ref().map(ToString::to_string),
        config: inspection.config.as_ref().map(json).transpose()?,
        not_a_network: inspection.not_a_network,
        parameters: inspection.parameters as u64,
        training: inspection.training.as_ref().map(json).transpose()?,
        model,
        tensors: inspection.tensors.into_iter().map(|tensor| (tensor.name, tensor.shape)).collect(),
    })
}

fn model_report(model: &InspectedModel, graph: &Graph) -> Result<ModelReport, Failure> {
    let patch = model.plan.patch_size;
    let head = &graph.nodes[graph.outputs[0]];
    let heads = match pipeline::preferred_output(head.channels, graph.nodes[head.inputs[0]].channels, model.folds.len()) {
        TileOutput::Logits => Heads::Main,
        TileOutput::Features => Heads::Features,
    };
    let bytes = plan_bytes(graph, patch, heads, Limits::CPU);
    Ok(ModelReport {
        name: model.name.clone(),
        sha256: model.sha256.clone(),
        weights_sha256: model.weights_sha256.clone(),
        licence: model.card.licence.clone(),
        origin: origin(&model.card.provenance),
        folds: model.folds.clone(),
        macs_per_tile: graph.macs(patch).total(),
        memory_mib_per_tile: bytes.map_err(|error| failure::engine(&error))?.div_ceil(1 << 20),
        channels: model.plan.channels.iter().map(|channel| channel.name.clone()).collect(),
        labels: model.labels.names.iter().map(|label| (label.value, label.name.clone())).collect(),
        plan: json(&model.plan)?,
        card: json(&model.card)?,
    })
}

fn origin(provenance: &Provenance) -> String {
    let source = match provenance.source {
        SourceKind::NnunetV2 => "nnU-Net v2",
        SourceKind::Voxelry => "Voxelry",
    };
    let parts = [Some(source), provenance.trainer.as_deref(), provenance.configuration.as_deref()];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn json(value: &impl Serialize) -> Result<serde_json::Value, Failure> {
    serde_json::to_value(value).map_err(|error| Failure::new(FailureKind::Internal, error.to_string()))
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn a_checkpoint_in_its_folder_is_a_model_of_one_fold() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoint = folder.path().join("fold_3/checkpoint_best.pth");
        assert_eq!(checkpoint_in_folder(&checkpoint), None);
        std::fs::write(folder.path().join("plans.json"), "{}").unwrap();
        let options = NnunetOptions { folds: Some(vec!["fold_3".to_owned()]), prefer_best: true };
        assert_eq!(checkpoint_in_folder(&checkpoint), Some((folder.path(), options)));
        assert_eq!(checkpoint_in_folder(&folder.path().join("fold_3/other.pth")), None);
    }
}
