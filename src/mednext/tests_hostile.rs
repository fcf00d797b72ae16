//! Thousands of seeded damages: refused or read, never a panic, in seconds.

use std::fs;

use zip::CompressionMethod;

use crate::nnunet_plan::{Dataset, Plans, inference_plan, model_labels, parse};
use crate::testing::{SplitMix, data, golden_folder, zip_of};
use crate::{Model, Weights, infer, load, read_checkpoint, save};

const MUTATIONS: usize = 5_000;

/// Checkpoints are damaged as files and as pickles, half each.
const CHECKPOINT_MUTATIONS: usize = MUTATIONS / 2;

#[test]
fn damaged_checkpoints_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.pth");
    let seeds = ["nnunet.pth", "nnunet_legacy.pth", "views.pth"].map(|name| fs::read(data("checkpoints").join(name)).unwrap());
    let mut random = SplitMix(1);
    let mut refused = 0;
    for round in 0..CHECKPOINT_MUTATIONS {
        fs::write(&path, random.damage(&seeds[round % seeds.len()])).unwrap();
        refused += usize::from(read_checkpoint(&path).is_err());
    }
    assert!(refused > CHECKPOINT_MUTATIONS / 2, "{refused} refused");
}

#[test]
fn damaged_pickles_never_panic() {
    // The pickle alone, stored without checksum, so that damage reaches the reader instead of the archive's checks.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.pth");
    let original = fs::read(data("checkpoints/views.pth")).unwrap();
    let end = original.windows(9).position(|bytes| bytes == b"byteorder").unwrap();
    let mut random = SplitMix(2);
    for _ in 0..CHECKPOINT_MUTATIONS {
        let mut bytes = original.clone();
        for _ in 0..=random.below(3) {
            bytes[64 + random.below(end - 128)] = random.next() as u8;
        }
        // Both CRC fields of data.pkl become 0, which readers take for "none".
        for magic in [&b"PK\x03\x04"[..], b"PK\x01\x02"] {
            let header = bytes.windows(4).position(|window| window == magic).unwrap();
            let crc = header + if magic[2] == 3 { 14 } else { 16 };
            bytes[crc..crc + 4].fill(0);
        }
        fs::write(&path, &bytes).unwrap();
        let _ = read_checkpoint(&path);
    }
}

#[test]
fn damaged_weights_never_panic() {
    let original = fs::read(data("golden/tiny_k3_c4_v1nogrn.weights.safetensors")).unwrap();
    let header = 8 + u64::from_le_bytes(original[..8].try_into().unwrap()) as usize;
    let mut random = SplitMix(3);
    for round in 0..MUTATIONS {
        let bytes = if round % 2 == 0 {
            random.damage(&original)
        } else {
            let mut bytes = original.clone();
            bytes[random.below(header)] = random.next() as u8;
            bytes
        };
        if let Ok(weights) = Weights::from_safetensors_bytes(&bytes) {
            let _ = infer(&weights);
        }
    }
}

#[test]
fn damaged_models_are_always_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let model = Model::open(&golden_folder(), None).unwrap();
    save(&model, &path).unwrap();
    let original = fs::read(&path).unwrap();
    let mut random = SplitMix(4);
    for _ in 0..200 {
        fs::write(&path, random.damage(&original)).unwrap();
        if let Ok(read) = load(&path, None) {
            assert_eq!(read.folds, model.folds, "weights are those saved whenever a file loads");
            assert_eq!((read.config, read.plan, read.labels), (model.config.clone(), model.plan.clone(), model.labels.clone()));
        }
    }
}

#[test]
fn damaged_descriptions_are_always_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let model = Model::open(&golden_folder(), None).unwrap();
    save(&model, &path).unwrap();
    let original = fs::read(&path).unwrap();
    let start = br#"{\"format_version"#;
    let at = original.windows(start.len()).position(|bytes| bytes == start).unwrap();
    let mut random = SplitMix(5);
    for _ in 0..500 {
        let mut bytes = original.clone();
        // A digit inside the description: another network, plan or label set of the same weights.
        let digits: Vec<usize> = (at..at + 2000).filter(|i| bytes[*i].is_ascii_digit()).collect();
        for _ in 0..=random.below(3) {
            bytes[digits[random.below(digits.len())]] = b'0' + random.below(10) as u8;
        }
        fs::write(&path, &bytes).unwrap();
        if let Ok(read) = load(&path, None) {
            assert_eq!((read.config, read.plan, read.labels), (model.config.clone(), model.plan.clone(), model.labels.clone()));
        }
    }
}

#[test]
fn damaged_plans_never_panic() {
    let config = Model::open(&golden_folder(), None).unwrap().config;
    let read = |name: &str| fs::read(golden_folder().join(name)).unwrap();
    let (plans, dataset) = (read("plans.json"), read("dataset.json"));
    let mut random = SplitMix(6);
    for _ in 0..MUTATIONS {
        let mut damage = |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            let at = random.below(bytes.len());
            bytes[at] = b"0123456789-.,[]{}\"en"[random.below(20)];
            bytes
        };
        if let (Ok(plans), Ok(dataset)) = (parse::<Plans>(&damage(&plans)), parse::<Dataset>(&damage(&dataset))) {
            let _ = inference_plan(&plans, &dataset, "3d_fullres", &[0], &config);
            let _ = model_labels(&plans, &dataset, &config);
        }
    }
}

#[test]
fn damaged_archives_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.zip");
    let entries = ["plans.json", "dataset.json"].map(|name| (name.to_owned(), fs::read(golden_folder().join(name)).unwrap()));
    let checkpoint = ("fold_0/checkpoint_final.pth".to_owned(), fs::read(data("checkpoints/views.pth")).unwrap());
    let original = zip_of(&[entries.to_vec(), vec![checkpoint]].concat(), CompressionMethod::Deflated);
    let mut random = SplitMix(7);
    for _ in 0..1_000 {
        fs::write(&path, random.damage(&original)).unwrap();
        let _ = Model::open(&path, None);
    }
}
