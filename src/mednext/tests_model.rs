//! Whole models: folders, archives and our own file.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use zip::CompressionMethod;

use crate::testing::{data, golden_folder, weights, write_below, zip_of};
use crate::{
    Fold, InspectedKind, LabelRule, Model, NnunetOptions, Normalization, Resampling, inspect, load, open_checkpoint, open_nnunet_folder,
    save,
};

const MODEL: &str = "Dataset901_SynthCT/nnUNetTrainer_MedNeXtV2Tiny__nnUNetPlans__3d_fullres";

fn golden() -> Model {
    Model::open(&golden_folder(), None).unwrap()
}

/// Entries of a model folder with edited JSON and chosen checkpoints.
fn entries(edit_plans: impl FnOnce(&mut Value), edit_dataset: impl FnOnce(&mut Value), folds: &[(&str, &Path)]) -> Vec<(String, Vec<u8>)> {
    let read = |name: &str| -> Value { serde_json::from_slice(&fs::read(golden_folder().join(name)).unwrap()).unwrap() };
    let (mut plans, mut dataset) = (read("plans.json"), read("dataset.json"));
    edit_plans(&mut plans);
    edit_dataset(&mut dataset);
    let mut entries = vec![
        (format!("{MODEL}/plans.json"), serde_json::to_vec(&plans).unwrap()),
        (format!("{MODEL}/dataset.json"), serde_json::to_vec(&dataset).unwrap()),
    ];
    entries.extend(folds.iter().map(|(name, path)| (format!("{MODEL}/{name}"), fs::read(path).unwrap())));
    entries
}

fn open_folder(entries: &[(String, Vec<u8>)], folds: Option<&[String]>) -> Result<Model, String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in entries {
        write_below(folder.path(), name, bytes);
    }
    Model::open(folder.path(), folds).map_err(|e| e.to_string())
}

fn tiny() -> std::path::PathBuf {
    data("checkpoints/nnunet.pth")
}

/// The tiny checkpoint has two heads.
fn two_labels(dataset: &mut Value) {
    dataset["labels"] = json!({"background": 0, "organ": 1, "ignore": 2});
}

fn with_tiny(edit_plans: impl FnOnce(&mut Value), edit_dataset: impl FnOnce(&mut Value)) -> Result<Model, String> {
    let dataset = |dataset: &mut Value| {
        two_labels(dataset);
        edit_dataset(dataset);
    };
    open_folder(&entries(edit_plans, dataset, &[("fold_0/checkpoint_final.pth", &tiny())]), None)
}

fn full_resolution(plans: &mut Value) -> &mut Value {
    &mut plans["configurations"]["3d_fullres"]
}

#[test]
fn the_golden_folder_is_read_as_nnunet_does() {
    let model = golden();
    assert_eq!(model.name, "Dataset901_SynthCT");
    assert_eq!(model.plan.patch_size, [32, 64, 64]);
    assert_eq!(model.plan.spacing_mm, [3.0, 0.800_000_011_920_929, 0.800_000_011_920_929]);
    assert_eq!(model.plan.mirror_axes, [0, 1, 2]);
    assert!(!model.plan.reorient_to_ras);
    assert_eq!((model.plan.resample_data.order, model.plan.resample_data.order_z, model.plan.resample_logits.order), (3, 0, 1));
    let channel = &model.plan.channels[0];
    assert_eq!((channel.name.as_str(), channel.normalization, channel.use_mask), ("CT", Normalization::Ct, false));
    assert_eq!(channel.intensity.as_ref().unwrap().mean, 60.503_257_751_464_844);
    let labels: Vec<_> = model.labels.names.iter().map(|label| (label.value, label.name.as_str())).collect();
    assert_eq!(labels, [(1, "organ"), (2, "fatpad"), (3, "tumor")]);
    assert_eq!(model.labels.rule, LabelRule::Argmax);
    assert_eq!(model.folds.len(), 1);
    assert_eq!(model.folds[0].name, "fold_0");
    assert_eq!(model.folds[0].weights, weights("golden/e2e/checkpoint_final.weights.safetensors"));
    assert_eq!(model.card.provenance.trainer.as_deref(), Some("nnUNetTrainer_MedNeXtV2Tiny"));
    assert_eq!(model.card.provenance.files[2].name, "fold_0/checkpoint_final.pth");
    assert_eq!(model.card.modality.as_deref(), Some("CT"));
}

#[test]
fn folder_parent_and_archive_give_the_same_model() {
    let golden = golden();
    assert_eq!(Model::open(golden_folder().parent().unwrap(), None).unwrap(), golden);
    let checkpoint = golden_folder().join("fold_0/checkpoint_final.pth");
    let mut parts = entries(|_| {}, |_| {}, &[("fold_0/checkpoint_final.pth", &checkpoint)]);
    // The exact bytes, so that provenance hashes agree too.
    parts[0].1 = fs::read(golden_folder().join("plans.json")).unwrap();
    parts[1].1 = fs::read(golden_folder().join("dataset.json")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (i, method) in [CompressionMethod::Stored, CompressionMethod::Deflated].into_iter().enumerate() {
        let path = write_below(folder.path(), &format!("{i}.zip"), &zip_of(&parts, method));
        assert_eq!(Model::open(&path, None).unwrap(), golden);
    }
    assert_eq!(open_folder(&parts, None).unwrap(), golden);
}

#[test]
fn our_file_round_trips() {
    let mut model = golden();
    let second = Fold { name: "fold_all".to_owned(), weights: model.folds[0].weights.clone() };
    model.folds.push(second);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    save(&model, &path).unwrap();
    assert_eq!(load(&path, None).unwrap(), model);
    assert_eq!(Model::open(&path, None).unwrap().sha256(), model.sha256());
    let first = fs::read(&path).unwrap();
    save(&model, &path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), first, "the same model gives the same bytes");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
    let chosen = Model::open(&path, Some(&["all".to_owned()])).unwrap();
    assert_eq!(chosen.folds.len(), 1);
    assert_eq!(chosen.folds[0].name, "fold_all");
    let missing = Model::open(&path, Some(&["7".to_owned()])).unwrap_err().to_string();
    assert!(missing.starts_with("there is no fold_7 in this model, only fold_0, fold_all"), "{missing}");

    let inspection = inspect(&path).unwrap();
    assert_eq!(
        (inspection.kind, inspection.tensors.len(), inspection.parameters),
        (InspectedKind::Model, 432, model.folds[0].weights.numel())
    );
    let text = serde_json::to_string(&inspection).unwrap();
    assert!(text.contains(&model.sha256()) && text.contains(&model.weights_sha256()) && text.contains("\"fold_all/up_0.conv1.weight\""));
}

#[test]
fn the_hash_covers_all_that_decides_a_mask_and_nothing_else() {
    let model = golden();
    let hash_of = |edit: fn(&mut Model)| {
        let mut other = model.clone();
        edit(&mut other);
        other.sha256()
    };
    let edits: [fn(&mut Model); 5] = [
        |model| model.config.grn_reduction = crate::GrnReduction::Sum,
        |model| model.plan.spacing_mm[0] += 1e-12,
        |model| model.labels.names[0].value = 7,
        |model| model.labels.names[0].name.push('s'),
        |model| model.folds.push(model.folds[0].clone()),
    ];
    for (index, edit) in edits.into_iter().enumerate() {
        assert_ne!(hash_of(edit), model.sha256(), "edit {index}");
    }
    assert_eq!(hash_of(|model| model.name.push('2')), model.sha256());
    assert_eq!(hash_of(|model| model.card.licence = Some("CC0-1.0".to_owned())), model.sha256());
    assert_eq!(hash_of(|model| model.folds[0].name = "fold_4".to_owned()), model.sha256());
}

#[test]
fn the_grn_reduction_round_trips() {
    let mut model = golden();
    model.config.grn_reduction = crate::GrnReduction::Sum;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    save(&model, &path).unwrap();
    assert_eq!(load(&path, None).unwrap(), model);
    assert!(inspect(&path).unwrap().config.unwrap().to_string().ends_with(" by sum"));
}

#[test]
fn damaged_or_future_files_are_refused() {
    let model = golden();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    save(&model, &path).unwrap();
    let good = fs::read(&path).unwrap();
    let reload = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        load(&path, None).unwrap_err().to_string()
    };
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    assert!(reload(&flipped).contains("the checksum of this model file does not match"));
    let edited = |from: &str, to: &str| {
        let mut bytes = good.clone();
        let at = good.windows(from.len()).position(|bytes| bytes == from.as_bytes()).unwrap();
        bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
        bytes
    };
    for (from, to) in [
        (r#"\"spacing_mm\":[3.0"#, r#"\"spacing_mm\":[4.0"#),
        (r#"\"name\":\"organ\",\"value\":1"#, r#"\"name\":\"organ\",\"value\":2"#),
        (r#"\"grn_reduction\":\"mean\""#, r#"\"grn_reduction\":\"sum\" "#),
        (r#"\"order\":3"#, r#"\"order\":1"#),
    ] {
        let text = reload(&edited(from, to));
        assert!(text.contains("the checksum of this model file does not match"), "{to}: {text}");
    }
    let version = br#"\"format_version\":1"#;
    let at = good.windows(version.len()).position(|bytes| bytes == version).unwrap();
    let mut future = good.clone();
    future[at + version.len() - 1] = b'2';
    assert!(reload(&future).contains("format version 2, and this program reads version 1; update the program"));
    assert!(reload(&good[..good.len() - 4]).contains("bytes of tensors"));

    let bare = Model::open(&data("golden/tiny_k3_c8.weights.safetensors"), None).unwrap_err().to_string();
    assert!(bare.contains("holds weights only"), "{bare}");
    let checkpoint = Model::open(&tiny(), None).unwrap_err().to_string();
    assert!(checkpoint.contains("holds weights only"), "{checkpoint}");

    let mut broken = model;
    broken.folds[0].weights.insert("extra", crate::Tensor::new(vec![1], vec![0.0]));
    assert!(save(&broken, &path).unwrap_err().to_string().contains("extra is unknown"));
}

#[test]
fn folds_are_chosen_as_nnunet_does() {
    let tiny = tiny();
    let ddp = data("checkpoints/nnunet_compiled_ddp.pth");
    let parts = entries(
        |_| {},
        two_labels,
        &[
            ("fold_10/checkpoint_final.pth", tiny.as_path()),
            ("fold_2/checkpoint_best.pth", tiny.as_path()),
            ("fold_all/checkpoint_final.pth", ddp.as_path()),
            ("fold_2/validation/checkpoint_final.pth", tiny.as_path()),
        ],
    );
    let names = |model: &Model| model.folds.iter().map(|fold| fold.name.clone()).collect::<Vec<_>>();
    let numbered = open_folder(&parts, None).unwrap();
    assert_eq!(names(&numbered), ["fold_10"], "nnU-Net leaves folds without checkpoint_final.pth out");
    assert_eq!(numbered.plan.mirror_axes, [0, 1, 2]);
    let unfinished = open_folder(&parts, Some(&["2".to_owned()])).unwrap();
    assert_eq!(unfinished.card.provenance.files[2].name, "fold_2/checkpoint_best.pth");
    let all = open_folder(&parts, Some(&["all".to_owned(), "fold_10".to_owned()])).unwrap();
    assert_eq!(names(&all), ["fold_all", "fold_10"]);
    assert_eq!(all.plan.mirror_axes, [] as [usize; 0], "the first fold decides");
    let missing = open_folder(&parts, Some(&["3".to_owned()])).unwrap_err();
    assert!(missing.starts_with("there is no fold_3 here, only fold_10, fold_2, fold_all"), "{missing}");

    let golden_checkpoint = golden_folder().join("fold_0/checkpoint_final.pth");
    let mixed = entries(|_| {}, two_labels, &[("fold_0/checkpoint_final.pth", &tiny), ("fold_1/checkpoint_final.pth", &golden_checkpoint)]);
    assert!(open_folder(&mixed, None).unwrap_err().contains("this fold is another network than the first"));
}

#[test]
fn the_best_checkpoint_can_be_preferred() {
    let folder = tempfile::tempdir().unwrap();
    let (tiny, ddp) = (tiny(), data("checkpoints/nnunet_compiled_ddp.pth"));
    for (name, bytes) in entries(|_| {}, two_labels, &[("fold_0/checkpoint_final.pth", &tiny), ("fold_0/checkpoint_best.pth", &ddp)]) {
        write_below(folder.path(), &name, &bytes);
    }
    let axes = |prefer_best| open_nnunet_folder(folder.path(), &NnunetOptions { folds: None, prefer_best }).unwrap().plan.mirror_axes;
    assert_eq!((axes(false).len(), axes(true).len()), (3, 0));

    let names = |files: &[(&str, &Path)], prefer_best| {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in entries(|_| {}, two_labels, files) {
            write_below(folder.path(), &name, &bytes);
        }
        let model = open_nnunet_folder(folder.path(), &NnunetOptions { folds: None, prefer_best }).unwrap();
        model.card.provenance.files[2..].iter().map(|file| file.name.clone()).collect::<Vec<_>>()
    };
    let [final_0, best_1, best_2, final_all] =
        ["fold_0/checkpoint_final.pth", "fold_1/checkpoint_best.pth", "fold_2/checkpoint_best.pth", "fold_all/checkpoint_final.pth"];
    let mixed = [(final_0, tiny.as_path()), (best_1, &tiny), (best_2, &tiny)];
    assert_eq!(names(&mixed, false), [final_0]);
    assert_eq!(names(&mixed, true), [best_1, best_2]);
    assert_eq!(names(&mixed[..1], true), [final_0]);
    assert_eq!(names(&mixed[1..], false), [best_1, best_2], "no fold is finished");
    assert_eq!(names(&[(best_1, &tiny), (final_all, &tiny)], false), [final_all]);
}

#[test]
fn searching_finds_exactly_one_model() {
    let folder = tempfile::tempdir().unwrap();
    let nothing = Model::open(folder.path(), None).unwrap_err().to_string();
    assert!(nothing.contains("there is no nnU-Net v2 model here"), "{nothing}");
    for (name, bytes) in entries(|_| {}, two_labels, &[("fold_0/checkpoint_final.pth", &tiny())]) {
        write_below(folder.path(), &name, &bytes);
        write_below(folder.path(), &name.replace("Dataset901", "Dataset902"), &bytes);
    }
    // Plans without folds, as cross-validation folders have them, are no model.
    write_below(folder.path(), "crossval_results/plans.json", b"{}");
    write_below(folder.path(), "crossval_results/dataset.json", b"{}");
    let two = Model::open(folder.path(), None).unwrap_err().to_string();
    assert!(two.starts_with("there are 2 models here; choose one of Dataset901_SynthCT/nnUNetTrainer"), "{two}");
}

#[test]
fn archives_that_climb_or_inflate_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut parts = entries(|_| {}, two_labels, &[("fold_0/checkpoint_final.pth", &tiny())]);
    parts.push(("../../evil/plans.json".to_owned(), b"{}".to_vec()));
    let path = write_below(folder.path(), "slip.zip", &zip_of(&parts, CompressionMethod::Stored));
    assert!(Model::open(&path, None).unwrap_err().to_string().contains("entries that point outside of it"));
    let mut bomb = entries(|_| {}, two_labels, &[]);
    bomb.push((format!("{MODEL}/fold_0/checkpoint_final.pth"), vec![0; 20 << 20]));
    let path = write_below(folder.path(), "bomb.zip", &zip_of(&bomb, CompressionMethod::Deflated));
    assert!(Model::open(&path, None).unwrap_err().to_string().contains("claims to inflate to 20 MiB"));
}

#[test]
fn plans_that_need_something_else_are_refused_by_name() {
    let refuse = |edit: fn(&mut Value)| with_tiny(edit, |_| {}).unwrap_err();
    let patch = refuse(|plans| full_resolution(plans)["patch_size"] = json!([40, 80, 96]));
    assert!(patch.contains("the patch [40, 80, 96] is not divisible by 16"), "{patch}");
    let scheme = refuse(|plans| full_resolution(plans)["normalization_schemes"] = json!(["MyNormalization"]));
    assert!(scheme.contains("the normalisation MyNormalization is not supported"), "{scheme}");
    let flat = refuse(|plans| full_resolution(plans)["patch_size"] = json!([64, 64]));
    assert!(flat.contains("is not three-dimensional"), "{flat}");
    let cascade = refuse(|plans| full_resolution(plans)["previous_stage"] = json!("3d_lowres"));
    assert!(cascade.contains("cascade that needs the result of 3d_lowres"), "{cascade}");
    let reader = refuse(|plans| plans["image_reader_writer"] = json!("Tiff3DIO"));
    assert!(reader.contains("the image reader Tiff3DIO is not supported"), "{reader}");
    let resample = refuse(|plans| full_resolution(plans)["resampling_fn_data"] = json!("resample_torch_fornnunet"));
    assert!(resample.contains("the resampling resample_torch_fornnunet is not supported"), "{resample}");
    let circle = refuse(|plans| full_resolution(plans)["inherits_from"] = json!("3d_fullres"));
    assert!(circle.contains("inherits from itself"), "{circle}");
    let gone = refuse(|plans| drop(plans["configurations"].as_object_mut().unwrap().remove("3d_fullres")));
    assert!(gone.contains("the plans have no configuration 3d_fullres, only 2d"), "{gone}");
    let statistics = refuse(|plans| plans["foreground_intensity_properties_per_channel"] = json!({}));
    assert!(statistics.contains("lacks the intensity statistics of CT"), "{statistics}");
    let order = refuse(|plans| plans["transpose_forward"] = json!([2, 0, 1]));
    assert!(order.contains("not each other's inverse"), "{order}");
    let logits = refuse(|plans| full_resolution(plans)["resampling_fn_probabilities_kwargs"]["order"] = json!(3));
    assert!(logits.contains("resamples logits with splines of order 3, and only 0 and 1 are supported"), "{logits}");
    let spacing = refuse(|plans| full_resolution(plans)["spacing"] = json!([3.0, 0.0, 0.8]));
    assert!(spacing.contains("impossible spacing"), "{spacing}");
}

#[test]
fn resampling_arguments_have_nnunets_defaults() {
    let resampling = |arguments: Value| {
        let edit = |plans: &mut Value| {
            full_resolution(plans)["resampling_fn_data_kwargs"] = arguments.clone();
            full_resolution(plans)["resampling_fn_probabilities_kwargs"]["order_z"] = json!(1);
        };
        with_tiny(edit, |_| {}).map(|model| model.plan.resample_data)
    };
    let expected = |order, order_z, force_separate_z| Ok(Resampling { order, order_z, force_separate_z });
    assert_eq!(resampling(json!({})), expected(3, 0, Some(false)));
    assert_eq!(resampling(json!({"force_separate_z": null, "order": 1})), expected(1, 0, None));
    assert_eq!(resampling(json!({"force_separate_z": true, "is_seg": false, "order_z": 1})), expected(3, 1, Some(true)));
    assert_eq!(resampling(json!({"separate_z_anisotropy_threshold": 3})), expected(3, 0, Some(false)));
    let threshold = resampling(json!({"separate_z_anisotropy_threshold": 2.5})).unwrap_err();
    assert!(threshold.contains("separate_z_anisotropy_threshold 2.5, and only 3 is supported"), "{threshold}");
    let unknown = resampling(json!({"order": 3, "memefficient": true})).unwrap_err();
    assert!(unknown.contains("with the argument memefficient, which is not supported"), "{unknown}");
    let segmentation = resampling(json!({"is_seg": true})).unwrap_err();
    assert!(segmentation.contains("as if they were segmentations"), "{segmentation}");
}

#[test]
fn configurations_inherit() {
    let model = with_tiny(
        |plans| {
            let parent = plans["configurations"]["3d_fullres"].clone();
            plans["configurations"]["grandparent"] = parent;
            plans["configurations"]["parent"] =
                json!({"inherits_from": "grandparent", "spacing": [2.0, 1.0, 1.0], "patch_size": [16, 16, 16]});
            *full_resolution(plans) = json!({"inherits_from": "parent", "patch_size": [48, 32, 32]});
            plans["transpose_forward"] = json!([2, 0, 1]);
            plans["transpose_backward"] = json!([1, 2, 0]);
            plans["image_reader_writer"] = json!("NibabelIOWithReorient");
        },
        |_| {},
    );
    let plan = model.unwrap().plan;
    assert_eq!((plan.patch_size, plan.spacing_mm), ([48, 32, 32], [2.0, 1.0, 1.0]));
    assert_eq!((plan.transpose_forward, plan.transpose_backward), ([2, 0, 1], [1, 2, 0]));
    assert!(plan.reorient_to_ras);
}

#[test]
fn labels_follow_the_label_manager() {
    let labels = |edit: fn(&mut Value)| with_tiny(|_| {}, edit).map(|model| model.labels);
    assert_eq!(labels(|_| {}).unwrap().names.len(), 1, "ignore is no structure");
    // Regions: heads in the order written, not sorted; background and ignore are no heads.
    let mut parts = entries(|_| {}, |_| {}, &[("fold_0/checkpoint_final.pth", &tiny())]);
    parts[1].1 = br#"{"channel_names": {"0": "CT"}, "regions_class_order": [5, 2], "license": "CC-BY 4.0",
        "labels": {"background": 0, "whole": [1, 2], "core": 2, "ignore": 3}}"#
        .to_vec();
    let model = open_folder(&parts, None).unwrap();
    assert_eq!(model.card.licence.as_deref(), Some("CC-BY 4.0"));
    let names: Vec<_> = model.labels.names.iter().map(|label| (label.name.as_str(), label.value)).collect();
    assert_eq!(names, [("whole", 5), ("core", 2)]);
    assert_eq!(model.labels.rule, LabelRule::Regions { values: vec![5, 2] });
    let heads = labels(|dataset| dataset["labels"] = json!({"background": 0, "a": 1, "b": 2})).unwrap_err();
    assert!(heads.contains("the labels describe 3 output channels, but the network has 2"), "{heads}");
    let order = labels(|dataset| dataset["labels"] = json!({"background": 0, "a": [1, 2], "b": 2})).unwrap_err();
    assert!(order.contains("no regions_class_order"), "{order}");
    let gap = labels(|dataset| dataset["labels"] = json!({"background": 0, "a": 2})).unwrap_err();
    assert!(gap.contains("consecutive from 0"), "{gap}");
    let none = labels(|dataset| dataset["labels"] = json!({"a": 0, "b": 1})).unwrap_err();
    assert!(none.contains("do not name background as 0"), "{none}");
    let channels = labels(|dataset| dataset["channel_names"] = json!({"0": "CT", "1": "PET"})).unwrap_err();
    assert!(channels.contains("takes 1 image channels, but dataset.json names 2"), "{channels}");
}

#[test]
fn every_kind_of_file_is_described() {
    let folder = inspect(&golden_folder()).unwrap();
    assert_eq!((folder.kind, folder.sha256), (InspectedKind::NnunetFolder, None));
    assert_eq!(folder.model.unwrap().labels.names.len(), 3);
    let checkpoint = inspect(&tiny()).unwrap();
    assert_eq!((checkpoint.kind, checkpoint.parameters), (InspectedKind::Checkpoint, 7056));
    assert_eq!(checkpoint.sha256.unwrap(), crate::hash::sha256(&fs::read(tiny()).unwrap()));
    assert_eq!(checkpoint.training.unwrap().trainer, "nnUNetTrainer_MedNeXt");
    let bare = inspect(&data("golden/tiny_k3_c8.weights.safetensors")).unwrap();
    assert_eq!((bare.kind, bare.config.unwrap().width, bare.model), (InspectedKind::Safetensors, 8, None));
    let other = inspect(&data("golden/upkern_kernels.safetensors")).unwrap();
    assert_eq!(other.tensors.len(), 3);
    assert!(other.not_a_network.unwrap().contains("not a MedNeXt checkpoint"));
}

#[test]
fn checkpoints_outside_a_folder_take_the_plans_they_are_given() {
    let two_classes = |dataset: &mut Value| dataset["labels"] = json!({ "background": 0, "organ": 1 });
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in entries(|_| {}, two_classes, &[]) {
        write_below(folder.path(), &name, &bytes);
    }
    let plans = folder.path().join(MODEL);
    let v1 = open_checkpoint(&data("checkpoints/nnunet_v1.model"), &plans).unwrap();
    assert_eq!((v1.config.width, v1.folds.len(), v1.plan.mirror_axes.as_slice()), (1, 1, [0, 1, 2].as_slice()));
    assert_eq!(v1.card.provenance.configuration.as_deref(), Some("3d_fullres"));
    assert_eq!(v1.card.provenance.files.len(), 3);
    let v2 = open_checkpoint(&data("checkpoints/nnunet.pth"), &plans).unwrap();
    assert_eq!((v2.config, v2.plan), (v1.config, v1.plan));

    let four_classes = open_checkpoint(&data("checkpoints/bare.pth"), &golden_folder()).unwrap_err().to_string();
    assert!(four_classes.contains("bare.pth"), "{four_classes}");
    assert!(open_checkpoint(&data("checkpoints/bare.pth"), Path::new("nowhere")).unwrap_err().to_string().contains("plans.json"));
}
